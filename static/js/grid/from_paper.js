// Typing what was written on a printed sheet: the two digits beside the name first, then the marks. The digits of all rows
// differ (regulations/paper_codes.py), so a row that is not the one on the screen is told before any of its marks is typed.
import { make } from "./parts.js";
import { body, cellById, fieldOf, keyOf, nameOf, rowCells, shown } from "./page.js";
import { at, stand } from "./moving.js";
import { fill, leave } from "./typing.js";
import { announce } from "./words.js";
import { open, panel } from "./panel.js";

const box = panel("paper");
const find = (name) => box.querySelector("[data-paper-" + name + "]");
const codes = new Map();
let row = null, strange = 0;

const idOfRow = (of) => of.dataset.e;
const numberOf = (of) => of.querySelector(".no").textContent.trim();
const rows = () => Array.from(body.rows).filter((one) => rowCells(one).some((cell) => cell.classList.contains("cell") && fieldOf(cell)));
const fields = () => Array.from(find("marks").querySelectorAll("label:not([hidden]) input"));
const cellOfField = (field) => cellById(idOfRow(row) + "-" + field.parentElement.dataset.paperColumn);

function columns() {
  const only = find("columns").value;
  for (const label of find("marks").children) label.hidden = Boolean(only) && label.dataset.paperColumn !== only;
}

// Stand at a pupil: the code is asked for anew, the marks wait for it.
function show(of, { focus = true } = {}) {
  row = of;
  find("who").replaceChildren(make("small", "", "Dòng " + numberOf(row)), nameOf(row));
  find("code").value = "";
  trust(false);
  complain("");
  for (const label of find("marks").children) label.querySelector("input").value = shown(cellById(idOfRow(row) + "-" + label.dataset.paperColumn));
  const cell = cellById(idOfRow(row) + "-" + (find("columns").value || keyOf(rowCells(row)[0])));
  if (cell) stand(cell);
  if (focus) find("code").focus();
}

function trust(right) {
  find("ok").hidden = !right;
  for (const label of find("marks").children) {
    const field = label.querySelector("input"), cell = cellById(idOfRow(row) + "-" + label.dataset.paperColumn);
    field.disabled = !right || !cell || !fieldOf(cell);
  }
}

function complain(words, to) {
  const place = find("wrong");
  place.hidden = !words;
  place.replaceChildren(...(words ? [make("p", "", words)] : []));
  find("code").toggleAttribute("aria-invalid", Boolean(words));
  if (!words || !to) return;
  const button = make("button", "btn", "Sang dòng " + numberOf(to));
  button.type = "button";
  button.addEventListener("click", () => { show(to); });
  place.append(button);
}

function check() {
  const typed = find("code").value.trim();
  trust(false);
  if (typed.length < 2) { complain(""); return; }
  if (typed === codes.get(idOfRow(row))) {
    strange = 0;
    complain("");
    trust(true);
    const open_ = fields().filter((field) => !field.disabled);
    const next = open_.find((field) => !field.value) || open_[0];
    if (next) { next.focus(); next.select(); }
    announce("Đúng dòng " + numberOf(row) + ", " + nameOf(row));
    return;
  }
  const other = Array.from(body.rows).find((one) => codes.get(idOfRow(one)) === typed);
  const here = "dòng " + numberOf(row) + ", " + nameOf(row);
  if (other) {
    const apart = Number(numberOf(other)) - Number(numberOf(row));
    const likely = Math.abs(apart) === 1 ? " Có lẽ mắt đã lệch " + (apart > 0 ? "xuống" : "lên") + " một dòng." : "";
    complain("Mã " + typed + " là của dòng " + numberOf(other) + ", " + nameOf(other) + "; máy đang ở " + here + "." + likely
      + " Xin dò lại trên giấy rồi gõ lại mã.", rows().includes(other) ? other : null);
  } else {
    strange += 1;
    complain("Không em nào trong bảng này có mã " + typed + ". Xin xem lại hai chữ số"
      + (strange > 1 ? ", và mã phiếu ở góc giấy có phải " + box.dataset.sheetCode + " không: có thể đây là phiếu của bảng khác." : "."));
  }
  find("code").select();
}

// What was typed goes the way of every cell: outbox, history, undo.
function write(field) {
  const cell = cellOfField(field);
  if (!cell || !fieldOf(cell) || field.disabled || field.value.trim() === shown(cell).trim()) return;
  fill(cell, field.value);
  leave(cell);
  field.value = shown(cell);
}

function next(by) {
  const all = rows(), place = all.indexOf(row);
  const to = all[Math.max(0, Math.min(all.length - 1, place + by))];
  if (to === row && by > 0) announce("Đã đến em cuối bảng.");
  show(to || all[0]);
}

export function begin() {
  if (!box) return;
  for (const pair of box.dataset.codes.trim().split(/\s+/)) codes.set(...pair.split(":"));
  box.addEventListener("panel:open", () => {
    columns();
    const stands = at.visited && at.cell ? at.cell.parentElement : null;
    const gap = body.querySelector("tr:not(.row--closed) .cell--gap");
    show(rows().includes(stands) ? stands : gap ? gap.parentElement : rows()[0]);
  });
  find("columns").addEventListener("change", () => { columns(); show(row, { focus: true }); });
  find("code").addEventListener("input", check);
  find("code").addEventListener("keydown", (event) => {
    if (event.key === "Enter") { check(); event.preventDefault(); }
  });
  find("marks").addEventListener("change", (event) => write(event.target));
  find("marks").addEventListener("focusin", (event) => {
    const cell = event.target.tagName === "INPUT" && cellOfField(event.target);
    if (cell) stand(cell);
    event.target.select();
  });
  find("marks").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    write(event.target);
    const list = fields().filter((field) => !field.disabled), after = list[list.indexOf(event.target) + 1];
    if (after) { after.focus(); after.select(); } else next(1);
  });
  box.addEventListener("click", (event) => {
    const button = event.target.closest("[data-paper-step]");
    if (button) next(Number(button.dataset.paperStep));
  });
  if (new URLSearchParams(location.search).has("giay") && rows().length) {
    open("paper");
    box.dispatchEvent(new CustomEvent("panel:open"));
  }
}
