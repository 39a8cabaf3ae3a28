// A block from Excel: the paste event brings it (so that it works over plain HTTP too), a preview in the cells and beside
// them says what goes where and what is refused, one press writes it as one act. What the preview says the server checks again.
import { body, cellOf, fieldOf, idOf, isAverage, keyOf, scored, whereOf } from "./page.js";
import { at, edit, exactly, go, reveal } from "./moving.js";
import { announce, markMany } from "./words.js";
import { close, isOpen, onClose, open, panel } from "./panel.js";
import { fill, markAsIs, send, standing } from "./typing.js";
import { icon, make } from "./parts.js";
import { read, why } from "./reading.js";

const MOST = 2000, SHOWN = 12, MOST_ROWS = 500;
let plan = null; // {rows, first, lines}

// Tab-separated text as Excel copies it: cells with line breaks or quotes stand in quotes.
export function split(text) {
  const rows = [[""]];
  let quoted = false;
  const plain = text.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  for (let n = 0; n < plain.length; n += 1) {
    const letter = plain[n], row = rows[rows.length - 1];
    const starts = row[row.length - 1] === "";
    if (quoted) {
      if (letter !== '"') row[row.length - 1] += letter;
      else if (plain[n + 1] === '"') { row[row.length - 1] += '"'; n += 1; }
      else quoted = false;
    } else if (letter === '"' && starts) quoted = true;
    else if (letter === "\t") row.push("");
    else if (letter === "\n") {
      if (rows.length === MOST_ROWS) break; // a whole column of a workbook: no sheet is as long
      rows.push([""]);
    }
    else row[row.length - 1] += letter;
  }
  return rows.map((row) => row.map((value) => value.trim()));
}

// A table that came as a page only (some tablets, web pages): a merged cell holds its place.
function splitPage(html) {
  const table = new DOMParser().parseFromString(html, "text/html").querySelector("table");
  if (!table) return null;
  const lines = Array.from(table.rows).slice(0, MOST_ROWS), rows = lines.map(() => []);
  lines.forEach((line, y) => {
    let x = 0;
    for (const cell of line.cells) {
      while (rows[y][x] !== undefined) x += 1;
      for (let dy = 0; dy < cell.rowSpan && y + dy < rows.length; dy += 1) {
        for (let dx = 0; dx < cell.colSpan; dx += 1) rows[y + dy][x + dx] = dy || dx ? "" : cell.textContent.trim();
      }
    }
  });
  return rows.length ? rows.map((row) => Array.from(row, (value) => value || "")) : null;
}

function judge(cell, raw) {
  if (!raw) return { verdict: "keep" };
  const field = fieldOf(cell);
  if (!field) {
    const exempt = cell.classList.contains("cell--exempt");
    return { verdict: "refused", reason: exempt ? "học sinh được miễn môn này" : "dòng này đã đóng" };
  }
  if (keyOf(cell) === "NX") {
    if (raw.length > 1000) return { verdict: "refused", reason: "nhận xét dài quá 1000 chữ" };
    return raw === standing(cell).trim() ? { verdict: "keep" } : { verdict: "write", text: raw };
  }
  const seen = read(raw, scored);
  if (!seen) return { verdict: "refused", reason: why(raw, scored) };
  // In a block nobody looks at each cell: as in a file, 85 is asked for with its comma.
  if (seen.shorthand) return { verdict: "refused", reason: "“" + raw + "” không chắc là " + seen.text + ", hãy ghi rõ dấu phẩy" };
  if (!seen.missed && seen.text === standing(cell)) return { verdict: "keep" };
  return { verdict: "write", text: seen.text };
}

function lay(rows, first) {
  const lines = [];
  let outside = 0;
  const room = Array.from(body.rows).length - Array.from(body.rows).indexOf(first.parentElement);
  rows.forEach((row, dy) => row.forEach((raw, dx) => {
    const cell = dy < room ? exactly(first, dy, dx) : null;
    if (!cell) { if (raw) outside += 1; return; }
    lines.push({ cell, raw, dy, ...judge(cell, raw) });
  }));
  return { rows, first, lines, outside };
}

export function preview(block, first = at.cell) {
  const rows = typeof block === "string" ? split(block) : block;
  if (first && isAverage(first)) {
    window.hocbaso.notice("Ô trung bình do máy tính. Xin chọn một ô điểm rồi dán lại.", "late");
    return;
  }
  if (!first || (rows.length === 1 && rows[0].length === 1 && !rows[0][0])) return;
  if (rows.length === 1 && rows[0].length === 1) { fill(first, rows[0][0]); edit(first, true); go(first); return; }
  show(lay(rows, first));
}

