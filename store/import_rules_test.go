package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// texts gives files from their contents; an empty one is left out.
func texts(accounts, users, visits string) iter.Seq2[store.ImportFile, error] {
	return func(yield func(store.ImportFile, error) bool) {
		for _, f := range []struct {
			kind backoffice.ImportKind
			text string
		}{{backoffice.ImportAccounts, accounts}, {backoffice.ImportUsers, users}, {backoffice.ImportVisits, visits}} {
			if f.text != "" && !yield(store.ImportFile{Kind: f.kind, Name: "C:\\data\\" + string(f.kind) + ".csv", Reader: strings.NewReader(f.text)}, nil) {
				return
			}
		}
	}
}

func imported(t *testing.T, s *store.Store, accounts, users, visits string) backoffice.ImportRun {
	t.Helper()
	run := apply(t, s, plan(t, s, texts(accounts, users, visits)))
	checked(t, s)
	return run
}

// checked holds every counter to what it counts.
func checked(t *testing.T, s *store.Store) {
	t.Helper()
	agree(t, s)
	if _, err := s.Check(ctx, func(f store.Finding) { t.Errorf("check: %+v", f) }); err != nil {
		t.Fatal(err)
	}
}

func membersOf(t *testing.T, s *store.Store, a backoffice.Account) []backoffice.Member {
	t.Helper()
	page, err := s.Members(ctx, a, backoffice.MemberFilter{})
	if err != nil {
		t.Fatal(err)
	}
	return page.Rows
}

// refusals writes refused rows as "line column", separated by commas.
func refusals(t *testing.T, s *store.Store, run backoffice.ImportRun) string {
	t.Helper()
	list, err := s.ImportRefusals(ctx, run.ID)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range list {
		out = append(out, fmt.Sprintf("%s:%d %s", strings.TrimSuffix(r.File, ".csv"), r.Line, r.Column))
	}
	return strings.Join(out, ", ")
}

func TestImportFormats(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		run := imported(t, s, "\ufeffname,id\r\n\"Two\r\nLines \"\"Ltd\"\"\",a1\r\n\r\n'=Formula,a2\r\n'quoted,a3", "", "")
		for id, want := range map[string]string{"a1": `Two Lines "Ltd"`, "a2": "=Formula", "a3": "'quoted"} {
			if a, err := s.Account(ctx, id); err != nil || a.Name != want || !a.CreatedAt.Equal(clock.Now()) {
				t.Errorf("%s: %q %v %v", id, a.Name, a.CreatedAt, err)
			}
		}
		if run.Files[0].Name != "accounts.csv" || len(run.Files[0].Digest) != 64 {
			t.Errorf("files: %+v", run.Files)
		}
		// Absent columns leave, empty cells clear.
		imported(t, s, "id,website,metadata,is_reseller,primary_user_email\na1,example.com,\"{\"\"a\"\": 1}\",TRUE,ada@a1.example\n", "", "")
		imported(t, s, "id,name\na1,Renamed\n", "", "")
		a, err := s.Account(ctx, "a1")
		if err != nil || a.Name != "Renamed" || a.Website != "https://example.com" || a.Metadata != `{"a":1}` || !a.IsReseller || a.PrimaryEmail != "ada@a1.example" || a.Users != 1 || !a.CompanyDomain {
			t.Errorf("absent columns: %+v %v", a, err)
		}
		imported(t, s, "id,website,metadata,is_reseller,primary_user_email,created_at\na1,,,,,\n", "", "")
		a, _ = s.Account(ctx, "a1")
		if a.Website != "" || a.Metadata != "{}" || a.IsReseller || a.PrimaryEmail != "" || a.PrimaryUserKey != 0 || a.CompanyDomain || a.Users != 1 {
			t.Errorf("empty cells: %+v", a)
		}
		// Users: the first name that is not empty wins; a role is named once.
		imported(t, s, "", "account_id,email,name,roles\na1,Uma@A1.example,,admin; read-only;admin\na2,uma@a1.example,Uma,admin\na3,uma@a1.example,Una,admin\n", "account_id,email,day\na1,UMA@a1.EXAMPLE,2026-11-20\na1,uma@a1.example,2026-11-20\na1,uma@a1.example,2001-02-03\n")
		a, _ = s.Account(ctx, "a1")
		members := membersOf(t, s, a)
		if len(members) != 2 || members[1].Name != "Uma" || strings.Join(members[1].Roles, " ") != "Admin Read only" || members[1].Status != backoffice.Activated || members[1].Visits != 2 || members[0].Status != backoffice.PendingLogin {
			t.Errorf("members: %+v", members)
		}
		// Roles and creation of a member change; without the column they stay.
		run = imported(t, s, "", "account_id,email,roles,created_at\na1,uma@a1.example,read-only,2020-01-01T00:00:00+01:00\n", "")
		again := imported(t, s, "", "account_id,email\na1,uma@a1.example\na1,new@a1.example\n", "")
		members = membersOf(t, s, a)
		if run.Counts.Memberships.Updated != 1 || again.Counts.Memberships != (backoffice.ImportFigures{Created: 1, Unchanged: 1}) ||
			strings.Join(members[2].Roles, " ") != "Read only" || members[2].Since.Format(time.RFC3339) != "2019-12-31T23:00:00Z" || members[1].Roles[0] != "Read only" {
			t.Errorf("members changed: %+v %+v %+v", run.Counts, again.Counts, members)
		}
	})
}

