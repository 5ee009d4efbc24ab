package browsertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
)

const userPassphrase = "seven quiet lanterns"

// furnishUsers makes two accounts with users who have a password, and returns the
// public IDs by the local part of the address.
func furnishUsers(t *testing.T, w *site) map[string]string {
	t.Helper()
	cli := backoffice.CommandLine()
	for id, name := range map[string]string{"nord": "Nord Textil Handelsgesellschaft mbH & Co. KG", "sakura": "株式会社さくら物流"} {
		if _, err := w.store.CreateAccount(ctx, cli, backoffice.NewAccount{Name: name, ID: id, PrimaryEmail: "hana.fischer@nord-textil.example"}); err != nil {
			t.Fatal(err)
		}
	}
	hash, err := auth.NewHasher(2).Hash(ctx, userPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, local := range []string{"uma.okafor", "ben.larsen", "aiko.tanaka", "hana.fischer"} {
		email := local + "@nord-textil.example"
		if local != "hana.fischer" {
			if _, err := w.store.AddUser(ctx, cli, "nord", backoffice.NewMember{Email: email, Roles: []string{backoffice.RoleReadOnly}}); err != nil {
				t.Fatal(err)
			}
		}
		u, _, err := w.store.UserCredentials(ctx, email)
		if err != nil {
			t.Fatal(err)
		}
		ids[local] = u.ID
		if local == "hana.fischer" {
			var link []byte
			if err := w.store.MailLink(ctx, store.LinkSignIn, email, "", func() (made string, hash []byte) {
				made, link = auth.SignInLinkToken.New()
				return made, link
			}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.store.UseSignInLink(ctx, link, []byte("half way"), false); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.store.SetUserPassword(ctx, cli, u.Key, "", hash, nil); err != nil {
			t.Fatal(err)
		}
		name := strings.ToUpper(local[:1]) + strings.ReplaceAll(local[1:], ".", " ")
		if err := w.store.RenameUser(ctx, cli, u.ID, name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.store.CreateAccount(ctx, cli, backoffice.NewAccount{Name: "West Logistik AG", ID: "west"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.InviteUser(ctx, *owner(), "west", backoffice.NewMember{Email: "hana.fischer@nord-textil.example", Roles: []string{backoffice.RoleReadOnly}}, auth.InvitationToken.New); err != nil {
		t.Fatal(err)
	}
	invited, err := w.store.InviteUser(ctx, cli, "nord", backoffice.NewMember{Email: "new.colleague@nord-textil.example", Roles: []string{backoffice.RoleAdmin}}, auth.InvitationToken.New)
	if err != nil {
		t.Fatal(err)
	}
	ids["invited"] = invited.ID
	return ids
}

// The pages that users of accounts meet, on their real way: in light and dark,
// wide and narrow, by axe-core and the content policy.
func TestEveryPageOfUsers(t *testing.T) {
	w := newSite(t, owner())
	ids := furnishUsers(t, w)
	apps := furnishApplications(t, w, "nord")
	if err := w.store.SaveSignUpSettings(ctx, backoffice.CommandLine(), backoffice.SignUpSettings{Open: true, Verify: true}); err != nil {
		t.Fatal(err)
	}
	pictures := os.Getenv("STEWARD_TEST_PICTURES")
	for _, dark := range []bool{false, true} {
		scheme := map[bool]string{false: "light", true: "dark"}[dark]
		for _, width := range []int64{380, 1280, 1920} {
			t.Run(fmt.Sprintf("%d-%s", width, scheme), func(t *testing.T) {
				p := w.tab(t, tabOptions{width: width, height: 860, dark: dark})
				look := func(name string) {
					t.Helper()
					if over := eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
						t.Errorf("%s at %d: %d pixels wider than the window", name, width, over)
					}
					p.accessible(fmt.Sprintf("%s at %d, %s", name, width, scheme))
					if pictures != "" {
						p.picture(filepath.Join(pictures, fmt.Sprintf("user-%s.%d.%s.png", name, width, scheme)))
					}
				}
				p.open("/backoffice/settings/sign-up")
				look("settings-sign-up")
				p.open("/sign-up")
				look("sign-up")
				for field, typed := range map[string]string{"#email": fmt.Sprintf("new%d%s@west.example", width, scheme), "#name": "Ida West", "#account": "West AG", "#password": "too short", "#again": "too short"} {
					p.fill(field, typed)
				}
				p.click("#sign-up-form button[type=submit]")
				p.wait(`document.querySelector("#password[aria-invalid=true]") !== null`)
				look("sign-up-refused")
				p.fill("#password", userPassphrase)
				p.fill("#again", userPassphrase)
				p.click("#sign-up-form button[type=submit]")
				p.wait(`location.pathname === "/sign-up/mail"`)
				look("sign-up-mail")
				p.open("/sign-in")
				look("address")
				p.fill("#email", "nonsense")
				eval[bool](p, `(document.querySelector("#address-form").noValidate = true)`)
				p.click("#address-form button")
				p.wait(`document.querySelector(".problem") !== null`)
				look("address-refused")
				// Another address each time: who asks for too many links waits.
				p.fill("#email", fmt.Sprintf("someone%d%s@nord-textil.example", width, scheme))
				p.click("#address-form button")
				p.wait(`document.querySelector("#password-form") !== null`)
				look("ways")
				p.fill("#password", "not the password")
				p.click("#password-form button")
				p.wait(`document.querySelector("#sign-in-refused") !== null`)
				look("ways-refused")
				p.click("#link-form button")
				p.wait(`location.pathname === "/sign-in/mail"`)
				look("mail")
				p.open("/sign-in/link")
				look("dead-link")
				p.open("/sign-in/address?token=" + leftAddress(t, w, fmt.Sprintf("left%d%s@west.example", width, scheme)))
				look("address-return")
				p.click("#return-address-form button")
				p.wait(`document.querySelector("#return-address-form") === null`)
				look("address-returned")
				p.open("/sign-in")
				p.fill("#email", "hana.fischer@nord-textil.example")
				p.click("#address-form button")
				p.wait(`document.querySelector("#password-form") !== null`)
				p.open("/sign-in/password")
				p.fill("#password", userPassphrase)
				p.click("#password-form button")
				p.wait(`location.pathname === "/sign-in/accounts"`)
				look("choice")
				p.click("#choice-form button[value=nord]")
				p.wait(`location.pathname === "/portal"`)
				look("portal")
				p.click("button.brand")
				look("switch")
				for _, path := range []string{"/profile", "/portal/users", "/portal/users?q=zzzz", "/portal/users/new", "/portal/applications", "/portal/applications/" + apps["Ledger"], "/portal/applications/" + apps["Night Agent"],
					"/portal/applications/" + apps["Night Agent"] + "/users/new", "/portal/applications/" + apps["Night Agent"] + "/auto-assignment",
					"/portal/users/" + ids["uma.okafor"], "/portal/users/" + ids["invited"], "/portal/users/" + ids["uma.okafor"] + "/removal", "/portal/nothing"} {
					p.open(path)
					name := strings.NewReplacer(apps["Ledger"], "ledger", apps["Night Agent"], "agent", ids["uma.okafor"], "id", ids["invited"], "invited", "/", "-", "?", "-", "=", "-").Replace(strings.Trim(path, "/"))
					look(name)
				}
			})
		}
	}
}

// leftAddress makes a user who has left the address, and returns the token by
// which it takes them back.
func leftAddress(t *testing.T, w *site, email string) (token string) {
	t.Helper()
	u, err := w.store.AddUser(ctx, backoffice.CommandLine(), "nord", backoffice.NewMember{Email: email, Roles: []string{backoffice.RoleReadOnly}})
	if err != nil {
		t.Fatal(err)
	}
	actor := backoffice.Actor{Kind: backoffice.ActorUser, Key: u.Key, ID: u.ID, Email: email}
	var link []byte
	if _, err := w.store.AskNewAddress(ctx, actor, "new."+email, func() (made string, hash []byte) {
		made, link = auth.ChangeLinkToken.New()
		return made, link
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.UseChangeLink(ctx, actor, link, nil, func() (string, []byte) {
		made, hash := auth.ReturnLinkToken.New()
		token = made
		return made, hash
	}); err != nil {
		t.Fatal(err)
	}
	return token
}

// A user signs in without script, switches, and signs out.
func TestUserWithoutScript(t *testing.T) {
	w := newSite(t, owner())
	furnishUsers(t, w)
	p := w.tab(t, tabOptions{width: 1280, height: 860, noScript: true})
	p.open("/portal")
	p.fill("#email", "hana.fischer@nord-textil.example")
	p.click("#address-form button")
	p.wait(`document.querySelector("#password-form") !== null`)
	p.fill("#password", userPassphrase)
	p.click("#password-form button")
	p.wait(`document.querySelector("#choice-form") !== null`)
	p.click("#choice-form button[value=sakura]")
	p.wait(`location.pathname === "/portal" && document.querySelector("h1") !== null`)
	if got := p.text("h1"); !strings.Contains(got, "株式会社さくら物流") {
		t.Errorf("landed at %q", got)
	}
	account, err := w.store.Account(ctx, "sakura")
	if err != nil || account.Visits != 1 {
		t.Errorf("the visit: %+v, %v", account, err)
	}
}
