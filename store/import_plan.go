package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"iter"
	"path"
	"strings"
	"time"

	"steward/backoffice"
)

// importPlan makes a plan out of files: it reads them once, in the order
// accounts, users, visits, holds of each row only what the others refer to, and
// writes the rows with what is to become of them into import_rows.
type importPlan struct {
	s     *Store
	ctx   context.Context
	actor backoffice.Actor
	key   int64
	now   time.Time
	today backoffice.Day
	file  string // base name of the one being read

	accountsFile, usersFile string // base names

	fresh bool // nothing is in the database yet: nothing is to be looked up
	roles backoffice.RoleKeys

	counts backoffice.ImportCounts
	total  int64 // rows that change something
	next   map[backoffice.ImportKind]int64
	staged []any
	weight int

	accounts   []planAccount
	accountIDs []string
	accountAt  map[string]int32
	users      []planUser
	emails     []string
	people     map[int32]*backoffice.ImportedPerson // user -> what the file says beside the name
	userAt     map[string]int32
	members    map[uint64]bool  // account and user -> there is a membership, or will be
	lines      map[uint64]int32 // account and user -> line of the users file
	visits     visitPile
}

// Limits of one import. The numbers of its accounts and users fit 24 bits.
const (
	maxPlanned       = 1<<24 - 1
	maxPlannedVisits = 50_000_000
)

var insertImportRows = newRowList(`INSERT INTO import_rows (import_key, seq, kind, action, file, line, n, subject, col, value, reason, data) VALUES `,
	plainTuple(12), ``, 0)

// PlanImport reads files and says what importing them would do; nothing but the
// plan is written. At most one file of each kind, in the order accounts, users,
// visits. Errors: *FileError for a file that is no such table, and whatever the
// readers return.
func (s *Store) PlanImport(ctx context.Context, actor backoffice.Actor, strict bool, files iter.Seq2[ImportFile, error]) (backoffice.ImportRun, error) {
	p := &importPlan{s: s, ctx: ctx, actor: actor, now: s.Now().Truncate(time.Microsecond), next: map[backoffice.ImportKind]int64{},
		accountAt: map[string]int32{}, userAt: map[string]int32{}, members: map[uint64]bool{}, lines: map[uint64]int32{}, roles: backoffice.RoleKeys{}}
	p.today = backoffice.DayOf(p.now)
	for kind, base := range importPhases {
		p.next[kind] = base + 1
	}
	id := newID()
	err := s.update(ctx, actor, func(t *tx) error {
		return t.get(`INSERT INTO imports (id, created_at, actor_kind, actor_id, actor_name, address, strict, state, touched_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 'planning', $2) RETURNING key`,
			id, p.now.UnixMicro(), string(actor.Kind), actor.ID, actorName(actor), actor.Address, strict).Scan(&p.key)
	})
	if err != nil {
		return backoffice.ImportRun{}, err
	}
	read, err := p.read(files)
	if err == nil {
		err = p.finish(read)
	}
	if err != nil {
		return backoffice.ImportRun{}, errors.Join(err, s.failPlan(p.key, "The files could not be read."))
	}
	return s.Import(context.WithoutCancel(ctx), id)
}

func actorName(a backoffice.Actor) string {
	if a.Name != "" {
		return a.Name
	}
	return a.Email
}

// failPlan ends a plan that was not finished, and drops what there is of it.
func (s *Store) failPlan(key int64, reason string) error {
	ctx := context.Background()
	err := s.update(ctx, backoffice.System(), func(t *tx) error {
		_, err := t.exec(`UPDATE imports SET state = 'failed', failure = $1, finished_at = $2 WHERE key = $3 AND state = 'planning'`, reason, t.now.UnixMicro(), key)
		return err
	})
	if err != nil {
		return err
	}
	return s.dropImportRows(ctx, key)
}

