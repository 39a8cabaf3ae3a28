// The page's side of the installed application. Over plain HTTP none of this runs and nothing is missed but opening
// without network.
"use strict";

(() => {
  if (window.location.protocol !== "https:" || !("serviceWorker" in navigator) || !("caches" in window)) return;
  const PAGES = "hocbaso-pages-";
  const account = document.body.dataset.account;
  const keptAt = document.documentElement.dataset.keptAt;
  const isOffline = "offline" in document.body.dataset;

  async function wipe(except) {
    for (const name of await caches.keys()) if (name.startsWith(PAGES) && name !== except) await caches.delete(name);
  }

  // A second look beside the worker's: pages of another account, or of anybody once nobody is signed in, go.
  if (!isOffline) wipe(account ? PAGES + account : null).catch(() => undefined);

  document.addEventListener("submit", (event) => {
    if (event.target.closest("[data-sign-out]") && !event.defaultPrevented) wipe(null).catch(() => undefined);
  });

  async function tell(message) {
    const registration = await navigator.serviceWorker.ready;
    if (registration.active) registration.active.postMessage(message);
  }

  navigator.serviceWorker.register("/sw.js", { scope: "/" }).then(() => {
    if (!account || keptAt) return;
    // This page came before the worker did, perhaps; and today's sheets stand as links on the list and on the daily page.
    const own = "keep" in document.body.dataset ? [window.location.pathname] : [];
    const links = /^\/(bang-diem\/|hom-nay)$/.test(window.location.pathname)
      ? Array.from(document.querySelectorAll('main a[data-own][href^="/bang-diem/"]'), (link) => link.getAttribute("href").split("#")[0])
      : [];
    const paths = [...new Set([...own, ...links.filter((path) => /^\/bang-diem\/\d+$/.test(path))])];
    if (paths.length && "teaches" in document.body.dataset) window.setTimeout(() => tell({ type: "keep", paths }), 1500);
  }, () => undefined);

  // What was typed since is on the server, and should stand in the copy too when the battery is empty.
  if (account && !keptAt && "keep" in document.body.dataset) {
    let typed = false;
    const again = () => {
      if (typed) tell({ type: "keep", paths: [window.location.pathname], again: true });
      typed = false;
    };
    document.addEventListener("change", () => { typed = true; });
    document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") again(); });
    window.setInterval(again, 120000);
  }

  // The session ended and began again on this page: what was wiped with it is kept anew.
  document.addEventListener("hocbaso:signed-in", () => {
    if ("keep" in document.body.dataset) tell({ type: "keep", paths: [window.location.pathname], again: true });
  });

  // --- a page out of the store says so -------------------------------------------------------------------------------
  const two = (number) => String(number).padStart(2, "0");
  function words(at) {
    const today = new Date();
    const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
    return at.toDateString() === today.toDateString() ? time : `${time} ngày ${two(at.getDate())}/${two(at.getMonth() + 1)}`;
  }

  if (keptAt) {
    const main = document.getElementById("main");
    const bar = document.createElement("p");
    bar.className = "kept";
    bar.setAttribute("role", "status");
    const text = document.createElement("span");
    text.textContent = `Bản lưu lúc ${words(new Date(keptAt))}, chưa có mạng. Điểm gõ vào được giữ trong máy và gửi khi có mạng lại.`;
    bar.append(text);
    main.prepend(bar);
    let stops = 0;
    const look = async () => {
      const answer = await fetch(window.location.href, { headers: { "X-Poll": "1" }, cache: "no-store" }).catch(() => null);
      if (!answer) return;
      if (answer.redirected || answer.status === 401) {
        window.hocbaso.signIn();
        return;
      }
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (fresh.body.dataset.account !== account) return; // base.js reloads for another person
      const token = fresh.querySelector('meta[name="csrf-token"]');
      document.querySelector('meta[name="csrf-token"]').content = token.content;
      for (const field of document.querySelectorAll('input[name="csrf_token"]')) field.value = token.content;
      window.clearInterval(stops);
      text.textContent = "Đã có mạng lại. ";
      const link = document.createElement("a");
      link.href = window.location.pathname;
      link.textContent = "Mở bản mới";
      bar.append(link);
      document.dispatchEvent(new CustomEvent("hocbaso:online"));
    };
    stops = window.setInterval(look, 15000);
    window.addEventListener("online", look);
    document.addEventListener("hocbaso:signed-in", look);
    look();
  }

  // --- the account page ----------------------------------------------------------------------------------------------
  const box = document.getElementById("on-this-machine");
  if (!box) return;
  box.hidden = false;
  const install = box.querySelector("[data-install]");
  window.addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault(); // no banner over a page that somebody types on
    install.hidden = false;
    install.onclick = async () => {
      await event.prompt();
      install.hidden = true;
    };
  });
  const said = box.querySelector("[data-kept-count]");
  const count = async () => {
    const cache = await caches.open(PAGES + account);
    const sheets = (await cache.keys()).filter((request) => /\/bang-diem\/\d+$/.test(request.url)).length;
    said.textContent = sheets ? `Máy này giữ ${sheets} bảng điểm để mở khi mất mạng, lâu nhất một ngày.` : "Máy này không giữ bảng điểm nào.";
  };
  count();
  box.querySelector("[data-kept-wipe]").addEventListener("click", () => wipe(null).then(count));
})();
