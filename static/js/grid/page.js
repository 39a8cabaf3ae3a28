// The sheet as it stands on the page: its cells, their names and their fields. Knows nothing of typing or sending.
export const sheet = document.getElementById("sheet");
export const table = sheet.querySelector("table");
export const body = table.tBodies[0];
export const scored = sheet.dataset.kind === "scored";
export const sheetId = sheet.dataset.sheet;
export const canEdit = sheet.dataset.edit === "1";

export const CELLS = "td.cell, td.remark"; // what holds a value
export const STOPS = "td.cell, td.avg, td.remark"; // where arrows lead: an average is read like a cell and never typed
export const cellOf = (element) => (element instanceof Element ? element.closest(STOPS) : null);
export const fieldOf = (cell) => cell.querySelector("input, textarea");
export const targetOf = (cell) => fieldOf(cell) || cell;
export const idOf = (cell) => cell.id.slice(2);
export const keyOf = (cell) => idOf(cell).split("-")[1];
export const cellById = (id) => document.getElementById("c-" + id);
export const isAverage = (cell) => cell.classList.contains("avg");
export const clashOf = (cell) => document.getElementById("clash-" + idOf(cell)); // its card stands beside the grid
export const rowStops = (row) => Array.from(row.querySelectorAll(STOPS));
export const rowCells = (row) => Array.from(row.querySelectorAll(CELLS));
export const nameOf = (row) => {
  const name = row.querySelector(".name");
  return (name.firstChild.textContent.trim() + " " + name.querySelector("b").textContent).trim();
};
export const headOf = (key) => {
  if (!key) return scored ? "điểm trung bình" : "kết quả học kì"; // an average is no cell of its own
  const th = document.getElementById("h-" + key);
  return !th ? "" : /^TX/.test(key) ? "thường xuyên " + key.slice(2) : th.textContent.trim().toLowerCase();
};
export const shown = (cell) => {
  const field = fieldOf(cell);
  return field ? field.value : (cell.querySelector(".cell__v, span") || { textContent: "" }).textContent;
};
export const whereOf = (cell) => nameOf(cell.parentElement) + ", " + headOf(keyOf(cell));
