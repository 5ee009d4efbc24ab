package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// child makes a sub-account.
func child(t *testing.T, s *store.Store, parent, name, id, email string) backoffice.Account {
	t.Helper()
	a := create(t, s, name, id, email)
	if err := s.SetParentForTest(ctx, id, parent); err != nil {
		t.Fatal(err)
	}
	return a
}

// visited lets a user sign in to an account.
func visited(t *testing.T, s *store.Store, account, email string, at time.Time) {
	t.Helper()
	if _, err := s.RecordVisits(ctx, actor, []backoffice.Visit{{AccountID: account, Email: email, At: at}}); err != nil {
		t.Fatal(err)
	}
}

func policyOf(t *testing.T, s *store.Store, id string) store.PolicyState {
	t.Helper()
	p, err := s.PolicyOf(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPolicyIsStoredSettingBySetting(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		env, err := s.EnvironmentPolicy(ctx)
		if err != nil || env.Version != 0 || env.InForce.Rules() != backoffice.DefaultEnvironmentPolicy() {
			t.Fatalf("a new environment: %+v, %v", env, err)
		}
		create(t, s, "Nord Textiles", "nord", "")
		all := backoffice.PolicyRules{
			Complexity: backoffice.Some(backoffice.Complexity{MinLength: 20, Classes: backoffice.Upper | backoffice.Special}),
			MFAEnabled: backoffice.Some(true), MFAForce: backoffice.Some(backoffice.Force), MFAMethods: backoffice.Some(backoffice.Passkey),
			RememberDays: backoffice.Some(0), IdleMinutes: backoffice.Some(60), AbsoluteMinutes: backoffice.Some(1440), MaxSessions: backoffice.Some(3),
			LockoutAttempts: backoffice.Some(5), LockoutMinutes: backoffice.Some(30), History: backoffice.Some(5),
		}
		if err := s.SavePolicy(ctx, actor, "nord", all, 0); err != nil {
			t.Fatal(err)
		}
		p := policyOf(t, s, "nord")
		if p.Own != all || p.Version != 1 {
			t.Fatalf("read back %+v version %d", p.Own, p.Version)
		}
		for _, setting := range backoffice.Settings() {
			if err := s.ResetSetting(ctx, actor, "nord", setting, p.Version); err != nil {
				t.Fatal(err)
			}
			p = policyOf(t, s, "nord")
			if p.Own.IsSet(setting) {
				t.Errorf("%s is still set", setting)
			}
		}
		if p.Own != (backoffice.PolicyRules{}) || p.InForce.Policy != env.InForce.Policy {
			t.Errorf("after all resets %+v", p.InForce.Policy)
		}
		agree(t, s)
	})
}

func TestPolicyIsNeverLooser(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		create(t, s, "Nord Group", "group", "")
		child(t, s, "group", "Nord Textiles", "textiles", "")
		if err := s.SavePolicy(ctx, actor, "group", backoffice.PolicyRules{IdleMinutes: backoffice.Some(480)}, 0); err != nil {
			t.Fatal(err)
		}
		var problems backoffice.Problems
		err := s.SavePolicy(ctx, actor, "textiles", backoffice.PolicyRules{IdleMinutes: backoffice.Some(720), History: backoffice.Some(11)}, 0)
		if !errors.As(err, &problems) || problems["idle_minutes"] != "At most 8 hours: the account Nord Group sets that limit." || problems["history"] == "" {
			t.Fatalf("looser: %v", err)
		}
		if err := s.SavePolicy(ctx, actor, "textiles", backoffice.PolicyRules{IdleMinutes: backoffice.Some(240)}, 0); err != nil {
			t.Fatal(err)
		}
		if got := policyOf(t, s, "textiles").InForce.Setting(backoffice.SettingIdleMinutes); got.Value != "4 hours" || got.FromText() != "this account" || !strings.Contains(got.OverridesText(), "Nord Group") {
			t.Errorf("in force: %+v", got)
		}
		// The environment becomes stricter: older rows of accounts give way, and
		// saving something else beside them is not refused.
		env := backoffice.DefaultEnvironmentPolicy()
		env.IdleMinutes = backoffice.Some(60)
		if err := s.SaveEnvironmentPolicy(ctx, actor, env, 0); err != nil {
			t.Fatal(err)
		}
		p := policyOf(t, s, "textiles")
		if got := p.InForce.Setting(backoffice.SettingIdleMinutes); got.Value != "1 hour" || got.FromText() != "environment" || !got.Own {
			t.Errorf("under a stricter environment: %+v", got)
		}
		rules := p.Own
		rules.History = backoffice.Some(3)
		if err := s.SavePolicy(ctx, actor, "textiles", rules, p.Version); err != nil {
			t.Errorf("saving beside an older row: %v", err)
		}
		if err := s.SavePolicy(ctx, actor, "textiles", rules, p.Version); !errors.Is(err, backoffice.ErrConflict) {
			t.Errorf("an old version: %v", err)
		}
		if err := s.SavePolicy(ctx, actor, "nobody", rules, 0); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("no such account: %v", err)
		}
		events, err := s.Events(ctx, backoffice.EventFilter{Account: "textiles"}, "", 1)
		if err != nil || len(events.Rows) != 1 || events.Rows[0].Summary() != "Ada Weber set Password history to the last 3" {
			t.Errorf("event: %+v, %v", events.Rows, err)
		}
	})
}

