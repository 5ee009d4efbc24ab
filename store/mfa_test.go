package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// eachHolder runs a test for a user and for a member of staff, on both engines.
func eachHolder(t *testing.T, test func(t *testing.T, s *store.Store, clock *storetest.Clock, h backoffice.MFAHolder)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		twoAccounts(t, s)
		u, _, err := s.UserCredentials(ctx, "hana@nord.example")
		if err != nil {
			t.Fatal(err)
		}
		staff, err := s.AddStaff(ctx, backoffice.CommandLine(), backoffice.NewStaff{Email: "ada@vendor.example", Name: "Ada Weber", Role: backoffice.Owner}, "hash")
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range []backoffice.MFAHolder{{Kind: backoffice.ActorUser, Key: u.Key}, {Kind: backoffice.ActorStaff, Key: staff.Key}} {
			t.Run(string(h.Kind), func(t *testing.T) { test(t, s, clock, h) })
		}
	})
}

func code(t *testing.T, secret []byte, at time.Time) store.CodeCheck {
	t.Helper()
	v, err := auth.TOTPCode(secret, at)
	if err != nil {
		t.Fatal(err)
	}
	return auth.TOTPCheck(v)
}

// enrolApp enrols an authenticator app and returns its key.
func enrolApp(t *testing.T, s *store.Store, h backoffice.MFAHolder, hashes [][]byte) []byte {
	t.Helper()
	secret := auth.NewTOTPSecret()
	if err := s.BeginAuthenticator(ctx, h, secret); err != nil {
		t.Fatal(err)
	}
	if made, err := s.EnrolAuthenticator(ctx, backoffice.CommandLine(), h, code(t, secret, s.Now()), hashes, nil); err != nil || !made {
		t.Fatal(made, err)
	}
	return secret
}

// sixteen runs a verb sixteen times at once and counts how often it succeeded; every
// other answer must be the refusal.
func sixteen(t *testing.T, refusal error, verb func(i int) error) int64 {
	t.Helper()
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if err := verb(i); err == nil {
				won.Add(1)
			} else if !errors.Is(err, refusal) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return won.Load()
}

func TestAttack_T44_CodeIsTakenOnce(t *testing.T) {
	eachHolder(t, func(t *testing.T, s *store.Store, clock *storetest.Clock, h backoffice.MFAHolder) {
		secret := enrolApp(t, s, h, nil)
		if err := s.UseCode(ctx, h, code(t, secret, clock.Now())); !errors.Is(err, backoffice.ErrWrongCode) {
			t.Errorf("the code that enrolled: %v", err)
		}
		clock.Add(time.Minute)
		check := code(t, secret, clock.Now())
		if n := sixteen(t, backoffice.ErrWrongCode, func(int) error { return s.UseCode(ctx, h, check) }); n != 1 {
			t.Errorf("%d of 16 with one code got through", n)
		}
		for _, step := range []time.Duration{0, 30 * time.Second, 30 * time.Second} {
			clock.Add(step)
			if err := s.UseCode(ctx, h, check); !errors.Is(err, backoffice.ErrWrongCode) {
				t.Errorf("again, %v later: %v", step, err)
			}
		}
		// One step before and after are taken, no more; and none before one that was.
		clock.Add(10 * time.Minute)
		for _, c := range []struct {
			off time.Duration
			ok  bool
		}{{-60 * time.Second, false}, {60 * time.Second, false}, {-30 * time.Second, true}, {30 * time.Second, true}, {0, false}} {
			if err := s.UseCode(ctx, h, code(t, secret, clock.Now().Add(c.off))); (err == nil) != c.ok {
				t.Errorf("the code of %v: %v", c.off, err)
			}
		}
		for _, typed := range []string{"", "12345", "1234567", "abcdef", "００００００", "0000001"} {
			clock.Add(time.Minute)
			if err := s.UseCode(ctx, h, auth.TOTPCheck(typed)); !errors.Is(err, backoffice.ErrWrongCode) {
				t.Errorf("%q: %v", typed, err)
			}
		}
	})
}

