// The graph of a branch: moved, enlarged, walked by keyboard. What is shown is
// the server's; each act that changes it is the address of a link, whose answer
// takes the place of the section.
import { element, onContent } from "./dom.js";
import { toast } from "./toasts.js";

const least = 0.05, most = 2.5, step = 1.25, shift = 60;
const readable = 0.7; // the picture opens no smaller than this
const nodeWidth = 190, nodeHeight = 52;

const still = matchMedia("(prefers-reduced-motion: reduce)");

let section, port, svg, map, lens, percent; // of the picture on the page
let view = { x: 0, y: 0, k: 1 };
let running = false, waiting = null, drawing = 0, flight = 0, writing = 0;
let after = null; // what to do when the next picture has come

const said = element("p", { class: "sr-only", role: "status" });
document.body.append(said);

const clamp = (v, low, high) => Math.min(Math.max(v, low), high);
const nodes = () => [...svg.querySelectorAll(".node")];
const nodeOf = (id) => svg.querySelector(`[data-node="${CSS.escape(id)}"]`);
const placeOf = (node) => { const { e, f } = node.transform.baseVal[0].matrix; return { x: e, y: f }; };
const size = () => ({ w: svg.width.baseVal.value, h: svg.height.baseVal.value });

// ---- the view

function show() {
  if (drawing) return;
  drawing = requestAnimationFrame(() => {
    drawing = 0;
    svg.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.k})`;
    percent.textContent = `${Math.round(view.k * 100)} %`;
    if (lens) {
      lens.setAttribute("x", -view.x / view.k);
      lens.setAttribute("y", -view.y / view.k);
      lens.setAttribute("width", port.clientWidth / view.k);
      lens.setAttribute("height", port.clientHeight / view.k);
    }
  });
}

function look(to) {
  const { w, h } = size(), room = 60;
  view = { k: to.k,
    x: clamp(to.x, room - w * to.k, port.clientWidth - room),
    y: clamp(to.y, room - h * to.k, port.clientHeight - room) };
  show();
  clearTimeout(writing);
  writing = setTimeout(write, 250);
}

// The address carries the view, so that it can be shared.
function write() {
  if (!section?.isConnected) return;
  const url = new URL(location.href);
  url.searchParams.set("x", Math.round(view.x));
  url.searchParams.set("y", Math.round(view.y));
  url.searchParams.set("z", view.k.toFixed(3));
  history.replaceState(history.state, "", url.href.replaceAll("%2C", ",").replaceAll("%7E", "~"));
}

function fly(to) {
  cancelAnimationFrame(flight);
  if (still.matches) { look(to); return; }
  const from = view, begun = performance.now(), lasts = 420;
  const move = (now) => {
    const t = clamp((now - begun) / lasts, 0, 1), e = t < 0.5 ? 4 * t ** 3 : 1 - (2 - 2 * t) ** 3 / 2;
    const k = from.k * (to.k / from.k) ** e;
    // Keep the middle on a straight way, whatever the scale does.
    const mx = port.clientWidth / 2, my = port.clientHeight / 2;
    const at = (v, m, key) => (m - v[key]) / v.k;
    const cx = at(from, mx, "x") + (at(to, mx, "x") - at(from, mx, "x")) * e, cy = at(from, my, "y") + (at(to, my, "y") - at(from, my, "y")) * e;
    look({ k, x: mx - cx * k, y: my - cy * k });
    if (t < 1) flight = requestAnimationFrame(move);
  };
  flight = requestAnimationFrame(move);
}

function zoomed(by, px = port.clientWidth / 2, py = port.clientHeight / 2) {
  const k = clamp(view.k * by, least, most);
  return { k, x: px - ((px - view.x) / view.k) * k, y: py - ((py - view.y) / view.k) * k };
}

function fitted(smallest = least) {
  const { w, h } = size(), pw = port.clientWidth, ph = port.clientHeight;
  const k = clamp(Math.min(pw / w, ph / h), smallest, 1);
  const root = placeOf(nodes()[0]);
  return { k,
    x: w * k <= pw ? (pw - w * k) / 2 : 0,
    y: h * k <= ph ? (ph - h * k) / 2 : ph / 2 - (root.y + nodeHeight / 2) * k };
}

// What is selected has its card over the end of the picture.
function around(node, k = Math.max(view.k, 0.9)) {
  const at = placeOf(node), card = section.querySelector(".canvas-card");
  const covered = card && getComputedStyle(card).position === "absolute" ? card.offsetWidth : 0;
  return { k, x: (port.clientWidth - covered) / 2 - (at.x + nodeWidth / 2) * k, y: port.clientHeight / 2 - (at.y + nodeHeight / 2) * k };
}

function reveal(node) {
  const at = placeOf(node), edge = 16, to = { ...view };
  const left = at.x * view.k + view.x, top = at.y * view.k + view.y;
  const right = left + (nodeWidth + 24) * view.k, bottom = top + nodeHeight * view.k;
  if (left < edge) to.x += edge - left; else if (right > port.clientWidth - edge) to.x -= right - port.clientWidth + edge;
  if (top < edge) to.y += edge - top; else if (bottom > port.clientHeight - edge) to.y -= bottom - port.clientHeight + edge;
  if (to.x !== view.x || to.y !== view.y) fly(to);
}

// ---- another state

// how: "fit" fits the new picture, "fly" goes to what is selected, "stay" leaves
// the view. keep is a node that stays where it is on the screen, focus one that
// gets the focus. While one request runs, of further ones the last alone follows.
async function go(href, ask = {}) {
  if (running) { waiting = [href, ask]; return; }
  running = true;
  const held = ask.keep && nodeOf(ask.keep);
  after = { how: "stay", ...ask, was: held && placeOf(held), control: controlOf(document.activeElement) };
  try {
    await window.htmx.ajax("GET", href, { target: `#${section.id}`, select: `#${section.id}`, headers: { "HX-Target": `section#${section.id}` } });
  } finally {
    running = false;
    const came = after === null, next = waiting;
    after = waiting = null;
    if (came) {
      history.replaceState(history.state, "", href);
      write();
    }
    if (next) go(...next);
  }
}

