package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"steward/backoffice"
	"steward/store"
)

// manager lets who asks be a Manager of the staff.
func (w *site) manager() {
	actor := w.staff("mara@vendor.example", backoffice.Manager).Actor("", "")
	w.as = &actor
}

// userID is the ID of the only user with the address.
func (w *site) userID(email string) string {
	w.t.Helper()
	page, err := w.store.Users(ctx, backoffice.UserFilter{Query: email}, "")
	if err != nil || len(page.Rows) != 1 {
		w.t.Fatalf("%s: %d users, %v", email, len(page.Rows), err)
	}
	return page.Rows[0].ID
}

func TestUserDetailsAreEditedInPlace(t *testing.T) {
	w := newSite(t)
	w.manager()
	w.create("Nord Textiles", "nord", "ana@nord.example")
	w.create("Süd Logistik", "sued", "bo@sued.example")
	path := "/backoffice/users/" + w.userID("ana@nord.example")
	b := w.browser()
	edit := b.get(b.get(path).Find("#details .section-head a").AttrOr("href", ""))
	refused := edit.submit("#user-details-form", url.Values{"name": {"Ana <b>Braun</b>"}, "email": {"Bo@SUED.example"}})
	if refused.Status != http.StatusUnprocessableEntity || refused.text("#user-email-problem") != "Another user has this address." ||
		refused.Find("#user-name").AttrOr("value", "") != "Ana <b>Braun</b>" || refused.Find("#user-email").AttrOr("value", "") != "Bo@SUED.example" {
		t.Errorf("a taken address: %d %q", refused.Status, refused.text("#details"))
	}
	// With htmx the section comes alone, and the head beside it.
	asked := b.get(path+"/details", "details")
	if asked.Find("#user-details-form").Length() != 1 || asked.Find("h1").Length() != 0 {
		t.Errorf("the form brings the page: %q", asked.Body)
	}
	late := b.get(path + "/details")
	saved := asked.submit("#user-details-form", url.Values{"name": {"Ana <b>Braun</b>"}, "email": {"Ana.Braun@nord.example"}}, "details")
	if saved.Status != http.StatusOK || saved.text("#details dd:first-of-type") == "" || !strings.Contains(saved.text("#details"), "ana.braun@nord.example") ||
		!strings.Contains(saved.Body, "hx-target=\"#user-head\"") || !strings.Contains(saved.Body, "Ana &lt;b&gt;Braun&lt;/b&gt;") || strings.Contains(saved.Body, "<html") ||
		!strings.Contains(saved.Body, "not verified yet") {
		t.Errorf("saved: %d %s", saved.Status, saved.Body)
	}
	if p := late.submit("#user-details-form", url.Values{"name": {"Anna"}}); p.Status != http.StatusConflict || p.Find("#user-name").AttrOr("value", "") != "Anna" || !strings.Contains(p.text("#details .notice"), "ana.braun@nord.example") {
		t.Errorf("somebody else's change meanwhile: %d %q", p.Status, p.text("#details"))
	}
	// Without script the page is led back to.
	if p := b.get(path+"/details").submit("#user-details-form", url.Values{"name": {"Ana Braun"}}); p.Status != http.StatusOK || p.text("h1") != "Ana Braun" || p.text(".toast-text") != "Details saved." {
		t.Errorf("without script: %d %q", p.Status, p.text("main"))
	}
}

func TestUserPageReplacesSectionsSingly(t *testing.T) {
	w := newSite(t)
	w.manager()
	w.create("Nord Textiles", "nord", "ana@nord.example")
	path := "/backoffice/users/" + w.userID("ana@nord.example")
	b := w.browser()
	one := func(selector, target, want string) {
		t.Helper()
		page := b.get(path)
		form := page.Find(selector).First()
		if got := form.AttrOr("hx-target", ""); got != "#"+target {
			t.Errorf("%s replaces %q", selector, got)
		}
		p := page.submit(selector, nil, target)
		if p.Status != http.StatusOK || strings.Contains(p.Body, "<html") || !strings.HasPrefix(strings.TrimSpace(p.Body), `<section id="`+target+`"`) || !strings.Contains(p.Body, want) {
			t.Errorf("%s: %d %s", selector, p.Status, p.Body)
		}
		if !strings.Contains(p.Body, `hx-target="#events"`) || !strings.Contains(p.Body, `hx-target="#user-head"`) {
			t.Errorf("%s: the rest of the page stays as it was", selector)
		}
	}
	one("#user-menu form[action$='/lock']", "details", "Locked: nowhere")
	one("#user-menu form[action$='/unlock']", "details", "Not locked")
	one("#accounts form[action$='/invitation']", "accounts", "Invited")
	one("#accounts form[action$='/invitation']", "accounts", "Invitation sent again")
	one("#accounts form[action$='/disabled']", "accounts", "Disabled")
	if b.get(path).Find("#accounts form[action$='/invitation']").Length() != 0 {
		t.Error("who is switched off can be invited")
	}
	if p := b.get(path, "sessions"); p.Find("#sessions").Length() != 1 || p.Find("#details").Length() != 0 {
		t.Errorf("one section: %s", p.Body)
	}
}

