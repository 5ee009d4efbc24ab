package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// kill9 kills the server at random moments while clients write, until as many
// writes were acknowledged, and verifies the database after each time.
func kill9(t *testing.T, database string, acknowledged int, most time.Duration) {
	w := newWorkload(newCustomers(t, database))
	rounds := 0
	for w.acknowledged() < acknowledged {
		rounds++
		c := startChild(t, database)
		time.AfterFunc(rand.N(most), c.kill)
		w.run(t, c.url, 8, nil)
		c.kill()
		w.verify(t)
		if t.Failed() {
			t.Fatalf("after %d kills and %d acknowledged writes:\n%s", rounds, w.acknowledged(), c.output)
		}
	}
	t.Logf("%d acknowledged writes, %d kills, none lost", w.acknowledged(), rounds)
}

func TestKill9LosesNothing(t *testing.T) {
	kill9(t, filepath.Join(t.TempDir(), "steward.db"), 600, 250*time.Millisecond)
}

// Requests that are under way or arrive while the server ends are answered.
func TestEndsWithoutAFailedRequest(t *testing.T) {
	database := filepath.Join(t.TempDir(), "steward.db")
	newCustomers(t, database)
	c := startChild(t, database)
	var clients sync.WaitGroup
	var answered, failed atomic.Int64
	for range 8 {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			defer client.CloseIdleConnections()
			for {
				res, err := client.Get(c.url + "/backoffice/sign-in")
				if errors.Is(err, syscall.ECONNREFUSED) {
					return // it has ended: nobody listens
				}
				if err == nil {
					_, err = io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
				if err != nil || res.StatusCode >= 500 {
					failed.Add(1)
					t.Errorf("a request failed: %v", err)
					return
				}
				answered.Add(1)
			}
		})
	}
	time.Sleep(200 * time.Millisecond)
	c.command.Process.Signal(syscall.SIGTERM)
	time.Sleep(100 * time.Millisecond)
	if res, err := http.Get(c.url + "/readyz"); err != nil || res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("readiness while ending: %v, %v", res, err)
	}
	c.command.Process.Signal(syscall.SIGTERM) // supervisors repeat themselves
	clients.Wait()
	<-c.ended
	if code := c.command.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d\n%s", code, c.output)
	}
	if answered.Load() == 0 {
		t.Error("no request was answered")
	}
}

// T-94: a second server on the same file is refused, says what to do, and
// disturbs nothing; other verbs work beside.
func TestAttack_T94(t *testing.T) {
	database := filepath.Join(t.TempDir(), "steward.db")
	newCustomers(t, database)
	c := startChild(t, database)
	for _, args := range [][]string{{"serve", "--addr", "127.0.0.1:0"}, {"restore", backup(t, database)}} {
		if code, _, stderr := runVerb(t, database, "", args...); code != exitFailed || !strings.Contains(stderr, "another process serves this database") || !strings.Contains(stderr, "End the other steward first") {
			t.Errorf("%v beside a server: %d\n%s", args, code, stderr)
		}
	}
	for _, verb := range [][]string{{"migrate"}, {"kpis"}, {"check"}} {
		if code, _, stderr := runVerb(t, database, "", verb...); code != exitOK {
			t.Errorf("%v beside a server: %d\n%s", verb, code, stderr)
		}
	}
	if res, err := http.Get(c.url + "/readyz"); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("the first server: %v", err)
	}
	c.kill()
	if code, stdout, stderr := runVerb(t, database, "", "restore", backup(t, database)); code != exitOK || !strings.Contains(stdout, ".before-restore-") {
		t.Errorf("restore after the server was killed: %d\n%s%s", code, stdout, stderr)
	}
}

func backup(t *testing.T, database string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "backup.db")
	if code, _, stderr := runVerb(t, database, "", "backup", file); code != exitOK {
		t.Fatalf("backup: %d\n%s", code, stderr)
	}
	return file
}

