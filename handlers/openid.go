package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"steward/auth"
	"steward/backoffice"
	"steward/federation"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

// openIDRoutes are the OpenID provider: what machines ask, and the way of a user
// into an application and out of it. They are public; what each of them may do
// follows from what is shown: a code, a token, a secret, or the user's session.
func (s *server) openIDRoutes() []route {
	const (
		get, post = http.MethodGet, http.MethodPost
	)
	return []route{
		{get, federation.DiscoveryPath, public, s.answerMachine},
		{get, federation.KeysPath, public, s.answerMachine},
		{post, federation.TokenPath, public, s.answerMachine},
		{get, federation.UserinfoPath, public, s.answerMachine},
		{post, federation.UserinfoPath, public, s.answerMachine},
		{post, federation.IntrospectPath, public, s.answerMachine},
		{post, federation.RevokePath, public, s.answerMachine},
		{get, federation.AuthorizePath, public, s.authorize},
		{post, federation.AuthorizePath, public, s.authorizeByPost},
		{get, federation.LogoutPath, public, s.showLogout},
		{post, federation.LogoutPath, public, s.logoutByPost},
		{get, views.EntryPath, public, s.showEntry},
		{get, views.EntryLogoPath, public, s.showEntryLogo},
		{post, views.EntryPath, public, s.chooseEntry},
		{post, views.EntryPath + "/somebody-else", public, s.enterAsSomebodyElse},
		{post, views.SignOutPath, public, s.signOutOfApplication},
	}
}

func (s *server) answerMachine(c *call) error {
	// What is published is answered always. Counted is who shows a wrong secret, by
	// the application that it is for: neither the codes that visitors bring to an
	// application's server, nor tokens that have run out, shut it out.
	path := strings.TrimPrefix(c.Request().URL.Path, s.base)
	guarded := path == federation.TokenPath || path == federation.IntrospectPath || path == federation.RevokePath
	by := c.network()
	if guarded {
		id, _, _ := c.Request().BasicAuth()
		by += " " + id[:min(len(id), 64)]
	}
	if wait := s.refusals.wait(by, s.now()); guarded && wait > 0 {
		c.Response().Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
		return c.NoContent(http.StatusTooManyRequests)
	}
	ctx := federation.WithNumber(c.ctx(), c.Response().Header().Get("X-Request-ID"))
	s.provider.ServeHTTP(c.Response(), c.Request().WithContext(ctx))
	if guarded && c.Response().Status == http.StatusUnauthorized {
		s.refusals.take(by, s.now())
	}
	return nil
}

// logoutQueryLimit leaves room for an ID token, which is longer than anything else
// in an address.
const logoutQueryLimit = 24 << 10

// byPost leads a form of an application to the same address by GET, whose request
// carries the cookies of the browser: a form from another site comes without.
func (s *server) byPost(c *call, path string, limit int) error {
	form, err := c.posted()
	if err != nil {
		return err
	}
	query := form.Encode()
	if len(query) > limit {
		return &http.MaxBytesError{Limit: int64(limit)}
	}
	return c.Redirect(http.StatusSeeOther, s.link(path)+"?"+query)
}

func (s *server) authorizeByPost(c *call) error {
	return s.byPost(c, federation.AuthorizePath, logoutQueryLimit)
}

// authorize takes what an application asks for, and leads to the page where its
// user goes on. The request belongs to the browser that brought it: no link makes
// somebody else end it.
func (s *server) authorize(c *call) error {
	r, refused, err := s.provider.AuthorizationRequest(c.ctx(), c.QueryParams())
	if err != nil {
		return err
	}
	if refused != nil && refused.Location != "" {
		return c.Redirect(http.StatusSeeOther, refused.Location)
	}
	if refused != nil {
		return s.refuseRequest(c, *refused)
	}
	if wait := max(s.requests.wait(c.network(), s.now()), s.manyRequests.wait(around(c.network()), s.now())); wait > 0 {
		return s.tooManyRequests(c, wait)
	}
	s.requests.take(c.network(), s.now())
	s.manyRequests.take(around(c.network()), s.now())
	// The cookie outlives the request that it was shown with last: who comes too late
	// is told so.
	known, browser, ok := s.openIDBrowser(c)
	if !ok {
		known, browser = auth.OpenIDBrowser.New()
	}
	c.SetCookie(s.cookie(s.openIDCookie(), known, int(2*backoffice.OpenIDRequestLife.Seconds())))
	token, hash := auth.OpenIDRequest.New()
	if err := c.store().BeginOpenID(c.ctx(), r, hash, browser); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, s.link(views.EntryOf(token)))
}

