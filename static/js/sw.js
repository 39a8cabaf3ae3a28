// The service worker: the shell for every page, and the sheets of one account for when there is no network. It only ever
// reads; what is typed is kept and sent by the pages themselves. VERSION and SHELL stand above this line, put there by
// the server. Taking over at once is safe: no page is reloaded, and old pages ask for files that match by name.
"use strict";

const SHELL_CACHE = "hocbaso-shell-" + VERSION;
const PAGES = "hocbaso-pages-"; // and the account's number: never two accounts at a time
const HOURS = 24; // the sheets of a day: what lies longer on a shared tablet is for nobody
const MOST = 16;
const FRESH_MS = 20 * 60 * 1000; // a sheet kept this recently is not fetched again ahead of need
const PATIENCE_MS = 6000; // Wi-Fi that is there but carries nothing
const OFFLINE = "/chua-co-mang";
const DOOR = /^\/dang-nhap(\/tai-cho)?$/;
let wiped = 0; // how often: an answer asked for before the last time is not kept after it
const COPIED = ["Content-Type", "Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy",
  "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Permissions-Policy"];

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(SHELL_CACHE);
    // Without cookies: the page for no network must know nobody.
    await Promise.all(SHELL.map(async (address) => {
      const answer = await fetch(address, { credentials: "omit" });
      if (answer.status !== 200 || answer.redirected) throw new Error(address);
      await cache.put(address, answer);
    }));
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("hocbaso-shell-") && name !== SHELL_CACHE) await caches.delete(name);
    }
    await tidy();
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const request = event.request;
  const url = new URL(request.url);
  if (url.origin !== self.location.origin) return;
  if (request.method !== "GET") {
    if (request.method === "POST" && url.pathname === "/thoat") event.waitUntil(wipe());
    return;
  }
  if (url.pathname.startsWith("/static/")) event.respondWith(shell(request, url));
  else if (request.mode === "navigate") event.respondWith(page(event, url));
  else if (DOOR.test(url.pathname)) event.respondWith(door(request));
});

self.addEventListener("message", (event) => {
  const { type, paths, again } = event.data || {};
  if (type === "keep") event.waitUntil(fetchAhead(paths || [], Boolean(again)));
  if (type === "wipe") event.waitUntil(wipe());
});

// --- the shell -------------------------------------------------------------------------------------------------------
async function shell(request, url) {
  const cache = await caches.open(SHELL_CACHE);
  const lasting = url.searchParams.has("v") || /^\/static\/(vendor|fonts)\//.test(url.pathname) || DIGEST.test(url.pathname);
  const hit = await cache.match(request.url, { ignoreVary: true });
  if (hit && lasting) return hit;
  try {
    return await fetch(request);
  } catch (gone) {
    const near = hit || (await cache.match(request.url, { ignoreSearch: true, ignoreVary: true })) || (await renamed(cache, url.pathname));
    if (near) return near;
    throw gone;
  }
}

// A folder of modules is named by its content: a page kept before an update asks for the old name, and the present files
// serve it as well.
const DIGEST = /@[0-9a-f]{16}(?=\/)/;
async function renamed(cache, path) {
  if (!DIGEST.test(path)) return undefined;
  const plain = (text) => text.replace(DIGEST, "");
  for (const kept of await cache.keys()) {
    if (plain(new URL(kept.url).pathname) === plain(path)) return cache.match(kept, { ignoreVary: true });
  }
  return undefined;
}

