
// One field for everything: a combobox (WAI-ARIA 1.2) over files, packages and findings. `/` goes there.

const MOST_FILES = 30;
const MOST_OTHERS = 10;

function setUpSearch(tree, files, layers, packages, security) {
  const input = byId("search");
  const list = byId("results");
  let options = [];
  let active = -1;
  let timer = 0;

  function find(text) {
    const wanted = text.toLowerCase();
    const found = [];
    const matches = (all, of) => all.filter((one) => of(one).toLowerCase().includes(wanted));
    const named = matches(DATA.packages.packages, (p) => p.name);
    for (const p of named.slice(0, MOST_OTHERS)) {
      found.push({ kind: "package", text: p.name + " " + p.version, note: DATA.names.packages[p.kind], go: () => jump("packages", packages, p.name) });
    }
    for (const finding of matches(DATA.security.findings, (f) => f.message + " " + f.kind).slice(0, MOST_OTHERS)) {
      found.push({ kind: "finding", text: finding.message, note: finding.severity, go: () => jump("security", security, finding.message) });
    }
    const { nodes, total } = tree.search(text, MOST_FILES);
    for (const node of nodes) {
      found.push(tree.isGone(node) ? hidden(node) : { kind: tree.word(node), text: tree.path(node), note: tree.leads(node) || bytes(tree.size(node)), go: () => files.show(node) });
    }
    return { found, more: total - nodes.length };
  }

  // What only a layer has is in the list of that layer.
  function hidden(node) {
    return { kind: "hidden", text: tree.path(node), note: "layer " + tree.layer(node), go: () => layers.show(tree.layer(node), tree.path(node)) };
  }

  function jump(id, table, text) {
    table.setFilter(text);
    byId(id).scrollIntoView();
    byId(id).querySelector(".scroll").focus({ preventScroll: true });
  }

  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    active = -1;
  }

  function mark(index) {
    active = index;
    options.forEach((option, at) => option.node.setAttribute("aria-selected", String(at === index)));
    if (index < 0) {
      input.removeAttribute("aria-activedescendant");
      return;
    }
    input.setAttribute("aria-activedescendant", options[index].node.id);
    options[index].node.scrollIntoView({ block: "nearest" });
  }

  function take(index) {
    const option = options[index];
    close();
    if (option) option.go();
  }

  function update() {
    clearTimeout(timer);
    const text = input.value.trim();
    if (!text) {
      close();
      return;
    }
    const { found, more } = find(text);
    options = found.map((option, index) => ({
      ...option,
      node: element(
        "li",
        { id: "result-" + index, role: "option", "aria-selected": "false", onmousedown: (event) => event.preventDefault(), onclick: () => take(index) },
        element("span", { class: "tag", text: option.kind }),
        name(option.text),
        element("span", { class: "status", text: option.note })
      ),
    }));
    list.replaceChildren(...options.map((option) => option.node));
    if (!options.length) list.append(element("li", { class: "status", role: "presentation", text: "Nothing matches." }));
    if (more > 0) list.append(element("li", { class: "status", role: "presentation", text: "and " + count(more, "more file") }));
    list.hidden = false;
    list.dataset.of = text;
    input.setAttribute("aria-expanded", "true");
    mark(options.length ? 0 : -1);
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(update, 80);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (list.hidden) update();
      else if (options.length) mark((active + (event.key === "ArrowDown" ? 1 : options.length - 1)) % options.length);
    } else if (event.key === "Enter") {
      // What was typed last may not have been looked for yet.
      update();
      if (!list.hidden) take(Math.max(active, 0));
    } else if (event.key === "Escape") {
      if (list.hidden) input.value = "";
      close();
    } else {
      return;
    }
    event.preventDefault();
  });
  input.addEventListener("blur", close);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
}
