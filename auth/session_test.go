package auth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
)

// memorySessions is the table as the interface describes it, and counts.
type memorySessions struct {
	rows    map[string]memorySession
	finds   int
	touches int
	fail    error
}

type memorySession struct {
	backoffice.StaffSession
	staff backoffice.Staff
}

func (m *memorySessions) FindStaffSession(_ context.Context, hash []byte) (backoffice.StaffSession, backoffice.Staff, error) {
	m.finds++
	if m.fail != nil {
		return backoffice.StaffSession{}, backoffice.Staff{}, m.fail
	}
	row, ok := m.rows[string(hash)]
	if !ok {
		return backoffice.StaffSession{}, backoffice.Staff{}, backoffice.ErrNotFound
	}
	return row.StaffSession, row.staff, nil
}

func (m *memorySessions) CreateStaffSession(_ context.Context, staffKey int64, hash []byte, session backoffice.StaffSession, replaces []byte) error {
	delete(m.rows, string(replaces))
	m.rows[string(hash)] = memorySession{session, backoffice.Staff{Key: staffKey}}
	return nil
}

func (m *memorySessions) TouchStaffSession(_ context.Context, hash []byte, at time.Time) error {
	m.touches++
	if m.fail != nil {
		return m.fail
	}
	row := m.rows[string(hash)]
	row.SeenAt = at
	m.rows[string(hash)] = row
	return nil
}

func (m *memorySessions) DeleteStaffSession(_ context.Context, hash []byte) error {
	delete(m.rows, string(hash))
	return nil
}

func (m *memorySessions) DeleteOtherStaffSessions(_ context.Context, staffKey int64, keep []byte) error {
	for hash, row := range m.rows {
		if row.staff.Key == staffKey && hash != string(keep) {
			delete(m.rows, hash)
		}
	}
	return nil
}

// browser keeps cookies as a browser would.
type browser struct {
	t       *testing.T
	store   *SessionStore
	cookies map[string]string
}

func (b *browser) do(act func(http.ResponseWriter, *http.Request)) *http.Response {
	b.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/backoffice/sign-in", nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	act(w, r)
	response := w.Result()
	for _, c := range response.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return response
}

func (b *browser) signIn(staffKey int64) *http.Response {
	b.t.Helper()
	return b.do(func(w http.ResponseWriter, r *http.Request) {
		if _, err := b.store.SignIn(w, r, backoffice.Staff{Key: staffKey}, "203.0.113.7", time.Time{}); err != nil {
			b.t.Fatal(err)
		}
	})
}

func (b *browser) current() (signedIn SignedIn, ok bool) {
	b.t.Helper()
	b.do(func(_ http.ResponseWriter, r *http.Request) {
		var err error
		if signedIn, ok, err = b.store.Current(r); err != nil {
			b.t.Fatal(err)
		}
		if again, okAgain, _ := b.store.Current(r); okAgain != ok || again.ID != signedIn.ID {
			b.t.Fatal("two answers in one request")
		}
	})
	return signedIn, ok
}

func newBrowser(t *testing.T, address string) (*browser, *memorySessions, *time.Time) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	table := &memorySessions{rows: map[string]memorySession{}}
	store := NewSessionStore(table, u, func() time.Time { return now })
	return &browser{t, store, map[string]string{}}, table, &now
}

func TestAttack_T59_Cookies(t *testing.T) {
	for address, want := range map[string]struct {
		name   string
		secure bool
	}{"https://steward.example": {"__Host-steward", true}, "http://localhost:8080": {"steward", false}} {
		b, _, _ := newBrowser(t, address)
		cookies := b.signIn(1).Cookies()
		b.do(func(w http.ResponseWriter, _ *http.Request) {
			b.store.NewDevice(w)
			cookies = append(cookies, w.(*httptest.ResponseRecorder).Result().Cookies()...)
		})
		if len(cookies) != 2 || cookies[1].Name != want.name+"-device" || cookies[1].MaxAge != 90*86400 || cookies[0].MaxAge != 0 {
			t.Errorf("%s: %v", address, cookies)
		}
		for _, c := range cookies {
			if !strings.HasPrefix(c.Name, want.name) || c.Secure != want.secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || len(c.String()) > 4096 {
				t.Errorf("%s: %s", address, c)
			}
		}
		if b.store.CookieName() != want.name {
			t.Error(b.store.CookieName())
		}
	}
}

func TestAttack_T40_TheCookieIsNewAfterEverySignIn(t *testing.T) {
	b, table, _ := newBrowser(t, "https://steward.example")
	planted, _ := StaffSessionToken.New()
	b.cookies["__Host-steward"] = planted
	b.signIn(1)
	first := b.cookies["__Host-steward"]
	if first == planted || len(table.rows) != 1 {
		t.Fatal("the planted cookie became a session")
	}
	b.signIn(2)
	second := b.cookies["__Host-steward"]
	if second == first || len(table.rows) != 1 {
		t.Fatal("the session of another member goes on")
	}
	if s, ok := b.current(); !ok || s.Staff.Key != 2 {
		t.Fatal(s, ok)
	}
	before, _ := b.current()
	b.do(func(w http.ResponseWriter, r *http.Request) {
		if _, err := b.store.Rotate(w, r); err != nil {
			t.Fatal(err)
		}
	})
	after, ok := b.current()
	if !ok || b.cookies["__Host-steward"] == second || after.ID == before.ID || !after.CreatedAt.Equal(before.CreatedAt) || after.Staff.Key != 2 {
		t.Error("rotation", before, after)
	}
	for _, dead := range []string{planted, first, second} {
		b.cookies["__Host-steward"] = dead
		if _, ok := b.current(); ok {
			t.Error("a dead cookie lives")
		}
	}
}

