// What a request can run into: no connection, a session that has ended, a refusal.
import { base } from "./dom.js";
import { toast } from "./toasts.js";

const asks = (ctx) => (ctx?.request?.method || "GET") === "GET";

document.addEventListener("htmx:error", (event) => {
  const { ctx } = event.detail;
  if (!ctx?.request || ctx.response) return;
  toast(asks(ctx) ? "No connection. Try again." : "Not saved: no connection. Try again.", true);
});

// A session that has ended answers 401, or leads to the sign-in page.
document.addEventListener("htmx:before:response", (event) => {
  const { ctx } = event.detail;
  const raw = ctx.response.raw;
  const away = raw.redirected && new URL(raw.url).pathname.endsWith("/sign-in");
  if (raw.status !== 401 && !away) return;
  event.preventDefault();
  const here = location.pathname.slice(base().length) + location.search;
  window.onbeforeunload = null;
  document.querySelectorAll("form[data-changed]").forEach((form) => form.removeAttribute("data-changed"));
  location.assign(`${base()}/backoffice/sign-in?next=${encodeURIComponent(here)}`);
});

document.addEventListener("htmx:response:error", (event) => {
  const { ctx } = event.detail;
  const status = ctx.response.status;
  if (status === 422 || status === 409 || status === 400) return;
  const said = {
    403: "You may not do that.",
    404: "This no longer exists.",
    413: "That is too large.",
    429: "Too many attempts. Wait a moment, then try again.",
  }[status];
  toast(said || (asks(ctx) ? "That did not work. Try again." : "Not saved: something went wrong here. Try again."), true);
});

// A list that takes over 300 ms to come anew says so; the stylesheet shows it.
const waits = new WeakMap();
const list = (ctx) => ctx?.target instanceof Element && ctx.target.matches("main section:has(table.grid)") ? ctx.target : null;
document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  const part = list(ctx);
  if (part) waits.set(ctx, [part, setTimeout(() => part.setAttribute("aria-busy", "true"), 300)]);
});
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  const [part, timer] = waits.get(ctx) || [];
  clearTimeout(timer);
  part?.removeAttribute("aria-busy");
});

// Forms that post the plain way say that they are at work, and post once.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.posting !== undefined) { event.preventDefault(); return; }
  form.dataset.posting = "";
  setTimeout(() => delete form.dataset.posting, 4000);
});
addEventListener("offline", () => toast("No connection. Changes cannot be saved until it is back.", true));
