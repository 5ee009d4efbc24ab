package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"steward/backoffice"
)

// accountOrder is a column that the list can be sorted by.
type accountOrder struct {
	column  string // with its table's letter
	text    bool   // compares as text
	engaged bool   // lies in engagement
}

var accountOrders = map[backoffice.AccountSort]accountOrder{
	backoffice.SortName:        {column: "a.name_sort", text: true},
	backoffice.SortCreated:     {column: "a.created_at"},
	backoffice.SortPrimaryUser: {column: "a.primary_email", text: true},
	backoffice.SortLastVisit:   {column: "e.last_visit_at", engaged: true},
	backoffice.SortVisits:      {column: "e.visits", engaged: true},
	backoffice.SortUsers:       {column: "e.users", engaged: true},
}

// listQuery is a statement in the making. Its text is put together from
// constant pieces only; whatever came from outside is an argument.
type listQuery struct {
	where []string
	args  []any
}

func (l *listQuery) arg(v any) string {
	l.args = append(l.args, v)
	return "$" + strconv.Itoa(len(l.args))
}

func (l *listQuery) add(piece string) { l.where = append(l.where, piece) }

// accountSource is where the rows of a list are drawn from: a few accounts by an
// index, which are then sorted, or all of them in their order.
type accountSource struct {
	hits   hits
	gather bool  // few enough to be sorted
	total  int64 // how many match, -1 when not known
	none   bool
	ahead  bool // something is dated after now, and does not count yet
}

// Accounts returns one page of the accounts that the filter leaves. A cursor
// that is empty, or was not made by this installation for this filter, opens
// the first page; "last" opens the last one.
func (s *Store) Accounts(ctx context.Context, f backoffice.AccountFilter, cursor string) (backoffice.AccountsPage, error) {
	f = normalized(f)
	now := s.Now()
	src, err := s.accountSource(ctx, f, now)
	if err != nil || src.none {
		return backoffice.AccountsPage{}, err
	}
	c, ok := s.openCursor(cursor, f)
	if cursor == "last" {
		c, ok = listCursor{Back: true, Edge: true}, true
	}
	if !ok {
		c = listCursor{Edge: true}
	}
	order := accountOrders[f.Sort]
	desc := f.Asc == c.Back
	l := &listQuery{}
	s.narrow(l, f, src, now)
	if !c.Edge {
		op := ">"
		if desc {
			op = "<"
		}
		var value any = c.Int
		if order.text {
			value = c.Text
		}
		l.add("(" + order.column + ", " + order.key() + ") " + op + " (" + l.arg(value) + ", " + l.arg(c.Key) + ")")
	}
	dir := ""
	if desc {
		dir = " DESC"
	}
	sortBy := order.column
	if src.gather {
		sortBy = s.dialect.plain(sortBy)
	}
	rest := `FROM ` + s.accountTables(order, src) + ` LEFT JOIN accounts p ON p.key = a.parent_key WHERE ` + strings.Join(l.where, " AND ") +
		` ORDER BY ` + sortBy + dir + `, ` + order.key() + dir + ` LIMIT ` + l.arg(backoffice.PageSize+1)
	found, err := s.accountRows(ctx, rest, l.args, backoffice.DayOf(now))
	if err != nil {
		return backoffice.AccountsPage{}, err
	}
	more := len(found) > backoffice.PageSize
	if more {
		found = found[:backoffice.PageSize]
	}
	if c.Back {
		slices.Reverse(found)
	}
	page := backoffice.AccountsPage{Rows: found, First: 1}
	if page.Total, page.More, err = s.accountTotal(ctx, f, src, now, c.Edge && !c.Back && !more, len(found)); err != nil {
		return page, err
	}
	switch {
	case c.Back && c.Edge:
		page.First = max(page.Total-int64(len(found)), 0) + 1
	case c.Back && !more:
		// The beginning of the list, wherever it was when the cursor was made.
	case c.Back:
		page.First = max(c.At-int64(len(found)), 1)
	case !c.Edge:
		page.First = c.At
	}
	if n := len(found); n > 0 {
		at := func(k backoffice.AccountRow) listCursor {
			c := listCursor{Text: "", Key: k.Key}
			switch f.Sort {
			case backoffice.SortName:
				c.Text, _ = accountKeys(k.Name, k.ID)
			case backoffice.SortPrimaryUser:
				c.Text = k.PrimaryEmail
			case backoffice.SortCreated:
				c.Int = k.CreatedAt.UnixMicro()
			case backoffice.SortLastVisit:
				c.Int = backoffice.Micros(k.LastVisit)
			case backoffice.SortVisits:
				c.Int = k.Visits
			case backoffice.SortUsers:
				c.Int = k.Users
			}
			return c
		}
		if more || c.Back && !c.Edge {
			if !c.Back || !c.Edge {
				next := at(found[n-1])
				next.At = page.First + int64(n)
				page.Next = s.sealCursor(next, f)
				page.Last = "last"
			}
		}
		if !c.Back && !c.Edge || c.Back && more {
			prev := at(found[0])
			prev.Back, prev.At = true, page.First
			page.Prev = s.sealCursor(prev, f)
		}
	}
	return page, nil
}