func TestAttack_T41_ASavedCookieIsDeadAfterSignOut(t *testing.T) {
	b, table, _ := newBrowser(t, "http://localhost:8080")
	b.signIn(1)
	saved := b.cookies["steward"]
	b.do(func(w http.ResponseWriter, r *http.Request) {
		if err := b.store.SignOut(w, r); err != nil {
			t.Fatal(err)
		}
	})
	if _, there := b.cookies["steward"]; there || len(table.rows) != 0 {
		t.Error("signing out left something")
	}
	b.cookies["steward"] = saved
	if _, ok := b.current(); ok {
		t.Error("the saved cookie lives")
	}
	b.do(func(w http.ResponseWriter, r *http.Request) {
		if err := b.store.SignOut(w, r); err != nil {
			t.Error("signing out twice:", err)
		}
	})
}

func TestSignOutOthers(t *testing.T) {
	b, table, _ := newBrowser(t, "http://localhost:8080")
	b.signIn(1)
	elsewhere := &browser{t, b.store, map[string]string{}}
	elsewhere.signIn(1)
	other := &browser{t, b.store, map[string]string{}}
	other.signIn(2)
	b.do(func(_ http.ResponseWriter, r *http.Request) {
		if err := b.store.SignOutOthers(r); err != nil {
			t.Fatal(err)
		}
	})
	_, here := b.current()
	_, there := elsewhere.current()
	_, foreign := other.current()
	if !here || there || !foreign || len(table.rows) != 2 {
		t.Error(here, there, foreign)
	}
	none := &browser{t, b.store, map[string]string{}}
	none.do(func(w http.ResponseWriter, r *http.Request) {
		if err := b.store.SignOutOthers(r); !errors.Is(err, backoffice.ErrNotFound) {
			t.Error(err)
		}
		if _, err := b.store.Rotate(w, r); !errors.Is(err, backoffice.ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestStaffSessionsEnd(t *testing.T) {
	b, table, now := newBrowser(t, "http://localhost:8080")
	b.signIn(1)
	*now = now.Add(30*time.Minute - time.Second)
	if _, ok := b.current(); !ok {
		t.Error("ended before half an hour")
	}
	*now = now.Add(30 * time.Minute)
	if _, ok := b.current(); ok {
		t.Error("idle for half an hour and running")
	}
	b.signIn(1)
	for range 12*60/20 - 1 {
		*now = now.Add(20 * time.Minute)
		if _, ok := b.current(); !ok {
			t.Fatal("ended while used")
		}
	}
	// Neither use nor a new cookie makes a session longer than twelve hours.
	b.do(func(w http.ResponseWriter, r *http.Request) { _, _ = b.store.Rotate(w, r) })
	*now = now.Add(20 * time.Minute)
	if _, ok := b.current(); ok {
		t.Error("twelve hours, and running")
	}
	if len(table.rows) == 0 {
		t.Error("reading deletes nothing")
	}
}

func TestSessionsCostOneReadAndFewWrites(t *testing.T) {
	b, table, now := newBrowser(t, "http://localhost:8080")
	b.current()
	b.cookies["steward"] = "not a token"
	b.current()
	if table.finds != 0 {
		t.Error("nothing to look for")
	}
	delete(b.cookies, "steward")
	b.signIn(1)
	table.finds = 0
	for range 60 {
		*now = now.Add(5 * time.Second)
		b.current()
	}
	if table.finds != 60 || table.touches != 5 {
		t.Errorf("60 requests in five minutes: %d reads, %d writes", table.finds, table.touches)
	}
}

func TestSessionsAndAFailingTable(t *testing.T) {
	b, table, now := newBrowser(t, "http://localhost:8080")
	b.signIn(1)
	table.fail = errors.New("disk I/O error")
	b.do(func(w http.ResponseWriter, r *http.Request) {
		if _, ok, err := b.store.Current(r); ok || !errors.Is(err, table.fail) {
			t.Error(ok, err)
		}
		if _, err := b.store.SignIn(w, r, backoffice.Staff{Key: 1}, "", time.Time{}); !errors.Is(err, table.fail) {
			t.Error(err)
		}
		if err := b.store.SignOut(w, r); !errors.Is(err, table.fail) {
			t.Error(err)
		}
	})
	// Only writing fails, as on a full disk: reading goes on.
	table.fail = nil
	b.store.table = fullDisk{table}
	*now = now.Add(2 * time.Minute)
	if _, ok := b.current(); !ok {
		t.Error("a full disk keeps people from reading")
	}
}

type fullDisk struct{ *memorySessions }

func (fullDisk) TouchStaffSession(context.Context, []byte, time.Time) error {
	return backoffice.ErrUnavailable
}

func TestDevices(t *testing.T) {
	b, _, _ := newBrowser(t, "https://steward.example")
	var made []byte
	b.do(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := b.store.DeviceHash(r); ok {
			t.Error("a device without a cookie")
		}
		made = b.store.NewDevice(w)
	})
	b.do(func(_ http.ResponseWriter, r *http.Request) {
		if hash, ok := b.store.DeviceHash(r); !ok || !Same(hash, made) {
			t.Error("the device is not known again")
		}
	})
}

func TestUserAgentsAreClipped(t *testing.T) {
	if got := clipped(strings.Repeat("ü", 1000) + "\x1b[31m"); len(got) > 300 || strings.ContainsRune(got, '\ufffd') {
		t.Error(got)
	}
	if got := clipped("Mozilla\x1b[31m\xff"); got != "Mozilla[31m" {
		t.Errorf("%q", got)
	}
}
