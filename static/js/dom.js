// What the modules share.

/** Calls act for every event of a kind whose target is in an element that matches. */
export function on(kind, selector, act, options) {
  document.addEventListener(kind, (event) => {
    const found = event.target instanceof Element && event.target.closest(selector);
    if (found) act(event, found);
  }, options);
}

/** Calls act now, and again for what a request has put onto the page. */
export function onContent(act) {
  act(document);
  document.addEventListener("htmx:after:swap", () => act(document));
}

/** Whether the person is typing somewhere: then single keys are theirs. */
export function typing(target) {
  return target instanceof Element &&
    target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]") !== null;
}

/** Whether a dialog is open over the page. */
export function covered() {
  return document.querySelector("dialog[open]") !== null;
}

/** Makes an element with attributes and children; a string is text. An icon is made by its name alone. */
export function element(tag, attributes = {}, ...children) {
  if (tag === "icon") {
    const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    icon.setAttribute("class", `icon i-${attributes}`);
    icon.setAttribute("aria-hidden", "true");
    return icon;
  }
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export const base = () => document.body.dataset.base || "";
