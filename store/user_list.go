package store

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"steward/backoffice"
)

// userOrder is a column that the list of users can be sorted by.
type userOrder struct {
	column  string // with its table's letter
	text    bool   // compares as text
	truth   bool   // compares as a truth
	engaged bool   // lies in user_engagement
}

var userOrders = map[backoffice.UserSort]userOrder{
	backoffice.UsersByName:      {column: "u.name_sort", text: true},
	backoffice.UsersByCreated:   {column: "u.created_at"},
	backoffice.UsersByVerified:  {column: "u.verified", truth: true},
	backoffice.UsersByMFA:       {column: "u.factors"},
	backoffice.UsersByAccounts:  {column: "e.accounts", engaged: true},
	backoffice.UsersByLastVisit: {column: "e.last_visit_at", engaged: true},
	backoffice.UsersByVisits:    {column: "e.days", engaged: true},
}

func (o userOrder) key() string {
	if o.engaged {
		return "e.user_key"
	}
	return "u.key"
}

// value is the place of a cursor in the order, as an argument.
func (o userOrder) value(c listCursor) any {
	switch {
	case o.text:
		return c.Text
	case o.truth:
		return c.Int != 0
	}
	return c.Int
}

// userSource is where the rows of a list of users are drawn from: a few of them
// by an index, which are then sorted, or all of them in their order.
type userSource struct {
	hits   hits
	byID   bool      // the search may be the beginning of an ID
	few    *keysFrom // the users among whom all that match are, few enough to be sorted
	short  bool      // one or two letters: the index is asked only when it must be
	total  int64     // how many match, -1 when not known
	all    int64     // users who are not in the bin
	none   bool
	gather bool // few is set, or the search has few hits
}

// keysFrom is a constant statement that yields keys of users.
type keysFrom struct {
	text string // with ? for each argument
	args []any
}

func (k keysFrom) in(l *listQuery) string {
	text := k.text
	for _, a := range k.args {
		text = strings.Replace(text, "?", l.arg(a), 1)
	}
	return text
}

// Users returns one page of the users that the filter leaves, as Accounts does
// of accounts.
func (s *Store) Users(ctx context.Context, f backoffice.UserFilter, cursor string) (backoffice.UsersPage, error) {
	return s.usersPage(ctx, f, cursor, true)
}