// T-90, on a disk that is really full: the reserve is given up first, writes
// answer 503 and say why, pages are read and people sign in, and when there is
// room again writes go on and the reserve is back, without a restart.
func fullDisk(t *testing.T, dir string) {
	database := filepath.Join(dir, "steward.db")
	prepared := filepath.Join(t.TempDir(), "steward.db")
	customers := newCustomers(t, prepared)
	b, err := os.ReadFile(prepared)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(database, b, 0o600); err != nil {
		t.Fatal(err)
	}
	customers.database = database
	// Held from the beginning, so that there is room to be made again however much
	// the writers took before the disk was full.
	held := filepath.Join(dir, "held")
	if err := os.WriteFile(held, make([]byte, 512<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorkload(customers)
	c := startChild(t, database)
	reserve := func() bool { _, err := os.Stat(database + ".reserve"); return err == nil }
	if !reserve() {
		t.Error("no reserve is kept beside the database")
	}
	ask := func(method, path, body string) (int, string) {
		t.Helper()
		req, _ := http.NewRequest(method, c.url+path, strings.NewReader(body))
		req.Header.Set("Origin", c.url)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.AddCookie(&http.Cookie{Name: w.cookie, Value: w.session})
		client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(text)
	}
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { w.run(t, c.url, 4, stop) })
	wait(t, "some writes", func() bool { return w.acknowledged() > 20 })
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	f.Close()
	wait(t, "refusals", func() bool { return w.refused.Load() > 20 })
	if reserve() {
		t.Error("the reserve is kept while the disk is full")
	}
	account := "/backoffice/accounts/" + accountID(0, 0)
	for _, path := range []string{"/backoffice/accounts", "/backoffice/accounts?q=a", "/backoffice/accounts.csv", account, account + "/policy", "/backoffice/audit", "/readyz"} {
		if status, text := ask(http.MethodGet, path, ""); status != http.StatusOK {
			t.Errorf("%s while the disk is full: %d %.300s", path, status, text)
		}
	}
	status, text := ask(http.MethodPost, "/backoffice/accounts", "name=Late&id=late")
	if status != http.StatusServiceUnavailable || !strings.Contains(text, "the disk is full") {
		t.Errorf("a write while the disk is full: %d %.300s", status, text)
	}
	// What lets people in writes into the room that the reserve gave.
	if status, text := ask(http.MethodPost, "/backoffice/sign-in", "email=nobody%40vendor.example&password=not+the+password"); status != http.StatusUnprocessableEntity {
		t.Errorf("nobody signs in while the disk is full: %d %.300s", status, text)
	}
	if code, _, stderr := runVerb(t, database, "", "check"); code != exitOK {
		t.Errorf("check while the disk is full: %d\n%s", code, stderr)
	}
	if err := errors.Join(os.Remove(ballast), os.Remove(held)); err != nil {
		t.Fatal(err)
	}
	before := w.acknowledged()
	wait(t, "writes again", func() bool { return w.acknowledged() > before+20 })
	if !reserve() {
		t.Error("the reserve was not made again")
	}
	close(stop)
	running.Wait()
	c.kill()
	w.verify(t)
}

func wait(t *testing.T, what string, until func() bool) {
	t.Helper()
	for began := time.Now(); !until(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 60*time.Second {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// T-91: every write and every sync fails once, or for a while; what was
// acknowledged before, between and after is there when the process is killed.
// A failure that lasts is one that somebody sees; a single one may hit a
// checkpoint or a write of nobody's, which the next one makes good.
func failingDisk(t *testing.T, what string, at, lasts int) {
	shim := buildShim(t)
	dir := t.TempDir()
	database, notes := filepath.Join(dir, "steward.db"), filepath.Join(dir, "failures")
	w := newWorkload(newCustomers(t, database))
	c := startChild(t, database, "LD_PRELOAD="+shim, "STEWARD_TEST_FAIL_WHAT="+what, fmt.Sprintf("STEWARD_TEST_FAIL_AT=%d", at), fmt.Sprintf("STEWARD_TEST_FAIL_FOR=%d", lasts), "STEWARD_TEST_FAIL_NOTES="+notes)
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { w.run(t, c.url, 4, stop) })
	failed := func() int {
		b, _ := os.ReadFile(notes)
		return strings.Count(string(b), "\n")
	}
	wait(t, "all failures of the disk", func() bool { return failed() == lasts || t.Failed() })
	if lasts > 2 {
		wait(t, "a refusal", func() bool { return w.refused.Load() > 0 || t.Failed() })
	}
	before := w.acknowledged()
	wait(t, "writes after it", func() bool { return w.acknowledged() > before+10 || t.Failed() })
	c.kill()
	close(stop)
	running.Wait()
	w.verify(t)
}

var buildShim = func() func(*testing.T) string {
	var once sync.Once
	var file string
	var failure error
	return func(t *testing.T) string {
		once.Do(func() {
			dir, err := os.MkdirTemp("", "steward-shim")
			if err != nil {
				failure = err
				return
			}
			file = filepath.Join(dir, "failing_disk.so")
			out, err := exec.Command("gcc", "-shared", "-fPIC", "-O1", "-o", file, "testdata/failing_disk.c", "-ldl").CombinedOutput()
			if err != nil {
				failure = fmt.Errorf("%w\n%s", err, out)
			}
		})
		if failure != nil {
			t.Fatal(failure)
		}
		return file
	}
}()

func TestAttack_T91(t *testing.T) {
	for _, test := range []struct {
		what      string
		at, lasts int
	}{{"sync", 30, 1}, {"sync", 45, 20}, {"write", 120, 1}, {"write", 150, 40}, {"short", 140, 2}} {
		t.Run(fmt.Sprintf("%s %d for %d", test.what, test.at, test.lasts), func(t *testing.T) { failingDisk(t, test.what, test.at, test.lasts) })
	}
}
