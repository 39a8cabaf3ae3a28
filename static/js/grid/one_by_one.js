// Nhập từng em: one large cell at a time, for one hand. Big keys set the same cell that the grid shows; nothing is guessed and
// nothing moves on by itself.
import { body, cellOf, fieldOf, headOf, keyOf, nameOf, scored, shown } from "./page.js";
import { at, stand, step } from "./moving.js";
import { fill, leave, restore } from "./typing.js";
import { isOpen, onClose, panel } from "./panel.js";
import { open as openMissed } from "./missed.js";
import { read, why } from "./reading.js";

const own = panel("one");
let typed = null, not = ""; // what the keys have set since this cell is shown (null: nothing yet); why the last key was not taken

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
  own.querySelector("[data-one-state]").textContent = not || (say ? say.textContent : "");
}

function show(cell) {
  typed = null;
  not = "";
  stand(cell);
  draw();
}

// From cell to cell down the column, over closed lines.
function move(by) {
  let cell = at.cell, next = step(cell, by, 0);
  while (next !== cell && !fieldOf(next)) { cell = next; next = step(cell, by, 0); }
  show(fieldOf(next) ? next : at.cell);
}

function press(key) {
  const cell = at.cell, before = typed === null ? "" : typed;
  let to = key;
  if (key === "back") to = before.slice(0, -1);
  else if (key === ",5") to = (before || (read(shown(cell), scored) || { text: "" }).text.split(",")[0]).replace(/,.*/, "") + ",5";
  else if (key === ",") to = before.includes(",") ? before : (before || "0") + ",";
  else if (/^\d$/.test(key)) to = before + key; // 1 0 is 10, 8 5 is 8,5: read as in the grid
  // What can become no score any more is not taken, and says so before anybody goes on.
  not = !scored || read(to, scored) || /^(10|\d),$/.test(to) ? "" : why(to, scored);
  if (!not) {
    typed = to;
    fill(cell, typed);
  }
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
  onClose("one", () => { if (typed !== null && at.cell) leave(at.cell); typed = null; not = ""; });
  own.addEventListener("click", (event) => {
    const key = event.target.closest("[data-key]"), next = event.target.closest("[data-one-step]");
    if (key) press(key.dataset.key);
    else if (next) move(Number(next.dataset.oneStep));
    else if (event.target.closest("[data-one-missed]")) openMissed(at.cell);
    else if (event.target.closest("[data-one-restore]")) { restore(at.cell); typed = null; not = ""; draw(); }
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
    if (isOpen("one") && cell && fieldOf(cell)) { typed = null; not = ""; draw(); }
  });
  new MutationObserver(() => { if (isOpen("one") && at.cell) draw(); }).observe(body, { subtree: true, childList: true, attributeFilter: ["class"] });
}
