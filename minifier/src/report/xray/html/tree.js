
// The tree of files, in columns and pre-order: the nodes below node n are n + 1 to end[n].

const DIRECTORY = -1;
const REST = -2;

function makeTree(columns) {
  const total = columns.names.length;
  const parent = new Int32Array(total).fill(-1);
  const end = new Int32Array(total);
  const open = [];
  const paths = [];
  for (let node = 0; node < total; node += 1) {
    if (open.length) parent[node] = open[open.length - 1].node;
    open.push({ node, left: columns.children[node] });
    while (open.length && open[open.length - 1].left === 0) {
      end[open.pop().node] = node + 1;
      if (open.length) open[open.length - 1].left -= 1;
    }
  }
  return {
    total,
    parent,
    end,
    name: (node) => columns.names[node],
    size: (node) => columns.sizes[node],
    files: (node) => columns.files[node],
    layer: (node) => columns.layers[node],
    isDirectory: (node) => columns.kinds[node] === DIRECTORY,
    isRest: (node) => columns.kinds[node] === REST,
    kind: (node) => (columns.kinds[node] >= 0 ? columns.file_kinds[columns.kinds[node]] : ""),
    package: (node) => (columns.packages[node] < 0 ? "" : columns.package_names[columns.packages[node]]),

    // Nodes right below, largest first.
    below(node) {
      const list = [];
      for (let at = node + 1; at < end[node]; at = end[at]) list.push(at);
      return list;
    },

    path(node) {
      const parts = [];
      for (let at = node; parent[at] >= 0; at = parent[at]) parts.push(columns.names[at]);
      return "/" + parts.reverse().join("/");
    },

    // The node of a path, or -1.
    find(path) {
      let node = 0;
      for (const part of path.split("/")) {
        if (!part) continue;
        node = this.below(node).find((at) => columns.names[at] === part && !this.isRest(at));
        if (node === undefined) return -1;
      }
      return node;
    },

    // Up to `limit` nodes whose name, or path where the text has a slash, contains `text`, largest first.
    search(text, limit) {
      const wanted = text.toLowerCase();
      const whole = wanted.includes("/");
      const found = [];
      if (whole && !paths.length) {
        // Parents come first, so that every path is that of its parent with a name more.
        for (let node = 0; node < total; node += 1) {
          paths.push(node ? paths[parent[node]] + "/" + columns.names[node].toLowerCase() : "");
        }
      }
      for (let node = 1; node < total; node += 1) {
        if (columns.kinds[node] === REST) continue;
        const has = whole ? paths[node] : columns.names[node].toLowerCase();
        if (has.includes(wanted)) found.push(node);
      }
      found.sort((a, b) => columns.sizes[b] - columns.sizes[a]);
      return { nodes: found.slice(0, limit), total: found.length };
    },
  };
}
