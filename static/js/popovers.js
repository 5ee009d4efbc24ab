// Links that open a popover of the page instead of leading away, and put the
// focus on the field they speak of: a filter in force opens the filter form.
import { on } from "./dom.js";
import { open } from "./fallback.js";

on("click", "a[data-opens]", (event, link) => {
  const popover = document.getElementById(link.dataset.opens);
  if (!popover || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(popover, link);
  document.getElementById(link.dataset.focus)?.focus();
});
