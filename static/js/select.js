// Ticking rows: the count, all on the page, a range with shift, all that match.
import { on, onContent } from "./dom.js";

let last = null;

const rows = (form) => [...form.querySelectorAll("tbody input.check[name=id]")];

export function refresh(form) {
  const boxes = rows(form);
  const ticked = boxes.filter((box) => box.checked).length;
  const head = form.querySelector("[data-select-all]");
  if (head) {
    head.checked = boxes.length > 0 && ticked === boxes.length;
    head.indeterminate = ticked > 0 && ticked < boxes.length;
  }
  const offer = form.querySelector("[data-bulk-all]");
  const all = offer?.querySelector("input");
  if (offer) {
    offer.hidden = ticked < boxes.length || ticked === 0;
    if (offer.hidden) all.checked = false;
  }
  const count = form.querySelector("[data-bulk-count]");
  const words = `${all?.checked ? all.dataset.total : ticked} selected`;
  if (count && count.textContent !== words) count.textContent = words;
}

/** Ticks from the box that was ticked last to this one. */
export function range(box) {
  const boxes = rows(box.form);
  const from = boxes.indexOf(last), to = boxes.indexOf(box);
  if (from < 0 || to < 0) return;
  boxes.slice(Math.min(from, to), Math.max(from, to) + 1).forEach((b) => { b.checked = box.checked; });
}

on("click", "tbody input.check[name=id]", (event, box) => {
  if (event.shiftKey) range(box);
  last = box;
  refresh(box.form);
});
on("change", "[data-select-all]", (_, head) => {
  rows(head.form).forEach((box) => { box.checked = head.checked; });
  refresh(head.form);
});
on("change", "[data-bulk-all] input", (_, box) => refresh(box.form));
document.addEventListener("reset", (event) => setTimeout(() => refresh(event.target)));
onContent((root) => root.querySelectorAll("[data-bulk]").forEach((bar) => { if (bar.closest("form")) refresh(bar.closest("form")); }));
addEventListener("pageshow", () => document.querySelectorAll("[data-bulk]").forEach((bar) => refresh(bar.closest("form"))));
