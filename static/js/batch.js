// The number in "Ký … học bạ" follows the ticks. Without this script the server counts.
"use strict";

(() => {
  const shown = document.querySelector("[data-chosen]");
  if (!shown) return;
  const boxes = () => [...document.querySelectorAll("input[data-choose]")];
  const button = document.querySelector("#ky button[type=submit]");

  function count() {
    // A box may stand for several: a class with twelve transcripts says data-choose="12".
    const chosen = boxes().filter((box) => box.checked).reduce((sum, box) => sum + Number(box.dataset.choose || 1), 0);
    shown.textContent = String(chosen);
    if (button) button.disabled = chosen === 0;
  }

  document.addEventListener("change", (event) => {
    if (event.target instanceof HTMLInputElement && "choose" in event.target.dataset) count();
  });

  // One click is one batch: the second click of an impatient finger sends nothing.
  const form = document.getElementById("ky");
  if (form) {
    form.addEventListener("submit", () => {
      if (button) window.setTimeout(() => { button.disabled = true; }, 0);
    });
  }
  count();
})();
