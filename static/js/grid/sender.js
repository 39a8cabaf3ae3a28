// Sends the outbox, one item after another, from one page of this browser at a time. Knows no cells: whoever wants to
// hear of an answer gives a function. Every page of a signed-in person carries it, so that work typed on a sheet
// that was closed still arrives.
import * as store from "./store.js";

export const account = document.body.dataset.account || "";
export const PAGE = newKey();
const LEASE = 25000, TIMEOUT = 15000, LONGEST = 30;
const TRIES = 3, ASIDE = 15, LONGEST_ASIDE = 300; // tries before an item steps aside, then seconds until it is tried again
// As long as the server keeps a session that is not used. What is typed later, on a page out of this machine's store, or after
// the server asked to sign in says so: it is not written in the name of whoever signs in afterwards without asking.
const IDLE = 30 * 60 * 1000, JUST_NOW = 60 * 1000;
let heard = document.documentElement.dataset.keptAt ? 0 : Date.now();
const isAlone = () => state.signIn || Date.now() - heard > IDLE;
const channel = "BroadcastChannel" in window ? new BroadcastChannel("hocbaso-outbox") : null;
const listeners = { answer: [], change: [] };

// What the pages show: the items of this account, how many are on their way to the disk, how often sending failed in a
// row, whether to sign in first, and which act is on the wire.
export const state = { items: [], adding: 0, failures: 0, signIn: false, sending: "" };
export const on = (what, act) => listeners[what].push(act);
export const pending = () => state.items.filter((item) => !item.held);
export const nCells = (items) => new Set(items.flatMap((item) => item.cells.map((cell) => item.sheet + "/" + cell.id))).size;
export const isLoose = store.isLoose;
export const isStuck = (item) => !item.held && item.after > 0;
export const isPending = (sheet, id) => pending().some((item) => item.sheet === sheet && item.cells.some((cell) => cell.id === id));

export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is absent over plain HTTP
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export async function refresh() {
  state.items = await store.list(account);
  for (const act of listeners.change) act();
}

export async function add(kind, sheet, cells, op = newKey(), of = "") {
  state.adding += 1;
  let item;
  try {
    item = await store.add({ account, sheet, page: PAGE, op, kind, of, cells, tried: false, held: "", at: Date.now(), alone: isAlone() });
    await refresh();
  } finally {
    state.adding -= 1;
  }
  if (!state.failures || state.signIn) wake(); // while sending fails, the back-off decides when, not each typed cell
  return item;
}

let running = false, again = false, timer = 0;

export function wake() {
  clearTimeout(timer);
  if (running) { again = true; return; }
  running = true;
  again = false;
  alone(run).catch(() => {}).then(() => {
    running = false;
    if (again && !state.failures) wake();
  });
}

// Only one page sends. Where another one does, it is told, and looked after: it may be gone before it hears.
async function alone(act) {
  if (navigator.locks) {
    return navigator.locks.request("hocbaso-sender", { ifAvailable: true }, (lock) => (lock ? act() : elsewhere()));
  }
  if (!(await store.lease(PAGE, LEASE))) return elsewhere();
  try { return await act(); } finally { await store.letGo(PAGE); }
}
async function elsewhere() {
  if (channel) channel.postMessage({ wake: true });
  await refresh();
  if (pending().length) timer = setTimeout(wake, 1500);
}

// Those on whom the server broke since it last answered one: where it broke on several, it was down, and they are not to blame.
const broken = new Set();

async function run() {
  for (;;) {
    if (!navigator.locks && !(await store.lease(PAGE, LEASE))) return;
    const item = await store.take(account);
    await refresh();
    if (!item) {
      state.failures = 0;
      for (const act of listeners.change) act();
      const next = Math.min(...pending().filter(isStuck).map((one) => one.after));
      if (next < Infinity) timer = setTimeout(wake, Math.max(500, next - Date.now()));
      return;
    }
    state.sending = item.op;
    const answer = await post(item);
    state.sending = "";
    const verdict = await judge(item, answer);
    if (verdict) {
      if (answer && (answer.status >= 500 || (answer.own && answer.status === 200)) && (await stepsAside(item))) continue;
      return later(verdict);
    }
    if (broken.size > 1) await store.stir(account, TRIES);
    broken.clear();
    state.failures = 0;
    state.signIn = false;
    await take(item, answer);
  }
}