func (s *server) openIDCookie() string { return s.cookieName("steward-openid") }

// openIDBrowser is the token by which requests of applications know a browser, and
// its hash.
func (s *server) openIDBrowser(c *call) (token string, hash []byte, ok bool) {
	k, err := c.Cookie(s.openIDCookie())
	if err != nil {
		return "", nil, false
	}
	hash, ok = auth.OpenIDBrowser.Hash(k.Value)
	return k.Value, hash, ok
}

// asked is a request of an application, in the browser that brought it.
type asked struct {
	backoffice.OpenIDRequest
	token         string
	hash, browser []byte
}

func (a asked) path() string { return views.EntryOf(a.token) }

// askedBy finds the request with the token. Errors: ErrNotFound, also in another
// browser.
func (s *server) askedBy(c *call, token string) (a asked, err error) {
	a.token = token
	a.hash, _ = auth.OpenIDRequest.Hash(token)
	_, a.browser, _ = s.openIDBrowser(c)
	a.OpenIDRequest, err = c.store().OpenIDRequest(c.ctx(), a.hash, a.browser)
	return a, err
}

// askedFor finds the request of an application that an address leads to; false
// where it leads to none.
func (s *server) askedFor(c *call, next string) (asked, bool, error) {
	path, query, _ := strings.Cut(next, "?")
	if path != views.EntryPath {
		return asked{}, false, nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return asked{}, false, nil
	}
	a, err := s.askedBy(c, values.Get("request"))
	if errors.Is(err, backoffice.ErrNotFound) {
		return asked{}, false, nil
	}
	return a, err == nil, err
}

// showEntry goes on with what an application asked for: at once, where the session
// that runs is as fresh as it wants and its account has the application; otherwise
// with signing in, or the choice of an account.
func (s *server) showEntry(c *call) error {
	a, err := s.askedBy(c, c.QueryParam("request"))
	if errors.Is(err, backoffice.ErrNotFound) {
		return s.deadRequest(c)
	}
	if err != nil {
		return err
	}
	in, ok, err := s.users.Current(c.Request())
	if err != nil {
		return err
	}
	none := a.Asks(backoffice.PromptNone)
	if !ok || !a.Satisfied(in.SignedInUser) {
		if none {
			return s.tell(c, a, "login_required", "")
		}
		return s.signInFor(c, a)
	}
	if a.Subject != "" && a.Subject != in.User.ID {
		return s.tell(c, a, "login_required", "somebody else is signed in")
	}
	return s.enterFrom(c, a, in, none)
}

// signInFor leads to the ordinary way in, and back.
func (s *server) signInFor(c *call, a asked) error {
	if email := canonical(a.LoginHint); email != "" {
		s.putWayIn(c, wayIn{Email: email, Next: a.path()})
	}
	return c.Redirect(http.StatusSeeOther, s.link("/sign-in?next="+url.QueryEscape(a.path())))
}

// tell ends a request at its application, with an error.
func (s *server) tell(c *call, a asked, problem, description string) error {
	return c.Redirect(http.StatusSeeOther, s.provider.Answer(a.OpenIDRequest, url.Values{"error": {problem}, "error_description": {description}}))
}

