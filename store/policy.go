package store

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"steward/backoffice"
)

// policyColumns are the settings of a policy, one column each. A setting that
// is new is a line here, a lever in backoffice, and a column.
var policyColumns = columns[backoffice.PolicyRules]{
	{"complexity", func(r *backoffice.PolicyRules) any { return optionalComplexity{&r.Complexity} }},
	{"mfa_enabled", func(r *backoffice.PolicyRules) any { return optionalBool{&r.MFAEnabled} }},
	{"mfa_force", func(r *backoffice.PolicyRules) any { return optionalInt[backoffice.MFAForce]{&r.MFAForce} }},
	{"mfa_methods", func(r *backoffice.PolicyRules) any { return optionalInt[backoffice.MFAMethods]{&r.MFAMethods} }},
	{"remember_days", func(r *backoffice.PolicyRules) any { return optionalInt[int]{&r.RememberDays} }},
	{"idle_minutes", func(r *backoffice.PolicyRules) any { return optionalInt[int]{&r.IdleMinutes} }},
	{"absolute_minutes", func(r *backoffice.PolicyRules) any { return optionalInt[int]{&r.AbsoluteMinutes} }},
	{"max_sessions", func(r *backoffice.PolicyRules) any { return optionalInt[int]{&r.MaxSessions} }},
	{"lockout_attempts", func(r *backoffice.PolicyRules) any { return optionalInt[int]{&r.LockoutAttempts} }},
	{"lockout_minutes", func(r *backoffice.PolicyRules) any { return optionalInt[int]{&r.LockoutMinutes} }},
	{"history", func(r *backoffice.PolicyRules) any { return optionalInt[int]{&r.History} }},
}

var (
	selectPolicy = `SELECT version, ` + policyColumns.names("") + ` FROM policies WHERE account_key = $1`
	upsertPolicy = `INSERT INTO policies (` + policyColumns.names("") + fmt.Sprintf(`, account_key, version) VALUES (`+policyColumns.params(1)+
		`, $%d, 1) ON CONFLICT (account_key) DO UPDATE SET version = policies.version + 1, `, len(policyColumns)+1) + policyColumns.set(1)
)

// optionalInt stores a setting that is a number; NULL inherits.
type optionalInt[T ~int] struct{ o *backoffice.Optional[T] }

func (o optionalInt[T]) Scan(v any) error {
	n, err := asInt(v)
	*o.o = backoffice.Optional[T]{V: T(n), Set: v != nil}
	return err
}

func (o optionalInt[T]) Value() (driver.Value, error) {
	if !o.o.Set {
		return nil, nil
	}
	return int64(o.o.V), nil
}

type optionalBool struct{ o *backoffice.Optional[bool] }

func (o optionalBool) Scan(v any) error {
	*o.o = backoffice.Optional[bool]{Set: v != nil}
	switch v := v.(type) {
	case nil:
	case bool:
		o.o.V = v
	case int64:
		o.o.V = v != 0
	default:
		return fmt.Errorf("%T where a truth value was expected", v)
	}
	return nil
}

func (o optionalBool) Value() (driver.Value, error) {
	if !o.o.Set {
		return nil, nil
	}
	return o.o.V, nil
}

// optionalComplexity stores a length and classes in one number.
type optionalComplexity struct {
	o *backoffice.Optional[backoffice.Complexity]
}

func (o optionalComplexity) Scan(v any) error {
	n, err := asInt(v)
	*o.o = backoffice.Optional[backoffice.Complexity]{Set: v != nil}
	o.o.V.MinLength, o.o.V.Classes = int(n>>4), backoffice.Classes(n&15)
	return err
}

func (o optionalComplexity) Value() (driver.Value, error) {
	if !o.o.Set {
		return nil, nil
	}
	return int64(o.o.V.MinLength)<<4 | int64(o.o.V.Classes&15), nil
}

// PolicyState is the security policy at one place: what it has laid down
// itself, and what holds there.
type PolicyState struct {
	Account   backoffice.AccountRef // zero for the environment
	Ancestors []backoffice.AccountRef
	Own       backoffice.PolicyRules
	Version   int64 // of Own; 0 before anything was laid down
	InForce   backoffice.InForce
	Inherited backoffice.InForce // what would hold without Own

	environment backoffice.PolicyRules
	above       []backoffice.NamedRules
}

