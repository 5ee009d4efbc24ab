package store_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"steward/store"
	"steward/store/storetest"
)

// lived makes a SQLite database that something happened in, and leaves its log
// beside it: what a machine that lost power leaves. It returns the bytes of both,
// and the rows.
func lived(t *testing.T, name string, accounts int) (file, wal []byte, rows map[string][]string) {
	t.Helper()
	path := storetest.SQLite(t)
	first := storetest.Open(t, path, storetest.NewClock())
	for i := range accounts / 2 {
		create(t, first, fmt.Sprintf("%s %d", name, i), fmt.Sprintf("acc-%d", i), fmt.Sprintf("u%d@nord.example", i))
	}
	first.Close()
	s := storetest.Open(t, path, storetest.NewClock())
	for i := accounts / 2; i < accounts; i++ {
		create(t, s, fmt.Sprintf("%s %d", name, i), fmt.Sprintf("acc-%d", i), fmt.Sprintf("u%d@nord.example", i))
	}
	var err error
	if file, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	if wal, err = os.ReadFile(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	return file, wal, storetest.Dump(t, s)
}

// judge opens a database and its log as they were damaged. It returns "refused",
// "found" when the check finds the damage, or "" with the rows that are read.
func judge(t *testing.T, file, wal []byte) (verdict string, rows map[string][]string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "steward.db")
	os.WriteFile(path, file, 0o600)
	if wal != nil {
		os.WriteFile(path+"-wal", wal, 0o600)
	}
	s, err := store.Open(ctx, path, store.Options{MustExist: true, NoMigrate: true, Now: storetest.NewClock().Now})
	if err != nil {
		return "refused", nil
	}
	defer s.Close()
	found := 0
	if _, err := s.Check(ctx, func(store.Finding) { found++ }); err != nil || found > 0 {
		return "found", nil
	}
	return "", storetest.DumpFile(t, path)
}

// T-92: a byte that is not what it was is refused, or found by the check, or of no
// consequence: what is read then is what was written.
func TestAttack_T92_FlippedBytes(t *testing.T) {
	path := storetest.SQLite(t)
	s := storetest.Open(t, path, storetest.NewClock())
	for i := range 12 {
		create(t, s, fmt.Sprintf("Account %d", i), fmt.Sprintf("acc-%d", i), fmt.Sprintf("u%d@nord.example", i))
	}
	want := storetest.Dump(t, s)
	s.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Most of a small database is empty: half of the flips go to what is not.
	var written []int
	for i, b := range whole {
		if b != 0 {
			written = append(written, i)
		}
	}
	random := rand.New(rand.NewPCG(92, 1000))
	type flip struct {
		at   int
		mask byte
	}
	flips := make(chan flip)
	verdicts, lock := map[string]int{}, sync.Mutex{}
	var judges sync.WaitGroup
	for range 4 {
		judges.Go(func() {
			for f := range flips {
				b := bytes.Clone(whole)
				b[f.at] ^= f.mask
				verdict, rows := judge(t, b, nil)
				if verdict == "" {
					if len(storetest.Differ(want, rows)) > 0 {
						verdict = "alone"
					}
					if d := storetest.Differ(twice(want), twice(rows)); len(d) > 0 {
						t.Errorf("byte %d of page %d flipped by %#x: the check is content, and the rows are others:\n%s", f.at%4096, f.at/4096+1, f.mask, strings.Join(d[:min(len(d), 6)], "\n"))
					}
				}
				lock.Lock()
				verdicts[verdict]++
				lock.Unlock()
			}
		})
	}
	for i := range 1000 {
		f := flip{random.IntN(len(whole)), byte(1 + random.IntN(255))}
		if i%2 == 0 {
			f.at = written[random.IntN(len(written))]
		}
		flips <- f
	}
	close(flips)
	judges.Wait()
	t.Logf("of 1000 flips in %d KiB: %d refused, %d found by the check, %d changed a value that stands nowhere twice, %d nothing", len(whole)/1024, verdicts["refused"], verdicts["found"], verdicts["alone"], verdicts[""])
	if verdicts["found"] < 150 || verdicts["alone"] > 30 {
		t.Errorf("%d flips were found, and %d were not", verdicts["found"], verdicts["alone"])
	}
}

