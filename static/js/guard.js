// Forms with data-guard ask before what was typed is thrown away.
import { on } from "./dom.js";

// What was refused is not saved either; what is on its way to be saved again is.
const changed = () => document.querySelector("form[data-guard][data-changed], form[data-guard]:not([data-sent]):has([aria-invalid=true])");

on("input", "form[data-guard]", (_, form) => {
  form.removeAttribute("data-sent");
  form.setAttribute("data-changed", "");
});
document.addEventListener("submit", (event) => {
  event.target.removeAttribute("data-changed");
  event.target.setAttribute("data-sent", "");
});
document.addEventListener("reset", (event) => event.target.removeAttribute("data-changed"));
addEventListener("beforeunload", (event) => { if (changed()) event.preventDefault(); });
// Escape in a dialog; its buttons say what they do.
document.addEventListener("cancel", (event) => {
  if (!(event.target instanceof HTMLDialogElement) || !event.target.querySelector("form[data-guard][data-changed]")) return;
  if (!confirm("Throw away what you typed?")) event.preventDefault();
}, true);
