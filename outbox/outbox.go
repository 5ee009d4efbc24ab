// Package outbox owns what leaves the machine. Mail is written into the database
// beside the change that it tells of; a Worker takes it from there, hands it to a
// mail server, and notes what became of it. Nobody waits for a mail server.
package outbox

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"steward/backoffice"
)

// Box is where mail waits.
type Box interface {
	// LeaseMail hands out the mail that is due next, for one attempt of at most
	// backoffice.MailLease. It returns backoffice.ErrNotFound when nothing is due.
	LeaseMail(ctx context.Context) (backoffice.Mail, error)
	// SentMail and FailedMail end an attempt.
	SentMail(ctx context.Context, key int64, lease string) error
	FailedMail(ctx context.Context, key int64, lease, reason string) error
}

// Sender delivers a letter. Its error is written for staff and holds no secret.
type Sender interface {
	Send(ctx context.Context, l backoffice.Letter) error
}

// Worker sends what is due, as long as it runs.
type Worker struct {
	Box    Box
	Sender Sender
	// Write makes the letter of a mail, with its links and its words.
	Write func(backoffice.Mail) (backoffice.Letter, error)
	Log   *slog.Logger
	// Every is how often it looks for what is due; a second when zero.
	Every time.Duration
}

const (
	// atOnce is how many letters are under way at most: one server that stalls
	// does not hold up the others.
	atOnce = 4
	// graceful is how long a letter under way may take to its end while the
	// server ends.
	graceful = 5 * time.Second
)

// Run sends mail until the context ends, and returns when nothing is under way.
func (w *Worker) Run(ctx context.Context) {
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() { w.loop(ctx) })
	}
	all.Wait()
}

func (w *Worker) loop(ctx context.Context) {
	every := w.Every
	if every == 0 {
		every = time.Second
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	failing := false
	for {
		for ctx.Err() == nil {
			sent, err := w.one(ctx)
			if err != nil && ctx.Err() == nil && !failing {
				w.Log.Error("the outbox cannot be worked on; it is tried again", "error", err)
			}
			if failing = err != nil; !sent {
				break
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// one makes one attempt; ok is false when nothing was due.
func (w *Worker) one(ctx context.Context) (ok bool, err error) {
	m, err := w.Box.LeaseMail(ctx)
	if errors.Is(err, backoffice.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	letter, err := w.Write(m)
	if err == nil {
		send, cancel := lingering(ctx)
		err = w.Sender.Send(send, letter)
		cancel()
	}
	// What happened is noted, also while the server ends.
	note := context.WithoutCancel(ctx)
	if err == nil {
		return true, w.Box.SentMail(note, m.Key, m.Lease)
	}
	w.Log.Warn("a mail was not sent", "mail", m.ID, "kind", string(m.Kind), "attempt", m.Attempts, "error", err)
	return true, w.Box.FailedMail(note, m.Key, m.Lease, err.Error())
}

// lingering ends a while after ctx.
func lingering(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(graceful, cancel) })
	return out, func() { stop(); cancel() }
}
