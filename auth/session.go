package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/sessions"

	"steward/backoffice"
)

// SessionTable is where the sessions of staff are kept. A session is found by
// the SHA-256 of what its cookie holds.
type SessionTable interface {
	// FindStaffSession is one indexed read: the session and who it belongs
	// to. It returns backoffice.ErrNotFound when there is none, or when the
	// member of staff is no more.
	FindStaffSession(ctx context.Context, hash []byte) (backoffice.StaffSession, backoffice.Staff, error)
	// CreateStaffSession writes a session; in the same transaction it ends
	// the one of the hash replaces, where that is not nil.
	CreateStaffSession(ctx context.Context, staffKey int64, hash []byte, session backoffice.StaffSession, replaces []byte) error
	// TouchStaffSession notes that the session was seen.
	TouchStaffSession(ctx context.Context, hash []byte, at time.Time) error
	// DeleteStaffSession ends a session; one that is gone is no error.
	DeleteStaffSession(ctx context.Context, hash []byte) error
	// DeleteOtherStaffSessions ends all of a member's sessions but one.
	DeleteOtherStaffSessions(ctx context.Context, staffKey int64, keep []byte) error
}

// touchEvery is how often a session that is used writes that it was.
const touchEvery = time.Minute

// Limits of staff sessions (product.md, section 3).
const (
	staffIdle     = backoffice.StaffIdleMinutes * time.Minute
	staffAbsolute = backoffice.StaffAbsoluteMinutes * time.Minute
)

// SignedIn is a session that runs, and who is in it.
type SignedIn struct {
	backoffice.StaffSession
	Staff backoffice.Staff
	hash  []byte
}

// Hash is the key of the session's row, to be kept when others are ended.
func (s SignedIn) Hash() []byte { return s.hash }

// SessionStore is the sessions.Store of staff: the cookie holds 256 random
// bits, everything else is in the table, so that what is deleted there is
// over with the next request. It keeps no values: what a session knows is in
// its row.
type SessionStore struct {
	table  SessionTable
	cookie string
	device string
	secure bool
	now    func() time.Time
}

var _ sessions.Store = (*SessionStore)(nil)

// NewSessionStore makes a store for the address that people use. On https the
// cookies carry Secure and the prefix __Host-; on http, in development, they
// have plain names.
func NewSessionStore(table SessionTable, publicURL *url.URL, now func() time.Time) *SessionStore {
	s := &SessionStore{table: table, cookie: "steward", device: "steward-device", now: now}
	if publicURL != nil && publicURL.Scheme == "https" {
		s.secure, s.cookie, s.device = true, "__Host-steward", "__Host-steward-device"
	}
	return s
}

// CookieName is the name of the session's cookie.
func (s *SessionStore) CookieName() string { return s.cookie }

type valueKey int

const signedInKey valueKey = 0

// Get is the session of a request, read once per request.
func (s *SessionStore) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(s, name)
}

// New reads the session of a request. Without one that runs, the session is
// new and the error nil; an error is that of the table.
func (s *SessionStore) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(s, name)
	session.Options = s.options()
	session.IsNew = true
	cookie, err := r.Cookie(name)
	if err != nil {
		return session, nil
	}
	hash, ok := StaffSessionToken.Hash(cookie.Value)
	if !ok {
		return session, nil
	}
	found, staff, err := s.table.FindStaffSession(r.Context(), hash)
	if errors.Is(err, backoffice.ErrNotFound) {
		return session, nil
	}
	if err != nil {
		return session, err
	}
	now := s.now()
	if !running(found, now) {
		return session, nil
	}
	if now.Sub(found.SeenAt) >= touchEvery {
		// A disk that is full must not keep people from reading.
		if s.table.TouchStaffSession(r.Context(), hash, now) == nil {
			found.SeenAt = now
		}
	}
	session.ID, session.IsNew = found.ID, false
	session.Values[signedInKey] = SignedIn{found, staff, hash}
	return session, nil
}

// Save writes the cookie away when the session's MaxAge is negative, and
// deletes the row. Sessions begin by SignIn alone: a new one is not saved.
func (s *SessionStore) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	if session.Options == nil || session.Options.MaxAge >= 0 {
		return nil
	}
	if signedIn, ok := session.Values[signedInKey].(SignedIn); ok {
		if err := s.table.DeleteStaffSession(r.Context(), signedIn.hash); err != nil {
			return err
		}
		delete(session.Values, signedInKey)
	}
	session.ID, session.IsNew = "", true
	http.SetCookie(w, sessions.NewCookie(s.cookie, "", session.Options))
	return nil
}

func running(session backoffice.StaffSession, now time.Time) bool {
	return now.Before(session.SeenAt.Add(staffIdle)) && now.Before(session.CreatedAt.Add(staffAbsolute))
}

