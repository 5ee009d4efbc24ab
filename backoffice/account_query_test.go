package backoffice

import (
	"net/url"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func drawQuery(t *rapid.T) AccountQuery {
	var q AccountQuery
	days := rapid.OneOf(rapid.Just(0), rapid.IntRange(1, MaxFilterDays))
	choice := func(name string) *bool {
		switch rapid.IntRange(0, 2).Draw(t, name) {
		case 1:
			b := true
			return &b
		case 2:
			b := false
			return &b
		}
		return nil
	}
	q.Query = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, rapid.StringN(0, MaxQuery, -1).Draw(t, "q"))
	if strings.TrimSpace(q.Query) == "" {
		q.Query = ""
	}
	if q.CreatedDays = days.Draw(t, "created"); q.CreatedDays == 0 && rapid.Bool().Draw(t, "range") {
		day := rapid.OneOf(rapid.Just(FirstDay), rapid.Just(LastDay), rapid.Map(rapid.IntRange(0, 40000), func(n int) Day { return Day(n) }))
		a, b := day.Draw(t, "from"), day.Draw(t, "to")
		if a <= b && (a != FirstDay || b != LastDay) && a != LastDay && b != FirstDay {
			q.HasCreated, q.CreatedFrom, q.CreatedTo = true, a, b
		}
	}
	q.ActiveDays, q.DormantDays = days.Draw(t, "active"), days.Draw(t, "dormant")
	q.CompanyDomain, q.Reseller, q.HasParent = choice("domain"), choice("reseller"), choice("parent")
	q.ParentID = rapid.StringMatching(`([A-Za-z0-9][A-Za-z0-9._:@-]{0,20})?`).Filter(func(s string) bool { return s != "new" }).Draw(t, "in")
	q.Sort = rapid.SampledFrom(append([]AccountSort{""}, accountSorts...)).Draw(t, "sort")
	if q.Sort != "" {
		q.Asc = rapid.Bool().Draw(t, "asc") || q.Sort == SortCreated
	}
	if cols := AccountColumns(rapid.IntRange(0, 31).Draw(t, "cols"))<<1 | ColumnName; rapid.Bool().Draw(t, "columns") && cols != UsualColumns {
		q.Columns = cols
	}
	q.Page = rapid.StringMatching(`[A-Za-z0-9_-]{0,40}`).Draw(t, "page")
	return q
}

func TestAccountQueryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := drawQuery(t)
		text := q.Encode()
		v, err := url.ParseQuery(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		got, ignored := ParseAccountQuery(v)
		if len(ignored) > 0 {
			t.Fatalf("%q: ignored %+v", text, ignored)
		}
		if got.Encode() != text {
			t.Fatalf("%q was read as %q", text, got.Encode())
		}
		for _, c := range []struct{ a, b *bool }{{q.CompanyDomain, got.CompanyDomain}, {q.Reseller, got.Reseller}, {q.HasParent, got.HasParent}} {
			if (c.a == nil) != (c.b == nil) || c.a != nil && *c.a != *c.b {
				t.Fatalf("%q: a choice was lost", text)
			}
		}
		got.CompanyDomain, got.Reseller, got.HasParent = q.CompanyDomain, q.Reseller, q.HasParent
		if got != q {
			t.Fatalf("%q\n%+v\n%+v", text, q, got)
		}
	})
}

func TestAccountQueryNeverFails(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := url.Values{}
		for range rapid.IntRange(0, 6).Draw(t, "n") {
			name := rapid.OneOf(rapid.SampledFrom([]string{"q", "created", "created_from", "created_to", "active", "sort", "cols", "in", "page", "reseller"}), rapid.String()).Draw(t, "name")
			v.Add(name, rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"7d", "..", "2026-01-01..", "-name", "created,last", "yes"})).Draw(t, "value"))
		}
		q, _ := ParseAccountQuery(v)
		again, err := url.ParseQuery(q.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if r, ignored := ParseAccountQuery(again); len(ignored) > 0 || r.Encode() != q.Encode() {
			t.Fatalf("%q became %q, ignored %v", q.Encode(), r.Encode(), ignored)
		}
	})
}

func TestAccountQuery(t *testing.T) {
	for _, c := range []struct{ in, out, ignored string }{
		{"", "", ""},
		{"created=7d", "created=7d", ""},
		{"sort=-created", "", ""},
		{"sort=created", "sort=created", ""},
		{"sort=-users", "sort=-users", ""},
		{"domain=company&active=30d", "active=30d&domain=company", ""},
		{"created_from=2026-01-01&created_to=2026-03-31", "created=2026-01-01..2026-03-31", ""},
		{"created=range&created_from=2026-01-01&created_to=", "created=2026-01-01..", ""},
		{"created=30d&created_from=2026-01-01", "created=30d", ""},
		{"created=..2026-03-31", "created=..2026-03-31", ""},
		{"created=2026-03-31..2026-01-01", "", "created"},
		{"created=2026-02-30..", "", "created"},
		{"created=7", "", "created"},
		{"created=07d", "", "created"},
		{"active=-1d", "", "active"},
		{"active=3651d", "", "active"},
		{"q=+++", "", ""},
		{"q=%00a", "q=+a", ""},
		{"q=100%25+%22x%22", "q=100%25+%22x%22", ""},
		{"colour=red", "", "colour"},
		{"reseller=yes&reseller=no", "reseller=yes", "reseller"},
		{"cols=created&cols=users&cols=", "cols=created,users", ""},
		{"cols=name", "cols=name", ""},
		{"cols=created,last,visits,primary", "", ""},
		{"cols=created,shoes", "cols=created", "cols"},
		{"in=new", "", "in"},
		{"in=nord:1@x", "in=nord%3A1%40x", ""},
		{"sort=name;drop", "", "sort"},
	} {
		v, err := url.ParseQuery(strings.ReplaceAll(c.in, ";", "%3B"))
		if err != nil {
			t.Fatal(err)
		}
		q, ignored := ParseAccountQuery(v)
		name := ""
		if len(ignored) > 0 {
			name = ignored[0].Name
		}
		if q.Encode() != c.out || name != c.ignored {
			t.Errorf("%q: %q, ignored %q; want %q, %q", c.in, q.Encode(), name, c.out, c.ignored)
		}
	}
	q := AccountQuery{AccountFilter: AccountFilter{Sort: SortUsers}}
	if !q.Shown().Has(ColumnUsers) || (AccountQuery{}).Shown().Has(ColumnUsers) {
		t.Error("the Users column belongs to the order by users")
	}
}