// accountRows reads the rows of a list whose statement ends with rest.
func (s *Store) accountRows(ctx context.Context, rest string, args []any, today backoffice.Day) ([]backoffice.AccountRow, error) {
	text, ok := s.lists.Load(rest)
	if !ok {
		text = s.dialect.packedSelect(rest, "a.key", "a.id", "a.name", "a.created_at", truth("a.is_reseller"), "COALESCE(p.id, '')", "COALESCE(p.name, '')",
			"a.primary_email", "e.users", "e.visits", "e.last_visit_at", "e.recent_day", s.dialect.hex("e.recent"))
		s.lists.Store(rest, text)
	}
	p, err := s.query().packed(ctx, text.(string), args...)
	if err != nil {
		return nil, err
	}
	out := make([]backoffice.AccountRow, 0, backoffice.PageSize+1)
	for p.more() {
		var r backoffice.AccountRow
		r.Key, r.ID, r.Name, r.CreatedAt, r.IsReseller = p.int(), p.text(), p.text(), time.UnixMicro(p.int()).UTC(), p.flag()
		r.ParentID, r.ParentName, r.PrimaryEmail = p.text(), p.text(), p.text()
		r.Users, r.Visits, r.LastVisit = p.int(), p.int(), backoffice.FromMicros(p.int())
		day := backoffice.Day(p.int())
		unpackRecentHex(&r.Recent, p.text(), day, today)
		out = append(out, r)
	}
	return out, p.err
}

func (o accountOrder) key() string {
	if o.engaged {
		return "e.account_key"
	}
	return "a.key"
}

// normalized fills the filter's defaults.
func normalized(f backoffice.AccountFilter) backoffice.AccountFilter {
	if _, ok := accountOrders[f.Sort]; !ok {
		f.Sort = backoffice.SortCreated
	}
	f.Query = foldQuery(f.Query)
	for _, days := range []*int{&f.CreatedDays, &f.ActiveDays, &f.DormantDays} {
		*days = min(max(*days, 0), mostDays)
	}
	return f
}

// mostDays is how far back a filter reaches: a century, which is everything.
const mostDays = 36500

// seenSince returns the instant at which a window of days that ends with today
// begins. Never seen, which is stored as 0, lies before every window.
func seenSince(today backoffice.Day, days int) int64 {
	return max((today - backoffice.Day(days) + 1).Start().UnixMicro(), 1)
}

// accountTables joins accounts a and engagement e, in the order in which SQLite
// is to walk them.
func (s *Store) accountTables(order accountOrder, src accountSource) string {
	join := " JOIN "
	if s.dialect.engine.SQLite {
		join = " CROSS JOIN " // SQLite keeps the order of tables that are joined so
	}
	if order.engaged && !src.gather {
		return "engagement e" + join + "accounts a ON a.key = e.account_key"
	}
	return "accounts a" + join + "engagement e ON e.account_key = a.key"
}

