
// Light, dark, or what the system says.

const THEMES = ["auto", "light", "dark"];
const themeListeners = [];

function onTheme(listener) {
  themeListeners.push(listener);
}

function themeChanged() {
  for (const listener of themeListeners) listener();
}

function setUpTheme() {
  const button = byId("theme");
  let theme = "auto";
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = "Theme: " + theme;
    themeChanged();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themeChanged);
  // Paper is white.
  let before;
  addEventListener("beforeprint", () => {
    before = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
    themeChanged();
  });
  addEventListener("afterprint", () => {
    if (before === undefined) delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = before;
    themeChanged();
  });
}
