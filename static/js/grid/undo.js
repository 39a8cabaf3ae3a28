// Taking back and doing again: the last fifty acts of this page's person, a paste counting as one. The server takes
// back its own versions (services/score_operations.py); here stands only which act, and what to show meanwhile.
import { body, cellById, fieldOf, sheetId } from "./page.js";
import { announce } from "./words.js";
import { at, go } from "./moving.js";
import { account, add, newKey, on } from "./sender.js";
import { showAll } from "./typing.js";

const MOST = 50;
const NAME = "hocbaso-acts:" + account + ":" + sheetId;
let done = [], undone = [];
const buttons = { undo: document.querySelector("[data-undo]"), redo: document.querySelector("[data-redo]") };

function keep() {
  if (buttons.undo) buttons.undo.disabled = !done.length;
  if (buttons.redo) buttons.redo.disabled = !undone.length;
  try { sessionStorage.setItem(NAME, JSON.stringify({ done, undone })); } catch (_) { /* only for after a reload */ }
}

// A typed text that replaced one not sent yet is the same act.
function remember({ op, cells, added }) {
  const act = { op, cells };
  done.push(act);
  undone = [];
  if (done.length > MOST) done.shift();
  keep();
  added.then((item) => {
    if (item.op === op) return;
    const earlier = done.find((one) => one.op === item.op);
    done = done.filter((one) => one !== act);
    if (earlier) earlier.cells[0].after = cells[0].after;
    keep();
  });
}

function forget(op) {
  const had = done.length + undone.length;
  done = done.filter((act) => act.op !== op);
  undone = undone.filter((act) => act.op !== op);
  if (done.length + undone.length !== had) keep();
}

function turn(from, to, kind, text, words) {
  const act = from.pop();
  if (!act) return;
  const cells = act.cells.filter((one) => cellById(one.id) && fieldOf(cellById(one.id)));
  const op = newKey();
  showAll(cells.map((one) => ({ cell: cellById(one.id), text: one[text] })));
  add(kind, sheetId, cells.map((one) => ({ id: one.id, raw: "", version: 0 })), op, act.op);
  to.push({ op, cells: act.cells });
  keep();
  announce(words + (cells.length > 1 ? " " + cells.length + " ô" : ""));
  if (cells.length) go(cellById(cells[0].id));
}
const undo = () => turn(done, undone, "undone", "before", "Hoàn tác");
const redo = () => turn(undone, done, "redone", "after", "Làm lại");

export function begin() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(NAME) || "{}");
    done = kept.done || [];
    undone = kept.undone || [];
  } catch (_) { /* an empty past */ }
  keep();
  for (const [name, button] of Object.entries(buttons)) {
    if (button) button.addEventListener("click", () => (name === "undo" ? undo() : redo()));
  }
  document.addEventListener("keydown", (event) => {
    const inGrid = body.contains(event.target) || event.target === document.body;
    if (!inGrid || !(event.ctrlKey || event.metaKey) || event.altKey || (at.editing && body.contains(event.target))) return;
    const key = event.key.toLowerCase();
    if (key === "z" && !event.shiftKey) undo();
    else if (key === "y" || (key === "z" && event.shiftKey)) redo();
    else return;
    event.preventDefault();
  });
  document.addEventListener("grid:act", (event) => remember(event.detail));
  document.addEventListener("hocbaso:signing-out", () => sessionStorage.removeItem(NAME));
  // What was not written cannot be taken back.
  on("answer", (item, status, found, _kept) => {
    if (status !== 200) forget(item.op);
    else if (item.kind !== "typed" && !found.querySelector('#outcomes [data-outcome="written"]')) forget(item.op);
  });
}
