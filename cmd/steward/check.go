package main

import (
	"context"
	"fmt"

	"steward/store"
)

type checkCommand struct{}

func (c *checkCommand) Run(ctx context.Context, a *app) error {
	s, err := store.Open(ctx, a.database, store.Options{Now: a.now, MustExist: true, NoMigrate: true})
	if err != nil {
		return err
	}
	defer s.Close()
	found := 0
	sum, err := s.Check(ctx, func(f store.Finding) {
		found++
		fmt.Fprintf(a.stdout, "%s: %s. %s\n", f.What, f.Detail, f.Next)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "Checked %d accounts, %d memberships, %d visits, %d events: ", sum.Accounts, sum.Memberships, sum.Visits, sum.Events)
	if found > 0 {
		fmt.Fprintf(a.stdout, "%d findings.\n", found)
		return errSilent
	}
	fmt.Fprintln(a.stdout, "all is well.")
	return nil
}
