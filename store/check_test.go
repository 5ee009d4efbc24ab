package store_test

import (
	"strings"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

func findings(t *testing.T, s *store.Store) (out []string) {
	t.Helper()
	_, err := s.Check(ctx, func(f store.Finding) {
		if f.Next == "" {
			t.Errorf("%s: says not what to do", f.What)
		}
		out = append(out, f.What+": "+f.Detail)
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCheckFinds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		create(t, s, "Nord Textiles", "nord", "hana@nord.example")
		create(t, s, "Süd Logistik", "sued", "uma@gmail.com")
		create(t, s, "Harbor", "harbor", "")
		now := clock.Now()
		for back := range 40 {
			if _, err := s.RecordVisits(ctx, actor, []backoffice.Visit{{AccountID: "nord", Email: "hana@nord.example", At: now.Add(-time.Duration(back) * 24 * time.Hour)}}); err != nil {
				t.Fatal(err)
			}
		}
		if got := findings(t, s); len(got) > 0 {
			t.Fatalf("findings on good data: %q", got)
		}
		tests := []struct{ engine, do, undo, want string }{
			{"", `UPDATE kpi_totals SET accounts = accounts + 1`, `UPDATE kpi_totals SET accounts = accounts - 1`, "figures: accounts is 4, and should be 3"},
			{"", `UPDATE kpi_totals SET users = 7`, `UPDATE kpi_totals SET users = 2`, "figures: users"},
			{"", `UPDATE kpi_hours SET company = company + 1`, `UPDATE kpi_hours SET company = company - 1`, "figures by hour"},
			{"", `INSERT INTO kpi_hours (hour, accounts) VALUES (77, 1)`, `DELETE FROM kpi_hours WHERE hour = 77`, "figures by hour"},
			{"", `UPDATE kpi_days SET active_step = active_step + 1`, `UPDATE kpi_days SET active_step = active_step - 1`, "active accounts by day"},
			{"", `UPDATE engagement SET users = users + 1 WHERE account_key = 1`, `UPDATE engagement SET users = users - 1 WHERE account_key = 1`, "engagement: users of account nord"},
			{"", `UPDATE engagement SET visits = visits + 1 WHERE account_key = 1`, `UPDATE engagement SET visits = visits - 1 WHERE account_key = 1`, "engagement: visits of account nord is 41, and should be 40"},
			{"", `UPDATE engagement SET last_visit_at = last_visit_at + 1 WHERE account_key = 1`, `UPDATE engagement SET last_visit_at = last_visit_at - 1 WHERE account_key = 1`, "engagement: last visit"},
			{"", `UPDATE engagement SET recent_day = recent_day + 1 WHERE account_key = 1`, `UPDATE engagement SET recent_day = recent_day - 1 WHERE account_key = 1`, "the bars"},
			{"", `UPDATE memberships SET visits = 3 WHERE account_key = 1`, `UPDATE memberships SET visits = 40 WHERE account_key = 1`, "membership visits"},
			{"", `UPDATE memberships SET counted_at = counted_at + 1 WHERE account_key = 1`, `UPDATE memberships SET counted_at = counted_at - 1 WHERE account_key = 1`, "membership counting"},
			{"", `UPDATE accounts SET company_domain = FALSE WHERE id = 'nord'`, `UPDATE accounts SET company_domain = TRUE WHERE id = 'nord'`, "company domains"},
			{"", `UPDATE accounts SET search = 'other' WHERE id = 'nord'`, `UPDATE accounts SET search = name_sort || chr || 'nord' WHERE id = 'nord'`, "search text: account nord"},
			{"", `UPDATE accounts SET primary_email = 'x@y.example' WHERE id = 'nord'`, `UPDATE accounts SET primary_email = 'hana@nord.example' WHERE id = 'nord'`, "primary users: account nord"},
			{"", `UPDATE accounts SET path = '1/' WHERE key = 1`, `UPDATE accounts SET path = '' WHERE key = 1`, "hierarchy: the path of account"},
			{"", `UPDATE accounts SET has_policy = TRUE WHERE key = 1`, `UPDATE accounts SET has_policy = FALSE WHERE key = 1`, "hierarchy: account"},
			{"", `UPDATE accounts SET metadata = '{' WHERE id = 'nord'`, `UPDATE accounts SET metadata = '{}' WHERE id = 'nord'`, "metadata: account nord"},
			{"", `INSERT INTO visits (account_key, day, user_key) VALUES (99, 1, 1)`, `DELETE FROM visits WHERE account_key = 99`, "visits: a visit names the account with key 99"},
			{"", `INSERT INTO visits (account_key, day, user_key) VALUES (1, 1, 99)`, `DELETE FROM visits WHERE user_key = 99`, "visits without user is 1"},
			{"", `INSERT INTO policies (account_key, version) VALUES (99, 1)`, `DELETE FROM policies WHERE account_key = 99`, "security policies"},
			{"sqlite", `DELETE FROM accounts_fts WHERE rowid = (SELECT place << 31 | key FROM accounts WHERE key = 2)`, `INSERT INTO accounts_fts (rowid, search) SELECT place << 31 | key, search || char(10) || char(10) FROM accounts WHERE key = 2`, "search: the account with key 2 is not found"},
			{"sqlite", `INSERT INTO accounts_fts (rowid, search) VALUES (77, 'zzz')`, `DELETE FROM accounts_fts WHERE rowid = 77`, "search: the account with key 77 is still"},
			{"", `UPDATE event_head SET key = key + 1`, `UPDATE event_head SET key = key - 1`, "audit trail"},
		}
		for _, test := range tests {
			if test.engine != "" && test.engine != s.Engine() {
				continue
			}
			lineBreak := map[string]string{"sqlite": "|| char(10) ||", "postgres": "|| chr(10) ||"}[s.Engine()]
			if n, err := s.Tamper(test.do); err != nil || n == 0 {
				t.Fatalf("%s: %d rows, %v", test.do, n, err)
			}
			got := strings.Join(findings(t, s), "\n")
			if !strings.Contains(got, test.want) {
				t.Errorf("%s\nfound %q\nwant %q", test.do, got, test.want)
			}
			if _, err := s.Tamper(strings.ReplaceAll(test.undo, "|| chr ||", lineBreak)); err != nil {
				t.Fatalf("%s: %v", test.undo, err)
			}
			if got := findings(t, s); len(got) > 0 {
				t.Fatalf("after %s: %q", test.undo, got)
			}
		}
	})
}

// The search's index is compared by its content too: a text that was indexed
// under another name is found.
func TestCheckReadsTheSearchIndex(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t), storetest.NewClock())
	create(t, s, "Nord", "nord", "")
	for _, text := range []string{`DELETE FROM accounts_fts`, `INSERT INTO accounts_fts (rowid, search) SELECT place << 31 | key, 'other' FROM accounts`} {
		if _, err := s.Tamper(text); err != nil {
			t.Fatal(err)
		}
	}
	got := strings.Join(findings(t, s), "\n")
	if !strings.Contains(got, `search: "oth" is found in 1 accounts, and stands in 0`) || !strings.Contains(got, `"nor" is found nowhere`) {
		t.Errorf("found %s", got)
	}
}
