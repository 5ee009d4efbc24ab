// Ctrl-K: finds an account while one types; arrow keys choose, Enter opens.
// Without script what opens it is a link to the list, which has a search of its own.
import { on, base, element } from "./dom.js";
import { key } from "./shortcuts.js";

const input = element("input", {
  class: "input", id: "palette-input", type: "search", name: "q", placeholder: "Find an account by name or ID",
  autocomplete: "off", spellcheck: "false", maxlength: "200",
  role: "combobox", "aria-expanded": "true", "aria-controls": "palette-results", "aria-autocomplete": "list",
  "hx-get": `${base()}/backoffice/search`, "hx-trigger": "input delay:100ms, palette",
  "hx-target": "#palette-results", "hx-sync": "this:replace",
});
const dialog = element("dialog", { class: "palette", id: "palette", "aria-label": "Find an account" },
  element("form", { class: "palette-form", method: "get", action: `${base()}/backoffice/accounts` },
    element("label", { class: "input-icon" }, element("icon", "search"),
      element("span", { class: "sr-only" }, "Account name or ID"), input)),
  element("div", { class: "palette-results", id: "palette-results" },
    element("p", { class: "palette-none" }, "Type a part of a name, or paste an ID.")),
  element("p", { class: "palette-foot", "aria-hidden": "true" },
    key("↑"), key("↓"), " choose ", key("Enter"), " open ", key("Esc"), " close"));

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
  if (!dialog.isConnected || dialog.open) return;
  dialog.showModal();
  input.select();
}

// Pages for who is not signed in have no frame, and nothing to find.
if (document.getElementById("dialog")) {
  document.body.append(dialog);
  window.htmx?.process(dialog);
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