func TestImportHierarchy(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		create(t, s, "There", "there", "")
		var deep strings.Builder
		deep.WriteString("id,name,parent_id\n")
		for i := 40; i > 0; i-- { // children before parents
			fmt.Fprintf(&deep, "d%d,Deep,d%d\n", i, i-1)
		}
		deep.WriteString("d0,Top,\nunder,Under,there\nx,X,y\ny,Y,z\nz,Z,x\nbelow-loop,B,x\nbelow-that,B,below-loop\nself,S,self\nunknown,U,nobody\nunder,Twice,\n")
		run := imported(t, s, deep.String(), "email,account_id,roles\na@b.example,x,admin\na@b.example,below-that,admin\na@b.example,d3,admin\n", "")
		want := "accounts:2 parent_id, accounts:3 parent_id, accounts:4 parent_id, accounts:5 parent_id, accounts:6 parent_id, accounts:7 parent_id, accounts:8 parent_id, accounts:9 parent_id, " +
			"accounts:44 parent_id, accounts:45 parent_id, accounts:46 parent_id, accounts:47 parent_id, accounts:48 parent_id, accounts:49 parent_id, accounts:50 parent_id, accounts:51 id, users:2 account_id, users:3 account_id"
		if got := refusals(t, s, run); got != want {
			t.Errorf("refused\n%s\nwant\n%s", got, want)
		}
		a, err := s.Account(ctx, "d32")
		if err != nil || a.ParentID != "d31" {
			t.Errorf("%+v %v", a, err)
		}
		// Moves of what is there: exchanged, below its own sub-accounts, too deep.
		run = imported(t, s, "id,parent_id\nthere,under\nunder,\nd0,under\nd33,d3\n", "", "")
		if got := refusals(t, s, run); got != "accounts:4 parent_id, accounts:5 name" {
			t.Errorf("refused %s", got)
		}
		a, _ = s.Account(ctx, "there")
		if b, _ := s.Account(ctx, "under"); a.ParentID != "under" || b.ParentID != "" {
			t.Errorf("exchanged: %q %q", a.ParentID, b.ParentID)
		}
		imported(t, s, "id,parent_id\nthere,\n", "", "")
		// What is in the bin is not there.
		if _, err := s.DeleteAccount(ctx, actor, "under", "Under", false); err != nil {
			t.Fatal(err)
		}
		run = imported(t, s, "id,name,parent_id\nunder,U,\nnew-below,U,under\n", "email,account_id\na@b.example,under\n", "account_id,email,day\nunder,a@b.example,2026-11-20\n")
		if got := refusals(t, s, run); got != "accounts:2 id, accounts:3 parent_id, users:2 account_id, visits:2 account_id" {
			t.Errorf("refused %s", got)
		}
	})
}

