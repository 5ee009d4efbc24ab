package backoffice

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// UserQuery is what the address of the list of users says: which users, in
// which order, and the page. Its written form is Encode; ParseUserQuery is the
// inverse.
type UserQuery struct {
	UserFilter
	Page string // a cursor, "last", or "" for the first page
}

// userSorts are the orders that an address may ask for.
var userSorts = []UserSort{UsersByName, UsersByCreated, UsersByAccounts, UsersByVerified, UsersByMFA, UsersByLastVisit, UsersByVisits}

// Statuses are the four statuses in the order in which forms offer them.
func Statuses() []MembershipStatus {
	return []MembershipStatus{Activated, Invited, PendingLogin, NotActive}
}

// ParseUserQuery reads an address:
//
//	q=ana             part of a name or e-mail, or the beginning of an ID
//	status=activated  or invited, pending, inactive: of one of the memberships
//	account=ID        in this account
//	role=ID           with this role
//	application=ID    with this application
//	mfa=yes           or no
//	verified=yes      or no
//	locked=yes        or no
//	created=7d        created in the last 7×24 hours
//	active=30d        a visit on one of the last 30 UTC days
//	dormant=90d       none on any of the last 90
//	without=a.example,b.example  users with addresses there are left out
//	sort=name         ascending; sort=-created descending; by name, created,
//	                  accounts, verified, mfa, last, visits
//	page=…            a cursor
//
// What is unknown or malformed is left out and returned as ignored.
func ParseUserQuery(v url.Values) (q UserQuery, ignored []IgnoredParameter) {
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		value := ""
		for _, s := range v[name] {
			switch {
			case s == "":
			case value == "":
				value = s
			case s != value && len(ignored) < maxNotes:
				ignored = append(ignored, IgnoredParameter{name, s, "it stands there twice, and only the first one counts"})
			}
		}
		if value == "" {
			continue
		}
		if reason := q.set(name, value); reason != "" && len(ignored) < maxNotes {
			ignored = append(ignored, IgnoredParameter{name, value, reason})
		}
	}
	return q, ignored
}

// set takes one parameter, or says why not.
func (q *UserQuery) set(name, value string) (reason string) {
	switch name {
	case "q":
		q.Query, reason = cleanQuery(value)
	case "status":
		if !slices.Contains(Statuses(), MembershipStatus(value)) {
			return "write activated, invited, pending or inactive"
		}
		q.Status = MembershipStatus(value)
	case "account":
		if CheckAccountID(value) != nil {
			return "it is no account ID"
		}
		q.AccountID = value
	case "role":
		if !ValidRoleKey(value) {
			return "it is no role"
		}
		q.RoleID = value
	case "application":
		if !ValidRoleKey(value) { // an ID is as plain as a key
			return "it is no application"
		}
		q.ApplicationID = value
	case "mfa":
		return setChoice(&q.MFA, value, "yes", "no")
	case "verified":
		return setChoice(&q.Verified, value, "yes", "no")
	case "locked":
		return setChoice(&q.Locked, value, "yes", "no")
	case "created":
		return setDays(&q.CreatedDays, value)
	case "active":
		return setDays(&q.ActiveDays, value)
	case "dormant":
		return setDays(&q.DormantDays, value)
	case "without":
		q.Without, reason = parseDomains(value)
	case "sort":
		column, desc := strings.CutPrefix(value, "-")
		if !slices.Contains(userSorts, UserSort(column)) {
			return "the list is sorted by name, created, accounts, verified, mfa, last or visits"
		}
		if q.Sort, q.Asc = UserSort(column), !desc; q.Sort == UsersByCreated && desc {
			q.Sort = ""
		}
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

// Encode writes the query as the part of an address behind the question mark,
// "" for the list as it opens. The same view always gives the same text.
func (q UserQuery) Encode() string {
	var b strings.Builder
	for _, p := range q.Parameters() {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p[0])
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(p[1]))
	}
	return b.String()
}

// Parameters lists names and values of the query, in the order of Encode.
func (q UserQuery) Parameters() (list [][2]string) {
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
	choice := func(b *bool) string {
		switch {
		case b == nil:
			return ""
		case *b:
			return "yes"
		}
		return "no"
	}
	add("q", q.Query)
	add("status", string(q.Status))
	add("account", q.AccountID)
	add("role", q.RoleID)
	add("application", q.ApplicationID)
	add("mfa", choice(q.MFA))
	add("verified", choice(q.Verified))
	add("locked", choice(q.Locked))
	add("created", days(q.CreatedDays))
	add("active", days(q.ActiveDays))
	add("dormant", days(q.DormantDays))
	add("without", q.Without)
	if q.Sort != "" {
		sort := string(q.Sort)
		if !q.Asc {
			sort = "-" + sort
		}
		if sort != "-created" {
			add("sort", sort)
		}
	}
	add("page", q.Page)
	return list
}

// Unfiltered leaves of the query the search and the order.
func (q UserQuery) Unfiltered() UserQuery {
	return UserQuery{UserFilter: UserFilter{Query: q.Query, Sort: q.Sort, Asc: q.Asc}}
}

// Filters is how many filters are in force, the search not counted.
func (q UserQuery) Filters() (n int) {
	for _, set := range []bool{q.Status != "", q.AccountID != "", q.RoleID != "", q.ApplicationID != "", q.MFA != nil, q.Verified != nil, q.Locked != nil,
		q.CreatedDays > 0, q.ActiveDays > 0, q.DormantDays > 0, q.Without != ""} {
		if set {
			n++
		}
	}
	return n
}
