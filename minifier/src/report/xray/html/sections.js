
// The sections but for files, layers, security and search.

function heading(id, text) {
  return element("h2", { id: id + "-title", text });
}

function card(title, value, note, kind) {
  return element("div", { class: "card " + (kind || "") }, element("h3", { text: title }), element("p", { class: "value", text: value }), note ? element("p", { text: note }) : null);
}

function drawOverview() {
  const image = DATA.image;
  const cards = [
    card("Size", bytes(image.size), count(DATA.layers.length, "layer") + ", " + bytes(image.stored_size) + " as stored"),
    card("Efficiency", percent(DATA.efficiency.score) + " used", DATA.wasted_text),
    card("Files", image.files.toLocaleString("en"), bytes(image.visible_size) + " to be seen"),
    card("Findings", DATA.security.findings.length.toLocaleString("en"), DATA.findings_text, DATA.security.findings.some((f) => f.severity === "error") ? "bad" : ""),
  ];
  if (DATA.savings > 0) cards.push(card("Fixable", bytes(DATA.savings), percent(DATA.savings / Math.max(image.size, 1)) + " of the size, see what to do"));
  if (DATA.estimate) cards.push(card("minify build", DATA.estimate_range, "an estimate, confidence " + DATA.estimate.confidence + ": " + DATA.estimate.basis));
  byId("overview").append(
    element("h1", { text: image.reference }),
    element("p", { class: "lead", text: DATA.character }),
    element("div", { class: "cards" }, cards)
  );
  if (DATA.problems.length) {
    byId("overview").append(
      element("div", { class: "notice", role: "note" }, element("b", { text: "Not everything could be analysed." }), element("ul", {}, DATA.problems.map((problem) => element("li", { text: problem }))))
    );
  }
}

function drawGate() {
  if (!DATA.gate) return;
  const section = byId("gate");
  section.hidden = false;
  const failed = DATA.gate.rules.filter((rule) => rule.outcome === "fail").length;
  const text = DATA.gate.passed ? "Gate: passed" : "Gate: " + failed + " of " + DATA.gate.rules.length + " rules failed";
  section.append(
    heading("gate", text),
    makeTable(
      [
        { title: "Result", cell: (rule) => element("span", { class: "tag " + rule.outcome, text: rule.outcome }) },
        { title: "Rule", cell: (rule) => name(rule.rule) },
        { title: "Limit", cell: (rule) => rule.limit },
        { title: "Actual", cell: (rule) => rule.actual },
        { title: "", wide: true, cell: (rule) => rule.message },
      ],
      DATA.gate.rules,
      { label: "Rules of the gate" }
    ).node
  );
}

function drawToDo() {
  if (!DATA.recommendations.length) return;
  const section = byId("todo");
  section.hidden = false;
  section.append(
    heading("todo", "What to do"),
    element(
      "ol",
      { class: "todo" },
      DATA.recommendations.map((item) =>
        element(
          "li",
          {},
          element("h3", {}, item.title, item.saves > 0 ? element("span", { class: "tag saves", text: "saves " + bytes(item.saves) }) : null),
          element("ul", {}, item.evidence.map((text) => element("li", { text }))),
          block(item.change, "The change")
        )
      )
    )
  );
}

