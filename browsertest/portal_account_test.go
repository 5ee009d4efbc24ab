package browsertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"steward/backoffice"
	"steward/store"
)

// furnishSubAccounts lets Nord manage sub-accounts, and makes so many below it:
// the first eight below it, the others below these in turn.
func furnishSubAccounts(t *testing.T, w *site, n int) {
	t.Helper()
	cli := backoffice.CommandLine()
	if err := w.store.SetReseller(ctx, cli, "nord", true); err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		return
	}
	hana, _, err := w.store.UserCredentials(ctx, "hana.fischer@nord-textil.example")
	if err == nil {
		err = w.store.GiveAccess(ctx, cli, "nord", hana.ID, backoffice.NewGrant{Reason: "Runs the group"})
	}
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"Nord Pharma", "Nord Resale Partners", "Nord Marine", "Harbor Security", "Kestrel Optics", "נורד פארמה בע״מ", "株式会社さくら", "Vereinigte Elektrizitätswerke und Netzbetreibergesellschaft Schleswig-Holstein-Nord mbH & Co. KG"}
	var csv strings.Builder
	csv.WriteString("id,name,parent_id,primary_user_email\n")
	for i := range n {
		parent, name := "nord", fmt.Sprintf("Branch office %d", i)
		if i < len(names) {
			name = names[i]
		} else {
			parent = fmt.Sprintf("sub-%d", i*7%min(i, 30))
		}
		email := ""
		if i%3 > 0 {
			email = fmt.Sprintf("lead%d@nord-textil.example", i)
		}
		fmt.Fprintf(&csv, "sub-%d,%s,%s,%s\n", i, name, parent, email)
	}
	run, err := w.store.PlanImport(ctx, cli, true, func(yield func(store.ImportFile, error) bool) {
		yield(store.ImportFile{Kind: backoffice.ImportAccounts, Name: "accounts.csv", Reader: strings.NewReader(csv.String())}, nil)
	})
	if err == nil {
		_, err = w.store.ApplyImport(ctx, cli, run.ID, func(int64, int64) {})
	}
	if err == nil {
		err = w.store.SetReseller(ctx, cli, "sub-1", true)
	}
	if err != nil {
		t.Fatal(err)
	}
	var visits []backoffice.Visit
	for i := range min(n, 40) {
		if i%3 == 1 {
			visits = append(visits, backoffice.Visit{AccountID: fmt.Sprintf("sub-%d", i), Email: fmt.Sprintf("lead%d@nord-textil.example", i), At: w.clock.Now().AddDate(0, 0, -i)})
		}
	}
	if _, err := w.store.RecordVisits(ctx, backoffice.CommandLine(), visits); err != nil {
		t.Fatal(err)
	}
}

// userSignIn signs in by the pages, to the account.
func (p *tab) userSignIn(email, account string) {
	p.open("/sign-in")
	p.fill("#email", email)
	p.click("#address-form button")
	p.wait(`document.querySelector("#password-form") !== null`)
	p.fill("#password", userPassphrase)
	p.click("#password-form button")
	p.wait(`location.pathname !== "/sign-in/password"`)
	if account != "" {
		p.wait(`document.querySelector("#choice-form") !== null`)
		p.click("#choice-form button[value=" + account + "]")
	}
	p.wait(`location.pathname === "/portal" && document.querySelector("h1") !== null`)
}

// portalAccountPages are the pages by which a customer manages its sub-accounts.
var portalAccountPages = map[int][]string{
	0: {"/portal/accounts", "/portal/accounts?view=graph"},
	11: {"/portal/accounts", "/portal/accounts?open=all&sel=sub-1", "/portal/accounts?view=graph&open=all&sel=sub-1", "/portal/accounts/nord", "/portal/accounts/sub-1", "/portal/accounts/sub-9?edit=name",
		"/portal/accounts/sub-9/parent", "/portal/accounts/sub-9/parent?to=sub-1", "/portal/accounts/sub-9/removal", "/portal/accounts/sub-0/removal", "/portal/accounts/sub-1/management", "/portal/accounts/sub-2/management",
		"/portal/accounts/new?parent=sub-1", "/portal/users/new", "/portal/accounts/sub-1/users/new"},
	300: {"/portal/accounts", "/portal/accounts?open=sub-0,sub-1", "/portal/accounts?q=office+2", "/portal/accounts?q=zzzz", "/portal/accounts/sub-0", "/portal/accounts/new?parent=sub-9", "/portal/accounts/new?choose=parent",
		"/portal/accounts?view=graph&open=all"},
	4999: {"/portal/accounts", "/portal/accounts?view=graph", "/portal/accounts?view=graph&open=all", "/portal/accounts?q=office+2"},
}

