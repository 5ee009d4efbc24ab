package store

import "context"

// Finding is something that a check found wrong.
type Finding struct {
	What   string // the part of the database
	Detail string
	Next   string // what to do about it
}

// CheckSummary says how much was checked.
type CheckSummary struct{ Accounts, Memberships, Visits, Events int64 }

// Check verifies the database and tells each finding. It reads only.
func (s *Store) Check(ctx context.Context, found func(Finding)) (sum CheckSummary, err error) {
	broken, n, err := s.VerifyEvents(ctx)
	if err != nil {
		return sum, err
	}
	sum.Events = n
	if broken != 0 {
		found(Finding{"audit trail", "broken", "Restore a backup."})
	}
	return sum, nil
}
