// Each module looks after one thing and finds its elements by a data attribute.
// Nothing here is needed to use a page: it is quicker with script, not different.
import "./theme.js";
import "./fallback.js";
import "./copy.js";
import "./times.js";
import "./rows.js";
import "./rowmenu.js";
import "./popovers.js";
import "./select.js";
import "./palette.js";
import "./shortcuts.js";
import "./keys.js";
import "./dialogs.js";
import "./toasts.js";
import "./requests.js";
import "./guard.js";
import "./metadata.js";
import "./tree-table.js";
import "./passkey.js";
import "./choose.js";
import { onContent } from "./dom.js";

document.documentElement.dataset.script = "";

// The graph is on few pages, and large enough to be fetched there only.
onContent(() => { if (document.querySelector("[data-tree-graph]")) import("./tree-graph.js"); });
