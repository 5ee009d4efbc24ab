package store

import (
	"context"
	"strings"
	"time"

	"steward/backoffice"
)

const (
	rowTables = invitationTables + ` JOIN memberships m ON m.account_key = i.account_key AND m.user_key = i.user_key LEFT JOIN mails l ON l.key = i.mail_key`
	// The same as pendingInvitation, over the joined membership.
	rowPending          = openInvitation + ` AND a.deleted_at IS NULL AND m.status = 'invited'`
	selectInvitationRow = `SELECT ` + invitationNames + `, COALESCE(l.state, ''), COALESCE(l.reason, ''), COALESCE(l.attempts, 0), COALESCE(l.next_at, 0),
		COALESCE((SELECT string_agg(o.name, '` + "\n" + `') FROM (SELECT r.name FROM membership_roles mr JOIN roles r ON r.key = mr.role_key
			WHERE mr.membership_key = m.key ORDER BY r.level, r.name) o), '')` + rowTables
)

func scanInvitationRow(r rowScanner) (v backoffice.InvitationRow, err error) {
	var roles string
	var mail int64
	i := &v.Invitation
	err = r.Scan(&i.Key, &i.ID, &i.Email, &i.Message, &i.InvitedBy, micros{&i.CreatedAt}, micros{&i.SentAt}, micros{&i.ExpiresAt},
		nullMicros{&i.AcceptedAt}, nullMicros{&i.RevokedAt}, &i.Copied, &i.UserKey, &i.UserID, &i.UserName, &i.AccountKey, &i.AccountID, &i.AccountName, &mail,
		&v.Mail, &v.Reason, &v.Attempts, zeroMicros{&v.NextAt}, &roles)
	if roles != "" {
		v.Roles = strings.Split(roles, "\n")
	}
	return v, err
}

func (s *Store) narrowInvitations(l *listQuery, f backoffice.InvitationFilter, now time.Time) {
	l.add(rowPending)
	if q := foldQuery(f.Query); q != "" {
		pattern := l.arg(like(q))
		l.add(`(i.search LIKE ` + pattern + ` ESCAPE '\' OR a.search LIKE ` + pattern + ` ESCAPE '\')`)
	}
	if f.Account != "" {
		l.add("a.id = " + l.arg(f.Account))
	}
	if f.By != "" {
		l.add("i.invited_by_id = " + l.arg(f.By))
	}
	switch f.Mail {
	case "":
	case backoffice.MailCopied:
		l.add("i.copied")
	case string(backoffice.MailSent):
		// What was sent long ago is forgotten by the outbox.
		l.add("NOT i.copied AND COALESCE(l.state, 'sent') = 'sent'")
	default:
		l.add("l.state = " + l.arg(f.Mail))
	}
	at := now.UnixMicro()
	switch f.Expiry {
	case backoffice.ExpiryOpen:
		l.add("i.expires_at > " + l.arg(at))
	case backoffice.ExpirySoon:
		l.add("i.expires_at > " + l.arg(at))
		l.add("i.expires_at <= " + l.arg(now.Add(backoffice.SoonDays*24*time.Hour).UnixMicro()))
	case backoffice.ExpiryOver:
		l.add("i.expires_at <= " + l.arg(at))
	}
}

// Invitations returns one page of the pending invitations over all accounts, the
// newest first, and how many there are. limit is how many rows, 0 for the usual
// page, and then all are counted. A cursor that was not made here for this filter
// opens the first page.
func (s *Store) Invitations(ctx context.Context, f backoffice.InvitationFilter, cursor string, limit int) (page backoffice.InvitationsPage, err error) {
	now := s.Now()
	if limit == 0 {
		limit = backoffice.PageSize
		l := &listQuery{}
		s.narrowInvitations(l, f, now)
		if err := s.query().row(ctx, `SELECT COUNT(*)`+rowTables+l.conditions(), l.args...).Scan(&page.Total); err != nil {
			return page, err
		}
	}
	l := &listQuery{}
	s.narrowInvitations(l, f, now)
	c, ok := s.openCursor(cursor, f)
	if !ok {
		c = listCursor{Edge: true}
	}
	dir := " DESC"
	switch {
	case c.Edge:
	case c.Back:
		l.add("(i.created_at, i.key) > (" + l.arg(c.Int) + ", " + l.arg(c.Key) + ")")
		dir = ""
	default:
		l.add("(i.created_at, i.key) < (" + l.arg(c.Int) + ", " + l.arg(c.Key) + ")")
	}
	rows, err := s.query().rows(ctx, selectInvitationRow+l.conditions()+` ORDER BY i.created_at`+dir+`, i.key`+dir+` LIMIT `+l.arg(limit+1), l.args...)
	found, err := collect(rows, err, scanInvitationRow)
	if err != nil {
		return page, err
	}
	page.Rows, page.Prev, page.Next = cut(s, found, limit, c, f, func(v backoffice.InvitationRow) listCursor {
		return listCursor{Int: v.CreatedAt.UnixMicro(), Key: v.Key}
	})
	return page, nil
}

