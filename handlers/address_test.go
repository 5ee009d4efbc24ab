package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

func wanted(email, password string) url.Values {
	return url.Values{"new_email": {email}, "address_password": {password}}
}

const addressForm = "#profile-address form"

func TestUserChangesTheirAddress(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		b, elsewhere := w.browser(), w.browser()
		b.userSignIn("hana@nord.example", userPassphrase).submit("#choice-form", url.Values{"account": {"nord"}})
		elsewhere.userSignIn("hana@nord.example", userPassphrase).submit("#choice-form", url.Values{"account": {"sued"}})
		if _, err := w.store.DeleteAccount(ctx, backoffice.CommandLine(), "sued", "Sued AG", false); err != nil {
			t.Fatal(err)
		}
		for why, form := range map[string]url.Values{
			"Enter the address":    wanted("", userPassphrase),
			"Enter the password":   wanted("hana@gmail.com", ""),
			"not your password":    wanted("hana@gmail.com", "wrong wrong wrong 1"),
			"the address you have": wanted("Hana@Nord.Example", userPassphrase),
		} {
			p := b.get("/profile").submit(addressForm, form)
			if v, _ := p.Find("#new-email").Attr("value"); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.text("#profile-address"), why) || v != form.Get("new_email") {
				t.Errorf("%s: %d %s", why, p.Status, p.text("#profile-address"))
			}
		}
		w.noMail()
		p := b.get("/profile").submit(addressForm, wanted("Hana@GMail.com", userPassphrase))
		if p.URL.Path != "/profile" || !strings.Contains(p.text(".toast, [role=status]")+p.text("body"), "A mail is on its way to hana@gmail.com") {
			t.Fatalf("%s %s", p.URL, p.text("main"))
		}
		m, notice := w.mailed(), w.mailed()
		if m.Kind != backoffice.MailChange || m.To != "hana@gmail.com" || !m.ExpiresAt.Equal(w.clock.Now().Add(30*time.Minute).Truncate(time.Microsecond)) {
			t.Errorf("%+v", m)
		}
		if notice.Kind != backoffice.MailChangeAsked || notice.To != "hana@nord.example" || notice.Address != "hana@gmail.com" || notice.Token != "" {
			t.Errorf("%+v", notice)
		}
		// T-29: in a browser without a session the token stands in no address that follows.
		stranger := w.browser()
		if p := stranger.get("/profile/address/confirm?token=" + m.Token); p.URL.Path != "/sign-in" || strings.Contains(p.URL.String(), m.Token) {
			t.Errorf("without a session: %s", p.URL)
		}
		// Who reads the mail and is another user gets nothing.
		stranger = w.browser()
		stranger.userSignIn("uma@nord.example", userPassphrase)
		if p := stranger.get("/profile/address/confirm?token=" + m.Token); p.Status != http.StatusNotFound {
			t.Errorf("somebody else: %d", p.Status)
		}
		if got := w.raw(raw{method: "POST", path: "/profile/address/confirm", cookies: map[string]string{"steward-user": stranger.cookie("steward-user"), "change-link": m.Token}}); got.Status != http.StatusNotFound {
			t.Errorf("somebody else, posted: %d", got.Status)
		}
		before := b.cookie("steward-user")
		p = b.get("/profile/address/confirm?token=" + m.Token)
		if p.URL.RequestURI() != "/profile/address/confirm" || !strings.Contains(p.text("main"), "hana@gmail.com") {
			t.Fatalf("%s %s", p.URL, p.text("main"))
		}
		p = p.submit("#confirm-address-form", nil)
		if p.URL.Path != "/profile" || !strings.Contains(p.text("#profile-address"), "hana@gmail.com") || b.cookie("steward-user") == before {
			t.Fatalf("%s %s", p.URL, p.text("main"))
		}
		if elsewhere.get("/portal").URL.Path != "/sign-in" {
			t.Error("another session outlived the change")
		}
		if m := w.mailed(); m.Kind != backoffice.MailChanged || m.To != "hana@nord.example" || m.Address != "hana@gmail.com" {
			t.Errorf("%+v", m)
		}
		u, _, err := w.store.UserCredentials(ctx, "hana@gmail.com")
		if err != nil || !u.Verified {
			t.Errorf("%+v, %v", u, err)
		}
		account, err := w.store.Account(ctx, "nord")
		if err != nil || account.PrimaryEmail != "hana@gmail.com" || account.CompanyDomain {
			t.Errorf("%+v, %v", account, err)
		}
		w.sound()
		// An account that was in the bin comes back with the new address.
		if _, err := w.store.RestoreAccounts(ctx, backoffice.CommandLine(), []string{"sued"}); err != nil {
			t.Fatal(err)
		}
		if account, err := w.store.Account(ctx, "sued"); err != nil || account.PrimaryEmail != "hana@gmail.com" {
			t.Errorf("%+v, %v", account, err)
		}
		w.sound()
		if p := w.browser().userSignIn("hana@nord.example", userPassphrase); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("the old address: %d", p.Status)
		}
		if p := w.browser().userSignIn("hana@gmail.com", userPassphrase); p.URL.Path != "/sign-in/accounts" {
			t.Errorf("the new address: %s", p.URL)
		}
		if p := b.get("/profile/address/confirm?token=" + m.Token); p.Status != http.StatusNotFound {
			t.Errorf("a second time: %d", p.Status)
		}
	})
}

