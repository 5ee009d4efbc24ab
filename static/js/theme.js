// The theme is kept in a cookie, which the server sets, so that it is written into
// the page and nothing flashes. The radios alone already switch it, by :has() in
// tokens.css.
import { on } from "./dom.js";

on("change", "[data-theme-form] input[name=theme]", (_, radio) => {
  const form = radio.form;
  fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { "HX-Request": "true" } });
  if (radio.value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = radio.value;
});
