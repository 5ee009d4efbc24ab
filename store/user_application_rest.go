package store

import (
	"slices"
	"strings"
	"time"
)

// What was given by hand to a user in an account is theirs for as long as something
// ties them to it: a membership, or access from above, be it that this rests. When
// nothing does any more it is laid aside, at an instant, and comes back only with
// what was taken away at that instant. What the removal of an application keeps of it
// fares alike, so that the undo gives it to nobody who would not have it otherwise.

// tied is the condition that something ties a user to account a at the instant $n.
func tied(user string, n int) string {
	return ` (EXISTS (SELECT 1 FROM memberships o WHERE o.account_key = a.key AND o.user_key = ` + user + `)
		OR EXISTS (SELECT 1 FROM` + grantTables + `WHERE m.user_key = ` + user + ` AND ` + liesBinned + ` AND ` + grantJoin + ` AND ` + given("m", n) + `)) `
}

// handTables are what was given by hand, and what of it the removal of an application
// keeps.
var handTables = []string{"user_applications", "removed_user_applications"}

// forHand writes a statement for each of them.
func forHand(text func(table string) string) (list []string) {
	for _, table := range handTables {
		list = append(list, text(table))
	}
	return list
}

// restWhere lays aside what was given by hand to those whom nothing ties to its
// account at the instant $1; accounts in the bin are left as they are.
func restWhere(which string) []string {
	return forHand(func(table string) string {
		return `UPDATE ` + table + ` SET rests_at = $1 WHERE rests_at IS NULL AND ` + which + `
		AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.key = ` + table + `.account_key AND (a.deleted_at IS NOT NULL OR ` + tied(table+".user_key", 1) + `))`
	})
}

var (
	restOfUser = restWhere(`user_key = $2`)
	restBelow  = restWhere(`account_key IN (SELECT b.key FROM accounts b WHERE b.key = $2 OR b.parent_key IS NOT NULL AND b.path >= $3 AND b.path < $4)`)
	restEnded  = restWhere(`user_key IN (SELECT m.user_key FROM grants g JOIN memberships m ON m.key = g.membership_key WHERE g.ends_at > 0 AND g.ends_at > $2 AND g.ends_at <= $1)`)
	againOf    = forHand(func(table string) string {
		return `UPDATE ` + table + ` SET rests_at = NULL WHERE user_key = $1 AND rests_at = $2
		AND EXISTS (SELECT 1 FROM accounts a WHERE a.key = ` + table + `.account_key AND (a.deleted_at IS NOT NULL OR ` + tied(table+".user_key", 3) + `))`
	})
)

func (t *tx) eachHand(list []string, args ...any) error {
	for _, text := range list {
		if _, err := t.exec(text, args...); err != nil {
			return err
		}
	}
	return nil
}

// restApplications lays aside what was given by hand to a user in accounts that
// nothing ties them to any more.
func (t *tx) restApplications(user int64) error {
	return t.eachHand(restOfUser, t.now.UnixMicro(), user)
}

// restApplicationsBelow does that for all in an account's branch, after a change of
// the tree there.
func (t *tx) restApplicationsBelow(inside string, root int64) error {
	return t.eachHand(restBelow, t.now.UnixMicro(), root, inside, until(inside))
}

// restLately is how far back the housekeeping looks for access that ended by
// itself: it runs hourly, and after some days away it looks further than that.
const restLately = 7 * 24 * time.Hour

// restExpired does that for all whose access from above ended by itself.
func (t *tx) restExpired() error {
	return t.eachHand(restEnded, t.now.UnixMicro(), t.now.Add(-restLately).UnixMicro())
}

// applicationsAgain gives a user back what was laid aside by the act of an instant,
// in microseconds, where something ties them to the account again.
func (t *tx) applicationsAgain(user, at int64) error {
	return t.eachHand(againOf, user, at, t.now.UnixMicro())
}

// restGone lays aside what in an account is of users whom nothing ties to it now,
// until they come back: with the instant at which they went, if it was after since,
// up to which they had it. application narrows it to one, 0 leaves it open.
func (t *tx) restGone(account, application int64, since time.Time) error {
	args := []any{account, application, t.now.UnixMicro(), since.UnixMicro()}
	back, args, err := t.mayComeBack(account, args)
	if err != nil {
		return err
	}
	return t.eachHand(forHand(func(table string) string {
		return `UPDATE ` + table + ` SET rests_at = COALESCE((SELECT MAX(b.gone) FROM (` + back + `) b WHERE b.user_key = ` + table + `.user_key AND b.gone >= $4), CAST($3 AS BIGINT))
		WHERE account_key = $1 AND (CAST($2 AS BIGINT) = 0 OR application_key = $2) AND rests_at IS NULL
		AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.key = $1 AND ` + tied(table+".user_key", 3) + `)`
	}), args...)
}

const (
	intoByHand = `INSERT INTO user_applications (account_key, application_key, user_key, created_at, rests_at) `
	// nowByHand makes the rows theirs who are here, thenByHand theirs who may come
	// back: they rest until then.
	nowByHand  = ` ON CONFLICT (account_key, application_key, user_key) DO UPDATE SET rests_at = NULL WHERE user_applications.rests_at IS NOT NULL`
	thenByHand = ` ON CONFLICT (account_key, application_key, user_key) DO UPDATE SET rests_at = excluded.rests_at WHERE user_applications.rests_at IS NOT NULL`

	// Memberships that were taken away and may come back, and those of users in the
	// bin: as o, and the instant with which they come back as gone.
	removedMembers = ` o.user_key, o.removed_at AS gone FROM removed_memberships o `
	binnedMembers  = ` o.user_key, u.deleted_at AS gone FROM binned_memberships o JOIN users u ON u.key = o.user_key `
	// restingJoin are the accounts x of these and the access g that they had.
	restingJoin = ` JOIN accounts x ON x.key = o.account_key LEFT JOIN resting_grants g ON g.account_key = o.account_key AND g.user_key = o.user_key `
)