// EachInvitation calls do with every pending invitation that the filter leaves,
// the newest first, a page at a time.
func (s *Store) EachInvitation(ctx context.Context, f backoffice.InvitationFilter, do func(backoffice.InvitationRow) error) error {
	for cursor := ""; ; {
		page, err := s.Invitations(ctx, f, cursor, 500)
		if err != nil {
			return err
		}
		for _, v := range page.Rows {
			if err := do(v); err != nil {
				return err
			}
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

// Invitation returns a pending invitation by its ID. Errors: ErrNotFound.
func (s *Store) Invitation(ctx context.Context, id string) (backoffice.InvitationRow, error) {
	return scanInvitationRow(s.query().row(ctx, selectInvitationRow+` WHERE `+rowPending+` AND i.id = $1`, id))
}

// MemberInvitation returns the pending invitation of a user to an account.
// Errors: ErrNotFound.
func (s *Store) MemberInvitation(ctx context.Context, account int64, userID string) (backoffice.InvitationRow, error) {
	return scanInvitationRow(s.query().row(ctx, selectInvitationRow+` WHERE `+rowPending+` AND i.account_key = $1 AND u.id = $2`, account, userID))
}

// UserInvitations returns the pending invitations of a user whose link still
// lives, the newest first: who comes in by another way is shown them.
func (s *Store) UserInvitations(ctx context.Context, userKey int64) ([]backoffice.InvitationRow, error) {
	rows, err := s.query().rows(ctx, selectInvitationRow+` WHERE `+rowPending+` AND i.user_key = $1 AND i.expires_at > $2 AND NOT m.disabled ORDER BY i.created_at DESC, i.key DESC LIMIT 100`,
		userKey, s.Now().UnixMicro())
	return collect(rows, err, scanInvitationRow)
}

// InvitationFunnel counts what became of the invitations of the last 30 days,
// revoked ones aside, and what is pending now.
func (s *Store) InvitationFunnel(ctx context.Context) (f backoffice.InvitationFunnel, err error) {
	now := s.Now()
	err = s.query().row(ctx, `SELECT COUNT(*), COUNT(*) FILTER (WHERE i.accepted_at IS NOT NULL),
			COUNT(*) FILTER (WHERE i.accepted_at IS NOT NULL AND m.last_visit_at > 0)
		FROM invitations i JOIN accounts a ON a.key = i.account_key LEFT JOIN memberships m ON m.account_key = i.account_key AND m.user_key = i.user_key
		WHERE i.created_at > $1 AND i.revoked_at IS NULL AND a.deleted_at IS NULL`, now.Add(-backoffice.InvitationAge*24*time.Hour).UnixMicro()).
		Scan(&f.Invited, &f.Accepted, &f.Visited)
	if err != nil {
		return f, err
	}
	err = s.query().row(ctx, `SELECT COUNT(*), COUNT(*) FILTER (WHERE i.expires_at <= $1)`+rowTables+` WHERE `+rowPending, now.UnixMicro()).Scan(&f.Open, &f.Expired)
	return f, err
}

// Inviters lists who sent the invitations that are pending, by name, at most a
// hundred.
func (s *Store) Inviters(ctx context.Context) ([]backoffice.EventActor, error) {
	rows, err := s.query().rows(ctx, `SELECT i.invited_by_kind, i.invited_by_id, MAX(i.invited_by) FROM invitations i WHERE `+openInvitation+`
		GROUP BY i.invited_by_kind, i.invited_by_id ORDER BY 3, 2 LIMIT 100`)
	return collect(rows, err, func(r rowScanner) (a backoffice.EventActor, err error) {
		err = r.Scan(&a.Kind, &a.ID, &a.Name)
		return
	})
}
