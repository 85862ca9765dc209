
// Puts the page together.

const SECTIONS = [
  ["overview", "Overview"],
  ["gate", "Gate"],
  ["todo", "What to do"],
  ["files", "Files"],
  ["layers", "Layers"],
  ["waste", "Waste"],
  ["packages", "Packages"],
  ["security", "Security"],
  ["image", "Image"],
];

function start() {
  setUpTheme();
  drawOverview();
  drawGate();
  drawToDo();
  const tree = makeTree(DATA.tree);
  const files = makeFiles(tree);
  const layers = drawLayers(tree);
  drawWaste();
  const packages = drawPackages();
  const security = drawSecurity();
  drawImage();
  setUpSearch(tree, files, layers, packages, security);
  byId("sections").append(
    ...SECTIONS.filter(([id]) => !byId(id).hidden).map(([id, text]) => element("li", {}, element("a", { href: "#" + id, text })))
  );
  byId("foot").textContent = "Made by minify " + DATA.minifier + ". This file loads nothing.";
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

start();
