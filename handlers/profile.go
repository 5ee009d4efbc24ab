package handlers

import (
	"context"
	"net/http"
	"strings"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

func (s *server) profileRoutes() []portalRoute {
	const (
		get, post = http.MethodGet, http.MethodPost
	)
	return []portalRoute{
		{get, "/profile", anyUser, s.showProfile},
		{post, "/profile/name", anyUser, s.saveOwnName},
		{post, "/profile/password", anyUser, s.changeOwnPassword},
		{post, "/profile/sessions/end", anyUser, s.endOwnSessions},
		{post, "/profile/sessions/:id/end", anyUser, s.endOwnSession},
		{post, "/profile/application-sign-ins/:application/end", anyUser, s.leaveApplication},
		{post, "/profile/theme", anyUser, s.saveTheme},
	}
}

// profile draws the page of one's own person; what was typed and refused comes
// with p.
func (s *server) profile(c *call, status int, p views.Profile) error {
	page, err := c.portal("Profile", "")
	if err != nil {
		return err
	}
	p.Page, p.In, p.Now = page, c.in.SignedInUser, s.now()
	if p.Name == "" && p.Problems["name"] == "" {
		p.Name = c.in.User.Name
	}
	if p.Sessions, err = c.store().UserSessions(c.ctx(), c.actor.Key); err != nil {
		return err
	}
	if p.Applications, err = c.store().ApplicationSignIns(c.ctx(), c.actor.Key); err != nil {
		return err
	}
	if _, hash, err := c.store().UserCredentials(c.ctx(), c.actor.Email); err != nil {
		return err
	} else {
		p.HasPassword = hash != ""
	}
	desk := mfaDesk{s, false}
	v, err := desk.scene(c)
	if err != nil {
		return err
	}
	p.Factors = views.ProfileMFA(page, desk.view(v))
	return c.render(status, page, views.ProfilePage(p))
}

func (s *server) showProfile(c *call) error { return s.profile(c, http.StatusOK, views.Profile{}) }

func (s *server) saveOwnName(c *call) error {
	form, err := c.fields("name")
	if err != nil {
		return err
	}
	err = c.store().RenameUser(c.ctx(), c.actor, c.actor.ID, form["name"])
	if p, ok := problemsOf(err); ok {
		return s.profile(c, http.StatusUnprocessableEntity, views.Profile{Name: form["name"], Problems: p})
	}
	if err != nil {
		return err
	}
	return c.saved("/profile", ui.ToastProps{Text: "Name saved."}, nil)
}

// changeOwnPassword asks for the current password, as often as sign-in would;
// then every other session ends and this one gets a new token.
func (s *server) changeOwnPassword(c *call) error {
	arrived := time.Now()
	form, err := c.fields("current", "password", "again")
	if err != nil {
		return err
	}
	refuse := func(status int, p backoffice.Problems) error { return s.profile(c, status, views.Profile{Problems: p}) }
	problems := s.newUserPassword(c.in.Policy, form["password"], form["again"], c.actor.Email, c.actor.Account.Name)
	if form["current"] == "" {
		problems.Add("current", "Enter the password that you have.")
	}
	if len(problems) > 0 {
		return refuse(http.StatusUnprocessableEntity, problems)
	}
	attempt, _, err := s.userAttempt(c, c.actor.Email)
	if err != nil {
		return err
	}
	user, verified, verdict, err := s.checkUserPassword(c.ctx(), attempt, c.actor.Email, form["current"])
	switch {
	case err != nil:
		return err
	case !verdict.Allowed:
		c.Response().Header().Set("Retry-After", retrySeconds(verdict.RetryAfter))
		return refuse(http.StatusTooManyRequests, backoffice.Problems{"current": tooMany(verdict)})
	case user.Key != c.actor.Key:
		if err := s.Wait(c.ctx(), auth.FailureWait(arrived, time.Now())); err != nil {
			return err
		}
		return refuse(http.StatusUnprocessableEntity, backoffice.Problems{"current": "That is not your password."})
	}
	if err := s.throttle.Succeeded(c.ctx(), attempt); err != nil {
		return err
	}
	if again, err := s.usedBefore(c.ctx(), c.actor.Key, form["password"], c.in.Policy.History); err != nil {
		return err
	} else if again != "" {
		return refuse(http.StatusUnprocessableEntity, backoffice.Problems{"password": again})
	}
	hash, err := s.hasher.Hash(c.ctx(), form["password"])
	if err != nil {
		return err
	}
	if err := c.store().SetUserPassword(c.ctx(), c.actor, c.actor.Key, verified, hash, c.in.Hash()); err != nil {
		return err
	}
	if err := s.users.Rotate(c.Response(), c.Request(), false); err != nil {
		return err
	}
	return c.saved("/profile", ui.ToastProps{Text: "Password changed. Your other sessions were ended."}, nil)
}

// newUserPassword says what is wrong with a password typed twice, under the
// policy in force.
func (s *server) newUserPassword(policy backoffice.Policy, password, again, email, accountName string) backoffice.Problems {
	problems := backoffice.Problems{}
	if password == "" {
		problems.Add("password", "Enter a password.")
	} else if wrong := backoffice.CheckPassword(policy.Complexity, password, backoffice.Email(canonical(email)), accountName); len(wrong) > 0 {
		problems.Add("password", strings.Join(wrong, " "))
	} else if again != password {
		problems.Add("again", "The two are not the same.")
	}
	return problems
}

// usedBefore says that a password is the present one or one of those that the
// policy's history refuses, "" when it is not. Each comparison costs a hash, of
// which the policy can ask for ten.
func (s *server) usedBefore(ctx context.Context, user int64, password string, history int) (string, error) {
	hashes, err := s.Store.PasswordHistory(ctx, user, history)
	if err != nil {
		return "", err
	}
	for i, hash := range hashes {
		same, err := s.hasher.Verify(ctx, password, hash)
		if err != nil {
			return "", err
		}
		switch {
		case same && i == 0:
			return "That is the password you have.", nil
		case same:
			return "You have used that password before. Your last " + ui.Number(history) + " passwords are refused.", nil
		}
	}
	return "", nil
}

// endOwnSession ends one of one's own sessions; the current one is signed out.
func (s *server) endOwnSession(c *call) error {
	id := c.Param("id")
	if id == c.actor.Session {
		return s.signOutUser(c)
	}
	if err := c.store().EndUserSession(c.ctx(), c.actor, c.actor.Key, id); err != nil {
		return err
	}
	return c.saved("/profile#sessions", ui.ToastProps{Text: "Session ended."}, nil)
}

// endOwnSessions signs out everywhere, here too.
func (s *server) endOwnSessions(c *call) error {
	if _, err := c.store().EndUserSessions(c.ctx(), c.actor, c.actor.Key, nil); err != nil {
		return err
	}
	return s.signOutUser(c)
}
