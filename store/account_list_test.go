package store_test

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// mixed fills a database with accounts that differ in all that a list is
// narrowed and sorted by, and returns them as they are read one by one.
func mixed(t testing.TB, s *store.Store, clock *storetest.Clock, n int) (all []backoffice.Account) {
	t.Helper()
	var ids []string
	for i := range n {
		id, email := fmt.Sprintf("m-%03d", i), ""
		switch i % 4 {
		case 0:
			email = fmt.Sprintf("u%d@nord.example", i%17)
		case 1:
			email = fmt.Sprintf("u%d@gmail.com", i)
		}
		if _, err := s.CreateAccount(ctx, actor, backoffice.NewAccount{Name: fmt.Sprintf("%s %d", searchNames[i%12], i%7), ID: id, PrimaryEmail: email}); err != nil {
			t.Fatal(err)
		}
		if i%5 == 0 {
			if err := s.SetReseller(ctx, actor, id, true); err != nil {
				t.Fatal(err)
			}
		}
		if i%3 == 0 && i > 10 {
			if err := s.SetParentForTest(ctx, id, fmt.Sprintf("m-%03d", i%10)); err != nil {
				t.Fatal(err)
			}
		}
		if email != "" && i%3 != 1 {
			var visits []backoffice.Visit
			for d := range i % 5 {
				visits = append(visits, backoffice.Visit{AccountID: id, Email: email, At: clock.Now().Add(-time.Duration(d*11+i%40) * 24 * time.Hour)})
			}
			if _, err := s.RecordVisits(ctx, actor, visits); err != nil {
				t.Fatal(err)
			}
		}
		ids = append(ids, id)
		clock.Add(time.Duration(1+i%3) * 2 * time.Hour)
	}
	for _, id := range ids {
		a, err := s.Account(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	return all
}

// matches is what a filter means, in plain words.
func matches(a backoffice.Account, f backoffice.AccountFilter, now time.Time) bool {
	today := backoffice.DayOf(now)
	seen := func(days int) bool {
		return a.Visits > 0 && int(backoffice.DayOf(a.LastVisit)) > int(today)-days
	}
	folded := backoffice.Fold(f.Query)
	day := backoffice.DayOf(a.CreatedAt)
	return (strings.Contains(backoffice.Fold(a.Name), folded) || strings.Contains(backoffice.Fold(a.ID), folded)) &&
		(f.CreatedDays == 0 || a.CreatedAt.After(now.AddDate(0, 0, -f.CreatedDays))) &&
		(!f.HasCreated || day >= f.CreatedFrom && day <= f.CreatedTo) &&
		(f.ActiveDays == 0 || seen(f.ActiveDays)) && (f.DormantDays == 0 || !seen(f.DormantDays)) &&
		(f.CompanyDomain == nil || *f.CompanyDomain == a.CompanyDomain) &&
		(f.Reseller == nil || *f.Reseller == a.IsReseller) &&
		(f.HasParent == nil || *f.HasParent == (a.ParentID != "")) &&
		(f.ParentID == "" || f.ParentID == a.ParentID)
}

// order compares as a list is sorted.
func order(f backoffice.AccountFilter) func(a, b backoffice.Account) int {
	return func(a, b backoffice.Account) int {
		c := 0
		switch f.Sort {
		case backoffice.SortName:
			c = cmp.Compare(backoffice.Fold(a.Name), backoffice.Fold(b.Name))
		case backoffice.SortPrimaryUser:
			c = cmp.Compare(a.PrimaryEmail, b.PrimaryEmail)
		case backoffice.SortLastVisit:
			c = cmp.Compare(backoffice.Micros(a.LastVisit), backoffice.Micros(b.LastVisit))
		case backoffice.SortVisits:
			c = cmp.Compare(a.Visits, b.Visits)
		case backoffice.SortUsers:
			c = cmp.Compare(a.Users, b.Users)
		default:
			c = a.CreatedAt.Compare(b.CreatedAt)
		}
		if c == 0 {
			c = cmp.Compare(a.Key, b.Key)
		}
		if !f.Asc {
			c = -c
		}
		return c
	}
}

func drawFilter(r *rapid.T, now time.Time) backoffice.AccountFilter {
	yes, no := true, false
	flag := func(name string) *bool { return rapid.SampledFrom([]*bool{nil, nil, &yes, &no}).Draw(r, name) }
	f := backoffice.AccountFilter{
		Query:         rapid.SampledFrom([]string{"", "", "", "nord", "o", "st", "m-1", "zzz", "é"}).Draw(r, "query"),
		CreatedDays:   rapid.SampledFrom([]int{0, 0, 0, 1, 7, 30, 100000}).Draw(r, "created"),
		ActiveDays:    rapid.SampledFrom([]int{0, 0, 0, 1, 7, 30, 400, 30000, 1 << 40}).Draw(r, "active"),
		DormantDays:   rapid.SampledFrom([]int{0, 0, 0, 1, 30, 90, 30000, 1 << 40}).Draw(r, "dormant"),
		CompanyDomain: flag("company"), Reseller: flag("reseller"), HasParent: flag("has parent"),
		ParentID: rapid.SampledFrom([]string{"", "", "", "", "m-001", "m-003", "nowhere"}).Draw(r, "parent"),
		Sort:     rapid.SampledFrom([]backoffice.AccountSort{"", "name", "created", "last", "visits", "primary", "users"}).Draw(r, "sort"),
		Asc:      rapid.Bool().Draw(r, "asc"),
	}
	if rapid.IntRange(0, 4).Draw(r, "range") == 0 {
		f.HasCreated = true
		f.CreatedTo = backoffice.DayOf(now) - backoffice.Day(rapid.IntRange(0, 10).Draw(r, "to"))
		f.CreatedFrom = f.CreatedTo - backoffice.Day(rapid.IntRange(-1, 10).Draw(r, "from"))
	}
	return f
}

// TestAccountsListModel holds every list to what its filter says: the rows, their
// order, the total, the positions, forwards, backwards and from the end.
func TestAccountsListModel(t *testing.T) {
	t.Run("", testAccountsList)
	t.Run("small bounds", func(t *testing.T) {
		defer store.SmallBounds()()
		testAccountsList(t)
	})
}

func testAccountsList(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		all := mixed(t, s, clock, 170)
		rapid.Check(t, func(r *rapid.T) {
			f := drawFilter(r, clock.Now())
			var want []string
			sorted := slices.Clone(all)
			slices.SortFunc(sorted, order(f))
			for _, a := range sorted {
				if matches(a, f, clock.Now()) {
					want = append(want, a.ID)
				}
			}
			if n, err := s.CountAccounts(ctx, f); err != nil || int(n) != len(want) {
				r.Fatalf("counted %d, want %d, %v", n, len(want), err)
			}
			open := func(cursor string, first, n int) backoffice.AccountsPage {
				p, err := s.Accounts(ctx, f, cursor)
				if err != nil {
					r.Fatal(err)
				}
				least := p.More && int(p.Total) <= len(want) // the position from the end is not known then
				if int(p.Total) != len(want) && !least || len(p.Rows) != n || n > 0 && int(p.First) != first+1 && !(least && cursor == "last") {
					r.Fatalf("%d rows from %d of %d, want %d from %d of %d", len(p.Rows), p.First, p.Total, n, first+1, len(want))
				}
				for i, row := range p.Rows {
					if row.ID != want[first+i] {
						r.Fatalf("row %d is %s, want %s", first+i, row.ID, want[first+i])
					}
				}
				if (p.Prev != "") != (first > 0) || (p.Next != "") != (first+n < len(want)) {
					r.Fatalf("from %d, %d of %d rows: before %q, next %q", first, n, len(want), p.Prev, p.Next)
				}
				return p
			}
			const size = backoffice.PageSize
			p := open("", 0, min(size, len(want)))
			first := 0
			for p.Next != "" {
				first += size
				p = open(p.Next, first, min(size, len(want)-first))
			}
			for p.Prev != "" {
				first -= size
				p = open(p.Prev, first, size)
			}
			if len(want) > 0 {
				n := min(size, len(want))
				p = open("last", len(want)-n, n)
			}
		})
	})
}

