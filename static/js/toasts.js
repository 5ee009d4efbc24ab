// Toasts go by themselves after a while, never while the pointer or the focus is on them.
import { on, onContent, element } from "./dom.js";

const shortest = 8000;
const region = () => document.getElementById("toasts");

function tend(line) {
  if (line.dataset.tended !== undefined) return;
  line.dataset.tended = "";
  const length = Math.max(shortest, 4000 + line.textContent.length * 70);
  let timer;
  const start = () => { clearTimeout(timer); timer = setTimeout(() => line.remove(), length); };
  const stop = () => clearTimeout(timer);
  line.addEventListener("pointerenter", stop);
  line.addEventListener("focusin", stop);
  line.addEventListener("pointerleave", () => { if (!line.contains(document.activeElement)) start(); });
  line.addEventListener("focusout", start);
  start();
}

/** Says one sentence in the toast region; bad for what went wrong. The markup is that of ui.Toast. */
export function toast(sentence, bad = false) {
  if (!region()) return;
  const text = element("span", { class: "toast-text", dir: "auto" });
  const line = element("div", { class: bad ? "toast-line bad" : "toast-line", role: "status", "data-toast": "" },
    ...(bad ? [element("icon", "circle-alert")] : []), text,
    element("button", { class: "icon-btn toast-close", type: "button", "data-toast-close": "", "aria-label": "Dismiss" }, element("icon", "x")));
  const same = [...region().children].find((other) => other.textContent.trim() === sentence);
  same?.remove();
  region().append(line);
  text.textContent = sentence;
  tend(line);
}

onContent(() => region()?.querySelectorAll("[data-toast]").forEach(tend));
on("click", "[data-toast-close]", (_, button) => button.closest("[data-toast]").remove());
