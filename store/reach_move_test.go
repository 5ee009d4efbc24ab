package store_test

import (
	"errors"
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// Whoever leaves an account, or is switched off in it, leaves what lies below:
// no session there wakes up again when they come back.
func TestLeavingEndsSessionsBelow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		_, a, _, _ := reseller(t, s)
		nord := func() backoffice.Account { n, _ := s.Account(ctx, "nord"); return n }
		hana := userNamed(t, s, "hana@nord.example")
		signInOf(t, s, hana.Email, "nord", "1")
		if err := s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		signInOf(t, s, hana.Email, a.ID, "2")
		if err := s.SetMemberDisabled(ctx, cmd, "nord", hana.ID, true); err != nil {
			t.Fatal(err)
		}
		if err := s.SetMemberDisabled(ctx, cmd, "nord", hana.ID, false); err != nil {
			t.Fatal(err)
		}
		if left, err := s.UserSessions(ctx, hana.Key); err != nil || len(left) != 0 {
			t.Errorf("switched off and on: %d sessions, %v", len(left), err)
		}
		signInOf(t, s, hana.Email, a.ID, "3")
		try, err := s.TryReach(ctx, cmd, nord(), store.ActRemoveMember("nord", hana.ID, new(string)))
		if err != nil || try.Sentence() != "hana@nord.example loses access to 3 accounts." {
			t.Errorf("preview of the removal: %q, %v", try.Sentence(), err)
		}
		removal, err := s.RemoveMember(ctx, cmd, "nord", hana.ID)
		if err != nil {
			t.Fatal(err)
		}
		if left, err := s.UserSessions(ctx, hana.Key); err != nil || len(left) != 0 {
			t.Errorf("removed: %d sessions, %v", len(left), err)
		}
		if err := s.RestoreMember(ctx, cmd, "nord", hana.ID, removal); err != nil {
			t.Fatal(err)
		}
		// The access comes back with the membership, and no session.
		if standing, err := s.StandingIn(ctx, hana.Key, a.Key); err != nil || !standing.Granted {
			t.Errorf("a removal that is undone: %+v, %v", standing, err)
		}
		if left, err := s.UserSessions(ctx, hana.Key); err != nil || len(left) != 0 {
			t.Errorf("a removal that is undone: %d sessions, %v", len(left), err)
		}
		agree(t, s)
	})
}

