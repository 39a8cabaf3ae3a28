// What the page says: the state in a cell, the chips of what needs its person, the line below the grid, and aloud.
import { age } from "./averages.js";
import { make, icon } from "./parts.js";
import { read, write } from "./reading.js";
import { body, fieldOf, headOf, keyOf, nameOf, rowCells, scored, sheet, shown, whereOf } from "./page.js";

const STATES = {
  typing: ["arrow-right", ""], saving: ["loader-circle", "đang lưu"], saved: ["check", "đã lưu"],
  wait: ["cloud-off", "chờ mạng"], stuck: ["triangle-alert", "chưa lưu được"], conflict: ["users", "hai số"], refused: ["circle-x", "không ghi"],
};

export function mark(cell, state, words) {
  age(cell);
  for (const name of Object.keys(STATES)) cell.classList.toggle("cell--" + name, name === state);
  cell.querySelectorAll(".cell__say--live").forEach((old) => old.remove());
  delete cell.dataset.say;
  const own = cell.querySelector(".cell__say:not(.cell__say--live)");
  if (own && own.hidden !== Boolean(state)) own.hidden = Boolean(state);
  const field = fieldOf(cell);
  if (field && state === "refused") field.setAttribute("aria-invalid", "true");
  else if (field) field.removeAttribute("aria-invalid");
  if (!state || (state === "typing" && !words)) return;
  cell.append(make("span", "cell__say cell__say--live", icon(STATES[state][0]), words || STATES[state][1]));
}

// The same for the cells of a block: word and icon come from the stylesheet, for hundreds of drawn icons take seconds.
export function markMany(cells, state, wordsOf = () => STATES[state][1]) {
  for (const cell of cells) {
    mark(cell, "");
    if (!state) continue;
    cell.classList.add("cell--" + state);
    cell.dataset.say = wordsOf(cell);
  }
}

const said = document.getElementById("grid-said");
export const announce = (words) => { said.textContent = words; };

// Savings are told together after a pause, so that a quick column is not read out cell by cell.
let unsaid = [], saying = 0;
export function tellSaved(cell) {
  unsaid.push(headOf(keyOf(cell)) + " của " + nameOf(cell.parentElement) + ": " + (shown(cell) || "trống").replace(/^(\d+),(\d)$/, "$1 phẩy $2"));
  clearTimeout(saying);
  saying = setTimeout(() => {
    announce(unsaid.length === 1 ? sheet.dataset.subject + ", " + unsaid[0] + ", đã lưu" : "Đã lưu " + unsaid.length + " ô");
    unsaid = [];
  }, 2000);
}

const chips = document.getElementById("sheet-chips");
export function tellOpen() {
  const kinds = [["conflict", "late", "users", "hai số"], ["refused", "wrong", "circle-x", "không ghi"],
    ["stuck", "late", "triangle-alert", "chưa lưu được, thử lại"]];
  chips.querySelectorAll("[data-grid-chip]").forEach((old) => old.remove());
  for (const [state, tone, name, words] of kinds) {
    const found = body.querySelectorAll(".cell--" + state);
    if (!found.length) continue;
    const link = make("a", "chip chip--" + tone, icon(name), found.length + " " + words);
    link.href = "#" + found[0].id;
    link.dataset.to = found[0].id;
    if (state === "stuck") link.dataset.retry = "";
    const line = make("li", "", link);
    line.dataset.gridChip = state;
    chips.append(line);
  }
}

const bar = document.getElementById("cellbar");
const WEIGHTS = { GK: 2, CK: 3 };

// Who and what stands under the hand, and how the average comes about.
export function explain(cell) {
  if (!cell) return;
  bar.hidden = false;
  const who = bar.querySelector(".cellbar__who"), sum = bar.querySelector(".cellbar__sum");
  who.replaceChildren(nameOf(cell.parentElement) + " ", make("span", "", headOf(keyOf(cell))));
  const wrong = cell.dataset.refused || cell.dataset.ask ? null : elsewhere();
  bar.classList.toggle("cellbar--told", Boolean(cell.dataset.refused || cell.dataset.ask || wrong));
  bar.classList.toggle("cellbar--elsewhere", Boolean(wrong));
  sum.classList.toggle("cellbar__sum--wrong", Boolean(cell.dataset.refused || wrong));
  if (cell.dataset.refused) { sum.textContent = cell.dataset.refused + unaveraged(cell); return; }
  if (cell.dataset.ask) { sum.replaceChildren("Câu hỏi: " + cell.dataset.ask); return; }
  if (wrong) { sum.replaceChildren(make("b", "", whereOf(wrong)), " không ghi: " + wrong.dataset.refused + unaveraged(wrong)); return; }
  sum.replaceChildren(...averageWords(cell.parentElement));
}

// The hand goes on typing; what it left unwritten stays before the eye until it is mended: the last refused cell.
let last = null;
function elsewhere() {
  const open = Array.from(body.querySelectorAll(".cell--refused")).filter((cell) => cell.dataset.refused);
  return open.includes(last) ? last : open.at(-1);
}
const unaveraged = (cell) => (cell.parentElement.querySelector(".avg") && cell.classList.contains("cell") ? " " + (scored ? "ĐTB" : "Kết quả") + " (…) tính lại khi sửa xong." : "");

function averageWords(row) {
  const cells = rowCells(row).filter((one) => one.classList.contains("cell"));
  const values = cells.map((one) => ({ key: keyOf(one), value: read(shown(one), scored) }));
  const open = values.filter(({ value }) => !value || (scored ? value.tenths === null : !value.mark)).length;
  if (!values.length || open) {
    if (cells.some((one) => one.classList.contains("cell--exempt"))) return ["Được miễn học"];
    return ["Còn " + open + " ô nữa thì có " + (scored ? "ĐTB" : "kết quả")];
  }
  const unsaved = cells.some((one) => one.dataset.queued !== undefined || one.classList.contains("cell--typing"));
  const word = unsaved ? " sẽ là " : " là ";
  if (!scored) {
    const result = values.every(({ value }) => value.mark === "Đ") ? "Đ" : "CĐ";
    return ["Kết quả học kì" + word, make("b", "", result), result === "Đ" ? ": tất cả các lần đều Đạt" : ": có lần Chưa đạt"];
  }
  let total = 0, weight = 0;
  const parts = values.map(({ key, value }) => {
    const times = WEIGHTS[key] || 1;
    total += times * value.tenths;
    weight += times;
    return (times > 1 ? times + " × " : "") + value.text;
  });
  const average = Math.floor((2 * total + weight) / (2 * weight)); // whole tenths, half up
  return ["ĐTB" + word, make("b", "", write(average)), " = (" + parts.join(" + ") + ") ÷ " + weight];
}

export function tellRefused(cell, words) {
  last = cell;
  announce(whereOf(cell) + ": không ghi. " + words);
}