// enterFrom finds the account from which a user who is signed in enters the
// application.
func (s *server) enterFrom(c *call, a asked, in auth.UserIn, none bool) error {
	query := clippedQuery(c.QueryParam("q"))
	open, more, why, err := c.store().EntryAccounts(c.ctx(), in.User.Key, a.Application.Key, query)
	if err != nil {
		return err
	}
	if len(open) == 0 && !more && query == "" {
		if none {
			return s.tell(c, a, "access_denied", "the user does not have the application")
		}
		return s.refuseEntry(c, a, in.User, in.Standing.Account, why)
	}
	choice := views.Choice{User: in.User, Accounts: open, More: more, Query: query, Now: s.now(), Toward: s.toward(a), Request: a.token}
	chosen := a.Asks(backoffice.PromptAccount) && !a.asksAccount(in.SignedInUser)
	if id := a.Chosen(in.User.Key); id != "" {
		if there, err := c.store().EntryByID(c.ctx(), in.User.Key, id, a.Application.Key); err != nil || there {
			if err == nil {
				err = s.enterApplication(c, a, in, id, none)
			}
			return err
		}
	}
	if id := a.AccountHint; id != "" && query == "" && !chosen {
		there, err := c.store().EntryByID(c.ctx(), in.User.Key, id, a.Application.Key)
		if err != nil {
			return err
		}
		switch {
		case there && !a.asksAccount(in.SignedInUser) && !a.unassured(in.SignedInUser):
			return s.enterApplication(c, a, in, id, none)
		case there:
			if err := c.named(&choice, a, id); err != nil {
				return err
			}
			if !a.asksAccount(in.SignedInUser) {
				choice.Accounts, choice.More = choice.Accounts[:1], false
			}
		default:
			choice.Problem = "The account that " + a.Application.Name + " named is none of yours that have it."
		}
	} else if !a.asksAccount(in.SignedInUser) && query == "" && !a.unassured(in.SignedInUser) {
		_, refused, err := c.store().Entry(c.ctx(), in.User.Key, in.Standing.Account.Key, a.Application.Key)
		if err != nil {
			return err
		}
		switch {
		case refused == backoffice.EntryOpen:
			return s.enterApplication(c, a, in, in.Standing.Account.ID, none)
		case len(open) == 1 && !more:
			return s.enterApplication(c, a, in, open[0].Account.ID, none)
		}
	}
	if none && a.unassured(in.SignedInUser) {
		return s.tell(c, a, "interaction_required", "")
	}
	if none {
		return s.tell(c, a, "account_selection_required", "")
	}
	return c.gatePage(http.StatusOK, views.EntryPage(s.gate(c, "Choose an account"), choice, ""))
}

// named puts the account that an application named first, where it is chosen by
// Enter; one that the list left out is added.
func (c *call) named(choice *views.Choice, a asked, id string) error {
	choice.Named = id
	i := slices.IndexFunc(choice.Accounts, func(s backoffice.Standing) bool { return s.Account.ID == id })
	if i >= 0 {
		first := choice.Accounts[i]
		choice.Accounts = slices.Insert(slices.Delete(choice.Accounts, i, i+1), 0, first)
		return nil
	}
	account, err := c.store().Account(c.ctx(), id)
	if err != nil {
		return err
	}
	standing, _, err := c.store().Entry(c.ctx(), choice.User.Key, account.Key, a.Application.Key)
	if err == nil {
		choice.Accounts = slices.Insert(choice.Accounts, 0, standing)
	}
	return err
}

// asksAccount reports whether the application wants its user to choose, and they did
// not when they signed in for it.
func (a asked) asksAccount(in backoffice.SignedInUser) bool {
	return a.Asks(backoffice.PromptAccount) && in.ProvedAt.Before(a.CreatedAt)
}

// enterApplication completes a request in an account. The session stays in the one
// that it is in: no link moves somebody elsewhere. What the account asks for beyond
// what the session has, the user shows first.
func (s *server) enterApplication(c *call, a asked, in auth.UserIn, accountID string, none bool) error {
	code, hash := auth.OpenIDCode.New()
	_, err := c.store().CompleteOpenID(c.ctx(), store.OpenIDCompletion{Request: a.hash, Browser: a.browser, Session: in.Hash(), Account: accountID, Code: hash, Address: c.RealIP()})
	forbidden := errors.Is(err, backoffice.ErrForbidden)
	switch {
	case forbidden && none:
		return s.tell(c, a, "login_required", "the account asks for more")
	case forbidden && accountID != in.Standing.Account.ID:
		if err := c.store().RenewOpenID(c.ctx(), a.hash, a.browser); err != nil {
			return err
		}
		return s.signInFor(c, a)
	case forbidden || errors.Is(err, backoffice.ErrNotFound):
		return s.deadRequest(c)
	case err != nil:
		return err
	}
	return c.Redirect(http.StatusSeeOther, s.provider.Answer(a.OpenIDRequest, url.Values{"code": {code}}))
}

// unassured reports whether nobody knows which program asks: one on the user's own
// machine that another could stand for. It gets nothing without the user's doing
// (RFC 8252, section 8.6).
func (a asked) unassured(in backoffice.SignedInUser) bool {
	return a.Application.Kind == backoffice.NativeApplication && !strings.HasPrefix(a.RedirectURI, "https://") && in.ProvedAt.Before(a.CreatedAt)
}

