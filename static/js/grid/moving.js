// Moving in the grid (the ARIA grid pattern): one stop of the Tab key, arrows, edges, pages, and what counts as editing.
import { explain } from "./words.js";
import { body, canEdit, CELLS, cellOf, fieldOf, isAverage, rowCells, rowStops, sheet, STOPS, table, targetOf } from "./page.js";

// `along`: going on by the Tab key from a cell that was typed in.
export const at = { cell: null, editing: false, visited: false, along: false };

export function rove(cell) {
  if (at.cell && at.cell !== cell) {
    targetOf(at.cell).tabIndex = -1;
    document.dispatchEvent(new CustomEvent("grid:off", { detail: at.cell }));
  }
  at.cell = cell;
  targetOf(cell).tabIndex = 0;
}

export function go(cell) {
  if (!cell) return;
  at.visited = true;
  rove(cell);
  targetOf(cell).focus({ preventScroll: true });
  reveal(cell);
}

// To stand in a cell without the focus: the read-back and the one-by-one card would open the keyboard of a tablet.
export function stand(cell) {
  body.querySelectorAll(".cell--focus, .here").forEach((old) => old.classList.remove("cell--focus", "here"));
  rove(cell);
  at.visited = true;
  cell.classList.add("cell--focus");
  cell.parentElement.classList.add("here");
  explain(cell);
  reveal(cell);
}

// The sticky head and names must not lie over the cell that has the focus.
export function reveal(cell) {
  const view = sheet.getBoundingClientRect(), box = cell.getBoundingClientRect();
  const top = view.top + table.tHead.offsetHeight;
  const left = cell.parentElement.querySelector(".name").getBoundingClientRect().right;
  if (box.top < top) sheet.scrollTop -= top - box.top + 4;
  else if (box.bottom > view.bottom - 6) sheet.scrollTop += box.bottom - view.bottom + 10;
  if (box.left < left) sheet.scrollLeft -= left - box.left + 4;
  else if (box.right > view.right) sheet.scrollLeft += box.right - view.right + 10;
  // Where the page itself scrolls (a page of 200 %), neither its top nor its foot lies over the cell.
  const nav = document.querySelector(".nav"), foot = nav ? nav.getBoundingClientRect() : null;
  const low = foot && foot.top > innerHeight / 2 && foot.height ? foot.top : innerHeight;
  for (const scroller of [sheet.closest("main"), document.scrollingElement]) {
    const now = cell.getBoundingClientRect(), high = document.querySelector(".topbar").getBoundingClientRect().bottom;
    const off = now.top < high ? now.top - high - 4 : now.bottom > low ? Math.min(now.bottom - low + 4, now.top - high - 4) : 0;
    if (off) scroller.scrollTop += off;
  }
}

const within = (list, n) => list[Math.max(0, Math.min(list.length - 1, n))];
export function step(cell, dy, dx) {
  const rows = Array.from(body.rows);
  const row = within(rows, rows.indexOf(cell.parentElement) + dy);
  return within(rowStops(row), rowStops(cell.parentElement).indexOf(cell) + dx);
}

// Along the row from a typed cell: nothing is typed into an average, so no key is spent on it.
function along(cell, dx) {
  const to = step(cell, 0, dx);
  return isAverage(to) ? step(to, 0, dx) : to;
}

// The cell that many rows and columns away, or null outside the sheet: a pasted block must not pile up at the edge.
export function exactly(cell, dy, dx) {
  const row = body.rows[Array.from(body.rows).indexOf(cell.parentElement) + dy];
  return (row && rowCells(row)[rowCells(cell.parentElement).indexOf(cell) + dx]) || null;
}

export function edit(cell, on) {
  at.editing = on && Boolean(fieldOf(cell));
  cell.classList.toggle("cell--typing", at.editing);
  cell.classList.toggle("cell--focus", !at.editing && at.cell === cell);
}

export function choose(cell) {
  const field = fieldOf(cell);
  if (field && field.tagName === "INPUT") field.select();
  else if (field) field.setSelectionRange(field.value.length, field.value.length); // words are added after those that stand
}

const PAGE = 10;
const EDGES = { Home: [0, -999], End: [0, 999], PageUp: [-PAGE, 0], PageDown: [PAGE, 0] };
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

// Where a key leads, or null when the key is not one of moving here.
export function target(cell, event) {
  const { key } = event, long = event.target.tagName === "TEXTAREA";
  if (event.altKey || event.metaKey) return null;
  if (key === "Enter") return step(cell, event.shiftKey ? -1 : 1, 0);
  if (key === "Tab" && (at.editing || at.along)) {
    const to = along(cell, event.shiftKey ? -1 : 1);
    return to === cell && !at.editing ? null : to; // at the edge the key leads out of the grid again
  }
  if (ARROWS[key] && !event.ctrlKey && (!at.editing || (!long && ARROWS[key][0]))) return step(cell, ...ARROWS[key]);
  if (event.ctrlKey && !at.editing && key === "Home") return rowStops(body.rows[0])[0];
  if (event.ctrlKey && !at.editing && key === "End") return rowStops(body.rows[body.rows.length - 1]).at(-1);
  if (EDGES[key] && (!at.editing || key.startsWith("Page"))) return step(cell, ...EDGES[key]);
  return null;
}

export function begin() {
  sheet.tabIndex = -1;
  for (const cell of body.querySelectorAll(STOPS)) {
    const field = targetOf(cell);
    if (canEdit && isAverage(cell)) cell.setAttribute("aria-readonly", "true");
    field.tabIndex = -1;
    if (field.tagName === "INPUT") field.enterKeyHint = "next";
  }
  const asked = location.hash.startsWith("#c-") && document.getElementById(location.hash.slice(1));
  const first = (asked && cellOf(asked)) || body.querySelector(".cell--gap") || body.querySelector(CELLS);
  if (!first) return;
  rove(first);
  if (asked || !matchMedia("(pointer: coarse)").matches) go(first); // a tablet's keyboard would cover the sheet
}
