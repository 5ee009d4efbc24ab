package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestDeleteAndUndo(t *testing.T) {
	w := newSite(t)
	w.account("Nord  Textiles (A.G.)", "nord", "hana@nord.example")
	w.account("Süd", "sued", "hana@nord.example")
	w.imports("id,name\neast,East\n", "email,name,account_id,roles\nonly@nord.example,Only,nord,admin\n")
	b := w.browser()
	dialog := b.get("/backoffice/accounts/nord/deletion", "dialog")
	if dialog.Find("dialog#delete-account[data-open]").Length() != 1 || dialog.Find(".side").Length() != 0 {
		t.Fatalf("no dialog: %.300s", dialog.Body)
	}
	expect(t, dialog, http.StatusOK, map[string]string{".consequences": "1 user loses their only account", ".panel-body": "20 December 2026"})
	if got, _ := dialog.Find("#confirm-name").Attr("pattern"); got != `\s*Nord\s+Textiles\s+\(A\.G\.\)\s*` {
		t.Errorf("pattern %q", got)
	}
	page := b.get("/backoffice/accounts/nord/deletion")
	expect(t, page, http.StatusOK, map[string]string{"h1": "Delete “Nord Textiles (A.G.)”?", ".consequences": "1 user loses this account and keeps others"})
	wrong := page.submit("#deletion", url.Values{"name": {"nord textiles (a.g.)"}})
	expect(t, wrong, http.StatusUnprocessableEntity, map[string]string{".problem": "Type the account"})
	if v, _ := wrong.Find("#confirm-name").Attr("value"); v != "nord textiles (a.g.)" {
		t.Errorf("what was typed is gone: %q", v)
	}
	// A browser shows runs of space as one, and so they are typed.
	gone := wrong.submit("#deletion", url.Values{"name": {" Nord Textiles (A.G.) "}})
	expect(t, gone, http.StatusOK, map[string]string{"h1": "Accounts", "#toasts": "was moved to the bin", ".side a[href='/backoffice/bin']": "1"})
	expect(t, b.get("/backoffice/accounts/nord"), http.StatusNotFound, map[string]string{"h1": "Page not found", ".actions": "Look in the bin"})
	twice := page.submit("#deletion", url.Values{"name": {"Nord Textiles (A.G.)"}})
	expect(t, twice, http.StatusNotFound, map[string]string{"body": "may have been moved to the bin"})
	back := gone.submit("#toasts form", nil)
	expect(t, back, http.StatusOK, map[string]string{"h1": "Nord Textiles (A.G.)", "#toasts": "was restored", "#users": "only@nord.example"})
	again := gone.submit("#toasts form", nil)
	expect(t, again, http.StatusOK, map[string]string{"h1": "Bin", "#toasts": "nothing left to undo"})
}

// What is in the bin and what never was are answered alike, byte for byte.
func TestBinnedAnswersAsMissing(t *testing.T) {
	w := newSite(t)
	w.account("Nord", "nord", "hana@nord.example")
	w.delete("nord", "Nord")
	b := w.browser()
	for _, path := range []string{"", "/details", "/deletion", "/logo"} {
		binned, missing := b.get("/backoffice/accounts/nord"+path), b.get("/backoffice/accounts/none"+path)
		if binned.Status != http.StatusNotFound || binned.Body != missing.Body || len(binned.Header) != len(missing.Header) {
			t.Errorf("%s: %d and %d, %d and %d bytes", path, binned.Status, missing.Status, len(binned.Body), len(missing.Body))
		}
	}
	for _, path := range []string{"/details", "/logo-removal", "/sub-account-management", "/deletion"} {
		if p := b.post("/backoffice/accounts/nord"+path, url.Values{"name": {"Nord"}}); p.Status != http.StatusNotFound {
			t.Errorf("POST %s: %d", path, p.Status)
		}
	}
}

func TestDeleteWithSubAccounts(t *testing.T) {
	w := newSite(t)
	w.imports("id,name,parent_id\ntop,Top,\nmid,Mid,top\nleaf-1,Leaf 1,mid\nleaf-2,Leaf 2,mid\n", "")
	b := w.browser()
	page := b.get("/backoffice/accounts/mid/deletion")
	expect(t, page, http.StatusOK, map[string]string{".notice": "It has 2 sub-accounts and cannot be deleted", "#deletion .actions": "Move sub-accounts up, then delete"})
	if strings.Contains(page.text("#deletion .actions"), "Delete account") {
		t.Error("the plain deletion is offered")
	}
	// Somebody who saw it without sub-accounts is refused, with the reason and the choice.
	refused := b.post("/backoffice/accounts/mid/deletion", url.Values{"name": {"Mid"}})
	expect(t, refused, http.StatusConflict, map[string]string{".notice[role=alert]": "It has 2 sub-accounts", "#deletion .actions": "Move sub-accounts up"})
	done := refused.submit("#deletion", url.Values{"name": {"Mid"}, "move_up": {"true"}})
	expect(t, done, http.StatusOK, map[string]string{"#toasts": "was moved to the bin"})
	expect(t, b.get("/backoffice/accounts/leaf-1"), http.StatusOK, map[string]string{".trail": "TopLeaf 1"})
	restored := done.submit("#toasts form", nil)
	expect(t, restored, http.StatusOK, map[string]string{"h1": "Mid", ".trail": "TopMid"})
}

