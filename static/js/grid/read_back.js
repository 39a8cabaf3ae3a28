// Đọc dò: the machine reads a column aloud, or one colleague reads large cards to another who follows on paper. The check of two is
// written down by the server with both names (services/read_back.py).
import { body, cellById, headOf, idOf, keyOf, nameOf, scored, sheet, shown } from "./page.js";
import { at, stand, step } from "./moving.js";
import { isOpen, onClose, panel } from "./panel.js";
import { icon, make } from "./parts.js";
import { read } from "./reading.js";

const own = panel("readback");
const find = (name) => own.querySelector("[data-" + name + "]");
let column = "", rows = [], place = 0, mode = "", wrong = new Set();
const heard = new Map(); // column → set of cells that were shown

const cellAt = (n) => cellById(rows[n].dataset.e + "-" + column);
const value = (cell) => (read(shown(cell), scored) || { text: shown(cell) }).text || "";
const spoken = (cell) => {
  const text = value(cell);
  if (!text) return "trống";
  if (text === "V") return "vắng, chờ kiểm tra bù";
  if (text === "Đ") return "đạt";
  if (text === "CĐ") return "chưa đạt";
  return text.replace(/,0$/, "").replace(",", " phẩy ");
};

// --- the machine reads ------------------------------------------------------------------------------------------------
const voiceOf = () => ("speechSynthesis" in window ? speechSynthesis.getVoices().find((one) => /^vi([-_]|$)/i.test(one.lang)) : null);
const RATES = { slow: [0.8, 1400], normal: [1, 700], quick: [1.25, 250] };
let timer = 0;

function offer() {
  const voice = voiceOf();
  find("speak").disabled = !voice;
  find("no-voice").hidden = Boolean(voice);
}

function speak() {
  const cell = cellAt(place), [rate, pause] = RATES[find("pace").value];
  stand(cell);
  const words = new SpeechSynthesisUtterance(nameOf(rows[place]).split(" ").slice(-2).join(" ") + ". " + spoken(cell));
  words.voice = voiceOf();
  words.lang = "vi-VN";
  words.rate = rate;
  words.onend = () => {
    if (mode !== "speaking") return;
    if (place + 1 >= rows.length) { place = 0; silence(); return; }
    place += 1;
    timer = setTimeout(speak, pause);
  };
  words.onerror = () => silence();
  speechSynthesis.speak(words);
}

function silence() {
  if (mode === "speaking") mode = "";
  clearTimeout(timer);
  if ("speechSynthesis" in window) speechSynthesis.cancel();
  find("speak").replaceChildren(icon("volume-2"), place ? "Đọc tiếp" : "Máy đọc cột này");
}

// --- two people -------------------------------------------------------------------------------------------------------
function card() {
  const cell = cellAt(place);
  stand(cell);
  find("card-name").textContent = nameOf(rows[place]);
  find("card-mark").textContent = value(cell) || "trống";
  find("card-count").textContent = place + 1 + " / " + rows.length;
  find("card-wrong").setAttribute("aria-pressed", String(wrong.has(idOf(cell))));
  if (value(cell)) {
    if (!heard.has(column)) heard.set(column, new Set());
    heard.get(column).add(idOf(cell));
  }
  list();
}

function list() {
  const links = [...wrong].map((id) => {
    const cell = cellById(id), link = make("a", "chip chip--late", icon("circle-alert"), nameOf(cell.parentElement) + ", " + headOf(keyOf(cell)));
    link.href = "#" + cell.id;
    link.dataset.to = cell.id;
    return make("li", "", link);
  });
  find("wrong-list").replaceChildren(...links);
}

function choose(key) {
  column = key;
  rows = Array.from(body.rows).filter((row) => !row.classList.contains("row--closed") && cellById(row.dataset.e + "-" + key));
  place = 0;
  find("column").value = key;
  silence();
  if (mode === "cards" && rows.length) card();
}