// T-33: whether somebody has the wanted address does not show, and they are told.
func TestAttack_T33_NewAddressTellsNothing(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		b := w.browser()
		b.userSignIn("uma@nord.example", userPassphrase)
		try := func(email string) string {
			p := b.get("/profile").submit(addressForm, wanted(email, userPassphrase))
			return http.StatusText(p.Status) + p.URL.String() + strings.ReplaceAll(p.text("body"), email, "EMAIL")
		}
		known := try("hana@nord.example")
		if m := w.mailed(); m.Kind != backoffice.MailKnown || m.To != "hana@nord.example" || m.Token != "" {
			t.Errorf("%+v", m)
		}
		if m := w.mailed(); m.Kind != backoffice.MailChangeAsked {
			t.Errorf("%+v", m)
		}
		if unknown := try("hona@nord.example"); unknown != known {
			t.Errorf("a known address answers\n%s\n\nan unknown one\n%s", known, unknown)
		}
	})
}

// T-27: of many links to different addresses, each gives the address that it was
// mailed to or nothing, and the address that somebody got meanwhile is theirs.
func TestAttack_T27_AddressChangesRace(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		b := w.browser()
		b.userSignIn("uma@nord.example", userPassphrase)
		u, _, err := w.store.UserCredentials(ctx, "uma@nord.example")
		if err != nil {
			t.Fatal(err)
		}
		actor := backoffice.Actor{Kind: backoffice.ActorUser, Key: u.Key, ID: u.ID, Email: u.Email}
		const racers = 16
		tokens := map[string]string{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range racers {
			all.Add(1)
			go func() {
				defer all.Done()
				email := "uma" + string(rune('a'+i)) + "@nord.example"
				token := ""
				if _, err := w.store.AskNewAddress(ctx, actor, email, func() (string, []byte) {
					var hash []byte
					token, hash = auth.ChangeLinkToken.New()
					return token, hash
				}); err != nil {
					t.Error(err)
				}
				mu.Lock()
				tokens[email] = token
				mu.Unlock()
			}()
		}
		all.Wait()
		confirmed := ""
		for email, token := range tokens {
			all.Add(1)
			go func() {
				defer all.Done()
				_, err := w.store.UseChangeLink(ctx, actor, mustHash(t, auth.ChangeLinkToken, token), nil, auth.ReturnLinkToken.New)
				if err == nil {
					mu.Lock()
					if confirmed != "" {
						t.Errorf("both %s and %s", confirmed, email)
					}
					confirmed = email
					mu.Unlock()
				}
			}()
		}
		all.Wait()
		if confirmed == "" {
			t.Fatal("none of the links works")
		}
		if now, _, err := w.store.UserCredentials(ctx, confirmed); err != nil || now.ID != u.ID {
			t.Errorf("%s is %+v, %v", confirmed, now, err)
		}

		// One link, 16 at once.
		token, hash := "", []byte(nil)
		actor.Email = confirmed
		if _, err := w.store.AskNewAddress(ctx, actor, "uma-once@nord.example", func() (string, []byte) {
			token, hash = auth.ChangeLinkToken.New()
			return token, hash
		}); err != nil {
			t.Fatal(err)
		}
		through := 0
		for range racers {
			all.Add(1)
			go func() {
				defer all.Done()
				if _, err := w.store.UseChangeLink(ctx, actor, hash, nil, auth.ReturnLinkToken.New); err == nil {
					mu.Lock()
					through++
					mu.Unlock()
				}
			}()
		}
		all.Wait()
		if through != 1 {
			t.Errorf("%d got through with one link", through)
		}

		// Somebody gets the address between the mail and the click.
		if _, err := w.store.AskNewAddress(ctx, actor, "taken@nord.example", func() (string, []byte) {
			token, hash = auth.ChangeLinkToken.New()
			return token, hash
		}); err != nil {
			t.Fatal(err)
		}
		w.member("nord", "taken@nord.example", backoffice.RoleReadOnly)
		b = w.browser()
		b.userSignIn("uma-once@nord.example", userPassphrase)
		p := b.get("/profile/address/confirm?token="+token).submit("#confirm-address-form", nil)
		if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.text("#address-refused"), "Somebody has this address") {
			t.Errorf("taken meanwhile: %d %s", p.Status, p.text("main"))
		}
		w.sound()
	})
}

