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
	"unicode/utf8"

	"steward/backoffice"
)

// accountOrder is a column that the list can be sorted by.
type accountOrder struct {
	column  string // with its table's letter
	text    bool   // compares as text
	engaged bool   // lies in engagement
	covers  bool   // its index holds the text that is searched
}

var accountOrders = map[backoffice.AccountSort]accountOrder{
	backoffice.SortName:        {column: "a.name_sort", text: true, covers: true},
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

func (l *listQuery) conditions() string {
	if len(l.where) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(l.where, " AND ")
}

// accountSource is where the rows of a list are drawn from: a few accounts by an
// index, which are then sorted, or all of them in their order.
type accountSource struct {
	hits   hits
	gather bool  // few enough to be sorted
	visits bool  // found by the index of last visits
	short  bool  // one or two letters: the index is asked only when it must be
	total  int64 // how many match, -1 when not known
	all    int64 // accounts that are not in the bin
	none   bool
	ahead  bool // something is dated after now, and does not count yet
}

// listWay is how a page's statement finds its rows.
type listWay int

const (
	inOrder  listWay = iota // walks the order of the list until the page is full
	nearBy                  // likewise, but no further than order.nearRows
	byName                  // goes along the names from hit to hit
	gathered                // finds all by an index, sorts them, and reads what is on the page
)

// Accounts returns one page of the accounts that the filter leaves. A cursor
// that is empty, or was not made by this installation for this filter, opens
// the first page; "last" opens the last one.
func (s *Store) Accounts(ctx context.Context, f backoffice.AccountFilter, cursor string) (backoffice.AccountsPage, error) {
	return s.accountsPage(ctx, f, cursor, true)
}

// accountsPage is Accounts; Total and First are right only where counted is set.
func (s *Store) accountsPage(ctx context.Context, f backoffice.AccountFilter, cursor string, counted bool) (page backoffice.AccountsPage, err error) {
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
	way := s.wayOf(f.Query, src.gather, src.hits, accountOrders[f.Sort].covers)
	found, err := s.accountsBy(ctx, way, f, src, c, now)
	full := func() bool { return err != nil || len(found) > backoffice.PageSize }
	if src.short && !full() {
		src.short = false
		if src.hits, err = s.index.find(ctx, s.query(), f.Query, hitsOf(accountOrders[f.Sort].covers), src.all); err != nil || src.hits.none {
			return backoffice.AccountsPage{}, err
		}
		src.gather, src.hits.uneven = src.hits.few, f.Sort == backoffice.SortPrimaryUser
		if way = s.wayOf(f.Query, src.gather, src.hits, accountOrders[f.Sort].covers); way != nearBy || src.hits.counted() {
			found, err = s.accountsBy(ctx, way, f, src, c, now)
		}
	}
	if way == nearBy && !full() {
		if way = inOrder; src.hits.match != "" {
			src.gather, src.hits.asked, way = true, true, gathered
		}
		for _, src.hits.within = range src.hits.reach() {
			if found, err = s.accountsBy(ctx, way, f, src, c, now); way == inOrder || full() {
				break
			}
		}
	}
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
	page = backoffice.AccountsPage{Rows: found, First: 1}
	if counted {
		if page.Total, page.More, err = s.accountTotal(ctx, f, src, now, c.Edge && !more, len(found)); err != nil {
			return page, err
		}
	}
	defer func() { // what was counted may be less than what is seen to be there
		if n := page.First + int64(len(page.Rows)) - 1; page.More && page.Total < n {
			page.Total = n
		}
	}()
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

// accountsBy reads the rows of a page, and one more where there are more, from
// the cursor on.
func (s *Store) accountsBy(ctx context.Context, way listWay, f backoffice.AccountFilter, src accountSource, c listCursor, now time.Time) ([]backoffice.AccountRow, error) {
	if way == byName {
		var found []backoffice.AccountRow
		err := s.index.alongNames(ctx, s.query(), src.hits, f.Asc == c.Back, c, func(way listWay, h hits, c listCursor) (bool, error) {
			src.gather, src.hits = way == gathered, h
			rows, err := s.accountsBy(ctx, way, f, src, c, now)
			full := len(found)+len(rows) > backoffice.PageSize
			if full || src.gather {
				found = append(found, rows...)
			}
			return full, err
		})
		return found[:min(len(found), backoffice.PageSize+1)], err
	}
	rest, args := s.accountsStatement(way, f, src, c, now)
	return s.accountRows(ctx, rest, args, backoffice.DayOf(now))
}

// accountsStatement returns how the statement of a page ends, and its arguments.
func (s *Store) accountsStatement(way listWay, f backoffice.AccountFilter, src accountSource, c listCursor, now time.Time) (rest string, args []any) {
	const limit = backoffice.PageSize + 1
	order := accountOrders[f.Sort]
	desc := f.Asc == c.Back
	op, dir := " > ", ""
	if desc {
		op, dir = " < ", " DESC"
	}
	l := &listQuery{}
	begin := func(walks bool) {
		if c.Edge {
			return
		}
		var value any = c.Int
		if order.text {
			value = c.Text
		}
		place := l.arg(value) + ", " + l.arg(c.Key)
		if walks {
			place += s.dialect.asKey()
		}
		l.add("(" + order.column + ", " + order.key() + ")" + op + "(" + place + ")")
	}
	sorted := ` ORDER BY ` + order.column + dir + `, ` + order.key() + dir + ` LIMIT `
	// walk yields so many rows of the order, in a statement to be put inside of another.
	walk := func(columns string, rows int64) string {
		from := "accounts a"
		if order.engaged {
			from = "engagement e"
		} else {
			l.add("a.deleted_at IS NULL")
		}
		begin(true)
		text := `SELECT ` + columns + ` FROM ` + from + l.conditions() + sorted + l.arg(rows)
		l.where = nil
		return text
	}
	join := s.join()
	const parents = ` LEFT JOIN accounts p ON p.key = a.parent_key`
	switch way {
	case inOrder:
		s.narrow(l, f, src, now)
		begin(true)
		rest = `FROM ` + s.accountTables(order.engaged) + parents + l.conditions() + sorted + strconv.Itoa(limit)
	case nearBy:
		// The rows come in the order of the inner statement, which ends with a LIMIT.
		columns := order.key() + ` AS k`
		if order.covers {
			columns += ", a.search AS t"
		}
		inner := walk(columns, nearRows(src.hits, order.covers))
		if order.covers {
			l.add(`h.t LIKE ` + l.arg(like(f.Query)) + ` ESCAPE '\'`)
		} else if src.hits.counted() {
			l.add("h.k IN (" + s.index.keys(l, src.hits) + ")")
		}
		s.narrow(l, f, src, now)
		rest = `FROM (` + inner + `) h` + join + `accounts a ON a.key = h.k` + join + `engagement e ON e.account_key = a.key` + parents +
			l.conditions() + ` LIMIT ` + strconv.Itoa(limit)
	case gathered:
		if src.hits.within > 0 {
			src.hits.first = walk(order.key(), src.hits.within)
		}
		s.narrow(l, f, src, now)
		begin(false)
		tables := "accounts a"
		if order.engaged || src.visits || f.ActiveDays+f.DormantDays > 0 {
			tables = s.accountTables(src.visits)
		}
		rest = `FROM (SELECT a.key AS k, ` + order.column + ` AS s FROM ` + tables + l.conditions() +
			` ORDER BY ` + s.dialect.plain(order.column) + dir + `, ` + s.dialect.plain("a.key") + dir + ` LIMIT ` + strconv.Itoa(limit) + `) h` +
			join + `accounts a ON a.key = h.k` + join + `engagement e ON e.account_key = a.key` + parents + ` ORDER BY h.s` + dir + `, h.k` + dir
	}
	return rest, l.args
}

// accountRows reads the rows of a list whose statement ends with rest.
func (s *Store) accountRows(ctx context.Context, rest string, args []any, today backoffice.Day) ([]backoffice.AccountRow, error) {
	p, err := s.query().packed(ctx, s.accountsText(rest), args...)
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

// accountsText is the whole statement that ends with rest.
func (s *Store) accountsText(rest string) string {
	text, ok := s.lists.Load(rest)
	if !ok {
		text = s.dialect.packedSelect(rest, "a.key", "a.id", "a.name", "a.created_at", truth("a.is_reseller"), "COALESCE(p.id, '')", "COALESCE(p.name, '')",
			"a.primary_email", "e.users", "e.visits", "e.last_visit_at", "e.recent_day", s.dialect.hex("e.recent"))
		s.lists.Store(rest, text)
	}
	return text.(string)
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

// join has SQLite walk tables in the order in which they are written.
func (s *Store) join() string {
	if s.dialect.engine.SQLite {
		return " CROSS JOIN "
	}
	return " JOIN "
}

// accountTables joins accounts a and engagement e; the walk begins in engagement
// where engaged is set.
func (s *Store) accountTables(engaged bool) string {
	if engaged {
		return "engagement e" + s.join() + "accounts a ON a.key = e.account_key"
	}
	return "accounts a" + s.join() + "engagement e ON e.account_key = a.key"
}

// narrow writes the filter's conditions.
func (s *Store) narrow(l *listQuery, f backoffice.AccountFilter, src accountSource, now time.Time) {
	l.add("a.deleted_at IS NULL")
	if f.Query != "" {
		if src.hits.asked && src.gather {
			l.add("a.key IN (" + s.index.keys(l, src.hits) + ")")
		}
		l.add(`a.search LIKE ` + l.arg(like(f.Query)) + ` ESCAPE '\'`)
	}
	if f.CreatedDays > 0 {
		l.add("a.created_at > " + l.arg(createdSince(f, now)))
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
	src.all = totals.Accounts
	yes := func(b *bool) bool { return b != nil && *b }
	src.total, src.ahead = knownTotal(f, k, totals), totals.ahead
	switch {
	case f.Query == "":
	case s.dialect.engine.SQLite && utf8.RuneCountInString(f.Query) < 3:
		src.short = true
	default:
		if src.hits, err = s.index.find(ctx, s.query(), f.Query, hitsOf(accountOrders[f.Sort].covers), src.all); err != nil {
			return src, err
		}
		src.none, src.gather, src.hits.uneven = src.hits.none, src.hits.few, f.Sort == backoffice.SortPrimaryUser
	}
	switch {
	case src.gather || src.none:
	case f.ParentID != "":
		src.gather, err = s.few(ctx, `SELECT 1 FROM accounts WHERE parent_key = (SELECT key FROM accounts WHERE id = $1)`, f.ParentID)
	case yes(f.Reseller):
		src.gather = totals.Resellers < bounds.gather
	case yes(f.HasParent):
		src.gather = totals.SubAccounts < bounds.gather
	}
	if src.gather || src.none || err != nil {
		return src, err
	}
	today := backoffice.DayOf(now)
	switch {
	case f.CreatedDays > 0 && f.Sort != backoffice.SortCreated:
		src.gather, err = s.few(ctx, `SELECT 1 FROM accounts WHERE deleted_at IS NULL AND created_at > $1`,
			createdSince(f, now))
	case f.HasCreated && f.Sort != backoffice.SortCreated:
		src.gather, err = s.few(ctx, `SELECT 1 FROM accounts WHERE deleted_at IS NULL AND created_at >= $1 AND created_at < $2`,
			f.CreatedFrom.Start().UnixMicro(), (f.CreatedTo + 1).Start().UnixMicro())
	case f.ActiveDays > 0 && f.Sort != backoffice.SortLastVisit:
		src.visits = true
		src.gather, err = s.few(ctx, `SELECT 1 FROM engagement WHERE last_visit_at >= $1`, seenSince(today, f.ActiveDays))
	case f.DormantDays > 0 && f.Sort != backoffice.SortLastVisit:
		src.visits = true
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

// few reports whether a constant statement yields fewer than bounds.gather rows.
func (s *Store) few(ctx context.Context, text string, args ...any) (bool, error) {
	var n int64
	err := s.query().row(ctx, `SELECT COUNT(*) FROM (`+text+` LIMIT `+strconv.FormatInt(bounds.gather, 10)+`) AS probed`, args...).Scan(&n)
	return n < bounds.gather, err
}

func sameFilter(a, b backoffice.AccountFilter) bool {
	same := func(p, q *bool) bool { return (p == nil) == (q == nil) && (p == nil || *p == *q) }
	ok := same(a.CompanyDomain, b.CompanyDomain) && same(a.Reseller, b.Reseller) && same(a.HasParent, b.HasParent)
	a.CompanyDomain, a.Reseller, a.HasParent = nil, nil, nil
	b.CompanyDomain, b.Reseller, b.HasParent = nil, nil, nil
	return ok && a == b
}

// accountTotal returns how many accounts match; more is set when there are
// that many or more. Among more accounts than bounds.work, the ones that are
// looked at are a part, and what is found there is the least that there is.
func (s *Store) accountTotal(ctx context.Context, f backoffice.AccountFilter, src accountSource, now time.Time, whole bool, shown int) (total int64, more bool, err error) {
	switch {
	case whole:
		return int64(shown), false, nil
	case src.total >= 0:
		return src.total, false, nil
	case src.hits.match != "" && !src.hits.few && !s.narrowedBeside(f):
		return bounds.count, true, nil
	}
	l := &listQuery{}
	var text string
	partly := false
	if src.gather {
		s.narrow(l, f, src, now)
		text = `SELECT 1 FROM ` + s.accountTables(src.visits) + l.conditions()
	} else {
		looked := bounds.work
		if f.Query != "" {
			looked = bounds.count
		}
		partly = src.all > looked
		today := backoffice.DayOf(now)
		inner := "SELECT a.key AS k FROM accounts a WHERE a.deleted_at IS NULL"
		switch {
		case f.CreatedDays > 0:
			inner += " AND a.created_at > " + l.arg(createdSince(f, now))
		case f.HasCreated:
			inner += " AND a.created_at >= " + l.arg(f.CreatedFrom.Start().UnixMicro()) + " AND a.created_at < " + l.arg((f.CreatedTo + 1).Start().UnixMicro())
		case src.ahead:
		case f.ActiveDays > 0:
			inner = "SELECT e.account_key AS k FROM engagement e WHERE e.last_visit_at >= " + l.arg(seenSince(today, f.ActiveDays))
		case f.DormantDays > 0:
			inner = "SELECT e.account_key AS k FROM engagement e WHERE e.last_visit_at < " + l.arg(seenSince(today, f.DormantDays))
		}
		s.narrow(l, f, src, now)
		text = `SELECT 1 FROM (` + inner + ` LIMIT ` + strconv.FormatInt(looked, 10) + `) h` + s.join() + `accounts a ON a.key = h.k` +
			s.join() + `engagement e ON e.account_key = a.key` + l.conditions()
	}
	err = s.query().row(ctx, `SELECT COUNT(*) FROM (`+text+` LIMIT `+strconv.FormatInt(bounds.count+1, 10)+`) AS counted`, l.args...).Scan(&total)
	if total > bounds.count {
		return bounds.count, true, err
	}
	return total, partly, err
}

// createdSince is the instant after which an account was created to be within
// the filter's days.
func createdSince(f backoffice.AccountFilter, now time.Time) int64 {
	return now.Add(-time.Duration(f.CreatedDays) * 24 * time.Hour).UnixMicro()
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
	if !src.gather {
		src.gather, src.hits.asked = src.hits.match != "", true
	}
	l := &listQuery{}
	s.narrow(l, f, src, now)
	err = s.query().row(ctx, `SELECT COUNT(*) FROM `+s.accountTables(src.visits)+l.conditions(), l.args...).Scan(&n)
	return n, err
}

// EachAccount calls do with every account that the filter leaves, in the order
// of the list, a page at a time: no long-lived read holds up the engine's
// housekeeping, and an account that changes meanwhile may be missed or met
// twice at most at the border of two pages.
func (s *Store) EachAccount(ctx context.Context, f backoffice.AccountFilter, do func(backoffice.AccountRow) error) error {
	cursor := ""
	for {
		page, err := s.accountsPage(ctx, f, cursor, false)
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
