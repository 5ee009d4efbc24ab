package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// T-05: the ID of a user, which customers see of those whom they invite, does not
// tell when the user was made, and so not whether another customer had them before.
func TestAttack_T05_IDsOfUsersDoNotTellWhen(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		create(t, s, "Nord", "nord", "hana@nord.example")
		_, err := s.InviteUser(ctx, cmd, "nord", backoffice.NewMember{Email: "uma@nord.example", Roles: []string{backoffice.RoleReadOnly}}, auth.InvitationToken.New)
		must(err)
		_, err = s.CreateUser(ctx, cmd, store.CreatedUser{Email: "tom@nord.example"}, nil)
		must(err)
		must(s.SaveSignUpSettings(ctx, cmd, backoffice.SignUpSettings{Open: true, Verify: true}))
		_, err = s.SignUp(ctx, backoffice.NewSignUp{Email: "mara@lind.example", Name: "Mara", Account: "Lind"}, "hash", "", "", auth.VerifyLinkToken.New)
		must(err)
		apply(t, s, plan(t, s, func(yield func(store.ImportFile, error) bool) {
			yield(store.ImportFile{Kind: backoffice.ImportUsers, Name: "users.csv", Reader: strings.NewReader("email,account_id,roles\nivy@nord.example,nord,read-only\n")}, nil)
		}))
		for _, email := range []string{"hana@nord.example", "uma@nord.example", "tom@nord.example", "mara@lind.example", "ivy@nord.example"} {
			u := userNamed(t, s, email)
			id, err := uuid.Parse(u.ID)
			if err != nil || id.Version() != 4 {
				t.Errorf("%s has the ID %s of version %d, %v", email, u.ID, id.Version(), err)
			}
			clock.Add(time.Hour)
		}
		agree(t, s)
	})
}
