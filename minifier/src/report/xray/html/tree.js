
// The tree of every path, in columns: a node comes right before what is below it, which ends at end[n].

function makeTree(columns) {
  const total = columns.depths.length;
  const parent = new Int32Array(total).fill(-1);
  const end = new Int32Array(total);
  const files = new Uint32Array(total);
  const names = columns.names;
  const sizes = columns.sizes;
  const targets = new Map(columns.links.map((link) => [link.node, link.target]));
  const firsts = new Map(columns.hard_links);
  const kindNames = columns.kind_names;
  const gone = kindNames.indexOf("gone");
  const directory = kindNames.indexOf("directory");
  const isFile = kindNames.map((kind) => Object.hasOwn(DATA.names.file_kinds, kind));
  const lower = [];
  const paths = [];
  const open = [];
  for (let node = 0; node < total; node += 1) {
    while (open.length > columns.depths[node]) end[open.pop()] = node;
    if (open.length) parent[node] = open[open.length - 1];
    open.push(node);
    files[node] = isFile[columns.kinds[node]] && !firsts.has(node) ? 1 : 0;
  }
  while (open.length) end[open.pop()] = total;
  for (let node = total - 1; node > 0; node -= 1) files[parent[node]] += files[node];

  const bySize = (a, b) => sizes[b] - sizes[a] || a - b;
  return {
    total,
    parent,
    end,
    name: (node) => names[node],
    size: (node) => sizes[node],
    files: (node) => files[node],
    layer: (node) => columns.layers[node],
    isDirectory: (node) => columns.kinds[node] === directory,
    isGone: (node) => columns.kinds[node] === gone,
    // Whether anything lies below it, visible or not.
    holds: (node) => end[node] > node + 1,
    kind: (node) => (isFile[columns.kinds[node]] ? kindNames[columns.kinds[node]] : ""),
    package: (node) => (columns.packages[node] ? columns.package_names[columns.packages[node] - 1] : ""),

    // What kind of path it is, in a word.
    word(node) {
      if (columns.kinds[node] === gone) return "hidden";
      return isFile[columns.kinds[node]] ? "file" : kindNames[columns.kinds[node]];
    },

    // Where a link leads, or which file it is another name of.
    leads(node) {
      if (targets.has(node)) return "→ " + targets.get(node);
      return firsts.has(node) ? "the same file as " + this.path(firsts.get(node)) : "";
    },

    // Nodes right below that are to be seen, largest first.
    below(node) {
      const list = [];
      for (let at = node + 1; at < end[node]; at = end[at]) if (columns.kinds[at] !== gone) list.push(at);
      return list.sort(bySize);
    },

    path(node) {
      const parts = [];
      for (let at = node; parent[at] >= 0; at = parent[at]) parts.push(names[at]);
      return "/" + parts.reverse().join("/");
    },

    // Up to `limit` nodes whose name, or path where the text has a slash, contains `text`, largest first.
    search(text, limit) {
      const wanted = text.toLowerCase();
      const whole = wanted.includes("/");
      const found = [];
      if (!lower.length) for (let node = 0; node < total; node += 1) lower.push(names[node].toLowerCase());
      if (whole && !paths.length) {
        // Parents come first, so that every path is that of its parent with a name more.
        for (let node = 0; node < total; node += 1) paths.push(node ? paths[parent[node]] + "/" + lower[node] : "");
      }
      const texts = whole ? paths : lower;
      for (let node = 1; node < total; node += 1) if (texts[node].includes(wanted)) found.push(node);
      const seen = (node) => (columns.kinds[node] === gone ? 1 : 0);
      found.sort((a, b) => seen(a) - seen(b) || bySize(a, b));
      return { nodes: found.slice(0, limit), total: found.length };
    },
  };
}
