package store

import (
	"context"
	"errors"
	"time"
)

// Backup copies the database into a new file.
func (s *Store) Backup(ctx context.Context, file string) (size int64, err error) {
	return 0, errors.ErrUnsupported
}

// RestoreBackup puts a backup in the place of a database.
func RestoreBackup(ctx context.Context, backup, path string, now time.Time) (kept string, err error) {
	return "", errors.ErrUnsupported
}
