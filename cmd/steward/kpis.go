package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"steward/backoffice"
)

type kpisCommand struct {
	At   instant `help:"As of this instant, RFC 3339; now when left out." placeholder:"TIME" env:"STEWARD_AT"`
	JSON bool    `help:"Print JSON." name:"json" env:"STEWARD_JSON"`
}

// instant is an RFC 3339 time on the command line; the zero time when left out.
type instant struct{ time.Time }

func (i *instant) UnmarshalText(b []byte) error {
	t, err := time.Parse(time.RFC3339, string(b))
	if err != nil {
		return fmt.Errorf("%q is not an instant such as 2026-11-20T12:00:00Z", b)
	}
	i.Time = t.UTC()
	return nil
}

func (c *kpisCommand) Run(ctx context.Context, a *app) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	var k backoffice.KPIs
	if c.At.IsZero() {
		k, err = s.KPIs(ctx)
	} else {
		k, err = s.KPIsAt(ctx, c.At.Time)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(kpisJSON{At: k.At.Format(time.RFC3339Nano), figuresJSON: figures(k.Now), Previous: figures(k.Previous)})
	}
	fmt.Fprintf(a.stdout, "As of %s\n\n%-27s %12s %12s\n", k.At.Format(time.RFC3339), "", "now", "previous")
	line := func(name, now, then string) { fmt.Fprintf(a.stdout, "%-27s %12s %12s\n", name, now, then) }
	whole := func(n int64) string { return strconv.FormatInt(n, 10) }
	line("New accounts", whole(k.Now.NewAccounts), whole(k.Previous.NewAccounts))
	line("Active accounts", whole(k.Now.ActiveAccounts), whole(k.Previous.ActiveAccounts))
	line("Average users per account", string(fourDecimals(k.Now)), string(fourDecimals(k.Previous)))
	line("Company-domain accounts", whole(k.Now.CompanyAccounts), whole(k.Previous.CompanyAccounts))
	return nil
}

type figuresJSON struct {
	New     int64       `json:"new_accounts_7d"`
	Active  int64       `json:"active_accounts_30d"`
	Average json.Number `json:"average_users_per_account"`
	Company int64       `json:"company_domain_accounts"`
}

type kpisJSON struct {
	At string `json:"at"`
	figuresJSON
	Previous figuresJSON `json:"previous"`
}

func figures(f backoffice.Figures) figuresJSON {
	return figuresJSON{f.NewAccounts, f.ActiveAccounts, fourDecimals(f), f.CompanyAccounts}
}

func fourDecimals(f backoffice.Figures) json.Number {
	return json.Number(strconv.FormatFloat(f.AverageUsers(), 'f', 4, 64))
}
