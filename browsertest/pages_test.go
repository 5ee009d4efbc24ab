package browsertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"steward/backoffice"
	"steward/store"
)

// everyPage lists the pages of the backoffice, on believable data. {id} is a
// reseller with users, visits and sub-accounts.
var everyPage = []string{
	"/dev/views",
	"/backoffice/accounts",
	"/backoffice/accounts?sort=-visits&active=30d",
	"/backoffice/accounts?q=zzzz",
	"/backoffice/users",
	"/backoffice/users?sort=-visits&active=30d&status=activated",
	"/backoffice/users?q=zzzz",
	"/backoffice/users/new",
	"/backoffice/users/new?account={id}",
	"/backoffice/users/{user}",
	"/backoffice/users/{user}/details",
	"/backoffice/users/{user}/metadata",
	"/backoffice/users/{user}/deletion",
	"/backoffice/users/{user}/memberships/{id}/roles",
	"/backoffice/users/{user}/memberships/{id}/removal",
	"/backoffice/bin/users",
	"/backoffice/accounts/new",
	"/backoffice/accounts/{id}",
	"/backoffice/accounts/{id}?days=365",
	"/backoffice/accounts/{id}/graph",
	"/backoffice/accounts/{id}/tree",
	"/backoffice/accounts/{id}/details",
	"/backoffice/accounts/{id}/deletion",
	"/backoffice/accounts/{id}/metadata",
	"/backoffice/accounts/{id}/policy",
	"/backoffice/access",
	"/backoffice/access?user=nobody@kontor.example&account=zzzz",
	"/backoffice/accounts/{id}/users/{user}/access",
	"/backoffice/accounts/{id}/users/{user}/access/revocation",
	"/backoffice/accounts/{id}/users/{user}/why",
	"/backoffice/accounts/{id}/users/{user}/why?permission=fe.account-hierarchy.delete.subAccount",
	"/backoffice/accounts/{id}/reach",
	"/backoffice/accounts/{id}/access-default",
	"/backoffice/accounts/{id}/sub-account-management",
	"/backoffice/accounts/{id}/parent",
	"/backoffice/accounts/{id}/parent?q=a",
	"/backoffice/accounts/{id}/parent?top=true",
	"/backoffice/roles",
	"/backoffice/roles?account={id}",
	"/backoffice/roles/new",
	"/backoffice/roles/new?account={id}",
	"/backoffice/roles/admin",
	"/backoffice/roles/read-only/edit",
	"/backoffice/roles/{role}",
	"/backoffice/roles/{role}/edit",
	"/backoffice/roles/{role}/deletion",
	"/backoffice/roles/{role}/deletion?replacement=read-only",
	"/backoffice/applications",
	"/backoffice/applications?q=kontor",
	"/backoffice/applications?q=zzzz",
	"/backoffice/applications/new",
	"/backoffice/applications/{app}",
	"/backoffice/applications/{app}?client=apache",
	"/backoffice/applications/{app}/details",
	"/backoffice/applications/{app}/addresses",
	"/backoffice/applications/{app}/default",
	"/backoffice/applications/{app}/auto-assignment",
	"/backoffice/applications/{app}/secrets/new",
	"/backoffice/applications/{app}/deletion",
	"/backoffice/bin/applications",
	"/backoffice/accounts/{id}/applications",
	"/backoffice/accounts/{id}/applications/new",
	"/backoffice/accounts/{id}/applications/auto-assignment",
	"/backoffice/accounts/{id}/applications/{app}",
	"/backoffice/accounts/{id}/applications/{hand}/auto-assignment",
	"/backoffice/accounts/{id}/applications/{hand}/removal",
	"/backoffice/accounts/{id}/applications/{hand}",
	"/backoffice/accounts/{id}/applications/{hand}/users/new",
	"/backoffice/invitations",
	"/backoffice/accounts/{id}/users/new",
	"/backoffice/settings/mail",
	"/dev/mail",
	"/backoffice/audit",
	"/backoffice/bin",
	"/backoffice/import",
	"/backoffice/import/{import}",
	"/backoffice/import/{import}?kind=visits",
	"/backoffice/settings/policy",
	"/backoffice/sign-in",
	"/backoffice/sessions",
	"/backoffice/password",
	"/backoffice/settings/staff",
	"/backoffice/settings/staff/new",
	"/backoffice/settings/tokens",
	"/backoffice/nothing-here",
}