// policyRow reads the rules of one account, or with key 0 of the environment.
func policyRow(ctx context.Context, r reader, key int64) (rules backoffice.PolicyRules, version int64, err error) {
	err = r.row(ctx, selectPolicy, key).Scan(append([]any{&version}, policyColumns.scan(&rules)...)...)
	if errors.Is(err, backoffice.ErrNotFound) {
		return backoffice.PolicyRules{}, 0, nil
	}
	return rules, version, err
}

// laidDown is one row of policies.
type laidDown struct {
	key, version int64
	rules        backoffice.PolicyRules
}

// policyRows reads the rules of several accounts at once, by their keys; who
// has laid down nothing is not among them.
func policyRows(ctx context.Context, r reader, keys []any) (map[int64]laidDown, error) {
	marks := make([]byte, 0, 5*len(keys))
	for i := range keys {
		if i > 0 {
			marks = append(marks, ", "...)
		}
		marks = strconv.AppendInt(append(marks, '$'), int64(i+1), 10)
	}
	rows, err := r.rows(ctx, `SELECT account_key, version, `+policyColumns.names("")+` FROM policies WHERE account_key IN (`+string(marks)+`)`, keys...)
	list, err := collect(rows, err, func(r rowScanner) (l laidDown, err error) {
		err = r.Scan(append([]any{&l.key, &l.version}, policyColumns.scan(&l.rules)...)...)
		return
	})
	laid := make(map[int64]laidDown, len(list))
	for _, l := range list {
		laid[l.key] = l
	}
	return laid, err
}

// EnvironmentPolicy returns the environment's default.
func (s *Store) EnvironmentPolicy(ctx context.Context) (PolicyState, error) {
	return environmentPolicy(ctx, s.query())
}

func environmentPolicy(ctx context.Context, r reader) (PolicyState, error) {
	rules, version, err := policyRow(ctx, r, 0)
	return PolicyState{Own: rules, Version: version, InForce: backoffice.Resolve(rules, nil, backoffice.NamedRules{}),
		Inherited: backoffice.Resolve(backoffice.PolicyRules{}, nil, backoffice.NamedRules{})}, err
}

// PolicyOf returns the policy of the account with the ID, resolved through its
// ancestors and the environment. Errors: ErrNotFound, also for what is in the
// bin.
func (s *Store) PolicyOf(ctx context.Context, accountID string) (PolicyState, error) {
	return policyOf(ctx, s.query(), accountID)
}

func policyOf(ctx context.Context, r reader, accountID string) (p PolicyState, err error) {
	p.Account.ID = accountID
	var sub bool
	if err := r.row(ctx, `SELECT key, name, parent_key IS NOT NULL FROM accounts WHERE id = $1 AND deleted_at IS NULL`, accountID).Scan(&p.Account.Key, &p.Account.Name, &sub); err != nil {
		return p, err
	}
	if sub {
		if p.Ancestors, err = ancestors(ctx, r, p.Account.Key); err != nil {
			return p, err
		}
	}
	keys := []any{int64(0), p.Account.Key}
	for _, a := range p.Ancestors {
		keys = append(keys, a.Key)
	}
	laid, err := policyRows(ctx, r, keys)
	if err != nil {
		return p, err
	}
	p.environment, p.Own, p.Version = laid[0].rules, laid[p.Account.Key].rules, laid[p.Account.Key].version
	p.above = make([]backoffice.NamedRules, len(p.Ancestors))
	for i, a := range p.Ancestors {
		p.above[i] = backoffice.NamedRules{ID: a.ID, Name: a.Name, Rules: laid[a.Key].rules}
	}
	p.Inherited, p.InForce = p.Try(backoffice.PolicyRules{}), p.Try(p.Own)
	return p, nil
}

// Try says what would hold with other rules of its own.
func (p PolicyState) Try(rules backoffice.PolicyRules) backoffice.InForce {
	if p.Account.Key == 0 {
		return backoffice.Resolve(rules, nil, backoffice.NamedRules{})
	}
	return backoffice.Resolve(p.environment, p.above, backoffice.NamedRules{ID: p.Account.ID, Name: p.Account.Name, Rules: rules})
}

