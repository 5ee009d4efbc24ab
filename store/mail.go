package store

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"steward/backoffice"
)

var mailColumns = columns[backoffice.Mail]{
	{"id", func(m *backoffice.Mail) any { return &m.ID }},
	{"kind", func(m *backoffice.Mail) any { return textual[backoffice.MailKind]{&m.Kind} }},
	{"email", func(m *backoffice.Mail) any { return &m.To }},
	{"account_key", func(m *backoffice.Mail) any { return nullable{&m.AccountKey} }},
	{"state", func(m *backoffice.Mail) any { return textual[backoffice.MailState]{&m.State} }},
	{"created_at", func(m *backoffice.Mail) any { return micros{&m.CreatedAt} }},
	{"next_at", func(m *backoffice.Mail) any { return micros{&m.NextAt} }},
	{"expires_at", func(m *backoffice.Mail) any { return zeroMicros{&m.ExpiresAt} }},
	{"attempts", func(m *backoffice.Mail) any { return &m.Attempts }},
	{"lease", func(m *backoffice.Mail) any { return &m.Lease }},
	{"reason", func(m *backoffice.Mail) any { return &m.Reason }},
	{"done_at", func(m *backoffice.Mail) any { return nullMicros{&m.DoneAt} }},
}

var (
	selectMail = `SELECT l.key, ` + mailColumns.names("l.") + `, COALESCE(a.name, '') FROM mails l LEFT JOIN accounts a ON a.key = l.account_key`
	insertMail = `INSERT INTO mails (` + mailColumns.names("") + `, payload) VALUES (` + mailColumns.params(1) + `, $13) RETURNING key`
)

const dueMail = `SELECT key FROM mails WHERE state = 'queued' AND next_at <= $1 ORDER BY next_at, key LIMIT 1`

func scanMail(r rowScanner) (m backoffice.Mail, err error) {
	err = r.Scan(append(append([]any{&m.Key}, mailColumns.scan(&m)...), &m.Account)...)
	return m, err
}

// mail puts a mail into the outbox, in the transaction of the change that it
// tells of. Kind, To and what it says are the caller's. What it says is sealed:
// it holds one-time links.
func (t *tx) mail(m backoffice.Mail) (key int64, err error) {
	m.ID, m.State, m.CreatedAt, m.NextAt = newID(), backoffice.MailQueued, t.now, t.now
	content, err := json.Marshal(m.MailContent)
	if err != nil {
		return 0, err
	}
	sealed, err := t.s.sealer.seal(mailPurpose(m.ID), content)
	if err != nil {
		return 0, err
	}
	err = t.get(insertMail, mailColumns.values(&m, sealed)...).Scan(&key)
	return key, err
}

// mailPurpose binds what a mail says to its row.
func mailPurpose(id string) string { return "mail " + id }

// dropMail takes a mail back that was not sent yet: what it says is not true any
// more. One that is being sent at this moment cannot be held.
func (t *tx) dropMail(key int64) error {
	_, err := t.exec(`UPDATE mails SET state = 'dropped', payload = NULL, done_at = $1 WHERE key = $2 AND state = 'queued'`, t.now.UnixMicro(), key)
	return err
}

// LeaseMail hands out the mail that is due next, with what it says, for one
// attempt, which SentMail or FailedMail ends with the mail's lease. An attempt
// that has not ended after backoffice.MailLease is given up, and the mail is
// handed out again. What has become pointless meanwhile is dropped. Errors:
// ErrNotFound when nothing is due.
func (s *Store) LeaseMail(ctx context.Context) (m backoffice.Mail, err error) {
	for {
		// Reading first: a worker that looks every second writes nothing while
		// there is nothing to do.
		var due int64
		if err := s.query().row(ctx, dueMail, s.Now().UnixMicro()).Scan(&due); err != nil {
			return m, err
		}
		found := false
		err = s.update(ctx, backoffice.System(), func(t *tx) error {
			found = false
			if err := t.get(dueMail, t.now.UnixMicro()).Scan(&due); err != nil {
				if errors.Is(err, backoffice.ErrNotFound) { // somebody else was faster
					return nil
				}
				return err
			}
			if m, err = scanMail(t.get(selectMail+` WHERE l.key = $1`, due)); err != nil {
				return err
			}
			if found, err = t.worthSending(m); err != nil || !found {
				return err
			}
			var sealed []byte
			if err := t.get(`SELECT payload FROM mails WHERE key = $1`, m.Key).Scan(&sealed); err != nil {
				return err
			}
			content, err := s.sealer.open(mailPurpose(m.ID), sealed)
			if errors.Is(err, ErrNoKey) {
				return err
			}
			if err == nil {
				err = json.Unmarshal(content, &m.MailContent)
			}
			if err != nil {
				found = false
				return t.endMail(m.Key, backoffice.MailFailed, "What it says cannot be read: it was sealed with another key file.")
			}
			m.Attempts++
			m.Lease, m.NextAt = newID(), t.now.Add(backoffice.MailLease)
			return t.one(`UPDATE mails SET attempts = $1, lease = $2, next_at = $3 WHERE key = $4`, m.Attempts, m.Lease, m.NextAt.UnixMicro(), m.Key)
		})
		if err != nil || found {
			return m, err
		}
	}
}

