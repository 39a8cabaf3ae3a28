// The outbox of this browser: what was typed and has not been acknowledged. Kept in IndexedDB, so that it survives a
// reload, a flat battery and a killed browser; in memory where the browser refuses that or its room is full, which the page
// then says. Numbers and ids only, no names.
//
// An item: n (order), account, sheet, page, op, kind (typed, pasted, undone, redone), of, cells [{id, raw, version}], tried,
// held. A cell's version is the one the person had seen. It is null while an earlier item of the same cell is on its way,
// and is filled in from that one's answer: with what that item itself wrote, never with what somebody else wrote since.
// An item that was tried is never changed: it may have arrived, and is repeated under its own key. `held`: "conflict" or
// "refused" wait for their person; "done" is answered and without its values, kept for the moment until the page that typed
// it has heard, because what is typed in that moment stands on it. `fails`, `after`: how often the server broke on this item
// alone, and until when it steps aside for the others; only what comes later for the same cells waits behind it. `at`, `alone`:
// when it was typed, and whether on a page that did not know its session to be alive.
const NAME = "hocbaso-outbox";
let opening = null;
const memory = { leases: {} };

// What the browser would not keep, by number: an item, or null for one that is gone. New ones are numbered from FIRST, after
// all that were kept.
const FIRST = 1e12;
const loose = new Map();
let nextLoose = FIRST;
export const isLoose = (item) => item.n >= FIRST;
export const survives = async () => Boolean(await open()); // whether anything outlives a reload here

function putLoose(item) {
  if (!item.n) item.n = nextLoose++;
  loose.set(item.n, structuredClone(item)); // whoever reads gets a copy, as from the disk
}
const dropLoose = (n) => { if (n >= FIRST) loose.delete(n); else loose.set(n, null); };
const over = (kept) => kept.filter((item) => !loose.has(item.n))
  .concat(Array.from(loose.values()).filter(Boolean).map((item) => structuredClone(item))).sort((a, b) => a.n - b.n);
// What comes after an unsent loose item joins it: the order of a cell's values is that of their numbers.
const hasLoose = () => Array.from(loose.values()).some((item) => item && isLoose(item) && !item.held);

function open() {
  opening = opening || new Promise((done) => {
    let request;
    try { request = indexedDB.open(NAME, 1); } catch (_) { done(null); return; }
    request.onupgradeneeded = () => {
      request.result.createObjectStore("items", { keyPath: "n", autoIncrement: true });
      request.result.createObjectStore("leases", { keyPath: "name" });
    };
    request.onsuccess = () => {
      request.result.onversionchange = () => { request.result.close(); opening = null; };
      request.result.onclose = () => { opening = null; };
      done(request.result);
    };
    request.onerror = request.onblocked = () => done(null);
  });
  return opening;
}

// Run `act(items, put, remove)` in one transaction over all items in order; resolves when it is on the disk, or for
// what may be lost or is only read, when it is done.
const READ = ["readonly", { durability: "relaxed" }], LOSE = ["readwrite", { durability: "relaxed" }];
async function transact(act, [mode, options] = ["readwrite", { durability: "strict" }]) {
  const base = await open();
  let work;
  try { work = base && base.transaction("items", mode, options); } catch (_) { opening = null; }
  if (!work) return act(over([]), putLoose, dropLoose);
  return new Promise((done) => {
    const items = work.objectStore("items"), instead = [];
    let result, acted = false;
    const put = (item) => {
      const fresh = !item.n;
      if (fresh ? hasLoose() : loose.has(item.n)) { putLoose(item); return; }
      instead.push(() => { if (fresh) delete item.n; putLoose(item); });
      const kept = items.put(item);
      kept.onsuccess = () => { item.n = kept.result; };
    };
    const remove = (n) => {
      if (loose.has(n)) dropLoose(n);
      if (n >= FIRST) return;
      instead.push(() => dropLoose(n));
      items.delete(n);
    };
    const read = items.getAll();
    read.onsuccess = () => {
      const unkept = (write) => (what) => { try { write(what); } catch (_) { /* full: aborted below */ broken = true; } };
      let broken = false;
      acted = true;
      result = act(over(read.result), unkept(put), unkept(remove));
      if (broken) work.abort();
    };
    work.oncomplete = () => done(result);
    work.onabort = () => { // no room, or the disk is broken: this page keeps it and sends it
      for (const keep of instead) keep();
      done(acted ? result : act(over([]), putLoose, dropLoose));
    };
  });
}

const touches = (item, id) => item.cells.some((cell) => cell.id === id);
const same = (item, other) => item.account === other.account && item.sheet === other.sheet;

export const list = (account) => transact((items) => items.filter((item) => item.account === account && item.held !== "done"), READ);

