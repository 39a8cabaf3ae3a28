// The small menus of the tools give the sheet free again: on Escape, on a touch beside them, on going on to work in a cell.
import { body } from "./page.js";

const open = () => Array.from(document.querySelectorAll("details.act[open]"));

// Words that are being written in a menu stay in sight.
function shutBeside(target) {
  for (const menu of open()) if (!menu.contains(target) && !menu.querySelector("textarea")?.value) menu.open = false;
}

export function begin() {
  for (const kind of ["pointerdown", "focusin"]) document.addEventListener(kind, (event) => shutBeside(event.target));
  body.addEventListener("input", (event) => shutBeside(event.target));
  document.addEventListener("keydown", (event) => {
    const menus = open();
    if (event.key !== "Escape" || !menus.length || event.defaultPrevented) return;
    event.preventDefault();
    for (const menu of menus) menu.open = false;
    menus[0].querySelector("summary").focus();
  }, true);
}