func TestImportStrictAndStates(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		run, err := s.PlanImport(ctx, actor, true, texts("id,name\na,A\nb,\n", "", ""))
		if err != nil {
			t.Fatal(err)
		}
		var p backoffice.Problems
		if _, err := s.ApplyImport(ctx, actor, run.ID, nil); !errors.As(err, &p) {
			t.Errorf("strict: %v", err)
		}
		if run, _ = s.Import(ctx, run.ID); run.State != backoffice.ImportPlanned {
			t.Errorf("state: %s", run.State)
		}
		if _, err := s.Account(ctx, "a"); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("something was applied: %v", err)
		}
		if _, err := s.UndoImport(ctx, actor, run.ID, nil); !errors.Is(err, backoffice.ErrConflict) {
			t.Errorf("undo of a plan: %v", err)
		}
		if err := s.DiscardImport(ctx, actor, run.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ApplyImport(ctx, actor, run.ID, nil); !errors.Is(err, backoffice.ErrConflict) {
			t.Errorf("a discarded plan: %v", err)
		}
		if _, err := s.ApplyImport(ctx, actor, "no-such", nil); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("an unknown plan: %v", err)
		}
		list, err := s.Imports(ctx, 10)
		if err != nil || len(list) != 0 {
			t.Errorf("imports: %+v %v", list, err)
		}
		// Others were at work between plan and application.
		run = plan(t, s, texts("id,name\na,A\nb,B\nc,C\n", "email,account_id\nx@y.example,a\nx@y.example,b\n", "account_id,email,day\nb,x@y.example,2026-11-20\n"))
		create(t, s, "Other", "a", "")
		create(t, s, "B", "b", "")
		if _, err := s.DeleteAccount(ctx, actor, "b", "B", false); err != nil {
			t.Fatal(err)
		}
		run = apply(t, s, run)
		want := backoffice.ImportCounts{Accounts: backoffice.ImportFigures{Created: 1, Updated: 1, Refused: 1}, Users: backoffice.ImportFigures{Created: 1},
			Memberships: backoffice.ImportFigures{Created: 1, Refused: 1}, Visits: backoffice.ImportFigures{Refused: 1}}
		if fmt.Sprint(run.Counts) != fmt.Sprint(want) {
			t.Errorf("counts %+v", run.Counts)
		}
		checked(t, s)
		events, _, err := s.VerifyEvents(ctx)
		if err != nil || events != 0 {
			t.Error(events, err)
		}
		rows, more, err := s.ImportRows(ctx, run.ID, backoffice.ImportAccounts, "", "· C", 0, 10)
		if err != nil || more || len(rows) != 1 || rows[0].Subject != "C · c" || rows[0].Action != backoffice.ImportCreate {
			t.Errorf("rows: %+v %v %v", rows, more, err)
		}
	})
}

func TestImportUndo(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		create(t, s, "Old", "old", "olga@old.example")
		visits := []backoffice.Visit{{AccountID: "old", Email: "olga@old.example", At: clock.Now().Add(-72 * time.Hour)}}
		if _, err := s.RecordVisits(ctx, actor, visits); err != nil {
			t.Fatal(err)
		}
		before, _ := s.Account(ctx, "old")
		figures, _ := s.KPIs(ctx)
		run := imported(t, s, "id,name,parent_id,metadata,created_at,primary_user_email\nold,New name,top,\"{\"\"x\"\": 1}\",2020-01-01T00:00:00Z,nils@new.example\ntop,Top,,,,\nsub,Sub,top,,,\n",
			"email,name,account_id,roles\nolga@old.example,Olga,old,read-only\numa@new.example,Uma,top,admin\numa@new.example,,sub,admin\n",
			"account_id,email,day\nold,olga@old.example,2026-11-17\nold,olga@old.example,2026-11-18\ntop,uma@new.example,2026-11-01\nsub,uma@new.example,2026-10-01\n")
		if run.Counts.Accounts != (backoffice.ImportFigures{Created: 2, Updated: 1}) || run.Counts.Visits != (backoffice.ImportFigures{Created: 3, Unchanged: 1}) || run.Counts.Users != (backoffice.ImportFigures{Created: 2, Updated: 1}) {
			t.Errorf("counts %+v", run.Counts)
		}
		undone, err := s.UndoImport(ctx, actor, run.ID, nil)
		if err != nil || undone.State != backoffice.ImportUndone || undone.Kept != 0 || undone.UndoDone != undone.RowsTotal {
			t.Fatalf("undo: %+v %v", undone, err)
		}
		checked(t, s)
		after, _ := s.Account(ctx, "old")
		before.Version, before.MetadataVersion = after.Version, after.MetadataVersion
		if before != after {
			t.Errorf("before\n%+v\nafter\n%+v", before, after)
		}
		if now, _ := s.KPIs(ctx); now.Now != figures.Now || now.Previous != figures.Previous {
			t.Errorf("figures %+v, were %+v", now.Now, figures.Now)
		}
		if totals, _ := s.Totals(ctx); totals.Users != 1 || totals.Accounts != 1 {
			t.Errorf("totals %+v", totals)
		}
		members := membersOf(t, s, after)
		if len(members) != 1 || members[0].Name != "" || members[0].Roles[0] != "Admin" || members[0].Visits != 1 {
			t.Errorf("members %+v", members)
		}
		if _, err := s.UndoImport(ctx, actor, run.ID, nil); !errors.Is(err, backoffice.ErrConflict) {
			t.Errorf("undone twice: %v", err)
		}

		// What others changed since is kept.
		run = imported(t, s, "id,name\na,A\nb,B\nc,C\nold,Once more\n", "email,account_id\nu@a.example,a\nu@b.example,b\n", "account_id,email,day\na,u@a.example,2026-11-01\na,u@a.example,2026-11-20\n")
		b, _ := s.Account(ctx, "b")
		if _, err := s.SaveAccount(ctx, actor, "b", store.AccountChange{Version: b.Version, Name: "Bee"}); err != nil {
			t.Fatal(err)
		}
		old, _ := s.Account(ctx, "old")
		if _, err := s.SaveAccount(ctx, actor, "old", store.AccountChange{Version: old.Version, Name: "Mine"}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.RecordVisits(ctx, actor, []backoffice.Visit{{AccountID: "a", Email: "u@a.example", At: clock.Now()}}); err != nil {
			t.Fatal(err)
		}
		undone, err = s.UndoImport(ctx, actor, run.ID, nil)
		if err != nil {
			t.Fatal(err)
		}
		checked(t, s)
		var kept []string
		for _, k := range []backoffice.ImportKind{backoffice.ImportAccounts, backoffice.ImportUsers, backoffice.ImportMemberships} {
			rows, _, err := s.ImportRows(ctx, run.ID, k, backoffice.ImportKept, "", 0, 10)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				kept = append(kept, r.Subject+": "+r.Reason)
			}
		}
		want := "A · a: It has users who stay.; B · b: It was changed since.; Once more · old: It was changed since.; u@a.example: The user is in an account.; u@a.example · a: The user has visited since."
		if got := strings.Join(kept, "; "); got != want || undone.Kept != 5 {
			t.Errorf("kept %d\n%s\nwant\n%s", undone.Kept, got, want)
		}
		if a, err := s.Account(ctx, "a"); err != nil || a.Visits != 1 || a.Users != 1 {
			t.Errorf("%+v %v", a, err)
		}
		if _, err := s.Account(ctx, "c"); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("c stays: %v", err)
		}
	})
}

