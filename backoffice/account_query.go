package backoffice

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// AccountQuery is what the address of the accounts list says: which accounts,
// in which order, with which columns, and the page. Its written form is Encode;
// ParseAccountQuery is the inverse.
type AccountQuery struct {
	AccountFilter
	Columns AccountColumns // 0: the usual ones
	Page    string         // a cursor, "last", or "" for the first page
}

// AccountColumns is a set of columns of the accounts list. The account's name
// is in every set that is not empty.
type AccountColumns uint8

// Columns of the accounts list.
const (
	ColumnName AccountColumns = 1 << iota
	ColumnCreated
	ColumnLastVisit
	ColumnVisits
	ColumnPrimaryUser
	ColumnUsers

	UsualColumns = ColumnName | ColumnCreated | ColumnLastVisit | ColumnVisits | ColumnPrimaryUser
)

// Has reports whether all columns of d are in c.
func (c AccountColumns) Has(d AccountColumns) bool { return c&d == d }

// Shown are the columns that the list shows: a list that is sorted by users
// shows them.
func (q AccountQuery) Shown() AccountColumns {
	c := q.Columns
	if c == 0 {
		c = UsualColumns
	}
	if q.Sort == SortUsers {
		c |= ColumnUsers
	}
	return c | ColumnName
}

// AccountColumnNames are the columns that can be chosen, in their order, as an
// address writes them.
var AccountColumnNames = []struct {
	Column AccountColumns
	Name   string
}{
	{ColumnCreated, "created"},
	{ColumnLastVisit, "last"},
	{ColumnVisits, "visits"},
	{ColumnPrimaryUser, "primary"},
	{ColumnUsers, "users"},
}

// accountSorts are the orders that an address may ask for.
var accountSorts = []AccountSort{SortName, SortCreated, SortLastVisit, SortVisits, SortPrimaryUser, SortUsers}

// Limits of an address.
const (
	MaxQuery      = 200  // characters of a search
	MaxFilterDays = 3650 // of created, active and dormant
	maxNotes      = 5
)

// The first and the last day that a range can name; as ends of a range they
// stand for an open one.
var (
	FirstDay = Day(-719162) // 1 January 1
	LastDay  = Day(2932896) // 31 December 9999
)

// IgnoredParameter is a part of an address that was not understood, with a
// sentence that says why.
type IgnoredParameter struct {
	Name, Value string
	Reason      string
}

// ParseAccountQuery reads an address:
//
//	q=nord            part of a name or ID
//	created=7d        created in the last 7×24 hours
//	created=2026-01-01..2026-03-31   on these days, either may be left out;
//	                  also as created_from and created_to
//	active=30d        a visit on one of the last 30 UTC days
//	dormant=90d       none on any of the last 90
//	domain=company    or personal: what is not a company's
//	reseller=yes      or no
//	parent=yes        or no
//	in=ID             directly under this account
//	sort=name         ascending; sort=-created descending; by name, created,
//	                  last, visits, primary, users
//	cols=created,last columns beside the name
//	page=…            a cursor
//
// What is unknown or malformed is left out and returned as ignored.
func ParseAccountQuery(v url.Values) (q AccountQuery, ignored []IgnoredParameter) {
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	from, to := v.Get("created_from"), v.Get("created_to")
	for _, name := range names {
		value := ""
		for i, s := range v[name] {
			switch {
			case s == "":
			case name == "cols" && value != "":
				value += "," + s
			case value == "":
				value = s
			case i > 0 && s != value && len(ignored) < maxNotes:
				ignored = append(ignored, IgnoredParameter{name, s, "it stands there twice, and only the first one counts"})
			}
		}
		reason := ""
		switch {
		case value == "":
		case name == "created_from" || name == "created_to":
			if name == "created_to" && from != "" || v.Get("created") != "" && v.Get("created") != "range" {
				continue // read with created_from, or overruled by created
			}
			reason = q.setCreated(from + ".." + to)
		case name == "created" && value == "range":
		default:
			reason = q.set(name, value)
		}
		if reason != "" && len(ignored) < maxNotes {
			ignored = append(ignored, IgnoredParameter{name, value, reason})
		}
	}
	return q, ignored
}

// set takes one parameter, or says why not.
func (q *AccountQuery) set(name, value string) (reason string) {
	switch name {
	case "q":
		q.Query, reason = cleanQuery(value)
	case "created":
		return q.setCreated(value)
	case "active":
		return setDays(&q.ActiveDays, value)
	case "dormant":
		return setDays(&q.DormantDays, value)
	case "domain":
		return setChoice(&q.CompanyDomain, value, "company", "personal")
	case "reseller":
		return setChoice(&q.Reseller, value, "yes", "no")
	case "parent":
		return setChoice(&q.HasParent, value, "yes", "no")
	case "in":
		if CheckAccountID(value) != nil {
			return "it is no account ID"
		}
		q.ParentID = value
	case "sort":
		column, desc := strings.CutPrefix(value, "-")
		if !slices.Contains(accountSorts, AccountSort(column)) {
			return "the list is sorted by name, created, last, visits, primary or users"
		}
		if q.Sort, q.Asc = AccountSort(column), !desc; q.Sort == SortCreated && desc {
			q.Sort = ""
		}
	case "cols":
		return q.setColumns(value)
	case "page":
		if len(value) > 2048 {
			return "it is no page of this list"
		}
		q.Page = strings.ToValidUTF8(value, "")
	default:
		return "this list does not know it"
	}
	return reason
}

