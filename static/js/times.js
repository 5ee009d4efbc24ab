// Keeps "4 minutes ago" true while a page stands open. The words are those of
// ui.AppendAgo; the server's clock is not asked, only how long the page is open.
import { onContent } from "./dom.js";

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const units = (n, unit) => `${n} ${unit}${n === 1 ? "" : "s"}`;
const two = (n) => String(n).padStart(2, "0");

export function ago(then, now) {
  const past = now - then, day = 864e5;
  if (past < 6e4) return "just now";
  if (past < 36e5) return `${units(Math.floor(past / 6e4), "minute")} ago`;
  const days = Math.floor(now / day) - Math.floor(then / day);
  if (days === 0 || past < 12 * 36e5) return `${units(Math.floor(past / 36e5), "hour")} ago`;
  const t = new Date(then);
  if (days === 1) return `Yesterday, ${two(t.getUTCHours())}:${two(t.getUTCMinutes())}`;
  if (days < 7) return `${units(days, "day")} ago`;
  return `${t.getUTCDate()} ${months[t.getUTCMonth()]} ${t.getUTCFullYear()}`;
}

const since = new WeakMap();
onContent((root) => root.querySelectorAll("time[data-ago]").forEach((t) => {
  if (!since.has(t)) since.set(t, Date.now());
}));

function refresh() {
  const now = Date.now();
  document.querySelectorAll("time[data-ago]").forEach((t) => {
    const then = Date.parse(t.dateTime);
    if (then > now || now - (since.get(t) ?? now) < 3e4) return;
    const words = ago(then, now);
    if (words !== t.textContent) t.textContent = words;
  });
}
setInterval(refresh, 3e4);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