// TestEveryPage opens every page in light and dark, wide and narrow, and asks
// axe-core and the content policy. With STEWARD_TEST_PICTURES set to a folder
// it leaves a picture of each there.
func TestEveryPage(t *testing.T) {
	w := newSite(t, owner())
	if _, err := w.store.FillDemo(ctx, backoffice.CommandLine(), store.DemoOptions{Accounts: 400, Seed: 7, At: w.clock.Now()}); err != nil {
		t.Fatal(err)
	}
	yes := true
	resellers, err := w.store.Accounts(ctx, backoffice.AccountFilter{Reseller: &yes, Sort: backoffice.SortVisits}, "")
	if err != nil || len(resellers.Rows) == 0 {
		t.Fatalf("no reseller in the demo data: %v", err)
	}
	id := resellers.Rows[0].ID
	run, err := w.store.PlanImport(ctx, *owner(), false, customers)
	if err != nil {
		t.Fatal(err)
	}
	role := furnishRoles(t, w, id)
	people, err := w.store.Users(ctx, backoffice.UserFilter{AccountID: id, Sort: backoffice.UsersByVisits}, "")
	if err != nil || len(people.Rows) == 0 {
		t.Fatalf("no user in %s: %v", id, err)
	}
	user := people.Rows[0].ID
	furnishApplications(t, w, id)
	app, hand := furnishAssignments(t, w, id, user)
	pictures := os.Getenv("STEWARD_TEST_PICTURES")
	for _, dark := range []bool{false, true} {
		scheme := map[bool]string{false: "light", true: "dark"}[dark]
		for _, width := range []int64{380, 1280, 1920} {
			t.Run(fmt.Sprintf("%d-%s", width, scheme), func(t *testing.T) {
				p := w.tab(t, tabOptions{width: width, height: 860, dark: dark})
				for _, page := range everyPage {
					page = strings.NewReplacer("{id}", id, "{import}", run.ID, "{role}", role, "{user}", user, "{app}", app, "{hand}", hand).Replace(page)
					p.open(page)
					if over := eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
						t.Errorf("%s at %d: %d pixels wider than the window", page, width, over)
					}
					if width != 1920 {
						p.accessible(fmt.Sprintf("%s at %d, %s", page, width, scheme))
					}
					if pictures != "" {
						name := strings.Trim(strings.NewReplacer("/", "-", id, "id", run.ID, "id", role, "role", user, "user", app, "app", hand, "hand", "?", "-", "&", "-", "=", "-").Replace(page), "-")
						p.picture(filepath.Join(pictures, fmt.Sprintf("%s.%d.%s.png", name, width, scheme)))
					}
				}
			})
		}
	}
}

// furnishRoles makes roles of the environment and of one account, and lets
// users hold one of them, whose ID it returns.
func furnishRoles(t *testing.T, w *site, account string) string {
	t.Helper()
	cli := backoffice.CommandLine()
	var id string
	for _, r := range []backoffice.Role{
		{Key: "support", Name: "Support", Description: "Helps other users of the account to get in", Level: 5,
			Permissions: backoffice.Permissions{"fe.secure.read.*", backoffice.WriteUsers, backoffice.ReadSubAccounts, "billing.read", "billing.invoices.download"}},
		{Key: "billing", Name: "Billing", Description: "Sees and pays invoices", Level: 20, Permissions: backoffice.Permissions{"billing.*"}},
		{Key: "auditor", Name: "Prüfung der Jahresabschlüsse und der Abrechnungen", Level: 30, Permissions: backoffice.Permissions{backoffice.ReadOwnTrail}, AccountID: account},
	} {
		made, err := w.store.CreateRole(ctx, cli, r)
		if err != nil {
			t.Fatal(err)
		}
		if id == "" {
			id = made.ID
		}
	}
	var users strings.Builder
	users.WriteString("email,name,account_id,roles\n")
	for i := range 70 {
		fmt.Fprintf(&users, "holder%02d@kontor.example,Holder %d,%s,%s\n", i, i, account, []string{"support", "support;billing", "support;read-only", "support;auditor"}[i%4])
	}
	run, err := w.store.PlanImport(ctx, *owner(), false, func(yield func(store.ImportFile, error) bool) {
		yield(store.ImportFile{Kind: backoffice.ImportUsers, Name: "users.csv", Reader: strings.NewReader(users.String())}, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.ApplyImport(ctx, *owner(), run.ID, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	return id
}

// customers gives the files of the small set of customers, refused rows among them.
func customers(yield func(store.ImportFile, error) bool) {
	for _, kind := range []backoffice.ImportKind{backoffice.ImportAccounts, backoffice.ImportUsers, backoffice.ImportVisits} {
		name := "../store/testdata/customers/" + string(kind) + ".csv"
		f, err := os.Open(name)
		if !yield(store.ImportFile{Kind: kind, Name: name, Reader: f}, err) {
			return
		}
		f.Close()
	}
}
