// Typing in a cell, leaving it, and taking back what was not left yet.
import { body, cellById, cellOf, clashOf, fieldOf, idOf, isAverage, scored, sheetId, targetOf } from "./page.js";
import { announce, explain, mark, markMany, tellOpen } from "./words.js";
import { at, choose, edit, go, rove, target } from "./moving.js";
import { account, add, isLoose, isStuck, newKey, PAGE, refresh, state } from "./sender.js";
import { make } from "./parts.js";
import { drop } from "./store.js";
import { putAway } from "./clash.js";
import { read, unsure } from "./reading.js";

let filled = null; // a cell with a value set by a button that is not on its way yet: no field tells that it is left

const waiting = () => (state.failures ? "wait" : "saving");

// Put values into the outbox as one act. `cells`: [{cell, raw, text}]; `text` is shown until the answer comes.
export function send(kind, cells, { version } = {}) {
  const op = newKey();
  const acts = cells.map(({ cell, text }) => ({ id: idOf(cell), before: standing(cell), after: text }));
  const items = cells.map(({ cell, raw }) => ({
    id: idOf(cell), raw, version: version !== undefined ? version : Number(cell.dataset.v),
  }));
  for (const { cell, raw, text } of cells) set(cell, text === undefined ? raw : text);
  if (cells.length === 1) mark(cells[0].cell, waiting());
  else markMany(cells.map(({ cell }) => cell), waiting());
  const added = add(kind, sheetId, items, op);
  document.dispatchEvent(new CustomEvent("grid:act", { detail: { op, cells: acts, added } }));
  return added;
}

export const standing = (cell) => (cell.dataset.queued !== undefined ? cell.dataset.queued : fieldOf(cell).defaultValue);

function set(cell, text) {
  fieldOf(cell).value = text;
  cell.dataset.queued = text;
  delete cell.dataset.refused;
}

// Show values that are on their way: [{cell, text}].
export function showAll(list) {
  for (const { cell, text } of list) set(cell, text);
  markMany(list.map(({ cell }) => cell), waiting());
}

// The mark of a cell in which nobody types.
export function markAsIs(cell) {
  const words = cell.dataset.refused || cell.dataset.hint;
  if (words) cell.title = words;
  else cell.removeAttribute("title");
  if (cell.dataset.refused !== undefined) mark(cell, "refused");
  else if (clashOf(cell)) mark(cell, "conflict");
  else mark(cell, cell.dataset.queued !== undefined ? waiting() : "");
}

const isHeld = (cell) => state.items.some((item) => item.held && item.sheet === sheetId && item.cells.some((one) => one.id === idOf(cell)));

export function leave(cell) {
  if (filled === cell) filled = null;
  const field = fieldOf(cell), clash = clashOf(cell);
  if (!field || cell.dataset.refused !== undefined) return;
  const before = clash ? clash.dataset.mine : standing(cell);
  const seen = field.tagName === "INPUT" ? read(field.value, scored) : null;
  const says = cell.querySelector(".cell__say:not(.cell__say--live)");
  if (field.value.trim() === before.trim() || (seen && !seen.missed && seen.text === before && !says)) {
    field.value = before;
    markAsIs(cell);
    if (!clash && isHeld(cell)) drop(account, sheetId, idOf(cell)).then(refresh); // a refused text that was taken out again
    return;
  }
  // Over an open question: the new text goes the same way, upon what was seen then, and comes back on a card of its own.
  const version = clash ? Number(clash.dataset.seen) : undefined;
  if (clash) putAway(clash);
  send("typed", [{ cell, raw: field.value, text: seen ? seen.text : field.value }], { version });
}

export function restore(cell) {
  if (filled === cell) filled = null;
  const field = fieldOf(cell), clash = clashOf(cell);
  if (field) field.value = clash ? clash.dataset.mine : cell.dataset.refused !== undefined ? field.defaultValue : standing(cell);
  if (!clash && (cell.dataset.refused !== undefined || isHeld(cell))) drop(account, sheetId, idOf(cell)).then(refresh);
  delete cell.dataset.refused;
  markAsIs(cell);
  tellOpen();
}

// A value set by a button instead of a key.
export function fill(cell, raw) {
  const field = fieldOf(cell);
  if (!field) return;
  filled = cell;
  field.value = raw;
  delete cell.dataset.refused;
  preview(cell);
  explain(cell);
}

// A tap on the cell one stands in puts the caret between its digits, after this event: what is typed replaces them all the same.
function chooseAgain(cell) {
  const field = fieldOf(cell);
  if (field === document.activeElement && !at.editing && field.tagName === "INPUT" && field.selectionStart === field.selectionEnd) choose(cell);
}

function preview(cell) {
  const field = fieldOf(cell);
  if (field.tagName !== "INPUT") return;
  const seen = read(field.value, scored);
  const doubt = scored && unsure(field.value);
  mark(cell, "typing", seen && seen.text && seen.text !== field.value ? "ghi " + seen.text : doubt && doubt + " hay 10?");
}

