//go:build soak

package store_test

import (
	"testing"

	"steward/store"
	"steward/store/storetest"
)

// The long walk of TestForest.
func TestSoakForest(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		walkForest(t, s, clock, 20261122, 100_000, 20)
	})
}

// The long walk of TestAssignments.
func TestSoakAssignments(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		walkAssignments(t, s, clock, 20261122, 20_000, 10)
	})
}
