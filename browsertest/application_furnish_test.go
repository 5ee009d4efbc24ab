package browsertest

import (
	"testing"

	"steward/backoffice"
)

// furnishApplications makes applications of each kind and path, and assigns some
// of them to an account. It returns their IDs by name.
func furnishApplications(t *testing.T, w *site, account string) map[string]string {
	t.Helper()
	cli := backoffice.CommandLine()
	ids := map[string]string{}
	for _, a := range []backoffice.Application{
		{Name: "Ledger", Kind: backoffice.WebApplication, URL: "https://ledger.example", Description: "Invoices, dunning and the books", Active: true, Default: true},
		{Name: "Field Notes", Kind: backoffice.NativeApplication, URL: "https://notes.example", Description: "Reports from the road, with pictures", Active: true, AutoAssigned: true},
		{Name: "Lagerverwaltung und Kommissionierung für Außenstellen", Kind: backoffice.SinglePage, URL: "https://lager.example", Active: true},
		{Name: "物流ダッシュボード", Kind: backoffice.WebApplication, Active: false},
		{Name: "Night Agent", Kind: backoffice.Agent, Description: "Closes what was left open", Active: true},
	} {
		if a.Kind != backoffice.Agent {
			a.RedirectURIs = []string{"https://app.example/callback"}
		}
		made, err := w.store.CreateApplication(ctx, cli, a, []byte("0123456789abcdef0123456789abcdef"))
		if err != nil {
			t.Fatal(err)
		}
		ids[a.Name] = made.ID
	}
	if _, err := w.store.AssignApplications(ctx, cli, account, []string{ids["Lagerverwaltung und Kommissionierung für Außenstellen"], ids["物流ダッシュボード"]}, true); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.AssignApplications(ctx, cli, account, []string{ids["Night Agent"]}, false); err != nil {
		t.Fatal(err)
	}
	return ids
}
