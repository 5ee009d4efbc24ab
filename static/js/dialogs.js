// Dialogs that arrive with a request open themselves; those opened by a link
// (a[data-dialog]) fall back to the link's page; a click beside closes one
// unless something was typed into it.
import { on, onContent } from "./dom.js";

onContent((root) => {
  root.querySelectorAll("dialog[data-open]").forEach((dialog) => {
    dialog.removeAttribute("data-open");
    if (!dialog.open) dialog.showModal();
  });
  root.querySelectorAll("[data-take-focus]").forEach((notice) => {
    notice.removeAttribute("data-take-focus");
    notice.focus({ preventScroll: true });
    notice.scrollIntoView({ block: "nearest" });
  });
});

// A form that stood in place of a section goes again, and the focus with it:
// it returns to the link that had opened the form.
let left = "";
on("focusin", "main section:has(form[data-guard])", (_, section) => { left = section.id; });
document.addEventListener("htmx:after:swap", () => {
  if (!left || (document.activeElement && document.activeElement !== document.body)) return;
  document.getElementById(left)?.querySelector(":scope a[data-edits]")?.focus({ preventScroll: true });
});

on("click", "a[data-dialog]", (event, link) => {
  const dialog = document.getElementById(link.dataset.dialog);
  if (!dialog || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  link.closest("[popover]")?.hidePopover?.();
  dialog.showModal();
});

document.addEventListener("pointerdown", (event) => {
  const dialog = event.target;
  if (!(dialog instanceof HTMLDialogElement) || !dialog.matches(".modal, .drawer-end")) return;
  const box = dialog.getBoundingClientRect();
  const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
  if (!inside && !dialog.querySelector("form[data-changed]")) dialog.close();
});

// A dialog that came with a request is of no use once it is closed.
document.addEventListener("close", (event) => {
  if (event.target instanceof HTMLDialogElement && event.target.closest("#dialog")) event.target.remove();
}, true);

// HX-Trigger: close-dialog closes what the answered form stood in.
document.addEventListener("close-dialog", () => {
  document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
});

// Choosing something in a menu closes it.
on("click", ".menu[popover] :is(a, button).item-row:not([aria-disabled=true])", (_, item) => {
  item.closest("[popover]").hidePopover?.();
});
