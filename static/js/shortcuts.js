// The dialog that lists the keys. They need script, and so does it.
import { on, element } from "./dom.js";

const groups = [
  ["Everywhere", [
    [["Ctrl", "K"], "Find an account by name or ID"],
    [["?"], "Show these shortcuts"],
    [["Esc"], "Close what is open"],
  ]],
  ["In a list", [
    [["/"], "Search the list"],
    [["j"], "Next row"],
    [["k"], "Row before"],
    [["Enter"], "Open the row"],
    [["x"], "Tick the row"],
    [["Shift", "x"], "Tick all from the last one ticked"],
    [["m"], "Menu of the row"],
  ]],
  ["In a graph", [
    [["←", "↑", "→", "↓"], "Walk from account to account, or move the picture"],
    [["Space"], "Expand or collapse"],
    [["Enter"], "Select, then open"],
    [["+", "−"], "Zoom in, zoom out"],
    [["0"], "Fit to window"],
  ]],
];

export const key = (name) => element("kbd", { class: "kbd" }, name);

const dialog = element("dialog", { class: "modal", id: "shortcuts", "aria-labelledby": "shortcuts-title" },
  element("header", { class: "panel-head" },
    element("h2", { id: "shortcuts-title" }, "Keyboard shortcuts"),
    element("button", { class: "icon-btn", type: "button", "aria-label": "Close" }, element("icon", "x"))),
  element("div", { class: "panel-body" }, ...groups.map(([title, keys]) => element("section", {},
    element("h3", {}, title),
    element("dl", { class: "keys" }, ...keys.map(([names, does]) => element("div", {},
      element("dt", {}, ...names.map(key)),
      element("dd", {}, does))))))));
dialog.querySelector("button").addEventListener("click", () => dialog.close());
// Pages for who is not signed in have no frame, and no keys.
if (document.getElementById("dialog")) document.body.append(dialog);

export function show() {
  if (dialog.isConnected && !dialog.open) dialog.showModal();
}

on("click", "[data-shortcuts]", (_, button) => {
  button.closest("[popover]")?.hidePopover?.();
  show();
});
