"use strict";
(() => {
  // Paper shows what a click would open.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = Array.from(document.querySelectorAll("details:not([open])"));
    opened.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((details) => { details.open = false; }));

  const table = document.getElementById("case-table");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const headers = Array.from(table.tHead.rows[0].cells);
  const textOrder = new Intl.Collator(undefined, { numeric: true });

  const number = (row, column) => {
    const text = row.cells[column].dataset.value;
    if (text === "") return NaN;
    return text === "inf" ? Infinity : text === "-inf" ? -Infinity : Number(text);
  };

  // Undefined scores stay last in either direction: they are neither best nor worst.
  const byNumber = (column, sign) => (a, b) => {
    const x = number(a, column), y = number(b, column);
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return x === y ? 0 : sign * (x < y ? -1 : 1);
  };
  const byText = (column, sign) => (a, b) =>
    sign * textOrder.compare(a.cells[column].textContent, b.cells[column].textContent);

  const sort = (column) => {
    const header = headers[column];
    const descending = header.getAttribute("aria-sort") === "ascending";
    headers.forEach((other) => other.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const order = header.dataset.sort === "number" ? byNumber : byText;
    rows.sort(order(column, descending ? -1 : 1));
    body.append(...rows);
  };

  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sort(column));
    header.append(button);
  });

  const filters = document.querySelector(".filters");
  const value = (id) => document.getElementById(id)?.value ?? "";
  const filter = () => {
    const part = value("filter-case").trim().toLowerCase();
    const wantedClass = value("filter-class"), wantedStatus = value("filter-status");
    let shown = 0;
    for (const row of rows) {
      const data = row.dataset;
      row.hidden = !(data.case.toLowerCase().includes(part) &&
        (!wantedClass || data.class === wantedClass) && (!wantedStatus || data.status === wantedStatus));
      if (!row.hidden) shown += 1;
    }
    document.getElementById("shown").textContent = `${shown} of ${rows.length} rows`;
  };
  filters.addEventListener("input", filter);
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.hidden = false;
  filter();
})();
