package store

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"steward/backoffice"
)

// exportPage is how many rows an export reads at once. Between two pages no read
// is open: a long export does not hold up the engine's housekeeping.
const exportPage = 2000

// exporter writes one of the files that the import reads.
type exporter struct {
	s   *Store
	ctx context.Context
	out *csv.Writer
	row []string
}

// Export writes the accounts that the filter leaves, or their users or visits,
// as a CSV file that the import reads, in the order in which the accounts were
// made. Cells that a spreadsheet would run are marked (backoffice.EscapeCell).
// What changes while it runs may or may not be in it. Errors: those of the
// writer and of ctx.
func (s *Store) Export(ctx context.Context, w io.Writer, kind backoffice.ImportKind, f backoffice.AccountFilter) error {
	columns, _ := backoffice.ImportColumns(kind)
	if kind == backoffice.ImportUsers {
		columns = backoffice.UserExportColumns
	}
	e := &exporter{s: s, ctx: ctx, out: csv.NewWriter(w)}
	if err := e.out.Write(columns); err != nil {
		return err
	}
	var each func(exportedAccount) error
	switch kind {
	case backoffice.ImportAccounts:
		each = e.account
	case backoffice.ImportUsers:
		each = e.users
	case backoffice.ImportVisits:
		each = e.visits
	default:
		return fmt.Errorf("nothing is exported as %q", kind)
	}
	if err := e.accounts(f, each); err != nil {
		return err
	}
	e.out.Flush()
	return e.out.Error()
}

type exportedAccount struct {
	key                                        int64
	id, name, parent, website, email, metadata string
	created                                    int64
	reseller                                   bool
}

// accounts calls each with the accounts that the filter leaves.
func (e *exporter) accounts(f backoffice.AccountFilter, each func(exportedAccount) error) error {
	f = normalized(f)
	now := e.s.Now()
	src, err := e.s.accountSource(e.ctx, f, now)
	if err != nil || src.none {
		return err
	}
	l := &listQuery{}
	e.s.narrow(l, f, src, now)
	last := int64(0)
	l.add("a.key > " + l.arg(last))
	text := `SELECT a.key, a.id, a.name, a.created_at, COALESCE(p.id, ''), a.website, a.primary_email, a.is_reseller, a.metadata
		FROM accounts a JOIN engagement e ON e.account_key = a.key LEFT JOIN accounts p ON p.key = a.parent_key
		WHERE ` + strings.Join(l.where, " AND ") + ` ORDER BY a.key LIMIT ` + strconv.Itoa(exportPage)
	for {
		args := append([]any{}, l.args...)
		args[len(args)-1] = last
		rows, err := e.s.query().rows(e.ctx, text, args...)
		list, err := collect(rows, err, func(r rowScanner) (a exportedAccount, err error) {
			err = r.Scan(&a.key, &a.id, &a.name, &a.created, &a.parent, &a.website, &a.email, &a.reseller, &a.metadata)
			return
		})
		if err != nil {
			return err
		}
		for _, a := range list {
			if err := each(a); err != nil {
				return err
			}
			last = a.key
		}
		if len(list) < exportPage {
			return nil
		}
	}
}

func (e *exporter) write(cells ...string) error {
	e.row = e.row[:0]
	for _, c := range cells {
		e.row = append(e.row, backoffice.EscapeCell(c))
	}
	return e.out.Write(e.row)
}

func exportedInstant(us int64) string { return time.UnixMicro(us).UTC().Format(time.RFC3339Nano) }

func (e *exporter) account(a exportedAccount) error {
	return e.write(a.id, a.name, exportedInstant(a.created), a.parent, a.website, a.email, strconv.FormatBool(a.reseller), exportedMetadata(a.metadata))
}

// exportedMetadata leaves a cell empty where there is none.
func exportedMetadata(text string) string {
	if text == "{}" {
		return ""
	}
	return text
}

func (e *exporter) users(a exportedAccount) error {
	type member struct {
		key, user, created int64
		email, name        string
		verified           bool
		metadata, vendor   string
	}
	for last := int64(0); ; {
		rows, err := e.s.query().rows(e.ctx, `SELECT m.key, m.user_key, m.created_at, u.email, u.name, u.verified, u.metadata, u.vendor_metadata FROM memberships m JOIN users u ON u.key = m.user_key
			WHERE m.account_key = $1 AND m.user_key > $2 ORDER BY m.user_key LIMIT $3`, a.key, last, exportPage)
		list, err := collect(rows, err, func(r rowScanner) (m member, err error) {
			err = r.Scan(&m.key, &m.user, &m.created, &m.email, &m.name, &m.verified, &m.metadata, &m.vendor)
			return
		})
		if err != nil || len(list) == 0 {
			return err
		}
		roles := map[int64][]string{}
		rows, err = e.s.query().rows(e.ctx, `SELECT mr.membership_key, r.handle FROM memberships m JOIN membership_roles mr ON mr.membership_key = m.key
			JOIN roles r ON r.key = mr.role_key WHERE m.account_key = $1 AND m.user_key > $2 AND m.user_key <= $3 ORDER BY r.handle`,
			a.key, last, list[len(list)-1].user)
		if err := eachRow(rows, err, func(r rowScanner) error {
			var key int64
			var handle string
			err := r.Scan(&key, &handle)
			roles[key] = append(roles[key], handle)
			return err
		}); err != nil {
			return err
		}
		for _, m := range list {
			if err := e.write(m.email, m.name, a.id, strings.Join(roles[m.key], ";"), exportedInstant(m.created),
				strconv.FormatBool(m.verified), exportedMetadata(m.metadata), exportedMetadata(m.vendor)); err != nil {
				return err
			}
			last = m.user
		}
		if len(list) < exportPage {
			return nil
		}
	}
}

func (e *exporter) visits(a exportedAccount) error {
	type visit struct {
		day, user int64
		email     string
	}
	for last := (visit{day: -1}); ; {
		rows, err := e.s.query().rows(e.ctx, `SELECT v.day, v.user_key, u.email FROM visits v JOIN users u ON u.key = v.user_key
			WHERE v.account_key = $1 AND (v.day, v.user_key) > ($2, $3) ORDER BY v.day, v.user_key LIMIT $4`, a.key, last.day, last.user, exportPage)
		list, err := collect(rows, err, func(r rowScanner) (v visit, err error) { err = r.Scan(&v.day, &v.user, &v.email); return })
		if err != nil {
			return err
		}
		for _, v := range list {
			if err := e.write(a.id, v.email, backoffice.Day(v.day).String()); err != nil {
				return err
			}
			last = v
		}
		if len(list) < exportPage {
			return nil
		}
	}
}
