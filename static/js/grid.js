// The grade grid: moving, typing, and saving each cell alone as it is left. Without this file the sheet is a form that
// saves. The queue below is kept in memory behind four small functions, so that another store can take its place.
"use strict";
(function () {
  const sheet = document.getElementById("sheet");
  if (!sheet) return;
  const table = sheet.querySelector("table");
  const body = table.tBodies[0];
  const scored = sheet.dataset.kind === "scored";
  const bar = document.getElementById("cellbar");
  const said = document.getElementById("grid-said");
  const chips = document.getElementById("sheet-chips");
  const net = document.getElementById("net");
  const headOf = (name) => {
    const th = document.getElementById("h-" + name);
    return !th ? "" : /^TX/.test(name) ? "thường xuyên " + name.slice(2) : th.textContent.trim().toLowerCase();
  };

  // --- cells --------------------------------------------------------------------------------------------------------
  const CELLS = "td.cell, td.remark";
  const cellOf = (element) => (element instanceof Element ? element.closest(CELLS) : null);
  const fieldOf = (cell) => cell.querySelector("input, textarea");
  const targetOf = (cell) => fieldOf(cell) || cell;
  const idOf = (cell) => cell.id.slice(2);
  const keyOf = (cell) => idOf(cell).split("-")[1];
  const rowCells = (row) => Array.from(row.querySelectorAll(CELLS));
  const nameOf = (row) => row.querySelector(".name").firstChild.textContent.trim() + " " + row.querySelector(".name b").textContent;
  const shown = (cell) => {
    const field = fieldOf(cell);
    return field ? field.value : (cell.querySelector(".cell__v, span") || { textContent: "" }).textContent;
  };
  const icon = (name) => {
    const NS = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(NS, "svg");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS(NS, "use");
    use.setAttribute("href", "#i-" + name);
    svg.append(use);
    return svg;
  };
  const STATES = {
    typing: ["arrow-right", ""], saving: ["loader-circle", "đang lưu"], saved: ["check", "đã lưu"],
    wait: ["cloud-off", "chờ mạng"], conflict: ["users", "hai số"], refused: ["circle-x", "không ghi"],
  };
  function mark(cell, state, words) {
    for (const name of Object.keys(STATES)) cell.classList.toggle("cell--" + name, name === state);
    cell.querySelectorAll(".cell__say--live").forEach((old) => old.remove());
    const own = cell.querySelector(".cell__say:not(.cell__say--live)");
    if (own) own.hidden = Boolean(state);
    const field = fieldOf(cell);
    if (field) field.toggleAttribute("aria-invalid", state === "refused");
    if (!state || (state === "typing" && !words)) return;
    const say = document.createElement("span");
    say.className = "cell__say cell__say--live";
    say.append(icon(STATES[state][0]), words || STATES[state][1]);
    cell.append(say);
  }

  // --- what is typed ------------------------------------------------------------------------------------------------
  // The server decides; this only shows beforehand what it will make of the text.
  function read(raw) {
    const text = raw.normalize("NFC").trim().replace(/\s+/g, " ").toLowerCase();
    if (!text) return { text: "", tenths: null };
    if (/^vp( .*)?$/.test(text)) return { text: "V", tenths: null, missed: true };
    if (text === "vk") return scored ? { text: "0,0", tenths: 0, missed: true } : { text: "CĐ", mark: "CĐ", missed: true };
    if (!scored) {
      if (/^(đ|d|đạt|dat)$/.test(text)) return { text: "Đ", mark: "Đ" };
      if (/^(cđ|cd|c|chưa đạt)$/.test(text)) return { text: "CĐ", mark: "CĐ" };
      return null;
    }
    const plain = /^(\d{1,2})(?:[.,](\d))?$/.exec(text);
    const pair = /^([1-9])\s?(\d)$/.exec(text);
    let tenths = null;
    if (plain && Number(plain[1]) * 10 + Number(plain[2] || 0) <= 100) tenths = Number(plain[1]) * 10 + Number(plain[2] || 0);
    else if (pair) tenths = Number(pair[1]) * 10 + Number(pair[2]);
    if (tenths === null) return null;
    return { text: tenths === 100 ? "10" : Math.floor(tenths / 10) + "," + (tenths % 10), tenths };
  }

  // --- moving -------------------------------------------------------------------------------------------------------
  let editing = false;
  let current = null;

  function place(cell) {
    const row = cell.parentElement;
    return { row, rows: Array.from(body.rows), y: Array.from(body.rows).indexOf(row), x: rowCells(row).indexOf(cell) };
  }
  function rove(cell) {
    if (current && current !== cell) targetOf(current).tabIndex = -1;
    current = cell;
    targetOf(cell).tabIndex = 0;
  }
  let visited = false; // the cell that roves from the start is not one that somebody stood in
  function go(cell) {
    if (!cell) return;
    visited = true;
    rove(cell);
    targetOf(cell).focus({ preventScroll: true });
    reveal(cell);
  }
  // The sticky head and names must not lie over the cell that has the focus.
  function reveal(cell) {
    const view = sheet.getBoundingClientRect(), box = cell.getBoundingClientRect();
    const top = view.top + table.tHead.offsetHeight, left = view.left + cell.parentElement.querySelector(".name").getBoundingClientRect().right - view.left;
    if (box.top < top) sheet.scrollTop -= top - box.top + 4;
    else if (box.bottom > view.bottom - 6) sheet.scrollTop += box.bottom - view.bottom + 10;
    if (box.left < left) sheet.scrollLeft -= left - box.left + 4;
    else if (box.right > view.right) sheet.scrollLeft += box.right - view.right + 10;
  }
  function step(cell, dy, dx) {
    const { rows, y, x } = place(cell);
    const row = rows[Math.max(0, Math.min(rows.length - 1, y + dy))];
    const cells = rowCells(row);
    return cells[Math.max(0, Math.min(cells.length - 1, x + dx))];
  }
  function edit(cell, on) {
    editing = on && Boolean(fieldOf(cell));
    cell.classList.toggle("cell--typing", editing);
    cell.classList.toggle("cell--focus", !editing && current === cell);
  }
  function choose(cell) {
    const field = fieldOf(cell);
    if (field && field.tagName === "INPUT") field.select();
  }
  function restore(cell) {
    const field = fieldOf(cell);
    if (field) field.value = cell.dataset.refused !== undefined ? field.defaultValue : cell.dataset.queued !== undefined ? cell.dataset.queued : field.defaultValue;
    delete cell.dataset.refused;
    mark(cell, cell.dataset.queued !== undefined ? "wait" : "");
  }

  body.addEventListener("focusin", (event) => {
    const cell = cellOf(event.target);
    if (!cell || event.target.closest(".clash")) return;
    visited = true;
    rove(cell);
    editing = false;
    cell.classList.add("cell--focus");
    cell.parentElement.classList.add("here");
    choose(cell);
    explain(cell);
  });
  body.addEventListener("focusout", (event) => {
    const cell = cellOf(event.target);
    if (!cell || event.target.closest(".clash")) return;
    cell.classList.remove("cell--focus", "cell--typing");
    cell.parentElement.classList.remove("here");
    editing = false;
    leave(cell);
  });
  body.addEventListener("click", (event) => {
    const cell = cellOf(event.target);
    if (!cell || event.target.closest(".clash")) return;
    if (document.activeElement !== targetOf(cell)) go(cell);
  });
  body.addEventListener("dblclick", (event) => {
    const cell = cellOf(event.target);
    if (cell && fieldOf(cell)) edit(cell, true);
  });
  body.addEventListener("input", (event) => {
    const cell = cellOf(event.target);
    if (!cell) return;
    delete cell.dataset.refused;
    edit(cell, true);
    if (event.target.tagName === "INPUT") {
      const seen = read(event.target.value);
      mark(cell, "typing", seen && seen.text && seen.text !== event.target.value ? "ghi " + seen.text : "");
    }
    explain(cell);
  });
  body.addEventListener("keydown", (event) => {
    const cell = cellOf(event.target);
    if (!cell || event.isComposing || event.target.closest(".clash")) return;
    const long = event.target.tagName === "TEXTAREA";
    const edges = { Home: [0, -99], End: [0, 99], PageUp: [-10, 0], PageDown: [10, 0] };
    const arrows = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    let to = null;
    if (event.key === "Enter" && !event.altKey) to = step(cell, event.shiftKey ? -1 : 1, 0);
    else if (event.key === "Escape") { restore(cell); edit(cell, false); choose(cell); explain(cell); event.preventDefault(); return; }
    else if (event.key === "F2") {
      const field = fieldOf(cell);
      edit(cell, true);
      if (field) field.setSelectionRange(field.value.length, field.value.length);
      event.preventDefault();
      return;
    } else if (event.key === "Tab" && editing) to = step(cell, 0, event.shiftKey ? -1 : 1);
    else if (arrows[event.key] && (!editing || (!long && arrows[event.key][0]))) to = step(cell, ...arrows[event.key]);
    else if (edges[event.key] && (!editing || event.key.startsWith("Page"))) {
      to = step(cell, ...edges[event.key]);
      if (event.ctrlKey && event.key === "Home") to = rowCells(body.rows[0])[0];
      if (event.ctrlKey && event.key === "End") to = rowCells(body.rows[body.rows.length - 1]).at(-1);
    } else if (event.key === "Delete" && !editing && fieldOf(cell)) {
      fieldOf(cell).value = "";
      edit(cell, true);
      event.preventDefault();
      return;
    }
    if (!to) return;
    event.preventDefault();
    if (to === cell) { leave(cell); edit(cell, false); choose(cell); } else go(to);
  });

  // --- leaving a cell: the queue ------------------------------------------------------------------------------------
  const queue = [];
  const waiting = () => queue.length;
  const put = (item) => queue.push(item);
  const first = () => queue[0];
  const drop = (item) => queue.splice(queue.indexOf(item), 1);

  function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is absent over plain HTTP
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  }
  function leave(cell) {
    const field = fieldOf(cell);
    if (!field || cell.dataset.refused !== undefined || cell.querySelector(".clash")) return;
    const standing = cell.dataset.queued !== undefined ? cell.dataset.queued : field.defaultValue;
    const seen = field.tagName === "INPUT" ? read(field.value) : null;
    if (field.value.trim() === standing.trim() || (seen && !seen.missed && seen.text === standing && !cell.querySelector(".cell__say:not(.cell__say--live)"))) {
      field.value = standing;
      mark(cell, cell.dataset.queued !== undefined ? "wait" : "");
      return;
    }
    enqueue(cell, field.value);
    if (seen) field.value = seen.text;
    cell.dataset.queued = field.value;
  }
  function enqueue(cell, raw, version) {
    // A write that was tried may have arrived, so it is repeated under its own key and never replaced by a later one.
    const untried = queue.find((item) => item.id === idOf(cell) && item.tries === 0 && !item.sending);
    if (untried) { untried.raw = raw; untried.op = newKey(); } else put({ id: idOf(cell), raw, op: newKey(), tries: 0, version });
    mark(cell, "saving");
    tell();
    send();
  }

  let busy = false;
  let timer = 0;
  let failures = 0;
  async function send() {
    if (busy || !waiting()) return;
    busy = true;
    clearTimeout(timer);
    const item = first();
    item.sending = true;
    const cell = document.getElementById("c-" + item.id);
    if (item.version === undefined) item.version = cell.dataset.v; // kept for repeats: the same key, the same request
    let answer = null, text = "";
    try {
      item.tries += 1;
      answer = await fetch(sheet.dataset.save + item.id.replace("-", "/"), {
        method: "POST", credentials: "same-origin",
        headers: { "HX-Request": "true", "X-CSRFToken": token() },
        body: new URLSearchParams({ value: item.raw, version: item.version, op: item.op }),
      });
      text = await answer.text();
    } catch (_) {
      answer = null;
    }
    busy = false;
    item.sending = false;
    if (!answer || answer.status >= 500) return later(item, "wait");
    if (answer.status === 401) {
      document.dispatchEvent(new CustomEvent("signin"));
      return later(item, "wait", "chờ đăng nhập");
    }
    if (answer.status === 400 || answer.status === 419) {
      if (await renew()) return later(item, "wait");
      return later(item, "wait", "chờ đăng nhập");
    }
    failures = 0;
    drop(item);
    settle(item, cell, answer, text);
    tell();
    send();
  }
  function later(item, state, words) {
    failures += 1;
    for (const other of queue) mark(document.getElementById("c-" + other.id), state, words);
    tell();
    const seconds = Math.min(30, 2 ** (failures - 1)) * (0.75 + Math.random() / 2);
    timer = setTimeout(send, seconds * 1000);
  }
  function settle(item, cell, answer, text) {
    const part = document.createElement("template");
    part.innerHTML = text;
    const again = queue.some((other) => other.id === item.id);
    if (answer.status === 200) {
      for (const fresh of part.content.querySelectorAll("[hx-swap-oob]")) {
        const old = document.getElementById(fresh.id);
        if (!old) continue;
        fresh.removeAttribute("hx-swap-oob");
        if (old === cell) swapCell(cell, fresh, again);
        else old.replaceWith(fresh);
      }
      remember(item);
      explain(current);
      return;
    }
    if (!again) delete cell.dataset.queued;
    const clash = part.content.querySelector("#clash");
    if (answer.status === 409 && clash) return conflict(cell, clash, item);
    const words = part.content.textContent.trim();
    const field = fieldOf(cell);
    if (field && document.activeElement !== field) field.value = item.raw; // the text as it was typed, to be mended
    cell.dataset.refused = words;
    cell.title = words;
    mark(cell, "refused");
    tell();
    announce(nameOf(cell.parentElement) + ", " + headOf(keyOf(cell)) + ": không ghi. " + words);
    explain(current);
  }
  function swapCell(cell, fresh, again) {
    const field = fieldOf(cell), renewed = fieldOf(fresh);
    cell.dataset.v = fresh.dataset.v;
    const own = cell.querySelector(".cell__say:not(.cell__say--live)");
    if (own) own.remove();
    cell.classList.remove("cell--gap", "cell--makeup", "cell--missed");
    for (const name of ["cell--gap", "cell--makeup", "cell--missed"]) if (fresh.classList.contains(name)) cell.classList.add(name);
    cell.removeAttribute("title");
    const typing = document.activeElement === field && editing;
    if (field && renewed) {
      const untouched = !typing && !again;
      field.defaultValue = renewed.tagName === "TEXTAREA" ? renewed.textContent : renewed.getAttribute("value");
      if (untouched) field.value = field.defaultValue;
    }
    if (again) return;
    delete cell.dataset.queued;
    delete cell.dataset.refused;
    const say = fresh.querySelector(".cell__say");
    if (say) cell.append(say);
    if (typing) return;
    mark(cell, say ? "" : "saved"); // a word about the value is worth more than the word that it is kept
    setTimeout(() => { if (cell.classList.contains("cell--saved")) mark(cell, ""); }, 1800);
    if (document.activeElement === field) choose(cell);
  }
  function conflict(cell, clash, item) {
    const field = fieldOf(cell);
    mark(cell, "conflict");
    cell.querySelectorAll(".clash").forEach((old) => old.remove());
    clash.id = "clash-" + item.id;
    clash.querySelector("h2").id = clash.id + "-h";
    clash.setAttribute("aria-labelledby", clash.id + "-h");
    cell.append(clash);
    const box = clash.getBoundingClientRect(), view = sheet.getBoundingClientRect();
    clash.classList.toggle("clash--left", box.right > view.right);
    clash.classList.toggle("clash--up", box.bottom > view.bottom);
    clash.addEventListener("click", (event) => {
      const button = event.target.closest("[data-keep]");
      if (!button) return;
      const theirs = clash.dataset.theirs;
      cell.dataset.v = clash.dataset.v;
      clash.remove();
      field.defaultValue = theirs;
      if (button.dataset.keep === "mine") {
        field.value = item.raw;
        enqueue(cell, item.raw, clash.dataset.v);
        const seen = field.tagName === "INPUT" ? read(item.raw) : null;
        if (seen) field.value = seen.text;
        cell.dataset.queued = field.value;
      } else {
        field.value = theirs;
        mark(cell, "");
        refresh();
      }
      tell();
      go(cell);
    });
    announce("Hai người cùng sửa ô " + headOf(keyOf(cell)) + " của " + nameOf(cell.parentElement) + ". Xin chọn một số.");
    tell();
  }
  // After taking the other's value the average and the counts of this page are old: read them anew.
  async function refresh() {
    try {
      const page = new DOMParser().parseFromString(await (await fetch(location.pathname, { credentials: "same-origin" })).text(), "text/html");
      for (const old of document.querySelectorAll(".avg, #sheet-waits, #sheet-primary")) {
        const fresh = page.getElementById(old.id);
        if (fresh) old.replaceWith(document.adoptNode(fresh));
      }
    } catch (_) { /* the next save brings them */ }
  }
  const token = () => document.querySelector('meta[name="csrf-token"]').content;
  async function renew() {
    try {
      const answer = await fetch(location.pathname, { credentials: "same-origin", headers: { "X-Requested-With": "fetch" } });
      if (answer.status === 401) { document.dispatchEvent(new CustomEvent("signin")); return false; }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector('meta[name="csrf-token"]');
      if (!fresh || !page.getElementById("sheet")) return false;
      document.querySelector('meta[name="csrf-token"]').content = fresh.content;
      document.querySelectorAll('input[name="csrf_token"]').forEach((field) => { field.value = fresh.content; });
      return true;
    } catch (_) {
      return false;
    }
  }
  addEventListener("online", () => { failures = 0; send(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) send(); });
  document.addEventListener("hocbaso:signed-in", () => { failures = 0; send(); });
  document.addEventListener("hocbaso:signing-out", (event) => {
    if (!waiting() || event.detail && event.detail.dataset.sure) return;
    event.preventDefault();
    if (event.detail) event.detail.dataset.sure = "1"; // the second press leaves all the same
    announce("Còn " + waiting() + " ô chưa gửi. Bấm Thoát lần nữa thì các ô ấy sẽ mất.");
    if (net) { net.classList.add("topbar__net--wait"); net.textContent = "Còn " + waiting() + " ô chưa gửi; bấm Thoát lần nữa thì mất"; }
  });
  addEventListener("beforeunload", (event) => {
    if (document.activeElement && cellOf(document.activeElement)) leave(cellOf(document.activeElement));
    if (waiting() || body.querySelector(".cell--refused, .cell--conflict")) event.preventDefault();
  });

  // --- words --------------------------------------------------------------------------------------------------------
  let unsaid = [];
  let saying = 0;
  function remember(item) {
    const cell = document.getElementById("c-" + item.id);
    unsaid.push(headOf(keyOf(cell)) + " của " + nameOf(cell.parentElement) + ": " + (shown(cell) || "trống").replace(",", " phẩy "));
    clearTimeout(saying);
    saying = setTimeout(() => {
      announce(unsaid.length === 1 ? sheet.dataset.subject + ", " + unsaid[0] + ", đã lưu" : "Đã lưu " + unsaid.length + " ô");
      unsaid = [];
    }, 2000);
  }
  function announce(words) { said.textContent = words; }
  function tell() {
    const waits = waiting() && failures ? waiting() : 0;
    if (net) {
      net.classList.toggle("topbar__net--wait", waits > 0);
      net.replaceChildren(...(waits ? [icon("cloud-off"), waits + " ô chờ mạng, máy đang giữ"] : []));
    }
    const kinds = [["conflict", "late", "users", "hai số"], ["refused", "wrong", "circle-x", "không ghi"]];
    chips.replaceChildren(...kinds.flatMap(([state, tone, mark_, words]) => {
      const found = body.querySelectorAll(".cell--" + state);
      if (!found.length) return [];
      const line = document.createElement("li"), link = document.createElement("a");
      link.className = "chip chip--" + tone;
      link.href = "#" + found[0].id;
      link.dataset.to = found[0].id;
      link.append(icon(mark_), found.length + " " + words);
      line.append(link);
      return [line];
    }));
  }
  const WEIGHTS = { GK: 2, CK: 3 };
  function explain(cell) {
    if (!cell) return;
    bar.hidden = false;
    const who = bar.querySelector(".cellbar__who"), sum = bar.querySelector(".cellbar__sum");
    const what = document.createElement("span");
    what.textContent = headOf(keyOf(cell));
    who.replaceChildren(nameOf(cell.parentElement) + " ", what);
    if (cell.dataset.refused) { sum.textContent = cell.dataset.refused; return; }
    const cells = rowCells(cell.parentElement).filter((one) => one.classList.contains("cell"));
    const values = cells.map((one) => ({ key: keyOf(one), value: read(shown(one)) }));
    if (!values.length || values.some(({ value }) => !value || (scored ? value.tenths === null : !value.mark))) {
      const open = values.filter(({ value }) => !value || (scored ? value.tenths === null : !value.mark)).length;
      sum.textContent = cells.some((one) => one.classList.contains("cell--exempt")) ? "Được miễn học" : "Còn " + open + " ô nữa thì có " + (scored ? "ĐTB" : "kết quả");
      return;
    }
    const result = document.createElement("b");
    const unsaved = cells.some((one) => one.dataset.queued !== undefined || one.classList.contains("cell--typing"));
    const word = unsaved ? " sẽ là " : " là ";
    if (!scored) {
      result.textContent = values.every(({ value }) => value.mark === "Đ") ? "Đ" : "CĐ";
      sum.replaceChildren("Kết quả học kì" + word, result, result.textContent === "Đ" ? ": tất cả các lần đều Đạt" : ": có lần Chưa đạt");
      return;
    }
    let total = 0, weight = 0;
    const parts = values.map(({ key, value }) => {
      const times = WEIGHTS[key] || 1;
      total += times * value.tenths;
      weight += times;
      return (times > 1 ? times + " × " : "") + value.text;
    });
    const average = Math.floor((2 * total + weight) / (2 * weight)); // whole tenths, half up
    result.textContent = average === 100 ? "10" : Math.floor(average / 10) + "," + (average % 10);
    sum.replaceChildren("ĐTB" + word, result, " = (" + parts.join(" + ") + ") ÷ " + weight);
  }

  // --- buttons ------------------------------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const gap = event.target.closest("[data-next-gap]"), chip = event.target.closest("[data-to]");
    if (gap) {
      const gaps = Array.from(body.querySelectorAll("tr:not(.row--closed) .cell--gap, tr:not(.row--closed) .cell--makeup")).filter((cell) => fieldOf(cell) && !fieldOf(cell).value.trim().match(/^[^V]/));
      if (!gaps.length) return;
      event.preventDefault();
      go((visited && gaps.find((cell) => current !== cell && current.compareDocumentPosition(cell) & Node.DOCUMENT_POSITION_FOLLOWING)) || gaps[0]);
    } else if (chip) {
      event.preventDefault();
      go(document.getElementById(chip.dataset.to));
    } else if (event.target.closest("[data-close-history]")) {
      document.getElementById("history-place").replaceChildren();
      go(current);
    }
  });
  bar.addEventListener("mousedown", (event) => { if (event.target.closest("[data-step]")) event.preventDefault(); });
  bar.addEventListener("click", (event) => {
    const button = event.target.closest("[data-step]");
    if (button && current) go(step(current, Number(button.dataset.step), 0));
    if (event.target.closest("[data-history]") && current && window.htmx) {
      const at = current;
      window.htmx.ajax("GET", sheet.dataset.save + idOf(at).replace("-", "/") + "/lich-su", { target: "#history-place", swap: "innerHTML" })
        .then(() => { const card = document.getElementById("history"); if (card) card.focus(); });
    }
  });
  for (const link of document.querySelectorAll('#loi a[href^="#c-"]')) link.dataset.to = link.hash.slice(1);
  // A form that leaves the page waits until everything typed has been sent.
  for (const form of document.querySelectorAll('form[id^="move-"], .act__form')) {
    form.addEventListener("submit", (event) => {
      if (!waiting() && !body.querySelector(".cell--refused, .cell--conflict")) return;
      event.preventDefault();
      announce("Còn ô chưa lưu. Xin đợi hoặc sửa các ô đang báo, rồi bấm lại.");
      const open = body.querySelector(".cell--refused, .cell--conflict");
      if (open) go(open);
    });
  }
  document.getElementById("sheet-form").addEventListener("submit", (event) => event.preventDefault());

  // One stop of the Tab key for the whole grid.
  sheet.tabIndex = -1;
  for (const cell of body.querySelectorAll(CELLS)) {
    const target = targetOf(cell);
    target.tabIndex = -1;
    if (target.tagName === "INPUT") target.enterKeyHint = "next";
  }
  const begin = (location.hash.startsWith("#c-") && document.getElementById(location.hash.slice(1))) || body.querySelector(".cell--gap") || body.querySelector(CELLS);
  if (begin) {
    rove(begin);
    if (location.hash || !matchMedia("(pointer: coarse)").matches) go(begin); // a tablet's keyboard would cover the sheet
  }
})();
