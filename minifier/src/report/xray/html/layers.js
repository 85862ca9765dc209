
// Layers: what each brings and wastes, and a tree of what each did to which path.

const MARKS = {
  A: ["added", "added"],
  C: ["content", "changed"],
  M: ["metadata", "metadata"],
  R: ["removed", "removed"],
};
const MARK_ORDER = "ACMR";

function drawLayers(tree) {
  const largest = Math.max(...DATA.layers.map((layer) => layer.size), 1);
  const files = makeLayerFiles(tree);
  byId("layers").append(
    heading("layers", "Layers"),
    makeTable(
      [
        { title: "#", number: true, cell: (layer) => String(layer.index) },
        { title: "Instruction", wide: true, cell: (layer) => instruction(layer, layer.diff_id) },
        { title: "Size", number: true, key: (layer) => layer.size, cell: (layer) => bytes(layer.size) },
        { title: "", spare: true, cell: (layer) => sizeBar(layer, largest) },
        { title: "Hidden", number: true, key: (layer) => layer.hidden_size, cell: (layer) => (layer.hidden_size ? bytes(layer.hidden_size) : "") },
        { title: "Added", spare: true, number: true, key: (layer) => layer.added, cell: (layer) => layer.added.toLocaleString("en") },
        { title: "Changed", spare: true, number: true, key: (layer) => layer.changed, cell: (layer) => layer.changed.toLocaleString("en") },
        { title: "Removed", spare: true, number: true, key: (layer) => layer.removed, cell: (layer) => layer.removed.toLocaleString("en") },
        {
          title: "",
          cell: (layer) => element("button", { type: "button", class: "small", text: "Files", "aria-label": "Files of layer " + layer.index, onclick: () => files.show(layer.index, "") }),
        },
      ],
      DATA.layers,
      { label: "Layers" }
    ).node,
    files.node
  );
  const metadata = DATA.dockerfile.filter((step) => step.layer === null);
  if (metadata.length) {
    byId("layers").append(
      element("h3", { text: "Dockerfile, from the history" }),
      makeTable(
        [
          { title: "#", number: true, cell: (step) => String(DATA.dockerfile.indexOf(step)) },
          { title: "Instruction", wide: true, cell: (step) => instruction(step, "") },
          { title: "Layer", number: true, cell: (step) => (step.layer === null ? "" : String(step.layer)) },
          { title: "Size", number: true, cell: (step) => (step.layer === null ? "" : bytes(step.size)) },
        ],
        DATA.dockerfile,
        { label: "Steps" }
      ).node
    );
  }
  return files;
}

function instruction(step, digest) {
  return element(
    "div",
    {},
    element(
      "div",
      { class: "step" },
      step.base ? element("span", { class: "tag base", text: "base" }) : null,
      step.instruction ? command(step.instruction) : element("i", { text: "not in the history" })
    ),
    digest ? element("div", { class: "digest", text: digest }) : null
  );
}

function sizeBar(layer, largest) {
  const seen = element("span", { class: "fill" });
  const hidden = element("span", { class: "fill lost" });
  seen.style.width = (((layer.size - layer.hidden_size) / largest) * 100).toFixed(2) + "%";
  hidden.style.width = ((layer.hidden_size / largest) * 100).toFixed(2) + "%";
  return element("span", { class: "meter wide", title: bytes(layer.hidden_size) + " hidden by later layers" }, seen, hidden);
}

// The entries of a layer, and sums of them for everything above.
function readLayer(tree, layer) {
  const entries = new Map();
  const size = new Float64Array(tree.total);
  const counts = MARK_ORDER.split("").map(() => new Uint32Array(tree.total));
  const { nodes, marks, sizes } = DATA.by_layer[layer];
  let node = 0;
  for (let at = 0; at < nodes.length; at += 1) {
    node += nodes[at];
    const mark = marks[at].toUpperCase();
    entries.set(node, { mark, hidden: mark !== marks[at], size: sizes[at] });
    counts[MARK_ORDER.indexOf(mark)][node] += 1;
    if (mark !== "R") size[node] += sizes[at];
  }
  for (let at = tree.total - 1; at > 0; at -= 1) {
    const above = tree.parent[at];
    size[above] += size[at];
    for (const count of counts) count[above] += count[at];
  }
  return { entries, size, counts };
}

