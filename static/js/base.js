// What every page needs: the token on each request, dialogs over the page, sign-in in place, notices that go away.
"use strict";

(() => {
  const over = document.getElementById("over");
  const meta = document.querySelector('meta[name="csrf-token"]');
  const waiting = [];

  // Other scripts send their own requests (the grid's queue) and need the same token.
  window.hocbaso = Object.freeze({
    csrfToken: () => (meta ? meta.content : ""),
    signIn: () => openDialog(document.body.dataset.signIn),
    notice,
  });

  function notice(message, kind = "done") {
    const box = document.getElementById("notices");
    if (!box) return;
    const line = document.createElement("p");
    line.className = `toast toast--${kind}`;
    line.setAttribute("role", kind === "wrong" ? "alert" : "status");
    const words = document.createElement("span"), shut = document.createElement("button");
    words.textContent = message;
    shut.type = "button";
    shut.className = "toast__close";
    shut.dataset.close = "";
    shut.setAttribute("aria-label", "Đóng lời nhắn");
    shut.textContent = "×";
    line.append(words, shut);
    box.append(line);
    fadeLater(line);
  }

  function fadeLater(line) {
    if (line.classList.contains("toast--wrong") || line.dataset.undo) return; // an error stays until it is read; what counts down goes by itself
    window.setTimeout(() => line.remove(), 8000);
  }

  async function openDialog(address) {
    if (!over || !address || over.open) return;
    const answer = await fetch(address, {
      headers: { "X-Requested-With": "fetch" },
      credentials: "same-origin",
    }).catch(() => null);
    if (!answer || !answer.ok) {
      if (answer && answer.status === 401 && address !== document.body.dataset.signIn) {
        openDialog(document.body.dataset.signIn);
      } else {
        notice("Chưa nối được với máy chủ. Những gì đang gõ vẫn còn trên trang.", "wrong");
      }
      return;
    }
    const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
    over.replaceChildren(...parsed.body.childNodes);
    if (window.htmx) window.htmx.process(over);
    over.showModal();
    const first = over.querySelector("input:not([type=hidden])");
    if (first) first.focus();
  }

  function closeDialog() {
    if (over && over.open) over.close();
    if (over) over.replaceChildren();
  }

  // Take over the token of the new session; a page of another person is loaded afresh.
  function renew() {
    const mark = over && over.querySelector("[data-csrf-token]");
    if (!mark) return;
    if (mark.dataset.account && mark.dataset.account !== document.body.dataset.account) {
      window.location.reload();
      return;
    }
    if (meta) meta.content = mark.dataset.csrfToken;
    for (const field of document.querySelectorAll('input[name="csrf_token"]')) field.value = mark.dataset.csrfToken;
    closeDialog();
    document.dispatchEvent(new CustomEvent("hocbaso:signed-in"));
    for (const repeat of waiting.splice(0)) repeat();
  }

  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-CSRFToken"] = meta ? meta.content : "";
  });

  // A request that met an expired session is sent again once, after signing in.
  document.addEventListener("htmx:responseError", (event) => {
    const { xhr, requestConfig: config } = event.detail;
    if (xhr.status !== 401 || !config || xhr.getResponseHeader("HX-Redirect")) return;
    const { verb, path, elt, target, unfilteredParameters } = config;
    waiting.push(() => {
      if (!elt.isConnected) return;
      const values = {};
      for (const [name, value] of Object.entries(unfilteredParameters || {})) {
        if (name !== "csrf_token") values[name] = value;
      }
      window.htmx.ajax(verb, path, { source: elt, target, values });
    });
  });
  document.addEventListener("htmx:sendError", () => {
    notice("Mất nối với máy chủ, việc vừa rồi chưa được ghi. Xin thử lại khi có mạng.", "wrong");
  });

  document.addEventListener("signin", () => openDialog(document.body.dataset.signIn));
  document.addEventListener("confirm", () => openDialog(document.body.dataset.confirm));
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target === over) renew();
  });

  document.addEventListener("click", (event) => {
    const close = event.target.closest("[data-close]");
    if (!close) return;
    const toast = close.closest(".toast");
    if (toast) toast.remove();
    else if (close.closest("dialog") === over) {
      waiting.length = 0;
      closeDialog();
    }
  });
  if (over) over.addEventListener("cancel", () => { waiting.length = 0; });

  // Whoever still holds unsent work may hold back the sign-out and say so.
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-sign-out]");
    if (form && !document.dispatchEvent(new CustomEvent("hocbaso:signing-out", { cancelable: true, detail: form }))) {
      event.preventDefault();
      return;
    }
    // Without the school's network this page would give way to the browser's own about no connection.
    if (!form || form.dataset.reached) return;
    event.preventDefault();
    event.stopPropagation();
    fetch(form.action, { method: "OPTIONS", cache: "no-store" }).then(() => {
      form.dataset.reached = "1";
      form.requestSubmit();
    }, () => notice("Chưa thoát được vì mất nối với máy chủ. Xin bấm lại khi có mạng, hoặc khoá màn hình máy này.", "wrong"));
  }, true);

  for (const line of document.querySelectorAll("#notices .toast")) fadeLater(line);
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) {
      if (node.nodeType === 1 && node.classList.contains("toast")) fadeLater(node);
    }
  }).observe(document.getElementById("notices") || document.createElement("div"), { childList: true });

  // On a phone the places slide: the one where somebody is stands in sight.
  const here = document.querySelector(".nav__link[aria-current]"), places = here && here.closest(".nav__list");
  if (places && places.scrollWidth > places.clientWidth) {
    const own = here.getBoundingClientRect(), all = places.getBoundingClientRect();
    places.scrollLeft += own.left - all.left - (all.width - own.width) / 2;
  }

  // Whether a file input that may stay empty holds a file; a required one tells the stylesheet itself.
  const tellFile = (input) => input.toggleAttribute("data-none", !input.files.length);
  for (const input of document.querySelectorAll(".file__in:not([required])")) tellFile(input);
  document.addEventListener("change", (event) => {
    if (event.target.matches(".file__in:not([required])")) tellFile(event.target);
  });

  const summary = document.querySelector("#loi, #loi-ky");
  if (summary) summary.focus();

  for (const button of document.querySelectorAll("[data-print]")) {
    button.addEventListener("click", () => window.print());
  }
})();
