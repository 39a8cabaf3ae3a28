// The place beside (below, on a narrow screen) the grid: paste, read-back, one by one. In the flow of the page, so that
// it never lies over cells. One is open at a time.
const side = document.getElementById("side");
const closing = {};

export const panel = (name) => side && side.querySelector('[data-panel="' + name + '"]');
export const isOpen = (name) => Boolean(panel(name)) && !panel(name).hidden;
export const onClose = (name, act) => { closing[name] = act; };

export function open(name) {
  for (const section of side.children) if (section.dataset.panel !== name && !section.hidden) shut(section);
  panel(name).hidden = false;
  side.hidden = false;
  for (const button of document.querySelectorAll("[data-open]")) {
    button.setAttribute("aria-expanded", String(button.dataset.open === name));
  }
}

function shut(section) {
  section.hidden = true;
  if (closing[section.dataset.panel]) closing[section.dataset.panel]();
}

export function close(name) {
  if (!isOpen(name)) return;
  shut(panel(name));
  side.hidden = true;
  for (const button of document.querySelectorAll("[data-open]")) button.setAttribute("aria-expanded", "false");
}

export function begin() {
  if (!side) return;
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]"), closer = event.target.closest("[data-close-panel]");
    if (opener) {
      const name = opener.dataset.open;
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
}
