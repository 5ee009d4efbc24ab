package store

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"

	"steward/backoffice"
)

// visitPile holds visits as numbers, account, day and user from the left, eight
// bytes each, in sorted pieces.
type visitPile struct {
	pieces [][]uint64
	n      int
}

const visitPiece = 1 << 18

func packVisit(account int32, day backoffice.Day, user int32) uint64 {
	return uint64(account)<<40 | uint64(day)<<24 | uint64(user)
}

func (v *visitPile) add(visit uint64) {
	last := len(v.pieces) - 1
	if last < 0 || len(v.pieces[last]) == visitPiece {
		if last >= 0 {
			slices.Sort(v.pieces[last])
		}
		v.pieces = append(v.pieces, make([]uint64, 0, visitPiece))
		last++
	}
	v.pieces[last] = append(v.pieces[last], visit)
	v.n++
}

// each calls fn with the visits of one account after the other, each sorted and
// without repetition; repeated is how many there were.
func (v *visitPile) each(fn func(list []uint64, repeated int64) error) error {
	for _, piece := range v.pieces {
		slices.Sort(piece)
	}
	var list []uint64
	var repeated int64
	for {
		best := -1
		for i, piece := range v.pieces {
			if len(piece) > 0 && (best < 0 || piece[0] < v.pieces[best][0]) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		account := v.pieces[best][0] >> 40
		if len(list) > 0 && list[0]>>40 != account {
			if err := fn(list, repeated); err != nil {
				return err
			}
			list, repeated = list[:0], 0
		}
		visit := v.pieces[best][0]
		v.pieces[best] = v.pieces[best][1:]
		if n := len(list); n > 0 && list[n-1] == visit {
			repeated++
		} else {
			list = append(list, visit)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return fn(list, repeated)
}

// visitRecord is a visit that cannot be placed at once.
type visitRecord struct {
	line    int64
	account int32 // none: -1
	email   string
	day     backoffice.Day
	refused *backoffice.RefusedCell // whatever the account is
	id      backoffice.RefusedCell  // the cells as they were written
	address backoffice.RefusedCell
	when    backoffice.RefusedCell // with a reason when it is no day
}

// readVisits reads the visits file. Nearly all rows name what the other files
// have brought, and are placed at once; others wait to be looked up together.
func (p *importPlan) readVisits(r *csvReader) error {
	idAt, emailAt, dayAt := r.place["account_id"], r.place["email"], r.place["day"]
	days := map[string]backoffice.Day{}
	var waiting []visitRecord
	for {
		if err := r.read(); errors.Is(err, io.EOF) {
			return p.placeVisits(waiting)
		} else if err != nil {
			return err
		}
		rec := visitRecord{line: r.line, account: -1, refused: r.misshapen()}
		if rec.refused == nil {
			account, knownAccount := p.accountAt[string(r.bytes(idAt))]
			user, knownUser := p.userAt[string(r.bytes(emailAt))]
			day, knownDay := days[string(r.bytes(dayAt))]
			if knownAccount && knownUser && knownDay && p.members[pair(account, user)] {
				p.visits.add(packVisit(account, day, user))
				continue
			}
			rec.id = backoffice.RefusedCell{Column: "account_id", Value: r.text(idAt), Reason: noAccount}
			rec.address = backoffice.RefusedCell{Column: "email", Value: r.text(emailAt), Reason: "The address is not one of the account's users."}
			rec.when = backoffice.RefusedCell{Column: "day", Value: r.text(dayAt)}
			if backoffice.ValidAccountID(rec.id.Value) {
				rec.account = p.account(rec.id.Value)
			}
			if email, err := backoffice.ParseEmail(rec.address.Value); err != nil {
				rec.address.Reason = err.Error()
			} else {
				rec.email = string(email)
			}
			var err error
			switch rec.day, err = backoffice.ParseDay(strings.TrimSpace(rec.when.Value)); {
			case err != nil:
				rec.when.Reason = "Write a day such as 2026-01-31."
			case rec.day > p.today:
				rec.when.Reason = "The day lies in the future."
			case rec.day < 0:
				rec.when.Reason = "The day lies before 1970."
			case len(days) < 1<<16:
				days[string(r.bytes(dayAt))] = rec.day
			}
		}
		if waiting = append(waiting, rec); len(waiting) == 500 {
			if err := p.placeVisits(waiting); err != nil {
				return err
			}
			waiting = waiting[:0]
		}
		if p.visits.n > maxPlannedVisits || len(p.accounts) > maxPlanned || len(p.users) > maxPlanned {
			return &FileError{p.file, 0, "At most 50 million visits of 16 million users go into one import. Split the file."}
		}
	}
}

// placeVisits looks up what visits name, and places or refuses them.
func (p *importPlan) placeVisits(list []visitRecord) error {
	var unknown []string
	for _, v := range list {
		if v.account >= 0 && !p.accounts[v.account].known {
			unknown = append(unknown, p.accountIDs[v.account])
		}
	}
	if err := p.lookUpAccounts(unknown, nil); err != nil {
		return err
	}
	var wanted []accountEmail
	for _, v := range list {
		if v.account >= 0 && v.email != "" && p.accounts[v.account].key != 0 && !p.isMember(v.account, v.email) {
			wanted = append(wanted, accountEmail{p.accounts[v.account].key, v.email})
		}
	}
	stored, err := p.lookUpMemberships(wanted, false)
	if err != nil {
		return err
	}
	for _, v := range list {
		if v.refused == nil {
			v.refused = p.placeVisit(v, stored)
		}
		if v.refused != nil {
			if err := p.refuse(backoffice.ImportVisits, v.line, v.id.Value, v.refused); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *importPlan) isMember(account int32, email string) bool {
	u, ok := p.userAt[email]
	return ok && p.members[pair(account, u)]
}

func (p *importPlan) placeVisit(v visitRecord, stored map[accountEmail]*storedMembership) *backoffice.RefusedCell {
	if v.account < 0 {
		return &v.id
	}
	if v.id.Reason = p.strange(v.account); v.id.Reason != "" {
		return &v.id
	}
	if v.email == "" {
		return &v.address
	}
	if !p.isMember(v.account, v.email) {
		m := stored[accountEmail{p.accounts[v.account].key, v.email}]
		if m == nil {
			return &v.address
		}
		u := p.user(v.email)
		p.users[u].key = m.user
		p.members[pair(v.account, u)] = true
	}
	if v.when.Reason != "" {
		return &v.when
	}
	p.visits.add(packVisit(v.account, v.day, p.user(v.email)))
	return nil
}

// stagedVisits is how many visits one row of a plan holds at most.
const stagedVisits = 2000

// settleVisits writes the plan's rows, for each account those that are new and
// those that are there.
func (p *importPlan) settleVisits() error {
	err := p.visits.each(func(list []uint64, repeated int64) error {
		p.counts.Visits.Unchanged += repeated
		account := int32(list[0] >> 40)
		old, err := p.storedVisits(account, list)
		if err != nil {
			return err
		}
		if len(old) > 0 {
			list = slices.DeleteFunc(list, func(v uint64) bool { return old[v] })
			if err := p.stageVisits(account, backoffice.ImportUnchanged, int64(len(old)), "", nil); err != nil {
				return err
			}
		}
		for part := range slices.Chunk(list, stagedVisits) {
			from, to := visitDay(part[0]).String(), visitDay(part[len(part)-1]).String()
			if from != to {
				from += " – " + to
			}
			if err := p.stageVisits(account, backoffice.ImportCreate, int64(len(part)), from, encodeVisits(part, func(u int32) string { return p.emails[u] })); err != nil {
				return err
			}
		}
		return nil
	})
	p.visits = visitPile{}
	return err
}

func (p *importPlan) stageVisits(account int32, action backoffice.ImportAction, n int64, days string, data []byte) error {
	row := planned{kind: backoffice.ImportVisits, action: action, file: p.file, n: n, subject: p.accountIDs[account], value: days}
	if data != nil {
		row.data = data
	}
	_, err := p.stage(row)
	return err
}

// storedVisits returns those of an account's visits that are in the database.
func (p *importPlan) storedVisits(account int32, list []uint64) (map[uint64]bool, error) {
	key := p.accounts[account].key
	if key == 0 {
		return nil, nil
	}
	type dayUser struct{ day, user int64 }
	there := map[dayUser]bool{}
	rows, err := p.s.query().rows(p.ctx, `SELECT day, user_key FROM visits WHERE account_key = $1 AND day BETWEEN $2 AND $3`,
		key, int64(visitDay(list[0])), int64(visitDay(list[len(list)-1])))
	err = eachRow(rows, err, func(r rowScanner) error {
		var d dayUser
		err := r.Scan(&d.day, &d.user)
		there[d] = true
		return err
	})
	if err != nil || len(there) == 0 {
		return nil, err
	}
	old := map[uint64]bool{}
	for _, v := range list {
		if user := p.users[visitUser(v)].key; user != 0 && there[dayUser{int64(visitDay(v)), user}] {
			old[v] = true
		}
	}
	return old, nil
}

func visitDay(v uint64) backoffice.Day { return backoffice.Day(v >> 24 & 0xFFFF) }
func visitUser(v uint64) int32         { return int32(v & (1<<24 - 1)) }

// encodeVisits writes visits of one account as a plan keeps them: the addresses
// of their users, then each visit by the days since the one before and the
// number of its user.
func encodeVisits(list []uint64, email func(user int32) string) []byte {
	number := map[int32]uint64{}
	var users []int32
	for _, v := range list {
		u := visitUser(v)
		if _, ok := number[u]; !ok {
			number[u] = uint64(len(users))
			users = append(users, u)
		}
	}
	b := binary.AppendUvarint(nil, uint64(len(users)))
	for _, u := range users {
		e := email(u)
		b = binary.AppendUvarint(b, uint64(len(e)))
		b = append(b, e...)
	}
	b = binary.AppendUvarint(b, uint64(len(list)))
	before := uint64(0)
	for _, v := range list {
		day := uint64(visitDay(v))
		b = binary.AppendUvarint(b, day-before)
		b = binary.AppendUvarint(b, number[visitUser(v)])
		before = day
	}
	return b
}
