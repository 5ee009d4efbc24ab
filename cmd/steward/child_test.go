package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
)

// The test's own binary plays steward when it is told so: what is killed in the
// tests below is the real main, in a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv("STEWARD_TEST_AS_STEWARD") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// child is a server in a process of its own.
type child struct {
	t       *testing.T
	command *exec.Cmd
	url     string
	output  *safeBuffer
	ended   chan struct{}
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// startChild starts a server on the database, and returns when it is ready.
func startChild(t *testing.T, database string, env ...string) *child {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	c := &child{t: t, url: "http://" + addr, output: &safeBuffer{}, ended: make(chan struct{})}
	c.command = exec.Command(os.Args[0], "serve", "--database", database, "--addr", addr, "--public-url", c.url)
	c.command.Env = append(append(os.Environ(), "STEWARD_TEST_AS_STEWARD=1"), env...)
	c.command.Stdout, c.command.Stderr = c.output, c.output
	if err := c.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { c.command.Wait(); close(c.ended) }()
	t.Cleanup(c.kill)
	for began := time.Now(); time.Since(began) < 60*time.Second; time.Sleep(10 * time.Millisecond) {
		select {
		case <-c.ended:
			t.Fatalf("the server ended:\n%s", c.output)
		default:
		}
		if res, err := http.Get(c.url + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return c
			}
		}
	}
	t.Fatalf("the server is not ready:\n%s", c.output)
	return nil
}

// kill is a power cut for the process: SIGKILL.
func (c *child) kill() {
	c.command.Process.Kill()
	<-c.ended
}

// customers is a database with accounts to be visited, and the token that may.
type customers struct {
	database string
	token    string
	cookie   string
	session  string
}

const (
	writeGroups  = 12 // groups of accounts that one batch visits together
	groupMembers = 3
)

func accountID(group, member int) string { return fmt.Sprintf("acc-%02d-%d", group, member) }

func newCustomers(t *testing.T, database string) *customers {
	t.Helper()
	ctx := t.Context()
	s, err := store.Open(ctx, database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for g := range writeGroups {
		for m := range groupMembers {
			id := accountID(g, m)
			if _, err := s.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: "Account " + id, ID: id, PrimaryEmail: "ada@" + id + ".example"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	c := &customers{database: database}
	token, hash := auth.APIToken.New()
	if _, err := s.MakeToken(ctx, backoffice.CommandLine(), "Sign-in of the product", []string{string(backoffice.ScopeVisits)}, hash); err != nil {
		t.Fatal(err)
	}
	c.token = token
	staff, err := s.AddStaff(ctx, backoffice.CommandLine(), backoffice.NewStaff{Email: "ada.weber@kontor.example", Name: "Ada Weber", Role: backoffice.Owner}, "no password signs in")
	if err != nil {
		t.Fatal(err)
	}
	public, _ := url.Parse("http://127.0.0.1")
	c.cookie = auth.NewSessionStore(s, public, s.Now).CookieName()
	session, hash := auth.StaffSessionToken.New()
	now := s.Now()
	if err := s.CreateStaffSession(ctx, staff.Key, hash, backoffice.StaffSession{ID: "session", CreatedAt: now, SeenAt: now, Address: "127.0.0.1"}, nil); err != nil {
		t.Fatal(err)
	}
	c.session = session
	return c
}

// workload writes over HTTP, and remembers what was acknowledged.
type workload struct {
	*customers
	next    atomic.Int64
	mu      sync.Mutex
	writes  map[int64]bool // true when acknowledged, false when tried
	refused atomic.Int64   // answered, and not by success
}

func newWorkload(c *customers) *workload { return &workload{customers: c, writes: map[int64]bool{}} }

// run writes from several clients until the server is gone or stop is closed.
func (w *workload) run(t *testing.T, base string, clients int, stop <-chan struct{}) {
	today := backoffice.DayOf(time.Now())
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: clients},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	var writers sync.WaitGroup
	for range clients {
		writers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				n := w.next.Add(1) - 1
				w.note(n, false)
				write, done := w.postVisits, http.StatusOK
				if n%accountEvery == 0 {
					write, done = w.postAccount, http.StatusSeeOther
				}
				status, err := write(client, base, n, today)
				switch {
				case err != nil:
					return // the server is gone
				case status == done:
					w.note(n, true)
				default:
					w.refused.Add(1)
					if status != http.StatusServiceUnavailable {
						t.Errorf("write %d: status %d", n, status)
						return
					}
					time.Sleep(2 * time.Millisecond) // the numbers of the writes, which their days are made of, do not run away
				}
			}
		})
	}
	writers.Wait()
}

