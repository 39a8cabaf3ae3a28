// The page between the server and the signing helper on this computer. It carries hashes there and signatures back;
// the helper shows what is signed and asks for the PIN. The words are in the template, one line a state.
"use strict";

(() => {
  const root = document.querySelector("[data-desk]");
  if (!root) return;
  const { desk: kind, helper, errand: errandAt, certificate } = root.dataset;
  const lines = [...root.querySelectorAll("[data-state]")];
  const acts = root.querySelector("[data-acts]");
  const HEADER = "X-Hocbaso-Ky";
  // What this page needs of the helper: since 3 it shows and holds to what the server's own key has signed.
  const PROTOCOL = 3;
  let session = null;
  let tokens = [];
  let shown = "";

  const pause = (ms) => new Promise((done) => { window.setTimeout(done, ms); });

  function show(state) {
    const known = lines.some((line) => line.dataset.state === state) ? state : "refused";
    if (shown === known) return;
    shown = known;
    for (const line of lines) line.hidden = line.dataset.state !== known;
    root.dataset.now = known;
  }

  class Refusal extends Error {
    constructor(code) { super(code); this.code = code; }
  }

  // --- the helper ---

  async function ask(path, body) {
    const headers = { [HEADER]: session || "1" };
    const options = { headers, credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer" };
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
      Object.assign(options, { method: "POST", body: JSON.stringify(body) });
    }
    let answer;
    try {
      answer = await fetch(helper + path, options);
    } catch {
      throw new Refusal(await isForbidden() ? "blocked" : "off");
    }
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Refusal(told.code || "device");
    return told;
  }

  // A refusal of the browser looks like a helper that is not there; only the permission tells them apart. On a plain-HTTP page
  // Chromium calls it denied whether or not it would have asked.
  async function isForbidden() {
    if (!window.isSecureContext) return false;
    for (const name of ["loopback-network", "local-network-access"]) {
      try {
        if ((await navigator.permissions.query({ name })).state === "denied") return true;
      } catch { /* a browser without these rules */ }
    }
    return false;
  }

  // Whether the helper is here, knows this school and, where one is wanted, sees the token of the certificate.
  async function prepare(wanted = certificate) {
    const status = await ask("/trang-thai");
    for (const place of root.querySelectorAll("[data-version]")) place.textContent = String(status.version || "").slice(0, 12);
    if (!(status.hocbaso_ky >= PROTOCOL)) throw new Refusal("old");
    if (status.problem) throw new Refusal(status.problem);
    if (!status.paired) throw new Refusal("unpaired");
    if (!session) session = (await ask("/phien", {})).session;
    try {
      tokens = (await ask("/the", {})).tokens;
    } catch (refusal) {
      if (refusal.code !== "session") throw refusal;
      session = null;
      return prepare(wanted);
    }
    if (!wanted) {
      if (!tokens.some((token) => token.certificates.length)) throw new Refusal("absent");
      return undefined;
    }
    const token = tokens.find((one) => one.certificates.some((held) => held.sha256 === wanted));
    if (!token) throw new Refusal("absent");
    if (token.locked) throw new Refusal("locked");
    return undefined;
  }

  async function untilReady() {
    show("look");
    for (;;) {
      try {
        await prepare();
        show("ready");
        return;
      } catch (refusal) {
        if (refusal.code !== "busy" && shown !== "pairing") show(refusal.code);
      }
      await pause(shown === "unpaired" || document.hidden ? 4000 : 2000);
    }
  }

  async function pair() {
    show("pairing");
    try {
      session = null;
      // The same words stand at the helper, which has the key from the server itself: a person compares them.
      const told = await (await reach(root.dataset.code, {})).json().catch(() => ({}));
      for (const place of root.querySelectorAll("[data-words]")) place.textContent = told.words || "không rõ";
      await ask("/ghep", {});
      show("look");
    } catch (refusal) {
      show(["no", "no_answer"].includes(refusal.code) ? "unpaired" : refusal.code);
    }
  }

  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button && button.dataset.do === "pair") pair();
  });

  // --- a class's page: nothing is sent before the token is there ---

  function guard() {
    const form = root.closest("form");
    form.addEventListener("submit", (event) => {
      if (shown === "ready") return;
      event.preventDefault();
      event.stopImmediatePropagation();
      root.scrollIntoView({ block: "center" });
    }, true);
    untilReady();
  }

  // --- a batch ---

  let choice = null;
  const nextChoice = () => new Promise((done) => { choice = done; });

  async function own(path, fields) {
    const options = { credentials: "same-origin", cache: "no-store", headers: { Accept: "application/json", "X-Poll": "1", "X-Requested-With": "fetch" } };
    if (fields) {
      options.method = "POST";
      options.headers["X-CSRFToken"] = window.hocbaso.csrfToken();
      options.body = new URLSearchParams(fields);
    }
    return fetch(path, options);
  }

  // The server answered: its answer. It did not: again, for as long as the page is open.
  async function reach(path, fields) {
    for (let wait = 500; ; wait = Math.min(wait * 2, 8000)) {
      try {
        const answer = await own(path, fields);
        if (answer.status < 500) return answer;
      } catch { /* no network */ }
      show("offline");
      await pause(wait);
    }
  }

  async function sign(errand) {
    for (;;) {
      try {
        if (!session || ["off", "absent", "old"].includes(shown)) await prepare(errand.certificate);
        acts.hidden = true;
        show(errand.round === 0 ? "ask" : "working");
        const { signatures } = await ask("/ky", errand);
        return signatures;
      } catch (refusal) {
        const { code } = refusal;
        if (code === "session") { session = null; continue; }
        // Another key, or a list that is too old by the helper's clock: a new session looks at the server again.
        if (["foreign", "expired"].includes(code)) session = null;
        if (code === "busy") { show("ask"); await pause(1500); continue; }
        show(code === "no_answer" ? "no" : code);
        acts.hidden = false;
        // Nothing was asked yet: the page finds the helper, or the token, by itself. After a no or a wrong PIN a person decides.
        const chosen = await Promise.race([nextChoice(), ...(["off", "absent", "old"].includes(code) ? [pause(2000)] : [])]);
        choice = null;
        if (chosen || !["off", "absent", "old"].includes(code)) acts.hidden = true;
        if (chosen === "stop") {
          const why = ["no", "no_answer"].includes(code) ? "no" : code;
          return { why: ["no", "pin", "locked", "absent"].includes(why) ? why : "stopped" };
        }
      }
    }
  }

  async function carry() {
    let agreed = null;
    const at = () => (agreed ? `${errandAt}?biet=${encodeURIComponent(agreed.job)}` : errandAt);
    // While the signer reads or looks for the token, the server hears that the page is still here.
    const alive = window.setInterval(() => { own(at()).catch(() => {}); }, 15000);
    acts.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (button && choice) { choice(button.dataset.do); choice = null; }
    });
    let ended = "done";
    show("look");
    for (;;) {
      const answer = await reach(at());
      if (answer.status !== 200) { ended = answer.status === 204 ? "done" : "gone"; break; }
      const errand = await answer.json();
      if (!errand.waiting) { await pause(400); continue; }
      const { waiting, ...asked } = errand;
      if (asked.agreement) agreed = { job: asked.job, agreement: asked.agreement };
      const signed = await sign({ ...asked, agreement: agreed.agreement });
      if (!Array.isArray(signed)) {
        await reach(`${errandAt}/dung`, { why: signed.why });
        ended = "stopped";
        break;
      }
      show("working");
      const fields = { job: errand.job, round: String(errand.round), signatures: JSON.stringify(signed) };
      const taken = await reach(errandAt, fields);
      if (taken.status === 401 || taken.status === 419) { ended = "gone"; break; }
      if (taken.status === 422) {
        show("refused");
        acts.hidden = false;
        if (await nextChoice() === "stop") { await reach(`${errandAt}/dung`, { why: "stopped" }); ended = "stopped"; break; }
        acts.hidden = true;
      }
    }
    window.clearInterval(alive);
    acts.hidden = true;
    show(ended);
    if (root.dataset.then && ended !== "gone") window.location.assign(root.dataset.then);
  }

  // --- registering ---

  function choices(form) {
    const box = form.querySelector("[data-choices]");
    box.replaceChildren();
    for (const token of tokens) {
      for (const held of token.certificates.filter((one) => one.signs)) {
        const label = document.createElement("label");
        label.className = "choice";
        const radio = document.createElement("input");
        Object.assign(radio, { type: "radio", name: "held", value: held.sha256, className: "check", required: true });
        const words = document.createElement("span");
        const name = document.createElement("b");
        name.textContent = held.words[0];
        const under = document.createElement("span");
        under.className = "tr-under";
        under.textContent = `${held.words[1]}, còn hạn đến ${held.words[2]}. Thiết bị ${token.label}`;
        words.append(name, under);
        label.append(radio, words);
        box.append(label);
      }
    }
    const radios = box.querySelectorAll("input");
    if (radios.length === 1) radios[0].checked = true;
    form.hidden = radios.length === 0;
    if (!radios.length) show("absent");
  }

  async function register() {
    const form = document.querySelector("[data-desk-form]");
    const part = (name) => form.elements.namedItem(name);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const picked = form.querySelector("input[name=held]:checked");
      if (!picked) return;
      const held = tokens.flatMap((token) => token.certificates).find((one) => one.sha256 === picked.value);
      const button = form.querySelector("button[type=submit]");
      button.disabled = true;
      show("ask");
      try {
        const proof = await ask("/chung-minh", { certificate: held.sha256, nonce: part("nonce").value });
        part("leaf").value = held.der;
        part("signature").value = proof.signature;
        for (const name of ["serial", "label", "key_id"]) part(name).value = proof[name];
        part("shown").value = tokens.flatMap((token) => token.certificates).filter((one) => one !== held)
          .map((one) => one.der).slice(0, 16).join(" ");
        picked.disabled = true;
        form.submit();
      } catch (refusal) {
        if (refusal.code === "session") { session = null; await prepare().catch(() => {}); }
        show(refusal.code === "no_answer" ? "no" : refusal.code);
        button.disabled = false;
      }
    });
    await untilReady();
    choices(form);
  }

  ({ sign: guard, batch: carry, register })[kind]();
})();