func TestBin(t *testing.T) {
	w := newSite(t)
	expect(t, w.browser().get("/backoffice/bin"), http.StatusOK, map[string]string{".blank": "The bin is empty"})
	accounts := "id,name,parent_id\nparent,Parent,\nchild,Child,parent\n"
	ids := []string{"child", "parent"}
	for i := range 60 {
		id := "acc-" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		accounts += id + ",Account " + id + ",\n"
		ids = append(ids, id)
	}
	w.imports(accounts, "")
	if _, _, err := w.store.DeleteAccounts(ctx, *w.as, ids); err != nil {
		t.Fatal(err)
	}
	b := w.browser()
	first := b.get("/backoffice/bin")
	expect(t, first, http.StatusOK, map[string]string{"#bin-list .lead-bottom": "50 of 62 accounts", "#bin-list tbody tr:first-child": "by Ada Weber"})
	next, _ := first.Find("a[rel=next]").Attr("href")
	second := b.get(next, "bin-list")
	if n := second.Find("tbody tr").Length(); n != 12 {
		t.Errorf("second page: %d rows", n)
	}
	prev, _ := second.Find("a[rel=prev]").Attr("href")
	if p := b.get(prev, "bin-list"); p.text("tbody tr:first-child .cell-id .cut") != first.text("tbody tr:first-child .cell-id .cut") {
		t.Error("the way back leads elsewhere")
	}
	found := b.get("/backoffice/bin").submit(".toolbar form", url.Values{"q": {"CHILD"}})
	expect(t, found, http.StatusOK, map[string]string{"tbody tr": "in Parent, deleted too"})
	// The parent is still in the bin: refused, with the reason above the list.
	refused := found.submit("#bin-list form", url.Values{"one": {"child"}})
	expect(t, refused, http.StatusConflict, map[string]string{"#bin-list .notice": "Child: Its parent “Parent” is in the bin"})
	none := found.submit("#bin-list form", nil)
	expect(t, none, http.StatusOK, map[string]string{"#toasts": "Choose the accounts"})
	both := b.get("/backoffice/bin").submit("#bin-list form", url.Values{"id": {"acc-aa", "acc-ab"}}, "bin-list")
	expect(t, both, http.StatusOK, map[string]string{".toast-text": "2 accounts were restored."})
	family := b.post("/backoffice/restorations", url.Values{"id": {"child", "parent"}})
	expect(t, family, http.StatusOK, map[string]string{"#toasts": "2 accounts were restored"})
	expect(t, b.get("/backoffice/accounts/child"), http.StatusOK, map[string]string{".trail": "ParentChild"})
	again := b.post("/backoffice/restorations", url.Values{"one": {"child"}})
	expect(t, again, http.StatusConflict, map[string]string{"#bin-list .notice": "It is not in the bin any more."})
	expect(t, b.get("/backoffice/bin?q=nothing+like+it"), http.StatusOK, map[string]string{".blank": "Nothing in the bin matches"})
	w.clock.Add(31 * 24 * time.Hour)
	if n, err := w.store.Purge(ctx, 100); err != nil || n != 58 {
		t.Fatalf("%d purged, %v", n, err)
	}
	expect(t, b.get("/backoffice/bin"), http.StatusOK, map[string]string{".blank": "The bin is empty"})
	late := b.post("/backoffice/restorations", url.Values{"one": {"acc-ba"}})
	expect(t, late, http.StatusConflict, map[string]string{"#bin-list .notice": "It is not in the bin any more."})
}

func TestUndoReturnsToWhereItWas(t *testing.T) {
	w := newSite(t)
	w.account("Nord", "nord", "")
	deletion := w.delete("nord", "Nord")
	b := w.browser()
	p := b.post("/backoffice/restorations", url.Values{"deletion": {deletion}, "next": {"/backoffice/accounts?q=nord"}})
	expect(t, p, http.StatusOK, map[string]string{"#toasts": "“Nord” was restored."})
	if p.URL.RequestURI() != "/backoffice/accounts?q=nord" {
		t.Errorf("led to %s", p.URL)
	}
	deletion = w.delete("nord", "Nord")
	if p := b.post("/backoffice/restorations", url.Values{"deletion": {deletion}, "next": {"https://evil.example/"}}); p.URL.Host != strings.TrimPrefix(w.url, "http://") {
		t.Errorf("led to %s", p.URL)
	}
}

func TestUndoAfterPurge(t *testing.T) {
	w := newSite(t)
	w.account("Nord", "nord", "")
	deletion := w.delete("nord", "Nord")
	w.clock.Add(31 * 24 * time.Hour)
	if _, err := w.store.Purge(ctx, 10); err != nil {
		t.Fatal(err)
	}
	p := w.browser().post("/backoffice/restorations", url.Values{"deletion": {deletion}})
	expect(t, p, http.StatusOK, map[string]string{"h1": "Bin", "#toasts": "its 30 days are over"})
}