// --- pages -----------------------------------------------------------------------------------------------------------
async function page(event, url) {
  const path = url.pathname;
  const before = wiped;
  const kept = find(path === "/" ? "/bang-diem/" : path);
  const answer = fetch(event.request).then((fresh) => {
    // The sign-in page: the session is over or somebody else is coming.
    if (fresh.ok && DOOR.test(path)) event.waitUntil(wipe());
    else event.waitUntil(keep(path, url.search, fresh.clone(), before).catch(() => undefined));
    return fresh;
  });
  answer.catch(() => undefined);
  const patience = kept.then((copy) => (copy ? new Promise((done) => setTimeout(done, PATIENCE_MS, null)) : answer));
  try {
    const first = await Promise.race([answer, patience]);
    if (first) return first;
  } catch (gone) {
    // no network: below
  }
  const copy = await kept;
  if (copy) return copy;
  const cache = await caches.open(SHELL_CACHE);
  return (await cache.match(OFFLINE, { ignoreVary: true })) || Response.error();
}

async function door(request) {
  const answer = await fetch(request);
  if (answer.ok) await wipe();
  return answer;
}

async function keep(path, search, answer, before) {
  const account = answer.headers.get("Hocbaso-Keep");
  if (!account || !/^\d+$/.test(account) || answer.status !== 200 || answer.redirected || search) return;
  const mine = PAGES + account;
  for (const name of await caches.keys()) if (name.startsWith(PAGES) && name !== mine) await caches.delete(name);
  const headers = new Headers({ "Hocbaso-Kept-At": String(Date.now()) });
  for (const name of COPIED) if (answer.headers.has(name)) headers.set(name, answer.headers.get(name));
  const body = await answer.text();
  if (before !== wiped) return;
  const cache = await caches.open(mine);
  await cache.put(path, new Response(body, { status: 200, headers }));
  await tidy();
}

async function find(path) {
  for (const name of await caches.keys()) {
    if (!name.startsWith(PAGES)) continue;
    const hit = await (await caches.open(name)).match(path);
    if (!hit || isOld(hit)) continue;
    const at = new Date(Number(hit.headers.get("Hocbaso-Kept-At"))).toISOString();
    const text = await hit.text();
    return new Response(text.replace("<html ", `<html data-kept-at="${at}" `), { status: 200, headers: hit.headers });
  }
  return null;
}

function isOld(answer) {
  const age = Date.now() - Number(answer.headers.get("Hocbaso-Kept-At"));
  return !(age >= -3600000 && age < HOURS * 3600000); // a clock set back by more than an hour: nobody knows
}

async function tidy() {
  for (const name of await caches.keys()) {
    if (!name.startsWith(PAGES)) continue;
    const cache = await caches.open(name);
    const found = [];
    for (const request of await cache.keys()) {
      const answer = await cache.match(request);
      if (!answer || isOld(answer)) await cache.delete(request);
      else if (new URL(request.url).pathname !== "/bang-diem/") found.push([Number(answer.headers.get("Hocbaso-Kept-At")), request]);
    }
    found.sort((one, other) => other[0] - one[0]);
    for (const [, request] of found.slice(MOST)) await cache.delete(request);
  }
}

// One after the other and without counting as use of the session: forty tablets open their lists in the same minute.
async function fetchAhead(paths, again) {
  // The last first: when room is short the oldest goes, and what stands on top of the list should go last.
  for (const path of paths.slice(0, MOST + 1).reverse()) {
    if (!/^\/bang-diem\/(\d+)?$/.test(path)) continue;
    if (!again) {
      const held = await heldAt(path);
      if (Date.now() - held < FRESH_MS) continue;
    }
    const before = wiped;
    try {
      const answer = await fetch(path, { headers: { "X-Poll": "1" }, credentials: "same-origin" });
      if (answer.redirected || answer.status === 401) return;
      await keep(path, "", answer, before);
    } catch (gone) {
      return;
    }
  }
}

async function heldAt(path) {
  for (const name of await caches.keys()) {
    if (!name.startsWith(PAGES)) continue;
    const hit = await (await caches.open(name)).match(path);
    if (hit) return Number(hit.headers.get("Hocbaso-Kept-At"));
  }
  return 0;
}

async function wipe() {
  wiped += 1;
  for (const name of await caches.keys()) if (name.startsWith(PAGES)) await caches.delete(name);
}