func TestAttack_T44_RecoveryCodeIsTakenOnce(t *testing.T) {
	eachHolder(t, func(t *testing.T, s *store.Store, clock *storetest.Clock, h backoffice.MFAHolder) {
		codes, hashes := auth.NewRecoveryCodes()
		enrolApp(t, s, h, hashes)
		hash, ok := auth.HashRecoveryCode(" " + codes[3] + " ")
		if !ok {
			t.Fatal("a code of ours is none")
		}
		cli := backoffice.CommandLine()
		if n := sixteen(t, backoffice.ErrWrongCode, func(int) error { _, err := s.UseRecoveryCode(ctx, cli, h, hash); return err }); n != 1 {
			t.Errorf("%d of 16 with one recovery code got through", n)
		}
		m, err := s.MFA(ctx, h)
		if err != nil || m.CodesLeft != backoffice.RecoveryCodes-1 {
			t.Errorf("%+v, %v", m, err)
		}
		// New ones kill the old ones.
		_, next := auth.NewRecoveryCodes()
		if err := s.RenewRecoveryCodes(ctx, cli, h, next, nil); err != nil {
			t.Fatal(err)
		}
		old, _ := auth.HashRecoveryCode(codes[0])
		if _, err := s.UseRecoveryCode(ctx, cli, h, old); !errors.Is(err, backoffice.ErrWrongCode) {
			t.Errorf("an old one: %v", err)
		}
		if _, err := s.UseRecoveryCode(ctx, cli, backoffice.MFAHolder{Kind: h.Kind, Key: h.Key + 1000}, next[0]); !errors.Is(err, backoffice.ErrWrongCode) {
			t.Errorf("somebody else with it: %v", err)
		}
		if left, err := s.UseRecoveryCode(ctx, cli, h, next[0]); err != nil || left != backoffice.RecoveryCodes-1 {
			t.Errorf("%d, %v", left, err)
		}
		// They are kept as digests, and the app's key is sealed.
		for table, rows := range storetest.Dump(t, s) {
			for _, row := range rows {
				for _, c := range codes {
					if bytes.Contains([]byte(row), []byte(c)) {
						t.Errorf("%s holds a code: %s", table, row)
					}
				}
			}
		}
	})
}

func TestAttack_T45_PendingEnrolmentCountsForNothing(t *testing.T) {
	eachHolder(t, func(t *testing.T, s *store.Store, clock *storetest.Clock, h backoffice.MFAHolder) {
		first, second := auth.NewTOTPSecret(), auth.NewTOTPSecret()
		if err := s.BeginAuthenticator(ctx, h, first); err != nil {
			t.Fatal(err)
		}
		if m, err := s.MFA(ctx, h); err != nil || m.Methods != 0 || !m.AppSince.IsZero() {
			t.Errorf("pending: %+v, %v", m, err)
		}
		if err := s.UseCode(ctx, h, code(t, first, clock.Now())); !errors.Is(err, backoffice.ErrWrongCode) {
			t.Errorf("a code of a key that waits: %v", err)
		}
		// Of two that were begun the later one is left, and the earlier one dead.
		if err := s.BeginAuthenticator(ctx, h, second); err != nil {
			t.Fatal(err)
		}
		cli := backoffice.CommandLine()
		if _, err := s.EnrolAuthenticator(ctx, cli, h, code(t, first, clock.Now()), nil, nil); !errors.Is(err, backoffice.ErrWrongCode) {
			t.Errorf("the earlier one: %v", err)
		}
		if n := sixteen(t, backoffice.ErrNotFound, func(int) error {
			_, err := s.EnrolAuthenticator(ctx, cli, h, code(t, second, clock.Now()), nil, nil)
			return err
		}); n != 1 {
			t.Errorf("%d enrolments of one key", n)
		}
		if err := s.BeginAuthenticator(ctx, h, first); !errors.Is(err, backoffice.ErrConflict) {
			t.Errorf("over an enrolled one: %v", err)
		}
		clock.Add(time.Minute)
		if err := s.UseCode(ctx, h, code(t, second, clock.Now())); err != nil {
			t.Error(err)
		}
		// What waited for too long cannot be proved.
		if err := s.RemoveAuthenticator(ctx, cli, h, nil); err != nil {
			t.Fatal(err)
		}
		if err := s.BeginAuthenticator(ctx, h, first); err != nil {
			t.Fatal(err)
		}
		clock.Add(31 * time.Minute)
		if _, err := s.EnrolAuthenticator(ctx, cli, h, code(t, first, clock.Now()), nil, nil); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("after half an hour: %v", err)
		}
	})
}