// A list that changes while somebody pages through it shows each row that stays
// once, in order, and says where the beginning is.
func TestAccountsPagesUnderChange(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		mixed(t, s, clock, 120)
		f := backoffice.AccountFilter{Sort: backoffice.SortCreated, Asc: true}
		page := func(cursor string) backoffice.AccountsPage {
			p, err := s.Accounts(ctx, f, cursor)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		first := page("")
		second := page(first.Next)
		for _, id := range []string{"m-021", "m-022", first.Rows[49].ID} { // the row that the second page begins behind goes too
			a, err := s.Account(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.DeleteAccount(ctx, actor, id, a.Name, false); err != nil {
				t.Fatal(err)
			}
		}
		again := page(first.Next)
		if again.Rows[0].ID != second.Rows[0].ID || len(again.Rows) != 50 {
			t.Errorf("the second page begins with %s and has %d rows", again.Rows[0].ID, len(again.Rows))
		}
		back := page(second.Prev)
		if len(back.Rows) != 47 || back.First != 1 || back.Prev != "" {
			t.Errorf("back at the beginning: %d rows from %d, before %q", len(back.Rows), back.First, back.Prev)
		}
	})
}

// T-80: nothing that comes from outside becomes part of a statement, and no
// cursor is believed that was not made here for the same list.
func TestAttack_T80_ListInjection(t *testing.T) {
	const evil = `a'"; DROP TABLE accounts; -- \x00 $1 ?1 :a @b %s ) OR 1=1`
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		mixed(t, s, clock, 60)
		p, err := s.Accounts(ctx, backoffice.AccountFilter{Sort: backoffice.SortName}, "")
		if err != nil || p.Next == "" {
			t.Fatal(err)
		}
		first := p.Rows[0].ID
		// A cursor holds for its own list only.
		for _, f := range []backoffice.AccountFilter{{Sort: backoffice.SortPrimaryUser}, {Sort: backoffice.SortName, Asc: true}, {Sort: backoffice.SortName, CreatedDays: 90}} {
			plain, err := s.Accounts(ctx, f, "")
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.Accounts(ctx, f, p.Next); err != nil || got.Rows[0].ID != plain.Rows[0].ID || got.First != 1 {
				t.Errorf("a cursor of another list was followed: %v", err)
			}
		}
		sealed, _ := base64.RawURLEncoding.DecodeString(p.Next)
		for i := range sealed {
			for bit := range 8 {
				b := slices.Clone(sealed)
				b[i] ^= 1 << bit
				got, err := s.Accounts(ctx, backoffice.AccountFilter{Sort: backoffice.SortName}, base64.RawURLEncoding.EncodeToString(b))
				if err != nil || got.Rows[0].ID != first || got.First != 1 {
					t.Fatalf("a cursor with bit %d of byte %d changed was followed: %v", bit, i, err)
				}
			}
		}
		for _, cursor := range []string{evil, "=", "bGFzdA", strings.Repeat("A", 100000), p.Next + "=", p.Next + p.Next, "Last"} {
			if got, err := s.Accounts(ctx, backoffice.AccountFilter{Sort: backoffice.SortName}, cursor); err != nil || got.Rows[0].ID != first {
				t.Errorf("cursor %.20q: %v", cursor, err)
			}
		}
		for _, text := range []string{evil, "\x00", "\xff\xfe", "nowhere", strings.Repeat("x", 1<<16)} {
			for _, f := range []backoffice.AccountFilter{{Query: text}, {ParentID: text}, {Sort: backoffice.AccountSort(text)}} {
				if _, err := s.Accounts(ctx, f, ""); err != nil {
					t.Errorf("filter %.40q: %v", text, err)
				}
			}
			if _, err := s.Account(ctx, text); !errors.Is(err, backoffice.ErrNotFound) {
				t.Errorf("account %.20q: %v", text, err)
			}
			if err := s.SetReseller(ctx, actor, text, true); !errors.Is(err, backoffice.ErrNotFound) {
				t.Errorf("change of account %.20q: %v", text, err)
			}
			if _, err := s.Restore(ctx, actor, text); !errors.Is(err, backoffice.ErrNotFound) {
				t.Errorf("restore of %.20q: %v", text, err)
			}
			if _, err := s.Events(ctx, backoffice.EventFilter{Query: text, ActorID: text, Action: text, Account: text}, text, 0); err != nil {
				t.Errorf("events of %.20q: %v", text, err)
			}
			var refused store.VisitProblems
			if _, err := s.RecordVisits(ctx, actor, []backoffice.Visit{{AccountID: text, UserID: text, At: clock.Now()}, {AccountID: "m-000", UserID: text, At: clock.Now()}}); !errors.As(err, &refused) || len(refused) != 2 {
				t.Errorf("visit of %.20q: %v", text, err)
			}
			if _, err := s.Bin(ctx, store.BinFilter{Query: text, After: text}); err != nil {
				t.Errorf("bin from %.20q: %v", text, err)
			}
			a, _ := s.Account(ctx, "m-000")
			if _, err := s.Members(ctx, a, backoffice.MemberFilter{After: text}); err != nil {
				t.Errorf("members from %.20q: %v", text, err)
			}
		}
		for _, text := range s.Texts() {
			if strings.Contains(text, "DROP") || strings.Contains(text, "xxx") || strings.Contains(text, "OR 1=1") {
				t.Errorf("a statement carries what came from outside: %s", text)
			}
		}
	})
}