func TestEveryPageOfSubAccounts(t *testing.T) {
	pictures := os.Getenv("STEWARD_TEST_PICTURES")
	for n, pages := range portalAccountPages {
		t.Run(fmt.Sprint(n+1), func(t *testing.T) {
			w := newSite(t, owner())
			furnishUsers(t, w)
			furnishSubAccounts(t, w, n)
			for _, dark := range []bool{false, true} {
				scheme := map[bool]string{false: "light", true: "dark"}[dark]
				for _, width := range []int64{380, 1280, 1920} {
					t.Run(fmt.Sprintf("%d-%s", width, scheme), func(t *testing.T) {
						p := w.tab(t, tabOptions{width: width, height: 860, dark: dark})
						p.userSignIn("hana.fischer@nord-textil.example", "nord")
						for _, page := range pages {
							p.open(page)
							if over := eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
								t.Errorf("%s at %d: %d pixels wider than the window", page, width, over)
							}
							if width != 1920 {
								p.accessible(fmt.Sprintf("%s at %d, %s", page, width, scheme))
							}
							if pictures != "" {
								name := strings.NewReplacer("/", "-", "?", "-", "=", "-", "&", "-", ",", "-").Replace(strings.Trim(page, "/"))
								p.picture(filepath.Join(pictures, fmt.Sprintf("%d-%s.%d.%s.png", n+1, name, width, scheme)))
							}
						}
					})
				}
			}
		})
	}
}

// The table by keyboard alone: rows open and close in place, and the address says
// what is open.
func TestTableOfAccountsByKeyboard(t *testing.T) {
	w := newSite(t, owner())
	furnishUsers(t, w)
	furnishSubAccounts(t, w, 300)
	p := w.tab(t, tabOptions{width: 1280, height: 860})
	p.userSignIn("hana.fischer@nord-textil.example", "nord")
	p.open("/portal/accounts")
	press := func(keys ...string) {
		t.Helper()
		for _, k := range keys {
			p.run(chromedp.KeyEvent(k))
		}
	}
	at := func() string {
		return eval[string](p, `document.activeElement.closest("tr")?.dataset.id || document.activeElement.tagName`)
	}
	eval[bool](p, `document.querySelector("form[data-tree] tr[tabindex='0']").focus() || true`)
	if got := at(); got != "nord" {
		t.Fatalf("the focus begins at %q", got)
	}
	press(kb.ArrowDown, kb.ArrowDown, kb.ArrowDown, kb.ArrowDown)
	if got := at(); got != "sub-0" {
		t.Fatalf("four down: %q", got)
	}
	press(kb.ArrowRight)
	p.wait(`document.querySelector("tr[data-id=sub-0]").getAttribute("aria-expanded") === "true" && location.search.includes("open=sub-0")`)
	press(kb.ArrowRight)
	if got := eval[string](p, `document.activeElement.getAttribute("aria-level")`); got != "3" {
		t.Errorf("into what was opened: level %s", got)
	}
	press(" ")
	p.wait(`location.search.includes("sel=sub-") && document.querySelector("tr[aria-selected=true]") === document.activeElement`)
	selected := at()
	if href := eval[string](p, `document.querySelector(".segments a:not([aria-current])").getAttribute("href")`); !strings.Contains(href, "sel="+selected) || !strings.Contains(href, "view=graph") {
		t.Errorf("the graph is offered at %s", href)
	}
	press(kb.ArrowLeft)
	if got := at(); got != "sub-0" {
		t.Errorf("to the parent: %q", got)
	}
	press(kb.ArrowLeft)
	p.wait(`document.querySelector("tr[data-id=sub-0]").getAttribute("aria-expanded") === "false" && document.querySelectorAll("tr[aria-level='3']").length === 0`)
	press(kb.End)
	last := at()
	press(kb.Home)
	if got := at(); got != "nord" || last == "nord" {
		t.Errorf("Home and End: %q, %q", got, last)
	}
	press(kb.ArrowDown, kb.Enter)
	p.wait(`location.pathname.startsWith("/portal/accounts/sub-")`)
}