// An import goes on where it stopped, whatever the batch was.
func TestImportResumes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		want := readExpected(t, "testdata/customers")
		run := plan(t, s, folder(t, "testdata/customers"))
		stop, cancel := context.WithCancel(ctx)
		cancel()
		defer store.SetImportBatch(time.Nanosecond)()
		rounds := 0
		for run.State != backoffice.ImportApplied {
			// Each round commits one batch and is then interrupted.
			once, end := context.WithCancel(ctx)
			_, err := s.ApplyImport(once, actor, run.ID, func(done, total int64) { end() })
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			end()
			if run, err = s.Import(ctx, run.ID); err != nil {
				t.Fatal(err)
			}
			if rounds++; rounds == 3 {
				checked(t, s)
			}
		}
		if rounds < 5 {
			t.Errorf("%d rounds only", rounds)
		}
		if _, err := s.ApplyImport(stop, actor, run.ID, nil); err == nil {
			t.Error("applied with a context that has ended")
		}
		clock.Set(want.At)
		holds(t, s, want)
		checked(t, s)
		for run.State != backoffice.ImportUndone {
			once, end := context.WithCancel(ctx)
			_, err := s.UndoImport(once, actor, run.ID, func(done, total int64) { end() })
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			end()
			if run, err = s.Import(ctx, run.ID); err != nil {
				t.Fatal(err)
			}
		}
		if totals, _ := s.Totals(ctx); totals != (store.Totals{}) || run.Kept != 0 {
			t.Errorf("left: %+v, kept %d", totals, run.Kept)
		}
		checked(t, s)
	})
}

func TestResumeImports(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		defer store.SetImportBatch(time.Nanosecond)()
		run := plan(t, s, folder(t, "testdata/customers"))
		once, end := context.WithCancel(ctx)
		if _, err := s.ApplyImport(once, actor, run.ID, func(done, total int64) { end() }); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := s.ResumeImports(ctx); err != nil {
			t.Fatal(err)
		}
		if run, _ = s.Import(ctx, run.ID); run.State != backoffice.ImportApplied {
			t.Errorf("state %s", run.State)
		}
		checked(t, s)
	})
}

// endless is an endless text of one letter.
type endless struct {
	letter byte
	left   int64
}

func (e *endless) Read(b []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(b)), e.left)
	for i := range b[:n] {
		b[i] = e.letter
	}
	e.left -= n
	return int(n), nil
}

