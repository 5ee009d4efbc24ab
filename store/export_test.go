package store

import (
	"context"
	"time"

	"steward/backoffice"
)

// Tamper runs a statement past every rule, as nothing but a test does.
func (s *Store) Tamper(text string, args ...any) (n int64, err error) {
	err = s.update(context.Background(), backoffice.System(), func(t *tx) error {
		n, err = t.exec(text, args...)
		return err
	})
	return n, err
}

// SetParentForTest puts an account under another one, as an import does.
func (s *Store) SetParentForTest(ctx context.Context, id, parent string) error {
	return s.update(ctx, backoffice.System(), func(t *tx) error {
		before, err := t.account(id)
		if err != nil {
			return err
		}
		p, err := t.account(parent)
		if err != nil {
			return err
		}
		after := before
		after.ParentKey = p.Key
		return t.saveAccount(before, after)
	})
}

// Unit is a unit of work, for tests of how units end.
type Unit = tx

// Update runs fn as one unit of work.
func (s *Store) Update(ctx context.Context, fn func(*Unit) error) error {
	return s.update(ctx, backoffice.System(), fn)
}

// Exec runs a statement within a unit of work.
func (t *tx) Exec(text string, args ...any) (int64, error) { return t.exec(text, args...) }

// Set writes a setting within a unit of work.
func (t *tx) Set(name, value string) error { return t.setSetting(name, value) }

// Setting returns a setting's value.
func (s *Store) Setting(ctx context.Context, name string) (string, error) {
	return setting(ctx, s.query(), name)
}

// Loads returns how often the ledger of the figures was read anew.
func (s *Store) Loads() int {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return s.ledger.loads
}

// UserLoads is Loads of the ledger of users.
func (s *Store) UserLoads() int {
	s.userKPIs.mu.Lock()
	defer s.userKPIs.mu.Unlock()
	return s.userKPIs.loads
}

// WriterConn hands the writing connection of SQLite to a test.
func (s *Store) WriterConn(do func(any) error) error { return s.writer.conn.Raw(do) }

// Texts returns the statements that were prepared for reading.
func (s *Store) Texts() (out []string) {
	s.reads.Range(func(k, _ any) bool { out = append(out, k.(string)); return true })
	return out
}

// Insert makes an account within a unit of work, created at the given instant.
func (t *tx) Insert(name, id string, at time.Time) error {
	a := backoffice.Account{Name: name, ID: id, CreatedAt: at, Metadata: "{}", Version: 1, MetadataVersion: 1}
	return t.insertAccount(&a)
}

// SetImportBatch changes how long a batch of an import takes, and returns what
// changes it back.
func SetImportBatch(d time.Duration) func() {
	was := importBatch
	importBatch = d
	return func() { importBatch = was }
}

// SmallBounds makes a list change its way of finding rows among few accounts.
func SmallBounds() (back func()) {
	kept, ledger := bounds, ledgerBounds
	ledgerBounds.instants, ledgerBounds.changes = 2, 3
	bounds.probe, bounds.vocabulary, bounds.gather, bounds.near, bounds.count, bounds.work = 12, 6, 20, 60, 30, 40
	bounds.hits, bounds.even, bounds.stretch, bounds.crowd, bounds.walk = 30, 1, 4, 8, 60
	return func() { bounds, ledgerBounds = kept, ledger }
}

// NameUserForTest gives a user another name and address.
func (s *Store) NameUserForTest(ctx context.Context, email, name, now string) error {
	return s.update(ctx, backoffice.System(), func(t *tx) error {
		u, err := readUser(ctx, t, selectUserByEmail, email)
		if err != nil {
			return err
		}
		return t.nameUser(u.Key, name, now)
	})
}

// PlaceOf is the place of a folded name in the search's index, and FirstAt the
// least name of a place.
func PlaceOf(name string) int64  { return placeOf(name) }
func FirstAt(place int64) string { return firstAt(place) }

// PlaceOfAccount is what the schema says of the place of an account's name.
func (s *Store) PlaceOfAccount(ctx context.Context, id string) (name string, place int64, err error) {
	err = s.query().row(ctx, `SELECT name_sort, place FROM accounts WHERE id = $1`, id).Scan(&name, &place)
	return name, place, err
}
