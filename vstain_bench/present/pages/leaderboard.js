"use strict";
// The tools of a leaderboard: find a model, measured or published rows, tiles of a label, columns. All names are set as text.
const make = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};
const heads = (table) => [...[...table.tHead.rows].at(-1).cells];

for (const part of document.querySelectorAll(".part[data-tools]")) {
  const views = [...part.querySelectorAll(".view")];
  const tables = views.map((view) => view.querySelector("table"));
  const metrics = [...new Set(tables.flatMap((table) => heads(table).slice(1).map((cell) => cell.dataset.key)))];
  const hidden = new Set();
  const empty = make("p", { className: "none-left", hidden: true, textContent: "No row matches." });

  const search = make("input", { type: "search", placeholder: "part of a name" });
  const select = (options) => make("select", {}, ...options.map(([value, text]) => make("option", { value, textContent: text })));
  const kinds = select([["all", "all rows"], ["measured", "measured"], ["published", "published"]]);
  const labels = select(views.map((view, place) => [String(place), view.dataset.name]));
  const count = make("span", { className: "count" });
  const boxes = metrics.map((metric) => make("input", { type: "checkbox", checked: true, value: metric }));

  const columns = () => {
    for (const table of tables) {
      const names = heads(table).map((cell) => cell.dataset.key);
      const rows = [...table.tHead.rows, ...[...table.tBodies].flatMap((body) => [...body.rows])];
      for (const row of rows) {
        if (row.dataset.title !== undefined) continue;
        [...row.cells].forEach((cell, place) => { cell.hidden = place > 0 && hidden.has(names[place]); });
      }
      const shown = names.filter((name, place) => place > 0 && !hidden.has(name)).length;
      table.classList.toggle("most", shown > 14);
      table.classList.toggle("many", shown > 8 && shown <= 14);
    }
    count.textContent = `${metrics.length - hidden.size} of ${metrics.length}`;
  };

  const rows = () => {
    const wanted = search.value.trim().toLowerCase();
    let left = 0;
    views.forEach((view, place) => {
      view.hidden = String(place) !== labels.value;
      for (const body of view.querySelectorAll("tbody")) {
        const published = body.classList.contains("published");
        const measured = kinds.value !== "published";
        body.hidden = published ? kinds.value === "measured" : !measured;
        for (const row of body.rows) {
          if (row.dataset.title !== undefined) continue;
          const found = row.cells[0].textContent.toLowerCase().includes(wanted);
          const always = body.classList.contains("control") || body.classList.contains("reference");
          row.hidden = !found && !always;
          if (!view.hidden && !body.hidden && found) left += 1;
        }
      }
    });
    empty.hidden = left > 0;
  };

  const choose = (all) => {
    boxes.forEach((box) => { box.checked = all; });
    hidden.clear();
    if (!all) metrics.forEach((metric) => hidden.add(metric));
    columns();
  };
  boxes.forEach((box) => box.addEventListener("change", () => {
    if (box.checked) hidden.delete(box.value); else hidden.add(box.value);
    columns();
  }));
  const button = (text, action) => {
    const made = make("button", { type: "button", className: "plain", textContent: text });
    made.addEventListener("click", action);
    return made;
  };
  const picker = make("details", { className: "picker" },
    make("summary", {}, "Columns ", count),
    make("div", { className: "choices" },
      make("div", { className: "row" }, button("All", () => choose(true)), button("None", () => choose(false))),
      ...boxes.map((box) => make("label", {}, box, box.value))));
  document.addEventListener("click", (event) => { if (!picker.contains(event.target)) picker.open = false; });
  picker.addEventListener("keydown", (event) => { if (event.key === "Escape") picker.open = false; });

  search.addEventListener("input", rows);
  for (const each of [kinds, labels]) each.addEventListener("change", rows);
  const tools = make("div", { className: "tools" }, make("label", {}, "Find", search));
  if (part.querySelector("tbody.published")) tools.append(make("label", {}, "Rows", kinds));
  if (views.length > 1) tools.append(make("label", {}, "Tiles", labels));
  tools.append(picker, button("Print", () => window.print()));
  views[0].before(tools);
  views.at(-1).after(empty);
  columns();
  rows();
}
