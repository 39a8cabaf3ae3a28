// The place beside the grid (below it on an upright screen): what the server asks, a card with two values, the past of a cell,
// paste, read-back, one by one. In the flow of the page, so that it never lies over cells. One is open at a time; what the
// server has to say comes back when a panel that was opened over it closes.
const side = document.getElementById("side");
const closing = {};
const TOLD = ["errors", "questions", "papers"];
const AT_WORK = ["paste", "one", "paper", "readback"]; // nothing opens by itself over a panel that somebody works in
let under = "";

export const panel = (name) => side && side.querySelector('[data-panel="' + name + '"]');
export const isOpen = (name) => Boolean(panel(name)) && !panel(name).hidden;
export const isAtWork = () => AT_WORK.some(isOpen);
export const onClose = (name, act) => { closing[name] = act; };

export function open(name) {
  for (const section of side.children) {
    if (section.dataset.panel === name || section.hidden) continue;
    if (TOLD.includes(section.dataset.panel)) under = section.dataset.panel;
    shut(section);
  }
  if (under === name) under = "";
  show(name);
}

function show(name) {
  if (name) panel(name).hidden = false;
  side.hidden = !name;
  for (const button of document.querySelectorAll("[data-open]")) {
    button.setAttribute("aria-expanded", String(button.dataset.open === name));
  }
  document.dispatchEvent(new CustomEvent("grid:side"));
}

function shut(section) {
  section.hidden = true;
  if (closing[section.dataset.panel]) closing[section.dataset.panel]();
}

export function close(name) {
  if (!isOpen(name)) return;
  shut(panel(name));
  const back = under;
  under = "";
  show(back);
}

export function begin() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]"), closer = event.target.closest("[data-close-panel]");
    if (opener) {
      const name = opener.dataset.open, list = opener.closest("details");
      if (list) list.open = false;
      if (isOpen(name)) close(name);
      else {
        open(name);
        panel(name).dispatchEvent(new CustomEvent("panel:open"));
      }
    } else if (closer) close(closer.closest("[data-panel]").dataset.panel);
  });
  side.addEventListener("keydown", (event) => {
    const section = event.target.closest("[data-panel]");
    if (event.key === "Escape" && section && !event.defaultPrevented) close(section.dataset.panel);
  });
  for (const name of TOLD) { // what is asked for by name takes the focus, to be read
    const own = panel(name);
    if (!own) continue;
    own.tabIndex = -1;
    own.addEventListener("panel:open", () => own.focus());
  }
  if (location.hash === "#questions" && panel("questions")) open("questions");
}
