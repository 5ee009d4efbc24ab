// Single keys, when nobody is typing: / ? j k x m and Enter. See the shortcuts dialog.
import { typing, covered } from "./dom.js";
import { show } from "./palette.js";
import { show as showShortcuts } from "./shortcuts.js";
import { range, refresh } from "./select.js";

let at = null;

const rows = () => [...document.querySelectorAll("main table[data-rows] > tbody > tr, main .grid > tbody > tr[data-id]")];

function step(by) {
  const list = rows();
  if (!list.length) return;
  const from = list.indexOf(at);
  const next = list[Math.max(0, Math.min(list.length - 1, from < 0 ? 0 : from + by))];
  at?.removeAttribute("data-at");
  at = next;
  at.setAttribute("data-at", "");
  at.querySelector("a.cell-name, a")?.focus({ preventScroll: true });
  at.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && !event.altKey && !event.shiftKey) {
    event.preventDefault();
    show();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing(event.target) || covered()) return;
  if (at && !at.isConnected) at = null;
  switch (event.key) {
    case "/": {
      const search = document.querySelector("main [data-search]");
      if (search) { event.preventDefault(); search.focus(); search.select(); }
      break;
    }
    case "?": {
      event.preventDefault();
      showShortcuts();
      break;
    }
    case "j": event.preventDefault(); step(1); break;
    case "k": event.preventDefault(); step(-1); break;
    case "x": case "X": {
      const box = at?.querySelector("input.check[name=id]");
      if (!box) break;
      event.preventDefault();
      if (event.shiftKey) { box.checked = true; range(box); refresh(box.form); } else box.click();
      break;
    }
    case "m": {
      const opener = at?.querySelector("[data-row-menu], .w-menu button");
      if (opener) { event.preventDefault(); opener.click(); }
      break;
    }
    case "Enter":
      if (at && event.target === document.body) at.querySelector("a.cell-name")?.click();
      break;
  }
});

// Escape leaves the search of a list.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target instanceof Element && event.target.matches("[data-search]") && event.target.value === "") event.target.blur();
});