// keepByHand gives everybody whom something ties to an account one of its
// applications by hand, and who may come back as well: a statement for each way to
// be there, however many they are.
func (t *tx) keepByHand(account, application int64) error {
	args := []any{account, application, t.now.UnixMicro()}
	if _, err := t.exec(keepMembers, args...); err != nil {
		return err
	}
	above, err := aboveKeys(t.ctx, t, account)
	if err != nil {
		return err
	}
	if len(above) > 0 {
		// Those above are named by their keys, so that only their members are looked at.
		in, keys := keyList(above, len(args)+1)
		if _, err := t.exec(intoByHand+`SELECT DISTINCT CAST($1 AS BIGINT), CAST($2 AS BIGINT), m.user_key, CAST($3 AS BIGINT), CAST(NULL AS BIGINT)
			FROM accounts x CROSS JOIN memberships m LEFT JOIN grants g ON g.membership_key = m.key WHERE x.key IN (`+in+`) AND `+grantJoin+` AND `+given("m", 3)+nowByHand, append(slices.Clone(args), keys...)...); err != nil {
			return err
		}
	}
	back, args, err := t.mayComeBack(account, args)
	if err != nil {
		return err
	}
	_, err = t.exec(intoByHand+`SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), b.user_key, CAST($3 AS BIGINT), MAX(b.gone) FROM (`+back+`) b WHERE TRUE GROUP BY b.user_key`+thenByHand, args...)
	return err
}

// mayComeBack are the users who may come back into the account $1, as user_key, and
// the instant with which each does, as gone; $3 is now. args get what it takes.
func (t *tx) mayComeBack(account int64, args []any) (string, []any, error) {
	above, err := aboveKeys(t.ctx, t, account)
	if err != nil {
		return "", nil, err
	}
	back := `SELECT` + removedMembers + `WHERE o.account_key = $1 UNION ALL SELECT` + binnedMembers + `WHERE o.account_key = $1`
	if len(above) > 0 {
		in, keys := keyList(above, len(args)+1)
		args = append(slices.Clone(args), keys...)
		for _, of := range []string{removedMembers, binnedMembers} {
			back += ` UNION ALL SELECT` + of + restingJoin + `WHERE x.key IN (` + in + `) AND ` + given("o", 3)
		}
	}
	return back, args, nil
}

const keepMembers = intoByHand + `SELECT m.account_key, CAST($2 AS BIGINT), m.user_key, CAST($3 AS BIGINT), CAST(NULL AS BIGINT) FROM memberships m WHERE m.account_key = $1` + nowByHand

// reaches is the condition that an account has the application $1 because all
// accounts start with it.
func reaches(account string) string {
	return ` NOT EXISTS (SELECT 1 FROM account_applications aa WHERE aa.account_key = ` + account + ` AND aa.application_key = $1 AND (aa.without OR aa.auto_assigned)) `
}

// keepAll are the statements of keepAllByHand. Where access begins is found first,
// and then what lies below, so that each row is looked at that comes of it, and no
// other one.
var keepAll = func() (list []string) {
	const (
		span  = `x.path || x.key || '/' AS low, x.path || x.key || '0' AS high`
		below = ` CROSS JOIN accounts a WHERE a.parent_key IS NOT NULL AND a.path >= w.low AND a.path < w.high AND `
	)
	always := strings.Replace(given("m", 2), "x.sub_access = 'always' OR ", "", 1)
	backTo := `SELECT o.account_key,` + removedMembers + `WHERE` + reaches("o.account_key") + `UNION ALL SELECT o.account_key,` + binnedMembers + `WHERE` + reaches("o.account_key")
	for _, of := range []string{removedMembers, binnedMembers} {
		backTo += `UNION ALL SELECT a.key, w.user_key, w.gone FROM (SELECT ` + span + `,` + of + restingJoin + `WHERE` + given("o", 2) + `) w` + below + reaches("a.key")
	}
	return []string{
		intoByHand + `SELECT m.account_key, CAST($1 AS BIGINT), m.user_key, CAST($2 AS BIGINT), CAST(NULL AS BIGINT) FROM memberships m WHERE` + reaches("m.account_key") +
			`ORDER BY m.account_key, m.user_key` + nowByHand,
		intoByHand + `SELECT DISTINCT a.key, CAST($1 AS BIGINT), w.user_key, CAST($2 AS BIGINT), CAST(NULL AS BIGINT) FROM (
			SELECT m.user_key, ` + span + ` FROM grants g CROSS JOIN memberships m CROSS JOIN accounts x WHERE m.key = g.membership_key AND ` + grantJoin + ` AND ` + always + `
			UNION SELECT m.user_key, ` + span + ` FROM accounts x CROSS JOIN memberships m WHERE x.sub_access = 'always' AND x.deleted_at IS NULL AND ` + grantJoin + ` AND m.status = 'activated') w` +
			below + reaches("a.key") + nowByHand,
		intoByHand + `SELECT b.account_key, CAST($1 AS BIGINT), b.user_key, CAST($2 AS BIGINT), MAX(b.gone) FROM (` + backTo + `) b WHERE TRUE GROUP BY b.account_key, b.user_key` + thenByHand,
	}
}()

// keepAllByHand gives an application by hand to everybody who has it because all
// accounts do, and to who may come back there.
func (t *tx) keepAllByHand(application int64) error {
	for _, text := range keepAll {
		if _, err := t.exec(text, application, t.now.UnixMicro()); err != nil {
			return err
		}
	}
	return nil
}
