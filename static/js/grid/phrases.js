// The bank of phrases beside a text field: "/" and one key put a phrase in, so does a tap. Knows text fields, not the grid.
const box = document.getElementById("phrases");
const list = box && box.querySelector(".phrases__list");
const items = list ? Array.from(list.children) : [];
// No "w": typed alone it is a letter with a mark in Vietnamese keyboards.
const KEYS = "123456789abcdefghijklmnopqrstuvxyz";
const LEVELS = ["T", "K", "Đ", "CĐ"];

let field = null, slash = null, caret = 0, levelOf = () => "";

export const present = Boolean(box);
export const isOpen = () => Boolean(box) && !box.hidden;
const pick = (item) => item.querySelector("[data-phrase]");

// The level that stands nearest to a result as the page shows it: "8,1", "Đ", "CĐ"; "" without one. The borders come from
// the server (regulations/remark_levels.py).
export function nearest(text) {
  for (const part of box ? box.dataset.levels.split(" ") : []) {
    const [level, from] = part.split(":");
    if (from === text) return level;
    if (/^\d+$/.test(from) && /^\d/.test(text) && Math.round(Number(text.replace(",", ".")) * 10) >= Number(from)) return level;
  }
  return "";
}

// The pupil's level first, then what suits everybody, then the nearest others; keys are given out in this order.
function order(level) {
  const rank = (item) => {
    const own = pick(item).dataset.level;
    if (own === level) return 0;
    if (own === "ANY") return 1;
    return level ? 1 + Math.abs(LEVELS.indexOf(own) - LEVELS.indexOf(level)) : 2;
  };
  const sorted = items.map((item, place) => ({ item, place, first: rank(item) })).sort((a, b) => a.first - b.first || a.place - b.place);
  sorted.forEach(({ item, first }, place) => {
    item.classList.toggle("is-first", level !== "" && first <= 1);
    item.querySelector("kbd").textContent = KEYS[place] || "";
    pick(item).dataset.key = KEYS[place] || "";
    list.append(item);
  });
}

// Under the field or above it, wherever there is more room; never over the words that are being written.
function place() {
  const at = field.getBoundingClientRect(), high = window.visualViewport ? window.visualViewport.height : innerHeight;
  const under = high - at.bottom - 14, above = at.top - 14;
  box.style.setProperty("max-height", Math.max(160, Math.min(400, Math.max(under, above))) + "px");
  const own = box.getBoundingClientRect();
  const top = under >= Math.min(own.height, above) ? at.bottom + 6 : at.top - own.height - 6;
  box.style.setProperty("left", Math.max(8, Math.min(at.left, innerWidth - own.width - 8)) + "px");
  box.style.setProperty("top", Math.max(8, Math.min(top, high - own.height - 8)) + "px");
}

export function open(of, { focus = false, from = null } = {}) {
  if (!box || !of) return;
  field = of;
  slash = from;
  caret = of.selectionEnd;
  order(levelOf(of));
  box.hidden = false;
  if (list) list.scrollTop = 0;
  place();
  for (const button of document.querySelectorAll("[data-phrases]")) button.setAttribute("aria-expanded", "true");
  if (focus) (box.querySelector("[data-phrase]") || box.querySelector("a")).focus();
}

export function close() {
  if (!box || box.hidden) return;
  box.hidden = true;
  slash = null;
  for (const button of document.querySelectorAll("[data-phrases]")) button.setAttribute("aria-expanded", "false");
}

// Put words where the hand is; a blank before them when they follow others.
export function insert(into, words, from, to) {
  const before = into.value.slice(0, from), text = (before && !/\s$/.test(before) ? " " : "") + words;
  into.setSelectionRange(from, to);
  // Old, and the only way that the field's own Ctrl+Z knows of.
  if (document.activeElement === into && document.execCommand("insertText", false, text)) return;
  into.setRangeText(text, from, to, "end");
  into.dispatchEvent(new Event("input", { bubbles: true }));
}

function choose(button) {
  const into = field, from = slash === null ? caret : slash, to = caret;
  close();
  into.focus();
  insert(into, button.querySelector("span").textContent, from, to);
}

// "/" at the beginning or after a blank opens; the next key picks. Read from the text and not from the keys pressed,
// because the keyboards of tablets do not tell them.
function typed(of) {
  const end = of.selectionEnd, before = of.value.slice(0, end);
  if (isOpen() && slash !== null && field === of) {
    const since = before.slice(slash);
    caret = end;
    if (since === "/") return;
    // A fraction stays one: after a word a digit is no key ("Điểm /10").
    const free = /(^|[.!?;:,…])\s*$/.test(before.slice(0, slash)) || !/\d/.test(since[1]);
    const found = free && since.length === 2 && since[0] === "/" && items.map(pick).find((one) => one.dataset.key === since[1].toLowerCase());
    if (found) choose(found);
    else close();
  } else if (/(^|\s)\/$/.test(before) && end === of.value.length) open(of, { from: end - 1 });
  else close();
}

export function begin({ isField, level }) {
  if (!box) return;
  levelOf = level;
  document.addEventListener("input", (event) => { if (isField(event.target) && !event.isComposing) typed(event.target); });
  // Before the grid hears it: Escape closes the list and leaves the text alone, an arrow goes into the list.
  document.addEventListener("keydown", (event) => {
    if (!isOpen()) {
      if (event.altKey && event.key === "ArrowDown" && isField(event.target)) {
        event.preventDefault();
        open(event.target, { focus: true });
      }
      return;
    }
    const inside = box.contains(event.target);
    if (!inside && event.target !== field) return;
    if (event.key === "Escape") {
      close();
      field.focus();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const buttons = Array.from(box.querySelectorAll("[data-phrase]"));
      if (!buttons.length) return;
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (inside) buttons[(buttons.indexOf(event.target) + step + buttons.length) % buttons.length].focus();
      else buttons.at(step > 0 ? 0 : -1).focus();
    } else if (inside && event.key.length === 1 && event.key !== " ") {
      const found = items.map(pick).find((one) => one.dataset.key === event.key.toLowerCase());
      if (!found) return;
      choose(found);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
  box.addEventListener("mousedown", (event) => { if (!event.target.closest("a")) event.preventDefault(); });
  box.addEventListener("click", (event) => {
    const button = event.target.closest("[data-phrase]");
    if (button) choose(button);
    else if (event.target.closest("[data-phrases-close]")) { close(); field.focus(); }
  });
  document.addEventListener("focusout", (event) => {
    if (isOpen() && event.relatedTarget !== field && !box.contains(event.relatedTarget) && (event.target === field || box.contains(event.target))) close();
  });
  document.addEventListener("pointerdown", (event) => {
    if (isOpen() && !box.contains(event.target) && event.target !== field && !event.target.closest("[data-phrases]")) close();
  });
}
