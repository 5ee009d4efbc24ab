package browsertest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"steward/backoffice"
	"steward/store"
)

// demo fills the site with believable accounts.
func (w *site) demo(accounts int) {
	w.t.Helper()
	if _, err := w.store.FillDemo(ctx, backoffice.CommandLine(), store.DemoOptions{Accounts: accounts, Seed: 7, At: w.clock.Now()}); err != nil {
		w.t.Fatal(err)
	}
}

// An executive reads the four figures, and follows each to a list with just as
// many rows; the figures are those that a recount of the rows gives.
func TestCardsEqualTheirLists(t *testing.T) {
	w := newSite(t, owner())
	w.demo(400)
	w.actAs(backoffice.Viewer)
	k, err := w.store.KPIsAt(ctx, w.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	p := w.tab(t, tabOptions{})
	p.open("/backoffice/accounts")
	cards := eval[[]struct{ Label, Figure, Href string }](p, `[...document.querySelectorAll('.kpi')].map(c => ({
		Label: c.querySelector('.kpi-label').innerText.trim(), Figure: c.querySelector('.kpi-figure').innerText.replace(/\s/g, ''), Href: c.querySelector('.kpi-label a').getAttribute('href')}))`)
	want := map[string]struct {
		figure string
		rows   int64
	}{
		"New accounts":              {fmt.Sprint(k.Now.NewAccounts), k.Now.NewAccounts},
		"Active accounts":           {fmt.Sprint(k.Now.ActiveAccounts), k.Now.ActiveAccounts},
		"Average users per account": {fmt.Sprintf("%.2f", k.Now.AverageUsers()), k.Now.Accounts},
		"Company-domain accounts":   {fmt.Sprint(k.Now.CompanyAccounts), k.Now.CompanyAccounts},
	}
	if len(cards) != len(want) {
		t.Fatalf("cards: %+v", cards)
	}
	for _, c := range cards {
		exp, ok := want[c.Label]
		if !ok || c.Figure != exp.figure {
			t.Errorf("card %q says %s, a recount says %s", c.Label, c.Figure, exp.figure)
		}
		p.open(c.Href)
		rows := map[string]bool{}
		for {
			page := eval[struct {
				IDs  []string
				Next string
			}](p, `({IDs: [...document.querySelectorAll('#accounts-list tbody tr')].map(r => r.dataset.id), Next: document.querySelector('#accounts-list a[rel=next]')?.getAttribute('href') || ''})`)
			for _, id := range page.IDs {
				rows[id] = true
			}
			if page.Next == "" || len(rows) > 2000 {
				break
			}
			p.open(page.Next)
		}
		if int64(len(rows)) != exp.rows {
			t.Errorf("card %q: its list has %d rows, the figure stands for %d", c.Label, len(rows), exp.rows)
		}
	}
	if n := eval[int](p, `document.querySelectorAll('main button[type=submit]:not([form]), main form[method=post] button:not(.toast-close)').length`); n > 0 {
		t.Logf("a viewer sees %d submit buttons on the list (export, views)", n)
	}
}

// A support person narrows the list while typing: the field keeps the focus,
// the address follows, and going back brings the list before.
func TestSearchAsOneTypes(t *testing.T) {
	w := newSite(t, owner())
	w.demo(200)
	for i := range 3 {
		if _, err := w.store.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: fmt.Sprintf("Quixotic Straße %d", i), ID: fmt.Sprintf("quixotic-%d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	p := w.tab(t, tabOptions{})
	p.open("/backoffice/accounts")
	p.run(chromedp.Focus("#accounts-q", chromedp.ByQuery), chromedp.SendKeys("#accounts-q", "quixotic stras", chromedp.ByQuery))
	// The first letters leave the three rows already; the address follows the last.
	p.wait(`document.querySelectorAll('#accounts-list tbody tr').length === 3 && location.search.includes('stras')`)
	if got := eval[string](p, `document.activeElement.id + ' ' + document.activeElement.selectionStart + ' ' + location.search`); got != "accounts-q 14 ?q=quixotic+stras" && got != "accounts-q 14 ?q=quixotic%20stras" {
		t.Errorf("focus, caret and address: %s", got)
	}
	p.click("#accounts-list tbody tr:first-child a")
	p.wait(`location.pathname.startsWith('/backoffice/accounts/quixotic-')`)
	p.run(chromedp.NavigateBack())
	p.wait(`document.querySelectorAll('#accounts-list tbody tr').length === 3`)
	if got := eval[string](p, `document.querySelector('#accounts-q').value`); got != "quixotic stras" {
		t.Errorf("after going back the search says %q", got)
	}
}

// Ctrl-K finds any account by name or pasted ID from everywhere; ? lists the keys.
func TestKeyboard(t *testing.T) {
	w := newSite(t, owner())
	w.demo(100)
	if _, err := w.store.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: "Nord Textiles", ID: "nord-textiles"}); err != nil {
		t.Fatal(err)
	}
	p := w.tab(t, tabOptions{})
	p.open("/backoffice/bin")
	p.run(chromedp.KeyEvent("k", chromedp.KeyModifiers(2)))
	p.wait(`document.querySelector('#palette').open`)
	p.run(chromedp.SendKeys("#palette-input", "nord-textiles", chromedp.ByQuery))
	p.wait(`document.querySelectorAll('#palette-results [role=option]').length > 0 && document.querySelector('#palette-results').innerText.includes('Nord Textiles')`)
	p.accessible("the palette")
	p.run(chromedp.KeyEvent(kb.Enter))
	p.wait(`location.pathname === '/backoffice/accounts/nord-textiles' && document.documentElement.dataset.script === ''`) // its script listens
	p.run(chromedp.KeyEvent("?"))
	p.wait(`document.querySelector('#shortcuts').open`)
	p.accessible("the shortcuts")
	p.run(chromedp.KeyEvent(kb.Escape))
	p.wait(`!document.querySelector('#shortcuts').open`)
	p.open("/backoffice/accounts")
	p.run(chromedp.KeyEvent("j"), chromedp.KeyEvent("j"), chromedp.KeyEvent("x"))
	p.wait(`document.querySelectorAll('#accounts-list tbody input:checked').length === 1`)
	p.accessible("a selected row")
	p.run(chromedp.KeyEvent("/"))
	p.wait(`document.activeElement.id === 'accounts-q'`)
}

// A product manager adds an account, mends its details, protects it, deletes it
// and takes the deletion back from the toast.
func TestAccountJourney(t *testing.T) {
	w := newSite(t, owner())
	p := w.tab(t, tabOptions{})
	p.open("/backoffice/accounts")
	p.accessible("nothing yet")
	p.open("/backoffice/accounts/new")
	p.fill("main form input[name=name]", "Müller & Söhne <b>GmbH</b>")
	p.fill("main form input[name=id]", "has space")
	p.fill("main form input[name=email]", "hana@mueller.example")
	p.click("main form button[type=submit]")
	p.wait(`document.querySelector('[data-invalid] input[name=id]') !== null`)
	if got := eval[string](p, `document.querySelector('input[name=name]').value + '|' + document.querySelector('input[name=id]').value`); got != "Müller & Söhne <b>GmbH</b>|has space" {
		t.Errorf("what was typed is lost: %s", got)
	}
	p.accessible("a refused form")
	p.fill("main form input[name=id]", "mueller-1")
	p.click("main form button[type=submit]")
	p.wait(`location.pathname === '/backoffice/accounts/mueller-1'`)
	if got := p.text("h1"); !strings.Contains(got, "Müller & Söhne <b>GmbH</b>") {
		t.Errorf("title: %s", got)
	}
	p.accessible("a new account")

	p.open("/backoffice/accounts/mueller-1/details")
	p.fill("main form input[name=website]", "javascript:alert(1)")
	p.click("main form[action$='/details'] button[type=submit]")
	p.wait(`document.querySelector('[data-invalid] input[name=website]') !== null`)
	p.fill("main form input[name=website]", "mueller.example")
	p.click("main form[action$='/details'] button[type=submit]")
	p.wait(`[...document.querySelectorAll('a')].some(a => a.href === 'https://mueller.example/' || a.href === 'https://mueller.example')`)

	p.open("/backoffice/accounts/mueller-1/deletion")
	p.fill("#confirm-name", "Müller & Söhne <b>GmbH</b>")
	p.click("#deletion button[type=submit]")
	p.wait(`location.pathname === '/backoffice/accounts' && document.querySelector('.toast-line form') !== null`)
	p.accessible("the toast")
	p.click(".toast-line form button")
	p.wait(`document.querySelector('#accounts-list tbody tr[data-id=mueller-1]') !== null || location.pathname === '/backoffice/accounts/mueller-1'`)
	if _, err := w.store.Account(ctx, "mueller-1"); err != nil {
		t.Errorf("after undo: %v", err)
	}
}

// The same with script switched off: each step is a plain form or link.
func TestWithoutScript(t *testing.T) {
	w := newSite(t, nil)
	w.staffed()
	p := w.tab(t, tabOptions{noScript: true})
	p.signIn("ada.weber@kontor.example", passphrase)
	p.there(".bar-user")
	p.open("/backoffice/accounts/new")
	p.fill("main form input[name=name]", "Nord Group")
	p.fill("main form input[name=id]", "nord")
	p.click("main form button[type=submit]")
	p.there("#details")

	p.open("/backoffice/accounts/nord/metadata")
	p.fill("form[action$='/metadata'] input[name=key]", "plan")
	p.fill("form[action$='/metadata'] input[name=value]", `"team"`)
	p.click("form[action$='/metadata'] button[type=submit]:not([name=view_json])")
	p.there("#engagement, #details")
	if a, err := w.store.Account(ctx, "nord"); err != nil || a.Metadata != `{"plan":"team"}` {
		t.Errorf("metadata: %q, %v", a.Metadata, err)
	}

	p.open("/backoffice/accounts?q=nord&sort=name")
	p.there("#accounts-list tbody input[name=id][value=nord]")
	p.open("/backoffice/accounts/nord/deletion")
	p.fill("#confirm-name", "Nord Group")
	p.click("#deletion button[type=submit]")
	p.there(".toast-line form button")
	if _, err := w.store.Account(ctx, "nord"); err == nil {
		t.Error("the account is still there")
	}
	p.click(".toast-line form button")
	p.run(chromedp.WaitNotPresent(".toast-line form button", chromedp.ByQuery))
	if _, err := w.store.Account(ctx, "nord"); err != nil {
		t.Errorf("after undo: %v", err)
	}
}
