// Ctrl-K: finds an account while one types; arrow keys choose, Enter opens.
import { on } from "./dom.js";

const dialog = document.getElementById("palette");
const input = document.getElementById("palette-input");

const options = () => [...dialog.querySelectorAll("[role=option]")];

function choose(option) {
  options().forEach((o) => o.setAttribute("aria-selected", String(o === option)));
  if (option) {
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  } else {
    input.removeAttribute("aria-activedescendant");
  }
}

export function show() {
  if (!dialog || dialog.open) return;
  dialog.showModal();
  input.select();
}

if (dialog && input) {
  on("click", "[data-palette]", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.addEventListener("htmx:after:swap", () => { if (dialog.open) choose(options()[0] ?? null); });
  input.addEventListener("keydown", (event) => {
    const list = options();
    const at = list.findIndex((o) => o.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.length) choose(list[(at + (event.key === "ArrowDown" ? 1 : list.length - 1)) % list.length]);
    } else if (event.key === "Escape") {
      event.preventDefault();
      dialog.close();
    }
  });
  // Enter opens what is chosen, and without a hit shows the list's own answer.
  input.form.addEventListener("submit", (event) => {
    const chosen = options().find((o) => o.getAttribute("aria-selected") === "true");
    if (!chosen) return;
    event.preventDefault();
    chosen.click();
  });
  // A pasted ID asks at once.
  input.addEventListener("paste", () => setTimeout(() => window.htmx?.trigger(input, "palette")));
}
