
// A squarified treemap (Bruls, Huizing, van Wijk 2000) on a canvas. Only what is large enough to be seen is laid out,
// so that the number of files does not matter.

const LEAST_SIDE = 3;
const TITLE = 17;

// Rectangles of `sizes`, largest first, within a rectangle; stops where they get too small to be seen.
function squarify(sizes, x, y, width, height) {
  const sum = sizes.reduce((a, b) => a + b, 0);
  const boxes = [];
  if (sum <= 0 || width < LEAST_SIDE || height < LEAST_SIDE) return boxes;
  const scale = (width * height) / sum;
  let at = 0;
  while (at < sizes.length && sizes[at] > 0) {
    const short = Math.min(width, height);
    if (short < 1) break;
    let row = 0;
    let worst = Infinity;
    let next = at;
    const first = sizes[at] * scale;
    while (next < sizes.length) {
      const area = sizes[next] * scale;
      const grown = row + area;
      const ratio = Math.max((short * short * first) / (grown * grown), (grown * grown) / (short * short * area));
      if (ratio > worst) break;
      worst = ratio;
      row = grown;
      next += 1;
    }
    const thick = row / short;
    let offset = 0;
    for (; at < next; at += 1) {
      const long = (sizes[at] * scale) / thick;
      boxes.push(
        width >= height
          ? { index: at, x, y: y + offset, width: thick, height: long }
          : { index: at, x: x + offset, y, width: long, height: thick }
      );
      offset += long;
    }
    if (width >= height) {
      x += thick;
      width -= thick;
    } else {
      y += thick;
      height -= thick;
    }
  }
  return boxes;
}

// Boxes of everything below `root` that can be seen, parents before what is in them.
function layOut(tree, root, width, height) {
  const boxes = [];
  const waiting = [{ node: root, x: 0, y: 0, width, height, depth: 0 }];
  while (waiting.length) {
    const box = waiting.pop();
    const nodes = tree.below(box.node);
    for (const part of squarify(nodes.map(tree.size), box.x, box.y, box.width, box.height)) {
      if (part.width < 1 || part.height < 1) continue;
      const node = nodes[part.index];
      const made = { node, x: part.x, y: part.y, width: part.width, height: part.height, depth: box.depth };
      boxes.push(made);
      if (!tree.isDirectory(node)) continue;
      made.titled = part.width > 46 && part.height > 34;
      const title = made.titled ? TITLE : 1;
      const inner = {
        node,
        x: part.x + 2,
        y: part.y + title,
        width: part.width - 4,
        height: part.height - title - 2,
        depth: box.depth + 1,
      };
      if (inner.width > LEAST_SIDE * 2 && inner.height > LEAST_SIDE * 2) waiting.push(inner);
    }
  }
  return boxes;
}

// What lies at a point: the innermost box.
function hit(boxes, x, y) {
  let found = null;
  for (const box of boxes) {
    const inside = x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height;
    if (inside && (!found || box.depth >= found.depth)) found = box;
  }
  return found;
}

// Of the outermost boxes, the nearest one from `from` in a direction.
function neighbour(boxes, from, horizontal, vertical) {
  const middle = (box) => [box.x + box.width / 2, box.y + box.height / 2];
  const [x, y] = middle(from);
  let best = null;
  let least = Infinity;
  for (const box of boxes) {
    if (box.depth > 0 || box.node === from.node) continue;
    const [bx, by] = middle(box);
    const along = (bx - x) * horizontal + (by - y) * vertical;
    if (along <= 0.5) continue;
    const aside = Math.abs((bx - x) * vertical) + Math.abs((by - y) * horizontal);
    const distance = along + 2 * aside;
    if (distance < least) {
      least = distance;
      best = box;
    }
  }
  return best;
}

// Draws boxes; `colour(node)` fills one, `chosen` is outlined.
function paint(canvas, boxes, tree, colour, style, chosen) {
  const ratio = devicePixelRatio || 1;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = style("--panel");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  for (const box of boxes) {
    const directory = tree.isDirectory(box.node);
    context.fillStyle = directory ? style(box.depth % 2 ? "--folder-odd" : "--folder") : colour(box.node);
    context.fillRect(box.x, box.y, box.width, box.height);
    if (box.width > 4 && box.height > 4) {
      context.strokeStyle = style("--edge");
      context.lineWidth = 0.5;
      context.strokeRect(box.x + 0.25, box.y + 0.25, box.width - 0.5, box.height - 0.5);
    }
    label(context, box, tree, directory, style);
  }
  if (!chosen) return;
  context.strokeStyle = style("--focus");
  context.lineWidth = 3;
  context.strokeRect(chosen.x + 1.5, chosen.y + 1.5, Math.max(chosen.width - 3, 2), Math.max(chosen.height - 3, 2));
}

function label(context, box, tree, directory, style) {
  if (directory ? !box.titled : box.width < 44 || box.height < 16) return;
  const text = shown(tree.name(box.node));
  context.save();
  context.beginPath();
  context.rect(box.x + 2, box.y, box.width - 6, box.height);
  context.clip();
  context.fillStyle = directory ? style("--text") : style("--on-colour");
  const line = directory ? box.y + TITLE / 2 + 1.5 : box.y + Math.min(box.height / 2, 10);
  context.fillText(directory ? text + "  " + bytes(tree.size(box.node)) : text, box.x + 5, line);
  if (!directory && box.height > 34) {
    context.globalAlpha = 0.8;
    context.fillText(bytes(tree.size(box.node)), box.x + 5, line + 15);
  }
  context.restore();
}
