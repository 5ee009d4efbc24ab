package browsertest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
)

// The pages by which an address is taken back that somebody else has meanwhile, and
// what staff read before they remove the last who manages an account.
func TestEveryPageOfAnAddressTakenBack(t *testing.T) {
	pictures := os.Getenv("STEWARD_TEST_PICTURES")
	for _, dark := range []bool{false, true} {
		scheme := map[bool]string{false: "light", true: "dark"}[dark]
		for _, width := range []int64{380, 1280} {
			t.Run(fmt.Sprintf("%d-%s", width, scheme), func(t *testing.T) {
				w := newSite(t, owner())
				ids := furnishUsers(t, w)
				fail := func(err error) {
					t.Helper()
					if err != nil {
						t.Fatal(err)
					}
				}
				u, err := w.store.FindUser(ctx, ids["uma.okafor"])
				fail(err)
				actor := backoffice.Actor{Kind: backoffice.ActorUser, Key: u.Key, ID: u.ID, Email: u.Email}
				var link []byte
				var back string
				_, err = w.store.AskNewAddress(ctx, actor, "somebody@elsewhere.example", func() (token string, hash []byte) {
					token, link = auth.ChangeLinkToken.New()
					return token, link
				})
				fail(err)
				_, err = w.store.UseChangeLink(ctx, actor, link, nil, func() (token string, hash []byte) {
					back, hash = auth.ReturnLinkToken.New()
					return back, hash
				})
				fail(err)
				_, err = w.store.CreateUser(ctx, backoffice.CommandLine(), store.CreatedUser{Email: u.Email}, nil)
				fail(err)
				p := w.tab(t, tabOptions{width: width, height: 860, dark: dark})
				look := func(name string) {
					t.Helper()
					p.accessible(name)
					if over := eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
						t.Errorf("%s at %d: %d pixels wider than the window", name, width, over)
					}
					if pictures != "" {
						p.picture(filepath.Join(pictures, fmt.Sprintf("address-%s.%d.%s.png", name, width, scheme)))
					}
				}
				p.open("/sign-in/address?token=" + back)
				look("lock")
				p.click("#return-address-form button")
				p.wait(`document.querySelector("#return-address-form") === null`)
				look("locked")
				p.open("/backoffice/users/" + ids["hana.fischer"] + "/memberships/nord/removal")
				p.wait(`document.querySelector("#last-manager") !== null`)
				look("last-manager")
			})
		}
	}
}
