// Copy buttons, menu items that copy, and the button that prints.
import { on } from "./dom.js";
import { toast } from "./toasts.js";

on("click", "[data-copy]", async (event, button) => {
  event.preventDefault();
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    if (!byHand(button.dataset.copy)) { toast("The browser did not allow copying.", true); return; }
  }
  if (button.closest(".menu")) {
    button.closest("[popover]")?.hidePopover?.();
    toast(`Copied ${button.dataset.copy}`);
    return;
  }
  const label = button.getAttribute("aria-label");
  button.classList.add("copied");
  button.setAttribute("aria-label", "Copied");
  setTimeout(() => {
    button.classList.remove("copied");
    button.setAttribute("aria-label", label);
  }, 1500);
});

// The clipboard needs https; on plain http the old way still works.
function byHand(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "sr-only";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

on("click", "[data-print]", () => print());