// narrow writes the filter's conditions.
func (s *Store) narrow(l *listQuery, f backoffice.AccountFilter, src accountSource, now time.Time) {
	l.add("a.deleted_at IS NULL")
	if f.Query != "" {
		if src.hits.match != "" && src.hits.few {
			l.add("a.key IN (SELECT rowid FROM accounts_fts WHERE accounts_fts MATCH " + l.arg(src.hits.match) + ")")
		}
		l.add(`a.search LIKE ` + l.arg(like(f.Query)) + ` ESCAPE '\'`)
	}
	if f.CreatedDays > 0 {
		l.add("a.created_at > " + l.arg(now.Add(-time.Duration(f.CreatedDays)*24*time.Hour).UnixMicro()))
	}
	if src.ahead && (f.CreatedDays > 0 || f.CompanyDomain != nil && *f.CompanyDomain) {
		l.add("a.created_at <= " + l.arg(now.UnixMicro()))
	}
	if f.HasCreated {
		l.add("a.created_at >= " + l.arg(f.CreatedFrom.Start().UnixMicro()))
		l.add("a.created_at < " + l.arg((f.CreatedTo + 1).Start().UnixMicro()))
	}
	today := backoffice.DayOf(now)
	// The last visit tells who was seen, unless it lies ahead of now.
	seen := func(days int) string {
		if !src.ahead {
			return "e.last_visit_at >= " + l.arg(seenSince(today, days))
		}
		return "(a.created_at <= " + l.arg(now.UnixMicro()) + " AND EXISTS (SELECT 1 FROM visits v WHERE v.account_key = a.key AND v.day BETWEEN " +
			l.arg(int64(today)-int64(days)+1) + " AND " + l.arg(int64(today)) + "))"
	}
	if f.ActiveDays > 0 {
		l.add(seen(f.ActiveDays))
	}
	if f.DormantDays > 0 && !src.ahead {
		l.add("e.last_visit_at < " + l.arg(seenSince(today, f.DormantDays)))
	} else if f.DormantDays > 0 {
		l.add("NOT " + seen(f.DormantDays))
	}
	for _, c := range []struct {
		want    *bool
		yes, no string
	}{
		{f.CompanyDomain, "a.company_domain", "NOT a.company_domain"},
		{f.Reseller, "a.is_reseller", "NOT a.is_reseller"},
		{f.HasParent, "a.parent_key IS NOT NULL", "a.parent_key IS NULL"},
	} {
		switch {
		case c.want == nil:
		case *c.want:
			l.add(c.yes)
		default:
			l.add(c.no)
		}
	}
	if f.ParentID != "" {
		l.add("a.parent_key = (SELECT key FROM accounts WHERE id = " + l.arg(f.ParentID) + ")")
	}
}

// accountSource chooses how to find the rows, and learns how many there are
// where a counter knows.
func (s *Store) accountSource(ctx context.Context, f backoffice.AccountFilter, now time.Time) (accountSource, error) {
	src := accountSource{total: -1}
	k, totals, err := s.Dashboard(ctx)
	if err != nil {
		return src, err
	}
	yes := func(b *bool) bool { return b != nil && *b }
	src.total, src.ahead = knownTotal(f, k, totals), totals.ahead
	if f.Query != "" {
		if src.hits, err = s.index.find(ctx, s.query(), f.Query); err != nil {
			return src, err
		}
		src.none, src.gather = src.hits.none, src.hits.few
	}
	switch {
	case src.gather || src.none:
	case f.ParentID != "":
		src.gather, err = s.few(ctx, `SELECT 1 FROM accounts WHERE parent_key = (SELECT key FROM accounts WHERE id = $1)`, f.ParentID)
	case yes(f.Reseller):
		src.gather = totals.Resellers < probe
	case yes(f.HasParent):
		src.gather = totals.SubAccounts < probe
	}
	if src.gather || src.none || err != nil {
		return src, err
	}
	today := backoffice.DayOf(now)
	switch {
	case f.CreatedDays > 0 && f.Sort != backoffice.SortCreated:
		src.gather, err = s.few(ctx, `SELECT 1 FROM accounts WHERE deleted_at IS NULL AND created_at > $1`,
			now.Add(-time.Duration(f.CreatedDays)*24*time.Hour).UnixMicro())
	case f.HasCreated && f.Sort != backoffice.SortCreated:
		src.gather, err = s.few(ctx, `SELECT 1 FROM accounts WHERE deleted_at IS NULL AND created_at >= $1 AND created_at < $2`,
			f.CreatedFrom.Start().UnixMicro(), (f.CreatedTo + 1).Start().UnixMicro())
	case f.ActiveDays > 0 && f.Sort != backoffice.SortLastVisit:
		src.gather, err = s.few(ctx, `SELECT 1 FROM engagement WHERE last_visit_at >= $1`, seenSince(today, f.ActiveDays))
	case f.DormantDays > 0 && f.Sort != backoffice.SortLastVisit:
		src.gather, err = s.few(ctx, `SELECT 1 FROM engagement WHERE last_visit_at < $1`, seenSince(today, f.DormantDays))
	}
	return src, err
}

