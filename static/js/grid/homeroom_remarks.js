// The homeroom teacher's remark, in the matrix and on a pupil's page: the same bank, dictation and quiet word as in the grid.
import { begin as dictation, isAble } from "./dictation.js";
import { begin as phrases, close, isOpen, open } from "./phrases.js";
import { look, note, room } from "./remark_look.js";

const place = document.getElementById("remark-note");
const isField = (element) => element instanceof HTMLTextAreaElement && element.dataset.remark !== undefined;
let here = document.querySelector(".one textarea[data-remark]");

const level = (field) => (field.closest("[data-level]") || { dataset: {} }).dataset.level || "";

function stand() {
  for (const button of document.querySelectorAll("[data-phrases]")) button.hidden = !here;
  for (const button of document.querySelectorAll("[data-dictate]")) button.hidden = !here || !isAble;
}

function show(field) {
  if (field !== here) return;
  const left = room(field);
  note(place, left || field.dataset.hint || "", left ? "circle-alert" : "circle-help");
}

phrases({ isField, level });
dictation({ field: () => here, say: (words) => note(place, words, "info") });
document.addEventListener("focusin", (event) => {
  if (isField(event.target)) here = event.target;
  else if (event.target.matches("input, select") && event.target.closest(".grid")) here = null;
  else return;
  stand();
  if (here) show(here);
  else note(place, "");
});
document.addEventListener("input", (event) => {
  const field = event.target;
  if (!isField(field)) return;
  field.dataset.changed = "";
  show(field);
  look(field, field.dataset.remark, (words) => { field.dataset.hint = words; show(field); });
});
// A phrase that was put in is no typing for the browser, so it tells of no change: tell it for it.
document.addEventListener("change", (event) => { if (isField(event.target)) delete event.target.dataset.changed; }, true);
document.addEventListener("focusout", (event) => {
  const field = event.target;
  if (isField(field) && field.dataset.changed !== undefined && field.hasAttribute("hx-post")) {
    setTimeout(() => { if (field.dataset.changed !== undefined && field.isConnected) field.dispatchEvent(new Event("change", { bubbles: true })); });
  }
});
document.addEventListener("mousedown", (event) => { if (event.target.closest("[data-phrases]")) event.preventDefault(); });
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-phrases]") || !here) return;
  if (isOpen()) { close(); return; }
  if (document.activeElement !== here && event.detail) here.focus();
  open(here, { focus: event.detail === 0 });
});
stand();
