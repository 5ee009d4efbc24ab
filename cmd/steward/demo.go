package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"steward/backoffice"
	"steward/store"
)

type demoCommand struct {
	Accounts int     `help:"How many accounts." default:"1000" placeholder:"N" env:"STEWARD_ACCOUNTS"`
	Seed     uint64  `help:"The same seed, number and instant give the same data." default:"1" placeholder:"S" env:"STEWARD_SEED"`
	At       instant `help:"The instant that the data ends with, RFC 3339; now when left out." placeholder:"TIME" env:"STEWARD_AT"`
	IfEmpty  bool    `help:"End well, without a change, where there are accounts already." env:"STEWARD_IF_EMPTY"`
}

func (c *demoCommand) Run(ctx context.Context, a *app) error {
	if c.Accounts < 1 || c.Accounts > 10_000_000 {
		return usage("--accounts is a number from 1 to 10000000")
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	bar := newProgress(a.stderr, "Making accounts")
	n, err := s.FillDemo(ctx, backoffice.CommandLine(), store.DemoOptions{Accounts: c.Accounts, Seed: c.Seed, At: c.At.Time, Progress: bar.show})
	bar.clear()
	switch {
	case errors.Is(err, store.ErrNotEmpty) && c.IfEmpty:
		return nil
	case err != nil:
		return err
	}
	fmt.Fprintf(a.stdout, "Made %d accounts, %d users, %d memberships, %d visits.\n", n.Accounts, n.Users, n.Memberships, n.Visits)
	return nil
}

// progress is a bar on a terminal, and nothing elsewhere.
type progress struct {
	to    io.Writer
	label string
	last  int
}

func newProgress(to io.Writer, label string) *progress {
	f, ok := to.(*os.File)
	if ok {
		st, err := f.Stat()
		ok = err == nil && st.Mode()&os.ModeCharDevice != 0
	}
	if !ok {
		to = nil
	}
	return &progress{to: to, label: label, last: -1}
}

// show draws how much of the whole is done.
func (p *progress) show(done, total int) {
	const width = 40
	if p.to == nil || total == 0 {
		return
	}
	if percent := done * 100 / total; percent != p.last {
		p.last = percent
		full := percent * width / 100
		fmt.Fprintf(p.to, "\r%s [%s%s] %3d %%", p.label, strings.Repeat("#", full), strings.Repeat(".", width-full), percent)
	}
}

func (p *progress) clear() {
	if p.to != nil && p.last >= 0 {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
}
