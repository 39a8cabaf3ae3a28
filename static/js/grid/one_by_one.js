// Nhập từng em: one large cell at a time, for one hand. Big keys set the same cell that the grid shows; nothing is guessed and
// nothing moves on by itself.
import { body, cellOf, fieldOf, headOf, keyOf, nameOf, scored, shown } from "./page.js";
import { at, stand, step } from "./moving.js";
import { fill, leave, restore } from "./typing.js";
import { isOpen, onClose, panel } from "./panel.js";
import { explain } from "./words.js";
import { open as openMissed } from "./missed.js";
import { read } from "./reading.js";

const own = panel("one");
let typed = null; // what the keys have set since this cell is shown; null: nothing yet

function here() {
  if (at.cell && fieldOf(at.cell) && !at.cell.classList.contains("remark")) return at.cell;
  return body.querySelector(".cell--gap:has(input)") || body.querySelector("td.cell:has(input)");
}

function draw() {
  const cell = at.cell;
  own.querySelector("[data-one-name]").textContent = nameOf(cell.parentElement);
  own.querySelector("[data-one-what]").textContent = headOf(keyOf(cell));
  const seen = read(shown(cell), scored);
  own.querySelector("[data-one-value]").textContent = seen ? seen.text || "–" : shown(cell);
  const say = cell.querySelector(".cell__say:not([hidden])");
  own.querySelector("[data-one-state]").textContent = say ? say.textContent : "";
}

function show(cell) {
  typed = null;
  stand(cell);
  explain(cell);
  draw();
}

// From cell to cell down the column, over closed lines.
function move(by) {
  if (typed !== null) leave(at.cell);
  let cell = at.cell, next = step(cell, by, 0);
  while (next !== cell && !fieldOf(next)) { cell = next; next = step(cell, by, 0); }
  show(fieldOf(next) ? next : at.cell);
}

function press(key) {
  const cell = at.cell, before = typed === null ? "" : typed;
  if (key === "back") typed = before.slice(0, -1);
  else if (key === ",5") typed = (before || (read(shown(cell), scored) || { text: "" }).text.split(",")[0]).replace(/,.*/, "") + ",5";
  else if (key === ",") typed = before.includes(",") ? before : (before || "0") + ",";
  else if (/^\d+$/.test(key)) typed = /^\d,$/.test(before) && key.length === 1 ? before + key : key;
  else typed = key;
  fill(cell, typed);
  draw();
}

export function begin() {
  if (!own) return;
  own.addEventListener("panel:open", () => {
    const cell = here();
    if (document.activeElement) document.activeElement.blur(); // the tablet's keyboard goes
    if (cell) show(cell);
    own.querySelector("[data-one-step='1']").focus();
  });
  onClose("one", () => { if (typed !== null && at.cell) leave(at.cell); typed = null; });
  own.addEventListener("click", (event) => {
    const key = event.target.closest("[data-key]"), next = event.target.closest("[data-one-step]");
    if (key) press(key.dataset.key);
    else if (next) move(Number(next.dataset.oneStep));
    else if (event.target.closest("[data-one-missed]")) openMissed(at.cell);
    else if (event.target.closest("[data-one-restore]")) { restore(at.cell); typed = null; draw(); }
  });
  own.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.target.closest("[data-key], [data-one-missed], [data-one-restore]")) {
      move(event.shiftKey ? -1 : 1);
    } else if (/^[0-9,.]$/.test(event.key)) press(event.key === "." ? "," : event.key);
    else if (event.key === "Backspace") press("back");
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") move(event.key === "ArrowDown" ? 1 : -1);
    else return;
    event.preventDefault();
  });
  body.addEventListener("focusin", (event) => {
    const cell = cellOf(event.target);
    if (isOpen("one") && cell && fieldOf(cell)) { typed = null; draw(); }
  });
  new MutationObserver(() => { if (isOpen("one") && at.cell) draw(); }).observe(body, { subtree: true, childList: true, attributeFilter: ["class"] });
}
