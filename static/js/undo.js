// What was just approved may be taken back for ten seconds: the bar counts down by the server's clock and goes. Sent too late it is refused.
"use strict";

(() => {
  for (const bar of document.querySelectorAll("form[data-undo]")) {
    const end = Date.now() + Number(bar.dataset.undo);
    const left = bar.querySelector("[data-left]");
    const button = bar.querySelector("button");
    // One click, one act. Disabled after the form is on its way, or it would not go.
    bar.addEventListener("submit", () => setTimeout(() => { button.disabled = true; }));
    window.addEventListener("pageshow", () => { button.disabled = false; });
    const tick = () => {
      const seconds = Math.ceil((end - Date.now()) / 1000);
      if (seconds > 0) { left.textContent = `còn ${seconds} giây`; setTimeout(tick, 250); return; }
      if (button.disabled) return;
      if (bar.contains(document.activeElement)) document.getElementById("main").focus({ preventScroll: true });
      bar.remove();
    };
    tick();
  }
})();