// usersPage is Users; Total and First are right only where counted is set.
func (s *Store) usersPage(ctx context.Context, f backoffice.UserFilter, cursor string, counted bool) (page backoffice.UsersPage, err error) {
	f = normalizedUsers(f)
	now := s.Now()
	src, err := s.userSource(ctx, f, now)
	if err != nil || src.none {
		return backoffice.UsersPage{}, err
	}
	c, ok := s.openCursor(cursor, f)
	if cursor == "last" {
		c, ok = listCursor{Back: true, Edge: true}, true
	}
	if !ok {
		c = listCursor{Edge: true}
	}
	way := s.wayOf(f.Query, src.gather, src.hits, src.covered(f))
	found, err := s.usersBy(ctx, way, f, src, c, now)
	full := func() bool { return err != nil || len(found) > backoffice.PageSize }
	if src.short && !full() {
		src.short = false
		if src.hits, err = s.people.find(ctx, s.query(), f.Query, hitsOf(src.covered(f)), src.all); err != nil || src.hits.none {
			return backoffice.UsersPage{}, err
		}
		src.gather = src.hits.few
		if way = s.wayOf(f.Query, src.gather, src.hits, src.covered(f)); way != nearBy || src.hits.counted() {
			found, err = s.usersBy(ctx, way, f, src, c, now)
		}
	}
	if way == nearBy && !full() {
		if way = inOrder; src.hits.match != "" {
			src.gather, way = true, gathered
		}
		for _, src.hits.within = range src.reach() {
			if found, err = s.usersBy(ctx, way, f, src, c, now); way == inOrder || full() {
				break
			}
		}
	}
	if err != nil {
		return backoffice.UsersPage{}, err
	}
	more := len(found) > backoffice.PageSize
	if more {
		found = found[:backoffice.PageSize]
	}
	if c.Back {
		slices.Reverse(found)
	}
	page = backoffice.UsersPage{Rows: make([]backoffice.UserRow, len(found)), First: 1}
	if err := s.nameRoles(ctx, found); err != nil {
		return page, err
	}
	if err := s.nameApplications(ctx, found); err != nil {
		return page, err
	}
	for i := range found {
		page.Rows[i] = found[i].UserRow
	}
	if counted {
		if page.Total, page.More, err = s.userTotal(ctx, f, src, now, c.Edge && !c.Back && !more, len(found)); err != nil {
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
		if more || c.Back && !c.Edge {
			if !c.Back || !c.Edge {
				next := found[n-1].place(f.Sort)
				next.At = page.First + int64(n)
				page.Next = s.sealCursor(next, f)
				page.Last = "last"
			}
		}
		if !c.Back && !c.Edge || c.Back && more {
			prev := found[0].place(f.Sort)
			prev.Back, prev.At = true, page.First
			page.Prev = s.sealCursor(prev, f)
		}
	}
	return page, nil
}

// foundUser is a row whose roles are not named yet.
type foundUser struct {
	backoffice.UserRow
	roles string
}

// place is where a row stands in the order.
func (r foundUser) place(by backoffice.UserSort) listCursor {
	c := listCursor{Key: r.Key}
	switch by {
	case backoffice.UsersByName:
		c.Text, _ = userKeys(r.Name, r.Email)
	case backoffice.UsersByCreated:
		c.Int = r.CreatedAt.UnixMicro()
	case backoffice.UsersByVerified:
		if r.Verified {
			c.Int = 1
		}
	case backoffice.UsersByMFA:
		c.Int = int64(r.Factors)
	case backoffice.UsersByAccounts:
		c.Int = r.Accounts
	case backoffice.UsersByLastVisit:
		c.Int = backoffice.Micros(r.LastVisit)
	case backoffice.UsersByVisits:
		c.Int = r.Days
	}
	return c
}

// usersBy reads the rows of a page, and one more where there are more, from the
// cursor on.
func (s *Store) usersBy(ctx context.Context, way listWay, f backoffice.UserFilter, src userSource, c listCursor, now time.Time) ([]foundUser, error) {
	if way == byName {
		var found []foundUser
		err := s.people.alongNames(ctx, s.query(), src.hits, f.Asc == c.Back, c, func(way listWay, h hits, c listCursor) (bool, error) {
			src.gather, src.hits = way == gathered, h
			rows, err := s.usersBy(ctx, way, f, src, c, now)
			full := len(found)+len(rows) > backoffice.PageSize
			if full || src.gather {
				found = append(found, rows...)
			}
			return full, err
		})
		return found[:min(len(found), backoffice.PageSize+1)], err
	}
	rest, args := s.usersStatement(way, f, src, c, now)
	p, err := s.query().packed(ctx, s.usersText(rest), args...)
	if err != nil {
		return nil, err
	}
	out := make([]foundUser, 0, backoffice.PageSize+1)
	for p.more() {
		var r foundUser
		r.Key, r.ID, r.Email, r.Name, r.CreatedAt = p.int(), p.text(), p.text(), p.text(), time.UnixMicro(p.int()).UTC()
		r.Verified, r.Locked, r.Factors = p.flag(), p.flag(), backoffice.MFAMethods(p.int())
		r.Accounts, r.Days, r.LastVisit, r.roles = p.int(), p.int(), backoffice.FromMicros(p.int()), p.text()
		out = append(out, r)
	}
	return out, p.err
}

// usersText is the whole statement that ends with rest.
func (s *Store) usersText(rest string) string {
	text, ok := s.lists.Load(rest)
	if !ok {
		text = s.dialect.packedSelect(rest, "u.key", "u.id", "u.email", "u.name", "u.created_at", truth("u.verified"), truth("u.locked"), "u.factors",
			"e.accounts", "e.days", "e.last_visit_at", "e.roles")
		s.lists.Store(rest, text)
	}
	return text.(string)
}

// usersStatement returns how the statement of a page ends, and its arguments.
func (s *Store) usersStatement(way listWay, f backoffice.UserFilter, src userSource, c listCursor, now time.Time) (rest string, args []any) {
	const limit = backoffice.PageSize + 1
	order := userOrders[f.Sort]
	op, dir := " > ", ""
	if f.Asc == c.Back {
		op, dir = " < ", " DESC"
	}
	l := &listQuery{}
	begin := func() {
		if !c.Edge {
			l.add("(" + order.column + ", " + order.key() + ")" + op + "(" + l.arg(order.value(c)) + ", " + l.arg(c.Key) + ")")
		}
	}
	sorted := ` ORDER BY ` + order.column + dir + `, ` + order.key() + dir + ` LIMIT `
	// walk yields so many rows of the order, in a statement to be put inside of another.
	walk := func(columns string, rows int64) string {
		from := "users u"
		if order.engaged {
			from = "user_engagement e"
		} else {
			l.add("u.deleted_at IS NULL")
		}
		begin()
		text := `SELECT ` + columns + ` FROM ` + from + l.conditions() + sorted + l.arg(rows)
		l.where = nil
		return text
	}
	join := s.join()
	switch way {
	case inOrder:
		s.narrowUsers(l, f, src, now)
		begin()
		rest = `FROM ` + s.userTables(order.engaged) + l.conditions() + sorted + strconv.Itoa(limit)
	case nearBy:
		// The rows come in the order of the inner statement, which ends with a LIMIT.
		columns := order.key() + ` AS k`
		if src.covered(f) {
			columns += ", u.search AS t"
		}
		inner := walk(columns, nearRows(src.hits, src.covered(f)))
		if src.covered(f) {
			l.add(`h.t LIKE ` + l.arg(like(f.Query)) + ` ESCAPE '\'`)
		} else if src.hits.counted() {
			l.add("h.k IN (" + src.found(s.people, l, f) + ")")
		}
		s.narrowUsers(l, f, src, now)
		rest = `FROM (` + inner + `) h` + join + `users u ON u.key = h.k` + join + `user_engagement e ON e.user_key = u.key` +
			l.conditions() + ` LIMIT ` + strconv.Itoa(limit)
	case gathered:
		if src.hits.within > 0 {
			src.hits.first = walk(order.key(), src.hits.within)
		}
		s.narrowUsers(l, f, src, now)
		begin()
		tables := "users u"
		if order.engaged || f.ActiveDays+f.DormantDays > 0 {
			tables = s.userTables(false)
		}
		rest = `FROM (SELECT u.key AS k, ` + order.column + ` AS s FROM ` + tables + l.conditions() +
			` ORDER BY ` + s.dialect.plain(order.column) + dir + `, ` + s.dialect.plain("u.key") + dir + ` LIMIT ` + strconv.Itoa(limit) + `) h` +
			join + `users u ON u.key = h.k` + join + `user_engagement e ON e.user_key = u.key ORDER BY h.s` + dir + `, h.k` + dir
	}
	return rest, l.args
}

// userTables joins users u and user_engagement e; the walk begins in the latter
// where engaged is set.
func (s *Store) userTables(engaged bool) string {
	if engaged {
		return "user_engagement e" + s.join() + "users u ON u.key = e.user_key"
	}
	return "users u" + s.join() + "user_engagement e ON e.user_key = u.key"
}

func normalizedUsers(f backoffice.UserFilter) backoffice.UserFilter {
	if _, ok := userOrders[f.Sort]; !ok {
		f.Sort = backoffice.UsersByCreated
	}
	f.Query = foldQuery(f.Query)
	for _, days := range []*int{&f.CreatedDays, &f.ActiveDays, &f.DormantDays} {
		*days = min(max(*days, 0), mostDays)
	}
	return f
}

// narrowUsers writes the filter's conditions.
func (s *Store) narrowUsers(l *listQuery, f backoffice.UserFilter, src userSource, now time.Time) {
	l.add("u.deleted_at IS NULL")
	if src.few != nil {
		l.add("u.key IN (" + src.few.in(l) + ")")
	}
	if f.Query != "" {
		if src.hits.match != "" && src.gather && src.few == nil {
			l.add("u.key IN (" + src.found(s.people, l, f) + ")")
		}
		if like := `u.search LIKE ` + l.arg(like(f.Query)) + ` ESCAPE '\'`; src.byID {
			l.add("(" + like + " OR u.id >= " + l.arg(f.Query) + " AND u.id < " + l.arg(f.Query+"~") + ")")
		} else {
			l.add(like)
		}
	}
	if f.CreatedDays > 0 {
		l.add("u.created_at > " + l.arg(createdIn(f.CreatedDays, now)))
	}
	today := backoffice.DayOf(now)
	if f.ActiveDays > 0 {
		l.add("e.last_visit_at >= " + l.arg(seenSince(today, f.ActiveDays)))
	}
	if f.DormantDays > 0 {
		l.add("e.last_visit_at < " + l.arg(seenSince(today, f.DormantDays)))
	}
	for _, c := range []struct {
		want    *bool
		yes, no string
	}{{f.MFA, "u.factors > 0", "u.factors = 0"}, {f.Verified, "u.verified", "NOT u.verified"}, {f.Locked, "u.locked", "NOT u.locked"}} {
		switch {
		case c.want == nil:
		case *c.want:
			l.add(c.yes)
		default:
			l.add(c.no)
		}
	}
	for _, domain := range f.Domains() {
		l.add(`u.email NOT LIKE ` + l.arg("%@"+domain)) // a domain holds no wildcard
	}
	if f.Status == "" && f.AccountID == "" && f.RoleID == "" && f.ApplicationID == "" {
		return
	}
	member := "SELECT 1 FROM memberships m WHERE m.user_key = u.key AND m.counted_at IS NOT NULL"
	if f.AccountID != "" {
		member += " AND m.account_key = (SELECT key FROM accounts WHERE id = " + l.arg(f.AccountID) + ")"
	}
	if f.Status != "" {
		member += " AND m.status = " + l.arg(string(f.Status))
	}
	if f.RoleID != "" {
		member += " AND EXISTS (SELECT 1 FROM membership_roles mr WHERE mr.membership_key = m.key AND mr.role_key = (SELECT key FROM roles WHERE id = " + l.arg(f.RoleID) + "))"
	}
	if f.ApplicationID != "" {
		member += " AND " + hasApplication(l.arg(f.ApplicationID))
	}
	l.add("EXISTS (" + member + ")")
}

func createdIn(days int, now time.Time) int64 {
	return now.Add(-time.Duration(days) * 24 * time.Hour).UnixMicro()
}

// userSource chooses how to find the rows, and learns how many there are where
// a counter knows.
func (s *Store) userSource(ctx context.Context, f backoffice.UserFilter, now time.Time) (userSource, error) {
	src := userSource{total: -1}
	k, err := s.UserKPIs(ctx)
	if err != nil {
		return src, err
	}
	src.all, src.total = k.Now.Users, knownUsers(f, k)
	if src.total >= 0 && f.Query == "" && f.Sort == backoffice.UsersByCreated && f.ActiveDays+f.DormantDays == 0 {
		return src, nil
	}
	switch {
	case f.Query == "":
	case s.dialect.engine.SQLite && utf8.RuneCountInString(f.Query) < 3:
		src.short = true
	default:
		src.byID = idBeginning(f.Query)
		if src.hits, err = s.people.find(ctx, s.query(), f.Query, hitsOf(src.covered(f)), src.all); err != nil {
			return src, err
		}
		if src.byID {
			var n int64
			if err := s.query().row(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM users WHERE id >= $1 AND id < $2 LIMIT `+strconv.FormatInt(bounds.gather, 10)+`) AS probed`,
				f.Query, f.Query+"~").Scan(&n); err != nil {
				return src, err
			}
			src.hits.n, src.hits.all = src.hits.n+n, src.hits.all && n < bounds.gather
			src.hits.few, src.hits.none = src.hits.few && n < bounds.probe, src.hits.none && n == 0
			if src.hits.match == "" && s.dialect.engine.SQLite {
				src.hits.match = `"` + noTerms + `"`
			}
		}
		src.none = src.hits.none
		src.gather = src.hits.few && src.hits.match != ""
	}
	if src.gather || src.none || src.short {
		return src, nil
	}
	var everywhere bool
	if f.ApplicationID != "" {
		if err := s.query().row(ctx, `SELECT COALESCE(MAX(CASE WHEN is_default OR auto_assigned THEN 1 ELSE 0 END), 0) > 0 FROM applications WHERE id = $1 AND deleted_at IS NULL`,
			f.ApplicationID).Scan(&everywhere); err != nil {
			return src, err
		}
	}
	for _, k := range s.userKeysOf(f, everywhere, now) {
		l := &listQuery{}
		text := k.in(l)
		few, err := s.few(ctx, text, l.args...)
		if err != nil {
			return src, err
		}
		if few {
			src.few, src.gather = &k, true
			break
		}
	}
	return src, nil
}

// userKeysOf are the indexes that hold all users whom the filter leaves; all says
// that the application of the filter is everybody's.
func (s *Store) userKeysOf(f backoffice.UserFilter, all bool, now time.Time) (list []keysFrom) {
	add := func(text string, args ...any) { list = append(list, keysFrom{text, args}) }
	today := backoffice.DayOf(now)
	if f.AccountID != "" {
		add(`SELECT user_key FROM memberships WHERE account_key = (SELECT key FROM accounts WHERE id = ?)`, f.AccountID)
	}
	if f.RoleID != "" {
		add(`SELECT m.user_key FROM membership_roles mr JOIN memberships m ON m.key = mr.membership_key WHERE mr.role_key = (SELECT key FROM roles WHERE id = ?)`, f.RoleID)
	}
	if f.ApplicationID != "" && !all {
		add(usersOfApplication, f.ApplicationID, f.ApplicationID)
	}
	switch f.Status {
	case "":
	case backoffice.Activated: // each of them was seen
		add(`SELECT user_key FROM user_engagement WHERE last_visit_at > 0`)
	default:
		add(`SELECT user_key FROM memberships WHERE status = ? AND status <> 'activated'`, string(f.Status))
	}
	if f.Locked != nil && *f.Locked {
		add(`SELECT key FROM users WHERE locked AND deleted_at IS NULL`)
	}
	if f.MFA != nil && f.Sort != backoffice.UsersByMFA {
		if *f.MFA {
			add(`SELECT key FROM users WHERE factors > 0 AND deleted_at IS NULL`)
		} else {
			add(`SELECT key FROM users WHERE factors = 0 AND deleted_at IS NULL`)
		}
	}
	if f.Verified != nil && f.Sort != backoffice.UsersByVerified {
		add(`SELECT key FROM users WHERE verified = ? AND deleted_at IS NULL`, *f.Verified)
	}
	if f.CreatedDays > 0 && f.Sort != backoffice.UsersByCreated {
		add(`SELECT key FROM users WHERE created_at > ? AND deleted_at IS NULL`, createdIn(f.CreatedDays, now))
	}
	if f.Sort != backoffice.UsersByLastVisit {
		if f.ActiveDays > 0 {
			add(`SELECT user_key FROM user_engagement WHERE last_visit_at >= ?`, seenSince(today, f.ActiveDays))
		}
		if f.DormantDays > 0 {
			add(`SELECT user_key FROM user_engagement WHERE last_visit_at < ?`, seenSince(today, f.DormantDays))
		}
	}
	return list
}

// knownUsers returns how many users a filter leaves where a counter knows that,
// otherwise -1.
func knownUsers(f backoffice.UserFilter, k backoffice.UserKPIs) int64 {
	f.Sort, f.Asc = "", false
	switch f {
	case backoffice.UserFilter{}:
		return k.Now.Users
	case backoffice.UserFilter{CreatedDays: 7}:
		return k.Now.New
	case backoffice.UserFilter{ActiveDays: backoffice.ActiveDays}:
		return k.Now.Active
	case backoffice.UserFilter{DormantDays: backoffice.ActiveDays}:
		return k.Now.Users - k.Now.Active
	}
	return -1
}

// KnownUserTotal is KnownTotal of users.
func (s *Store) KnownUserTotal(ctx context.Context, f backoffice.UserFilter) (n int64, ok bool, err error) {
	k, err := s.UserKPIs(ctx)
	if err != nil {
		return 0, false, err
	}
	f.Query = foldQuery(f.Query)
	n = knownUsers(f, k)
	return n, n >= 0, nil
}

// userTotal returns how many users match; more is set when there are that many
// or more. Among more than bounds.work, the ones that are looked at are a part,
// and what is found there is the least that there is.
func (s *Store) userTotal(ctx context.Context, f backoffice.UserFilter, src userSource, now time.Time, whole bool, shown int) (total int64, more bool, err error) {
	alone := f
	alone.Query = ""
	switch {
	case whole:
		return int64(shown), false, nil
	case src.total >= 0:
		return src.total, false, nil
	case src.hits.match != "" && !src.hits.few && !alone.Narrowed():
		return bounds.count, true, nil
	}
	l := &listQuery{}
	var text string
	partly := false
	if src.gather {
		s.narrowUsers(l, f, src, now)
		text = `SELECT 1 FROM ` + s.userTables(false) + l.conditions()
	} else {
		looked := bounds.work
		if f.Query != "" {
			looked = bounds.count
		}
		partly = src.all > looked
		inner := "SELECT u.key AS k FROM users u WHERE u.deleted_at IS NULL"
		if f.CreatedDays > 0 {
			inner += " AND u.created_at > " + l.arg(createdIn(f.CreatedDays, now))
		}
		s.narrowUsers(l, f, src, now)
		text = `SELECT 1 FROM (` + inner + ` LIMIT ` + strconv.FormatInt(looked, 10) + `) h` + s.join() + `users u ON u.key = h.k` +
			s.join() + `user_engagement e ON e.user_key = u.key` + l.conditions()
	}
	err = s.query().row(ctx, `SELECT COUNT(*) FROM (`+text+` LIMIT `+strconv.FormatInt(bounds.count+1, 10)+`) AS counted`, l.args...).Scan(&total)
	if total > bounds.count {
		return bounds.count, true, err
	}
	return total, partly, err
}

// CountUsers returns exactly how many users the filter leaves; it takes time in
// proportion to the list where no counter knows.
func (s *Store) CountUsers(ctx context.Context, f backoffice.UserFilter) (n int64, err error) {
	f = normalizedUsers(f)
	now := s.Now()
	src, err := s.userSource(ctx, f, now)
	if err != nil || src.none {
		return 0, err
	}
	if src.total >= 0 {
		return src.total, nil
	}
	src.gather = src.gather || src.hits.match != ""
	l := &listQuery{}
	s.narrowUsers(l, f, src, now)
	err = s.query().row(ctx, `SELECT COUNT(*) FROM `+s.userTables(false)+l.conditions(), l.args...).Scan(&n)
	return n, err
}

// EachUser calls do with every user whom the filter leaves, as EachAccount does.
func (s *Store) EachUser(ctx context.Context, f backoffice.UserFilter, do func(backoffice.UserRow) error) error {
	cursor := ""
	for {
		page, err := s.usersPage(ctx, f, cursor, false)
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

var (
	lookupUserRows  = inList(`SELECT u.key, u.id, u.email, u.name, u.created_at, u.verified, u.locked, u.factors, e.accounts, e.days, e.last_visit_at, e.roles FROM users u JOIN user_engagement e ON e.user_key = u.key WHERE u.deleted_at IS NULL AND u.id`, ``)
	lookupRoleNames = inList(`SELECT key, name, level FROM roles WHERE key`, ``)
)

// EachUserOf calls do with the users that IDs name, in the order of the IDs;
// those who are not there any more are left out.
func (s *Store) EachUserOf(ctx context.Context, ids []string, do func(backoffice.UserRow) error) error {
	for batch := range slices.Chunk(distinct(ids), bulkBatch) {
		byID := make(map[string]*foundUser, len(batch))
		if err := lookup(ctx, s.query(), lookupUserRows, batch, func(r rowScanner) error {
			u := &foundUser{}
			var factors int64
			err := r.Scan(&u.Key, &u.ID, &u.Email, &u.Name, micros{&u.CreatedAt}, &u.Verified, &u.Locked, &factors, &u.Accounts, &u.Days, zeroMicros{&u.LastVisit}, &u.roles)
			u.Factors = backoffice.MFAMethods(factors)
			byID[u.ID] = u
			return err
		}); err != nil {
			return err
		}
		found := make([]foundUser, 0, len(batch))
		for _, id := range batch {
			if u := byID[id]; u != nil {
				found = append(found, *u)
			}
		}
		if err := s.nameRoles(ctx, found); err != nil {
			return err
		}
		if err := s.nameApplications(ctx, found); err != nil {
			return err
		}
		for _, u := range found {
			if err := do(u.UserRow); err != nil {
				return err
			}
		}
	}
	return nil
}

// nameRoles gives the roles of users their names.
func (s *Store) nameRoles(ctx context.Context, list []foundUser) error {
	var keys []string
	for _, u := range list {
		for key := range strings.FieldsSeq(u.roles) {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	roles, err := s.roles.namesOf(ctx, s, keys)
	if err != nil {
		return err
	}
	for i := range list {
		held := strings.Fields(list[i].roles)
		slices.SortFunc(held, func(a, b string) int {
			if x, y := roles[a], roles[b]; x.level != y.level {
				return cmp(x.level, y.level)
			}
			return strings.Compare(roles[a].name, roles[b].name)
		})
		for _, key := range held {
			list[i].Roles = append(list[i].Roles, roles[key].name)
		}
		list[i].Roles = slices.Compact(list[i].Roles)
	}
	return nil
}