func TestPreviewOfAMove(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		_, a, a1, sued := reseller(t, s)
		sara := userNamed(t, s, "sara@sued.example")
		signInOf(t, s, sara.Email, "sued", "1")
		if err := s.SetReseller(ctx, cmd, "sued", true); err != nil {
			t.Fatal(err)
		}
		if err := s.GiveAccess(ctx, cmd, "sued", sara.ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		strict := backoffice.PolicyRules{History: backoffice.Some(5)}
		if err := s.SavePolicy(ctx, cmd, sued.ID, strict, 0); err != nil {
			t.Fatal(err)
		}
		move, err := s.TryMove(ctx, cmd, a, "sued")
		if err != nil || move.Reach.Sentence() != "sara@sued.example gains 2 accounts." {
			t.Errorf("under Süd: %q, %v", move.Reach.Sentence(), err)
		}
		if len(move.Policy) != 1 || move.Policy[0].Setting != backoffice.SettingHistory || move.Policy[0].Looser {
			t.Errorf("its policy: %+v", move.Policy)
		}
		if b, err := s.Account(ctx, a.ID); err != nil || b.ParentID != "nord" {
			t.Errorf("the preview was done: %+v, %v", b, err)
		}
		if _, err := s.TryMove(ctx, cmd, a, a1.ID); err == nil {
			t.Error("under its own sub-account")
		}
		ids := []string{a.ID, "sued", a1.ID, "no-such"}
		want := map[string]string{a.ID: "", "sued": "an account cannot lie under itself, or under one of its own sub-accounts", a1.ID: "", "no-such": "it is not there any more"}
		tried, change, err := s.TryMoves(ctx, cmd, ids, "sued")
		if err != nil || len(tried) != len(ids) || change.Sentence() != "sara@sued.example gains 2 accounts." {
			t.Fatalf("%+v, %q, %v", tried, change.Sentence(), err)
		}
		for _, r := range tried {
			if r.Refused != want[r.ID] {
				t.Errorf("tried: %s: %q, want %q", r.ID, r.Refused, want[r.ID])
			}
		}
		if _, err := s.ConfirmMoves(ctx, cmd, ids, "sued", "another preview"); !errors.Is(err, backoffice.ErrOutdated) {
			t.Errorf("confirmed what was not shown: %v", err)
		}
		if b, err := s.Account(ctx, a.ID); err != nil || b.ParentID != "nord" {
			t.Errorf("moved by it: %+v, %v", b, err)
		}
		if done, err := s.ConfirmMoves(ctx, cmd, ids, "sued", change.Digest); err != nil || len(done) != len(ids) {
			t.Errorf("confirmed: %+v, %v", done, err)
		}
		for id, parent := range map[string]string{a.ID: "nord", a1.ID: a.ID} { // back again
			if b, err := s.Account(ctx, id); err != nil || b.ParentID != "sued" {
				t.Errorf("%s lies under %s, %v", id, b.ParentID, err)
			}
			if err := s.MoveAccount(ctx, cmd, id, parent); err != nil {
				t.Fatal(err)
			}
		}
		for _, dry := range []bool{true, false} {
			results, err := s.MoveAccounts(ctx, cmd, ids, "sued", dry)
			if err != nil || len(results) != len(ids) {
				t.Fatalf("%+v, %v", results, err)
			}
			for _, r := range results {
				if r.Refused != want[r.ID] {
					t.Errorf("dry %v: %s: %q, want %q", dry, r.ID, r.Refused, want[r.ID])
				}
			}
			if b, err := s.Account(ctx, a.ID); err != nil || (b.ParentID == "nord") != dry {
				t.Errorf("dry %v: it lies under %s, %v", dry, b.ParentID, err)
			}
		}
		if results, err := s.MoveAccounts(ctx, cmd, []string{a.ID}, "sued", true); err != nil || results[0].Refused != "it lies there already" {
			t.Errorf("again: %+v, %v", results, err)
		}
		if _, err := s.MoveAccounts(ctx, cmd, ids, "no-such", false); err == nil {
			t.Error("a parent that is not there")
		}
		agree(t, s)
	})
}

// Before an account goes and what lies below it moves up, the preview says which
// settings of the policies in force change there; a policy that was changed since
// is another preview.
func TestDeletionShowsPoliciesOfWhatMovesUp(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		_, a, a1, _ := reseller(t, s)
		own, err := s.CreateSubAccount(ctx, cmd, a.ID, "Nord A 2")
		if err != nil {
			t.Fatal(err)
		}
		try := func() backoffice.DeletionPreview {
			t.Helper()
			if a, err = s.Account(ctx, a.ID); err != nil {
				t.Fatal(err)
			}
			v, err := s.TryDelete(ctx, cmd, a)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		before := try()
		if len(before.Policies) != 0 {
			t.Fatalf("without a policy: %+v", before.Policies)
		}
		strict := backoffice.PolicyRules{History: backoffice.Some(5)}
		for _, id := range []string{a.ID, own.ID} { // one of those below demands the same itself
			if err := s.SavePolicy(ctx, cmd, id, strict, 0); err != nil {
				t.Fatal(err)
			}
		}
		v := try()
		if len(v.Policies) != 1 || v.Policies[0].Account.ID != a1.ID || len(v.Policies[0].Policy) != 1 || v.Policies[0].Policy[0].Setting != backoffice.SettingHistory || !v.Policies[0].Policy[0].Looser {
			t.Fatalf("with a policy: %+v", v.Policies)
		}
		var deletion string
		if err := s.Confirm(ctx, cmd, a, store.ActDelete(a.ID, a.Name, true, &deletion), before.Reach.Digest); !errors.Is(err, backoffice.ErrOutdated) {
			t.Fatalf("confirmed as it was before the policy: %v", err)
		}
		if err := s.Confirm(ctx, cmd, a, store.ActDelete(a.ID, a.Name, true, &deletion), v.Reach.Digest); err != nil || deletion == "" {
			t.Fatal(err)
		}
		agree(t, s)
	})
}