function drawWaste() {
  if (!DATA.waste.length && !DATA.efficiency.wasted_paths.length && !DATA.duplicates.length) return;
  const section = byId("waste");
  section.hidden = false;
  section.append(heading("waste", "What should not ship"));
  if (DATA.waste.length) {
    section.append(
      makeTable(
        [
          { title: "What", key: (waste) => DATA.names.waste[waste.kind], cell: (waste) => DATA.names.waste[waste.kind] },
          { title: "Bytes", number: true, key: (waste) => waste.bytes, cell: (waste) => bytes(waste.bytes) },
          { title: "Files", number: true, key: (waste) => waste.files, cell: (waste) => waste.files.toLocaleString("en") },
          { title: "Layers", cell: (waste) => waste.layers.join(", ") },
          { title: "Largest", wide: true, cell: (waste) => places(waste.paths) },
        ],
        DATA.waste,
        { label: "What should not ship" }
      ).node
    );
  }
  if (DATA.efficiency.wasted_paths.length) {
    section.append(
      element("h3", { text: "Hidden, and shipped nevertheless" }),
      makeTable(
        [
          { title: "Path", wide: true, key: (path) => path.path, cell: (path) => name(path.path) },
          { title: "Bytes", number: true, key: (path) => path.bytes, cell: (path) => bytes(path.bytes) },
          { title: "Layers", cell: (path) => path.layers.join(", ") },
          { title: "How", cell: (path) => (path.removed ? "removed" : "overwritten") },
        ],
        DATA.efficiency.wasted_paths,
        { label: "Hidden paths", filter: (path) => path.path }
      ).node
    );
  }
  if (DATA.duplicates.length) {
    section.append(
      element("h3", { text: "Duplicates: " + bytes(DATA.duplicate_bytes - DATA.duplicate_documentation_bytes) + " wasted" }),
      makeTable(
        [
          { title: "Files", wide: true, cell: (group) => places(group.paths.map((path) => ({ path }))) },
          { title: "Copies", number: true, key: (group) => group.count, cell: (group) => String(group.count) },
          { title: "Each", number: true, key: (group) => group.size, cell: (group) => bytes(group.size) },
          { title: "Wasted", number: true, key: (group) => group.wasted, cell: (group) => bytes(group.wasted) },
        ],
        DATA.duplicates,
        { label: "Duplicates", filter: (group) => group.paths.join("\n") }
      ).node
    );
    if (DATA.duplicate_documentation_bytes > 0) {
      section.append(element("p", { class: "status", text: "Another " + bytes(DATA.duplicate_documentation_bytes) + " are change logs, licences and other documentation that exist more than once." }));
    }
  }
}

// Paths below each other; more than three unfold.
function places(paths) {
  const line = (place) => element("div", {}, name(place.path), place.bytes === undefined ? null : " " + bytes(place.bytes));
  if (paths.length <= 3) return element("div", {}, paths.map(line));
  return element("div", {}, paths.slice(0, 3).map(line), element("details", {}, element("summary", { text: paths.length - 3 + " more" }), paths.slice(3).map(line)));
}

function drawPackages() {
  const packages = DATA.packages;
  const section = byId("packages");
  const table = makeTable(
    [
      { title: "Kind", key: (p) => DATA.names.packages[p.kind], cell: (p) => DATA.names.packages[p.kind] },
      { title: "Name", wide: true, key: (p) => p.name, cell: (p) => element("div", {}, name(p.name), p.dev ? element("span", { class: "tag note", text: "development" }) : null) },
      { title: "Version", key: (p) => p.version, cell: (p) => p.version },
      { title: "Licence", key: (p) => p.licence || "", cell: (p) => p.licence || "" },
      { title: "Bytes", number: true, key: (p) => p.size, cell: (p) => bytes(p.size) },
      { title: "Files", number: true, key: (p) => p.files, cell: (p) => p.files.toLocaleString("en") },
      { title: "Layer", number: true, key: (p) => p.layer, cell: (p) => String(p.layer) },
      { title: "Named by", wide: true, key: (p) => p.location, cell: (p) => name(p.location) },
    ],
    packages.packages,
    {
      label: "Packages",
      filter: (p) => p.name + "\n" + p.version + "\n" + (p.licence || "") + "\n" + p.location,
      choices: { label: "Kind of packages", of: (p) => p.kind, names: DATA.names.packages },
    }
  );
  section.append(heading("packages", "Packages"));
  for (const unread of packages.unread) {
    section.append(element("p", { class: "notice" }, "Not read: ", name(unread.path), ": ", unread.reason));
  }
  section.append(
    element("p", { text: count(packages.packages.length, "package") + "; " + count(packages.unowned_files, "file") + " (" + bytes(packages.unowned_size) + ") belong to none" })
  );
  if (packages.packages.length) section.append(table.node);
  return table;
}
