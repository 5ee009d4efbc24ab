package store

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
)

// The statements of the accounts list find their rows by an index and sort
// nothing but what an index has found: an order that lost its index would be
// slow on large data alone, where no test looks.
func TestPlansOfTheAccountsList(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, filepath.Join(t.TempDir(), "steward.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.FillDemo(ctx, backoffice.System(), DemoOptions{Accounts: 300, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	yes := true
	some := listCursor{Text: "m", Int: 5, Key: 7}
	now := s.Now()
	for sort, order := range accountOrders {
		index := map[backoffice.AccountSort]string{backoffice.SortName: "accounts_name", backoffice.SortCreated: "accounts_created", backoffice.SortPrimaryUser: "accounts_primary",
			backoffice.SortLastVisit: "engagement_last", backoffice.SortVisits: "engagement_visits", backoffice.SortUsers: "engagement_users"}[sort]
		if index == "" {
			t.Errorf("the order %q has no index in this test", sort)
		}
		for _, asc := range []bool{false, true} {
			for _, c := range []listCursor{{Edge: true}, {Edge: true, Back: true}, some, {Text: "m", Int: 5, Key: 7, Back: true}} {
				f := backoffice.AccountFilter{Sort: sort, Asc: asc}
				name := fmt.Sprintf("%s asc=%v %+v", sort, asc, c)
				place := index
				if !c.Edge && sort != backoffice.SortName {
					place = index + `.*,rowid\)[<>]\(\?,\?\)` // not from the first of the equals on
				}
				holds(t, s, name, planOf(t, s, inOrder, f, accountSource{}, c, now), place, "")
				f.Query = "nord"
				holds(t, s, name+" near", planOf(t, s, nearBy, f, accountSource{hits: hits{match: `"nor" AND "ord"`, n: 5000, all: true}}, c, now), index, "")
				// What is gathered is sorted on purpose.
				holds(t, s, name+" gathered", planOf(t, s, gathered, f, accountSource{gather: true, hits: hits{match: `"nor" AND "ord"`, n: 5, few: true, asked: true}}, c, now), "VIRTUAL TABLE INDEX", "TEMP B-TREE FOR ORDER BY")
			}
		}
		for name, c := range map[string]struct {
			f     backoffice.AccountFilter
			src   accountSource
			index string
		}{
			"created":  {backoffice.AccountFilter{CreatedDays: 7}, accountSource{gather: true}, "accounts_created"},
			"active":   {backoffice.AccountFilter{ActiveDays: 30}, accountSource{gather: true, visits: true}, "engagement_last"},
			"dormant":  {backoffice.AccountFilter{DormantDays: 30}, accountSource{gather: true, visits: true}, "engagement_last"},
			"reseller": {backoffice.AccountFilter{Reseller: &yes}, accountSource{gather: true}, "accounts_reseller"},
			"parent":   {backoffice.AccountFilter{HasParent: &yes}, accountSource{gather: true}, "accounts_parent|accounts_children"},
			"below":    {backoffice.AccountFilter{ParentID: "nord"}, accountSource{gather: true}, "accounts_parent|accounts_children"},
		} {
			c.f.Sort = sort
			holds(t, s, fmt.Sprintf("%s by %s", name, order.column), planOf(t, s, gathered, c.f, c.src, listCursor{Edge: true}, now), c.index, "TEMP B-TREE FOR ORDER BY")
		}
	}
}

// planOf returns how SQLite runs a page's statement.
func planOf(t *testing.T, s *Store, way listWay, f backoffice.AccountFilter, src accountSource, c listCursor, now time.Time) []string {
	t.Helper()
	text, args := s.accountsStatement(way, f, src, c, now)
	rows, err := s.read.Query("EXPLAIN QUERY PLAN "+s.dialect.text(s.accountsText(text)), args...)
	steps, err := collect(rows, err, func(r rowScanner) (step string, err error) {
		var id, parent, unused int
		err = r.Scan(&id, &parent, &unused, &step)
		return
	})
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

var walksTable = regexp.MustCompile(`SCAN (a|e|accounts|engagement)\b`)

// holds compares a plan with what it must use, and what it alone may sort.
func holds(t *testing.T, s *Store, name string, plan []string, index, sorts string) {
	t.Helper()
	text := strings.Join(plan, "\n")
	if !regexp.MustCompile(index).MatchString(text) {
		t.Errorf("%s: not by %s:\n%s", name, index, text)
	}
	for _, step := range plan {
		if strings.Contains(step, "TEMP B-TREE") && (sorts == "" || !strings.Contains(step, sorts) && !strings.Contains(step, "LAST")) {
			t.Errorf("%s: sorts without need:\n%s", name, text)
		}
		if m := walksTable.FindString(step); m != "" && !strings.Contains(step, "USING") {
			t.Errorf("%s: walks a whole table:\n%s", name, text)
		}
	}
}

// What the housekeeping does hourly finds its rows by an index: it holds the only
// writer, and mostly finds nothing.
func TestPlansOfTheHousekeeping(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, filepath.Join(t.TempDir(), "steward.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	texts := slices.Clone(restEnded)
	for _, list := range [][]forgotten{forgetting, forgettingOpenID, forgettingMails} {
		for _, old := range list {
			texts = append(texts, old.text)
		}
	}
	for _, text := range texts {
		args := []any{int64(1)}
		if strings.Contains(text, "$2") {
			args = append(args, int64(2))
		}
		rows, err := s.read.Query("EXPLAIN QUERY PLAN "+s.dialect.text(text), args...)
		steps, err := collect(rows, err, func(r rowScanner) (step string, err error) {
			var id, parent, unused int
			err = r.Scan(&id, &parent, &unused, &step)
			return
		})
		if err != nil {
			t.Fatal(err)
		}
		// Of staff there are a handful.
		if plan := strings.Join(steps, "\n"); strings.Contains(plan, "SCAN") && !regexp.MustCompile(`SCAN (staff_sessions|staff_devices|setup_links)`).MatchString(plan) {
			t.Errorf("%s\nwalks a whole table:\n%s", text, plan)
		}
	}
}

// A part of what is forgotten that fails keeps no other from it.
func TestForgettingGoesOnAfterAFailure(t *testing.T) {
	ctx := context.Background()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	s, err := Open(ctx, filepath.Join(t.TempDir(), "steward.db"), Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, text := range []string{
		`CREATE TRIGGER broken BEFORE DELETE ON sign_in_attempts BEGIN SELECT RAISE(ABORT, 'broken'); END`,
		`INSERT INTO sign_in_attempts (subject, network, at) VALUES ('s', 'n', 1)`,
		`INSERT INTO openid_revoked_tokens (token_hash, expires_at) VALUES (x'00', 1)`,
		`INSERT INTO mails (id, kind, email, state, created_at, next_at, done_at) VALUES ('m', 'invitation', 'uma@nord.example', 'sent', 1, 1, 1)`,
	} {
		if err := s.update(ctx, backoffice.System(), func(t *tx) error {
			_, err := t.exec(text)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Forget(ctx); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Fatal(err)
	}
	var attempts, tokens, mails int
	if err := s.read.QueryRow(`SELECT (SELECT COUNT(*) FROM sign_in_attempts), (SELECT COUNT(*) FROM openid_revoked_tokens), (SELECT COUNT(*) FROM mails)`).Scan(&attempts, &tokens, &mails); err != nil || attempts != 1 || tokens+mails != 0 {
		t.Fatalf("%d attempts, %d tokens, %d mails left: %v", attempts, tokens, mails, err)
	}
}
