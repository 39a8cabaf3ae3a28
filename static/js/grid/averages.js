// An average that does not know a value of its row yet is not shown as if it did: "…" until the next answer.
import { fieldOf } from "./page.js";
import { make } from "./parts.js";

const WORDS = "Chưa tính lại: dòng này có ô chưa lưu";
const UNSURE = ["wait", "stuck", "conflict", "refused"].map((name) => "td.cell.cell--" + name).join(", ");
const LONG = 700; // a save that takes longer is no longer a blink
const rows = new Set();
let asked = false, timer = 0;

// The marks of a cell have changed.
export function age(cell) {
  const row = cell.parentElement;
  if (!row || !cell.classList.contains("cell") || !fieldOf(cell)) return;
  rows.add(row);
  if (asked) return;
  asked = true;
  queueMicrotask(() => {
    asked = false;
    for (const one of rows) show(one, one.querySelector(UNSURE) !== null);
    clearTimeout(timer);
    timer = setTimeout(late, LONG);
  });
}

function late() {
  for (const row of rows) if (row.querySelector("td.cell.cell--saving")) show(row, true);
  rows.clear();
}

// The average as it was last answered, whatever is shown.
export const answered = (row) => (row.querySelector(".avg__was") || row.querySelector(".avg")).textContent.trim();

function show(row, old) {
  const average = row.querySelector(".avg");
  if (!average || average.classList.contains("avg--word")) return;
  const was = average.querySelector(".avg__was");
  if (Boolean(was) === old) return;
  average.classList.toggle("avg--old", old);
  if (old) {
    const kept = make("span", "avg__was", ...average.childNodes);
    kept.hidden = true;
    const dots = make("span", "", "…");
    dots.setAttribute("aria-hidden", "true");
    average.replaceChildren(kept, dots, make("span", "vh", WORDS));
    average.title = WORDS;
  } else {
    average.replaceChildren(...was.childNodes);
    average.removeAttribute("title");
  }
}
