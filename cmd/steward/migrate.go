package main

import (
	"context"
	"fmt"
)

type migrateCommand struct{}

func (c *migrateCommand) Run(ctx context.Context, a *app) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	fmt.Fprintf(a.stdout, "The schema is up to date (%s).\n", s.Engine())
	return nil
}
