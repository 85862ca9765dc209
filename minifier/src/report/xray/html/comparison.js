
// The page of a comparison.

const COMPARISON = DATA.comparison;

function drawOverview() {
  const { from, to } = COMPARISON;
  const whole = (a, b) => (a === b ? "±0" : (b > a ? "+" : "−") + Math.abs(b - a).toLocaleString("en"));
  const points = (a, b) => (a === b ? "±0" : (b > a ? "+" : "−") + Math.abs((b - a) * 100).toFixed(1));
  const rows = [
    ["Size", bytes(from.size), bytes(to.size), difference(from.size, to.size)],
    ["As stored", bytes(from.stored_size), bytes(to.stored_size), difference(from.stored_size, to.stored_size)],
    ["Files", from.files.toLocaleString("en"), to.files.toLocaleString("en"), whole(from.files, to.files)],
    ["Layers", String(from.layers), String(to.layers), whole(from.layers, to.layers)],
    ["Packages", String(from.packages), String(to.packages), whole(from.packages, to.packages)],
    ["Efficiency", percent(from.efficiency), percent(to.efficiency), points(from.efficiency, to.efficiency)],
    ["Image ID", from.id.slice(0, 19), to.id.slice(0, 19), from.id === to.id ? "the same" : ""],
  ];
  const share = (side) => {
    const fill = element("span", { class: "fill" });
    fill.style.width = ((side.size / Math.max(from.size, to.size, 1)) * 100).toFixed(2) + "%";
    return element("p", { class: "side" }, name(side.reference), element("span", { class: "meter wide" }, fill), bytes(side.size));
  };
  byId("overview").append(
    element("h1", { text: difference(from.size, to.size) }),
    share(from),
    share(to),
    makeTable(
      [
        { title: "", cell: (row) => row[0] },
        { title: "From", number: true, cell: (row) => row[1] },
        { title: "To", number: true, cell: (row) => row[2] },
        { title: "Difference", number: true, cell: (row) => row[3] },
      ],
      rows,
      { label: "Sizes" }
    ).node
  );
  if (COMPARISON.problems.length) {
    byId("overview").append(
      element("div", { class: "notice", role: "note" }, element("b", { text: "Not everything could be analysed." }), element("ul", {}, COMPARISON.problems.map((problem) => element("li", { text: problem }))))
    );
  }
}

function section(id, title, ...nodes) {
  const made = byId(id);
  made.hidden = false;
  made.append(element("h2", { id: id + "-title", text: title }), ...nodes);
}

function drawFiles() {
  const changes = { added: "added", removed: "removed", content: "content", metadata: "metadata" };
  const table = makeTable(
    [
      { title: "Difference", number: true, key: (file) => file.to_size - file.from_size, cell: (file) => difference(file.from_size, file.to_size) },
      { title: "How", key: (file) => file.change, cell: (file) => element("span", { class: "tag " + file.change, text: file.change }) },
      { title: "Path", wide: true, key: (file) => file.path, cell: (file) => name(file.path) },
      { title: "From", number: true, key: (file) => file.from_size, cell: (file) => bytes(file.from_size) },
      { title: "To", number: true, key: (file) => file.to_size, cell: (file) => bytes(file.to_size) },
    ],
    COMPARISON.files,
    { label: "Files", filter: (file) => file.path, choices: { label: "How", of: (file) => file.change, names: changes } }
  );
  const title = count(COMPARISON.files.length, "file") + " changed, " + COMPARISON.unchanged_files.toLocaleString("en") + " did not";
  if (!COMPARISON.files.length) return section("files", title);
  return section("files", title, drawTree(), element("h3", { text: "As a table" }), table.node);
}

// The changed files in their directories, each with the sum of what is below it; largest difference first.
function drawTree() {
  const make = (text) => ({ text, from: 0, to: 0, counts: {}, children: new Map(), file: null });
  const root = make("/");
  for (const file of COMPARISON.files) {
    let at = root;
    const parts = file.path.split("/").filter(Boolean);
    for (const [index, part] of parts.entries()) {
      at.from += file.from_size;
      at.to += file.to_size;
      at.counts[file.change] = (at.counts[file.change] || 0) + 1;
      // A path may be a file in one image and a directory in the other.
      const key = index === parts.length - 1 ? part : part + "/";
      if (!at.children.has(key)) at.children.set(key, make(key));
      at = at.children.get(key);
    }
    at.file = file;
    at.from = file.from_size;
    at.to = file.to_size;
  }
  const weight = (item) => Math.abs(item.to - item.from);
  const inside = (item) => [...item.children.values()].sort((a, b) => weight(b) - weight(a) || (a.text < b.text ? -1 : 1));
  const below = (item) => (item.file ? null : () => inside(item));
  const face = (item) => {
    const mark = item.file ? element("span", { class: "tag " + item.file.change, text: item.file.change }) : null;
    const kinds = ["added", "removed", "content", "metadata"].filter((change) => item.counts[change]);
    const note = kinds.map((change) => item.counts[change].toLocaleString("en") + " " + change).join(", ");
    return folded(mark, item.text, note, difference(item.from, item.to));
  };
  return makeFolding("Changed files", inside(root), below, face);
}

function drawPackages() {
  const either = (change) => change.to || change.from;
  const version = (side) => (side ? side.version || "(no version)" : "—");
  const table = makeTable(
    [
      { title: "Kind", key: (change) => either(change).kind, cell: (change) => DATA.names[either(change).kind] },
      { title: "Name", wide: true, key: (change) => either(change).name, cell: (change) => name(either(change).name) },
      { title: "From", key: (change) => version(change.from), cell: (change) => version(change.from) },
      { title: "To", key: (change) => version(change.to), cell: (change) => version(change.to) },
    ],
    COMPARISON.packages.filter(either),
    { label: "Packages", filter: (change) => either(change).name }
  );
  section("packages", count(COMPARISON.packages.length, "package") + " changed", table.node);
}

function drawConfig() {
  if (!COMPARISON.config.length) return;
  const table = makeTable(
    [
      { title: "Field", cell: (value) => value.field },
      { title: "From", wide: true, cell: (value) => name(value.from) },
      { title: "To", wide: true, cell: (value) => name(value.to) },
    ],
    COMPARISON.config,
    { label: "Config" }
  );
  section("config", "Config", table.node);
}

setUpTheme();
drawOverview();
drawConfig();
drawFiles();
drawPackages();
byId("foot").textContent = "Made by minify " + COMPARISON.minifier + ". This file loads nothing.";
document.documentElement.dataset.ready = String(Math.round(performance.now()));
