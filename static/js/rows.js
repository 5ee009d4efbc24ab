// What a row of a list can do with script alone: the button that copies its ID,
// and the one that opens its menu, the name in the label of its checkbox. The row
// is told by its checkbox, and carries data-id from then on. A list repeats its
// row fifty times: what stands here need not travel.
import { onContent, element } from "./dom.js";

const copy = element("button", { class: "icon-btn tiny copy", type: "button" }, element("icon", "copy"));
const more = element("button", { class: "icon-btn", type: "button", "data-row-menu": "" }, element("icon", "ellipsis-vertical"));

function dress(row) {
  const box = row.querySelector("input[name=id]");
  if (!box) return;
  const id = row.dataset.id = box.value, name = row.querySelector(".cell-name").textContent;
  box.setAttribute("aria-label", `Select ${name}`);
  const copies = copy.cloneNode(true), opens = more.cloneNode(true);
  copies.dataset.copy = id;
  copies.setAttribute("aria-label", `Copy ID ${id}`);
  opens.setAttribute("aria-label", `Actions for ${name}`);
  row.querySelector(".cell-id").append(copies);
  row.lastElementChild.append(opens);
}

onContent((root) => root.querySelectorAll("table[data-rows] > tbody > tr:not([data-id])").forEach(dress));