// A control of the old section has its like in the new one.
const labelOf = (control) => control.getAttribute("aria-label") || control.textContent.trim();

function controlOf(active) {
  if (!section.contains(active) || active.closest(".node")) return "";
  if (active.closest(".canvas-legend")) return ".legend-title";
  return labelOf(active);
}

function focusControl(control) {
  const found = control === ".legend-title" ? section.querySelector(control) : [...section.querySelectorAll("a, button")].find((c) => labelOf(c) === control);
  (found ?? svg.querySelector('.node[tabindex="0"]')).focus({ preventScroll: true });
}

function arrive(first) {
  const url = new URL(location.href), from = after ?? { how: first ? "open" : "stay" };
  after = null;
  const selected = svg.querySelector(".node-on");
  if (from.keep && from.was) {
    const now = nodeOf(from.keep);
    if (now) {
      const at = placeOf(now);
      view = { ...view, x: view.x + (from.was.x - at.x) * view.k, y: view.y + (from.was.y - at.y) * view.k };
    }
  }
  const z = Number(url.searchParams.get("z"));
  if (from.how === "open" && z >= least && z <= most) look({ k: z, x: Number(url.searchParams.get("x")), y: Number(url.searchParams.get("y")) });
  else if (from.how === "open") { look(fitted(readable)); if (selected) look(around(selected)); }
  else if (from.how === "fit") fly(fitted(readable));
  else if (from.how === "fly" && selected) { look(view); fly(around(selected)); }
  else look(view);
  if (from.focus) focusOn(nodeOf(from.focus) ?? selected ?? nodes()[0]);
  if (from.typed) {
    const field = section.querySelector("[data-search]");
    field.value = from.typed.value;
    field.focus({ preventScroll: true });
    field.setSelectionRange(from.typed.at, from.typed.at);
  } else if (!from.focus && from.control) focusControl(from.control);
  // What was found is said: the line in the section is a new one each time.
  const found = section.querySelector(".graph-found").textContent;
  if (found !== said.textContent) said.textContent = found;
}

function focusOn(node) {
  if (!node) return;
  svg.querySelectorAll('.node[tabindex="0"]').forEach((n) => n.setAttribute("tabindex", "-1"));
  node.setAttribute("tabindex", "0");
  node.focus({ preventScroll: true });
  reveal(node);
}

const toggle = (node) => {
  const knob = node.querySelector("[data-knob]");
  if (knob) go(knob.getAttribute("href"), { keep: node.dataset.node, focus: node.dataset.node });
};

function choose(node) {
  const link = node.querySelector("a"), id = node.dataset.node;
  if (node.classList.contains("node-more")) { go(link.getAttribute("href"), { keep: id.replace(/^\+-?/, ""), focus: id.replace(/^\+-?/, "") }); return; }
  if (node.classList.contains("node-on")) {
    const open = section.querySelector("[data-graph-open]");
    if (open) { location.assign(open.href); return; }
  }
  go(link.getAttribute("href"), { keep: id, focus: id });
}

// ---- keys

