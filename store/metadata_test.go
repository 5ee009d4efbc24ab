package store_test

import (
	"errors"
	"strings"
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

func TestSetMetadata(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		a := create(t, s, "Nord Textiles", "nord", "")
		set := func(text, base string, version int64) error {
			return s.SetMetadata(ctx, actor, "nord", store.MetadataEdit{Text: text, Base: base, Version: version})
		}
		first := `{"plan":"team","seats":143,"odd":1e999,"nul":"\u0000","lone":"\ud800","__proto__":{"x":"</script>"}}`
		if err := set(first, "{}", a.MetadataVersion); err != nil {
			t.Fatal(err)
		}
		a, _ = s.Account(ctx, "nord")
		if a.Metadata != first || a.MetadataVersion != 2 || a.Version != 1 {
			t.Errorf("stored %s, versions %d %d", a.Metadata, a.MetadataVersion, a.Version)
		}
		if err := set(`{"plan":"pro","seats":143,"crm":{}}`, first, 2); err != nil {
			t.Fatal(err)
		}
		var conflict *store.MetadataConflict
		err := set(`{"plan":"enterprise","seats":144}`, first, 2)
		if !errors.As(err, &conflict) || !errors.Is(err, backoffice.ErrConflict) {
			t.Fatalf("an old version: %v", err)
		}
		if conflict.Version != 3 || conflict.Base.String() != first || conflict.Theirs.String() != `{"plan":"pro","seats":143,"crm":{}}` || len(conflict.Changes()) < 3 {
			t.Errorf("conflict: %+v", conflict)
		}
		var problems backoffice.Problems
		if err := set(`{"a":"`+strings.Repeat("x", 17<<10)+`"}`, "", 3); !errors.As(err, &problems) || problems["metadata"] != "Metadata has at most 16 KiB." {
			t.Errorf("too large: %v", err)
		}
		if err := set(`[1]`, "", 3); !errors.As(err, &problems) {
			t.Errorf("no object: %v", err)
		}
		if err := s.SetMetadata(ctx, actor, "nobody", store.MetadataEdit{Text: "{}"}); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("no account: %v", err)
		}
		page, err := s.Events(ctx, backoffice.EventFilter{Action: "account.metadata-changed"}, "", 0)
		if err != nil || len(page.Rows) != 2 {
			t.Fatalf("events: %d, %v", len(page.Rows), err)
		}
		changes := page.Rows[0].Changes()
		texts := map[string]string{}
		for _, c := range changes {
			texts[c.Field] = c.Kind + " " + c.Before + " > " + c.After
		}
		if len(changes) != 6 || texts["plan"] != `changed "team" > "pro"` || texts["crm"] != `added  > {}` || texts["odd"] != `removed 1e999 > ` {
			t.Errorf("changes: %q", texts)
		}
		agree(t, s)
	})
}
