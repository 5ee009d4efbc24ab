package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"steward/backoffice"
	"steward/store"
)

var bodies = sync.Pool{New: func() any { b := make([]byte, 0, 64<<10); return &b }}

// recordVisits takes a batch of visits, all or none. The same batch again
// changes nothing, so who got no answer sends it once more.
func (a *API) recordVisits(r *request) error {
	buffer := bodies.Get().(*[]byte)
	defer bodies.Put(buffer)
	body, err := r.body((*buffer)[:0])
	if err != nil {
		return err
	}
	*buffer = body
	visits, refused, err := decodeVisits(body)
	if err != nil {
		return badRequest(err.Error())
	}
	if len(visits) == 0 || len(visits) > store.MaxVisits {
		return &problem{Status: http.StatusUnprocessableEntity, Title: "Nothing was recorded",
			Detail: fmt.Sprintf("A batch has 1 to %d visits, this one %d.", store.MaxVisits, len(visits))}
	}
	var added int64
	if len(refused) == 0 {
		added, err = a.store.RecordVisits(r.ctx(), r.actor, visits)
		var problems store.VisitProblems
		if errors.As(err, &problems) {
			refused = problems
		} else if err != nil {
			return err
		}
	}
	if len(refused) > 0 {
		return &problem{Status: http.StatusUnprocessableEntity, Title: "Nothing was recorded", Detail: counted(len(refused)) + " refused; the batch was not recorded.", Errors: refused}
	}
	write(r.ResponseWriter, http.StatusOK, "application/json", recorded{added, int64(len(visits)) - added})
	return nil
}

func counted(n int) string {
	if n == 1 {
		return "1 visit was"
	}
	return strconv.Itoa(n) + " visits were"
}

// recorded is the answer to a batch: how many visits were new, and how many
// were known already.
type recorded struct {
	Recorded  int64 `json:"recorded"`
	Unchanged int64 `json:"unchanged"`
}

// decodeVisits reads {"visits":[{"account_id":…,"email"|"user_id":…,"at":…}]}. It
// is written out because a thousand visits are read in the time that matters for
// writing them; a test holds it to what encoding/json accepts. The error says
// what is no JSON of this shape, and where; a visit of the right shape whose
// values are not to be had is refused by its index.
func decodeVisits(b []byte) (visits []backoffice.Visit, refused store.VisitProblems, err error) {
	p := &parser{b: b}
	defer func() {
		if bad, ok := recover().(syntax); ok {
			visits, refused, err = nil, nil, errors.New(string(bad))
		} else if bad != "" {
			panic(bad)
		}
	}()
	p.utf8()
	var seen bool
	p.object(func(name string) {
		if name != "visits" || seen {
			p.unexpected(name, name == "visits")
		}
		seen = true
		p.array(func(i int) {
			v, bad := p.visit(i)
			refused = append(refused, bad...)
			if len(visits) <= store.MaxVisits { // one more than may be tells that there are too many
				visits = append(visits, v)
			}
		})
	})
	p.end()
	if !seen {
		return nil, nil, errors.New(`The field "visits" is missing.`)
	}
	return visits, refused, nil
}

func (p *parser) visit(i int) (v backoffice.Visit, refused store.VisitProblems) {
	const account, email, user, at = 1, 2, 4, 8
	seen := 0
	refuse := func(field, reason string) {
		refused = append(refused, store.VisitProblem{Index: i, Field: field, Reason: reason})
	}
	p.object(func(name string) {
		bit := 0
		switch name {
		case "account_id":
			bit = account
		case "email":
			bit = email
		case "user_id":
			bit = user
		case "at":
			bit = at
		}
		if bit == 0 || seen&bit != 0 {
			p.unexpected(name, bit != 0)
		}
		seen |= bit
		switch bit {
		case account:
			v.AccountID = string(p.text())
		case email:
			v.Email = string(p.text())
		case user:
			v.UserID = string(p.text())
		case at:
			if err := v.At.UnmarshalText(p.text()); err != nil {
				refuse("at", "is not an instant such as 2026-11-20T12:00:00Z")
			} else {
				v.At = v.At.UTC()
			}
		}
	})
	if v.AccountID == "" {
		refuse("account_id", "is missing")
	}
	switch {
	case v.Email == "" && v.UserID == "":
		refuse("email", "is missing, and so is user_id")
	case v.Email != "" && v.UserID != "":
		refuse("email", "stands beside user_id; send one of the two")
	}
	if seen&at == 0 {
		refuse("at", "is missing")
	}
	return v, refused
}
