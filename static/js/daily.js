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
    if (event.defaultPrevented || form.id === "ky") return; // signing has its own guard, and may send after the helper has answered
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    window.addEventListener("pageshow", () => { delete form.dataset.sent; }, { once: true });
  });

  // Keys for who works through a long list: j and k go down and up, x ticks, a does, r opens the return, Enter opens, ? tells them.
  const keys = document.getElementById("phim");
  if (keys) keys.querySelector("[data-keys-close]").addEventListener("click", () => keys.close());
  const rows = () => Array.from(document.querySelectorAll(".odd, .queue > .row"));
  let at = -1;
  const stand = (step) => {
    const all = rows();
    if (!all.length) return;
    at = Math.min(all.length - 1, Math.max(0, at + step));
    for (const row of all) row.classList.toggle("is-here", row === all[at]);
    const link = all[at].querySelector("h3 a, .row__title a");
    all[at].scrollIntoView({ block: "nearest" });
    if (link) link.focus({ preventScroll: true });
  };
  const act = (row) => row.querySelector(".odd__do form:not(.back__form):not(.rule-form) button[name=verb]") || document.querySelector("[data-bulk] .bulk > button[name=verb]");
  const giveBack = (row) => row.querySelector("details.back") || (row.closest("[data-bulk]") || document).querySelector(".bulk details.back");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || document.querySelector("dialog[open]:not(#phim)")) return;
    if (event.target.closest("textarea, select, input:not([type=checkbox])")) return;
    if (event.key === "?" && keys) { event.preventDefault(); if (keys.open) keys.close(); else keys.showModal(); return; }
    if (keys && keys.open) return;
    if (event.key === "j" || event.key === "k") { event.preventDefault(); stand(at < 0 ? (event.key === "j" ? 1 : 0) : event.key === "j" ? 1 : -1); return; }
    if (event.key === "u") {
      const button = document.querySelector("form[data-undo] button");
      if (button) { event.preventDefault(); button.focus(); }
      return;
    }
    const row = rows()[at];
    if (!row) return;
    if (event.key === "x") {
      const box = row.querySelector("input[name=chon][type=checkbox]");
      if (box) { event.preventDefault(); box.click(); }
    } else if (event.key === "a") {
      const button = act(row);
      if (button && !button.disabled) { event.preventDefault(); button.focus(); } // Enter does it: no single key signs off a class
    } else if (event.key === "r") {
      const place = giveBack(row);
      if (place) { event.preventDefault(); place.open = true; place.querySelector("textarea").focus(); }
    }
  });

  const result = document.getElementById("ket-qua");
  if (result) result.focus();
})();
