// The first-visit tour, a step at a time. Without this file all steps stand in the panel as a list.
"use strict";

(() => {
  const panel = document.getElementById("lam-quen");
  const next = panel && panel.querySelector("[data-tour-next]");
  if (!panel || !next) return;
  const steps = [...panel.querySelectorAll("[data-tour]")];
  let here = 0;

  // Of several places the first that can be seen: the search is a field on a tablet and a button on a telephone.
  const target = (step) => [...document.querySelectorAll(step.dataset.tour)].find((one) => one.offsetParent || one.getClientRects().length);

  function show(index) {
    document.querySelectorAll(".tour-here").forEach((one) => one.classList.remove("tour-here"));
    here = index;
    steps.forEach((step, at) => { step.hidden = at !== index; });
    const found = target(steps[index]);
    if (found) found.classList.add("tour-here");
    next.hidden = index === steps.length - 1;
    next.textContent = `Tiếp (${index + 1} trong ${steps.length})`;
  }

  next.addEventListener("click", () => {
    show(here + 1);
    if (next.hidden) panel.querySelector("button[type=submit]").focus();
  });
  show(0);
})();