// A change of second factors ends what was begun under others.
func TestAttack_T45_ChangeEndsOtherSessions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		twoAccounts(t, s)
		x, keep := signInOf(t, s, "hana@nord.example", "nord", "keep")
		_, other := signInOf(t, s, "hana@nord.example", "nord", "other")
		h := backoffice.MFAHolder{Kind: backoffice.ActorUser, Key: x.User.Key}
		if err := s.BeginSignIn(ctx, x.User.Key, backoffice.ByPassword, []byte("half way"), false, ""); err != nil {
			t.Fatal(err)
		}
		device := []byte("device")
		if err := s.AddUserDevice(ctx, x.User.Key, device, nil, clock.Now().Add(90*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		secret := auth.NewTOTPSecret()
		if err := s.BeginAuthenticator(ctx, h, secret); err != nil {
			t.Fatal(err)
		}
		if _, err := s.EnrolAuthenticator(ctx, x.Actor(""), h, code(t, secret, clock.Now()), nil, keep); err != nil {
			t.Fatal(err)
		}
		if _, err := s.FindUserSession(ctx, keep); err != nil {
			t.Errorf("the session that enrolled: %v", err)
		}
		if _, err := s.FindUserSession(ctx, other); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("another session: %v", err)
		}
		if _, err := s.PendingSignIn(ctx, []byte("half way")); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("a sign-in under way: %v", err)
		}
		if known, remembered, err := s.KnownUserDevice(ctx, "hana@nord.example", device); err != nil || !known || remembered {
			t.Errorf("the browser: known %v, remembered %v, %v", known, remembered, err)
		}
		if m, err := s.LeaseMail(ctx); err != nil || m.Kind != backoffice.MailFactor || m.To != "hana@nord.example" || m.Factor != "A second factor was added: authenticator app" {
			t.Errorf("the notice: %+v, %v", m, err)
		}
		page, err := s.Events(ctx, backoffice.EventFilter{}, "", 20)
		if err != nil || !slices.ContainsFunc(page.Rows, func(e backoffice.EventRow) bool { return e.Action == "user.mfa-enrolled" }) {
			t.Errorf("the trail: %+v, %v", page.Rows, err)
		}
	})
}

func TestAttack_T46_RememberedBrowser(t *testing.T) {
	cli := backoffice.CommandLine()
	policy := func(t *testing.T, s *store.Store, change func(*backoffice.PolicyRules)) {
		p, err := s.PolicyOf(ctx, "nord")
		if err != nil {
			t.Fatal(err)
		}
		change(&p.Own)
		if err := s.SavePolicy(ctx, cli, "nord", p.Own, p.Version); err != nil {
			t.Fatal(err)
		}
	}
	for name, end := range map[string]func(*testing.T, *store.Store, *storetest.Clock, backoffice.User){
		"its time": func(_ *testing.T, _ *store.Store, clock *storetest.Clock, _ backoffice.User) {
			clock.Add(14 * 24 * time.Hour)
		},
		"the policy says always": func(t *testing.T, s *store.Store, _ *storetest.Clock, _ backoffice.User) {
			policy(t, s, func(r *backoffice.PolicyRules) { r.RememberDays = backoffice.Some(0) })
		},
		"the policy changes": func(t *testing.T, s *store.Store, _ *storetest.Clock, _ backoffice.User) {
			policy(t, s, func(r *backoffice.PolicyRules) { r.MFAForce = backoffice.Some(backoffice.Force) })
		},
		"a new password": func(t *testing.T, s *store.Store, _ *storetest.Clock, u backoffice.User) {
			if err := s.SetUserPassword(ctx, cli, u.Key, "", "hash", nil); err != nil {
				t.Fatal(err)
			}
		},
		"a change of factors": func(t *testing.T, s *store.Store, _ *storetest.Clock, u backoffice.User) {
			if err := s.RenewRecoveryCodes(ctx, cli, backoffice.MFAHolder{Kind: backoffice.ActorUser, Key: u.Key}, nil, nil); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
				twoAccounts(t, s)
				x, _ := signInOf(t, s, "hana@nord.example", "nord", "1") // accepted: the policy of nord holds
				enrolApp(t, s, backoffice.MFAHolder{Kind: backoffice.ActorUser, Key: x.User.Key}, nil)
				device := []byte("device")
				if err := s.AddUserDevice(ctx, x.User.Key, device, nil, clock.Now().Add(90*24*time.Hour)); err != nil {
					t.Fatal(err)
				}
				if _, remembered, err := s.KnownUserDevice(ctx, "hana@nord.example", device); err != nil || !remembered {
					t.Fatalf("remembered %v, %v", remembered, err)
				}
				if _, err := s.CreateAccount(ctx, cli, backoffice.NewAccount{Name: "West", ID: "west", PrimaryEmail: "uma@west.example"}); err != nil {
					t.Fatal(err)
				}
				if _, remembered, _ := s.KnownUserDevice(ctx, "uma@west.example", device); remembered {
					t.Error("somebody else is remembered by it")
				}
				end(t, s, clock, x.User)
				if _, remembered, err := s.KnownUserDevice(ctx, "hana@nord.example", device); err != nil || remembered {
					t.Errorf("still remembered: %v, %v", remembered, err)
				}
			})
		})
	}
}

