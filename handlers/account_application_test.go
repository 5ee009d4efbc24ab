package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"steward/backoffice"
)

// sold adds one to the environment, and returns its ID.
func (w *site) sold(a backoffice.Application) string {
	w.t.Helper()
	a.Kind, a.RedirectURIs = backoffice.SinglePage, []string{"https://app.example/cb"}
	made, err := w.store.CreateApplication(ctx, backoffice.CommandLine(), a, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return made.ID
}

func TestApplicationsAreAssignedToAnAccount(t *testing.T) {
	w := newSite(t)
	w.manager()
	w.create("Nord", "nord", "ana@nord.example")
	w.member("nord", "bo@nord.example", backoffice.RoleReadOnly)
	b := w.browser()
	const path = "/backoffice/accounts/nord/applications"
	if p := b.get(path + "/new"); !strings.Contains(p.text("form.form"), "There is no application yet") {
		t.Errorf("none at all: %q", p.text("main"))
	}
	books, wiki, all := w.sold(backoffice.Application{Name: "Books <i>", Active: true}), w.sold(backoffice.Application{Name: "Wiki"}), w.sold(backoffice.Application{Name: "Portal", AutoAssigned: true})
	section := b.get("/backoffice/accounts/nord")
	if section.Find("#applications li[data-id]").Length() != 1 || section.text("#applications li .tag.keep:last-of-type") == "" || !strings.Contains(section.text("#applications"), "Environment auto-assigned") {
		t.Errorf("on the account's page: %q", section.text("#applications"))
	}
	// The drawer, or without script a page.
	drawer := b.get(section.Find("#applications a[href$='/new']").AttrOr("href", ""))
	if drawer.Find("#assignable li").Length() != 2 || drawer.text("#assignable li:last-child .tag") != "Inactive" || drawer.text("#assignable li:first-child .strong") != "Books <i>" {
		t.Errorf("offered: %q", drawer.text("#assign-form"))
	}
	if p := drawer.submit("#assign-form", nil); p.Status != http.StatusUnprocessableEntity || p.text("#assignable-problem") != "Choose at least one application." {
		t.Errorf("none chosen: %d %q", p.Status, p.text("#assign-form"))
	}
	// The search keeps what is ticked.
	if p := b.get(path + "/new?q=wik&application=" + books); p.Find("#assignable li").Length() != 2 || p.Find("#assignable input[checked]").AttrOr("value", "") != books {
		t.Errorf("searched: %q", p.text("#assignable"))
	}
	if p := b.get(path + "/new?q=zzz"); p.Find("#assignable li").Length() != 0 || p.text("[data-none]") != "No application matches." {
		t.Errorf("nothing found: %q", p.text("#assign-form"))
	}
	if p := drawer.submit("#assign-form", url.Values{"application": {books, wiki}}); p.URL.Path != "/backoffice/accounts/nord" || p.text(".toast-text") != "2 applications were assigned." || p.Find("#applications li[data-id]").Length() != 3 || !strings.Contains(p.text("#applications"), "no users yet") {
		t.Errorf("assigned: %s %q", p.URL, p.text("#applications"))
	}
	if p := drawer.submit("#assign-form", url.Values{"application": {books, wiki}}); p.text(".toast-text") != "Nothing had to be assigned: it was there already." {
		t.Errorf("twice: %q", p.text(".toast-text"))
	}
	if p := b.get(path + "/new"); !strings.Contains(p.text("form.form"), "All applications are assigned already.") || p.Find("form.form button[type=submit]").Length() != 0 {
		t.Errorf("all assigned: %q", p.text("main"))
	}
	// "Auto-assign users" offers those that users have one by one.
	auto := b.get(path+"/auto-assignment", "dialog")
	if auto.Find("dialog.drawer-end #assignable li").Length() != 2 || !strings.Contains(auto.text("#assignable"), "0 users one by one") || !strings.Contains(auto.text("dialog"), "2 users now") {
		t.Errorf("auto-assign: %q", auto.text("dialog"))
	}
	saved := auto.submit("dialog form", url.Values{"application": {books}}, "applications")
	if saved.Status != http.StatusOK || saved.Header.Get("HX-Trigger") != "close-dialog" || saved.Find("#applications").Length() != 1 || saved.Find("#applications li[data-flags=account] .tag").Text() != "Account auto-assigned" {
		t.Errorf("auto-assigned: %d %s", saved.Status, saved.Body)
	}
	list := b.get(path)
	if list.Find("tbody tr").Length() != 3 || list.Find("tbody tr[data-flags=environment]").AttrOr("data-id", "") != all || list.text("tbody tr[data-flags=manual] .w-label") != "Assigned" {
		t.Errorf("the table: %q", list.text("#applications"))
	}
	if fixed := list.Find("#row-menu [aria-disabled=true][data-if=environment]"); !strings.Contains(fixed.Text(), "The environment assigns it to every account") {
		t.Errorf("the disabled act: %q", fixed.Text())
	}
	// Each act spells out what follows.
	ask := b.get(path + "/" + books + "/auto-assignment?from=list")
	if text := ask.text("form.deletion"); !strings.Contains(text, "2 users keep it as manual assignments and can lose it one by one; users who join later do not get it.") {
		t.Errorf("end of auto-assignment: %q", text)
	}
	if p := ask.submit("form.deletion", nil); p.URL.Path != path || p.text("tr[data-flags=manual] .w-figure") == "" || p.Find("tbody tr[data-flags=account]").Length() != 0 {
		t.Errorf("ended: %s %q", p.URL, p.text("#applications"))
	}
	if text := b.get(path + "/" + wiki + "/auto-assignment").text("form.deletion"); !strings.Contains(text, "2 users gain it, so that all 2 have it") {
		t.Errorf("begin of auto-assignment: %q", text)
	}
	remove := b.get(path+"/"+books+"/removal", "dialog")
	if text := remove.text("dialog"); !strings.Contains(text, "2 users lose it") {
		t.Errorf("removal: %q", text)
	}
	if p := remove.submit("dialog form", nil, "applications"); p.Find("#applications li[data-id]").Length() != 2 {
		t.Errorf("removed: %s", p.Body)
	}
	if p := remove.submit("dialog form", nil, "applications"); p.Status != http.StatusOK {
		t.Errorf("removed twice: %d", p.Status)
	}
	if text := b.get(path + "/" + all + "/removal").text("form.deletion"); !strings.Contains(text, "this one stays without it until it is assigned here again") {
		t.Errorf("removal of an auto-assigned app: %q", text)
	}
	if p := b.get(path + "/" + books); p.Status != http.StatusNotFound {
		t.Errorf("removed and still shown: %d", p.Status)
	}
}

func TestUsersAreGivenAnApplication(t *testing.T) {
	w := newSite(t)
	w.manager()
	w.create("Nord", "nord", "ana@nord.example")
	for i := range 40 {
		w.member("nord", fmt.Sprintf("u%02d@nord.example", i), backoffice.RoleReadOnly)
	}
	b := w.browser()
	wiki := w.sold(backoffice.Application{Name: "Wiki", Active: true})
	if _, err := w.store.AssignApplications(ctx, backoffice.CommandLine(), "nord", []string{wiki}, false); err != nil {
		t.Fatal(err)
	}
	path := "/backoffice/accounts/nord/applications/" + wiki
	if p := b.get(path); !strings.Contains(p.text("#application-users"), "Nobody has it yet") {
		t.Errorf("empty: %q", p.text("#application-users"))
	}
	picker := b.get(path + "/users/new")
	if picker.Find("#candidates-list li").Length() != 25 || !strings.Contains(picker.text("#candidates"), "There are more") {
		t.Errorf("picker: %q", picker.text("#candidates"))
	}
	if p := picker.submit("#add-users-form", nil); p.Status != http.StatusUnprocessableEntity || p.text("#candidates-list-problem") != "Choose at least one user." {
		t.Errorf("nobody: %d %q", p.Status, p.text("#candidates"))
	}
	u33, u00 := w.userID("u33@nord.example"), w.userID("u00@nord.example")
	found := b.get(path+"/users/new?q=u33&user="+u00, "candidates")
	if found.Find("#candidates-list li").Length() != 2 || found.Find("input[checked]").AttrOr("value", "") != u00 || strings.Contains(found.Body, "<dialog") {
		t.Errorf("searched: %s", found.Body)
	}
	if p := b.get(path+"/users/new", "dialog").submit("dialog form", url.Values{"user": {u00, u33}}, "application-users"); p.Find("#application-users tbody tr").Length() != 2 || p.Header.Get("HX-Trigger") != "close-dialog" || p.text("#application-users .count") != "2" {
		t.Errorf("added: %s", p.Body)
	}
	if p := b.get(path + "?q=U33"); p.Find("#application-users tbody tr").Length() != 1 {
		t.Errorf("searched: %q", p.text("#application-users"))
	}
	taken := b.get(path).submit("#application-users tbody tr:last-child form", nil)
	if taken.Find("#application-users tbody tr").Length() != 1 || !strings.Contains(taken.text(".toast-text"), "does not have it any more") {
		t.Errorf("taken: %q", taken.text("#application-users"))
	}
	if p := taken.submit(".toast-line form", nil); p.Find("#application-users tbody tr").Length() != 2 {
		t.Errorf("undone: %q", p.text("#application-users"))
	}
	form := b.get(path)
	if _, err := w.store.AssignApplications(ctx, backoffice.CommandLine(), "nord", []string{wiki}, true); err != nil {
		t.Fatal(err)
	}
	// Where everybody has it, the control is disabled and says why.
	all := b.get(path)
	control := all.Find("#application-users tbody tr:first-child button")
	if _, off := control.Attr("disabled"); !off || control.AttrOr("aria-describedby", "") != "fixed-reason" || !strings.Contains(all.text("#fixed-reason"), "It is assigned to every user of this account.") {
		t.Errorf("fixed: %q", all.text("main"))
	}
	if all.Find("a[href$='/users/new']").Length() != 0 || all.text("#application-users .count") != "41" || all.Find("#application-users tbody tr").Length() != 25 {
		t.Errorf("all have it: %q", all.text("#application-users"))
	}
	if p := b.get(all.Find(".lead-bottom a[rel=next]").AttrOr("href", ""), "application-users-list"); p.Find("tbody tr").Length() != 16 {
		t.Errorf("the next page: %q", p.text("#application-users-list"))
	}
	if p := form.submit("#application-users tbody form", nil); !strings.Contains(p.text(".toast-text"), "It is assigned to every user of this account.") {
		t.Errorf("taken all the same: %q", p.text(".toast-text"))
	}
}

// The toast of a removal takes it back, with and without script, and so does the
// trail; assigned again meanwhile, nothing is left to undo, and the trail offers it
// no more.
func TestRemovalOfAnApplicationIsUndone(t *testing.T) {
	w := newSite(t)
	w.manager()
	w.create("Nord", "nord", "ana@nord.example")
	wiki := w.sold(backoffice.Application{Name: "Wiki <i>", Active: true})
	assign := func() {
		t.Helper()
		if _, err := w.store.AssignApplications(ctx, backoffice.CommandLine(), "nord", []string{wiki}, false); err != nil {
			t.Fatal(err)
		}
	}
	assign()
	if err := w.store.GiveApplication(ctx, backoffice.CommandLine(), "nord", wiki, w.userID("ana@nord.example")); err != nil {
		t.Fatal(err)
	}
	b := w.browser()
	const all = "/backoffice/accounts/nord/applications"
	removed := b.get(all+"/"+wiki+"/removal?from=list").submit("form.deletion", nil)
	if removed.URL.Path != all || removed.text(".toast-text") != "“Wiki <i>” was removed from “Nord”." || removed.Find("tbody tr").Length() != 0 {
		t.Fatalf("removed: %s %q", removed.URL, removed.text("main"))
	}
	back := removed.submit(".toast-line form", nil)
	if back.URL.Path != all+"/"+wiki || back.text(".toast-text") != "“Nord” has “Wiki <i>” again, and so has everybody who had it. Sessions do not come back." || !strings.Contains(back.text("#application-users"), "ana@nord.example") {
		t.Errorf("undone: %s %q", back.URL, back.text("main"))
	}
	if p := removed.submit(".toast-line form", nil); p.text(".toast-text") != "There is nothing left to undo." {
		t.Errorf("twice: %q", p.text(".toast-text"))
	}
	dialog := b.get(all+"/"+wiki+"/removal", "dialog").submit("dialog form", nil, "applications")
	if dialog.Find(".toast-line form[action$='/restoration'] input[name=removal]").Length() != 1 {
		t.Errorf("over the page: %s", dialog.Body)
	}
	events, err := w.store.Events(ctx, backoffice.EventFilter{Object: wiki}, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	entry := b.get("/backoffice/audit/" + events.Rows[0].ID)
	assign()
	if p := entry.submit("form[action$='/restoration']", nil); p.text(".toast-line.bad .toast-text") != "There is nothing left to undo." {
		t.Errorf("assigned meanwhile: %q", p.text(".toast-text"))
	}
	if p := b.get(entry.URL.Path); p.Find("form[action$='/restoration']").Length() != 0 {
		t.Errorf("offered all the same: %q", p.text("main"))
	}
	b.get(all+"/"+wiki+"/removal").submit("form.deletion", nil)
	if events, err = w.store.Events(ctx, backoffice.EventFilter{Object: wiki}, "", 1); err != nil {
		t.Fatal(err)
	}
	entry = b.get("/backoffice/audit/" + events.Rows[0].ID)
	if p := entry.submit("form[action$='/restoration']", nil); p.URL.Path != all+"/"+wiki {
		t.Errorf("by the trail: %s %q", p.URL, p.text(".toast-text"))
	}
}
