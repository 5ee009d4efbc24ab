package store_test

import (
	"fmt"
	"testing"

	"steward/backoffice"
)

// The list of users as it opens and deep in each order.
func BenchmarkUsers(b *testing.B) {
	s := benchStore(b, false)
	for _, sort := range []backoffice.UserSort{backoffice.UsersByCreated, backoffice.UsersByName, backoffice.UsersByLastVisit, backoffice.UsersByVisits, backoffice.UsersByAccounts, backoffice.UsersByVerified, backoffice.UsersByMFA} {
		for _, asc := range []bool{false, true} {
			f := backoffice.UserFilter{Sort: sort, Asc: asc}
			deep := ""
			for range 100 {
				p, err := s.Users(ctx, f, deep)
				if err != nil {
					b.Fatal(err)
				}
				deep = p.Next
			}
			for _, page := range []struct{ name, cursor string }{{"first", ""}, {"deep", deep}, {"last", "last"}} {
				b.Run(fmt.Sprintf("%s/asc=%v/%s", sort, asc, page.name), func(b *testing.B) {
					timed(b, func(int) {
						p, err := s.Users(ctx, f, page.cursor)
						if err != nil || len(p.Rows) != backoffice.PageSize {
							b.Fatal(len(p.Rows), err)
						}
					})
				})
			}
		}
	}
}

func BenchmarkUserSearch(b *testing.B) {
	s := benchStore(b, false)
	for _, q := range []string{"a", "e", "z", "q", "7", "ü", "株", "ab", "an", "zx", "@", "ann", "anna", "martinez", "smith", "müller", "anna schmidt", "maria garcia", "schmidt a",
		"gmail", "gmail.com", ".example", "anna.schmidt", "anna@", "kowalski", "zzz", "qqxxqq", "no such person", "田中", "Ольга", "김", "%", "zoe"} {
		for _, sort := range []backoffice.UserSort{backoffice.UsersByCreated, backoffice.UsersByName, backoffice.UsersByVisits, backoffice.UsersByLastVisit, backoffice.UsersByMFA, backoffice.UsersByAccounts} {
			for _, asc := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/%s/asc=%v", q, sort, asc), func(b *testing.B) {
					timed(b, func(int) {
						if _, err := s.Users(ctx, backoffice.UserFilter{Query: q, Sort: sort, Asc: asc}, ""); err != nil {
							b.Fatal(err)
						}
					})
				})
			}
		}
	}
}

func BenchmarkUserKPIs(b *testing.B) {
	s := benchStore(b, true)
	b.Run("quiet", func(b *testing.B) {
		timed(b, func(int) {
			if _, err := s.UserKPIs(ctx); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("written", func(b *testing.B) {
		for i := range b.N {
			b.StopTimer()
			if err := s.SetReseller(ctx, actor, benchAccount(b, s), i%2 == 0); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			if _, err := s.UserKPIs(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}
