package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"steward/backoffice"
	"steward/store"
)

// One ID that is not there refuses the whole selection (T-03), and what an act
// would do is said before it is done.
func TestUserSelection(t *testing.T) {
	w := newSite(t)
	actor := w.staff("mara@vendor.example", backoffice.Manager).Actor("", "")
	w.as = &actor
	for _, email := range []string{"ana@nordwind.example", "bo@nordwind.example"} {
		if _, err := w.store.CreateUser(ctx, backoffice.CommandLine(), store.CreatedUser{Email: email}, nil); err != nil {
			t.Fatal(err)
		}
	}
	page, err := w.store.Users(ctx, backoffice.UserFilter{Query: "@nordwind.example"}, "")
	if err != nil || len(page.Rows) != 2 {
		t.Fatalf("%d users, %v", len(page.Rows), err)
	}
	ids := []string{page.Rows[0].ID, page.Rows[1].ID}
	locked := func() int {
		yes := true
		n, err := w.store.CountUsers(ctx, backoffice.UserFilter{Locked: &yes})
		if err != nil {
			t.Fatal(err)
		}
		return int(n)
	}
	b := w.browser()
	post := func(values url.Values) *shown {
		list := b.get("/backoffice/users")
		list.Find("#users-form").SetAttr("action", "/backoffice/user-selection/lock")
		return list.submit("#users-form", values)
	}
	ask := post(url.Values{"id": ids})
	if ask.Status != http.StatusOK || !strings.Contains(ask.text("main"), "2 users can then sign in nowhere") || locked() != 0 {
		t.Fatalf("%d %q, %d locked", ask.Status, ask.text("main"), locked())
	}
	if _, err := w.store.DeleteUser(ctx, backoffice.CommandLine(), ids[1]); err != nil {
		t.Fatal(err)
	}
	if late := ask.submit("main form", url.Values{"confirmed": {"yes"}}); late.Status != http.StatusConflict || locked() != 0 {
		t.Errorf("with one who is gone: %d, %d locked", late.Status, locked())
	}
	done := post(url.Values{"id": ids[:1]}).submit("main form", url.Values{"confirmed": {"yes"}})
	if !strings.Contains(done.text(".toast-text"), "Lock: done for 1 user.") || locked() != 1 {
		t.Errorf("%s %q, %d locked", done.URL, done.text(".toast-text"), locked())
	}
}
