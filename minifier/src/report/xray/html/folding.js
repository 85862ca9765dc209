
// A tree that unfolds: nested lists of <details>, each filled when it is opened for the first time.

const FIRST_ITEMS = 200;

// `below(item)` gives what is in it, or null for a leaf; `face(item)` the elements of its line.
function makeFolding(label, items, below, face) {
  function line(item) {
    const inside = below(item);
    if (!inside) return element("li", { class: "leaf" }, face(item));
    const details = element("details", {}, element("summary", {}, face(item)));
    const fill = () => {
      if (!details.open || details.lastElementChild.tagName === "UL") return;
      const items = inside();
      details.append(list(items));
      // The only way on is not worth a click.
      const only = items.length === 1 ? details.lastElementChild.querySelector("details") : null;
      if (only) only.open = true;
    };
    details.addEventListener("toggle", fill);
    return element("li", {}, details);
  }

  function list(items) {
    const made = element("ul", {});
    let next = 0;
    const more = element("button", { type: "button", class: "more", onclick: () => fill() });
    const last = element("li", { class: "leaf" }, more);
    function fill() {
      const part = items.slice(next, next + FIRST_ITEMS);
      next += part.length;
      last.remove();
      made.append(...part.map(line));
      if (next < items.length) {
        more.textContent = "Show more of " + (items.length - next).toLocaleString("en");
        made.append(last);
      }
    }
    fill();
    return made;
  }

  return element("div", { class: "folding", role: "group", "aria-label": label }, list(items));
}

// The parts of a line: a mark, a name, what is to be said of it, a number at the end.
function folded(mark, text, note, number) {
  return [mark, name(text), note ? element("span", { class: "status", text: note }) : null, element("span", { class: "figure", text: number })];
}
