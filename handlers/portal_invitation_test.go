package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"steward/auth"
	"steward/backoffice"
)

// A running session shows what its user is invited to, on the portal's first page
// and in the switcher (product.md, section 6).
func TestRunningSessionShowsInvitations(t *testing.T) {
	w := newSite(t)
	for id, name := range map[string]string{"nord": "Nord AG", "sued": "Süd <b>AG</b>", "west": "West AG"} {
		w.create(name, id, "")
	}
	w.imports("id,name\n", "email,account_id,roles,email_verified\nvera@nord.example,nord,read-only,true\numa@nord.example,nord,read-only,false\n")
	command := backoffice.CommandLine()
	for _, email := range []string{"vera@nord.example", "uma@nord.example"} {
		for _, id := range []string{"sued", "west"} {
			if _, err := w.store.InviteUser(ctx, command, id, backoffice.NewMember{Email: email, Roles: []string{"read-only"}}, auth.InvitationToken.New); err != nil {
				t.Fatal(err)
			}
		}
	}
	vera := w.userIn("vera@nord.example", "nord")
	home := vera.get("/portal")
	if home.text("#portal-invitations .count") != "2" || !strings.Contains(home.text("#portal-invitations"), "Süd <b>AG</b> As Read only") || home.Find("#switch form[action$='/acceptance']").Length() != 2 {
		t.Fatalf("the first page: %q, the switcher: %q", home.text("#portal-invitations"), home.text("#switch"))
	}
	if home.Find("#switch form[action$='/switch']").Length() != 0 {
		t.Error("an invitation stands among the accounts")
	}
	of := func(p *shown, account, act string) string {
		row := p.Find("#portal-invitations li").FilterFunction(func(_ int, s *goquery.Selection) bool { return strings.Contains(s.Text(), account) })
		return "#portal-invitations form[action='" + row.Find("form[action$='/"+act+"']").AttrOr("action", "") + "']"
	}
	declined := home.submit(of(home, "West", "refusal"), nil)
	if declined.Status != http.StatusOK || !strings.Contains(declined.text("#toasts"), "Declined.") || declined.text("#portal-invitations .count") != "1" {
		t.Errorf("declined: %d %q", declined.Status, declined.text("body"))
	}
	accepted := declined.submit(of(declined, "Süd", "acceptance"), nil)
	if accepted.Status != http.StatusOK || accepted.text("h1") != "Süd <b>AG</b>" || accepted.Find("#portal-invitations").Length() != 0 {
		t.Errorf("accepted: %d %q", accepted.Status, accepted.text("body"))
	}
	if p := home.submit(of(home, "Süd", "acceptance"), nil); p.Status != http.StatusNotFound {
		t.Errorf("accepted twice: %d", p.Status)
	}
	// Whose address nobody proved is not shown what its owner is offered.
	if p := w.userIn("uma@nord.example", "nord").get("/portal"); p.Find("#portal-invitations").Length() != 0 || p.Find("#switch").Length() != 0 {
		t.Errorf("an address that nobody proved: %q", p.text("body"))
	}
}

// A customer's admin sends an invitation to who was added silently.
func TestPortalInvitesWhoWasAddedSilently(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		late := w.member("nord", "late@nord.example", backoffice.RoleReadOnly)
		admin := w.userIn("hana@nord.example", "nord")
		page := admin.get("/portal/users/" + late.ID)
		if !strings.Contains(page.text("#portal-user-access"), "Send invitation") {
			t.Fatalf("not offered: %q", page.text("#portal-user-access"))
		}
		p := page.submit("form[action$='/invitation']", nil)
		if p.Status != http.StatusOK || !strings.Contains(p.text("#portal-user-access"), "Invited") || !strings.Contains(p.text("#portal-user-access"), "Resend invitation") {
			t.Errorf("%d %q", p.Status, p.text("main"))
		}
		// Who signs in meanwhile is not invited any more.
		other := w.member("nord", "other@nord.example", backoffice.RoleReadOnly)
		page = admin.get("/portal/users/" + other.ID)
		w.userIn("other@nord.example", "nord")
		if p := page.submit("form[action$='/invitation']", nil); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.text(".notice"), "signed in to this account already") {
			t.Errorf("%d %q", p.Status, p.text("main"))
		}
	})
}
