// Typing what was written on a printed sheet: the two digits beside the name first, then the marks. The digits of all rows
// differ (regulations/paper_codes.py), so a row that is not the one on the screen is told before any of its marks is typed.
import { make } from "./parts.js";
import { body, cellById, fieldOf, headOf, keyOf, nameOf, rowCells, scored, shown } from "./page.js";
import { at, stand } from "./moving.js";
import { fill, leave } from "./typing.js";
import { announce } from "./words.js";
import { onClose, open, panel } from "./panel.js";
import { read, why } from "./reading.js";

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
  keep();
  row = of;
  find("who").replaceChildren(make("small", "", "Dòng " + numberOf(row)), nameOf(row));
  find("code").value = "";
  trust(false);
  complain("");
  for (const label of find("marks").children) {
    const cell = cellById(idOfRow(row) + "-" + label.dataset.paperColumn);
    label.querySelector("input").value = shown(cell);
    doubt(label.querySelector("input"), cell.dataset.refused !== undefined);
  }
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

function doubt(field, wrong) {
  if (wrong) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

// `to`: the row that is offered; `of`: the field of a mark that is meant, else it is the code.
function complain(words, to, of) {
  const place = find("wrong");
  place.hidden = !words;
  place.replaceChildren(...(words ? [make("p", "", words)] : []));
  doubt(find("code"), Boolean(words) && !of);
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

// What was typed goes the way of every cell: outbox, history, undo. False for what is not written: it is marked, the hand
// goes on along the line (the eyes are on the paper), and the page stays with this pupil until it is mended.
function write(field) {
  const cell = cellOfField(field);
  if (!cell || !fieldOf(cell) || field.disabled) return true;
  if (field.value.trim() === shown(cell).trim()) return cell.dataset.refused === undefined && Boolean(read(field.value, scored));
  const words = read(field.value, scored) ? "" : why(field.value, scored);
  if (words) refuse(field, words);
  else if (field.hasAttribute("aria-invalid")) complain("");
  doubt(field, Boolean(words));
  fill(cell, field.value);
  leave(cell);
  field.value = shown(cell);
  return !words;
}

function refuse(field, words) {
  doubt(field, true);
  complain("Chưa ghi " + headOf(field.parentElement.dataset.paperColumn) + ": " + words + ". Xin sửa rồi đi tiếp.", null, field);
}

function keep() {
  if (row) for (const field of fields()) write(field);
}

function next(by) {
  const wrong = fields().find((field) => !write(field));
  if (wrong) { wrong.focus(); wrong.select(); return; }
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
  document.addEventListener("grid:leave", keep);
  document.addEventListener("grid:refused", ({ detail: cell }) => {
    const field = row === cell.parentElement && fields().find((one) => cellOfField(one) === cell);
    if (field) refuse(field, cell.dataset.refused.replace(/[. ]+$/, ""));
  });
  onClose("paper", keep);
  if (new URLSearchParams(location.search).has("giay") && rows().length) {
    open("paper");
    box.dispatchEvent(new CustomEvent("panel:open"));
  }
}
