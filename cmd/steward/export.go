package main

import (
	"bufio"
	"context"
	"net/url"
	"strings"

	"steward/backoffice"
)

type exportCommand struct {
	What  string `arg:"" enum:"accounts,users,visits" help:"accounts, users or visits."`
	Query string `help:"Which accounts, as in the address of the accounts page: \"q=acme&active=30d\"." placeholder:"QUERY" env:"STEWARD_QUERY"`
}

func (c *exportCommand) Run(ctx context.Context, a *app) error {
	_, query, found := strings.Cut(c.Query, "?")
	if !found {
		query = c.Query
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return usage("--query is written as in the address of the accounts page, such as \"q=acme&active=30d\": %w", err)
	}
	q, ignored := backoffice.ParseAccountQuery(values)
	if len(ignored) > 0 {
		i := ignored[0]
		return usage("--query: %s=%s is no filter of the accounts page: %s", i.Name, i.Value, i.Reason)
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	out := bufio.NewWriterSize(a.stdout, 64<<10)
	if err := s.Export(ctx, out, backoffice.ImportKind(c.What), q.AccountFilter); err != nil {
		return err
	}
	return out.Flush()
}
