package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// branch makes a top account with a child and a grandchild under it.
func branch(t *testing.T, s *store.Store, top string) {
	t.Helper()
	create(t, s, strings.ToUpper(top), top, "")
	for _, link := range [][2]string{{top + "-child", top}, {top + "-grandchild", top + "-child"}} {
		create(t, s, link[0], link[0], "")
		if err := s.SetParentForTest(ctx, link[0], link[1]); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDeleteAccounts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		branch(t, s, "a")
		branch(t, s, "b")
		ids := []string{"a", "a-child", "a-grandchild", "b", "b-child", "gone"}
		c, err := s.DeletionsConsequences(ctx, ids)
		if err != nil || c.Going != 3 || len(c.Staying) != 2 {
			t.Fatalf("consequences: %+v, %v", c, err)
		}
		deletion, results, err := s.DeleteAccounts(ctx, actor, ids)
		if err != nil {
			t.Fatal(err)
		}
		refused := map[string]string{}
		for _, r := range results {
			refused[r.ID] = r.Refused
		}
		if len(results) != 6 || refused["a"] != "" || refused["a-grandchild"] != "" || refused["b"] == "" || refused["b-child"] == "" || refused["gone"] == "" {
			t.Errorf("results: %+v", results)
		}
		agree(t, s)
		restored, err := s.Restore(ctx, actor, deletion)
		if err != nil || len(restored) != 3 {
			t.Errorf("restored: %v, %v", restored, err)
		}
		agree(t, s)

		// Thousands go in several units of work, and come back as one.
		ids = ids[:0]
		for i := range 250 {
			id := fmt.Sprintf("many-%03d", i)
			create(t, s, id, id, "")
			ids = append(ids, id)
		}
		deletion, results, err = s.DeleteAccounts(ctx, actor, ids)
		if err != nil || len(results) != 250 {
			t.Fatalf("%d results, %v", len(results), err)
		}
		agree(t, s)
		if restored, err := s.Restore(ctx, actor, deletion); err != nil || len(restored) != 250 {
			t.Errorf("restored: %d, %v", len(restored), err)
		}
		agree(t, s)
	})
}

func TestSetMetadataKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		create(t, s, "Nord", "nord", "")
		create(t, s, "Full", "full", "")
		big := `{"fill":"` + strings.Repeat("x", backoffice.MaxMetadataBytes-20) + `"}`
		if err := s.SetMetadata(ctx, actor, "full", store.MetadataEdit{Text: big, Version: 1}); err != nil {
			t.Fatal(err)
		}
		var p backoffice.Problems
		if _, _, err := s.SetMetadataKey(ctx, actor, []string{"nord"}, "", `1`); !errors.As(err, &p) || p["key"] == "" {
			t.Errorf("no key: %v", err)
		}
		if _, _, err := s.SetMetadataKey(ctx, actor, []string{"nord"}, "plan", `{`); !errors.As(err, &p) || p["value"] == "" {
			t.Errorf("no JSON: %v", err)
		}
		_, results, err := s.SetMetadataKey(ctx, actor, []string{"nord", "full", "gone"}, "plan", `{ "tier": "team" }`)
		if err != nil || len(results) != 3 || results[0].Refused != "" || results[1].Refused == "" || results[2].Refused == "" {
			t.Fatalf("%+v, %v", results, err)
		}
		a, _ := s.Account(ctx, "nord")
		if a.Metadata != `{"plan":{"tier":"team"}}` || a.MetadataVersion != 2 {
			t.Errorf("metadata %s, version %d", a.Metadata, a.MetadataVersion)
		}
		if _, _, err := s.SetMetadataKey(ctx, actor, []string{"nord"}, "plan", ""); err != nil {
			t.Fatal(err)
		}
		if a, _ = s.Account(ctx, "nord"); a.Metadata != `{}` {
			t.Errorf("the key stays: %s", a.Metadata)
		}
		agree(t, s)
	})
}
