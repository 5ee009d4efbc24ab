// The theme is kept in a cookie, so that the server writes it into the page and
// nothing flashes. The radios alone already switch it, by :has() in tokens.css.
import { on, base } from "./dom.js";

on("change", "[data-theme-form] input[name=theme]", (_, radio) => {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `theme=${radio.value}; path=${base() || "/"}; max-age=31536000; samesite=lax${secure}`;
  if (radio.value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = radio.value;
});
