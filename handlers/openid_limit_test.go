package handlers

import (
	"fmt"
	"testing"
	"time"
)

// However many networks come, as many are counted as there is room for, and none of
// them gets back what it has taken by bringing others along.
func TestAttack_T84_ManyNetworks(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	b := newBuckets(1, 5)
	for range 5 {
		b.take("the one", now)
	}
	for i := range 3 * manyNetworks {
		b.take(fmt.Sprint("network ", i), now)
	}
	if len(b.by) > manyNetworks {
		t.Errorf("%d networks are kept", len(b.by))
	}
	if b.wait("the one", now) == 0 {
		t.Error("who had to wait is forgotten")
	}
	if b.wait("the one", now.Add(time.Second)) != 0 {
		t.Error("who has waited waits on")
	}
}

func TestAround(t *testing.T) {
	for network, want := range map[string]string{"192.0.2.7": "192.0.2.7", "2001:db8:1:2::/64": "2001:db8:1::/48", "2001:db8:1:ffff::/64": "2001:db8:1::/48", "unknown": "unknown"} {
		if got := around(network); got != want {
			t.Errorf("%s: %s, want %s", network, got, want)
		}
	}
}