func TestRemovalFromAnAccountIsAskedAndUndone(t *testing.T) {
	w := newSite(t)
	w.manager()
	w.create("Nord <b>Textiles</b>", "nord", "")
	if _, err := w.store.AddUser(ctx, backoffice.CommandLine(), "nord", backoffice.NewMember{Email: "ana@nord.example", Roles: []string{"admin", "read-only"}}); err != nil {
		t.Fatal(err)
	}
	id := w.userID("ana@nord.example")
	path := "/backoffice/users/" + id
	b := w.browser()
	page := b.get(path)
	ask := b.get(page.Find("#accounts a.bad").AttrOr("href", ""))
	if ask.Status != http.StatusOK || !strings.Contains(ask.text("#removal-form"), "Nord <b>Textiles</b>") || !strings.Contains(ask.text("#removal-form"), "Admin, Read only") || page.text("#accounts .count") != "1" {
		t.Fatalf("%d %q", ask.Status, ask.text("main"))
	}
	gone := ask.submit("#removal-form", nil)
	if gone.text("#accounts .count") != "0" || gone.Find("#toasts form").Length() != 1 {
		t.Errorf("removed: %q %q", gone.text("#accounts"), gone.text("#toasts"))
	}
	back := gone.submit("#toasts form", nil)
	if back.text("#accounts .count") != "1" || !strings.Contains(back.text("#accounts"), "Admin, Read only") || !strings.Contains(back.text("#accounts"), "Pending login") {
		t.Errorf("back: %q", back.text("#accounts"))
	}
	if again := gone.submit("#toasts form", nil); !strings.Contains(again.text("#toasts"), "nothing left to undo") {
		t.Errorf("undone twice: %q", again.text("#toasts"))
	}
	// The same from the trail, for who is put back into an account that they are in.
	b.get(path+"/memberships/nord/removal").submit("#removal-form", nil)
	if p := b.get("/backoffice/audit?action=user.removed").submit(".event-acts form", nil); p.text("#accounts .count") != "1" {
		t.Errorf("undone from the trail: %s %q", p.URL, p.text("main"))
	}
	removal, err := w.store.RemoveMember(ctx, backoffice.CommandLine(), "nord", id)
	if err != nil {
		t.Fatal(err)
	}
	trail := b.get("/backoffice/audit?action=user.removed")
	if _, err := w.store.AddUser(ctx, backoffice.CommandLine(), "nord", backoffice.NewMember{Email: "ana@nord.example", Roles: []string{"admin"}}); err != nil {
		t.Fatal(err)
	}
	if p := trail.submit(".event-acts form", nil); !strings.Contains(p.text("#toasts"), "in this account again already") {
		t.Errorf("put back twice (%s): %q", removal, p.text("#toasts"))
	}
}

// The bulk act says per row why it sends nothing.
func TestBulkInvitationIncludesWhoWaits(t *testing.T) {
	w := newSite(t)
	w.manager()
	w.create("Nord Textiles", "nord", "ana@nord.example")
	for _, email := range []string{"bo@nord.example", "alone@nord.example"} {
		if _, err := w.store.CreateUser(ctx, backoffice.CommandLine(), store.CreatedUser{Email: email}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.store.AddUser(ctx, backoffice.CommandLine(), "nord", backoffice.NewMember{Email: "bo@nord.example", Roles: []string{"admin"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.RecordVisits(ctx, backoffice.CommandLine(), []backoffice.Visit{{AccountID: "nord", Email: "bo@nord.example", At: w.clock.Now()}}); err != nil {
		t.Fatal(err)
	}
	b := w.browser()
	list := b.get("/backoffice/users")
	list.Find("#users-form").SetAttr("action", "/backoffice/user-selection/invitation")
	ask := list.submit("#users-form", url.Values{"id": {w.userID("ana@"), w.userID("bo@"), w.userID("alone@")}})
	if !strings.Contains(ask.text("main"), "has signed in already") || !strings.Contains(ask.text("main"), "in no account") || !strings.Contains(ask.text("main"), "1 user") {
		t.Errorf("asked: %q", ask.text("main"))
	}
	if p := ask.submit("main form", url.Values{"confirmed": {"yes"}}); p.Status != http.StatusOK {
		t.Errorf("%d", p.Status)
	}
	if page, err := w.store.Invitations(ctx, backoffice.InvitationFilter{}, "", 0); err != nil || len(page.Rows) != 1 || page.Rows[0].Email != "ana@nord.example" {
		t.Errorf("%+v, %v", page.Rows, err)
	}
}