function makeLayerFiles(tree) {
  const panel = element("div", { class: "panel" });
  const select = element(
    "select",
    { "aria-label": "Layer", onchange: () => draw() },
    DATA.layers.map((layer) =>
      element("option", { value: layer.index, text: layer.index + ": " + bytes(layer.size) + ", " + (layer.instruction || "not in the history").slice(0, 60) })
    )
  );
  const filter = element("input", { type: "search", "aria-label": "Filter files of the layer", placeholder: "Filter", spellcheck: "false", oninput: () => drawTree() });
  const marks = element(
    "select",
    { "aria-label": "What the layer did", onchange: () => drawTree() },
    element("option", { value: "", text: "all" }),
    MARK_ORDER.split("").map((mark) => element("option", { value: mark, text: MARKS[mark][1] })),
    element("option", { value: "hidden", text: "hidden" })
  );
  const status = element("span", { class: "status", role: "status" });
  const node = element(
    "div",
    { id: "layer-files" },
    element("h3", { text: "Files by layer" }),
    element("div", { class: "tools" }, select, filter, marks, status),
    element("p", { class: "status", text: "metadata: only owner, mode or time changed, and the bytes ship again; hidden: a later layer replaces or removes it." }),
    panel
  );
  let data = null;

  function draw() {
    data = DATA.layers.length ? readLayer(tree, Number(select.value)) : null;
    drawTree();
  }

  function tag(mark) {
    return element("span", { class: "tag " + MARKS[mark][0], text: MARKS[mark][1] });
  }

  function entryMark(entry) {
    return element("span", {}, tag(entry.mark), entry.hidden ? element("span", { class: "tag hidden-mark", text: "hidden" }) : null);
  }

  function has(at) {
    return data.counts.some((count) => count[at] > 0);
  }

  function below(at) {
    let any = false;
    for (let child = at + 1; child < tree.end[at] && !any; child = tree.end[child]) any = has(child);
    if (!any) return null;
    return () => {
      const list = [];
      for (let child = at + 1; child < tree.end[at]; child = tree.end[child]) if (has(child)) list.push(child);
      return list.sort((a, b) => data.size[b] - data.size[a] || a - b);
    };
  }

  function face(at) {
    const entry = data.entries.get(at);
    const directory = tree.end[at] > at + 1;
    const text = tree.name(at) + (directory || tree.isDirectory(at) ? "/" : "");
    if (!directory) return folded(entryMark(entry), text, tree.leads(at), bytes(entry.size));
    const parts = MARK_ORDER.split("").filter((mark, index) => data.counts[index][at] > 0);
    const note = parts.map((mark) => data.counts[MARK_ORDER.indexOf(mark)][at].toLocaleString("en") + " " + MARKS[mark][1]).join(", ");
    return folded(entry ? entryMark(entry) : null, text, note, bytes(data.size[at]));
  }

  function drawTree() {
    if (!data) return;
    const text = filter.value.trim().toLowerCase();
    const total = data.entries.size;
    if (!text && !marks.value) {
      status.textContent = count(total, "path") + ", " + bytes(data.size[0]);
      const top = below(0);
      panel.replaceChildren(top ? makeFolding("Files of layer " + select.value, top(), below, face) : element("p", { class: "status", text: "This layer does nothing to any file." }));
      return;
    }
    const found = [];
    for (const [at, entry] of data.entries) {
      if (marks.value === "hidden" ? !entry.hidden : marks.value && entry.mark !== marks.value) continue;
      if (!text || tree.path(at).toLowerCase().includes(text)) found.push(at);
    }
    found.sort((a, b) => data.entries.get(b).size - data.entries.get(a).size || a - b);
    status.textContent = found.length.toLocaleString("en") + " of " + count(total, "path");
    const flat = (at) => folded(entryMark(data.entries.get(at)), tree.path(at), tree.leads(at), bytes(data.entries.get(at).size));
    panel.replaceChildren(makeFolding("Files of layer " + select.value, found, () => null, flat));
  }

  const first = DATA.layers.findIndex((layer) => !layer.base);
  select.value = String(first < 0 ? 0 : first);
  draw();
  return {
    node,
    // Shows a layer, with paths that contain a text.
    show(layer, text) {
      select.value = String(layer);
      filter.value = text;
      marks.value = "";
      draw();
      node.scrollIntoView();
      select.focus({ preventScroll: true });
    },
  };
}
