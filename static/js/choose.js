// A list to choose from: it narrows as one types, what is ticked stays, and the
// foot says how many are. A secret that is shown once goes with the page.
import { on, onContent } from "./dom.js";

const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

function narrow(field) {
  const list = document.getElementById(field.dataset.filter);
  if (!list) return;
  const wanted = fold(field.value.trim());
  let shown = 0;
  list.querySelectorAll(":scope > li").forEach((row) => {
    const ticked = row.querySelector("input:checked") !== null;
    row.hidden = !ticked && !fold(row.textContent).includes(wanted);
    if (!row.hidden) shown++;
  });
  const none = list.parentElement.querySelector("[data-none]");
  if (none) none.hidden = shown > 0;
}

function count(form) {
  const said = form.querySelector("[data-chosen]");
  const ticked = form.querySelectorAll(".choose input:checked").length;
  const words = ticked ? `${ticked} selected` : "";
  if (said && said.textContent !== words) said.textContent = words;
}

on("input", "input[data-filter]", (_, field) => narrow(field));
on("change", ".choose input", (_, box) => count(box.form));
// Enter in the search of a drawer would send the form.
on("keydown", ".find input", (event) => { if (event.key === "Enter") event.preventDefault(); });
onContent((root) => root.querySelectorAll("form:has(.choose)").forEach(count));

// Reloading or coming back asks for the page that the secret stands on, and does
// not send the form again that made it.
onContent((root) => root.querySelectorAll("[data-once]").forEach((secret) => {
  if (location.pathname !== secret.dataset.once) history.replaceState(history.state, "", secret.dataset.once);
}));
addEventListener("pagehide", () => document.querySelectorAll("[data-once]").forEach((secret) => secret.remove()));