// Put an item at the end. An untried text for the same cell is replaced under its key; returns the item that stands.
export function add(fresh) {
  return transact((items, put, remove) => {
    const mine = items.filter((item) => same(item, fresh));
    for (const item of mine) {
      if (item.held === "done") {
        for (const cell of fresh.cells) {
          const own = item.page === fresh.page && item.cells.find((one) => one.id === cell.id);
          if (own && own.version > cell.version) cell.version = own.version;
        }
      } else if (item.held && fresh.cells.some((cell) => touches(item, cell.id))) remove(item.n);
    }
    const open_ = mine.filter((item) => !item.held);
    for (const item of open_) if (item.after && fresh.cells.some((cell) => touches(item, cell.id))) put({ ...item, after: 0 });
    if (fresh.kind === "typed") {
      const last = open_.filter((item) => touches(item, fresh.cells[0].id)).at(-1);
      if (last && last.kind === "typed" && !last.tried) {
        last.cells[0].raw = fresh.cells[0].raw;
        last.at = fresh.at;
        last.alone = fresh.alone;
        put(last);
        return last;
      }
    }
    for (const cell of fresh.cells) if (open_.some((item) => touches(item, cell.id))) cell.version = null;
    put(fresh);
    return fresh;
  });
}

// The next to send, marked as tried; null when nothing is left that may go now. An item never overtakes an earlier one of
// its own cells.
export function take(account) {
  return transact((items, put) => {
    const mine = items.filter((one) => one.account === account && !one.held), now = Date.now();
    const item = mine.find((one, place) => !(one.after > now)
      && !mine.slice(0, place).some((earlier) => same(earlier, one) && one.cells.some((cell) => touches(earlier, cell.id))));
    if (!item) return null;
    if (!item.tried) { item.tried = true; put(item); }
    return item;
  });
}

// The server broke on this item: count it, and with `after` let the others pass until then.
export const rest = (item, fails, after) => transact((items, put) => {
  const standing = items.find((one) => one.n === item.n && !one.held);
  if (standing) put({ ...standing, fails, after });
});

// It turned out that nobody was signed in when this was typed.
export const unattend = (item) => transact((items, put) => {
  const standing = items.find((one) => one.n === item.n && !one.held);
  if (standing) put({ ...standing, alone: true });
});

// Those who stepped aside are tried again at once: all of them, or those who did so for the first time (`fails`).
export const stir = (account, fails) => transact((items, put) => {
  for (const item of items) {
    if (item.account === account && !item.held && item.after && (!fails || item.fails === fails)) put({ ...item, after: 0 });
  }
});

// Hand a version on to the next item that waits for this cell.
function handOn(items, put, item, id, version) {
  const waiting = items.find((one) => one.n > item.n && same(one, item) && !one.held && touches(one, id));
  const cell = waiting && waiting.cells.find((one) => one.id === id);
  if (cell && cell.version === null) { cell.version = version; put(waiting); }
}

// Answered. `versions`: cell id to the version that this item wrote or stood on; `left`: new items for what was not written.
export function settle(item, versions, left = []) {
  return transact((items, put) => {
    const later = items.filter((one) => one.n > item.n && same(one, item) && !one.held);
    if (later.length) for (const [id, version] of Object.entries(versions)) handOn(later, put, item, id, version);
    const cells = Object.entries(versions).map(([id, version]) => ({ id, version }));
    put({ ...item, held: "done", cells });
    for (const one of left) put(one);
  });
}

export const forget = (n) => transact((items, put, remove) => {
  if (items.some((item) => item.n === n && item.held === "done")) remove(n);
}, LOSE);

export function hold(item, held, words) {
  return transact((items, put, remove) => {
    for (const cell of item.cells) handOn(items, put, item, cell.id, cell.version);
    const later = items.some((one) => one.n > item.n && same(one, item) && !one.held && item.cells.some((cell) => touches(one, cell.id)));
    if (later) remove(item.n); // the person has already typed something else there
    else put({ ...item, held, words });
    return !later;
  });
}

export const drop = (account, sheet, id) => transact((items, put, remove) => {
  for (const item of items) if (item.held && item.account === account && item.sheet === sheet && touches(item, id)) remove(item.n);
});

// On opening a sheet its conflicts are asked about again: the card must show what stands now.
export const askAgain = (account, sheet, page) => transact((items, put, remove) => {
  for (const item of items) {
    if (item.held === "done" && item.page !== page) remove(item.n);
    if (item.held === "conflict" && item.account === account && item.sheet === sheet) put({ ...item, held: "" });
  }
});

// A lease on being the one sender, where the browser has no locks (plain HTTP). True while it is ours.
export async function lease(owner, milliseconds) {
  const base = await open();
  const now = Date.now();
  const free = (held) => !held || held.owner === owner || held.until < now;
  const mine = { name: "sender", owner, until: now + milliseconds };
  if (!base) {
    if (!free(memory.leases.sender)) return false;
    memory.leases.sender = mine;
    return true;
  }
  return new Promise((done) => {
    const work = base.transaction("leases", "readwrite");
    const leases = work.objectStore("leases");
    const read = leases.get("sender");
    let ours = false;
    read.onsuccess = () => { if (free(read.result)) { ours = true; leases.put(mine); } };
    work.oncomplete = () => done(ours);
    work.onabort = () => done(true); // a full disk keeps no lease, and what is typed must go out all the same
  });
}

export const letGo = (owner) => lease(owner, -1);