// chooseEntry completes a request in the account that the user chose.
func (s *server) chooseEntry(c *call) error {
	form, err := c.fields("account", "request")
	if err != nil {
		return err
	}
	a, err := s.askedBy(c, form["request"])
	if errors.Is(err, backoffice.ErrNotFound) {
		return s.deadRequest(c)
	}
	if err != nil {
		return err
	}
	in, ok, err := s.users.Current(c.Request())
	if err != nil {
		return err
	}
	if !ok || form["account"] == "" {
		return s.onward(c, a.path())
	}
	there, err := c.store().EntryByID(c.ctx(), in.User.Key, form["account"], a.Application.Key)
	if err != nil {
		return err
	}
	if there {
		if err := c.store().ChooseOpenID(c.ctx(), a.hash, a.browser, in.User.Key, form["account"]); errors.Is(err, backoffice.ErrNotFound) {
			return s.deadRequest(c)
		} else if err != nil {
			return err
		}
	}
	return s.onward(c, a.path())
}

// onward ends the way of a form of ours that leads to an application: browsers hold
// each address on it against the content policy of the page with the form, those to
// which the application leads on as well. The page that answers goes on by itself.
func (s *server) onward(c *call, path string) error {
	page := s.gate(c, "One moment")
	page.Onward = path
	return c.gatePage(http.StatusOK, views.OnwardPage(page))
}

// arrive leads who has signed in to where they were going.
func (s *server) arrive(c *call, next string) error {
	a, ok, err := s.askedFor(c, next)
	switch {
	case err != nil:
		return err
	case ok:
		return s.onward(c, a.path())
	}
	// The link that they were mailed is opened where they read mail, which may be
	// another browser than the one that the application sent them from.
	if from, here, err := s.remembered(c, next); err == nil {
		return c.gatePage(http.StatusOK, views.SignedInElsewherePage(s.gate(c, "You are signed in"), from, here))
	} else if !errors.Is(err, backoffice.ErrNotFound) {
		return err
	}
	if path, _, _ := strings.Cut(next, "?"); path == views.EntryPath {
		next = "/portal"
	}
	return c.Redirect(http.StatusSeeOther, s.safeNext(next, "/portal"))
}

// remembered is the application of a request that does not go on here, where it has
// an address of its own to begin at; here reports whether it was begun in this
// browser. Errors: ErrNotFound.
func (s *server) remembered(c *call, next string) (a backoffice.Application, here bool, err error) {
	path, query, _ := strings.Cut(next, "?")
	values, err := url.ParseQuery(query)
	if path != views.EntryPath || err != nil {
		return a, false, backoffice.ErrNotFound
	}
	hash, _ := auth.OpenIDRequest.Hash(values.Get("request"))
	_, browser, _ := s.openIDBrowser(c)
	a, here, err = c.store().OpenIDRequestApplication(c.ctx(), hash, browser)
	if err == nil && (a.URL == "" || !a.Active) {
		err = backoffice.ErrNotFound
	}
	return a, here, err
}

// enterAsSomebodyElse has the credentials of another user shown for a request; the
// session ends when they are.
func (s *server) enterAsSomebodyElse(c *call) error {
	form, err := c.fields("request")
	if err != nil {
		return err
	}
	a, err := s.askedBy(c, form["request"])
	if errors.Is(err, backoffice.ErrNotFound) {
		return s.deadRequest(c)
	}
	if err == nil {
		err = c.store().RenewOpenID(c.ctx(), a.hash, a.browser)
	}
	if err != nil {
		return err
	}
	a.LoginHint = ""
	s.dropWayIn(c)
	return s.signInFor(c, a)
}

// goOnToApplication is goOnFrom for who is on the way to an application: only the
// accounts that have it are entered. done says that the answer is given.
func (s *server) goOnToApplication(c *call, p store.PendingSignIn, hash []byte) (done bool, err error) {
	a, ok, err := s.askedFor(c, p.Next)
	if err != nil || !ok {
		return err != nil, err
	}
	open, more, why, err := c.store().EntryAccounts(c.ctx(), p.User.Key, a.Application.Key, "")
	if err != nil {
		return true, err
	}
	wanted := a.Chosen(p.User.Key)
	if wanted == "" && !a.Asks(backoffice.PromptAccount) {
		wanted = a.AccountHint
	}
	if wanted != "" {
		if there, err := c.store().EntryByID(c.ctx(), p.User.Key, wanted, a.Application.Key); err != nil || there {
			if err == nil {
				err = s.enter(c, p, hash, wanted)
			}
			return true, err
		}
	}
	switch {
	case len(open) == 1 && !more:
		return true, s.enter(c, p, hash, open[0].Account.ID)
	case len(open) == 0 && !more:
		return true, s.refuseEntry(c, a, p.User, backoffice.AccountRef{}, why)
	}
	return false, nil
}

