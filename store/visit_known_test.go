package store

import (
	"math/rand/v2"
	"testing"

	"steward/backoffice"
)

// A member that is known claims the visits that it was told of, of the last 64
// days, and no others.
func TestKnownMember(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		var m knownMember
		days, last := map[backoffice.Day]bool{}, int64(0)
		for range 60 {
			at := int64(r.IntN(200))*dayMicros + int64(r.IntN(3))
			want := days[microDay(at)] && at <= last && microDay(last)-microDay(at) < 64
			if got := m.has(at); got != want {
				t.Fatalf("seed %d: has(%d) is %v, last %d", seed, at, got, last)
			}
			m.learn(at)
			days[microDay(at)], last = true, max(last, at)
		}
	}
}

// What is known is bounded, and names do not meet.
func TestKnownVisitsBound(t *testing.T) {
	k := newKnownVisits()
	k.at(1)
	visits := make([]backoffice.Visit, 1000)
	list := make([]seen, len(visits))
	for n := range 300 {
		for i := range visits {
			id := int64(n*len(visits) + i)
			visits[i] = backoffice.Visit{AccountID: string(rune('a' + id%7)), Email: string([]byte{byte(id), byte(id >> 8), byte(id >> 16)})}
			list[i] = seen{account: 1, user: id, member: id, at: 1}
		}
		k.add(1, k.names(visits), list)
	}
	if len(k.members) != mostKnown {
		t.Errorf("%d are known, at most %d should be", len(k.members), mostKnown)
	}
	pairs := k.names([]backoffice.Visit{{AccountID: "ab", Email: "c"}, {AccountID: "a", Email: "bc"}, {AccountID: "ab", UserID: "c"}, {AccountID: "", Email: "abc"}})
	for i, a := range pairs {
		for _, b := range pairs[:i] {
			if a == b {
				t.Error("two visits have one name")
			}
		}
	}
	k.at(2)
	if len(k.members) != 0 {
		t.Error("what is known outlives a new version")
	}
}
