// Forms with data-guard ask before what was typed is thrown away.
import { on } from "./dom.js";

const changed = () => document.querySelector("form[data-guard][data-changed]");

on("input", "form[data-guard]", (_, form) => form.setAttribute("data-changed", ""));
document.addEventListener("submit", (event) => event.target.removeAttribute("data-changed"));
document.addEventListener("reset", (event) => event.target.removeAttribute("data-changed"));
addEventListener("beforeunload", (event) => { if (changed()) event.preventDefault(); });