// twice leaves of rows what the check can compare with something. SQLite's pages
// have no checksum: when a user or a membership began, what a search of the trail
// looks through, and the secret of the lists' cursors stand in one place only.
func twice(rows map[string][]string) map[string][]string {
	out := map[string][]string{}
	for table, list := range rows {
		once, ok := map[string]*regexp.Regexp{
			"users":       regexp.MustCompile(` (created_at|metadata_version|version)="[^"]*"`),
			"memberships": regexp.MustCompile(` created_at="[^"]*"`),
			"events":      regexp.MustCompile(` search="(\\.|[^"\\])*"`),
			"settings":    regexp.MustCompile(` value="(\\.|[^"\\])*"`),
		}[table]
		for _, row := range list {
			if ok {
				row = once.ReplaceAllString(row, "")
			}
			out[table] = append(out[table], row)
		}
	}
	return out
}

// T-92: a log that is not the file's. What is read is what was written before or
// after the log's changes, or the database is refused, or the check finds it.
func TestAttack_T92_SwappedWAL(t *testing.T) {
	file, wal, after := lived(t, "Account", 40)
	_, before := judge(t, file, nil)
	if before == nil || len(storetest.Differ(before, after)) == 0 {
		t.Fatal("the log holds nothing")
	}
	otherFile, otherWAL, _ := lived(t, "Other", 60)
	shortFile, shortWAL, _ := lived(t, "Account", 8)
	for _, c := range []struct {
		name      string
		file, wal []byte
		verdict   string // what is certain
	}{
		{"its own", file, wal, ""},
		{"none", file, nil, ""},
		{"empty", file, []byte{}, ""},
		{"zeros", file, make([]byte, len(wal)), ""},
		{"text", file, bytes.Repeat([]byte("id,name\n"), 4000), ""},
		{"cut within the header", file, wal[:20], ""},
		{"cut within a frame", file, wal[:32+(24+4096)*3+1000], ""},
		{"cut in half", file, wal[:len(wal)/2], ""},
		{"its header flipped", file, flipped(wal, 9), ""},
		{"its last frame flipped", file, flipped(wal, len(wal)-100), ""},
		{"its first frame flipped", file, flipped(wal, 200), ""},
		{"of another database", file, otherWAL, "any"},
		{"of a smaller database", otherFile, shortWAL, "any"},
		{"of a larger database", shortFile, otherWAL, "any"},
		{"of the database as it was before", otherFile, wal, "any"},
	} {
		verdict, rows := judge(t, c.file, c.wal)
		t.Logf("the log is %s: %q", c.name, verdict)
		switch {
		case verdict != "":
			if c.verdict == "" {
				t.Errorf("the log is %s: %s", c.name, verdict)
			}
		case c.verdict == "any":
			own := before
			if &c.file[0] != &file[0] {
				_, own = judge(t, c.file, nil)
			}
			if d := storetest.Differ(own, rows); len(d) > 0 {
				t.Errorf("the log is %s: the check is content, and the rows are others:\n%s", c.name, strings.Join(d[:min(len(d), 5)], "\n"))
			}
		default:
			// Whole units of work, in their order: no account of the file lacks, and none
			// is there that was not written.
			for _, row := range before["accounts"] {
				if !slices.Contains(rows["accounts"], row) {
					t.Errorf("the log is %s: lost %s", c.name, row)
				}
			}
			for _, row := range rows["accounts"] {
				if !slices.Contains(after["accounts"], row) {
					t.Errorf("the log is %s: nobody wrote %s", c.name, row)
				}
			}
			if c.name == "its own" && len(storetest.Differ(after, rows)) > 0 {
				t.Error("with its own log something is missing")
			}
		}
	}
	// The file itself cut short, with a log beside it that might have held the rest.
	for _, part := range []int{1, 2, 3} {
		cut := file[:len(file)*part/4/4096*4096]
		for name, log := range map[string][]byte{"none": nil, "its own": wal, "another's": otherWAL} {
			if verdict, _ := judge(t, cut, log); verdict == "" {
				t.Errorf("%d quarters of the file, the log is %s: not found", part, name)
			}
		}
	}
}

func flipped(b []byte, at int) []byte {
	c := bytes.Clone(b)
	c[at] ^= 0x41
	return c
}
