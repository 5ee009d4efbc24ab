package browsertest

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// An import is applied, and undone after a dialog has said what goes.
func TestImportUndoJourney(t *testing.T) {
	w := newSite(t, owner())
	run, err := w.store.PlanImport(ctx, *owner(), false, customers)
	if err != nil {
		t.Fatal(err)
	}
	p := w.tab(t, tabOptions{})
	p.open("/backoffice/import/" + run.ID)
	p.click(`form[action$="/application"] button`)
	p.wait(`document.querySelector('a[href$="/reversal"]') !== null`)
	p.click(`a[href$="/reversal"]`)
	p.wait(`document.querySelector("#undo-import").open`)
	p.accessible("the dialog before an import is undone")
	p.keep("import-undo")
	p.click(`#undo-import .panel-foot button[type=button]`)
	p.wait(`document.querySelector("#undo-import") === null`)
	p.open("/backoffice/import/" + run.ID + "/reversal")
	p.accessible("the page that asks the same")
	p.keep("import-undo-page")
	p.click(`form.deletion .actions a`)
	p.wait(`document.querySelector('a[href$="/reversal"]') !== null`)
	p.click(`a[href$="/reversal"]`)
	p.wait(`document.querySelector("#undo-import").open`)
	p.click(`#undo-import button[type=submit]`)
	p.wait(`document.querySelector("#import-progress").textContent.includes("This import was undone.")`)
	if all, err := w.store.Totals(ctx); err != nil || all.Accounts != 0 {
		t.Errorf("left: %+v, %v", all, err)
	}
}

// A list that takes long says so, keeps its size, and is as before afterwards.
func TestListThatTakesLong(t *testing.T) {
	w := newSite(t, owner())
	w.group()
	p := w.tab(t, tabOptions{})
	p.open("/backoffice/accounts")
	height := eval[float64](p, `document.querySelector("#accounts-list").getBoundingClientRect().height`)
	p.run(chromedp.Evaluate(`window.htmx.config.defaultTimeout = 0;
		document.addEventListener("htmx:before:request", (event) => {
			const { ctx } = event.detail, real = window.fetch.bind(window);
			ctx.fetch = async (...all) => { await new Promise((go) => { window.letGo = go; }); return real(...all); };
		}, { once: true })`, nil))
	p.click(`#accounts-list th a.sort`)
	p.wait(`document.querySelector("#accounts-list").getAttribute("aria-busy") === "true"`)
	p.wait(`getComputedStyle(document.querySelector("#accounts-list td .cell")).opacity === "0"`)
	if got := eval[float64](p, `document.querySelector("#accounts-list").getBoundingClientRect().height`); got != height {
		t.Errorf("the list was %v high and is %v", height, got)
	}
	p.keep("list-loading")
	p.run(chromedp.Evaluate(`window.letGo()`, nil))
	p.wait(`!document.querySelector("#accounts-list").hasAttribute("aria-busy") && getComputedStyle(document.querySelector("#accounts-list td .cell")).opacity === "1"`)
}
