// Vắng: the two kinds of missed, chosen from a small menu by key or thumb. With the excused one goes the day of the make-up.
import { body, cellOf, fieldOf } from "./page.js";
import { at, go } from "./moving.js";
import { fill, leave } from "./typing.js";

const menu = document.getElementById("missed");
const day = menu && menu.querySelector("input");
let cell = null;

export function open(of) {
  if (!menu || !of || !fieldOf(of) || of.classList.contains("remark")) return;
  cell = of;
  menu.hidden = false;
  place();
  menu.querySelector("button").focus();
}

// Typing "v" shows what may follow; the hand stays in the cell.
function hint(of) {
  const asked = fieldOf(of).tagName === "INPUT" && fieldOf(of).value.trim().toLowerCase() === "v";
  if (asked) { cell = of; menu.hidden = false; place(); } else close();
}

function close() { if (menu) menu.hidden = true; }

function place() {
  const box = cell.getBoundingClientRect(), own = menu.getBoundingClientRect();
  const below = box.bottom + own.height + 8 < innerHeight;
  menu.style.setProperty("left", Math.max(8, Math.min(box.left, innerWidth - own.width - 8)) + "px");
  menu.style.setProperty("top", Math.max(8, below ? box.bottom + 4 : box.top - own.height - 4) + "px");
}

function choose(raw) {
  const of = cell;
  close();
  fill(of, raw);
  leave(of);
  go(of);
}

export function begin() {
  if (!menu) return;
  menu.addEventListener("mousedown", (event) => { if (event.target.closest("button")) event.preventDefault(); });
  menu.querySelector("[data-excused]").addEventListener("click", () => {
    choose(("vp " + day.value).trim());
  });
  menu.querySelector("[data-unexcused]").addEventListener("click", () => choose("vk"));
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { close(); go(cell); event.preventDefault(); }
    if (event.key === "Enter" && event.target === day) { menu.querySelector("[data-excused]").click(); event.preventDefault(); }
    const list = Array.from(menu.querySelectorAll("button, input"));
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move) {
      list[(list.indexOf(event.target) + move + list.length) % list.length].focus();
      event.preventDefault();
    }
  });
  body.addEventListener("keydown", (event) => {
    if ((event.altKey && event.key === "ArrowDown") || event.key === "ContextMenu") {
      const of = cellOf(event.target);
      if (!of || !fieldOf(of)) return;
      event.preventDefault();
      open(of);
    }
  });
  document.addEventListener("grid:typed", (event) => hint(event.detail));
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-missed]")) open(at.cell);
    else if (!menu.hidden && !menu.contains(event.target)) close();
  });
  body.addEventListener("focusout", (event) => {
    if (!menu.contains(event.relatedTarget)) close();
  });
}