func TestAttack_T43_TriesOfASignIn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		twoAccounts(t, s)
		u, _, _ := s.UserCredentials(ctx, "hana@nord.example")
		pending := []byte("pending")
		if err := s.BeginSignIn(ctx, u.Key, backoffice.ByPassword, pending, false, ""); err != nil {
			t.Fatal(err)
		}
		if n := sixteen(t, backoffice.ErrNotFound, func(int) error { return s.TryPending(ctx, backoffice.ActorUser, pending) }); n != backoffice.MFATries {
			t.Errorf("%d tries of one sign-in, want %d", n, backoffice.MFATries)
		}
	})
}

func TestPasskeyChallengeIsTakenOnce(t *testing.T) {
	eachHolder(t, func(t *testing.T, s *store.Store, clock *storetest.Clock, h backoffice.MFAHolder) {
		keep := func(name string) []byte {
			hash := []byte(name + string(h.Kind))
			if err := s.KeepChallenge(ctx, hash, "factor", h, `{"challenge":"x"}`); err != nil {
				t.Fatal(err)
			}
			return hash
		}
		hash := keep("raced")
		if n := sixteen(t, backoffice.ErrWrongCode, func(int) error { _, err := s.TakeChallenge(ctx, hash, "factor", h); return err }); n != 1 {
			t.Errorf("%d took one challenge", n)
		}
		for what, take := range map[string]func([]byte) error{
			"for another purpose": func(hash []byte) error { _, err := s.TakeChallenge(ctx, hash, "enrol", h); return err },
			"by somebody else": func(hash []byte) error {
				_, err := s.TakeChallenge(ctx, hash, "factor", backoffice.MFAHolder{Kind: h.Kind, Key: h.Key + 1})
				return err
			},
			"too late": func(hash []byte) error {
				clock.Add(5 * time.Minute)
				_, err := s.TakeChallenge(ctx, hash, "factor", h)
				return err
			},
		} {
			if err := take(keep(what)); !errors.Is(err, backoffice.ErrWrongCode) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

func TestPasskeysOfAPerson(t *testing.T) {
	eachHolder(t, func(t *testing.T, s *store.Store, clock *storetest.Clock, h backoffice.MFAHolder) {
		cli := backoffice.CommandLine()
		id := []byte("credential " + string(h.Kind))
		entry := backoffice.PasskeyEntry{Name: "Laptop", Credential: id, Data: `{"n":1}`}
		if made, err := s.AddPasskey(ctx, cli, h, entry, [][]byte{[]byte("a")}, nil); err != nil || !made {
			t.Fatal(made, err)
		}
		if _, err := s.AddPasskey(ctx, cli, h, entry, nil, nil); !errors.Is(err, backoffice.ErrConflict) {
			t.Errorf("the same again: %v", err)
		}
		o, err := s.PasskeyByCredential(ctx, h.Kind, id)
		if err != nil || o.Holder != h || o.Entry.Name != "Laptop" || o.ID == "" {
			t.Fatalf("%+v, %v", o, err)
		}
		// The counter that was checked must still be the one that is kept.
		if n := sixteen(t, backoffice.ErrWrongCode, func(i int) error { return s.UsePasskey(ctx, h, o.Entry, fmt.Sprintf(`{"n":%d}`, i+2)) }); n != 1 {
			t.Errorf("%d uses of one counter", n)
		}
		if err := s.RenamePasskey(ctx, cli, h, o.Entry.ID, "Key on the ring"); err != nil {
			t.Fatal(err)
		}
		stranger := backoffice.MFAHolder{Kind: h.Kind, Key: h.Key + 1000}
		if err := s.RenamePasskey(ctx, cli, stranger, o.Entry.ID, "Mine"); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("somebody else’s: %v", err)
		}
		if err := s.RemovePasskey(ctx, cli, stranger, o.Entry.ID, nil); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("somebody else’s: %v", err)
		}
		m, _ := s.MFA(ctx, h)
		if len(m.Passkeys) != 1 || m.Passkeys[0].Name != "Key on the ring" || m.Methods != backoffice.Passkey || m.CodesLeft != 1 {
			t.Errorf("%+v", m)
		}
		// The last one stays where one is forced.
		if h.Kind == backoffice.ActorStaff {
			if err := s.ForceStaffMFA(ctx, cli, true); err != nil {
				t.Fatal(err)
			}
		} else {
			p, _ := s.EnvironmentPolicy(ctx)
			p.Own.MFAForce = backoffice.Some(backoffice.Force)
			if err := s.SaveEnvironmentPolicy(ctx, cli, p.Own, p.Version); err != nil {
				t.Fatal(err)
			}
		}
		var refusal backoffice.Refusal
		if err := s.RemovePasskey(ctx, cli, h, o.Entry.ID, nil); !errors.As(err, &refusal) {
			t.Errorf("the last one: %v", err)
		}
		enrolSecond(t, s, h)
		if err := s.RemovePasskey(ctx, cli, h, o.Entry.ID, nil); err != nil {
			t.Error(err)
		}
		if err := s.RemoveAuthenticator(ctx, cli, h, nil); !errors.As(err, &refusal) {
			t.Errorf("the last one: %v", err)
		}
		if err := s.ResetMFA(ctx, cli, h); err != nil {
			t.Fatal(err)
		}
		if m, _ := s.MFA(ctx, h); m.Methods != 0 || m.CodesLeft != 0 || len(m.Passkeys) != 0 || !m.AppSince.IsZero() {
			t.Errorf("after a reset: %+v", m)
		}
	})
}

func enrolSecond(t *testing.T, s *store.Store, h backoffice.MFAHolder) {
	t.Helper()
	secret := auth.NewTOTPSecret()
	if err := s.BeginAuthenticator(ctx, h, secret); err != nil {
		t.Fatal(err)
	}
	if made, err := s.EnrolAuthenticator(ctx, backoffice.CommandLine(), h, code(t, secret, s.Now()), nil, nil); err != nil || made {
		t.Fatal(made, err)
	}
}

func TestStaffSignInUnderWay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cli := backoffice.CommandLine()
		staff, err := s.AddStaff(ctx, cli, backoffice.NewStaff{Email: "ada@vendor.example", Role: backoffice.Owner}, "hash")
		if err != nil {
			t.Fatal(err)
		}
		begin := func(name string) backoffice.SignInStep {
			step, err := s.BeginStaffSignIn(ctx, staff.Key, []byte(name), "/next")
			if err != nil {
				t.Fatal(err)
			}
			return step
		}
		if step := begin("none"); step != backoffice.StepEnter {
			t.Errorf("without a factor: %s", step)
		}
		session := []byte("session")
		row := backoffice.StaffSession{ID: "session", CreatedAt: clock.Now(), SeenAt: clock.Now()}
		if err := s.CreateStaffSession(ctx, staff.Key, session, row, nil); err != nil {
			t.Fatal(err)
		}
		if err := s.ForceStaffMFA(ctx, cli, true); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.FindStaffSession(ctx, session); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("a session begun without a factor: %v", err)
		}
		if step := begin("enrol"); step != backoffice.StepEnrol {
			t.Errorf("forced: %s", step)
		}
		if _, err := s.UseStaffPending(ctx, []byte("enrol")); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("one step too early: %v", err)
		}
		enrolApp(t, s, backoffice.MFAHolder{Kind: backoffice.ActorStaff, Key: staff.Key}, nil)
		if step := begin("mfa"); step != backoffice.StepMFA {
			t.Errorf("enrolled: %s", step)
		}
		if _, err := s.UseStaffPending(ctx, []byte("mfa")); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("one step too early: %v", err)
		}
		if err := s.ProveStaffPending(ctx, []byte("mfa"), []byte("proved")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.PendingStaffSignIn(ctx, []byte("mfa")); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("the token from before: %v", err)
		}
		if n := sixteen(t, backoffice.ErrNotFound, func(int) error { _, err := s.UseStaffPending(ctx, []byte("proved")); return err }); n != 1 {
			t.Errorf("%d sessions of one sign-in", n)
		}
	})
}