// A new password makes the link to another address dead: that is what the notice
// to the old one says.
func TestNewPasswordStopsANewAddress(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		b := w.browser()
		b.userSignIn("uma@nord.example", userPassphrase)
		b.get("/profile").submit(addressForm, wanted("eve@elsewhere.example", userPassphrase))
		m := w.mailed()
		b.get("/profile").submit("#profile-password form", url.Values{"current": {userPassphrase}, "password": {"eleven green bottles"}, "again": {"eleven green bottles"}})
		if p := b.get("/profile/address/confirm?token=" + m.Token); p.Status != http.StatusNotFound {
			t.Errorf("%d %s", p.Status, p.text("main"))
		}
		if _, err := w.store.MailedLink(ctx, store.LinkChange, mustHash(t, auth.ChangeLinkToken, m.Token)); err == nil {
			t.Error("the link is alive")
		}
	})
}

// Somebody who knew the password moved the user to an address of their own. The
// old address takes it back by its mail: looking does nothing, the act ends every
// session and what was set since; what was there before stays.
func TestOldAddressTakesTheChangeBack(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		stolen := w.browser() // the thief sits at the owner's browser
		stolen.userSignIn("uma@nord.example", userPassphrase)
		secret, _ := stolen.enrolOnProfile("/profile/mfa")
		w.mailed()
		w.clock.Add(time.Minute)
		u, _, err := w.store.UserCredentials(ctx, "uma@nord.example")
		if err != nil {
			t.Fatal(err)
		}
		p := stolen.get("/profile").submit(addressForm, wanted("thief@evil.example", userPassphrase))
		if p.URL.Path != "/profile" {
			t.Fatalf("%d %s", p.Status, p.text("main"))
		}
		link := w.mailed()
		for link.Kind != backoffice.MailChange {
			link = w.mailed()
		}
		stolen.get("/profile/address/confirm?token="+link.Token).submit("#confirm-address-form", nil)
		notice := w.mailed()
		for notice.Kind != backoffice.MailChanged {
			notice = w.mailed()
		}
		if notice.To != "uma@nord.example" || notice.Token == "" || !notice.ExpiresAt.Equal(w.clock.Now().Add(7*24*time.Hour).Truncate(time.Microsecond)) {
			t.Fatalf("%+v", notice)
		}
		h := backoffice.MFAHolder{Kind: backoffice.ActorUser, Key: u.Key}
		running, _ := auth.UserSessionToken.Hash(stolen.cookie("steward-user"))
		if _, err := w.store.AddPasskey(ctx, backoffice.CommandLine(), h, backoffice.PasskeyEntry{Name: "Thief", Credential: []byte("thief"), Data: "{}"}, nil, running); err != nil {
			t.Fatal(err)
		}
		// T-29, T-51: the token leaves the address, and looking changes nothing.
		victim := w.browser()
		before := storetest.Dump(t, w.store)
		p = victim.get("/sign-in/address?token=" + notice.Token)
		if p.Status != http.StatusOK || p.URL.RequestURI() != "/sign-in/address" || !strings.Contains(p.text("main"), "uma@nord.example") || strings.Contains(p.Body, "evil") || strings.Contains(p.Body, notice.Token) {
			t.Fatalf("%d %s %s", p.Status, p.URL, p.text("main"))
		}
		w.unchanged(before, "opening the link")
		if got := w.raw(raw{method: "POST", path: "/sign-in/address/restoration"}); got.Status != http.StatusNotFound {
			t.Errorf("without the link: %d", got.Status)
		}
		if got := w.raw(raw{method: "POST", path: "/sign-in/link/use", cookies: map[string]string{"sign-in-link": notice.Token}}); got.Status != http.StatusNotFound {
			t.Errorf("at another door: %d", got.Status)
		}
		p = p.submit("#return-address-form", nil)
		if p.Status != http.StatusOK || !strings.Contains(p.text("h1"), "yours again") || victim.cookie("steward-user") != "" {
			t.Fatalf("%d %s", p.Status, p.text("main"))
		}
		if stolen.get("/portal").URL.Path != "/sign-in" {
			t.Error("the thief is still in")
		}
		if got, _, err := w.store.UserCredentials(ctx, "uma@nord.example"); err != nil || got.Key != u.Key {
			t.Errorf("%+v, %v", got, err)
		}
		if _, _, err := w.store.UserCredentials(ctx, "thief@evil.example"); err == nil {
			t.Error("the thief’s address is a user’s")
		}
		if m, err := w.store.MFA(ctx, h); err != nil || m.Methods != backoffice.AuthenticatorApp || m.AppSince.IsZero() || len(m.Passkeys) != 0 || m.CodesLeft != 0 {
			t.Errorf("second factors: %+v, %v", m, err)
		}
		if p := victim.get("/sign-in/address?token=" + notice.Token); p.Status != http.StatusNotFound {
			t.Errorf("a second time: %d", p.Status)
		}
		for _, email := range []string{"uma@nord.example", "thief@evil.example"} {
			if p := w.browser().userSignIn(email, userPassphrase); p.Status != http.StatusUnprocessableEntity {
				t.Errorf("by the old password as %s: %d", email, p.Status)
			}
		}
		mails := map[backoffice.MailKind]backoffice.Mail{}
		for range 2 {
			m := w.mailed()
			for m.Kind == backoffice.MailFactor {
				m = w.mailed()
			}
			mails[m.Kind] = m
		}
		if m := mails[backoffice.MailChanged]; m.To != "thief@evil.example" || m.Token != "" {
			t.Errorf("%+v", m)
		}
		reset := mails[backoffice.MailReset]
		if reset.To != "uma@nord.example" {
			t.Fatalf("%+v", mails)
		}
		p = victim.get("/sign-in/reset?token="+reset.Token).submit("#reset-password-form", url.Values{"password": {goodPassword}, "again": {goodPassword}})
		if p.Status != http.StatusOK {
			t.Fatalf("%d %s", p.Status, p.text("main"))
		}
		// T-47: the factor from before is still asked for.
		if p = victim.userSignIn("uma@nord.example", goodPassword); p.URL.Path != "/sign-in/mfa" {
			t.Fatalf("%s", p.URL)
		}
		if p = p.submit("#mfa-form", url.Values{"code": {w.codeNow(secret)}}); p.URL.Path != "/portal" {
			t.Errorf("%s %s", p.URL, p.text("main"))
		}
		page, err := w.store.Events(ctx, backoffice.EventFilter{}, "", 30)
		found := false
		for _, e := range page.Rows {
			found = found || e.Action == "user.address-returned" && e.ActorID == u.ID
		}
		if err != nil || !found {
			t.Errorf("the trail: %v", err)
		}
		w.sound()
	})
}

