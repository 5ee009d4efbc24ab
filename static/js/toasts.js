// Toasts go by themselves after a while, never while the pointer or the focus is on them.
import { on, onContent } from "./dom.js";

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

/** Says one sentence in the toast region; bad for what went wrong. */
export function toast(sentence, bad = false) {
  const pattern = document.getElementById("toast-template");
  if (!region() || !pattern) return;
  const line = pattern.content.firstElementChild.cloneNode(true);
  line.classList.toggle("bad", bad);
  if (!bad) line.querySelector(":scope > .icon")?.remove();
  const same = [...region().children].find((other) => other.textContent.trim() === sentence);
  same?.remove();
  region().append(line);
  line.querySelector(".toast-text").textContent = sentence;
  tend(line);
}

onContent(() => region()?.querySelectorAll("[data-toast]").forEach(tend));
on("click", "[data-toast-close]", (_, button) => button.closest("[data-toast]").remove());
