// The table of a branch is a treegrid: rows open and close in place, the arrow
// keys walk through them, and the address says what is open.
import { on, onContent, typing } from "./dom.js";

const rowsOf = (tree) => [...tree.querySelectorAll("tbody > tr")];
const level = (row) => Number(row.getAttribute("aria-level"));
const isOpen = (row) => row.getAttribute("aria-expanded") === "true";
const treeOf = (node) => node.closest("form[data-tree]");

/** The rows below one, at any depth. */
function below(row) {
  const list = [];
  for (let next = row.nextElementSibling; next && level(next) > level(row); next = next.nextElementSibling) list.push(next);
  return list;
}

function parentOf(row) {
  let up = row.previousElementSibling;
  while (up && level(up) >= level(row)) up = up.previousElementSibling;
  return up;
}

/** Gives the focus to a row, which alone is in the way of Tab, with what is in it. */
function reach(row, focus = true) {
  const tree = treeOf(row);
  tree.querySelectorAll("tbody > tr[tabindex='0']").forEach((r) => arm(r, false));
  arm(row, true);
  if (focus) row.focus();
}

function arm(row, on) {
  row.tabIndex = on ? 0 : -1;
  row.querySelectorAll("a, button").forEach((control) => { control.tabIndex = on ? 0 : -1; });
}

/** Puts the sub-accounts of an account, from the given one on, after a row. */
async function fetchRows(after, id, from) {
  const path = `${treeOf(after).dataset.treeHref}?rows=${encodeURIComponent(id)}&from=${from}`;
  await window.htmx.ajax("GET", path, { target: after, swap: "afterend" });
}

function mark(row, open) {
  row.setAttribute("aria-expanded", open);
  const name = row.querySelector(".cell-name").textContent;
  row.querySelector(".twist").setAttribute("aria-label", `${open ? "Collapse" : "Expand"} ${name}`);
}

async function toggle(row) {
  if (row.dataset.busy !== undefined) return;
  const tree = treeOf(row);
  if (isOpen(row)) {
    below(row).forEach((r) => r.remove());
    delete row.dataset.shown;
    mark(row, false);
  } else {
    row.dataset.busy = "";
    await fetchRows(row, row.dataset.id, 0);
    delete row.dataset.busy;
    if (below(row).length > 0) mark(row, true);
    rowsOf(tree).filter((r) => !r.hasAttribute("tabindex")).forEach((r) => arm(r, false));
  }
  address(tree);
}

async function further(row) {
  const tree = treeOf(row);
  await fetchRows(row, row.dataset.more, row.dataset.from);
  const first = row.nextElementSibling;
  if (!first || first.hasAttribute("tabindex")) return; // nothing came
  parentOf(row).dataset.shown = Number(row.dataset.from) + 100;
  rowsOf(tree).filter((r) => !r.hasAttribute("tabindex")).forEach((r) => arm(r, false));
  row.remove();
  reach(first);
  address(tree);
}

/** What is open, how far, and what is selected, as the server reads it. */
function address(tree) {
  const rows = rowsOf(tree);
  const state = {};
  const open = rows.filter((r) => isOpen(r) && !below(r).some(isOpen)).map((r) => r.dataset.id);
  if (open.length !== 1 || open[0] !== rows[0]?.dataset.id) state.open = open.slice(0, 100).join(",");
  const more = rows.filter((r) => r.dataset.shown && isOpen(r)).map((r) => `${r.dataset.id}~${r.dataset.shown}`);
  if (more.length) state.more = more.slice(-100).join(",");
  const chosen = tree.querySelector("tr[aria-selected=true]")?.dataset.id;
  if (chosen) state.sel = chosen;
  const query = Object.entries(state).map(([k, v]) => `${k}=${v}`).join("&");
  history.replaceState(history.state, "", tree.dataset.treeHref + (query && "?") + query);
  // The search and the other view keep what is open.
  document.querySelectorAll("form.search, form[data-tree]").forEach((form) => {
    form.querySelectorAll("input[type=hidden]").forEach((input) => input.remove());
    for (const [name, value] of Object.entries(state)) {
      form.prepend(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
    }
  });
  document.querySelectorAll("a[data-tree-view]").forEach((link) => {
    link.href = `${tree.dataset.treeHref}?view=graph${query && "&"}${query}`;
  });
}

function select(row) {
  const tree = treeOf(row);
  tree.querySelectorAll("tr[aria-selected]").forEach((r) => r.removeAttribute("aria-selected"));
  if (row.dataset.id) row.setAttribute("aria-selected", "true");
  address(tree);
}

onContent((root) => root.querySelectorAll("form[data-tree]:not([data-live])").forEach((tree) => {
  tree.dataset.live = "";
  const rows = rowsOf(tree);
  rows.forEach((row) => arm(row, false));
  const chosen = tree.querySelector("tr[aria-selected=true]");
  if (rows.length) reach(chosen || rows[0], false);
  chosen?.scrollIntoView({ block: "nearest" });
}));

on("click", "form[data-tree] .twist", (event, button) => {
  event.preventDefault();
  const row = button.closest("tr");
  reach(row, false);
  toggle(row);
});

on("click", "form[data-tree] button[name=further]", (event, button) => {
  event.preventDefault();
  further(button.closest("tr"));
});

on("click", "form[data-tree] tbody > tr", (event, row) => {
  if (event.target.closest("a, button")) return;
  reach(row);
  select(row);
});

on("focusin", "form[data-tree] tbody > tr", (_, row) => {
  if (row.tabIndex !== 0) reach(row, false);
});

on("keydown", "form[data-tree] tbody > tr", (event, row) => {
  if (event.altKey || event.ctrlKey || event.metaKey || typing(event.target)) return;
  const inside = event.target !== row;
  const rows = rowsOf(treeOf(row));
  const at = rows.indexOf(row);
  const opens = row.hasAttribute("aria-expanded");
  let to;
  switch (event.key) {
    case "ArrowDown": to = rows[at + 1]; break;
    case "ArrowUp": to = rows[at - 1]; break;
    case "Home": to = rows[0]; break;
    case "End": to = rows[rows.length - 1]; break;
    case "ArrowRight":
      if (opens && !isOpen(row)) toggle(row); else if (opens) to = rows[at + 1];
      break;
    case "ArrowLeft":
      if (inside) to = row; else if (opens && isOpen(row)) toggle(row); else to = parentOf(row);
      break;
    case "Enter":
      if (inside) return;
      row.querySelector("a.cell-name, button[name=further]").click();
      break;
    case " ":
      if (inside) return;
      select(row);
      break;
    default: return;
  }
  event.preventDefault();
  if (to) reach(to);
});