// The texts of statements are finite: as many as there are combinations of
// filters, however many values they take.
func TestAttack_T80_FiniteStatements(t *testing.T) {
	clock := storetest.NewClock()
	s := storetest.Open(t, storetest.SQLite(t), clock)
	mixed(t, s, clock, 60)
	ask := func(n int) {
		for i := range n {
			f := backoffice.AccountFilter{Query: fmt.Sprint("q", i), CreatedDays: i + 1, ActiveDays: i + 2, DormantDays: i + 3, ParentID: fmt.Sprint("m-", i)}
			for _, f := range []backoffice.AccountFilter{f, {Query: f.Query}, {ParentID: f.ParentID, Sort: "name"}, {CreatedDays: i + 1, Sort: "users"}} {
				p, err := s.Accounts(ctx, f, "")
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.Accounts(ctx, f, p.Next); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	ask(40)
	n := len(s.Texts())
	ask(120)
	if more := len(s.Texts()); more != n {
		t.Errorf("%d statements after forty rounds, %d after more", n, more)
	}
}

// FuzzAccountsCursor holds a list to its first page for every cursor that was
// not made here (T-80).
func FuzzAccountsCursor(f *testing.F) {
	clock := storetest.NewClock()
	s := storetest.Open(f, storetest.SQLite(f), clock)
	mixed(f, s, clock, 55)
	want, err := s.Accounts(ctx, backoffice.AccountFilter{}, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(want.Next)
	f.Add("last")
	f.Add("'; --")
	f.Fuzz(func(t *testing.T, cursor string) {
		got, err := s.Accounts(ctx, backoffice.AccountFilter{}, cursor)
		if err != nil {
			t.Fatal(err)
		}
		if cursor != want.Next && cursor != "last" && got.Rows[0].ID != want.Rows[0].ID {
			t.Errorf("cursor %q was followed", cursor)
		}
	})
}
