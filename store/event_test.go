package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// Purging takes the names and values out of the trail, and the chain still holds;
// taking them out of an account that is there is seen, as is any other change.
func TestTrailTampered(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		create(t, s, "Nord", "nord", "hana@nord.example")
		create(t, s, "Gone", "gone", "uma@gone.example")
		if _, err := s.DeleteAccount(ctx, actor, "gone", "Gone", false); err != nil {
			t.Fatal(err)
		}
		clock.Add(backoffice.BinDays*24*time.Hour - time.Microsecond)
		if n, err := s.Purge(ctx, 10); err != nil || n != 0 {
			t.Fatalf("%d purged before their time, %v", n, err)
		}
		clock.Add(time.Microsecond)
		if n, err := s.Purge(ctx, 10); err != nil || n != 1 {
			t.Fatalf("%d purged, %v", n, err)
		}
		agree(t, s)
		if got := findings(t, s); len(got) > 0 {
			t.Fatalf("findings after a purge: %q", got)
		}
		for table, rows := range storetest.Dump(t, s) {
			for _, r := range rows {
				if table != "users" && (strings.Contains(r, "Gone") || strings.Contains(r, "uma@gone")) {
					t.Errorf("what was purged is still in %s: %s", table, r)
				}
			}
		}
		// The engine itself refuses what a statement would change.
		refused := []string{
			`UPDATE events SET actor_id = 'other' WHERE key = 1`,
			`UPDATE events SET after_data = '{}' WHERE key = 1`,
			`UPDATE events SET at = at + 1, before_data = NULL, after_data = NULL WHERE key = 1`,
			`DELETE FROM events WHERE key = 1`,
		}
		if s.Engine() == "postgres" {
			refused = append(refused, `TRUNCATE events`, `TRUNCATE accounts, events CASCADE`)
		}
		for _, text := range refused {
			if _, err := s.Tamper(text); err == nil {
				t.Errorf("allowed: %s", text)
			}
		}
		// Past the engine's refusal, the chain shows it.
		drop := map[string]string{"sqlite": `DROP TRIGGER events_fixed`, "postgres": `DROP TRIGGER events_kept ON events`}[s.Engine()]
		if _, err := s.Tamper(drop); err != nil {
			t.Fatal(err)
		}
		if s.Engine() == "sqlite" {
			if _, err := s.Tamper(`DROP TRIGGER events_kept`); err != nil {
				t.Fatal(err)
			}
		}
		for _, set := range []string{
			`actor_name = 'Somebody Else'`, `object_name = 'Other'`, `address = '192.0.2.9'`, `actor_id = 'other'`, `action = 'account.deleted'`,
			`at = at + 1`, `object_id = 'other'`, `account_key = NULL`, `undo = 'x'`, `after_data = '{"name":"Other"}'`, `before_data = '{}'`,
			`before_data = NULL, after_data = NULL, actor_name = '', object_name = '', address = '', search = ''`,
		} {
			if broken := tampered(t, s, set, 1); broken != 1 {
				t.Errorf("events set %s: the chain breaks at %d, want 1", set, broken)
			}
		}
	})
}

// tampered changes an entry, asks the chain, and puts the entry back.
func tampered(t *testing.T, s *store.Store, set string, key int64) int64 {
	t.Helper()
	const all = `id, at, actor_kind, actor_id, actor_name, address, action, object_kind, object_id, object_name, account_key, search, before_data, after_data, undo, payload_digest, digest`
	do := func(text string) {
		if _, err := s.Tamper(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	do(fmt.Sprintf(`CREATE TABLE kept AS SELECT key, %s FROM events WHERE key = %d`, all, key))
	do(fmt.Sprintf(`UPDATE events SET %s WHERE key = %d`, set, key))
	broken, _, err := s.VerifyEvents(ctx)
	if err != nil {
		t.Fatal(err)
	}
	do(fmt.Sprintf(`UPDATE events SET (%s) = (SELECT %s FROM kept) WHERE key = %d`, all, all, key))
	do(`DROP TABLE kept`)
	if again, _, err := s.VerifyEvents(ctx); err != nil || again != 0 {
		t.Fatalf("put back, the chain breaks at %d, %v", again, err)
	}
	return broken
}
