package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"steward/backoffice"
)

// event is what a verb says of its change; who, when and from where come from
// the unit of work.
type event struct {
	action     string
	kind       string // of the object
	id, name   string
	accountKey int64  // 0: the environment
	before     any    // marshalled to a JSON object; nil for none
	after      any    // likewise
	undo       string // what can be undone through this event
}

// record appends an event to the trail, chained to the one before.
func (t *tx) record(e event) error {
	ev := backoffice.Event{
		ID: newID(), At: t.now, Kind: t.actor.Kind, ActorID: t.actor.ID, ActorName: t.actor.Name, Address: t.actor.Address,
		Action: e.action, ObjectKind: e.kind, ObjectID: e.id, ObjectName: e.name, Undo: e.undo,
	}
	if ev.ActorName == "" {
		ev.ActorName = t.actor.Email
	}
	var err error
	if ev.Before, err = payload(e.before); err != nil {
		return err
	}
	if ev.After, err = payload(e.after); err != nil {
		return err
	}
	var head []byte
	if err := t.get(`SELECT key, digest FROM event_head`).Scan(&ev.Key, &head); err != nil {
		return err
	}
	ev.Key++
	sum := payloadDigest(ev)
	ev.Digest = eventDigest(head, ev, e.accountKey, sum)
	if _, err := t.exec(`INSERT INTO events (key, id, at, actor_kind, actor_id, actor_name, address, action, object_kind, object_id,
		object_name, account_key, search, before_data, after_data, undo, payload_digest, digest)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
		ev.Key, ev.ID, ev.At.UnixMicro(), string(ev.Kind), ev.ActorID, ev.ActorName, ev.Address, ev.Action, ev.ObjectKind, ev.ObjectID,
		ev.ObjectName, nullKey(e.accountKey), backoffice.Fold(ev.ActorName+"\n"+ev.ObjectName+"\n"+ev.ObjectID+"\n"+ev.Action),
		nullText(ev.Before), nullText(ev.After), ev.Undo, sum, ev.Digest); err != nil {
		return err
	}
	return t.one(`UPDATE event_head SET key = $1, digest = $2`, ev.Key, ev.Digest)
}

func payload(v any) (string, error) {
	if v == nil {
		return "", nil
	}
	// As it was written: what a page shows is escaped there.
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("event payload: %w", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// payloadDigest covers what of an event goes with the account it is about: its
// values, and the names and addresses of people.
func payloadDigest(e backoffice.Event) []byte {
	h := sha256.New()
	for _, v := range []string{e.Before, e.After, e.ActorName, e.Address, e.ObjectName} {
		writeText(h, v)
	}
	return h.Sum(nil)
}

// purged reports whether nothing is left of what payloadDigest covered, and sum
// says that there was something.
func purged(e backoffice.Event, sum []byte) bool {
	return e.Before == "" && e.After == "" && e.ActorName == "" && e.Address == "" && e.ObjectName == "" && string(sum) != string(noPayload)
}

// emptied is what an UPDATE of events leaves of a payload that is purged.
const emptied = `before_data = NULL, after_data = NULL, actor_name = '', object_name = '', address = '', search = ''`

var noPayload = payloadDigest(backoffice.Event{})

// eventDigest covers everything of an event that is kept for good.
func eventDigest(head []byte, e backoffice.Event, accountKey int64, payload []byte) []byte {
	h := sha256.New()
	writeText(h, string(head))
	var n [8]byte
	for _, v := range []int64{e.Key, e.At.UnixMicro(), accountKey} {
		binary.BigEndian.PutUint64(n[:], uint64(v))
		h.Write(n[:])
	}
	for _, v := range []string{e.ID, string(e.Kind), e.ActorID, e.Action, e.ObjectKind, e.ObjectID, e.Undo, string(payload)} {
		writeText(h, v)
	}
	return h.Sum(nil)
}

// writeText hashes the length before the text: no two lists of texts look alike.
func writeText(h interface{ Write([]byte) (int, error) }, s string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(s)))
	h.Write(n[:])
	h.Write([]byte(s))
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func nullKey(k int64) sql.NullInt64    { return sql.NullInt64{Int64: k, Valid: k != 0} }
func nullText(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// VerifyEvents walks the chain and returns the key of the first entry that does
// not follow from the one before it, 0 when all do, and how many there are.
func (s *Store) VerifyEvents(ctx context.Context) (broken, count int64, err error) {
	n, err := s.snapshot(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer n.close()
	return verifyEvents(ctx, n)
}

func verifyEvents(ctx context.Context, r reader) (broken, count int64, err error) {
	var head []byte
	var last int64
	for {
		rows, err := r.rows(ctx, `SELECT key, id, at, actor_kind, actor_id, actor_name, address, action, object_kind, object_id, object_name,
			COALESCE(account_key, 0), undo, COALESCE(before_data, ''), COALESCE(after_data, ''),
			account_key IS NOT NULL AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.key = account_key)
			OR object_kind = 'user' AND EXISTS (SELECT 1 FROM users u WHERE u.id = object_id AND u.purged_at IS NOT NULL)
			OR actor_kind = 'user' AND EXISTS (SELECT 1 FROM users u WHERE u.id = actor_id AND u.purged_at IS NOT NULL)
			OR object_kind = 'role' AND NOT EXISTS (SELECT 1 FROM roles r WHERE r.id = object_id), payload_digest, digest
			FROM events WHERE key > $1 ORDER BY key LIMIT 1000`, last)
		type link struct {
			backoffice.Event
			at, account int64
			gone        bool // the account is
			sum         []byte
		}
		links, err := collect(rows, err, func(r rowScanner) (l link, err error) {
			err = r.Scan(&l.Key, &l.ID, &l.at, &l.Kind, &l.ActorID, &l.ActorName, &l.Address, &l.Action, &l.ObjectKind, &l.ObjectID, &l.ObjectName,
				&l.account, &l.Undo, &l.Before, &l.After, &l.gone, &l.sum, &l.Digest)
			l.At = time.UnixMicro(l.at)
			return
		})
		if err != nil {
			return 0, count, err
		}
		if len(links) == 0 {
			break
		}
		for _, l := range links {
			count++
			// A payload may be missing where what it is about, or who did it, was purged,
			// and nowhere else.
			payloadOK := string(payloadDigest(l.Event)) == string(l.sum) || l.gone && purged(l.Event, l.sum)
			if l.Key != last+1 || !payloadOK || string(eventDigest(head, l.Event, l.account, l.sum)) != string(l.Digest) {
				return l.Key, count, nil
			}
			last, head = l.Key, l.Digest
		}
	}
	var key int64
	var digest []byte
	if err := r.row(ctx, `SELECT key, digest FROM event_head`).Scan(&key, &digest); err != nil {
		return 0, count, err
	}
	if key != last || string(digest) != string(head) {
		return last + 1, count, nil
	}
	return 0, count, nil
}

func newAccountID() string { return uuid.NewString() }

// newUserID makes the ID of a user. It is random, and does not tell when: whoever
// invites an address, and sees the ID, would learn whether somebody had it before
// (security.md, one customer can never learn of another's).
func newUserID() string { return uuid.NewString() }
