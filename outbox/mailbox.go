package outbox

import (
	"context"
	"slices"
	"sync"

	"steward/backoffice"
)

// kept is how many letters the mailbox remembers.
const kept = 200

// Mailbox keeps letters in memory instead of sending them, for development.
type Mailbox struct {
	mu      sync.Mutex
	letters []backoffice.Letter
}

// Send puts a letter into the box; the oldest go.
func (b *Mailbox) Send(_ context.Context, l backoffice.Letter) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.letters = append(b.letters, l); len(b.letters) > kept {
		b.letters = slices.Delete(b.letters, 0, len(b.letters)-kept)
	}
	return nil
}

// Letters returns what is in the box, the newest first.
func (b *Mailbox) Letters() []backoffice.Letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := slices.Clone(b.letters)
	slices.Reverse(out)
	return out
}