// worthSending reports whether a mail still has a point, and ends it where it
// has none.
func (t *tx) worthSending(m backoffice.Mail) (bool, error) {
	if !m.ExpiresAt.IsZero() && !t.now.Before(m.ExpiresAt) {
		return false, t.endMail(m.Key, backoffice.MailFailed, "Its link had expired before it could be sent.")
	}
	if m.Attempts >= backoffice.MailAttempts {
		return false, t.endMail(m.Key, backoffice.MailFailed, m.Reason)
	}
	if m.Kind == backoffice.MailInvitation {
		var open bool
		if err := t.get(`SELECT EXISTS (SELECT 1 FROM invitations i JOIN accounts a ON a.key = i.account_key
			WHERE i.mail_key = $1 AND `+openInvitation+` AND a.deleted_at IS NULL)`, m.Key).Scan(&open); err != nil {
			return false, err
		}
		if !open {
			return false, t.endMail(m.Key, backoffice.MailDropped, "")
		}
	}
	return true, nil
}

func (t *tx) endMail(key int64, state backoffice.MailState, reason string) error {
	return t.one(`UPDATE mails SET state = $1, reason = $2, payload = NULL, done_at = $3, lease = '' WHERE key = $4`, string(state), reason, t.now.UnixMicro(), key)
}

// SentMail notes that an attempt succeeded; what the mail said is erased. An
// attempt that was given up meanwhile changes nothing.
func (s *Store) SentMail(ctx context.Context, key int64, lease string) error {
	return s.update(ctx, backoffice.System(), func(t *tx) error {
		if held, err := t.leased(key, lease); err != nil || !held {
			return err
		}
		return t.endMail(key, backoffice.MailSent, "")
	})
}

// FailedMail notes why an attempt failed, in words for staff. The mail is tried
// again after a pause, or given up after backoffice.MailAttempts. An attempt that
// was given up meanwhile changes nothing.
func (s *Store) FailedMail(ctx context.Context, key int64, lease, reason string) error {
	reason = backoffice.MailLine(reason, 500)
	return s.update(ctx, backoffice.System(), func(t *tx) error {
		held, err := t.leased(key, lease)
		if err != nil || !held {
			return err
		}
		var attempts int64
		if err := t.get(`SELECT attempts FROM mails WHERE key = $1`, key).Scan(&attempts); err != nil {
			return err
		}
		if attempts >= backoffice.MailAttempts {
			return t.endMail(key, backoffice.MailFailed, reason)
		}
		return t.one(`UPDATE mails SET reason = $1, next_at = $2, lease = '' WHERE key = $3`, reason, t.now.Add(backoffice.MailPause(attempts)).UnixMicro(), key)
	})
}

func (t *tx) leased(key int64, lease string) (held bool, err error) {
	err = t.get(`SELECT COUNT(*) > 0 FROM mails WHERE key = $1 AND lease = $2 AND state = 'queued'`, key, lease).Scan(&held)
	return held, err
}

// MailFigures says how the outbox stands; what is queued or failed is counted to
// its end.
func (s *Store) MailFigures(ctx context.Context) (f backoffice.MailFigures, err error) {
	err = s.query().row(ctx, `SELECT
		(SELECT COUNT(*) FROM mails WHERE state = 'queued'),
		(SELECT COUNT(*) FROM mails WHERE state = 'queued' AND reason <> ''),
		(SELECT COUNT(*) FROM mails WHERE state = 'failed'),
		COALESCE((SELECT MIN(created_at) FROM mails WHERE state = 'queued'), 0)`).Scan(&f.Queued, &f.Waiting, &f.Failed, zeroMicros{&f.Oldest})
	return f, err
}

// MailWaits reports whether anything is queued.
func (s *Store) MailWaits(ctx context.Context) (waits bool, err error) {
	err = s.query().row(ctx, `SELECT EXISTS (SELECT 1 FROM mails WHERE state = 'queued')`).Scan(&waits)
	return waits, err
}

// Mails returns one page of the outbox, the newest first, of one state or, for
// "", of all. What they say is not among it. A cursor that was not made here for
// this list opens the first page.
func (s *Store) Mails(ctx context.Context, state backoffice.MailState, cursor string) (page backoffice.MailPage, err error) {
	l := &listQuery{}
	list := "mails " + string(state)
	if state != "" {
		l.add("l.state = " + l.arg(string(state)))
	}
	c, ok := s.openCursor(cursor, list)
	if !ok {
		c = listCursor{Edge: true}
	}
	dir := " DESC"
	switch {
	case c.Edge:
	case c.Back:
		l.add("l.key > " + l.arg(c.Key))
		dir = ""
	default:
		l.add("l.key < " + l.arg(c.Key))
	}
	rows, err := s.query().rows(ctx, selectMail+l.conditions()+` ORDER BY l.key`+dir+` LIMIT `+l.arg(backoffice.PageSize+1), l.args...)
	found, err := collect(rows, err, scanMail)
	if err != nil {
		return page, err
	}
	page.Rows, page.Prev, page.Next = cut(s, found, backoffice.PageSize, c, list, func(m backoffice.Mail) listCursor { return listCursor{Key: m.Key} })
	return page, nil
}

// cut leaves of the rows that were read, one more than a page has, what the page
// shows, and seals the cursors of the pages beside it.
func cut[T any](s *Store, rows []T, size int, c listCursor, list any, at func(T) listCursor) (_ []T, prev, next string) {
	more := len(rows) > size
	if more {
		rows = rows[:size]
	}
	if c.Back {
		slices.Reverse(rows)
	}
	if n := len(rows); n > 0 {
		if more || c.Back {
			next = s.sealCursor(at(rows[n-1]), list)
		}
		if !c.Edge && (!c.Back || more) {
			first := at(rows[0])
			first.Back = true
			prev = s.sealCursor(first, list)
		}
	}
	return rows, prev, next
}

// forgettingMails removes what the outbox has been done with for longer than 90
// days, as far as no open invitation points to it.
var forgettingMails = []forgotten{
	{`DELETE FROM mails WHERE done_at < $1 AND NOT EXISTS (SELECT 1 FROM invitations i WHERE i.mail_key = mails.key AND ` + openInvitation + `)`, 90 * aDay},
}
