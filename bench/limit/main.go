// Command limit answers with the accounts page from a file of Steward's, at /users
// with the page of users, and does nothing else: no sign-in, no authorisation, no
// log, one statement for the rows, one for the counters. What a page costs at
// least is measured by it.
package main

import (
	"bytes"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"log"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/a-h/templ"
	"github.com/klauspost/compress/gzip"
	_ "github.com/mattn/go-sqlite3"

	"steward/backoffice"
	"steward/static"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

const selectRows = `SELECT COALESCE(group_concat(concat_ws(char(31), c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12), char(30)), '') FROM (
	SELECT a.key AS c0, a.id AS c1, a.name AS c2, a.created_at AS c3, a.is_reseller AS c4, COALESCE(p.id, '') AS c5, COALESCE(p.name, '') AS c6,
		a.primary_email AS c7, e.users AS c8, e.visits AS c9, e.last_visit_at AS c10, e.recent_day AS c11, COALESCE(hex(e.recent), '') AS c12
	FROM accounts a CROSS JOIN engagement e ON e.account_key = a.key LEFT JOIN accounts p ON p.key = a.parent_key
	WHERE a.deleted_at IS NULL ORDER BY a.created_at DESC, a.key DESC LIMIT 51)`

const selectTotals = `SELECT accounts, company, memberships FROM kpi_totals`

type limit struct {
	rows, totals *sql.Stmt
	view         views.AccountsView
	users        *users
}

func main() {
	file := flag.String("database", "", "SQLite file of Steward's")
	addr := flag.String("addr", "127.0.0.1:8090", "address to listen on")
	flag.Parse()
	l, err := open(*file)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(*addr, l))
}

func open(file string) (*limit, error) {
	ctx := context.Background()
	s, err := store.Open(ctx, file, store.Options{MustExist: true, NoMigrate: true})
	if err != nil {
		return nil, err
	}
	l := &limit{}
	totals := store.Totals{}
	if l.view.KPIs, totals, err = s.Dashboard(ctx); err != nil {
		return nil, err
	}
	page, err := s.Accounts(ctx, backoffice.AccountFilter{}, "")
	if err != nil {
		return nil, err
	}
	if l.users, err = openUsers(ctx, s); err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	q, _ := backoffice.ParseAccountQuery(nil)
	l.view.Query, l.view.List, l.view.Accounts = q, page, totals.Accounts
	l.view.MayWrite, l.view.MayImport = true, true
	l.view.Page = views.Page{Title: "Accounts", Env: "Production", Assets: static.Root(), Theme: "system", Path: views.AccountsPath,
		Actor: views.Actor{Name: "bench@steward.example", Email: "bench@steward.example", Role: backoffice.Owner.Label()},
		Nav:   views.Navigation("", views.PartAccounts, views.NavCounts{Accounts: ui.Number(totals.Accounts)})}
	db, err := sql.Open("sqlite3", "file:"+file+"?_query_only=1&_busy_timeout=10000")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)
	if l.rows, err = db.Prepare(selectRows); err != nil {
		return nil, err
	}
	if l.totals, err = db.Prepare(selectTotals); err != nil {
		return nil, err
	}
	return l, l.users.prepare(ctx, db)
}

var (
	buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	writers = sync.Pool{New: func() any { w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed); return w }}
)

func (l *limit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	render := l.render
	if r.URL.Path == "/users" {
		render = l.users.render
	}
	if err := render(b); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Write(b.Bytes())
		return
	}
	small := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(small)
	small.Reset()
	z := writers.Get().(*gzip.Writer)
	z.Reset(small)
	z.Write(b.Bytes())
	z.Close()
	writers.Put(z)
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Set("Content-Length", strconv.Itoa(small.Len()))
	w.Write(small.Bytes())
}

func (l *limit) render(b *bytes.Buffer) error {
	ctx := context.Background()
	v := l.view
	v.Now = time.Now().UTC()
	if err := l.totals.QueryRowContext(ctx).Scan(&v.KPIs.Now.Accounts, &v.KPIs.Now.CompanyAccounts, &v.KPIs.Now.Memberships); err != nil {
		return err
	}
	var err error
	if v.List.Rows, err = l.list(ctx, backoffice.DayOf(v.Now)); err != nil {
		return err
	}
	return views.Layout(v.Page).Render(templ.WithChildren(ctx, views.AccountsPage(v)), b)
}

func (l *limit) list(ctx context.Context, today backoffice.Day) ([]backoffice.AccountRow, error) {
	var text string
	if err := l.rows.QueryRowContext(ctx).Scan(&text); err != nil {
		return nil, err
	}
	out := make([]backoffice.AccountRow, 0, backoffice.PageSize)
	for len(text) > 0 && len(out) < backoffice.PageSize {
		var line string
		line, text, _ = strings.Cut(text, "\x1e")
		var f [13]string
		for i := range f {
			f[i], line, _ = strings.Cut(line, "\x1f")
		}
		r := backoffice.AccountRow{ID: f[1], Name: f[2], CreatedAt: time.UnixMicro(number(f[3])).UTC(), IsReseller: f[4] == "1", ParentID: f[5], ParentName: f[6], PrimaryEmail: f[7]}
		r.Users, r.Visits, r.LastVisit = number(f[8]), number(f[9]), backoffice.FromMicros(number(f[10]))
		if shift := int(today - backoffice.Day(number(f[11]))); len(f[12]) == 4*backoffice.RecentDays {
			for i := range r.Recent {
				if j := i + shift; j >= 0 && j < backoffice.RecentDays {
					low, _ := strconv.ParseUint(f[12][4*j:4*j+2], 16, 8)
					r.Recent[i] = uint16(low)
				}
			}
		}
		out = append(out, r)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no accounts")
	}
	return out, nil
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}