function show(next) {
  clear();
  plan = next;
  if (!isOpen("paste")) open("paste");
  const { rows, first, lines, outside } = plan;
  reveal(first);
  if (body.contains(document.activeElement)) document.activeElement.blur(); // a cell that is left takes its marks off
  const writing = lines.filter((line) => line.verdict === "write"), wrong = lines.filter((line) => line.verdict === "refused");
  const byCell = new Map(lines.map((line) => [line.cell, line]));
  markMany(writing.map((line) => line.cell), "typing", (cell) => "ghi " + (keyOf(cell) === "NX" ? "lời mới" : byCell.get(cell).text));
  markMany(wrong.map((line) => line.cell), "refused", (cell) => byCell.get(cell).raw.slice(0, 8));
  for (const { cell } of [...writing, ...wrong]) cell.classList.add("cell--will");
  for (const { cell, reason } of wrong) cell.title = reason;
  const box = panel("paste").querySelector("[data-plan]");
  panel("paste").querySelector("[data-ask]").hidden = true;
  box.hidden = false;
  const width = Math.max(...rows.map((row) => row.length));
  const go_ = make("button", "btn btn--primary", "Ghi " + writing.length + " ô");
  const no = make("button", "btn", "Bỏ");
  go_.type = no.type = "button";
  go_.disabled = !writing.length || writing.length > MOST;
  go_.dataset.apply = "";
  no.dataset.closePanel = "";
  const counts = make("ul", "plan__counts",
    make("li", "plan__will", icon("check"), make("b", "", String(writing.length)), " ô sẽ ghi"),
    make("li", "plan__keep", icon("minus"), make("b", "", String(lines.length - writing.length - wrong.length)), " ô giữ nguyên"));
  if (wrong.length) counts.append(make("li", "plan__not", icon("circle-x"), make("b", "", String(wrong.length)), " ô không ghi"));
  const list = make("ul", "plan__why", ...wrong.slice(0, SHOWN).map(({ cell, reason }) => make("li", "", whereOf(cell) + ": " + reason)));
  if (wrong.length > SHOWN) list.append(make("li", "", "và " + (wrong.length - SHOWN) + " ô khác"));
  if (outside) list.append(make("li", "", outside + " ô nằm ngoài bảng"));
  if (writing.length > MOST) list.append(make("li", "", "mỗi lần dán tối đa " + MOST + " ô"));
  const title = make("p", "plan__where", (rows.length >= MOST_ROWS ? "hơn " : "") + rows.length + " hàng, " + width + " cột, bắt đầu từ ", make("b", "", whereOf(first)));
  const parts = [title, counts];
  if (list.children.length) parts.push(list);
  const top = lines.filter((line) => line.dy === 0 && line.raw);
  if (rows.length > 1 && top.length && top.every((line) => line.verdict === "refused")) {
    const cut = make("button", "btn", "Hàng đầu là tiêu đề, bỏ hàng ấy");
    cut.type = "button";
    cut.addEventListener("click", () => show(lay(rows.slice(1), first)));
    parts.push(make("p", "", cut));
  }
  box.replaceChildren(...parts, make("p", "plan__do", go_, no));
  announce("Xem trước: " + writing.length + " ô sẽ ghi, " + wrong.length + " ô không ghi. Enter để ghi, Escape để bỏ.");
  (go_.disabled ? no : go_).focus();
}

function clear() {
  for (const cell of body.querySelectorAll(".cell--will")) {
    cell.classList.remove("cell--will");
    markAsIs(cell);
  }
  plan = null;
}

function apply() {
  if (!plan) return;
  const { lines, first } = plan;
  clear();
  const cells = lines.filter((line) => line.verdict === "write").map(({ cell, raw, text }) => ({ cell, raw, text }));
  close("paste");
  if (cells.length) send("pasted", cells);
  announce("Đang ghi " + cells.length + " ô. Ctrl+Z để hoàn tác cả khối.");
  go(first);
}

export function begin() {
  const own = panel("paste");
  if (!own) return;
  const area = own.querySelector("textarea");
  const take = (event) => {
    const text = event.clipboardData && event.clipboardData.getData("text/plain");
    const page = !text && event.clipboardData ? splitPage(event.clipboardData.getData("text/html")) : null;
    if (!text && !page) return;
    const cell = cellOf(event.target);
    if (cell && event.target.tagName === "TEXTAREA" && at.editing) return; // inside a remark the browser pastes
    if (page) { event.preventDefault(); preview(page, cell || at.cell); return; }
    if (!/[\t\n]/.test(text.replace(/\r?\n$/, "")) && cell) return; // one value: the browser puts it in
    event.preventDefault();
    preview(text, cell || at.cell);
  };
  body.addEventListener("paste", take);
  area.addEventListener("paste", take);
  area.addEventListener("input", () => { // keyboards that paste without the event
    const text = area.value;
    area.value = "";
    preview(text);
  });
  own.addEventListener("panel:open", () => {
    own.querySelector("[data-ask]").hidden = false;
    own.querySelector("[data-plan]").hidden = true;
    own.querySelector("[data-paste-at]").textContent = at.cell ? whereOf(at.cell) : "";
    area.focus();
  });
  document.addEventListener("grid:stand", () => {
    if (isOpen("paste") && !plan) own.querySelector("[data-paste-at]").textContent = whereOf(at.cell);
  });
  own.addEventListener("click", (event) => { if (event.target.closest("[data-apply]")) apply(); });
  onClose("paste", () => { clear(); go(at.cell); });
}
