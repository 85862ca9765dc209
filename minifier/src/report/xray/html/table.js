
// Tables that sort by their headers, filter, and show their rows by and by.

const FIRST_ROWS = 100;
const MORE_ROWS = 1000;

// `columns`: { title, key(row) to sort by, cell(row) as text or node, number, wide, spare }; what
// is spare is left out of a narrow window.
// `options`: { label, filter(row) as text, choices: { label, of(row), names }, empty }.
function makeTable(columns, rows, options) {
  const settings = options || {};
  const state = { sort: -1, down: false, text: "", choice: "", limit: FIRST_ROWS };
  const body = element("tbody");
  const status = element("span", { class: "status", role: "status" });
  const more = element("button", { type: "button", class: "more" });
  const headers = columns.map((column, index) => header(column, index));
  const table = element(
    "table",
    { "aria-label": settings.label },
    element("thead", {}, element("tr", {}, headers)),
    body
  );
  let input = null;
  let select = null;

  function classOf(column) {
    return (column.number ? "number" : column.wide ? "wide" : "") + (column.spare ? " spare" : "");
  }

  function header(column, index) {
    const cell = element("th", { scope: "col", class: classOf(column) });
    if (!column.key) {
      cell.textContent = column.title;
      return cell;
    }
    cell.append(
      element("button", { type: "button", text: column.title, onclick: () => sortBy(index) })
    );
    return cell;
  }

  function sortBy(index) {
    state.down = state.sort === index ? !state.down : Boolean(columns[index].number);
    state.sort = index;
    headers.forEach((cell, at) => {
      if (at === index) cell.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
    draw();
  }

  function selected() {
    const text = state.text.toLowerCase();
    let chosen = rows.filter(
      (row) =>
        (!text || settings.filter(row).toLowerCase().includes(text)) &&
        (!state.choice || settings.choices.of(row) === state.choice)
    );
    if (state.sort >= 0) {
      const key = columns[state.sort].key;
      const sign = state.down ? -1 : 1;
      chosen = chosen
        .map((row, at) => [key(row), at, row])
        .sort((a, b) => sign * compare(a[0], b[0]) || a[1] - b[1])
        .map((entry) => entry[2]);
    }
    return chosen;
  }

  function draw() {
    const chosen = selected();
    const visible = chosen.slice(0, state.limit);
    body.replaceChildren(
      ...visible.map((row) =>
        element(
          "tr",
          {},
          columns.map((column) =>
            element("td", { class: classOf(column) }, column.cell(row))
          )
        )
      )
    );
    status.textContent =
      chosen.length === rows.length ? count(rows.length, "row") : chosen.length + " of " + count(rows.length, "row");
    const left = chosen.length - visible.length;
    more.hidden = left <= 0;
    more.textContent = "Show " + Math.min(left, MORE_ROWS) + " more of " + left;
  }

  more.addEventListener("click", () => {
    const focus = body.rows.length;
    state.limit += MORE_ROWS;
    draw();
    const row = body.rows[focus];
    if (row) {
      row.tabIndex = -1;
      row.focus();
    }
  });
  const tools = element("div", { class: "tools" });
  if (settings.filter && rows.length > 5) {
    input = element("input", {
      type: "search",
      "aria-label": "Filter " + settings.label,
      placeholder: "Filter",
      spellcheck: "false",
      oninput: () => {
        state.text = input.value;
        state.limit = FIRST_ROWS;
        draw();
      },
    });
    tools.append(input);
  }
  if (settings.choices && rows.length > 5) {
    select = element(
      "select",
      {
        "aria-label": settings.choices.label,
        onchange: () => {
          state.choice = select.value;
          state.limit = FIRST_ROWS;
          draw();
        },
      },
      element("option", { value: "", text: "all" }),
      Object.entries(settings.choices.names).map(([value, text]) => element("option", { value, text }))
    );
    tools.append(select);
  }
  if (input || select || rows.length > FIRST_ROWS) tools.append(status);
  draw();
  const scroll = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": settings.label }, table);
  const node = element("div", { class: "table" }, tools.childNodes.length ? tools : null, scroll, more);
  return {
    node,
    setFilter(text) {
      if (!input) return;
      if (select) {
        select.value = "";
        state.choice = "";
      }
      input.value = text;
      input.dispatchEvent(new Event("input"));
    },
  };
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}