export function begin() {
  body.addEventListener("focusin", (event) => {
    const cell = cellOf(event.target);
    if (!cell) return;
    body.querySelectorAll(".cell--focus, .here").forEach((old) => old.classList.remove("cell--focus", "here"));
    at.visited = true;
    rove(cell);
    at.editing = false;
    cell.classList.add("cell--focus");
    cell.parentElement.classList.add("here");
    choose(cell);
    explain(cell);
    document.dispatchEvent(new CustomEvent("grid:stand"));
  });
  body.addEventListener("focusout", (event) => {
    const cell = cellOf(event.target);
    if (!cell) return;
    cell.classList.remove("cell--focus", "cell--typing");
    cell.parentElement.classList.remove("here");
    at.editing = false;
    leave(cell);
  });
  body.addEventListener("click", (event) => {
    const cell = cellOf(event.target);
    if (!cell) return;
    at.along = false;
    if (document.activeElement !== targetOf(cell)) go(cell);
    else if (event.detail === 1) setTimeout(chooseAgain, 0, cell);
  });
  body.addEventListener("dblclick", (event) => {
    const cell = cellOf(event.target);
    if (cell && fieldOf(cell)) edit(cell, true);
  });
  body.addEventListener("input", (event) => {
    const cell = cellOf(event.target);
    if (cell) changed(cell);
  });
  body.addEventListener("keydown", keys);
  document.addEventListener("grid:off", (event) => { if (event.detail === filled) leave(filled); });
  document.addEventListener("grid:leave", () => { if (filled) leave(filled); });
  document.getElementById("sheet-form").addEventListener("submit", (event) => event.preventDefault());
}

function changed(cell) {
  delete cell.dataset.refused;
  edit(cell, true);
  preview(cell);
  document.dispatchEvent(new CustomEvent("grid:typed", { detail: cell }));
  explain(cell);
}

function keys(event) {
  const cell = cellOf(event.target);
  if (!cell || event.isComposing || event.defaultPrevented) return;
  const field = fieldOf(cell);
  if (isAverage(cell) && (event.key === "Enter" || event.key === " ")) {
    cell.click(); // opens how it comes about
  } else if (event.key === "Escape") {
    at.along = false;
    restore(cell);
    edit(cell, false);
    choose(cell);
    explain(cell);
  } else if (event.key === "F2") {
    edit(cell, true);
    if (field) field.setSelectionRange(field.value.length, field.value.length);
  } else if (event.key === "Delete" && !at.editing && field && field.tagName === "INPUT") { // a remark is words: letter by letter
    field.value = "";
    changed(cell);
  } else {
    const to = target(cell, event);
    if (!to) return;
    at.along = event.key === "Tab";
    if (to === cell) { leave(cell); edit(cell, false); choose(cell); } else go(to);
  }
  event.preventDefault();
}

// After a reload: what is still on its way stands in its cell again, what was refused says so again. What was typed on this
// very page while the outbox was being opened is no news.
export function recall() {
  const earlier = state.items.filter((item) => item.sheet === sheetId && item.page !== PAGE);
  for (const item of earlier) {
    for (const one of item.cells) {
      const cell = cellById(one.id), field = cell && fieldOf(cell);
      if (!field) continue;
      if (item.kind === "undone" || item.kind === "redone") { mark(cell, waiting()); continue; }
      if (item.held === "refused") {
        field.value = one.raw;
        cell.dataset.refused = cell.title = item.words;
        mark(cell, "refused");
        continue;
      }
      const seen = field.tagName === "INPUT" ? read(one.raw, scored) : null;
      showAll([{ cell, text: seen ? seen.text : one.raw }]);
    }
  }
  tellOpen();
  if (earlier.length) announce("Máy còn giữ " + earlier.length + " lần ghi chưa gửi, đang gửi.");
}

// The states of waiting cells follow the network, and tell where the server broke on one of them.
export function follow() {
  const unkept = (item) => (isLoose(item) ? "chưa giữ" : undefined); // there is room for two words
  const stuck = new Set(state.items.filter((item) => item.sheet === sheetId && isStuck(item)).flatMap((item) => item.cells.map((one) => one.id)));
  for (const item of state.items) {
    if (item.sheet !== sheetId || item.held) continue;
    const words = state.signIn ? "chờ đăng nhập" : unkept(item);
    const state_ = item.cells.some((one) => stuck.has(one.id)) ? "stuck" : waiting();
    const cells = item.cells.map((one) => cellById(one.id)).filter((cell) => cell && fieldOf(cell)
      && !(document.activeElement === fieldOf(cell) && at.editing) && (!cell.classList.contains("cell--" + state_) || words));
    if (state_ === "stuck" && cells.length) announce(STUCK);
    if (item.cells.length > 1) markMany(cells, state_, words && (() => words));
    else for (const cell of cells) {
      mark(cell, state_, words);
      if (isLoose(item)) cell.querySelector(".cell__say--live").append(make("span", "vh", " được trong máy, đừng tải lại trang"));
    }
  }
  tellOpen();
}
const STUCK = "Có ô chưa lưu được vì máy chủ gặp lỗi ở đúng ô ấy. Máy giữ lại và tự thử tiếp; các ô khác vẫn được lưu.";
