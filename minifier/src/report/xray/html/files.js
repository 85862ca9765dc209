
// The view of files: treemap, way to it, what is selected, and the same as a list.

const KIND_COLOURS = {
  program: "--c-blue",
  library: "--c-teal",
  object: "--c-slate",
  script: "--c-lime",
  code: "--c-green",
  archive: "--c-orange",
  media: "--c-pink",
  documentation: "--c-yellow",
  locale: "--c-gold",
  data: "--c-violet",
  "package-manager": "--c-red",
  text: "--c-sand",
  binary: "--c-slate",
  empty: "--c-slate",
};
const LAYER_COLOURS = ["--c-blue", "--c-orange", "--c-green", "--c-violet", "--c-gold", "--c-teal", "--c-pink", "--c-lime", "--c-red", "--c-slate"];

function makeFiles(tree) {
  const state = { root: 0, chosen: -1, byLayer: false, boxes: [] };
  const canvas = element("canvas", {
    id: "treemap",
    tabindex: "0",
    role: "application",
    "aria-roledescription": "treemap",
    "aria-label": "Files by size. Arrow keys move, Enter opens a directory, Backspace goes up.",
    "aria-describedby": "selected",
  });
  const way = element("nav", { class: "way", "aria-label": "Directory" });
  const selected = element("p", { id: "selected", "aria-live": "polite" });
  const legend = element("ul", { class: "legend", "aria-label": "Colours" });
  const list = element("div", { class: "list" });
  const tip = element("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  const switcher = element("button", { type: "button", onclick: () => switchColours() });
  let styles = new Map();

  function style(name) {
    if (!styles.has(name)) styles.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
    return styles.get(name);
  }

  function colourName(node) {
    if (state.byLayer) return LAYER_COLOURS[tree.layer(node) % LAYER_COLOURS.length];
    return KIND_COLOURS[tree.kind(node)] || "--c-rest";
  }

  function draw() {
    const width = Math.max(canvas.clientWidth, 50);
    const height = Math.max(canvas.clientHeight, 50);
    const ratio = devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    state.boxes = layOut(tree, state.root, width, height);
    repaint();
  }

  function repaint() {
    const chosen = state.boxes.find((box) => box.node === state.chosen) || null;
    paint(canvas, state.boxes, tree, (node) => style(colourName(node)), style, chosen);
  }

  function describe(node) {
    const parts = [
      tree.path(node),
      bytes(tree.size(node)) + " (" + percent(tree.size(node) / Math.max(tree.size(0), 1)) + ")",
    ];
    if (tree.isDirectory(node)) parts.push(count(tree.files(node), "file"));
    if (tree.kind(node)) parts.push(DATA.names.file_kinds[tree.kind(node)]);
    if (tree.leads(node)) parts.push(tree.leads(node));
    if (!tree.isDirectory(node)) parts.push("layer " + tree.layer(node));
    if (tree.package(node)) parts.push(tree.package(node));
    return parts.join(" · ");
  }

  function choose(node) {
    state.chosen = node;
    selected.textContent = node < 0 ? "" : shown(describe(node));
    repaint();
  }

  function enter(node, chosen) {
    state.root = node;
    drawWay();
    drawList();
    draw();
    const nodes = tree.below(node);
    choose(chosen !== undefined && chosen >= 0 ? chosen : nodes.length ? nodes[0] : -1);
  }

  function up() {
    if (tree.parent[state.root] >= 0) enter(tree.parent[state.root], state.root);
  }

  function drawWay() {
    const nodes = [];
    for (let node = state.root; node >= 0; node = tree.parent[node]) nodes.push(node);
    const parts = nodes.reverse().map((node, index) =>
      element("button", {
        type: "button",
        text: node === 0 ? "/" : tree.name(node),
        "aria-current": index === nodes.length - 1 ? "page" : null,
        onclick: () => enter(node),
      })
    );
    way.replaceChildren(...parts, element("span", { class: "status", text: bytes(tree.size(state.root)) + ", " + count(tree.files(state.root), "file") }));
  }

  function drawList() {
    const whole = Math.max(tree.size(state.root), 1);
    const made = makeTable(
      [
        {
          title: "Name",
          wide: true,
          key: (node) => tree.name(node),
          cell: (node) => {
            if (!tree.isDirectory(node)) return element("div", {}, name(tree.name(node)), tree.leads(node) ? element("span", { class: "status", text: " " + tree.leads(node) }) : null);
            return element("button", { type: "button", class: "link", text: tree.name(node) + "/", onclick: () => enter(node) });
          },
        },
        { title: "Size", number: true, key: (node) => tree.size(node), cell: (node) => bytes(tree.size(node)) },
        { title: "Share", spare: true, number: true, key: (node) => tree.size(node), cell: (node) => bar(tree.size(node) / whole) },
        { title: "Files", number: true, key: (node) => tree.files(node), cell: (node) => tree.files(node).toLocaleString("en") },
      ],
      tree.below(state.root),
      { label: "Entries of the directory", filter: (node) => tree.name(node) }
    );
    list.replaceChildren(made.node);
  }

  function drawLegend() {
    const seen = new Map();
    if (state.byLayer) DATA.layers.forEach((layer) => seen.set("layer " + layer.index, LAYER_COLOURS[layer.index % LAYER_COLOURS.length]));
    else DATA.kinds.forEach((kind) => seen.set(DATA.names.file_kinds[kind.kind], KIND_COLOURS[kind.kind]));
    legend.replaceChildren(
      ...[...seen].slice(0, 30).map(([text, variable]) => {
        const swatch = element("span", { class: "swatch" });
        swatch.style.background = "var(" + variable + ")";
        return element("li", {}, swatch, text);
      })
    );
    switcher.textContent = state.byLayer ? "Colour by kind" : "Colour by layer";
  }

  function switchColours() {
    state.byLayer = !state.byLayer;
    drawLegend();
    repaint();
  }

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const outer = state.boxes.filter((box) => box.depth === 0);
    const from = outer.find((box) => box.node === state.chosen) || outer[0];
    if (ARROWS[event.key]) {
      const next = from && neighbour(outer, from, ...ARROWS[event.key]);
      if (next) choose(next.node);
    } else if (event.key === "Enter" || event.key === " ") {
      if (state.chosen >= 0 && tree.isDirectory(state.chosen)) enter(state.chosen);
    } else if (event.key === "Backspace" || event.key === "Escape") {
      up();
    } else if (event.key === "Home" && outer.length) {
      choose(outer[0].node);
    } else if (event.key === "End" && outer.length) {
      choose(outer[outer.length - 1].node);
    } else {
      return;
    }
    event.preventDefault();
  });
  canvas.addEventListener("focus", () => {
    if (state.chosen < 0 && state.boxes.length) choose(state.boxes[0].node);
  });
  canvas.addEventListener("click", (event) => {
    const box = hit(state.boxes, event.offsetX, event.offsetY);
    if (!box) return;
    // A click opens the directory of the current level that it is in, as one more click opens the next.
    const outer = hit(state.boxes.filter((b) => b.depth === 0), event.offsetX, event.offsetY);
    if (tree.isDirectory(outer.node)) enter(outer.node, box.node === outer.node ? -1 : box.node);
    else choose(box.node);
  });
  canvas.addEventListener("mousemove", (event) => {
    const box = hit(state.boxes, event.offsetX, event.offsetY);
    tip.hidden = !box;
    if (!box) return;
    tip.textContent = shown(describe(box.node));
    const left = Math.min(event.offsetX + 14, canvas.clientWidth - tip.offsetWidth - 4);
    tip.style.transform = "translate(" + Math.max(left, 0) + "px," + (event.offsetY + 18) + "px)";
  });
  canvas.addEventListener("mouseleave", () => (tip.hidden = true));
  new ResizeObserver(() => draw()).observe(canvas);
  onTheme(() => {
    styles = new Map();
    draw();
  });

  const section = byId("files");
  const parts = [
    heading("files", "Files"),
    element("div", { class: "row" }, way, switcher),
    element("div", { class: "stage" }, canvas, tip),
    selected,
    legend,
    list,
    DATA.tree.unlisted ? element("p", { class: "notice", text: count(DATA.tree.unlisted, "path") + " of the base image are not listed: the smallest of more than a million." }) : null,
  ];
  section.append(...parts.filter(Boolean));
  drawLegend();
  enter(0);
  return {
    // Shows a node: its directory, with the node selected.
    show(node) {
      enter(tree.isDirectory(node) && tree.below(node).length ? node : tree.parent[node], tree.isDirectory(node) ? -1 : node);
      section.scrollIntoView();
      canvas.focus({ preventScroll: true });
    },
  };
}

function bar(share) {
  const fill = element("span", { class: "fill" });
  fill.style.width = (Math.min(share, 1) * 100).toFixed(2) + "%";
  return element("span", { class: "meter", title: percent(share) }, fill, element("span", { class: "figure", text: percent(share) }));
}