const level = (node) => Number(node.getAttribute("aria-level"));

function walk(event, node) {
  const list = nodes(), at = list.indexOf(node), expanded = node.getAttribute("aria-expanded");
  switch (event.key) {
    case "ArrowDown": return focusOn(list[at + 1]) ?? true;
    case "ArrowUp": return focusOn(list[at - 1]) ?? true;
    case "ArrowRight":
      if (expanded === "false") toggle(node);
      else if (expanded === "true") focusOn(list[at + 1]);
      return true;
    case "ArrowLeft":
      if (expanded === "true") toggle(node);
      else focusOn(list.slice(0, at).findLast((n) => level(n) < level(node)));
      return true;
    case "Home": return focusOn(list[0]) ?? true;
    case "End": return focusOn(list.at(-1)) ?? true;
    case "Enter": choose(node); return true;
    case " ": if (expanded) toggle(node); else choose(node); return true;
  }
  // A letter goes to the next one whose name begins with it.
  if (event.key.length === 1 && /\p{L}/u.test(event.key)) {
    const key = event.key.toLocaleLowerCase();
    const hit = [...list.slice(at + 1), ...list.slice(0, at)].find((n) => n.querySelector(".node-name").textContent.toLocaleLowerCase().startsWith(key));
    focusOn(hit);
    return true;
  }
  return false;
}

function move(event) {
  switch (event.key) {
    case "ArrowDown": look({ ...view, y: view.y - shift }); return true;
    case "ArrowUp": look({ ...view, y: view.y + shift }); return true;
    case "ArrowRight": look({ ...view, x: view.x - shift }); return true;
    case "ArrowLeft": look({ ...view, x: view.x + shift }); return true;
  }
  return false;
}

function enlarge(event) {
  switch (event.key) {
    case "+": case "=": fly(zoomed(step)); return true;
    case "-": case "_": fly(zoomed(1 / step)); return true;
    case "0": fly(fitted()); return true;
  }
  return false;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const node = event.target.closest(".node");
  if (enlarge(event) || (node ? walk(event, node) : event.target === port && move(event))) {
    event.preventDefault();
    event.stopPropagation();
  }
}

// ---- pointers: one moves, two enlarge

const fingers = new Map();
let moved = false;

function onDown(event) {
  if (event.button !== 0) return;
  fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  moved = fingers.size > 1;
  cancelAnimationFrame(flight);
}

function onMove(event) {
  const finger = fingers.get(event.pointerId);
  if (!finger) return;
  const dx = event.clientX - finger.x, dy = event.clientY - finger.y;
  if (!moved && Math.hypot(dx, dy) < 4) return;
  if (!moved || !port.hasPointerCapture(event.pointerId)) {
    moved = true;
    port.setPointerCapture(event.pointerId);
    port.dataset.moving = "";
  }
  if (fingers.size === 2) {
    const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, f]) => f);
    const box = port.getBoundingClientRect();
    const before = Math.hypot(finger.x - other.x, finger.y - other.y), now = Math.hypot(event.clientX - other.x, event.clientY - other.y);
    const to = zoomed(now / (before || 1), (event.clientX + other.x) / 2 - box.left, (event.clientY + other.y) / 2 - box.top);
    look({ ...to, x: to.x + dx / 2, y: to.y + dy / 2 });
  } else look({ ...view, x: view.x + dx, y: view.y + dy });
  fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
}

function onUp(event) {
  fingers.delete(event.pointerId);
  if (fingers.size) return;
  delete port.dataset.moving;
  setTimeout(() => { moved = false; });
}

function onWheel(event) {
  event.preventDefault();
  cancelAnimationFrame(flight);
  const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? port.clientHeight : 1;
  if (event.ctrlKey || event.metaKey) {
    const box = port.getBoundingClientRect();
    look(zoomed(Math.exp(-clamp(event.deltaY * unit, -60, 60) / 160), event.clientX - box.left, event.clientY - box.top));
  } else {
    const side = event.shiftKey && !event.deltaX;
    look({ ...view, x: view.x - (side ? event.deltaY : event.deltaX) * unit, y: view.y - (side ? 0 : event.deltaY) * unit });
  }
}

function onMap(event) {
  if (event.type === "pointermove" && !(event.buttons & 1)) return;
  const m = map.getScreenCTM().inverse(), p = new DOMPoint(event.clientX, event.clientY).matrixTransform(m);
  look({ ...view, x: port.clientWidth / 2 - p.x * view.k, y: port.clientHeight / 2 - p.y * view.k });
}

// ---- clicks, search, files

