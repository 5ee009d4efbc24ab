package store_test

import (
	"strings"
	"testing"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// Two addresses with one canonical form are one user: whoever brings them, by
// whatever way in, sixteen at once.
func TestAttack_T26_OneUserPerAddress(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cli := backoffice.CommandLine()
		create(t, s, "Nord Textiles", "nord", "")
		if err := s.SaveSignUpSettings(ctx, cli, backoffice.SignUpSettings{Open: true, Verify: true}); err != nil {
			t.Fatal(err)
		}
		other, err := s.CreateUser(ctx, cli, store.CreatedUser{Email: "other@nord.example"}, auth.InvitationToken.New)
		if err != nil {
			t.Fatal(err)
		}
		spellings := []string{"Mara.Lind@München.example", "mara.lind@xn--mnchen-3ya.example", " MARA.LIND@MÜNCHEN.EXAMPLE ", "mara.LIND@XN--MNCHEN-3YA.example"}
		ways := []func(email string) error{
			func(email string) error {
				_, err := s.CreateUser(ctx, cli, store.CreatedUser{Email: email}, auth.InvitationToken.New)
				return err
			},
			func(email string) error {
				_, err := s.InviteUser(ctx, cli, "nord", backoffice.NewMember{Email: email, Roles: []string{backoffice.RoleReadOnly}}, auth.InvitationToken.New)
				return err
			},
			func(email string) error {
				_, err := s.SignUp(ctx, backoffice.NewSignUp{Email: email, Name: "Mara", Account: "Lind"}, "hash", "", auth.VerifyLinkToken.New)
				return err
			},
			func(email string) error {
				actor := backoffice.Actor{Kind: backoffice.ActorUser, Key: other.Key, ID: other.ID, Email: other.Email}
				var link []byte
				mint := func() (string, []byte) {
					token, hash := auth.ChangeLinkToken.New()
					link = hash
					return token, hash
				}
				if _, err := s.AskNewAddress(ctx, actor, email, mint); err != nil || link == nil {
					return err
				}
				_, err := s.UseChangeLink(ctx, actor, link, nil)
				return err
			},
		}
		sixteen(t, nil, func(i int) error {
			_ = ways[i%len(ways)](spellings[i/len(ways)]) // who comes later is refused, each in the words of their way
			return nil
		})
		found := 0
		for _, row := range storetest.Dump(t, s)["users"] {
			if strings.Contains(strings.ToLower(row), "lind@") {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%d users have one address", found)
		}
		for _, spelling := range spellings {
			if _, err := s.CreateUser(ctx, cli, store.CreatedUser{Email: spelling}, auth.InvitationToken.New); err == nil {
				t.Errorf("%q makes another user", spelling)
			}
		}
		if _, err := s.Check(ctx, func(f store.Finding) { t.Errorf("%s: %s", f.What, f.Detail) }); err != nil {
			t.Fatal(err)
		}
	})
}