// One value on which the server breaks each time must not keep back all that was typed after it.
async function stepsAside(item) {
  const fails = (item.fails || 0) + 1, aside = fails >= TRIES;
  broken.add(item.n);
  await store.rest(item, fails, aside ? Date.now() + 1000 * Math.min(LONGEST_ASIDE, ASIDE * 2 ** (fails - TRIES)) : 0);
  await refresh();
  return aside;
}

// A person asks to try again what stepped aside.
export async function tryAgain() {
  await store.stir(account);
  state.failures = 0;
  await refresh();
  wake();
}

async function post(item) {
  const stop = new AbortController();
  const timeout = setTimeout(() => stop.abort(), TIMEOUT);
  const fields = { account };
  const alone = item.alone ? String(Math.max(0, Math.round((Date.now() - item.at) / 1000))) : "";
  let address = "/bang-diem/" + item.sheet;
  if (item.kind === "typed") {
    const cell = item.cells[0];
    address += "/o/" + cell.id.replace("-", "/");
    Object.assign(fields, { value: cell.raw, version: cell.version || 0, op: item.op, alone });
  } else {
    const cells = item.cells.map((cell) => [Number(cell.id.split("-")[0]), cell.id.split("-")[1], cell.raw, cell.version || 0]);
    address += "/khoi";
    fields.block = JSON.stringify({ account, alone, kind: item.kind, op: item.op, of: item.of, cells });
  }
  try {
    const reply = await fetch(address, {
      method: "POST", credentials: "same-origin", signal: stop.signal, redirect: "manual",
      headers: { "HX-Request": "true", "X-CSRFToken": token() }, body: new URLSearchParams(fields),
    });
    return { status: reply.status, text: await reply.text(), own: reply.headers.get("X-Hocbaso") === "bang-diem" };
  } catch (_) {
    return null;
  } finally {
    clearTimeout(timeout);
  }
}

// "" when the item has been answered; otherwise what to wait for. A page of something between here and the school (the
// sign-in of a hotel's network, a proxy) comes with any status: only an answer of our own counts, and saved is what it names.
async function judge(item, answer) {
  if (!answer || answer.status >= 500 || answer.status === 429 || !answer.own) return "network";
  if (answer.status === 401) {
    heard = 0;
    if (Date.now() - item.at < JUST_NOW) await store.unattend(item); // the session was over when it was typed
    return "sign-in";
  }
  heard = Date.now();
  if (answer.status === 400 || answer.status === 419) return renew();
  return answer.status >= 400 || (answer.status === 200 && proves(item, fragment(answer))) ? "" : "network";
}

function fragment(answer) {
  const part = document.createElement("template");
  part.innerHTML = answer.text;
  return part.content;
}

function proves(item, found) {
  const named = item.kind === "typed" ? Array.from(found.querySelectorAll("td[data-v]"), (cell) => cell.id.slice(2))
    : Array.from(found.querySelectorAll("#outcomes li"), (line) => line.dataset.cell);
  return item.cells.every((cell) => named.includes(cell.id));
}

let asked = false;

function later(verdict) {
  state.failures += 1;
  state.signIn = verdict === "sign-in";
  for (const act of listeners.change) act();
  if (state.signIn) {
    if (!asked) document.dispatchEvent(new CustomEvent("signin")); // once: then the bar on top offers it
    asked = true;
    return;
  }
  const seconds = Math.min(LONGEST, 2 ** (state.failures - 1)) * (0.75 + Math.random() / 2);
  timer = setTimeout(wake, verdict === "renewed" ? 50 : seconds * 1000);
}