// Somebody else has become a user with the address meanwhile: it is not given back,
// the page says so and whom to ask, and nobody gets in with what took its place.
func TestAddressThatSomebodyElseHasLocksTheUser(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		u := w.person("uma@nord.example")
		thief := w.browser()
		thief.userSignIn("uma@nord.example", userPassphrase)
		thief.get("/profile").submit(addressForm, wanted("thief@evil.example", userPassphrase))
		link := w.mailed()
		for link.Kind != backoffice.MailChange {
			link = w.mailed()
		}
		thief.get("/profile/address/confirm?token="+link.Token).submit("#confirm-address-form", nil)
		notice := w.mailed()
		for notice.Kind != backoffice.MailChanged {
			notice = w.mailed()
		}
		// The thief's friend invites the address, so that it is somebody's.
		other := w.member("nord", "uma@nord.example", backoffice.RoleReadOnly)
		victim := w.browser()
		p := victim.get("/sign-in/address?token=" + notice.Token)
		if p.Status != http.StatusOK || !strings.Contains(p.text("main"), "somebody else has become a user with it") || strings.Contains(p.Body, "evil") {
			t.Fatalf("before: %d %s", p.Status, p.text("main"))
		}
		p = p.submit("#return-address-form", nil)
		if p.Status != http.StatusConflict || p.text("h1") != "Your user is locked" || !strings.Contains(p.text("main"), "Ask the support of the company") || strings.Contains(p.Body, "evil") {
			t.Errorf("%d %s", p.Status, p.text("main"))
		}
		if thief.get("/portal").URL.Path != "/sign-in" {
			t.Error("the thief is still in")
		}
		if p := w.browser().userSignIn("thief@evil.example", userPassphrase); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("the thief comes back: %d", p.Status)
		}
		// Staff see it, free the address and unlock; the same link takes it back then.
		cli := backoffice.CommandLine()
		if _, err := w.store.DeleteUser(ctx, cli, other.ID); err != nil {
			t.Fatal(err)
		}
		if err := w.store.ChangeUser(ctx, cli, u.ID, store.SetLocked(false)); err != nil {
			t.Fatal(err)
		}
		p = victim.get("/sign-in/address?token="+notice.Token).submit("#return-address-form", nil)
		if p.Status != http.StatusOK || !strings.Contains(p.text("h1"), "yours again") {
			t.Errorf("free again: %d %s", p.Status, p.text("main"))
		}
		if got := w.person("uma@nord.example"); got.ID != u.ID {
			t.Errorf("the address is %s's", got.ID)
		}
		w.sound()
	})
}
