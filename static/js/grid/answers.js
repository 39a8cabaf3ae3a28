// What the server answered, put into the cells: saved, refused, or a card with two values to choose from.
import { age } from "./averages.js";
import { account, isPending, on, wordsOf } from "./sender.js";
import { announce, explain, mark, markMany, tellOpen, tellRefused, tellSaved } from "./words.js";
import { at, choose, go } from "./moving.js";
import { body, cellById, clashOf, fieldOf, headOf, idOf, keyOf, nameOf, scored, sheetId } from "./page.js";
import { put, putAway } from "./clash.js";
import { follow, send } from "./typing.js";
import { drop } from "./store.js";
import { read } from "./reading.js";

export function begin() {
  on("change", follow);
  on("answer", (item, status, found, kept) => {
    if (item.sheet !== sheetId) return;
    if (status === 200) written(item, found);
    else if (item.kind !== "typed") for (const one of item.cells) refused(cellById(one.id), one.raw, wordsOf(found), item.kind === "pasted");
    else if (kept) {
      const cell = cellById(item.cells[0].id), clash = found.getElementById("clash");
      if (cell && status === 409 && clash) conflict(cell, clash.cloneNode(true), item);
      else if (cell) refused(cell, item.cells[0].raw, wordsOf(found), true);
    }
    tellOpen();
    explain(at.cell);
  });
}

function written(item, found) {
  const fresh = new Map(Array.from(found.querySelectorAll("[id]"), (element) => [element.id, element]));
  const outcomes = new Map(Array.from(found.querySelectorAll("#outcomes li"), (line) => [line.dataset.cell, line]));
  const saved = [];
  for (const one of item.cells) {
    const cell = cellById(one.id), renewed = fresh.get("c-" + one.id);
    const outcome = outcomes.get(one.id), said = outcome ? outcome.dataset.outcome : "written";
    if (!cell || !renewed) continue;
    if (swap(cell, renewed, said, outcome ? outcome.dataset.v : renewed.dataset.v) && said === "written") saved.push(cell);
    if (said === "refused") refused(cell, outcome.dataset.raw || "", outcome.textContent.trim(), true);
    else if (said === "written") tellSaved(cell);
  }
  for (const [id, element] of fresh) if (/^(a-|sheet-waits$|sheet-primary$)/.test(id)) replace(document.getElementById(id), element);
  if (saved.length === 1) mark(saved[0], "saved");
  else markMany(saved, "saved");
  setTimeout(() => markMany(saved.filter((cell) => cell.classList.contains("cell--saved")), ""), 1800);
}

function replace(old, fresh) {
  if (!old || !fresh) return;
  if (old.classList.contains("avg")) { // in its place: somebody may be reading it
    old.className = fresh.className + (old.classList.contains("cell--focus") ? " cell--focus" : "");
    old.replaceChildren(...Array.from(fresh.childNodes, (node) => document.importNode(node, true)));
    old.removeAttribute("title");
    age(old.parentElement.querySelector("td.cell")); // other cells of the row may still be on their way
    return;
  }
  const copy = document.importNode(fresh, true);
  copy.removeAttribute("hx-swap-oob");
  old.replaceWith(copy);
}

// Take over the value, version and marks of a fresh cell; what is being typed there stays. `own`: the version this act
// wrote. Where the fresh value is not shown, the version is not taken over either: it may be somebody else's, unseen.
// True when there is room for the word that it is saved: a word about the value is worth more.
function swap(cell, fresh, outcome, own) {
  const field = fieldOf(cell), renewed = fieldOf(fresh);
  if (!field || !renewed) return false;
  const again = isPending(sheetId, idOf(cell));
  const typing = document.activeElement === field && at.editing;
  const value = renewed.tagName === "TEXTAREA" ? renewed.textContent : renewed.getAttribute("value");
  if (typing || again) {
    if (outcome === "written" || outcome === "same") {
      cell.dataset.v = own;
      if (fresh.dataset.v === own) field.defaultValue = value; // what stands, should the text that follows be refused
    }
    if (again || cell.dataset.queued === undefined) return false;
    field.defaultValue = fresh.dataset.v === own ? value : cell.dataset.queued;
    delete cell.dataset.queued;
    return false;
  }
  cell.dataset.v = fresh.dataset.v;
  cell.querySelectorAll(".cell__say:not(.cell__say--live)").forEach((old) => old.remove());
  for (const name of ["cell--gap", "cell--makeup", "cell--missed"]) cell.classList.toggle(name, fresh.classList.contains(name));
  cell.removeAttribute("title");
  field.defaultValue = value;
  field.value = value;
  delete cell.dataset.queued;
  delete cell.dataset.refused;
  const say = fresh.querySelector(".cell__say");
  if (say) cell.append(document.importNode(say, true));
  mark(cell, "");
  if (document.activeElement === field) choose(cell);
  return !say;
}

function refused(cell, raw, words, keepText) {
  if (!cell || !fieldOf(cell)) return;
  const field = fieldOf(cell);
  if (!isPending(sheetId, idOf(cell))) delete cell.dataset.queued;
  if (!keepText) { // an act that could not be taken back: the value stands
    field.value = field.defaultValue;
    mark(cell, "");
    announce(words);
    return;
  }
  if (document.activeElement !== field || !at.editing) field.value = raw; // the text as it was typed, to be mended
  cell.dataset.refused = cell.title = words;
  mark(cell, "refused");
  tellRefused(cell, words);
  document.dispatchEvent(new CustomEvent("grid:refused", { detail: cell }));
}

function conflict(cell, clash, item) {
  const field = fieldOf(cell), raw = item.cells[0].raw;
  delete cell.dataset.queued;
  mark(cell, "conflict");
  if (clashOf(cell)) clashOf(cell).remove();
  const mine = field.tagName === "INPUT" ? read(raw, scored) : null;
  clash.dataset.mine = mine ? mine.text : raw;
  clash.dataset.seen = item.cells[0].version || 0;
  clash.id = "clash-" + idOf(cell);
  clash.querySelector("h2").id = clash.id + "-h";
  clash.setAttribute("aria-labelledby", clash.id + "-h");
  put(clash);
  clash.addEventListener("click", (event) => {
    const button = event.target.closest("[data-keep]");
    if (!button) return;
    cell.dataset.v = clash.dataset.v;
    field.defaultValue = clash.dataset.theirs;
    putAway(clash);
    if (button.dataset.keep === "mine") {
      const seen = field.tagName === "INPUT" ? read(raw, scored) : null;
      send("typed", [{ cell, raw, text: seen ? seen.text : raw }]);
    } else {
      field.value = field.defaultValue;
      mark(cell, "");
      drop(account, sheetId, idOf(cell));
      readAverages();
    }
    tellOpen();
    go(cell);
  });
  announce(clash.querySelector("h2").textContent.trim() + ": " + headOf(keyOf(cell)) + " của " + nameOf(cell.parentElement) + ". Xin chọn một số.");
}

// After taking the other's value the averages and counts of this page are old: read them anew.
async function readAverages() {
  try {
    const reply = await fetch(location.pathname, { credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    for (const old of document.querySelectorAll(".avg, #sheet-waits, #sheet-primary")) replace(old, page.getElementById(old.id));
  } catch (_) { /* the next save brings them */ }
}
