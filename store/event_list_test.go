package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

func TestEventsArePagedNewestFirst(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		for i := range 130 {
			clock.Add(time.Minute)
			create(t, s, fmt.Sprintf("Account %d", i), fmt.Sprintf("acc-%03d", i), "")
		}
		var seen []int64
		cursor, pages := "", 0
		var prev string
		for {
			page, err := s.Events(ctx, backoffice.EventFilter{}, cursor, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Rows {
				seen = append(seen, e.Key)
			}
			pages++
			if pages == 2 {
				prev = page.Prev
			}
			if pages == 1 && page.Prev != "" {
				t.Error("the first page has newer ones")
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if len(seen) != 130 || pages != 3 {
			t.Fatalf("%d entries on %d pages", len(seen), pages)
		}
		for i, k := range seen {
			if k != int64(130-i) {
				t.Fatalf("entry %d at place %d", k, i)
			}
		}
		back, err := s.Events(ctx, backoffice.EventFilter{}, prev, 0)
		if err != nil || len(back.Rows) != 50 || back.Rows[0].Key != 130 || back.Prev != "" || back.Next == "" {
			t.Errorf("back to the first page: %d rows, %v", len(back.Rows), err)
		}
		// A cursor belongs to its filter.
		other, err := s.Events(ctx, backoffice.EventFilter{Action: "account."}, prev, 0)
		if err != nil || len(other.Rows) != 50 || other.Rows[0].Key != 130 || other.Prev != "" {
			t.Errorf("a cursor of another list: %v, %v", other.Rows[0].Key, err)
		}
		n := 0
		if err := s.EachEvent(ctx, backoffice.EventFilter{}, func(backoffice.EventRow) error { n++; return nil }); err != nil || n != 130 {
			t.Errorf("each: %d, %v", n, err)
		}
	})
}

func TestEventsAreFoundAndFiltered(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		create(t, s, "Nord Textiles", "nord", "")
		clock.Add(24 * time.Hour)
		kofi := backoffice.Actor{Kind: backoffice.ActorStaff, ID: "staff-kofi", Name: "Kofi Novák", Role: backoffice.Manager}
		if _, err := s.CreateAccount(ctx, kofi, backoffice.NewAccount{Name: "Harbor 100%_", ID: "harbor"}); err != nil {
			t.Fatal(err)
		}
		if err := s.SavePolicy(ctx, kofi, "nord", backoffice.PolicyRules{History: backoffice.Some(4)}, 0); err != nil {
			t.Fatal(err)
		}
		deletion, err := s.DeleteAccount(ctx, actor, "harbor", "Harbor 100%_", false)
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			f    backoffice.EventFilter
			want int
		}{
			"all":               {backoffice.EventFilter{}, 4},
			"actor, folded":     {backoffice.EventFilter{Query: "KOFI novak"}, 2},
			"object":            {backoffice.EventFilter{Query: "textil"}, 2},
			"object's ID":       {backoffice.EventFilter{Query: "harbor"}, 2},
			"no pattern":        {backoffice.EventFilter{Query: "100%_"}, 2},
			"no wildcard":       {backoffice.EventFilter{Query: "1%0"}, 0},
			"action as text":    {backoffice.EventFilter{Query: "account.deleted"}, 1},
			"action":            {backoffice.EventFilter{Action: "account.created"}, 2},
			"kind of action":    {backoffice.EventFilter{Action: "account."}, 3},
			"no such action":    {backoffice.EventFilter{Action: "acc"}, 0},
			"who":               {backoffice.EventFilter{ActorID: "staff-kofi"}, 2},
			"account":           {backoffice.EventFilter{Account: "nord"}, 2},
			"account in bin":    {backoffice.EventFilter{Account: "harbor"}, 2},
			"no such account":   {backoffice.EventFilter{Account: "nobody"}, 0},
			"from":              {backoffice.EventFilter{From: storetest.Now.Add(time.Hour)}, 3},
			"to":                {backoffice.EventFilter{To: storetest.Now.Add(time.Hour)}, 1},
			"together":          {backoffice.EventFilter{Account: "nord", ActorID: "staff-kofi", Action: "policy.", From: storetest.Now}, 1},
			"injection is text": {backoffice.EventFilter{Query: "' OR 1=1 --", Action: "x' OR '1'='1"}, 0},
		} {
			page, err := s.Events(ctx, c.f, "", 0)
			if err != nil || len(page.Rows) != c.want {
				t.Errorf("%s: %d rows, want %d, %v", name, len(page.Rows), c.want, err)
			}
		}
		page, _ := s.Events(ctx, backoffice.EventFilter{Query: "harbor"}, "", 0)
		if e := page.Rows[0]; e.Exists || !e.Undoable || e.Undo != deletion || e.AccountID != "harbor" {
			t.Errorf("a deletion: %+v", e)
		}
		if _, err := s.Restore(ctx, actor, deletion); err != nil {
			t.Fatal(err)
		}
		one, err := s.Event(ctx, page.Rows[0].ID)
		if err != nil || one.Undoable || !one.Exists {
			t.Errorf("after the restoration: %+v, %v", one, err)
		}
		if _, err := s.Event(ctx, "nothing"); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("no such entry: %v", err)
		}
		actors, err := s.EventActors(ctx)
		if err != nil || len(actors) != 2 || actors[0].Name != "Ada Weber" || actors[1].Name != "Kofi Novák" {
			t.Errorf("actors: %+v, %v", actors, err)
		}
	})
}

func TestTrailCheckIsNoted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		if _, ok, err := s.LastTrailCheck(ctx); ok || err != nil {
			t.Fatalf("before any: %v %v", ok, err)
		}
		if actors, err := s.EventActors(ctx); err != nil || len(actors) != 0 {
			t.Fatalf("actors of an empty trail: %v %v", actors, err)
		}
		create(t, s, "Nord Textiles", "nord", "")
		c, err := s.CheckTrail(ctx)
		if err != nil || c.Broken != 0 || c.Count != 1 {
			t.Fatalf("%+v, %v", c, err)
		}
		last, ok, err := s.LastTrailCheck(ctx)
		if err != nil || !ok || last.Count != 1 || !last.At.Equal(c.At) {
			t.Errorf("%+v %v %v", last, ok, err)
		}
	})
}
