// For browsers without invoker commands, and for popovers that cannot anchor
// themselves to what opened them.
import { on } from "./dom.js";

if (!("commandForElement" in HTMLButtonElement.prototype)) {
  on("click", "button[commandfor]", (_, button) => {
    const dialog = document.getElementById(button.getAttribute("commandfor"));
    if (!dialog) return;
    if (button.getAttribute("command") === "show-modal") dialog.showModal();
    if (button.getAttribute("command") === "close") dialog.close();
  });
}

const anchors = CSS.supports("position-area", "block-end");
const popovers = "popover" in HTMLElement.prototype;

/** Puts an open popover under its opener, within the window. */
export function place(popover, opener) {
  if (anchors || matchMedia("(width < 40rem)").matches) return;
  const at = opener.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = popover;
  const start = popover.classList.contains("from-start") || popover.classList.contains("hint");
  const left = start ? at.left : at.right - width;
  const below = at.bottom + 4 + height <= innerHeight;
  popover.style.inset = "auto";
  popover.style.margin = "0";
  popover.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
  popover.style.top = `${Math.max(8, below ? at.bottom + 4 : at.top - 4 - height)}px`;
}

if (popovers && !anchors) {
  on("click", "[popovertarget]", (_, button) => {
    const popover = document.getElementById(button.getAttribute("popovertarget"));
    if (popover?.matches(".menu, .hint")) requestAnimationFrame(() => place(popover, button));
  });
}

if (!popovers) {
  on("click", "[popovertarget]", (event, button) => {
    const popover = document.getElementById(button.getAttribute("popovertarget"));
    const open = popover.classList.contains("is-open");
    closeAll();
    if (!open) {
      popover.classList.add("is-open");
      place(popover, button);
    }
    event.stopPropagation();
  }, true);
  const closeAll = () => document.querySelectorAll(".is-open").forEach((p) => p.classList.remove("is-open"));
  document.addEventListener("click", closeAll);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeAll(); });
}

/** Opens a popover beside its opener. */
export function open(popover, opener) {
  if (!popovers) { popover.classList.add("is-open"); place(popover, opener); return; }
  if (popover.matches(":popover-open")) popover.hidePopover();
  popover.showPopover({ source: opener });
  place(popover, opener);
}
