// One menu for all rows of a page: it is filled for the row on opening. The row
// carries data-id and data-flags, its name stands in a.cell-name; in the menu, {id} stands in
// addresses and values, {here} for this page's own address, data-if and data-unless name a flag.
import { on, base } from "./dom.js";
import { open } from "./fallback.js";

const patterns = new WeakMap();

function fill(menu, row) {
  const flags = (row.dataset.flags || "").split(" ");
  const name = row.dataset.name ?? row.querySelector(".cell-name")?.textContent;
  const values = { id: row.dataset.id, name, here: location.pathname.slice(base().length) + location.search };
  const put = (text, encode) => text.replace(/\{(id|name|here)\}|%7B(id|name|here)%7D/g,
    (_, a, b) => (encode ? encodeURIComponent(values[a || b] ?? "") : values[a || b] ?? ""));
  menu.querySelectorAll("a, button, form, input[type=hidden]").forEach((element) => {
    if (!patterns.has(element)) {
      patterns.set(element, ["href", "action", "data-copy", "value", "hx-get", "hx-post"]
        .filter((name) => /\{(id|name|here)\}|%7B(id|name|here)%7D/.test(element.getAttribute(name) || ""))
        .map((name) => [name, element.getAttribute(name)]));
    }
    for (const [name, pattern] of patterns.get(element)) {
      element.setAttribute(name, put(pattern, name !== "data-copy" && name !== "value"));
    }
    const { if: wanted, unless } = element.dataset;
    if (wanted || unless) element.hidden = (wanted && !flags.includes(wanted)) || (unless && flags.includes(unless));
  });
  menu.setAttribute("aria-label", `Actions for ${name || row.dataset.id}`);
}

on("click", "[data-row-menu]", (event, opener) => {
  const menu = document.getElementById("row-menu");
  const row = opener.closest("[data-id]");
  if (!menu || !row || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  document.querySelectorAll("[data-row-menu][aria-expanded]").forEach((o) => o.removeAttribute("aria-expanded"));
  fill(menu, row);
  open(menu, opener);
  opener.setAttribute("aria-expanded", "true");
  menu.addEventListener("toggle", (toggled) => {
    if (toggled.newState !== "closed") return;
    opener.removeAttribute("aria-expanded");
    if (menu.contains(document.activeElement) || document.activeElement === document.body) opener.focus();
  }, { once: true });
  if (event.detail === 0) items(menu)[0]?.focus();
});

function items(menu) {
  return [...menu.querySelectorAll(".item-row")].filter((item) => item.offsetParent !== null);
}

// Arrow keys walk through any open menu.
document.addEventListener("keydown", (event) => {
  const menu = event.target instanceof Element && event.target.closest(".menu");
  if (!menu || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key) || event.target.type === "radio") return;
  const list = items(menu);
  if (!list.length) return;
  event.preventDefault();
  const at = list.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at < 0 ? -1 : at - 1, Home: 0, End: -1 }[event.key];
  list[(next + list.length) % list.length].focus();
});