async function take(item, answer) {
  const found = fragment(answer);
  let kept = true;
  if (answer.status === 200 && item.kind === "typed") {
    const id = item.cells[0].id;
    await store.settle(item, { [id]: Number(found.getElementById("c-" + id).dataset.v) });
  } else if (answer.status === 200) {
    await settleBlock(item, found);
  } else if (item.kind === "typed") {
    const held = answer.status === 409 && found.getElementById("clash") ? "conflict" : "refused";
    kept = await store.hold(item, held, wordsOf(found));
  } else {
    const words = wordsOf(found);
    await store.settle(item, Object.fromEntries(item.cells.map((cell) => [cell.id, cell.version])),
      item.kind === "pasted" ? item.cells.map((cell) => ({ ...single(item, cell), held: "refused", words })) : []);
  }
  await refresh();
  tell(item, answer, kept);
  if (channel) channel.postMessage({ item, answer, kept, account });
  if (item.page === PAGE) store.forget(item.n);
  else setTimeout(() => store.forget(item.n), 5000); // should the page that typed it be gone
}

export const wordsOf = (found) => {
  const said = found.querySelector("#refused, #clash h2");
  return (said ? said.textContent : "Không ghi được vào bảng này nữa.").trim();
};
const single = (item, cell) => ({
  account, sheet: item.sheet, page: item.page, op: newKey(), kind: "typed", of: "", cells: [{ ...cell }], tried: false, held: "",
  at: item.at, alone: item.alone,
});

// What a block did not write goes on as single cells: a conflict is asked about on its card, a refusal is shown.
async function settleBlock(item, found) {
  const versions = {}, left = [], cells = new Map(item.cells.map((cell) => [cell.id, cell]));
  for (const line of found.querySelectorAll("#outcomes li")) {
    const cell = cells.get(line.dataset.cell);
    if (!cell) continue;
    const raw = line.dataset.raw || "", said = line.dataset.outcome;
    // Where nothing was written, what was seen stays what was seen.
    versions[cell.id] = item.kind === "pasted" && said !== "written" && said !== "same" ? cell.version : Number(line.dataset.v);
    if (said === "stale") left.push(single(item, { id: cell.id, raw, version: versions[cell.id] }));
    else if (said === "refused") {
      left.push({ ...single(item, { id: cell.id, raw, version: versions[cell.id] }), held: "refused", words: line.textContent.trim() });
    }
  }
  await store.settle(item, versions, left);
}

function tell(item, answer, kept) {
  const found = fragment(answer);
  for (const act of listeners.answer) act(item, answer.status, found, kept);
}

const token = () => document.querySelector('meta[name="csrf-token"]').content;

// A token that ran out is fetched anew, but never that of somebody else who has signed in here since.
async function renew() {
  try {
    const reply = await fetch("/tai-khoan", { credentials: "same-origin", headers: { "X-Requested-With": "fetch" } });
    if (reply.status === 401) return "sign-in";
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    const fresh = page.querySelector('meta[name="csrf-token"]');
    if (!reply.ok || !fresh) return "network";
    if (page.body.dataset.account !== account) return "sign-in";
    document.querySelector('meta[name="csrf-token"]').content = fresh.content;
    for (const field of document.querySelectorAll('input[name="csrf_token"]')) field.value = fresh.content;
    return "renewed";
  } catch (_) {
    return "network";
  }
}

if (channel) {
  channel.onmessage = async ({ data }) => {
    if (data.wake) { wake(); return; }
    if (data.out) { heard = 0; return; }
    if (data.account !== account) return;
    await refresh();
    tell(data.item, data.answer, data.kept);
    if (data.item.page === PAGE) store.forget(data.item.n);
  };
}
addEventListener("online", () => { tryAgain(); });
addEventListener("pageshow", (event) => { if (event.persisted) wake(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) wake(); });
document.addEventListener("hocbaso:signing-out", () => { if (channel) channel.postMessage({ out: true }); });
document.addEventListener("hocbaso:signed-in", () => { heard = Date.now(); state.failures = 0; state.signIn = asked = false; wake(); });
