package backoffice

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

var demoNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func TestDemoIsBelievable(t *testing.T) {
	const n = 30_000
	d := NewDemo(n, 7, demoNow)
	ids, emails := map[string]bool{}, map[string]bool{}
	level, children := make([]int, 0, n), map[int]int{}
	var users, empty, visits, resellers, depth, active, company, dormant, lastWeek int
	for {
		a, ok := d.Next()
		if !ok {
			break
		}
		if !ValidAccountID(a.ID) || ids[a.ID] {
			t.Fatalf("ID %q", a.ID)
		}
		ids[a.ID] = true
		if name, err := CleanName(a.Name, MaxName); err != nil || name != a.Name || name == "" || strings.Contains(name, "{") {
			t.Fatalf("name %q: %v", a.Name, err)
		}
		if details, bad := a.AccountDetails.Clean(); len(bad) > 0 || details != a.AccountDetails {
			t.Fatalf("details %+v: %v", a.AccountDetails, bad)
		}
		if a.CreatedAt.After(demoNow) || a.Parent >= len(level) {
			t.Fatalf("%s created %v, parent %d", a.ID, a.CreatedAt, a.Parent)
		}
		l := 1
		if a.Parent >= 0 {
			l = level[a.Parent] + 1
			children[a.Parent]++
		}
		level = append(level, l)
		depth = max(depth, l)
		for _, u := range a.Users {
			if e, err := ParseEmail(u.Email); err != nil || string(e) != u.Email || emails[u.Email] {
				t.Fatalf("e-mail %q: %v", u.Email, err)
			}
			emails[u.Email] = true
			if u.LastVisit > demoNow.UnixMicro() || u.CreatedAt.After(demoNow) {
				t.Fatalf("%s after now", u.Email)
			}
		}
		for i, v := range a.Visits {
			if v.Day > DayOf(demoNow) || v.Day < DayOf(a.CreatedAt) || i > 0 && v == a.Visits[i-1] {
				t.Fatalf("visit %+v", v)
			}
		}
		users += len(a.Users)
		visits += len(a.Visits)
		if len(a.Users) == 0 {
			empty++
		}
		if a.IsReseller {
			resellers++
		}
		if a.CompanyDomain {
			company++
		}
		switch k := len(a.Visits); {
		case k > 0 && a.Visits[k-1].Day > DayOf(demoNow)-ActiveDays:
			active++
		default:
			dormant++
		}
		if a.CreatedAt.After(demoNow.Add(-NewWindow)) {
			lastWeek++
		}
	}
	most := 0
	for _, c := range children {
		most = max(most, c)
	}
	t.Logf("users %d, visits %d, empty %d, resellers %d, depth %d, most children %d, active %d, company %d, new %d", users, visits, empty, resellers, depth, most, active, company, lastWeek)
	between := func(what string, v, lo, hi int) {
		if v < lo || v > hi {
			t.Errorf("%s: %d, want %d to %d", what, v, lo, hi)
		}
	}
	between("users", users, n*5/2, n*7/2)
	between("visits", visits, n*15, n*60)
	between("accounts without users", empty, n/40, n/10)
	between("resellers", resellers, n*8/100, n*12/100)
	between("levels", depth, 4, 4)
	between("sub-accounts of the largest", most, 500, 1200)
	between("active accounts", active, n*3/10, n*8/10)
	between("company domains", company, n*5/10, n*9/10)
	between("new accounts", lastWeek, n/500, n/50)
}

func TestDemoIsTheSameAgain(t *testing.T) {
	one, two, other := NewDemo(200, 3, demoNow), NewDemo(200, 3, demoNow), NewDemo(200, 4, demoNow)
	different := false
	for range 200 {
		a, _ := one.Next()
		b, _ := two.Next()
		c, _ := other.Next()
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("%+v\nis not\n%+v", a, b)
		}
		different = different || a.Name != c.Name
	}
	if !different {
		t.Error("another seed gives the same names")
	}
}
