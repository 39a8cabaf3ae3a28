// On every page of a signed-in person: send what is still here, say how much waits, and ask before signing out.
import { isLoose, isStuck, nCells, on, pending, refresh, state, wake } from "./sender.js";
import { icon, make } from "./parts.js";

const net = document.getElementById("net");

on("change", () => {
  const stuck = nCells(pending().filter(isStuck));
  const loose = nCells(pending().filter(isLoose));
  const waits = state.failures ? nCells(pending()) : stuck || loose;
  if (net) {
    net.classList.toggle("topbar__net--wait", waits > 0);
    const words = state.signIn ? " ô chờ đăng nhập lại" : loose ? " ô máy chưa giữ, đừng tải lại" : state.failures ? " ô chờ mạng, máy đang giữ" : " ô chưa lưu được, máy thử lại";
    const shown = waits ? waits + words : "";
    if (net.textContent !== shown || Boolean(net.querySelector("button")) !== (waits > 0 && state.signIn)) {
      const parts = waits ? [icon("cloud-off"), shown] : [], button = make("button", "btn btn--quiet", ...parts);
      button.type = "button";
      button.addEventListener("click", () => document.dispatchEvent(new CustomEvent("signin")));
      net.replaceChildren(...(waits && state.signIn ? [button] : parts));
    }
  }
  // The list of sheets tells where something needs its person.
  for (const link of document.querySelectorAll(".sheets__name")) {
    const sheet = (/\/bang-diem\/(\d+)$/.exec(link.pathname) || [])[1];
    const mine = state.items.filter((item) => item.sheet === sheet);
    link.querySelectorAll(".sheets__unsent").forEach((old) => old.remove());
    if (!mine.length) continue;
    const held = nCells(mine.filter((item) => item.held));
    const words = held ? held + " ô cần xem lại" : nCells(mine) + " ô chưa gửi";
    link.append(make("span", "sheets__unsent", icon(held ? "circle-alert" : "cloud-off"), words));
  }
});

document.addEventListener("hocbaso:signing-out", (event) => {
  const form = event.detail;
  const n = nCells(state.items);
  if (!n || !form || form.dataset.sure) return;
  event.preventDefault();
  const stay = make("button", "btn btn--primary", "Ở lại");
  const leave = make("button", "btn", "Thoát, máy giữ lại");
  stay.type = leave.type = "button";
  const box = make("dialog", "dialog dialog--over",
    make("h2", "", "Còn " + n + " ô chưa gửi"),
    make("p", "", "Máy này giữ các ô ấy và chỉ gửi khi chính thầy, cô đăng nhập lại ở đây. Người khác không xem được và không gửi được."),
    make("p", "dialog__foot", leave, stay));
  box.setAttribute("aria-label", "Còn ô chưa gửi");
  document.body.append(box);
  box.addEventListener("close", () => box.remove());
  stay.addEventListener("click", () => { box.close(); wake(); });
  leave.addEventListener("click", () => { form.dataset.sure = "1"; box.close(); form.requestSubmit(); });
  box.showModal();
});

refresh().then(() => { if (pending().length) wake(); });
