"use strict";
// Sorts the rows of each body of a table marked data-sortable; the page is complete without it.
for (const table of document.querySelectorAll("table[data-sortable]")) {
  const heads = [...[...table.tHead.rows].at(-1).cells];
  const bodies = [...table.tBodies].map((body) => ({
    body,
    title: [...body.rows].filter((row) => row.dataset.title !== undefined),
    rows: [...body.rows].filter((row) => row.dataset.title === undefined),
  }));

  const compare = (column, sign, numeric) => (one, other) => {
    const [a, b] = [one, other].map((row) => row.cells[column].dataset.value);
    if (a === "" || b === "") return (a === "") - (b === "");
    return sign * (numeric ? Number(a) - Number(b) : a.localeCompare(b));
  };

  const sort = (head, column) => {
    const best = head.dataset.first;
    const worst = best === "ascending" ? "descending" : "ascending";
    const order = { [best]: worst, [worst]: "none" }[head.getAttribute("aria-sort")] ?? best;
    for (const each of heads) if (each.dataset.first) each.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", order);
    for (const { body, title, rows } of bodies) {
      const sign = order === "ascending" ? 1 : -1;
      const numeric = head.dataset.numeric !== undefined;
      const sorted = order === "none" ? rows : [...rows].sort(compare(column, sign, numeric));
      body.append(...title, ...sorted);
    }
  };

  heads.forEach((head, column) => {
    if (!head.dataset.first) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head, column));
    head.append(button);
    head.setAttribute("aria-sort", "none");
  });
}
