// Metadata is edited as rows or as raw JSON: two views of one value; the form
// says in "view" which one is meant. Values go over as text, so that no number
// is rounded on its way.
import { on, onContent } from "./dom.js";

const parts = (editor) => ({
  rows: editor.querySelector("[data-rows-view]"),
  list: editor.querySelector("[data-row-list]"),
  json: editor.querySelector("[data-json-view]"),
  area: editor.querySelector("textarea[name=json]"),
  said: editor.querySelector("[data-json-problem]"),
  view: editor.querySelector("[name=view]"),
});

const valid = (text) => { try { JSON.parse(text); return true; } catch { return false; } };

function toJSON(editor) {
  const pairs = new Map();
  for (const row of parts(editor).list.querySelectorAll("[data-row]")) {
    const key = row.querySelector("[name=key]").value.trim();
    const value = row.querySelector("[name=value]").value.trim();
    if (key !== "") pairs.set(key, valid(value) ? value : JSON.stringify(value));
  }
  if (pairs.size === 0) return "{}";
  return `{\n${[...pairs].map(([key, value]) => `  ${JSON.stringify(key)}: ${value}`).join(",\n")}\n}`;
}

/** Splits the text of a valid JSON object into its keys and the texts of its values. */
export function split(text) {
  const pairs = [];
  let depth = 0, inside = false, start = 0, key = null;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (inside) {
      if (c === "\\") i++;
      else if (c === '"') inside = false;
      continue;
    }
    if (c === '"') inside = true;
    else if (c === "{" || c === "[") { depth++; if (depth === 1) start = i + 1; }
    else if (c === ":" && depth === 1) { key = JSON.parse(text.slice(start, i)); start = i + 1; }
    else if ((c === "," && depth === 1) || ((c === "}" || c === "]") && --depth === 0)) {
      if (key !== null) pairs.push([key, text.slice(start, i).trim()]);
      key = null;
      start = i + 1;
    }
  }
  return pairs;
}

function add(editor, key = "", value = "") {
  const row = editor.querySelector("template").content.firstElementChild.cloneNode(true);
  row.querySelector("[name=key]").value = key;
  row.querySelector("[name=value]").value = value;
  parts(editor).list.append(row);
  return row;
}

function refuse(p, sentence) {
  p.said.textContent = sentence;
  p.said.hidden = sentence === "";
}

function show(editor, view) {
  const p = parts(editor);
  if (p.view.value === view) return;
  refuse(p, "");
  if (view === "json") {
    p.area.value = toJSON(editor);
  } else {
    const text = p.area.value.trim() || "{}";
    let value;
    try { value = JSON.parse(text); } catch (error) { return refuse(p, `Not valid JSON: ${error.message}`); }
    if (value === null || typeof value !== "object" || Array.isArray(value)) return refuse(p, "Metadata is a JSON object: { … }.");
    p.list.replaceChildren();
    for (const [key, text1] of split(text)) add(editor, key, text1);
    add(editor);
  }
  p.view.value = view;
  dress(editor);
}

function dress(editor) {
  const p = parts(editor);
  p.rows.hidden = p.view.value === "json";
  p.json.hidden = p.view.value !== "json";
  editor.querySelectorAll("[data-view-tab]").forEach((tab) =>
    tab.setAttribute("aria-pressed", String(tab.dataset.viewTab === p.view.value)));
}

on("click", "[data-view-tab]", (_, tab) => show(tab.closest("[data-metadata]"), tab.dataset.viewTab));
on("click", "[data-row-add]", (_, button) => add(button.closest("[data-metadata]")).querySelector("input").focus());
on("click", "[data-row-remove]", (_, button) => {
  const editor = button.closest("[data-metadata]");
  const row = button.closest("[data-row]");
  const near = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  (near?.querySelector("input") ?? editor.querySelector("[data-row-add]")).focus();
  editor.closest("form[data-guard]")?.setAttribute("data-changed", "");
});
onContent((root) => root.querySelectorAll("[data-metadata]").forEach(dress));
