package store_test

import (
	"cmp"
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

// searchNames are names that are hard to search: short ones, other scripts,
// marks, letters beyond the first plane, characters that mean something to SQL,
// to LIKE or to the full-text index.
var searchNames = []string{
	"Nord", "nord", "NORD", "Nordwind", "Nördlich", "Straße 7", "STRASSE 8", "a", "A B", "é", "É\u0301", "Zoë", "Łódź", "Ærø", "İstanbul", "ISTANBUL",
	"東京", "東", "京都株式会社", "株", "서울", "Ελλάς", "ΣΊΣΥΦΟΣ", "Мир", "йод", "नमस्ते", "שָׁלוֹם", "سلام", "ガ", "カ\u3099",
	"\U0001F600", "\U0001F600\U0001F601 smile", "x\U0001F468\u200d\U0001F469\u200d\U0001F467y", "\U00020BB7野家", "𝔘nicode", "a\U0010FFFF", "a\u0301\u0302\u0303", "o\u0308o\u0308",
	`"quoted"`, `'single'`, `100%`, `100_`, `100x`, `back\slash`, `%`, `_`, `\`, `"`, `'`, "AND", "a AND b", "NEAR(a b)", "a*", "-a", "^a", "col:on", "{a}", "(", "a;b", "--", "/*",
	"ﬁne", "fine", "Ⅷ", "½", "①", "ＦＵＬＬ", "full", "ﷺ", "non\u00a0breaking", "soft\u00adhyphen", "zero\u200bwidth", "two  spaces", "tab\u3000wide",
	strings.Repeat("long ", 40)[:199], strings.Repeat("é", 200), strings.Repeat("ﷺ", 60) + " end", "ab", "bc", "zz", "yz", "q",
}

// TestSearchConformance holds the two indexes to one plain rule: an account is
// found when its folded name or ID contains the folded text, and what is found
// stands in the order of the list.
func TestSearchConformance(t *testing.T) {
	t.Run("", testSearchConformance)
	t.Run("small bounds", func(t *testing.T) {
		defer store.SmallBounds()()
		testSearchConformance(t)
	})
}

func testSearchConformance(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		type entry struct{ name, id, folded, foldedID string }
		var all []entry
		if err := s.Update(ctx, func(u *store.Unit) error {
			for i, name := range searchNames {
				e := entry{name: name, id: fmt.Sprintf("id-%d.Q@%c", i, 'a'+i%26)}
				e.folded, e.foldedID = backoffice.Fold(e.name), backoffice.Fold(e.id)
				all = append(all, e)
				if err := u.Insert(e.name, e.id, clock.Now().Add(time.Duration(i)*time.Second)); err != nil {
					return fmt.Errorf("%q: %w", name, err)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		clock.Add(time.Hour)
		queries := map[string]bool{"": true, " ": true, "\x00": true, "a\x00b": true, "\xff": true, "nord\xff": true, "\n": true, "d\nid": true, "\u200b": true,
			strings.Repeat("x", 64): true, strings.Repeat("x", 65): true, strings.Repeat("x", 5000): true, "id-1": true, "ID-1": true, ".q@": true, "@z": true, "zzzz": true}
		for _, name := range searchNames {
			queries[name], queries[strings.ToUpper(name)], queries[" "+name+" "] = true, true, true
			r := []rune(name)
			for _, n := range []int{1, 2, 3, 4, 63, 64, 65, 66, 67, 100} {
				if n <= len(r) {
					queries[string(r[:n])], queries[string(r[len(r)-n:])] = true, true
				}
			}
			for i := range min(len(r), 12) {
				queries[string(r[i])] = true
				queries[string(r[i:min(i+3, len(r))])] = true
			}
		}
		searched := 0
		for q := range queries {
			folded := backoffice.Fold(q)
			if r := []rune(folded); len(r) > 200 {
				folded = string(r[:200])
			}
			var want []string
			for _, e := range all {
				if strings.Contains(e.folded, folded) || strings.Contains(e.foldedID, folded) {
					want = append(want, e.id)
				}
			}
			order := slices.Clone(all)
			slices.SortStableFunc(order, func(a, b entry) int { return cmp.Compare(a.folded, b.folded) })
			var byName []string
			for _, e := range order {
				if slices.Contains(want, e.id) {
					byName = append(byName, e.id)
				}
			}
			for sort, want := range map[backoffice.AccountSort][]string{backoffice.SortCreated: want, backoffice.SortName: byName} {
				var got []string
				err := s.EachAccount(ctx, backoffice.AccountFilter{Query: q, Sort: sort, Asc: true}, func(r backoffice.AccountRow) error {
					got = append(got, r.ID)
					return nil
				})
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("search %q by %s: %d found, want %d\n%q\n%q\n%v", q, sort, len(got), len(want), got, want, err)
				}
			}
			n, err := s.CountAccounts(ctx, backoffice.AccountFilter{Query: q})
			if err != nil || n != int64(len(want)) {
				t.Errorf("search %q: counted %d, want %d, %v", q, n, len(want), err)
			}
			if searched++; t.Failed() && searched > 200 {
				t.FailNow()
			}
		}
	})
}

// A search that many letters could go on from is an expression of many terms; one
// that too many could is answered by walking.
func TestSearchManyContinuations(t *testing.T) {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		for _, n := range []int{300, 700, 1200} {
			want := 0
			if err := s.Update(ctx, func(u *store.Unit) error {
				for i := range n {
					id := fmt.Sprintf("%d-%d", n, i)
					name := "ж" + string(letters[i%36]) + string(letters[i/36%36])
					if err := u.Insert(name, id, clock.Now()); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			for _, m := range []int{300, 700, 1200} {
				if m <= n {
					want += m
				}
			}
			got, err := s.CountAccounts(ctx, backoffice.AccountFilter{Query: "ж"})
			if err != nil || got != int64(want) {
				t.Errorf("with %d continuations: %d found, want %d, %v", n, got, want, err)
			}
		}
	})
}

// What is found follows renames, the bin and the way back.
func TestSearchFollows(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		a := create(t, s, "Nordwind", "nw-1", "")
		found := func(q string, want bool) {
			t.Helper()
			n, err := s.CountAccounts(ctx, backoffice.AccountFilter{Query: q})
			if err != nil || (n == 1) != want {
				t.Errorf("search %q: %d found, want %t, %v", q, n, want, err)
			}
		}
		if _, err := s.SaveAccount(ctx, actor, "nw-1", store.AccountChange{Version: a.Version, Name: "Südwind"}); err != nil {
			t.Fatal(err)
		}
		found("nordw", false)
		found("sudw", true)
		found("no", false)
		deletion, err := s.DeleteAccount(ctx, actor, "nw-1", "Südwind", false)
		if err != nil {
			t.Fatal(err)
		}
		found("sudw", false)
		found("nw", false)
		if _, err := s.Restore(ctx, actor, deletion); err != nil {
			t.Fatal(err)
		}
		found("d", true)
		found("1", true)
		found("nw-1", true)
	})
}

// The places of names keep their order, and are the same to the schema.
func TestSearchPlaces(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		a, b := rapid.StringN(0, 6, -1).Draw(r, "a"), rapid.StringN(0, 6, -1).Draw(r, "b")
		if a > b {
			a, b = b, a
		}
		if x, y := store.PlaceOf(a), store.PlaceOf(b); x > y {
			r.Fatalf("%q lies at %d, %q at %d", a, x, b, y)
		}
		if first, next := store.FirstAt(store.PlaceOf(a)), store.FirstAt(store.PlaceOf(a)+1); first > a || next <= a {
			r.Fatalf("%q is not from %q to %q", a, first, next)
		}
	})
	clock := storetest.NewClock()
	s := storetest.Open(t, storetest.SQLite(t), clock)
	for i, name := range searchNames {
		id := fmt.Sprintf("p-%d", i)
		if err := s.Update(ctx, func(u *store.Unit) error { return u.Insert(name, id, clock.Now()) }); err != nil {
			t.Fatal(err)
		}
		sorted, place, err := s.PlaceOfAccount(ctx, id)
		if err != nil || place != store.PlaceOf(sorted) {
			t.Errorf("%q lies at %d, want %d, %v", sorted, place, store.PlaceOf(sorted), err)
		}
	}
}
