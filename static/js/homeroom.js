// The homeroom matrix: what each field sends, the line that explains itself, and stepping from pupil to pupil.
"use strict";

(() => {
  const who = document.getElementById("row-who");
  const say = document.getElementById("row-say");
  const refusals = new Map();
  let here = null;

  function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is missing on plain HTTP
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  document.addEventListener("htmx:configRequest", (event) => {
    const box = event.detail.elt;
    const parameters = event.detail.parameters;
    if (box.dataset.field) {
      for (const name of Object.keys(parameters)) delete parameters[name];
      parameters.field = box.dataset.field;
      parameters.value = box.value;
      parameters.version = box.dataset.version;
      const seen = document.querySelector('#luu [name="seen"]');
      if (seen) parameters.seen = seen.value;
    }
    if (parameters.field) parameters.op = newKey();
  });

  function mark(event, name) {
    const cell = event.detail.elt.closest && event.detail.elt.closest(".editable");
    if (!cell) return;
    cell.classList.remove("cell--saving", "cell--refused");
    if (name) cell.classList.add(name);
  }
  document.addEventListener("htmx:beforeRequest", (event) => mark(event, "cell--saving"));
  document.addEventListener("htmx:responseError", (event) => {
    mark(event, "cell--refused");
    keepRefusal(event.detail.elt, event.detail.xhr);
  });
  document.addEventListener("htmx:sendError", (event) => mark(event, "cell--refused"));

  // What a field refuses stands in the bar below for as long as the field does: the words of the field one is in, else the first.
  const wrong = document.getElementById("row-wrong");
  function keepRefusal(box, xhr) {
    if (!wrong || xhr.status !== 422 || !box.dataset.field) return;
    box.setAttribute("aria-invalid", "true");
    box.setAttribute("aria-describedby", "row-wrong");
    refusals.set(box, xhr.responseText);
  }
  function tellRefusal() {
    if (!wrong) return;
    for (const box of refusals.keys()) if (!box.isConnected) refusals.delete(box);
    const box = refusals.has(document.activeElement) ? document.activeElement : [...refusals.keys()].pop();
    const parsed = new DOMParser().parseFromString(box ? refusals.get(box) : "", "text/html");
    wrong.replaceChildren(...parsed.body.childNodes);
    if (refusals.size > 1) wrong.append(` Còn ${refusals.size - 1} ô khác chưa ghi được.`);
  }
  document.addEventListener("htmx:afterSettle", tellRefusal);
  document.addEventListener("focusin", (event) => { if (refusals.has(event.target)) tellRefusal(); });
  window.addEventListener("beforeunload", (event) => { if (refusals.size) event.preventDefault(); });

  // A cell with a number that is not saved is no empty one: zeros wait until it is settled.
  document.addEventListener("submit", (event) => {
    if (!event.submitter || !event.submitter.matches("[data-fill]")) return;
    const open = [...document.querySelectorAll(".own__count")].filter((box) => box.value !== box.defaultValue || box.closest(".cell--saving, .cell--refused"));
    if (!open.length) return;
    event.preventDefault();
    const words = `${open[0].getAttribute("aria-label")}: “${open[0].value}” chưa ghi được. Sửa hoặc xoá số ấy rồi mới ghi 0 vào các ô trống.`;
    open[0].focus();
    if (wrong) wrong.textContent = words + (open.length > 1 ? ` Còn ${open.length - 1} ô khác chưa ghi.` : "");
  });

  // The fragment takes the place of a field. Swap, focus and htmx's listeners come in one task ("settle:0ms" in the templates): with a
  // pause between them a key goes nowhere or into the field of another pupil. What was typed into the field since it was sent stays.
  const told = document.getElementById("row-told");
  const LONG = 8000; // the next save, a second later, must not wipe it away unread
  let toldAt = 0;
  function wipe() { if (told && Date.now() - toldAt > LONG) told.textContent = ""; }
  const late = new Set();
  const wordsOf = (box, value) => (box.options ? [...box.options].find((one) => one.value === value)?.text : value) || "để trống";
  const standing = (box) => (box.options ? box.querySelector("[selected]")?.value : box.defaultValue) || "";
  let moved = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const box = event.detail.target.querySelector(".editable [data-field], :scope > [data-field]"), sent = event.detail.requestConfig.parameters.value;
    moved = box && { name: box.name, before: standing(box), typed: box.value === sent ? null : box.value, focused: box === document.activeElement,
      from: box.options ? null : box.selectionStart, to: box.options ? null : box.selectionEnd };
  });
  document.addEventListener("htmx:afterSettle", () => {
    const next = moved && document.querySelector(`[name="${CSS.escape(moved.name)}"]`), { before, typed, focused, from, to } = moved || {};
    moved = null;
    if (!next) return;
    const now = standing(next);
    if (told && before && before !== now) {
      told.textContent = `${next.getAttribute("aria-label")}: ${wordsOf(next, now)}, thay cho ${wordsOf(next, before)}`;
      toldAt = Date.now();
    } else wipe();
    if (typed !== null) next.value = typed;
    if (focused) next.focus();
    if (focused && from !== null) next.setSelectionRange(from, to);
    if (typed === null || typed === now) return;
    if (focused && !next.options) late.add(next);
    else next.dispatchEvent(new Event("change", { bubbles: true }));
  });
  // Words that a script put in are no change for the browser: tell of it when the field is left.
  document.addEventListener("change", (event) => late.delete(event.target), true);
  document.addEventListener("focusout", (event) => { if (late.has(event.target) && event.target.isConnected) event.target.dispatchEvent(new Event("change", { bubbles: true })); });

  function show(row) {
    if (!row || row === here) return;
    wipe();
    if (here) here.classList.remove("here");
    here = row;
    row.classList.add("here");
    if (who) who.textContent = row.dataset.who;
    if (say) say.textContent = row.dataset.say;
  }

  document.addEventListener("focusin", (event) => show(event.target.closest("tr[data-who]")));
  document.addEventListener("click", (event) => {
    show(event.target.closest("tr[data-who]"));
    const card = event.target.closest("[data-close-card]");
    if (card) window.setTimeout(() => card.closest(".clash-card").remove(), 0);
    const empty = event.target.closest("[data-next-gap]") && document.querySelector(".own--gap");
    if (empty) {
      event.preventDefault();
      empty.scrollIntoView({ block: "nearest" });
      empty.querySelector("select, input:not([type=hidden]), textarea").focus();
      return;
    }
    const step = event.target.closest("[data-step]");
    if (!step) return;
    const rows = Array.from(document.querySelectorAll("tr[data-who]"));
    const next = rows[Math.min(rows.length - 1, Math.max(0, rows.indexOf(here) + Number(step.dataset.step)))];
    show(next);
    next.scrollIntoView({ block: "nearest" });
    const field = next.querySelector(".own--gap select, .own--gap input:not([type=hidden]), .own--gap textarea, select");
    if (field) field.focus();
  });

  document.addEventListener("keydown", (event) => {
    const box = event.target.closest(".own__count, .own__pick");
    if (!box || event.key !== "Enter") return;
    event.preventDefault();
    const row = box.closest("tr");
    const next = event.shiftKey ? row.previousElementSibling : row.nextElementSibling;
    const same = next && next.querySelector(`[data-field="${box.dataset.field}"]`);
    if (same) same.focus();
  });

  // One pupil's page is a form: whoever leaves it with fields that are not saved is asked first.
  const one = document.querySelector("form[data-one]");
  if (one) {
    const fresh = () => JSON.stringify([...new FormData(one)].filter(([name]) => name !== "csrf_token"));
    const opened = fresh();
    let sent = false;
    one.addEventListener("submit", () => { sent = true; });
    window.addEventListener("pageshow", () => { sent = false; });
    window.addEventListener("beforeunload", (event) => { if (!sent && fresh() !== opened) event.preventDefault(); });
  }

  show(document.querySelector("tr[data-who]"));
  const goal = location.hash && document.getElementById(location.hash.slice(1));
  const field = goal && goal.querySelector("select, input:not([type=hidden]), textarea");
  if (field) field.focus();
  window.addEventListener("hashchange", () => {
    const cell = document.getElementById(location.hash.slice(1));
    const box = cell && cell.querySelector("select, input:not([type=hidden]), textarea");
    if (box) box.focus();
  });
})();