// Check says what may not be saved. A setting that stays as it is is not
// refused: what stands above may have become stricter since, and then holds.
func (p PolicyState) Check(rules backoffice.PolicyRules) backoffice.Problems {
	if p.Account.Key == 0 {
		return backoffice.ValidateEnvironment(rules)
	}
	changed := rules
	for _, s := range backoffice.Settings() {
		if same(s, p.Own, rules) {
			changed = changed.Reset(s)
		}
	}
	return backoffice.Validate(changed, p.Inherited)
}

func same(s backoffice.Setting, a, b backoffice.PolicyRules) bool {
	return a.IsSet(s) == b.IsSet(s) && a.Show(s) == b.Show(s)
}

// SavePolicy lays down what an account demands. Version is that of the rules as
// they were read. Errors: ErrNotFound, Problems (the settings' names,
// backoffice.FieldMinLength, backoffice.FieldClasses), ErrConflict when somebody
// else saved meanwhile.
func (s *Store) SavePolicy(ctx context.Context, actor backoffice.Actor, accountID string, rules backoffice.PolicyRules, version int64) error {
	return s.update(ctx, actor, func(t *tx) error {
		before, err := policyOf(t.ctx, t, accountID)
		if err != nil {
			return err
		}
		return t.savePolicy(before, rules, version)
	})
}

// SaveEnvironmentPolicy lays down the environment's default. Errors: Problems,
// ErrConflict.
func (s *Store) SaveEnvironmentPolicy(ctx context.Context, actor backoffice.Actor, rules backoffice.PolicyRules, version int64) error {
	return s.update(ctx, actor, func(t *tx) error {
		before, err := environmentPolicy(t.ctx, t)
		if err != nil {
			return err
		}
		return t.savePolicy(before, rules, version)
	})
}

// ResetSetting makes an account inherit a setting again; with an empty account
// ID the environment returns to the default of a new installation. Errors:
// ErrNotFound, Problems, ErrConflict.
func (s *Store) ResetSetting(ctx context.Context, actor backoffice.Actor, accountID string, setting backoffice.Setting, version int64) error {
	return s.update(ctx, actor, func(t *tx) (err error) {
		var before PolicyState
		if accountID == "" {
			before, err = environmentPolicy(t.ctx, t)
		} else {
			before, err = policyOf(t.ctx, t, accountID)
		}
		if err != nil {
			return err
		}
		return t.savePolicy(before, before.Own.Reset(setting), version)
	})
}

// savePolicy writes the rules of one place. Units of work take turns, so that
// what was read as before is what is replaced.
func (t *tx) savePolicy(before PolicyState, rules backoffice.PolicyRules, version int64) error {
	if before.Version != version {
		return backoffice.ErrConflict
	}
	if err := before.Check(rules).Err(); err != nil {
		return err
	}
	if rules == before.Own {
		return nil
	}
	if _, err := t.exec(upsertPolicy, policyColumns.values(&rules, before.Account.Key)...); err != nil {
		return err
	}
	b, a, err := changedSettings(before.Own, rules)
	if err != nil {
		return err
	}
	e := event{action: "policy.changed", kind: "account", id: before.Account.ID, name: before.Account.Name, accountKey: before.Account.Key, before: b, after: a}
	if before.Account.Key == 0 {
		e.action, e.kind, e.id, e.name = "policy.environment-changed", "environment", "environment", "Environment"
	}
	return t.record(e)
}

// changedSettings leaves of two sets of rules the settings that differ, null
// where one inherits.
func changedSettings(before, after backoffice.PolicyRules) (b, a map[string]json.RawMessage, err error) {
	b, a = map[string]json.RawMessage{}, map[string]json.RawMessage{}
	for _, side := range []struct {
		rules backoffice.PolicyRules
		out   *map[string]json.RawMessage
	}{{before, &b}, {after, &a}} {
		text, err := json.Marshal(side.rules)
		if err != nil {
			return nil, nil, err
		}
		if err := json.Unmarshal(text, side.out); err != nil {
			return nil, nil, err
		}
	}
	for k := range b {
		if string(b[k]) == string(a[k]) {
			delete(b, k)
			delete(a, k)
		}
	}
	return b, a, nil
}
