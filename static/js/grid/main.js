// The grade grid: every part of it is a file beside this one. Without them the sheet is a form that saves.
import { begin as asked } from "./asked.js";
import { begin as answers } from "./answers.js";
import { begin as move, at, go, reveal, step } from "./moving.js";
import { body, canEdit, cellOf, fieldOf, idOf, isAverage, sheet, sheetId } from "./page.js";
import { begin as typing, follow, leave, recall } from "./typing.js";
import { begin as fromPaper } from "./from_paper.js";
import { PAGE, account, pending, refresh, state, tryAgain, wake } from "./sender.js";
import { begin as menus } from "./menus.js";
import { begin as missed } from "./missed.js";
import { begin as one } from "./one_by_one.js";
import { begin as panels, close, onClose, open } from "./panel.js";
import { show } from "./clash.js";
import { begin as paste } from "./paste.js";
import { begin as readBack } from "./read_back.js";
import { begin as remarks } from "./remarks.js";
import { begin as undo } from "./undo.js";
import { announce } from "./words.js";
import { askAgain, survives } from "./store.js";
import { make } from "./parts.js";
import "./outbox.js";

const unsettled = () => body.querySelector(".cell--refused, .cell--conflict");
const bar = document.getElementById("cellbar");

typing();
answers();
panels();
menus();
missed();
undo();
paste();
one();
readBack();
remarks();

document.addEventListener("click", (event) => {
  const gap = event.target.closest("[data-next-gap]"), chip = event.target.closest("[data-to]");
  if (gap) {
    const gaps = Array.from(body.querySelectorAll("tr:not(.row--closed) .cell--gap, tr:not(.row--closed) .cell--makeup"))
      .filter((cell) => fieldOf(cell) && !fieldOf(cell).value.trim().match(/^[^V]/));
    if (!gaps.length) return;
    event.preventDefault();
    const after = (cell) => at.cell !== cell && at.cell.compareDocumentPosition(cell) & Node.DOCUMENT_POSITION_FOLLOWING;
    go((at.visited && gaps.find(after)) || gaps[0]);
  } else if (chip) {
    event.preventDefault();
    go(document.getElementById(chip.dataset.to));
    show(document.getElementById(chip.dataset.to));
    if (chip.dataset.retry !== undefined) tryAgain();
  } else if (event.target.closest("[data-close-history]")) {
    closePast();
  }
});
const past = document.getElementById("history-place");
function closePast() {
  close("past");
  go(at.cell);
}
onClose("past", () => past.replaceChildren());
past.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.preventDefault();
  closePast();
});
document.addEventListener("grid:side", () => { if (at.visited) reveal(at.cell); });
bar.addEventListener("mousedown", (event) => { if (event.target.closest("[data-step], [data-missed]")) event.preventDefault(); });
bar.addEventListener("click", (event) => {
  const button = event.target.closest("[data-step]");
  if (button && at.cell) go(step(at.cell, Number(button.dataset.step), 0));
  if (event.target.closest("[data-history]") && at.cell) tell(pastOf(at.cell));
});
body.addEventListener("click", (event) => {
  const average = event.target.closest(".avg");
  if (average) tell(pastOf(average));
});
const pastOf = (cell) => (isAverage(cell) ? cell.parentElement.dataset.e + "/vi-sao" : idOf(cell).replace("-", "/") + "/lich-su");

function tell(of) {
  if (!window.htmx) return;
  window.htmx.ajax("GET", sheet.dataset.save + of, { target: "#history-place", swap: "innerHTML" })
    .then(() => {
      const card = document.getElementById("history");
      if (!card) return;
      open("past");
      card.focus({ preventScroll: true });
    });
}
for (const link of document.querySelectorAll('#loi a[href^="#c-"]')) link.dataset.to = link.hash.slice(1);

// A form that leaves the page waits until everything typed has been sent.
for (const form of document.querySelectorAll('form[id^="move-"], .act__form')) {
  form.addEventListener("submit", (event) => {
    const mine = pending().filter((item) => item.sheet === sheetId);
    if (!state.adding && !mine.length && !unsettled()) return;
    event.preventDefault();
    announce("Còn ô chưa lưu. Xin đợi hoặc sửa các ô đang báo, rồi bấm lại.");
    if (unsettled()) go(unsettled());
  });
}
function leaveAll() {
  const cell = document.activeElement && cellOf(document.activeElement);
  if (cell) leave(cell);
  document.dispatchEvent(new CustomEvent("grid:leave")); // values that stand in a panel
}
addEventListener("pagehide", leaveAll); // tablets tell of no beforeunload
addEventListener("beforeunload", (event) => {
  leaveAll();
  if (state.adding || pending().length || unsettled()) event.preventDefault();
});

move();
asked();
fromPaper();
document.documentElement.dataset.grid = "ready";
if (canEdit) {
  survives().then((kept) => {
    if (kept) return;
    const words = make("p", "kept", "Trình duyệt này không giữ được điểm qua một lần tải lại trang (cửa sổ ẩn danh, hoặc bị chặn lưu dữ liệu). "
      + "Điểm vẫn được gửi; đừng tải lại hay đóng trang khi còn ô chờ.");
    words.setAttribute("role", "status");
    document.getElementById("main").prepend(words);
  });
  askAgain(account, sheetId, PAGE).then(refresh).then(() => {
    recall();
    follow();
    if (state.items.length) wake();
  });
}