// cleanQuery puts what was typed as a search into the form of a filter.
func cleanQuery(typed string) (clean, reason string) {
	clean = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(typed, "\ufffd"))
	if strings.TrimSpace(clean) == "" {
		return "", ""
	}
	if utf8.RuneCountInString(clean) > MaxQuery {
		clean, reason = string([]rune(clean)[:MaxQuery]), "a search has at most 200 characters, the rest was left out"
	}
	return clean, reason
}

func (q *AccountQuery) setCreated(value string) (reason string) {
	const how = "write a number of days such as 7d, or days such as 2026-01-01..2026-03-31"
	first, last, isRange := strings.Cut(value, "..")
	if !isRange {
		var days int
		if reason := setDays(&days, value); reason != "" {
			return how
		}
		q.CreatedDays, q.HasCreated, q.CreatedFrom, q.CreatedTo = days, false, 0, 0
		return ""
	}
	from, to := FirstDay, LastDay
	for _, end := range []struct {
		text string
		day  *Day
	}{{first, &from}, {last, &to}} {
		if end.text == "" {
			continue
		}
		d, err := ParseDay(end.text)
		if err != nil || d < FirstDay || d > LastDay {
			return how
		}
		*end.day = d
	}
	switch {
	case first == "" && last == "":
		return how
	case from > to:
		return "it ends before it begins"
	}
	q.CreatedDays, q.HasCreated, q.CreatedFrom, q.CreatedTo = 0, true, from, to
	return ""
}

func setDays(n *int, value string) (reason string) {
	digits, ok := strings.CutSuffix(value, "d")
	days, err := strconv.Atoi(digits)
	if !ok || err != nil || days < 1 || days > MaxFilterDays || digits != strconv.Itoa(days) {
		return "write a number of days such as 30d, at most 3650d"
	}
	*n = days
	return ""
}

func setChoice(to **bool, value, yes, no string) (reason string) {
	b := value == yes
	if !b && value != no {
		return "write " + yes + " or " + no
	}
	*to = &b
	return ""
}

func (q *AccountQuery) setColumns(value string) (reason string) {
	chosen := ColumnName
	for _, name := range strings.Split(value, ",") {
		if name == "name" || name == "" {
			continue
		}
		found := false
		for _, c := range AccountColumnNames {
			if c.Name == name {
				chosen, found = chosen|c.Column, true
			}
		}
		if !found {
			reason = "columns are created, last, visits, primary and users"
		}
	}
	if chosen == ColumnName && reason != "" {
		return reason
	}
	if q.Columns = chosen; chosen == UsualColumns {
		q.Columns = 0
	}
	return reason
}

// Encode writes the query as the part of an address behind the question mark,
// "" for the list as it opens. The same view always gives the same text.
func (q AccountQuery) Encode() string {
	var b strings.Builder
	for _, p := range q.Parameters() {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p[0])
		b.WriteByte('=')
		if p[0] == "q" || p[0] == "page" || p[0] == "in" {
			b.WriteString(url.QueryEscape(p[1]))
		} else {
			b.WriteString(p[1]) // of our own making: letters, digits, and - . ,
		}
	}
	return b.String()
}

// Parameters lists names and values of the query, in the order of Encode.
func (q AccountQuery) Parameters() (list [][2]string) {
	add := func(name, value string) {
		if value != "" {
			list = append(list, [2]string{name, value})
		}
	}
	days := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n) + "d"
	}
	choice := func(b *bool, yes, no string) string {
		switch {
		case b == nil:
			return ""
		case *b:
			return yes
		}
		return no
	}
	add("q", q.Query)
	if q.HasCreated {
		from, to := "", ""
		if q.CreatedFrom > FirstDay {
			from = q.CreatedFrom.String()
		}
		if q.CreatedTo < LastDay {
			to = q.CreatedTo.String()
		}
		add("created", from+".."+to)
	} else {
		add("created", days(q.CreatedDays))
	}
	add("active", days(q.ActiveDays))
	add("dormant", days(q.DormantDays))
	add("domain", choice(q.CompanyDomain, "company", "personal"))
	add("reseller", choice(q.Reseller, "yes", "no"))
	add("parent", choice(q.HasParent, "yes", "no"))
	add("in", q.ParentID)
	if q.Sort != "" {
		sort := string(q.Sort)
		if !q.Asc {
			sort = "-" + sort
		}
		if sort != "-created" {
			add("sort", sort)
		}
	}
	if q.Columns != 0 && q.Columns != UsualColumns {
		var cols []string
		for _, c := range AccountColumnNames {
			if q.Columns.Has(c.Column) {
				cols = append(cols, c.Name)
			}
		}
		if len(cols) == 0 {
			cols = []string{"name"}
		}
		add("cols", strings.Join(cols, ","))
	}
	add("page", q.Page)
	return list
}

// Unfiltered leaves of the query the search, the order and the columns.
func (q AccountQuery) Unfiltered() AccountQuery {
	return AccountQuery{AccountFilter: AccountFilter{Query: q.Query, Sort: q.Sort, Asc: q.Asc}, Columns: q.Columns}
}

// Filters is how many filters are in force, the search not counted.
func (q AccountQuery) Filters() (n int) {
	for _, set := range []bool{q.CreatedDays > 0 || q.HasCreated, q.ActiveDays > 0, q.DormantDays > 0,
		q.CompanyDomain != nil, q.Reseller != nil, q.HasParent != nil, q.ParentID != ""} {
		if set {
			n++
		}
	}
	return n
}
