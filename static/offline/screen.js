/* What is seen and touched of the offline page; the judging is check.js. Everything that came from a file is set as text. */
"use strict";
(() => {
  const by = (id) => document.getElementById(id);
  const make = (tag, className, text) => { const node = document.createElement(tag); if (className) node.className = className; if (text !== undefined) node.textContent = text; return node; };
  const SIGNS = { done: "✓", late: "!", wrong: "✕" };

  function show(verdict) {
    const card = by("ket-luan");
    card.replaceChildren();
    card.className = `verdict verdict--${verdict.tone}`;
    const head = make("div", "verdict__top");
    const sign = make("span", "verdict__sign", SIGNS[verdict.tone]);
    sign.setAttribute("aria-hidden", "true");
    head.append(sign, make("h2", "", verdict.heading), make("p", "", verdict.sentence));
    card.append(head);
    if (verdict.next) card.append(make("p", "verdict__next", verdict.next));
    if (verdict.facts?.length) {
      const list = make("dl", "facts");
      for (const [name, value] of verdict.facts) if (value) list.append(make("dt", "", name), make("dd", name === "Mã tra cứu" || name.startsWith("SHA") ? "code" : "", value));
      card.append(list);
    } else if (verdict.uuid) card.append(make("p", "code soft", `Mã tra cứu ghi trong đó: ${verdict.uuid}`));
    if (verdict.results?.length) {
      const table = make("table", "results"), body = make("tbody");
      table.append(make("caption", "", "Kết quả cả năm, theo thứ tự in trong bảng điểm"));
      for (const [name, value] of verdict.results) { const row = make("tr"), head = make("th", "", name); head.scope = "row"; row.append(head, make("td", "num", value)); body.append(row); }
      table.append(body);
      card.append(table);
    }
    if (verdict.signatures?.length || verdict.problems?.length) {
      const list = make("ul", "seals");
      for (const one of verdict.signatures ?? []) {
        const item = make("li", one.reasons.length ? "is-wrong" : "");
        item.append(make("b", "", `${one.role}: ${one.name || "không đọc được người ký"}`), make("span", "", one.reasons.length ? one.reasons.join(" ") : `Chữ ký đúng, ký lúc ${momentOf(one.at)}; nội dung không đổi từ đó. ${one.notes.join(" ")}`));
        list.append(item);
      }
      for (const problem of verdict.problems ?? []) list.append(make("li", "is-wrong", problem));
      card.append(list);
    }
    card.hidden = false;
    card.focus();
  }
  const say = (text) => { by("dang-lam").textContent = text; };
  async function run(work) {
    say("Đang kiểm tra…");
    try { show(await work()); } catch (error) { show({ ok: false, tone: "wrong", heading: "Không kiểm tra được", sentence: "Trình duyệt này không làm được việc kiểm tra.", next: `Mở tệp này bằng Chrome, Edge hoặc Firefox bản mới trên máy tính. (${String(error?.message ?? error).slice(0, 120)})`, facts: [] }); }
    say("");
  }

  /* --- pictures ------------------------------------------------------------------------------------------------------- */
  async function textOf(canvas) {
    if (typeof BarcodeDetector === "function") {
      try { const [found] = await new BarcodeDetector({ formats: ["qr_code"] }).detect(canvas); if (found) return found.rawValue; } catch { /* the reader below */ }
    }
    const pixels = canvas.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, canvas.width, canvas.height);
    try { return readQr({ width: pixels.width, height: pixels.height, data: pixels.data }); } catch { return null; }
  }
  function drawn(source, width, height, scale) {
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    canvas.getContext("2d", { willReadFrequently: true }).drawImage(source, 0, 0, canvas.width, canvas.height);
    return canvas;
  }
  async function readPicture(file) {
    let bitmap;
    try { bitmap = await createImageBitmap(file); } catch { return { ok: false, tone: "wrong", heading: "Không mở được ảnh", sentence: "Tệp này không phải ảnh mà trình duyệt đọc được.", next: "Chụp lại mã QR, hoặc dán chữ trong mã QR vào ô bên dưới.", facts: [] }; }
    const longest = Math.max(bitmap.width, bitmap.height);
    for (const wanted of [...new Set([Math.min(longest, 3000), 1600, 2400, 1000, 700])]) {
      const text = await textOf(drawn(bitmap, bitmap.width, bitmap.height, wanted / longest));
      if (text) return checkText(text);
    }
    return { ok: false, tone: "late", heading: "Không thấy mã QR trong ảnh", sentence: "Ảnh mờ, nghiêng quá hoặc mã QR quá nhỏ.", next: "Chụp gần hơn, đủ sáng, mã QR chiếm phần lớn ảnh; hoặc quét bằng điện thoại rồi dán chữ vào ô bên dưới.", facts: [] };
  }

  /* --- camera --------------------------------------------------------------------------------------------------------- */
  let stream = null;
  function stopCamera() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    by("may-anh").hidden = true;
    by("mo-may-anh").hidden = false;
  }
  async function startCamera() {
    try { stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 } } }); }
    catch { show({ ok: false, tone: "late", heading: "Không mở được máy ảnh", sentence: "Máy này không có máy ảnh, hoặc trình duyệt không cho trang này dùng.", next: "Chọn ảnh chụp mã QR, hoặc dán chữ trong mã QR vào ô bên dưới.", facts: [] }); return; }
    const video = by("hinh");
    video.srcObject = stream;
    by("may-anh").hidden = false;
    by("mo-may-anh").hidden = true;
    await video.play();
    while (stream) {
      if (video.videoWidth) {
        const text = await textOf(drawn(video, video.videoWidth, video.videoHeight, Math.min(1, 1600 / Math.max(video.videoWidth, video.videoHeight))));
        if (text && stream) { stopCamera(); run(() => checkText(text)); return; }
      }
      await new Promise((done) => setTimeout(done, 200));
    }
  }

  /* --- start ---------------------------------------------------------------------------------------------------------- */
  async function start() {
    if (!globalThis.crypto?.subtle || !globalThis.BigInt) {
      by("chua-chay").textContent = "Trình duyệt này không kiểm tra được chữ ký khi mở tệp từ máy. Hãy mở tệp này bằng Chrome, Edge hoặc Firefox bản mới trên máy tính.";
      return;
    }
    const state = await readTrust();
    by("cua-truong").textContent = TRUST.school.name;
    by("den-ngay").textContent = dayOf(Date.parse(TRUST.as_of));
    by("dia-chi").textContent = TRUST.lookup_url;
    for (const root of TRUST.roots) by("goc").append(make("li", "code", `${root.name}${root.is_test ? " (thử nghiệm)" : ""}: ${root.sha256.toUpperCase().match(/.{4}/g).join(" ")}`));
    for (const key of state.keys) by("khoa").append(make("li", "code", `${key.id.toUpperCase().match(/.{4}/g).join(" ")}, ${key.schoolName}, ${dayOf(key.from)}–${dayOf(key.until)}${key.withdrawn ? ". " + key.withdrawn : ""}`));
    if (!state.keys.length) by("khoa").append(make("li", "", state.refused[0] ?? "Chưa có khoá nào được con dấu xác nhận: chưa kiểm tra được mã QR, chỉ kiểm tra được tệp XML."));
    for (const list of state.lists) by("thu-hoi").append(make("li", "", `${attributes(list.issuer, CN).join(" / ")}: đến ${dayOf(list.from)}, ${list.revoked.size} chứng thư`));
    if (!state.lists.length) by("thu-hoi").append(make("li", "", "Không có danh sách thu hồi nào trong trang này."));
    for (const name of TRUST.lists_left_out) by("thu-hoi").append(make("li", "", `${name}: quá dài, không nằm trong trang này`));
    if (!navigator.mediaDevices?.getUserMedia) by("mo-may-anh").hidden = true;
    by("mo-may-anh").addEventListener("click", startCamera);
    by("tat-may-anh").addEventListener("click", stopCamera);
    by("anh").addEventListener("change", (event) => { const [file] = event.target.files; if (file) run(() => readPicture(file)); event.target.value = ""; });
    by("tep").addEventListener("change", (event) => { const [file] = event.target.files; if (file) run(async () => checkFile(file.size > 20000000 ? new Uint8Array(20000001) : new Uint8Array(await file.arrayBuffer()))); event.target.value = ""; });
    by("dan").addEventListener("submit", (event) => { event.preventDefault(); const text = by("chu").value.trim(); if (text) run(() => checkText(text)); });
    by("chua-chay").hidden = true;
    by("trang").hidden = false;
  }
  start();
})();
