package store_test

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

func exported(t *testing.T, s *store.Store, kind backoffice.ImportKind, f backoffice.AccountFilter) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.Export(ctx, &b, kind, f); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What is exported and imported elsewhere is the same; imported where it came
// from, it changes nothing.
func TestAttack_T81_ExportRoundTrip(t *testing.T) {
	kinds := []backoffice.ImportKind{backoffice.ImportAccounts, backoffice.ImportUsers, backoffice.ImportVisits}
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		want := readExpected(t, "testdata/customers")
		apply(t, s, plan(t, s, folder(t, "testdata/customers")))
		for i, name := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "＝1", "'=1", "''=1", "'s-Hertogenbosch", "a,b", `a"b`, " ＠x"} {
			create(t, s, name, "odd-"+string(rune('a'+i)), "")
		}
		files := map[backoffice.ImportKind]string{}
		for _, k := range kinds {
			files[k] = exported(t, s, k, backoffice.AccountFilter{})
			rows, err := csv.NewReader(strings.NewReader(files[k])).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range rows {
				for _, cell := range row {
					if strings.HasPrefix(cell, "=") || strings.HasPrefix(cell, "+") || strings.HasPrefix(cell, "-") || strings.HasPrefix(cell, "@") || strings.HasPrefix(cell, "＝") {
						t.Errorf("%s: the cell %q would be run", k, cell)
					}
				}
			}
		}
		again := imported(t, s, files[backoffice.ImportAccounts], files[backoffice.ImportUsers], files[backoffice.ImportVisits])
		if again.RowsTotal != 0 || again.Counts.RefusedRows() != 0 || again.Counts.Visits.Unchanged != want.Visits {
			t.Errorf("imported where it came from: %+v", again.Counts)
		}
		other := storetest.Open(t, storetest.SQLite(t), clock)
		imported(t, other, files[backoffice.ImportAccounts], files[backoffice.ImportUsers], files[backoffice.ImportVisits])
		for _, k := range kinds {
			a, b := sortedLines(files[k]), sortedLines(exported(t, other, k, backoffice.AccountFilter{}))
			if a != b {
				t.Errorf("%s differ after a round trip", k)
			}
		}
		mine, _ := s.KPIs(ctx)
		theirs, _ := other.KPIs(ctx)
		if mine.Now != theirs.Now || mine.Previous != theirs.Previous {
			t.Errorf("figures %+v, there %+v", mine.Now, theirs.Now)
		}
		yes := true
		n, err := s.CountAccounts(ctx, backoffice.AccountFilter{CompanyDomain: &yes})
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(exported(t, s, backoffice.ImportAccounts, backoffice.AccountFilter{CompanyDomain: &yes}), "\n"); int64(lines) != n+1 {
			t.Errorf("%d lines for %d accounts", lines, n)
		}
		top := want.Top[0][0].(string)
		for line := range strings.SplitSeq(strings.TrimSpace(exported(t, s, backoffice.ImportVisits, backoffice.AccountFilter{Query: top})), "\n") {
			if !strings.HasPrefix(line, top+",") && !strings.HasPrefix(line, "account_id,") {
				t.Fatalf("filtered visits hold %s", line)
			}
		}
	})
}

func sortedLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
