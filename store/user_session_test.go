package store_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// signInOf begins a sign-in of a user and enters the account.
func signInOf(t *testing.T, s *store.Store, email, accountID, name string) (backoffice.SignedInUser, []byte) {
	t.Helper()
	u, _, err := s.UserCredentials(ctx, email)
	if err != nil {
		t.Fatal(err)
	}
	pending, hash := []byte("pending "+name), []byte("session "+name)
	if err := s.BeginSignIn(ctx, u.Key, backoffice.ByPassword, pending, false, ""); err != nil {
		t.Fatal(err)
	}
	x, err := s.EnterAccount(ctx, store.SignIn{Session: backoffice.UserSession{Address: "203.0.113.7", UserAgent: "Test"}, Hash: hash, Pending: pending}, accountID)
	if err != nil {
		t.Fatal(err)
	}
	return x, hash
}

func twoAccounts(t *testing.T, s *store.Store) {
	t.Helper()
	for _, id := range []string{"nord", "sued"} {
		if _, err := s.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: "Account " + id, ID: id, PrimaryEmail: "hana@nord.example"}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEnteringAnAccountIsAVisitOnceADay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		twoAccounts(t, s)
		account := func() backoffice.Account {
			a, err := s.Account(ctx, "nord")
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		if a := account(); a.Visits != 0 || !a.LastVisit.IsZero() {
			t.Fatalf("before: %+v", a)
		}
		x, hash := signInOf(t, s, "hana@nord.example", "nord", "1")
		if x.Standing.Status != backoffice.Activated || len(x.Standing.Roles) != 1 || !x.Actor("").MayHere(backoffice.WriteUsers) {
			t.Errorf("standing: %+v", x.Standing)
		}
		first := clock.Now()
		if a := account(); a.Visits != 1 || !a.LastVisit.Equal(first) {
			t.Errorf("after the first: %d visits, last %v, want %v", a.Visits, a.LastVisit, first)
		}
		clock.Add(time.Hour)
		signInOf(t, s, "hana@nord.example", "nord", "2")
		if a := account(); a.Visits != 1 || !a.LastVisit.Equal(clock.Now()) {
			t.Errorf("a second on the same day: %d visits, last %v", a.Visits, a.LastVisit)
		}
		kpis, err := s.KPIs(ctx)
		if err != nil || kpis.Now.ActiveAccounts != 1 {
			t.Errorf("%+v, %v", kpis, err)
		}
		next := []byte("switched")
		y, err := s.SwitchAccount(ctx, hash, next, "sued", "203.0.113.8", "Test")
		if err != nil || y.Standing.Account.ID != "sued" || !y.CreatedAt.Equal(x.CreatedAt) {
			t.Fatalf("%+v, %v", y, err)
		}
		if _, err := s.FindUserSession(ctx, hash); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("the token from before the switch: %v", err)
		}
		if a, _ := s.Account(ctx, "sued"); a.Visits != 1 {
			t.Errorf("switching into an account is a visit: %d", a.Visits)
		}
		if found := findings(t, s); len(found) > 0 {
			t.Errorf("check: %v", found)
		}
	})
}

// Revoking anything takes effect on the next request.
func TestAttack_T13_UserSessionAfterRevocation(t *testing.T) {
	cli := backoffice.CommandLine()
	for name, revoke := range map[string]func(*testing.T, *store.Store){
		"the account is deleted": func(t *testing.T, s *store.Store) {
			if _, err := s.DeleteAccount(ctx, cli, "nord", "Account nord", false); err != nil {
				t.Fatal(err)
			}
		},
		"sign out everywhere": func(t *testing.T, s *store.Store) {
			u, _, _ := s.UserCredentials(ctx, "hana@nord.example")
			if n, err := s.EndUserSessions(ctx, cli, u.Key, nil); err != nil || n != 1 {
				t.Fatalf("%d, %v", n, err)
			}
		},
		"a new password": func(t *testing.T, s *store.Store) {
			u, _, _ := s.UserCredentials(ctx, "hana@nord.example")
			if err := s.SetUserPassword(ctx, cli, u.Key, "", "hash", nil); err != nil {
				t.Fatal(err)
			}
		},
		"MFA is forced": func(t *testing.T, s *store.Store) {
			p, err := s.PolicyOf(ctx, "nord")
			if err != nil {
				t.Fatal(err)
			}
			p.Own.MFAForce = backoffice.Some(backoffice.Force)
			if err := s.SavePolicy(ctx, cli, "nord", p.Own, p.Version); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
				twoAccounts(t, s)
				_, hash := signInOf(t, s, "hana@nord.example", "nord", "1")
				if x, err := s.FindUserSession(ctx, hash); err != nil || !x.Runs(clock.Now()) {
					t.Fatalf("%+v, %v", x, err)
				}
				revoke(t, s)
				if x, err := s.FindUserSession(ctx, hash); err == nil && x.Runs(clock.Now()) {
					t.Errorf("the session still runs: %+v", x)
				}
			})
		})
	}
}

func TestOldestSessionsMakeRoom(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		twoAccounts(t, s)
		p, _ := s.PolicyOf(ctx, "nord")
		p.Own.MaxSessions = backoffice.Some(2)
		if err := s.SavePolicy(ctx, backoffice.CommandLine(), "nord", p.Own, p.Version); err != nil {
			t.Fatal(err)
		}
		var hashes [][]byte
		for i := range 4 {
			clock.Add(time.Minute)
			_, h := signInOf(t, s, "hana@nord.example", "nord", fmt.Sprint(i))
			hashes = append(hashes, h)
		}
		for i, h := range hashes {
			if _, err := s.FindUserSession(ctx, h); (err == nil) != (i >= 2) {
				t.Errorf("session %d: %v", i, err)
			}
		}
	})
}

// A sign-in under way leads into one session, however many come with it at once.
func TestAttack_T28_PendingSignInIsUsedOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		twoAccounts(t, s)
		u, _, _ := s.UserCredentials(ctx, "hana@nord.example")
		pending := []byte("pending")
		if err := s.BeginSignIn(ctx, u.Key, backoffice.ByPassword, pending, false, ""); err != nil {
			t.Fatal(err)
		}
		var in atomic.Int64
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				_, err := s.EnterAccount(ctx, store.SignIn{Hash: []byte(fmt.Sprint("session ", i)), Pending: pending}, "nord")
				if err == nil {
					in.Add(1)
				} else if !errors.Is(err, backoffice.ErrNotFound) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if in.Load() != 1 {
			t.Errorf("%d sessions of one sign-in", in.Load())
		}
		// Neither a foreign account nor one step too early, nor too late.
		if err := s.BeginSignIn(ctx, u.Key, backoffice.ByPassword, pending, false, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := s.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: "West", ID: "west"}); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"west", "nowhere", ""} {
			if _, err := s.EnterAccount(ctx, store.SignIn{Hash: []byte("x"), Pending: pending}, id); !errors.Is(err, backoffice.ErrForbidden) {
				t.Errorf("entering %q: %v", id, err)
			}
		}
		clock.Add(store.PendingSignInLife)
		if _, err := s.EnterAccount(ctx, store.SignIn{Hash: []byte("x"), Pending: pending}, "nord"); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("after its time: %v", err)
		}
	})
}