// Who has a second factor need not enrol, and sessions that a stricter policy
// ends are counted before it is saved.
func TestPolicyPreviewCountsFactorsAndSessions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		twoAccounts(t, s)
		x, _ := signInOf(t, s, "hana@nord.example", "nord", "1")
		if _, err := s.AddUser(ctx, backoffice.CommandLine(), "nord", backoffice.NewMember{Email: "uma@nord.example", Roles: []string{backoffice.RoleReadOnly}}); err != nil {
			t.Fatal(err)
		}
		touched := func(change func(*backoffice.PolicyRules)) (store.PolicyTouch, store.PolicyTouch) {
			t.Helper()
			p, err := s.PolicyOf(ctx, "nord")
			if err != nil {
				t.Fatal(err)
			}
			change(&p.Own)
			here, err := s.PolicyTouched(ctx, p, p.Own)
			if err != nil {
				t.Fatal(err)
			}
			e, err := s.EnvironmentPolicy(ctx)
			if err != nil {
				t.Fatal(err)
			}
			change(&e.Own)
			all, err := s.PolicyTouched(ctx, e, e.Own)
			if err != nil {
				t.Fatal(err)
			}
			return here, all
		}
		force := func(r *backoffice.PolicyRules) { r.MFAForce = backoffice.Some(backoffice.Force) }
		if here, all := touched(force); here.MustEnrol != 2 || all.MustEnrol != 2 {
			t.Errorf("nobody has one: %d here, %d in all", here.MustEnrol, all.MustEnrol)
		}
		secret := auth.NewTOTPSecret()
		h := backoffice.MFAHolder{Kind: backoffice.ActorUser, Key: x.User.Key}
		if err := s.BeginAuthenticator(ctx, h, secret); err != nil {
			t.Fatal(err)
		}
		if here, _ := touched(force); here.MustEnrol != 2 {
			t.Errorf("pending counts: %d", here.MustEnrol)
		}
		if _, err := s.EnrolAuthenticator(ctx, backoffice.CommandLine(), h, code(t, secret, clock.Now()), nil, []byte("session 1")); err != nil {
			t.Fatal(err)
		}
		if here, all := touched(force); here.MustEnrol != 1 || all.MustEnrol != 1 {
			t.Errorf("one has one: %d here, %d in all", here.MustEnrol, all.MustEnrol)
		}
		passkeys := func(r *backoffice.PolicyRules) {
			force(r)
			r.MFAMethods = backoffice.Some(backoffice.Passkey)
		}
		if here, all := touched(passkeys); here.MustEnrol != 2 || all.MustEnrol != 2 {
			t.Errorf("where passkeys alone are offered: %d here, %d in all", here.MustEnrol, all.MustEnrol)
		}
		clock.Add(time.Hour)
		idle := func(r *backoffice.PolicyRules) { r.IdleMinutes = backoffice.Some(30) }
		if here, all := touched(idle); here.SessionsEnd != 1 || all.SessionsEnd != 1 {
			t.Errorf("%d and %d sessions end of one that is idle for an hour", here.SessionsEnd, all.SessionsEnd)
		}
		// One in a sub-account, which inherits, one in the other account, which does not;
		// a second factor is asked for in every account of who is in one that forces it.
		bring(t, s, "id,name,parent_id,primary_user_email\nbelow,Below,nord,uma@nord.example\n", "")
		signInOf(t, s, "uma@nord.example", "below", "2")
		if _, err := s.AddUser(ctx, backoffice.CommandLine(), "sued", backoffice.NewMember{Email: "uma@nord.example", Roles: []string{backoffice.RoleReadOnly}}); err != nil {
			t.Fatal(err)
		}
		signInOf(t, s, "uma@nord.example", "sued", "3")
		clock.Add(time.Hour)
		if here, all := touched(idle); here.SessionsEnd != 2 || all.SessionsEnd != 3 {
			t.Errorf("idle: %d sessions end here, %d in all", here.SessionsEnd, all.SessionsEnd)
		}
		if here, all := touched(force); here.SessionsEnd != 3 || all.SessionsEnd != 3 {
			t.Errorf("without a second factor: %d sessions end here, %d in all", here.SessionsEnd, all.SessionsEnd)
		}
	})
}
