// Two people on one cell: the cards with both values stand beside the grid, one open at a time, and cover no cell. The cell
// says "hai số" meanwhile, and its card comes when somebody stands there or taps the count above the grid.
import { body, clashOf } from "./page.js";
import { close, isAtWork, isOpen, open, panel } from "./panel.js";

const cards = () => Array.from(panel("clash").querySelectorAll(".clash"));

function unfold(clash) {
  for (const other of cards()) other.hidden = other !== clash;
  if (!isOpen("clash")) open("clash");
}

export function put(clash) {
  panel("clash").append(clash);
  if (isAtWork()) clash.hidden = true;
  else unfold(clash);
}

export function putAway(clash) {
  const was = !clash.hidden;
  clash.remove();
  if (!was || !isOpen("clash")) return;
  const next = cards()[0];
  if (next) unfold(next);
  else close("clash");
}

export function show(cell) {
  const clash = cell && clashOf(cell);
  if (clash) unfold(clash);
}

body.addEventListener("focusin", (event) => {
  const cell = event.target.closest(".cell--conflict");
  if (cell && !isAtWork()) show(cell);
});