func TestAttack_T82_ImportBombs(t *testing.T) {
	const gigabyte = 1 << 30
	header := func(rest io.Reader) io.Reader { return io.MultiReader(strings.NewReader("id,name\n"), rest) }
	utf16 := []byte{0xFF, 0xFE}
	for _, r := range "id,name\n" {
		utf16 = append(utf16, byte(r), 0)
	}
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		for name, in := range map[string]io.Reader{
			"one line of a gigabyte":        &endless{'a', gigabyte},
			"a record of a gigabyte":        header(&endless{'a', gigabyte}),
			"a quoted record of a gigabyte": header(io.MultiReader(strings.NewReader(`a,"`), &endless{'\n', gigabyte})),
			"a gigabyte of NUL":             &endless{0, gigabyte},
			"a gigabyte of commas":          header(&endless{',', gigabyte}),
			"a million columns":             strings.NewReader(strings.Repeat("id,", 1_000_000)),
			"a gigabyte of quotes":          header(&endless{'"', gigabyte}),
			"UTF-16":                        bytes.NewReader(utf16),
			"UTF-16 without a mark":         bytes.NewReader(utf16[2:]),
			"a zip archive":                 strings.NewReader("PK\x03\x04\x14\x00\x00\x00"),
			"nothing":                       strings.NewReader(""),
			"an open quote":                 header(strings.NewReader("a,\"b\n")),
			"a repeated column":             strings.NewReader("id,id\n"),
			"a missing column":              strings.NewReader("name\n"),
		} {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			_, err := s.PlanImport(ctx, actor, false, func(yield func(store.ImportFile, error) bool) {
				yield(store.ImportFile{Kind: backoffice.ImportAccounts, Name: "bomb.csv", Reader: in}, nil)
			})
			runtime.ReadMemStats(&after)
			var file *store.FileError
			if !errors.As(err, &file) || file.File != "bomb.csv" || file.Reason == "" {
				t.Errorf("%s: %v", name, err)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
				t.Errorf("%s: %d MiB allocated", name, grown>>20)
			}
		}
		deep := strings.Repeat(`{""a"":`, 5000) + "1" + strings.Repeat("}", 5000)
		run := imported(t, s, "id,name,metadata\na,A,\"{\"\"k\"\": "+deep+"}\"\nb,B\x00,\nc,C,,\nd\x00,D,\ne,\xff\xfe,\nf,F,{}\n",
			"email,account_id\n\xff@x.example,f\na\x00@x.example,f\nu@x.example,f\x00\n", "account_id,email,day\nf\x00,u@x.example,2026-11-20\nf,\xff,2026-11-20\nf,u@x.example,2026-11-20\x00\n")
		if got := refusals(t, s, run); got != "accounts:2 metadata, accounts:3 name, accounts:4 , accounts:5 id, accounts:6 name, "+
			"users:2 email, users:3 email, users:4 account_id, visits:2 account_id, visits:3 email, visits:4 email" {
			t.Errorf("refused %s", got)
		}
		if list, _ := s.Imports(ctx, 10); len(list) != 1 {
			t.Errorf("imports: %+v", list)
		}
	})
}

// While an import is applied, by two processes even, others write in between,
// and nothing is counted twice.
func TestImportBesideOthers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		want := readExpected(t, "testdata/customers")
		clock.Set(want.At)
		run := plan(t, s, folder(t, "testdata/customers"))
		defer store.SetImportBatch(time.Nanosecond)()
		if err := s.StartImport(ctx, actor, run.ID); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := s.FinishImport(ctx, run.ID, nil)
				ended <- err
			}()
		}
		between := 0
		for i := range 20 {
			create(t, s, "Other", fmt.Sprintf("other-%d", i), "")
			if now, _ := s.Import(ctx, run.ID); now.State == backoffice.ImportApplying {
				between++
			}
		}
		for range 2 {
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
		}
		if between == 0 {
			t.Error("nobody wrote while the import was under way")
		}
		run, err := s.Import(ctx, run.ID)
		if err != nil || run.RowsDone != run.RowsTotal || run.Counts.Visits.Created != want.Visits {
			t.Errorf("%+v %v", run, err)
		}
		if totals, _ := s.Totals(ctx); totals.Accounts != want.Accounts+20 || totals.Memberships != want.Memberships {
			t.Errorf("totals %+v", totals)
		}
		events, err := s.Events(ctx, backoffice.EventFilter{Action: "import.applied"}, "", 10)
		if err != nil || len(events.Rows) != 1 || events.Rows[0].Undo != run.ID {
			t.Errorf("events of the import: %+v %v", events.Rows, err)
		}
		checked(t, s)
	})
}
