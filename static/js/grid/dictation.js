// Speaking a remark, where the browser can write down Vietnamese. Never begins by itself; says first where the voice may go.
import { insert } from "./phrases.js";

const Recognition = window.SpeechRecognition || window.webkitSpeechRecognition;
// In the school's network a secure page means HTTPS; elsewhere browsers give no microphone.
const able = Boolean(Recognition) && isSecureContext;
const card = document.getElementById("dictation");
const TOLD = "hocbaso-dictation:" + document.body.dataset.account;
const TROUBLE = {
  "not-allowed": "Trình duyệt chưa cho dùng micrô. Xin bấm biểu tượng ổ khoá cạnh địa chỉ để cho phép.",
  "service-not-allowed": "Máy này không cho dùng dịch vụ nhận giọng nói.",
  "audio-capture": "Máy không tìm thấy micrô.",
  "network": "Không nối được tới dịch vụ nhận giọng nói. Xin gõ như thường.",
  "language-not-supported": "Trình duyệt này chưa nghe được tiếng Việt.",
  "no-speech": "Máy chưa nghe thấy gì. Bấm lại rồi đọc rõ hơn.",
};
let listening = null, into = null;

const told = () => { try { return localStorage.getItem(TOLD) === "1"; } catch (_) { return false; } };
const buttons = () => document.querySelectorAll("[data-dictate]");

export const stop = () => { if (listening) listening.stop(); };

function start(field, say) {
  const engine = new Recognition();
  engine.lang = "vi-VN";
  engine.continuous = true;
  engine.interimResults = false;
  engine.onresult = (event) => {
    for (let n = event.resultIndex; n < event.results.length; n++) {
      if (!event.results[n].isFinal) continue;
      const words = event.results[n][0].transcript.trim(), at = field.selectionEnd;
      if (!words) continue;
      if (document.activeElement !== field) field.focus();
      insert(field, /(^|[.!?]\s*)$/.test(field.value.slice(0, at)) ? words[0].toUpperCase() + words.slice(1) : words, at, at);
    }
  };
  engine.onerror = (event) => { if (event.error !== "aborted") say(TROUBLE[event.error] || "Máy ngừng nghe. Xin bấm lại."); };
  engine.onend = () => {
    listening = into = null;
    for (const button of buttons()) button.setAttribute("aria-pressed", "false");
    for (const words of document.querySelectorAll("[data-dictate-words]")) words.textContent = "Đọc để ghi";
  };
  try { engine.start(); } catch (_) { say("Máy chưa nghe được. Xin bấm lại."); return; }
  listening = engine;
  into = field;
  for (const button of buttons()) button.setAttribute("aria-pressed", "true");
  for (const words of document.querySelectorAll("[data-dictate-words]")) words.textContent = "Dừng nghe";
  say("Máy đang nghe. Bấm Dừng nghe khi đọc xong.");
}

// `field`: where the words go, or null; `say`: shows a sentence; `shown`: whether the button stands there now.
export function begin({ field, say }) {
  if (!able || !card) return;
  for (const button of buttons()) button.dataset.able = "1";
  document.addEventListener("mousedown", (event) => { if (event.target.closest("[data-dictate]")) event.preventDefault(); });
  document.addEventListener("click", (event) => {
    const answer = event.target.closest("[data-dictation]");
    if (answer) {
      card.hidden = true;
      const to = field();
      if (to) to.focus();
      if (answer.dataset.dictation === "no" || !to) return;
      try { localStorage.setItem(TOLD, "1"); } catch (_) { /* told again next time */ }
      start(to, say);
    } else if (event.target.closest("[data-dictate]")) {
      if (listening) stop();
      else if (told()) { if (field()) start(field(), say); }
      else {
        card.hidden = false;
        card.querySelector("h2").focus();
      }
    }
  });
  card.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    card.hidden = true;
    if (field()) field().focus();
  });
  document.addEventListener("focusin", (event) => {
    // Who goes on to another field is done: a word that comes late must land neither there nor pull the hand back.
    if (into && event.target !== into && event.target.matches("input, textarea")) {
      const engine = listening;
      engine.onresult = null;
      engine.abort();
    }
  });
}

export const isAble = able && Boolean(card);