func TestPolicyForUserIsTheStrictestOfAllAccounts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		create(t, s, "Nord Group", "group", "")
		child(t, s, "group", "Nord Textiles", "textiles", "hana@nord.example")
		create(t, s, "Harbor", "harbor", "hana@nord.example")
		create(t, s, "Stranger", "stranger", "hana@nord.example")
		for id, rules := range map[string]backoffice.PolicyRules{
			"group":    {IdleMinutes: backoffice.Some(300), History: backoffice.Some(2)},
			"harbor":   {History: backoffice.Some(5), MFAForce: backoffice.Some(backoffice.ForceExceptSSO)},
			"stranger": {History: backoffice.Some(10), IdleMinutes: backoffice.Some(1), MFAForce: backoffice.Some(backoffice.Force)},
		} {
			if err := s.SavePolicy(ctx, actor, id, rules, 0); err != nil {
				t.Fatal(err)
			}
		}
		harbor, err := s.Account(ctx, "harbor")
		if err != nil {
			t.Fatal(err)
		}
		members, err := s.Members(ctx, harbor, backoffice.MemberFilter{})
		if err != nil || len(members.Rows) == 0 {
			t.Fatal(members, err)
		}
		u := members.Rows[0]
		held := func() backoffice.Policy {
			p, err := s.PolicyForUser(ctx, u.ID)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		if p := held(); p.History != 0 || p.MFAForce != backoffice.DontForce {
			t.Errorf("held by accounts that nobody accepted: %+v", p)
		}
		clock.Add(time.Hour)
		visited(t, s, "textiles", "hana@nord.example", clock.Now())
		visited(t, s, "harbor", "hana@nord.example", clock.Now())
		if p := held(); p.History != 5 || p.MFAForce != backoffice.ForceExceptSSO || p.IdleMinutes != 300 {
			t.Errorf("the strictest of two: %+v", p)
		}
		if _, err := s.DeleteAccount(ctx, actor, "harbor", "Harbor", false); err != nil {
			t.Fatal(err)
		}
		if p := held(); p.History != 2 || p.MFAForce != backoffice.DontForce {
			t.Errorf("with one account in the bin: %+v", p)
		}
		if _, err := s.PolicyForUser(ctx, "nobody"); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("no such user: %v", err)
		}
	})
}

func TestWhomAPolicyTouches(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		create(t, s, "Nord Group", "group", "hana@nord.example")
		child(t, s, "group", "Nord Textiles", "textiles", "omar@nord.example")
		child(t, s, "textiles", "Nord Wool", "wool", "hana@nord.example")
		create(t, s, "Harbor", "harbor", "omar@nord.example")
		if err := s.SavePolicy(ctx, actor, "harbor", backoffice.PolicyRules{MFAForce: backoffice.Some(backoffice.Force), History: backoffice.Some(10)}, 0); err != nil {
			t.Fatal(err)
		}
		forced := backoffice.PolicyRules{MFAForce: backoffice.Some(backoffice.Force)}
		touch, err := s.PolicyTouched(ctx, policyOf(t, s, "group"), forced)
		if err != nil || touch.MustEnrol != 2 || touch.SubAccounts != 2 || touch.Users != 2 || touch.HeldAlready != 0 {
			t.Errorf("before anybody accepted: %+v, %v", touch, err)
		}
		clock.Add(time.Hour)
		visited(t, s, "harbor", "omar@nord.example", clock.Now())
		touch, err = s.PolicyTouched(ctx, policyOf(t, s, "group"), forced)
		if err != nil || touch.MustEnrol != 1 || touch.HeldAlready != 1 {
			t.Errorf("with one held elsewhere: %+v, %v", touch, err)
		}
		// A sub-account that forces MFA itself is not touched by its parent's wish.
		if err := s.SavePolicy(ctx, actor, "wool", forced, 0); err != nil {
			t.Fatal(err)
		}
		touch, err = s.PolicyTouched(ctx, policyOf(t, s, "group"), forced)
		if err != nil || touch.MustEnrol != 0 {
			t.Errorf("where a sub-account forces already: %+v, %v", touch, err)
		}
		env, err := s.EnvironmentPolicy(ctx)
		if err != nil {
			t.Fatal(err)
		}
		create(t, s, "Bakery", "bakery", "someone@bakery.example")
		all, err := s.PolicyTouched(ctx, env, forced)
		if err != nil || all.MustEnrol != 1 || all.Accounts != 5 {
			t.Errorf("the environment: %+v, %v", all, err)
		}
	})
}