function onClick(event) {
  if (moved) { event.preventDefault(); event.stopPropagation(); return; }
  if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const zoom = event.target.closest("[data-graph-zoom]");
  if (zoom) {
    fly({ in: () => zoomed(step), out: () => zoomed(1 / step), fit: () => fitted() }[zoom.dataset.graphZoom]());
    return;
  }
  const png = event.target.closest("[data-graph-png]");
  if (png) { event.preventDefault(); png.closest("[popover]")?.hidePopover?.(); savePicture(png.href); return; }
  const link = event.target.closest("[data-graph-link]");
  if (link) { write(); link.dataset.copy = location.href; return; }
  const leads = event.target.closest("[data-graph-go]");
  if (leads) { event.preventDefault(); leads.closest("[popover]")?.hidePopover?.(); 
    go(leads.href, { how: leads.dataset.graphGo, focus: leads.closest(".canvas-card") && svg.querySelector(".node-on")?.dataset.node });
    return;
  }
  const node = event.target.closest(".node");
  if (!node) return;
  event.preventDefault();
  if (event.target.closest("[data-knob]")) toggle(node); else choose(node);
}

let typing = 0;

function search(form, field) {
  const query = new URLSearchParams(new FormData(form)).toString();
  go(`${form.getAttribute("action")}?${query}`, { how: "fly", typed: true });
}

function onInput(event) {
  if (event.isComposing || !event.target.matches("[data-search]")) return;
  clearTimeout(typing);
  typing = setTimeout(() => search(event.target.form, event.target), 250);
}

function onSubmit(event) {
  event.preventDefault();
  clearTimeout(typing);
  const field = event.target.querySelector("[data-search]"), next = section.querySelector("[data-graph-next]");
  if (next && field.value === field.defaultValue) go(next.href, { how: "fly", typed: true });
  else search(event.target, field);
}

// A browser draws the file itself: nothing has to be sent back, and the server
// needs neither fonts nor a rasteriser.
async function savePicture(href) {
  try {
    const image = new Image();
    image.src = href;
    await image.decode();
    const scale = Math.min(2, 16000 / Math.max(image.naturalWidth, image.naturalHeight), Math.sqrt(1e8 / (image.naturalWidth * image.naturalHeight)));
    const canvas = document.createElement("canvas");
    canvas.width = Math.floor(image.naturalWidth * scale);
    canvas.height = Math.floor(image.naturalHeight * scale);
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${new URL(href).pathname.split("/").pop().replace(/\.svg$/, "")}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  } catch {
    toast("The picture could not be made. Download the SVG instead.", true);
  }
}

// ---- set up

// What was in the middle of the window stays there.
let before = { w: 0, h: 0 };
const sized = new ResizeObserver(() => {
  const w = port.clientWidth, h = port.clientHeight;
  if (!w || !h) return;
  if (before.w && (before.w !== w || before.h !== h)) look({ ...view, x: view.x + (w - before.w) / 2, y: view.y + (h - before.h) / 2 });
  before = { w, h };
});


function setUp(found) {
  const first = !section, field = section?.querySelector("[data-search]");
  if (after?.typed) after.typed = { value: field.value, at: field.selectionStart ?? field.value.length };
  section = found;
  section.dataset.live = "";
  port = section.querySelector("[data-graph-view]");
  svg = section.querySelector("[data-graph-svg]");
  map = section.querySelector("[data-graph-map]");
  lens = section.querySelector("[data-graph-window]");
  percent = section.querySelector("[data-graph-percent]");
  // The nodes carry the focus; the links in them are for who has no script.
  svg.querySelectorAll("a").forEach((a) => a.setAttribute("tabindex", "-1"));
  port.addEventListener("pointerdown", onDown);
  port.addEventListener("pointermove", onMove);
  port.addEventListener("pointerup", onUp);
  port.addEventListener("pointercancel", onUp);
  port.addEventListener("wheel", onWheel, { passive: false });
  port.addEventListener("dragstart", (event) => event.preventDefault());
  port.addEventListener("keydown", onKey);
  port.addEventListener("focusin", ({ target }) => { if (target.matches(".node:focus-visible")) focusOn(target); });
  section.addEventListener("click", onClick, true);
  section.addEventListener("input", onInput);
  section.addEventListener("submit", onSubmit);
  map?.addEventListener("pointerdown", onMap);
  map?.addEventListener("pointermove", onMap);
  fingers.clear();
  sized.disconnect();
  sized.observe(port);
  arrive(first);
}

onContent(() => {
  const found = document.querySelector("[data-tree-graph]");
  if (found && found.dataset.live === undefined) setUp(found);
});