// knownTotal returns how many accounts a filter leaves where a counter knows
// that, otherwise -1.
func knownTotal(f backoffice.AccountFilter, k backoffice.KPIs, totals Totals) int64 {
	f.Sort, f.Asc = "", false
	t, no := true, false
	switch f {
	case backoffice.AccountFilter{}:
		return totals.Accounts
	case backoffice.AccountFilter{CreatedDays: 7}:
		return k.Now.NewAccounts
	case backoffice.AccountFilter{ActiveDays: backoffice.ActiveDays}:
		return k.Now.ActiveAccounts
	case backoffice.AccountFilter{DormantDays: backoffice.ActiveDays}:
		return totals.Accounts - k.Now.ActiveAccounts
	}
	if f.CompanyDomain == nil && f.Reseller == nil && f.HasParent == nil {
		return -1
	}
	only := func(g backoffice.AccountFilter) bool { return sameFilter(f, g) }
	switch {
	case only(backoffice.AccountFilter{CompanyDomain: &t}):
		return k.Now.CompanyAccounts
	case only(backoffice.AccountFilter{CompanyDomain: &no}):
		return totals.Accounts - totals.Company
	case only(backoffice.AccountFilter{Reseller: &t}):
		return totals.Resellers
	case only(backoffice.AccountFilter{Reseller: &no}):
		return totals.Accounts - totals.Resellers
	case only(backoffice.AccountFilter{HasParent: &t}):
		return totals.SubAccounts
	case only(backoffice.AccountFilter{HasParent: &no}):
		return totals.Accounts - totals.SubAccounts
	}
	return -1
}

// KnownTotal returns how many accounts a filter leaves, from the counters; ok
// is false where they do not know and counting would cost.
func (s *Store) KnownTotal(ctx context.Context, f backoffice.AccountFilter) (n int64, ok bool, err error) {
	k, totals, err := s.Dashboard(ctx)
	if err != nil {
		return 0, false, err
	}
	f.Query = foldQuery(f.Query)
	n = knownTotal(f, k, totals)
	return n, n >= 0, nil
}

// few reports whether a constant statement yields fewer than probe rows.
func (s *Store) few(ctx context.Context, text string, args ...any) (bool, error) {
	var n int64
	args = append(args, probe)
	err := s.query().row(ctx, `SELECT COUNT(*) FROM (`+text+` LIMIT $`+strconv.Itoa(len(args))+`) AS probed`, args...).Scan(&n)
	return n < probe, err
}

func sameFilter(a, b backoffice.AccountFilter) bool {
	same := func(p, q *bool) bool { return (p == nil) == (q == nil) && (p == nil || *p == *q) }
	ok := same(a.CompanyDomain, b.CompanyDomain) && same(a.Reseller, b.Reseller) && same(a.HasParent, b.HasParent)
	a.CompanyDomain, a.Reseller, a.HasParent = nil, nil, nil
	b.CompanyDomain, b.Reseller, b.HasParent = nil, nil, nil
	return ok && a == b
}

