// Cells that a question before handing in rests on: marked, told by a screen reader, and explained in the line below the grid.
import { body, cellById, fieldOf, targetOf } from "./page.js";
import { explain } from "./words.js";
import { at } from "./moving.js";

function show() {
  for (const cell of body.querySelectorAll("[data-ask]")) {
    delete cell.dataset.ask;
    if (!cell.dataset.hint) cell.classList.remove("cell--ask");
    targetOf(cell).removeAttribute("aria-details");
  }
  const list = document.getElementById("questions");
  for (const pair of (list && list.dataset.asked ? list.dataset.asked.trim().split(/\s+/) : [])) {
    const [id, question] = pair.split(":"), cell = cellById(id), words = document.getElementById(question);
    if (!cell || !words) continue;
    cell.dataset.ask = words.textContent.trim();
    cell.classList.add("cell--ask");
    if (fieldOf(cell)) fieldOf(cell).setAttribute("aria-details", question);
  }
  if (at.visited) explain(at.cell);
}

export function begin() {
  show();
  document.addEventListener("htmx:afterSettle", (event) => { if (event.target.id === "questions" || event.detail.target.id === "questions") show(); });
}
