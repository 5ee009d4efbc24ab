package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"steward/backoffice"
	"steward/static"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

const selectUsers = `SELECT COALESCE(group_concat(concat_ws(char(31), c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11), char(30)), '') FROM (
	SELECT u.key AS c0, u.id AS c1, u.email AS c2, u.name AS c3, u.created_at AS c4, u.verified AS c5, u.locked AS c6, u.factors AS c7,
		e.accounts AS c8, e.days AS c9, e.last_visit_at AS c10, e.roles AS c11
	FROM users u CROSS JOIN user_engagement e ON e.user_key = u.key
	WHERE u.deleted_at IS NULL ORDER BY u.created_at DESC, u.key DESC LIMIT 51)`

const selectUserTotals = `SELECT users, accounts, company FROM kpi_totals`

// users answers with the page of users, as limit does with that of accounts.
type users struct {
	rows, totals *sql.Stmt
	view         views.UsersView
	roles        map[string]backoffice.Role // by the keys that rows name
}

// openUsers reads of the store what is the same for each request.
func openUsers(ctx context.Context, s *store.Store) (*users, error) {
	u := &users{}
	v := &u.view
	var err error
	if v.Users, err = s.UserKPIs(ctx); err != nil {
		return nil, err
	}
	var totals store.Totals
	if v.KPIs, totals, err = s.Dashboard(ctx); err != nil {
		return nil, err
	}
	if v.List, err = s.Users(ctx, backoffice.UserFilter{}, ""); err != nil {
		return nil, err
	}
	if v.Roles, err = s.RolesToGive(ctx); err != nil {
		return nil, err
	}
	v.Accounts, v.MayWrite = totals.Accounts, true
	v.Page = views.Page{Title: "Users", Env: "Production", Assets: static.Root(), Theme: "system", Path: views.UsersPath,
		Actor: views.Actor{Name: "bench@steward.example", Email: "bench@steward.example", Role: backoffice.Owner.Label()},
		Nav:   views.Navigation("", views.PartUsers, views.NavCounts{Accounts: ui.Number(totals.Accounts)})}
	return u, nil
}

// prepare makes the statements.
func (u *users) prepare(ctx context.Context, db *sql.DB) (err error) {
	if u.rows, err = db.Prepare(selectUsers); err != nil {
		return err
	}
	if u.totals, err = db.Prepare(selectUserTotals); err != nil {
		return err
	}
	rows, err := db.QueryContext(ctx, `SELECT CAST(key AS TEXT), id FROM roles`)
	if err != nil {
		return err
	}
	defer rows.Close()
	u.roles = map[string]backoffice.Role{}
	for rows.Next() {
		var key, id string
		if err := rows.Scan(&key, &id); err != nil {
			return err
		}
		for _, r := range u.view.Roles {
			if r.ID == id {
				u.roles[key] = r
			}
		}
	}
	return rows.Err()
}

func (u *users) render(b *bytes.Buffer) error {
	ctx := context.Background()
	v := u.view
	v.Now = time.Now().UTC()
	if err := u.totals.QueryRowContext(ctx).Scan(&v.Users.Now.Users, &v.KPIs.Now.Accounts, &v.KPIs.Now.CompanyAccounts); err != nil {
		return err
	}
	var err error
	if v.List.Rows, err = u.list(ctx); err != nil {
		return err
	}
	return views.Layout(v.Page).Render(templ.WithChildren(ctx, views.UsersPage(v)), b)
}

func (u *users) list(ctx context.Context) ([]backoffice.UserRow, error) {
	var text string
	if err := u.rows.QueryRowContext(ctx).Scan(&text); err != nil {
		return nil, err
	}
	out := make([]backoffice.UserRow, 0, backoffice.PageSize)
	for len(text) > 0 && len(out) < backoffice.PageSize {
		var line string
		line, text, _ = strings.Cut(text, "\x1e")
		var f [12]string
		for i := range f {
			f[i], line, _ = strings.Cut(line, "\x1f")
		}
		r := backoffice.UserRow{}
		r.ID, r.Email, r.Name, r.CreatedAt, r.Verified, r.Locked = f[1], f[2], f[3], time.UnixMicro(number(f[4])).UTC(), f[5] == "1", f[6] == "1"
		r.Factors = backoffice.MFAMethods(number(f[7]))
		r.Accounts, r.Days, r.LastVisit = number(f[8]), number(f[9]), backoffice.FromMicros(number(f[10]))
		held := make([]backoffice.Role, 0, 4)
		for key := range strings.FieldsSeq(f[11]) {
			held = append(held, u.roles[key])
		}
		slices.SortFunc(held, func(a, b backoffice.Role) int { return a.Level - b.Level })
		for _, role := range held {
			r.Roles = append(r.Roles, role.Name)
		}
		out = append(out, r)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no users")
	}
	return out, nil
}
