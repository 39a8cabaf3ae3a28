// The daily page: counting what is ticked, ticking all, and taking over a reason that was used before.
"use strict";

(() => {
  for (const form of document.querySelectorAll("[data-bulk]")) {
    const boxes = Array.from(form.querySelectorAll("input[name=chon]"));
    const all = form.querySelector("[data-all]");
    const count = () => {
      const n = boxes.filter((box) => box.checked).length;
      for (const place of form.querySelectorAll("[data-n]")) place.textContent = String(n);
      if (all) all.hidden = n === boxes.length;
      for (const button of form.querySelectorAll("button[name=verb]")) button.disabled = n === 0;
    };
    if (all) all.addEventListener("click", () => { for (const box of boxes) box.checked = true; count(); });
    form.addEventListener("change", count);
    count();
  }

  document.addEventListener("click", (event) => {
    const reason = event.target.closest("[data-reason]");
    if (!reason) return;
    const place = reason.closest(".back__form").querySelector("textarea");
    place.value = reason.textContent.trim();
    place.focus();
  });

  // One click, one act: a second click on a slow network must not send the form again.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    window.addEventListener("pageshow", () => { delete form.dataset.sent; }, { once: true });
  });

  const result = document.getElementById("ket-qua");
  if (result) result.focus();
})();