function show(next) {
  mode = next;
  find("start").hidden = mode === "cards" || mode === "log";
  find("cards").hidden = mode !== "cards";
  find("column").closest(".field").hidden = mode === "log";
  find("log").hidden = mode !== "log";
}

// The form that writes it down comes from the server; without network it says so and nothing is lost.
async function log(body_) {
  const address = sheet.dataset.readBack;
  const headers = { "HX-Request": "true", "X-CSRFToken": window.hocbaso.csrfToken() };
  const options = body_ ? { method: "POST", body: body_, headers } : { headers };
  try {
    const reply = await fetch(address, { credentials: "same-origin", ...options });
    if (reply.status === 401) { document.dispatchEvent(new CustomEvent("signin")); return; }
    if (!reply.headers.has("X-Hocbaso")) throw new Error("the answer of something in between");
    const part = document.createElement("template");
    part.innerHTML = await reply.text();
    find("log").replaceChildren(part.content);
    if (body_) { if (reply.ok) { heard.clear(); wrong = new Set(); } return; }
    const keys = [...heard.keys()];
    for (const box of find("log").querySelectorAll('[name="column_keys"]')) box.checked = keys.includes(box.value);
    const n = find("log").querySelector('[name="n_read"]');
    if (n) n.value = [...heard.values()].reduce((sum, cells) => sum + cells.size, 0);
    const partner = find("log").querySelector("select");
    if (partner) partner.focus();
  } catch (_) {
    window.hocbaso.notice("Chưa nối được với máy chủ nên chưa ghi lần đọc dò. Xin bấm lại khi có mạng.", "wrong");
    show("cards");
  }
}

export function begin() {
  if (!own) return;
  offer();
  if ("speechSynthesis" in window) speechSynthesis.addEventListener("voiceschanged", offer);
  own.addEventListener("panel:open", () => {
    const cell = at.cell && at.cell.classList.contains("cell") ? at.cell : body.querySelector("td.cell");
    show("");
    if (cell) choose(keyOf(cell));
    find("column").focus();
  });
  onClose("readback", () => { silence(); mode = ""; });
  find("column").addEventListener("change", () => choose(find("column").value));
  own.addEventListener("submit", (event) => {
    event.preventDefault();
    log(new URLSearchParams(new FormData(event.target)));
  });
  own.addEventListener("click", (event) => {
    const pressed = (name) => event.target.closest("[data-" + name + "]");
    if (pressed("speak")) {
      if (mode === "speaking") silence();
      else if (rows.length) {
        mode = "speaking";
        find("speak").replaceChildren(icon("minus"), "Dừng");
        speak();
      }
    } else if (pressed("two")) { silence(); show("cards"); if (rows.length) card(); find("card-step='1'").focus(); }
    else if (pressed("card-step")) {
      const to = place + Number(pressed("card-step").dataset.cardStep);
      if (to >= rows.length) { show("log"); log(); } else { place = Math.max(0, to); card(); }
    } else if (pressed("card-wrong")) {
      const id = idOf(cellAt(place));
      if (!wrong.delete(id)) wrong.add(id);
      card();
    } else if (pressed("card-next-column")) {
      const next = step(cellAt(place), 0, 1);
      if (next.classList.contains("cell")) choose(keyOf(next));
    } else if (pressed("card-done")) { show("log"); log(); }
  });
  own.addEventListener("keydown", (event) => {
    if (mode !== "cards" || event.target.closest("select, input")) return;
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    own.querySelector('[data-card-step="' + by + '"]').click();
  });
  document.addEventListener("grid:stand", () => { // the card and the line below the grid name the same cell
    const n = rows.indexOf(at.cell.parentElement);
    if (!isOpen("readback") || mode !== "cards" || n < 0 || !at.cell.classList.contains("cell")) return;
    const key = keyOf(at.cell);
    if (key === column && n === place) return;
    const row = at.cell.parentElement;
    if (key !== column) choose(key);
    place = rows.indexOf(row);
    card();
  });
  addEventListener("pagehide", silence);
  body.addEventListener("focusin", () => { if (isOpen("readback") && mode === "speaking") silence(); });
}