// read reads the files, each to its end.
func (p *importPlan) read(files iter.Seq2[ImportFile, error]) ([]backoffice.ImportedFile, error) {
	q := p.s.query()
	var accounts, users bool
	if err := q.row(p.ctx, `SELECT EXISTS (SELECT 1 FROM accounts), EXISTS (SELECT 1 FROM users)`).Scan(&accounts, &users); err != nil {
		return nil, err
	}
	p.fresh = !accounts && !users
	rows, err := q.rows(p.ctx, `SELECT r.handle, COALESCE(a.id, '')`+fromRoles)
	if err := eachRow(rows, err, func(r rowScanner) error {
		var handle, account string
		err := r.Scan(&handle, &account)
		p.roles.Add(handle, account)
		return err
	}); err != nil {
		return nil, err
	}
	steps := []struct {
		kind  backoffice.ImportKind
		read  func(*csvReader) error
		after func() error
	}{
		{backoffice.ImportAccounts, p.readAccounts, p.settleHierarchy},
		{backoffice.ImportUsers, p.readUsers, p.settleUsers},
		{backoffice.ImportVisits, p.readVisits, p.settleVisits},
	}
	var read []backoffice.ImportedFile
	done := 0
	for f, err := range files {
		if err != nil {
			return nil, err
		}
		p.file = path.Base(strings.ReplaceAll(f.Name, `\`, "/"))
		for done < len(steps) && steps[done].kind != f.Kind {
			if err := steps[done].after(); err != nil {
				return nil, err
			}
			done++
		}
		if done == len(steps) {
			return nil, &FileError{p.file, 0, "The files come in the order accounts, users, visits, at most one of each."}
		}
		switch f.Kind {
		case backoffice.ImportAccounts:
			p.accountsFile = p.file
		case backoffice.ImportUsers:
			p.usersFile = p.file
		}
		in := &countedReader{in: f.Reader, sum: sha256.New()}
		r, err := openCSV(p.file, f.Kind, in)
		if err == nil {
			err = steps[done].read(r)
		}
		if err != nil {
			return nil, err
		}
		if err := steps[done].after(); err != nil {
			return nil, err
		}
		done++
		read = append(read, backoffice.ImportedFile{Kind: f.Kind, Name: p.file, Bytes: in.n, Digest: hex.EncodeToString(in.sum.Sum(nil))})
	}
	if len(read) == 0 {
		return nil, &FileError{"", 0, "Choose at least one file."}
	}
	for ; done < len(steps); done++ {
		if err := steps[done].after(); err != nil {
			return nil, err
		}
	}
	return read, nil
}

// records calls chunk with every few hundred records, so that what they name
// can be looked up together.
func records[T any](r *csvReader, parse func() (T, error), chunk func([]T) error) error {
	const most = 500
	list := make([]T, 0, most)
	for {
		err := r.read()
		if errors.Is(err, io.EOF) {
			return chunk(list)
		}
		if err != nil {
			return err
		}
		v, err := parse()
		if err != nil {
			return err
		}
		if list = append(list, v); len(list) == most {
			if err := chunk(list); err != nil {
				return err
			}
			clear(list)
			list = list[:0]
		}
	}
}

// planned is a row of the plan about to be written.
type planned struct {
	kind    backoffice.ImportKind
	action  backoffice.ImportAction
	file    string
	line    int64
	n       int64
	subject string
	refused *backoffice.RefusedCell
	value   string
	data    any // []byte, or what is marshalled to JSON
}

// stage writes a row of the plan, with others, and returns its number.
func (p *importPlan) stage(row planned) (int64, error) {
	seq := p.next[row.kind]
	p.next[row.kind]++
	var col, reason string
	value := backoffice.VisibleCell(row.value)
	if row.refused != nil {
		col, value, reason = row.refused.Column, backoffice.VisibleCell(row.refused.Value), row.refused.Reason
	}
	var data []byte
	switch d := row.data.(type) {
	case nil:
	case []byte:
		data = d
	default:
		var err error
		if data, err = json.Marshal(d); err != nil {
			return 0, err
		}
	}
	if row.n == 0 {
		row.n = 1
	}
	p.counts.Of(row.kind).Add(row.action, row.n)
	if row.action == backoffice.ImportCreate || row.action == backoffice.ImportUpdate {
		p.total += row.n
	}
	p.staged = append(p.staged, p.key, seq, string(row.kind), string(row.action), row.file, row.line, row.n, row.subject, col, value, reason, data)
	p.weight += 100 + len(row.subject) + len(value) + len(data)
	if p.weight > 1<<20 {
		return seq, p.flush()
	}
	return seq, nil
}

// flush writes the rows that are waiting.
func (p *importPlan) flush() error {
	if len(p.staged) == 0 {
		return nil
	}
	err := p.update(func(t *tx) error { return insertImportRows.exec(t, nil, p.staged) })
	clear(p.staged)
	p.staged, p.weight = p.staged[:0], 0
	return err
}

// update runs a unit of work of the planning; the import tells that it is alive.
func (p *importPlan) update(fn func(t *tx) error) error {
	return p.s.update(p.ctx, p.actor, func(t *tx) error {
		if err := t.one(`UPDATE imports SET touched_at = $1 WHERE key = $2 AND state = 'planning'`, t.now.UnixMicro(), p.key); err != nil {
			return err
		}
		return fn(t)
	})
}

// refuse stages a refused row.
func (p *importPlan) refuse(kind backoffice.ImportKind, line int64, subject string, why *backoffice.RefusedCell) error {
	_, err := p.stage(planned{kind: kind, action: backoffice.ImportRefused, file: p.file, line: line, subject: backoffice.VisibleCell(subject), refused: why})
	if kind == backoffice.ImportMemberships && (why.Column == "email" || why.Column == "name") {
		p.counts.Users.Refused++
	}
	return err
}

// finish makes the plan one that can be applied.
func (p *importPlan) finish(files []backoffice.ImportedFile) error {
	if err := p.flush(); err != nil {
		return err
	}
	counts, err := json.Marshal(p.counts)
	if err != nil {
		return err
	}
	list, err := json.Marshal(files)
	if err != nil {
		return err
	}
	return p.update(func(t *tx) error {
		return t.one(`UPDATE imports SET state = 'planned', files = $1, counts = $2, rows_total = $3 WHERE key = $4`, string(list), string(counts), p.total, p.key)
	})
}

// countedReader counts and digests what is read through it.
type countedReader struct {
	in  io.Reader
	n   int64
	sum hash.Hash
}

func (c *countedReader) Read(b []byte) (int, error) {
	n, err := c.in.Read(b)
	c.n += int64(n)
	c.sum.Write(b[:n])
	return n, err
}