func (w *workload) note(n int64, acknowledged bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes[n] = acknowledged
}

func (w *workload) acknowledged() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ok := range w.writes {
		if ok {
			n++
		}
	}
	return n
}

// place says what batch n writes: a visit to each account of a group on a day.
func place(n int64, today backoffice.Day) (group int, day backoffice.Day) {
	return int(n % writeGroups), today - 1 - backoffice.Day(n/writeGroups)
}

func (w *workload) postVisits(client *http.Client, base string, n int64, today backoffice.Day) (int, error) {
	group, day := place(n, today)
	type visit struct {
		Account string    `json:"account_id"`
		Email   string    `json:"email"`
		At      time.Time `json:"at"`
	}
	var body struct {
		Visits []visit `json:"visits"`
	}
	for m := range groupMembers {
		id := accountID(group, m)
		body.Visits = append(body.Visits, visit{id, "ada@" + id + ".example", day.Start().Add(9 * time.Hour)})
	}
	b, _ := json.Marshal(body)
	req, _ := http.NewRequest(http.MethodPost, base+"/api/v1/visits", bytes.NewReader(b))
	req.Header.Set("Authorization", "Bearer "+w.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// accountEvery says which writes are accounts, added by the form as somebody
// signed in: a row, its figures, the search's index and an entry of the trail.
const accountEvery = 4

func newAccountID(n int64) string { return fmt.Sprintf("new-%d", n) }

func (w *workload) postAccount(client *http.Client, base string, n int64, _ backoffice.Day) (int, error) {
	form := url.Values{"name": {fmt.Sprintf("Added %d", n)}, "id": {newAccountID(n)}, "email": {fmt.Sprintf("uma@new-%d.example", n)}}
	req, _ := http.NewRequest(http.MethodPost, base+"/backoffice/accounts", strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", base)
	req.AddCookie(&http.Cookie{Name: w.cookie, Value: w.session})
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// verify opens the database and holds it to what was acknowledged: every visit
// of every acknowledged batch is there, no batch is there in part, and the check
// finds nothing.
func (w *workload) verify(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	s, err := store.Open(ctx, w.database, store.Options{MustExist: true, NoMigrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	today := backoffice.DayOf(time.Now())
	var there [writeGroups][groupMembers]map[backoffice.Day]bool
	for g := range writeGroups {
		for m := range groupMembers {
			a, err := s.Account(ctx, accountID(g, m))
			if err != nil {
				t.Fatal(err)
			}
			days, err := s.VisitsByDay(ctx, a.Key, 0, today)
			if err != nil {
				t.Fatal(err)
			}
			there[g][m] = map[backoffice.Day]bool{}
			for _, d := range days {
				there[g][m][d.Day] = true
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for n, acknowledged := range w.writes {
		if n%accountEvery == 0 {
			a, err := s.Account(ctx, newAccountID(n))
			if acknowledged && err != nil {
				t.Errorf("account %d was acknowledged: %v", n, err)
			} else if err == nil && (a.Users != 1 || a.PrimaryEmail == "") {
				t.Errorf("account %d is there in part: %+v", n, a)
			}
			continue
		}
		group, day := place(n, today)
		have := 0
		for m := range groupMembers {
			if there[group][m][day] {
				have++
			}
		}
		if acknowledged && have != groupMembers {
			t.Errorf("batch %d was acknowledged, and %d of its %d visits are there", n, have, groupMembers)
		} else if have != 0 && have != groupMembers {
			t.Errorf("batch %d is there in part: %d of %d visits", n, have, groupMembers)
		}
	}
	var found []string
	if _, err := s.Check(ctx, func(f store.Finding) { found = append(found, f.What+": "+f.Detail) }); err != nil {
		t.Fatal(err)
	}
	if len(found) > 0 {
		t.Fatalf("check: %s", strings.Join(found, "\n"))
	}
}
