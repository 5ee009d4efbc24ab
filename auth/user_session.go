package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/sessions"

	"steward/backoffice"
)

// UserSessionTable is where the sessions of users are kept.
type UserSessionTable interface {
	// FindUserSession returns what a request is judged by, read anew, or
	// backoffice.ErrNotFound.
	FindUserSession(ctx context.Context, hash []byte) (backoffice.SignedInUser, error)
	// TouchUserSession notes that the session was seen.
	TouchUserSession(ctx context.Context, hash []byte, at time.Time) error
	// DeleteUserSession ends a session; one that is gone is no error.
	DeleteUserSession(ctx context.Context, hash []byte, address string) error
	// RotateUserSession gives a session another token after a credential was
	// shown; mfa says that it was a second factor.
	RotateUserSession(ctx context.Context, old, hash []byte, mfa bool) error
}

// UserIn is a session of a user that runs, and the hash it is kept under.
type UserIn struct {
	backoffice.SignedInUser
	hash []byte
}

// Hash is the key of the session's row.
func (u UserIn) Hash() []byte { return u.hash }

// UserSessions is the sessions.Store of users. As with staff the cookie holds 256
// random bits and everything else is in the table; what is demanded of a session
// is asked of the policy in force with each request.
type UserSessions struct {
	table                   UserSessionTable
	cookie, device, pending string
	secure                  bool
	now                     func() time.Time
}

var _ sessions.Store = (*UserSessions)(nil)

// NewUserSessions makes a store for the address that people use, see
// NewSessionStore.
func NewUserSessions(table UserSessionTable, publicURL *url.URL, now func() time.Time) *UserSessions {
	s := &UserSessions{table: table, cookie: "steward-user", device: "steward-user-device", pending: "steward-sign-in", now: now}
	if publicURL != nil && publicURL.Scheme == "https" {
		s.secure, s.cookie, s.device, s.pending = true, "__Host-"+s.cookie, "__Host-"+s.device, "__Host-"+s.pending
	}
	return s
}

// CookieName is the name of the session's cookie.
func (s *UserSessions) CookieName() string { return s.cookie }

const userInKey = "user"

// Get returns the request's session, looked up once per request.
func (s *UserSessions) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(s, name)
}

// New finds the request's session, or returns an empty one. A cookie that means
// nothing, and a session whose time is over, are no session and no error.
func (s *UserSessions) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(s, name)
	session.Options, session.IsNew = s.options(), true
	cookie, err := r.Cookie(s.cookie)
	if err != nil {
		return session, nil
	}
	hash, ok := UserSessionToken.Hash(cookie.Value)
	if !ok {
		return session, nil
	}
	found, err := s.table.FindUserSession(r.Context(), hash)
	if errors.Is(err, backoffice.ErrNotFound) {
		return session, nil
	}
	if err != nil {
		return session, err
	}
	now := s.now()
	if !found.Runs(now) {
		return session, nil
	}
	if now.Sub(found.SeenAt) >= touchEvery && s.table.TouchUserSession(r.Context(), hash, now) == nil {
		found.SeenAt = now
	}
	session.ID, session.IsNew = found.ID, false
	session.Values[userInKey] = UserIn{found, hash}
	return session, nil
}

// Save takes the cookie away when the session's MaxAge is negative, and deletes
// the row; sessions begin by SetCookie alone.
func (s *UserSessions) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	if session.Options == nil || session.Options.MaxAge >= 0 {
		return nil
	}
	if in, ok := session.Values[userInKey].(UserIn); ok {
		if err := s.table.DeleteUserSession(r.Context(), in.hash, ""); err != nil {
			return err
		}
		delete(session.Values, userInKey)
	}
	session.ID, session.IsNew = "", true
	http.SetCookie(w, sessions.NewCookie(s.cookie, "", session.Options))
	return nil
}

func (s *UserSessions) options() *sessions.Options {
	return &sessions.Options{Path: "/", Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// Current is who is signed in. Without a session that runs, false; an error is
// that of the table.
func (s *UserSessions) Current(r *http.Request) (UserIn, bool, error) {
	session, err := s.Get(r, s.cookie)
	if err != nil {
		return UserIn{}, false, err
	}
	in, ok := session.Values[userInKey].(UserIn)
	return in, ok, nil
}

// SetCookie gives the browser the token of a session that was begun or switched.
func (s *UserSessions) SetCookie(w http.ResponseWriter, token string) {
	http.SetCookie(w, sessions.NewCookie(s.cookie, token, s.options()))
}

// Rotate gives the current session another token after a credential was shown;
// the old one is dead.
func (s *UserSessions) Rotate(w http.ResponseWriter, r *http.Request, mfa bool) error {
	current, ok, err := s.Current(r)
	if err != nil {
		return err
	}
	if !ok {
		return backoffice.ErrNotFound
	}
	token, hash := UserSessionToken.New()
	if err := s.table.RotateUserSession(r.Context(), current.hash, hash, mfa); err != nil {
		return err
	}
	s.SetCookie(w, token)
	return nil
}

// SignOut ends the current session and takes the cookie away.
func (s *UserSessions) SignOut(w http.ResponseWriter, r *http.Request) error {
	session, err := s.Get(r, s.cookie)
	if err != nil {
		return err
	}
	session.Options = s.options()
	session.Options.MaxAge = -1
	return s.Save(r, w, session)
}

// Pending is the hash of the sign-in under way that the browser shows.
func (s *UserSessions) Pending(r *http.Request) (hash []byte, ok bool) {
	return s.shown(r, s.pending, PendingSignInToken)
}

// SetPending gives the browser the token of a sign-in under way; "" takes it away.
func (s *UserSessions) SetPending(w http.ResponseWriter, token string) {
	options := s.options()
	if token == "" {
		options.MaxAge = -1
	}
	http.SetCookie(w, sessions.NewCookie(s.pending, token, options))
}

// DeviceHash is the key under which the browser is known, if it shows one: look
// it up together with the address that signs in.
func (s *UserSessions) DeviceHash(r *http.Request) (hash []byte, ok bool) {
	return s.shown(r, s.device, UserDeviceToken)
}

// NewDevice gives the browser a device's token and returns its hash.
func (s *UserSessions) NewDevice(w http.ResponseWriter) (hash []byte) {
	token, hash := UserDeviceToken.New()
	options := s.options()
	options.MaxAge = deviceDays * 24 * 60 * 60
	http.SetCookie(w, sessions.NewCookie(s.device, token, options))
	return hash
}

func (s *UserSessions) shown(r *http.Request, cookie string, purpose Purpose) ([]byte, bool) {
	c, err := r.Cookie(cookie)
	if err != nil {
		return nil, false
	}
	return purpose.Hash(c.Value)
}

// Clipped is a User-Agent header as sessions keep it.
func Clipped(userAgent string) string { return clipped(userAgent) }
