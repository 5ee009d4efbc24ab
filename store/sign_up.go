package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"steward/backoffice"
)

// SignUpSettings returns whether people may sign up by themselves.
func (s *Store) SignUpSettings(ctx context.Context) (backoffice.SignUpSettings, error) {
	return signUpSettings(ctx, s.query())
}

func signUpSettings(ctx context.Context, r reader) (v backoffice.SignUpSettings, err error) {
	open, err := setting(ctx, r, "sign-up")
	if err != nil {
		return v, err
	}
	verify, err := setting(ctx, r, "email-verification")
	return backoffice.SignUpSettings{Open: open == "on", Verify: verify != "off"}, err
}

// SaveSignUpSettings opens or closes sign-up, and says whether an address is to
// be proved; who signed up before and has not proved theirs still has to. Each
// switch that changes is an event. Errors: ErrForbidden.
func (s *Store) SaveSignUpSettings(ctx context.Context, actor backoffice.Actor, v backoffice.SignUpSettings) error {
	return s.update(ctx, actor, func(t *tx) error {
		if err := t.mayStill(backoffice.WriteSettings); err != nil {
			return err
		}
		before, err := signUpSettings(t.ctx, t)
		if err != nil {
			return err
		}
		word := map[bool]string{true: "on", false: "off"}
		change := func(name, label string, was, is bool, actions map[bool]string) error {
			if was == is {
				return nil
			}
			if err := t.setSetting(name, word[is]); err != nil {
				return err
			}
			return t.record(event{action: actions[is], kind: "settings", id: name, name: label,
				before: map[string]any{"on": was}, after: map[string]any{"on": is}})
		}
		if err := change("sign-up", "Sign-up", before.Open, v.Open, map[bool]string{true: "settings.sign-up-opened", false: "settings.sign-up-closed"}); err != nil {
			return err
		}
		return change("email-verification", "E-mail verification", before.Verify, v.Verify,
			map[bool]string{true: "settings.verification-demanded", false: "settings.verification-not-demanded"})
	})
}

// SignedUp is what came of a sign-up.
type SignedUp struct {
	// User is who was made; its Key is 0 where a user had the address already.
	User backoffice.User
	// Mailed: what comes next stands in a mail. Otherwise the user may enter.
	Mailed bool
}

// SignUp makes an account with its first user, who has the roles of one and the
// password of the hash. Where verification is on they are Not active until
// UseVerifyLink; mint makes the link that is mailed, which leads on to next. Where a user has the address
// already nothing is made, and a mail tells its owner. Errors: ErrNotFound while
// sign-up is closed, Problems (email, name, account).
func (s *Store) SignUp(ctx context.Context, n backoffice.NewSignUp, passwordHash, address, next string, mint backoffice.Mint) (out SignedUp, err error) {
	n, problems := n.Clean()
	if err := problems.Err(); err != nil {
		return out, err
	}
	email := backoffice.Email(n.Email)
	err = s.update(ctx, backoffice.System(), func(t *tx) error {
		settings, err := signUpSettings(t.ctx, t)
		if err != nil {
			return err
		}
		if !settings.Open {
			return backoffice.ErrNotFound
		}
		u, err := readUser(t.ctx, t, selectUserByEmail, n.Email)
		if err == nil {
			out = SignedUp{Mailed: true}
			return t.signUpAgain(u, next, mint)
		}
		if !errors.Is(err, backoffice.ErrNotFound) {
			return err
		}
		now := t.now.Truncate(time.Microsecond)
		if u, err = t.ensureUser(email, n.Name, now); err != nil {
			return err
		}
		t.actor = backoffice.Actor{Kind: backoffice.ActorUser, Key: u.Key, ID: u.ID, Name: u.Name, Email: u.Email, Address: address}
		a := backoffice.Account{ID: newAccountID(), Name: n.Account, CreatedAt: now, Metadata: "{}", Version: 1, MetadataVersion: 1,
			PrimaryUserKey: u.Key, PrimaryUserID: u.ID, PrimaryEmail: u.Email, CompanyDomain: backoffice.IsCompanyDomain(email.Domain())}
		if err := t.insertAccount(&a); err != nil {
			return err
		}
		roles, err := grantables(t.ctx, t, a.Key)
		if err != nil {
			return err
		}
		var keys []int64
		for _, r := range slices.DeleteFunc(roles, func(r storedRole) bool { return !r.FirstUser }) {
			keys = append(keys, r.key)
		}
		status := backoffice.PendingLogin
		if settings.Verify {
			status = backoffice.NotActive
		}
		if _, err := t.insertMembership(membership{account: a.Key, user: u.Key, status: status, createdAt: now}, a.CreatedAt, keys); err != nil {
			return err
		}
		if err := t.keepPassword(u.Key, passwordHash); err != nil {
			return err
		}
		if err := t.record(event{action: "account.created", kind: "account", id: a.ID, name: a.Name, accountKey: a.Key, after: accountPayload(a)}); err != nil {
			return err
		}
		if err := t.record(event{action: "user.signed-up", kind: "user", id: u.ID, name: userLabel(u.Name, u.Email), accountKey: a.Key,
			after: map[string]any{"email": u.Email, "account": a.Name, "status": status}}); err != nil {
			return err
		}
		out = SignedUp{User: u, Mailed: settings.Verify}
		if settings.Verify {
			return t.mailLink(LinkVerify, u, u.Email, next, mint)
		}
		return nil
	})
	return out, err
}

// signUpAgain answers a sign-up with an address that a user has: who has not
// proved it since their own sign-up gets the link again, everybody else is told.
// Nothing of the user changes, not even the password: the one who signs up may be
// anybody.
func (t *tx) signUpAgain(u backoffice.User, next string, mint backoffice.Mint) error {
	if u.Locked {
		return nil
	}
	var waits bool
	if err := t.get(`SELECT EXISTS (SELECT 1 FROM memberships m JOIN accounts a ON a.key = m.account_key AND a.deleted_at IS NULL
		WHERE m.user_key = $1 AND m.status = $2)`, u.Key, string(backoffice.NotActive)).Scan(&waits); err != nil {
		return err
	}
	if waits && !u.Verified {
		return t.mailLink(LinkVerify, u, u.Email, next, mint)
	}
	_, err := t.mail(backoffice.Mail{Kind: backoffice.MailKnown, To: u.Email, MailContent: backoffice.MailContent{Name: u.Name}})
	return err
}

// UseVerifyLink proves the address of who signed up by themselves. The caller has
// compared their password: that and the mailed link together show that who signed
// up is who reads the mail, so the credentials stay (security.md, T-21). A change
// of the password kills the link, so it is the same one still. Errors:
// ErrNotFound, also for a user who is locked.
func (s *Store) UseVerifyLink(ctx context.Context, link []byte, userKey int64, address string) (l MailedLink, err error) {
	err = s.update(ctx, backoffice.System(), func(t *tx) error {
		if l, err = t.useLink(LinkVerify, link); err != nil {
			return err
		}
		if l.User.Locked || l.User.Key != userKey || l.User.Email != l.Email {
			return backoffice.ErrNotFound
		}
		t.actor = backoffice.Actor{Kind: backoffice.ActorUser, Key: l.User.Key, ID: l.User.ID, Name: l.User.Name, Email: l.User.Email, Address: address}
		return t.verifyUser(&l.User)
	})
	return l, err
}