// showLogout is where an application sends its user to sign out. It does so at once
// only when it shows whom it means: otherwise any page could sign anybody out.
func (s *server) showLogout(c *call) error {
	q := c.QueryParams()
	l, err := s.provider.Logout(c.ctx(), q)
	if err != nil {
		return err
	}
	if l.Refused != "" {
		return s.refuseRequest(c, federation.Refused{Why: l.Refused, Application: l.Application, RedirectURI: q.Get("post_logout_redirect_uri")})
	}
	in, ok, err := s.users.Current(c.Request())
	if err != nil {
		return err
	}
	switch {
	case l.Hinted && (!ok || in.SignIn == l.SignIn && in.User.ID == l.UserID):
		if err := c.store().EndSignIn(c.ctx(), l.UserID, l.SignIn, c.RealIP()); err != nil {
			return err
		}
		fallthrough
	case !ok:
		return s.signedOut(c, l)
	}
	v := views.SignOut{User: in.User, Application: l.Application.Name, ClientID: l.Application.ID, State: q.Get("state")}
	if l.ReturnTo != "" {
		v.ReturnTo = q.Get("post_logout_redirect_uri")
	}
	return c.gatePage(http.StatusOK, views.SignOutPage(s.gate(c, "Sign out"), v))
}

func (s *server) logoutByPost(c *call) error {
	return s.byPost(c, federation.LogoutPath, logoutQueryLimit)
}

// signOutOfApplication ends the session after its user said so.
func (s *server) signOutOfApplication(c *call) error {
	form, err := c.fields("client_id", "post_logout_redirect_uri", "state")
	if err != nil {
		return err
	}
	asked := url.Values{"client_id": {form["client_id"]}, "post_logout_redirect_uri": {form["post_logout_redirect_uri"]}, "state": {form["state"]}}
	l, err := s.provider.Logout(c.ctx(), asked)
	if err != nil {
		return err
	}
	if l.Refused != "" {
		return s.refuseRequest(c, federation.Refused{Why: l.Refused, Application: l.Application, RedirectURI: form["post_logout_redirect_uri"]})
	}
	if l.ReturnTo == "" {
		return s.signedOut(c, l)
	}
	if err := s.users.SignOut(c.Response(), c.Request()); err != nil {
		return err
	}
	c.Response().Header().Set("Clear-Site-Data", `"cache", "storage"`)
	return s.onward(c, federation.LogoutPath+"?"+asked.Encode())
}

// signedOut ends what the browser has of a session, and returns to the application.
func (s *server) signedOut(c *call, l federation.Logout) error {
	if err := s.users.SignOut(c.Response(), c.Request()); err != nil {
		return err
	}
	c.Response().Header().Set("Clear-Site-Data", `"cache", "storage"`)
	if l.ReturnTo != "" {
		return c.Redirect(http.StatusSeeOther, l.ReturnTo)
	}
	return c.gatePage(http.StatusOK, views.SignedOutPage(s.gate(c, "You are signed out")))
}

// deadRequest says that a sign-in to an application cannot go on here.
func (s *server) deadRequest(c *call) error {
	to, lead := ui.ButtonProps{Label: "Go to the portal", Href: s.link("/portal")}, "Go back to the application and begin again."
	var more []ui.ButtonProps
	a, _, err := s.remembered(c, views.EntryOf(c.FormValue("request")))
	switch {
	case err == nil:
		lead, more = "Begin again at "+a.Name+".", []ui.ButtonProps{{Label: to.Label, Href: to.Href, Variant: "outline"}}
		to = ui.ButtonProps{Label: "Open " + a.Name, Href: string(templ.URL(a.URL))}
	case !errors.Is(err, backoffice.ErrNotFound):
		return err
	}
	return c.gatePage(http.StatusNotFound, views.ErrorPage(s.gate(c, "This sign-in cannot go on"), "This sign-in cannot go on",
		"It took longer than half an hour, is done already, or was begun in another browser. "+lead, nil, to, "", more...))
}
