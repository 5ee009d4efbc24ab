package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"steward/backoffice"
	"steward/store"
)

// explain says what went wrong, and what to do next.
func explain(err error) string {
	next := ""
	switch {
	case errors.Is(err, store.ErrMissing):
		next = "Make one with steward migrate, or name another with --database."
	case errors.Is(err, store.ErrNewer):
		next = "" // says it itself
	case errors.Is(err, store.ErrForeign):
		next = "Name Steward's own file with --database, or put a backup in its place with steward restore FILE."
	case errors.Is(err, store.ErrNotEmpty):
		next = "Demo data goes into an empty database only: name a new file with --database."
	case errors.Is(err, store.ErrFuture):
		next = "Give --at an instant that has passed."
	case errors.Is(err, store.ErrInUse):
		next = "End the other steward first (SIGTERM), or serve another file with --database."
	case errors.Is(err, backoffice.ErrUnavailable):
		next = "Look at the disk (df, dmesg) or at the PostgreSQL server, then run steward check; a damaged file is replaced by steward restore FILE."
	case errors.Is(err, syscall.EADDRINUSE):
		next = "Another process listens there: choose another address with --addr."
	case errors.Is(err, fs.ErrPermission):
		next = "Give this user the right to read and write it, or run steward as the user who owns it."
	case errors.Is(err, context.Canceled):
		next = "It was interrupted; nothing half done is left behind."
	}
	if next == "" {
		return err.Error()
	}
	return fmt.Sprintf("%v.\n%s", err, next)
}
