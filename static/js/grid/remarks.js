// Remarks in the grid: the bank and dictation under the hand of a remark, and the quiet word about it.
import { answered } from "./averages.js";
import { begin as dictation, isAble } from "./dictation.js";
import { begin as phrases, close, isOpen, nearest, open } from "./phrases.js";
import { look, note, room } from "./remark_look.js";
import { body, canEdit, cellOf, fieldOf, idOf, sheet } from "./page.js";
import { at, go } from "./moving.js";
import { announce } from "./words.js";

const place = document.getElementById("remark-note");
const isField = (element) => element instanceof HTMLTextAreaElement && body.contains(element);
const here = () => (at.cell && at.cell.classList.contains("remark") ? fieldOf(at.cell) : null);
const level = (field) => nearest(answered(field.closest("tr")));

function show(field) {
  if (field !== here()) return;
  const left = room(field), hint = cellOf(field).dataset.hint || "";
  note(place, left || hint, left ? "circle-alert" : "circle-help");
}

function tell(field, words) {
  const cell = cellOf(field);
  if (words === (cell.dataset.hint || "")) return;
  cell.classList.toggle("cell--ask", Boolean(words || cell.dataset.ask));
  if (words) cell.dataset.hint = cell.title = words;
  else {
    delete cell.dataset.hint;
    cell.removeAttribute("title");
  }
  if (words) announce(words);
  show(field);
}

function stand() {
  const field = here();
  for (const button of document.querySelectorAll("[data-phrases]")) button.hidden = !field;
  for (const button of document.querySelectorAll("[data-dictate]")) button.hidden = !field || !isAble;
  for (const button of document.querySelectorAll("[data-missed]")) button.hidden = Boolean(field);
  if (field) show(field);
  else note(place, "");
}

export function begin() {
  if (!canEdit) return;
  phrases({ isField, level });
  dictation({ field: here, say: (words) => { note(place, words, "info"); announce(words); } });
  document.addEventListener("grid:stand", stand);
  body.addEventListener("input", (event) => {
    const field = event.target;
    if (!isField(field)) return;
    show(field);
    look(field, location.pathname.replace(/\/$/, "") + "/nhan-xet/" + idOf(cellOf(field)).split("-")[0], (words) => tell(field, words));
  });
  document.addEventListener("mousedown", (event) => { if (event.target.closest("[data-phrases]")) event.preventDefault(); });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-phrases]") || !here()) return;
    const field = here();
    if (isOpen()) { close(); return; }
    const keyboard = event.detail === 0; // by key, not by pointer: the list takes the focus
    if (document.activeElement !== field && !keyboard) go(at.cell);
    open(field, { focus: keyboard });
  });
  sheet.addEventListener("scroll", () => { if (isOpen() && document.activeElement === here()) close(); }, { passive: true });
}
