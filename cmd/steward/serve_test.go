package main

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// A chore that fails keeps no other from being done, and each failure is told.
func TestEachChoreIsDone(t *testing.T) {
	var done []int
	broken, torn := errors.New("broken"), errors.New("torn")
	act := func(n int, err error) func(context.Context) error {
		return func(context.Context) error {
			done = append(done, n)
			return err
		}
	}
	err := each(t.Context(), act(1, broken), act(2, nil), act(3, torn), act(4, nil))
	if !slices.Equal(done, []int{1, 2, 3, 4}) || !errors.Is(err, broken) || !errors.Is(err, torn) {
		t.Errorf("done %v: %v", done, err)
	}
	if err := each(t.Context(), act(5, nil)); err != nil {
		t.Error(err)
	}
	// What stops ends them, and what failed before is told.
	ctx, stop := context.WithCancel(t.Context())
	done = nil
	err = each(ctx, act(1, broken), func(context.Context) error { stop(); return nil }, act(3, nil))
	if !slices.Equal(done, []int{1}) || !errors.Is(err, broken) || !errors.Is(err, context.Canceled) {
		t.Errorf("done %v: %v", done, err)
	}
}
