package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

var (
	ctx   = context.Background()
	actor = backoffice.Actor{Kind: backoffice.ActorStaff, ID: "staff-ada", Name: "Ada Weber", Role: backoffice.Owner}
)

func create(t *testing.T, s *store.Store, name, id, email string) backoffice.Account {
	t.Helper()
	a, err := s.CreateAccount(ctx, actor, backoffice.NewAccount{Name: name, ID: id, PrimaryEmail: email})
	if err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
	return a
}

func agree(t *testing.T, s *store.Store) {
	t.Helper()
	k, err := s.KPIs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want, err := s.KPIsAt(ctx, s.Now())
	if err != nil {
		t.Fatal(err)
	}
	if k.Now != want.Now || k.Previous != want.Previous {
		t.Fatalf("counters say\n%+v\n%+v\na recount says\n%+v\n%+v", k.Now, k.Previous, want.Now, want.Previous)
	}
	if _, err := s.Check(ctx, func(f store.Finding) { t.Errorf("%s: %s", f.What, f.Detail) }); err != nil {
		t.Fatal(err)
	}
}

func TestCreateAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		a := create(t, s, "Nord Textiles", "", "Hana@Nord-Textiles.example")
		got, err := s.Account(ctx, a.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.Name != "Nord Textiles" || got.PrimaryEmail != "hana@nord-textiles.example" || got.Users != 1 || !got.CompanyDomain {
			t.Errorf("account read back: %+v", got)
		}
		page, err := s.Members(ctx, got, backoffice.MemberFilter{})
		members := page.Rows
		if err != nil || len(members) != 1 || members[0].Status != backoffice.PendingLogin || len(members[0].Roles) != 1 || members[0].Roles[0] != "Admin" || !members[0].Primary {
			t.Errorf("members: %+v, %v", members, err)
		}
		create(t, s, "Harbor", "harbor-1", "someone@gmail.com")
		_, err = s.CreateAccount(ctx, actor, backoffice.NewAccount{Name: "Other", ID: "harbor-1"})
		var p backoffice.Problems
		if !errors.As(err, &p) || p["id"] == "" {
			t.Errorf("a taken ID: %v", err)
		}
		k, _ := s.KPIs(ctx)
		if k.Now != (backoffice.Figures{NewAccounts: 2, Accounts: 2, Memberships: 2, CompanyAccounts: 1}) {
			t.Errorf("figures: %+v", k.Now)
		}
		agree(t, s)
		clock.Add(8 * 24 * time.Hour)
		k, _ = s.KPIs(ctx)
		if k.Now.NewAccounts != 0 || k.Previous.NewAccounts != 2 {
			t.Errorf("a week later: %+v", k)
		}
		agree(t, s)
	})
}

func TestVisitsAndFigures(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		a := create(t, s, "Nord", "nord", "hana@nord.example")
		create(t, s, "Süd", "sued", "uma@sued.example")
		visit := func(id, email string, at time.Time) {
			t.Helper()
			if _, err := s.RecordVisits(ctx, actor, []backoffice.Visit{{AccountID: id, Email: email, At: at}, {AccountID: id, Email: email, At: at}}); err != nil {
				t.Fatal(err)
			}
			agree(t, s)
		}
		day := 24 * time.Hour
		now := clock.Now()
		for _, back := range []time.Duration{0, 40 * day, 20 * day, 65 * day, 29 * day, 30 * day, 1 * day, 35 * day, 59 * day, 60 * day} {
			visit("nord", "hana@nord.example", now.Add(-back))
		}
		got, _ := s.Account(ctx, a.ID)
		if got.Visits != 10 || !got.LastVisit.Equal(now) || got.Recent[29] != 1 || got.Recent[28] != 1 || got.Recent[9] != 1 || got.Recent[0] != 1 {
			t.Errorf("engagement: %+v", got.Engagement)
		}
		for range 100 {
			clock.Add(13 * time.Hour)
			agree(t, s)
		}
		visit("sued", "uma@sued.example", clock.Now())
		deletion, err := s.DeleteAccount(ctx, actor, "nord", "Nord", false)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, s)
		if _, err := s.Account(ctx, "nord"); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("a binned account is read: %v", err)
		}
		if _, err := s.CreateAccount(ctx, actor, backoffice.NewAccount{Name: "Nord", ID: "nord"}); !errors.As(err, new(*store.InBin)) {
			t.Errorf("a binned account's ID: %v", err)
		}
		if _, err := s.Restore(ctx, actor, deletion); err != nil {
			t.Fatal(err)
		}
		agree(t, s)
		again, _ := s.Account(ctx, "nord")
		if again.Engagement.Visits != 10 || again.Users != 1 || !again.LastVisit.Equal(now) {
			t.Errorf("restored: %+v", again.Engagement)
		}
	})
}

func TestAccountsList(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		for i := range 120 {
			create(t, s, "Account "+string(rune('A'+i%26))+" Straße", "", "")
			clock.Add(time.Second)
			_ = i
		}
		for _, sort := range []backoffice.AccountSort{"", "name", "last", "visits", "primary", "users"} {
			for _, asc := range []bool{false, true} {
				f := backoffice.AccountFilter{Sort: sort, Asc: asc}
				seen := map[string]bool{}
				cursor, pages := "", 0
				var last backoffice.AccountsPage
				for {
					p, err := s.Accounts(ctx, f, cursor)
					if err != nil {
						t.Fatal(err)
					}
					if p.Total != 120 || p.First != int64(pages*50+1) {
						t.Errorf("%s: total %d first %d on page %d", sort, p.Total, p.First, pages)
					}
					for _, r := range p.Rows {
						if seen[r.ID] {
							t.Errorf("%s: %s twice", sort, r.ID)
						}
						seen[r.ID] = true
					}
					last = p
					pages++
					if cursor = p.Next; cursor == "" {
						break
					}
				}
				if len(seen) != 120 || pages != 3 {
					t.Errorf("%s: %d rows on %d pages", sort, len(seen), pages)
				}
				back, err := s.Accounts(ctx, f, last.Prev)
				if err != nil || len(back.Rows) != 50 || back.First != 51 {
					t.Errorf("%s: back: %d rows from %d, %v", sort, len(back.Rows), back.First, err)
				}
				end, err := s.Accounts(ctx, f, "last")
				if err != nil || len(end.Rows) != 50 || end.First != 71 || end.Next != "" || end.Prev == "" {
					t.Errorf("%s: end: %d rows from %d, %v", sort, len(end.Rows), end.First, err)
				}
			}
		}
		for q, want := range map[string]int{"strasse": 120, "account b": 5, "b str": 5, "q": 4, "qq": 0, "zzz": 0, "%": 0, "unt c": 5} {
			p, err := s.Accounts(ctx, backoffice.AccountFilter{Query: q}, "")
			if err != nil || int(p.Total) != want {
				t.Errorf("search %q: %d, want %d, %v", q, p.Total, want, err)
			}
		}
	})
}