// countMost is where counting of matches stops: a list then says "2 000+".
const countMost = 2000

// accountTotal returns how many accounts match; more is set when there are
// that many or more.
func (s *Store) accountTotal(ctx context.Context, f backoffice.AccountFilter, src accountSource, now time.Time, whole bool, shown int) (total int64, more bool, err error) {
	if whole {
		return int64(shown), false, nil
	}
	if src.total >= 0 {
		return src.total, false, nil
	}
	if src.hits.match != "" && !src.hits.few && !s.narrowedBeside(f) {
		return countMost, true, nil
	}
	l := &listQuery{}
	s.narrow(l, f, src, now)
	err = s.query().row(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM `+s.accountTables(accountOrder{}, src)+` WHERE `+strings.Join(l.where, " AND ")+
		` LIMIT `+l.arg(countMost+1)+`) AS counted`, l.args...).Scan(&total)
	if total > countMost {
		return countMost, true, err
	}
	return total, false, err
}

// narrowedBeside reports whether the filter asks for more than a search.
func (s *Store) narrowedBeside(f backoffice.AccountFilter) bool {
	f.Query = ""
	return f.Narrowed()
}

// CountAccounts returns exactly how many accounts the filter leaves; it takes
// time in proportion to the list where no counter knows.
func (s *Store) CountAccounts(ctx context.Context, f backoffice.AccountFilter) (n int64, err error) {
	f = normalized(f)
	now := s.Now()
	src, err := s.accountSource(ctx, f, now)
	if err != nil || src.none {
		return 0, err
	}
	if src.total >= 0 {
		return src.total, nil
	}
	l := &listQuery{}
	s.narrow(l, f, src, now)
	err = s.query().row(ctx, `SELECT COUNT(*) FROM `+s.accountTables(accountOrder{}, src)+` WHERE `+strings.Join(l.where, " AND "), l.args...).Scan(&n)
	return n, err
}

// EachAccount calls do with every account that the filter leaves, in the order
// of the list, a page at a time: no long-lived read holds up the engine's
// housekeeping, and an account that changes meanwhile may be missed or met
// twice at most at the border of two pages.
func (s *Store) EachAccount(ctx context.Context, f backoffice.AccountFilter, do func(backoffice.AccountRow) error) error {
	cursor := ""
	for {
		page, err := s.Accounts(ctx, f, cursor)
		if err != nil {
			return err
		}
		for _, r := range page.Rows {
			if err := do(r); err != nil {
				return err
			}
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

// listCursor is a place in a list: the row that a page begins behind, or ends before.
type listCursor struct {
	Text string `json:"t,omitempty"`
	Int  int64  `json:"i,omitempty"`
	Key  int64  `json:"k,omitempty"`
	At   int64  `json:"n,omitempty"` // position of the page's first row, or for Back of the row it ends before
	Back bool   `json:"b,omitempty"`
	Edge bool   `json:"e,omitempty"` // from the very beginning, or with Back from the end
}

const cursorMAC = 16

// sealCursor signs a cursor for the list it belongs to.
func (s *Store) sealCursor(c listCursor, list any) string {
	b, _ := json.Marshal(c)
	return base64.RawURLEncoding.EncodeToString(append(s.cursorSum(b, list), b...))
}

// openCursor reads a cursor; ok is false when it was not made here for this list.
func (s *Store) openCursor(text string, list any) (c listCursor, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) < cursorMAC || !hmac.Equal(b[:cursorMAC], s.cursorSum(b[cursorMAC:], list)) {
		return c, false
	}
	return c, json.Unmarshal(b[cursorMAC:], &c) == nil
}

func (s *Store) cursorSum(b []byte, list any) []byte {
	l, _ := json.Marshal(list)
	h := hmac.New(sha256.New, s.secret)
	writeText(h, string(l))
	writeText(h, string(b))
	return h.Sum(nil)[:cursorMAC]
}