func (s *SessionStore) options() *sessions.Options {
	return &sessions.Options{Path: "/", Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// Current is who signed in. Without a session that runs, false; an error is
// that of the table.
func (s *SessionStore) Current(r *http.Request) (SignedIn, bool, error) {
	session, err := s.Get(r, s.cookie)
	if err != nil {
		return SignedIn{}, false, err
	}
	signedIn, ok := session.Values[signedInKey].(SignedIn)
	return signedIn, ok, nil
}

// SignIn begins a session for a member of staff and sets its cookie. The one
// that the browser came with, whoever's it was, ends: a session never goes on
// across a sign-in. address is the network address of the request, mfaAt when a
// second factor was shown on the way, zero for never.
func (s *SessionStore) SignIn(w http.ResponseWriter, r *http.Request, staff backoffice.Staff, address string, mfaAt time.Time) (SignedIn, error) {
	now := s.now()
	return s.begin(w, r, staff, backoffice.StaffSession{CreatedAt: now, SeenAt: now, ProvedAt: now, MFAAt: mfaAt, Address: address, UserAgent: clipped(r.UserAgent())})
}

// Rotate gives the current session a new cookie, as after a change of the
// password; the old one is dead. How long the session may last is counted
// from the sign-in on.
func (s *SessionStore) Rotate(w http.ResponseWriter, r *http.Request) (SignedIn, error) {
	return s.Prove(w, r, false)
}

// Prove is Rotate for a credential that was shown just now; mfa says that it was
// a second factor.
func (s *SessionStore) Prove(w http.ResponseWriter, r *http.Request, mfa bool) (SignedIn, error) {
	current, ok, err := s.Current(r)
	if err != nil {
		return SignedIn{}, err
	}
	if !ok {
		return SignedIn{}, backoffice.ErrNotFound
	}
	session := current.StaffSession
	session.SeenAt = s.now()
	session.ProvedAt = session.SeenAt
	if mfa {
		session.MFAAt = session.SeenAt
	}
	return s.begin(w, r, current.Staff, session)
}

func (s *SessionStore) begin(w http.ResponseWriter, r *http.Request, staff backoffice.Staff, row backoffice.StaffSession) (SignedIn, error) {
	session, err := s.Get(r, s.cookie)
	if err != nil {
		return SignedIn{}, err
	}
	var replaces []byte
	if current, ok := session.Values[signedInKey].(SignedIn); ok {
		replaces = current.hash
	}
	id, err := uuid.NewV7()
	if err != nil {
		return SignedIn{}, err
	}
	row.ID = id.String()
	token, hash := StaffSessionToken.New()
	if err := s.table.CreateStaffSession(r.Context(), staff.Key, hash, row, replaces); err != nil {
		return SignedIn{}, err
	}
	signedIn := SignedIn{row, staff, hash}
	session.ID, session.IsNew = row.ID, false
	session.Values[signedInKey] = signedIn
	http.SetCookie(w, sessions.NewCookie(s.cookie, token, s.options()))
	return signedIn, nil
}

// SignOut ends the current session and takes the cookie away; without a
// session it takes the cookie away.
func (s *SessionStore) SignOut(w http.ResponseWriter, r *http.Request) error {
	session, err := s.Get(r, s.cookie)
	if err != nil {
		return err
	}
	session.Options = s.options()
	session.Options.MaxAge = -1
	return s.Save(r, w, session)
}

// SignOutOthers ends the sessions of the same member everywhere else.
func (s *SessionStore) SignOutOthers(r *http.Request) error {
	current, ok, err := s.Current(r)
	if err != nil {
		return err
	}
	if !ok {
		return backoffice.ErrNotFound
	}
	return s.table.DeleteOtherStaffSessions(r.Context(), current.Staff.Key, current.hash)
}

// deviceDays is how long a device is known after a sign-in.
const deviceDays = 90

// DeviceHash is the key under which the browser's device is known, if it
// shows one: look it up together with the address that signs in.
func (s *SessionStore) DeviceHash(r *http.Request) (hash []byte, ok bool) {
	cookie, err := r.Cookie(s.device)
	if err != nil {
		return nil, false
	}
	return DeviceToken.Hash(cookie.Value)
}

// NewDevice gives the browser a device cookie after a successful sign-in and
// returns the hash to be stored for the member of staff.
func (s *SessionStore) NewDevice(w http.ResponseWriter) (hash []byte) {
	token, hash := DeviceToken.New()
	options := s.options()
	options.MaxAge = deviceDays * 24 * 60 * 60
	http.SetCookie(w, sessions.NewCookie(s.device, token, options))
	return hash
}

// clipped keeps a header from filling the table.
func clipped(userAgent string) string {
	const limit = 300
	if len(userAgent) > limit {
		userAgent = userAgent[:limit]
	}
	clean := make([]rune, 0, len(userAgent))
	for _, r := range userAgent {
		if r >= ' ' && r != 0x7f && r != '\ufffd' {
			clean = append(clean, r)
		}
	}
	return string(clean)
}
