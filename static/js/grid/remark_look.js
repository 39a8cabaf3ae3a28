// A remark while it is written: how much room is left, and what handing in would ask about it. The rule is the server's own
// (services/remark_hints.py); without a network nothing is said here and the question comes at handing in.
import { icon } from "./parts.js";

const WAIT = 350;
const NEAR = 0.85; // from here on the room that is left is told
const pause = new WeakMap();

export function room(field) {
  const most = Number(field.getAttribute("maxlength")), left = most - field.value.length;
  if (!most || field.value.length < most * NEAR) return "";
  return left >= 0 ? "Còn " + left + " chữ cái" : "Dài quá " + -left + " chữ cái, không ghi được";
}

export function note(place, words, name = "circle-help") {
  if (!place || place.dataset.words === words) return;
  place.dataset.words = words;
  place.replaceChildren(...(words ? [icon(name), words] : []));
}

// Ask after a short rest; `tell(sentence)` hears "" for a clean remark. An answer to older words is dropped.
export function look(field, address, tell) {
  clearTimeout(pause.get(field));
  pause.set(field, setTimeout(async () => {
    const text = field.value;
    if (!text.trim()) { tell(""); return; }
    try {
      const reply = await fetch(address, {
        method: "POST", credentials: "same-origin", body: new URLSearchParams({ text }),
        headers: { "HX-Request": "true", "X-CSRFToken": window.hocbaso.csrfToken() },
      });
      if (!reply.ok || field.value !== text) return;
      const found = new DOMParser().parseFromString(await reply.text(), "text/html").getElementById("remark-hint");
      if (found) tell(found.textContent.trim());
    } catch (_) { /* asked at handing in */ }
  }, WAIT));
}
