package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"steward/store"
)

type backupCommand struct {
	File string `arg:"" help:"File to write; it must not be there yet." type:"path"`
}

func (c *backupCommand) Run(ctx context.Context, a *app) error {
	s, err := store.Open(ctx, a.database, store.Options{Now: a.now, MustExist: true, NoMigrate: true})
	if err != nil {
		return err
	}
	defer s.Close()
	if s.Engine() != "sqlite" {
		return usage("backup copies a SQLite file; back up PostgreSQL by its own means: pg_dump --format=custom --file=%s DATABASE", c.File)
	}
	size, err := s.Backup(ctx, c.File)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already.\nName a file that is not, or move that one away", c.File)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "Backed up %s into %s (%d bytes).\n", a.database, c.File, size)
	return nil
}

type restoreCommand struct {
	File string `arg:"" help:"Backup to restore." type:"path"`
}

func (c *restoreCommand) Run(ctx context.Context, a *app) error {
	if store.IsPostgres(a.database) {
		return usage("restore puts a SQLite file in place; restore PostgreSQL by its own means: pg_restore --clean --dbname=DATABASE %s", c.File)
	}
	kept, err := store.RestoreBackup(ctx, c.File, a.database, a.now())
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "Restored %s from %s.\n", a.database, c.File)
	if kept != "" {
		fmt.Fprintf(a.stdout, "What was there before is kept as %s.\n", kept)
	}
	fmt.Fprintln(a.stdout, "Verify it with steward check, then start steward serve.")
	return nil
}
