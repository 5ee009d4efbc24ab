package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/alexedwards/argon2id"

	"steward/backoffice"
)

// Cost of a hash (security.md, promises): one takes 19 MiB and some 30 ms.
const (
	hashMemory      = 19 << 10 // KiB
	hashIterations  = 2
	hashParallelism = 1
	hashSaltLength  = 16
	hashKeyLength   = 32
)

var (
	// ErrBusy is returned when more people sign in than the machine can hash
	// for: answer 503 and ask to try again.
	ErrBusy = errors.New("auth: too many passwords are being checked")
	// ErrPasswordTooLong is returned before any work is done.
	ErrPasswordTooLong = errors.New("auth: the password has more than 128 characters")
)

// Hasher hashes and verifies passwords by argon2id. At most two hashes per
// core are computed at once, and a short queue waits: what comes on top is
// ErrBusy at once, so that a flood of sign-ins can take neither memory nor
// the time of other pages.
type Hasher struct {
	params argon2id.Params
	slots  chan struct{} // computing
	queue  chan struct{} // computing or waiting
	large  chan struct{} // computing what takes more memory than ours: one at a time
	dummy  string
	calm   *time.Timer
}

// calmAfter is how long nobody signs in before the memory of the hashes goes back
// to the machine: the collector by itself keeps it for minutes.
const calmAfter = 2 * time.Second

// queuePerCore is how many wait for each core: about a quarter of a second.
const queuePerCore = 8

// NewHasher makes a Hasher for a machine with so many cores.
func NewHasher(cores int) *Hasher {
	cores = max(cores, 1)
	h := &Hasher{
		params: argon2id.Params{Memory: hashMemory, Iterations: hashIterations, Parallelism: hashParallelism, SaltLength: hashSaltLength, KeyLength: hashKeyLength},
		slots:  make(chan struct{}, 2*cores),
		queue:  make(chan struct{}, (2+queuePerCore)*cores),
		large:  make(chan struct{}, 1),
	}
	h.calm = time.AfterFunc(calmAfter, func() {
		if len(h.queue) == 0 {
			debug.FreeOSMemory()
		}
	})
	h.calm.Stop()
	// A hash that no password has, made without computing one.
	random := make([]byte, hashSaltLength+hashKeyLength)
	_, _ = rand.Read(random) // never fails
	h.dummy = fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", hashMemory, hashIterations, hashParallelism,
		base64.RawStdEncoding.EncodeToString(random[:hashSaltLength]), base64.RawStdEncoding.EncodeToString(random[hashSaltLength:]))
	return h
}

// Hash makes the text that is stored for a password. The password is brought
// into its NFC form first. Errors: ErrPasswordTooLong, ErrBusy, that of ctx.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if backoffice.PasswordTooLong(password) {
		return "", ErrPasswordTooLong
	}
	leave, err := h.enter(ctx, false)
	if err != nil {
		return "", err
	}
	defer leave()
	return argon2id.CreateHash(backoffice.NormalPassword(password), &h.params)
}

// Verify reports whether the password is the one of a stored hash, of ours or
// of one that was taken over: see backoffice.ParsePasswordHash, which also caps
// what it may cost. Without a hash, as for an address that nobody has, the same
// work is done as for one of ours, and the answer is false. A password that is
// too long is wrong, without work. Where the answer is true and NeedsRehash,
// hash it again. Errors: ErrBusy, that of ctx, and a hash that cannot be read.
func (h *Hasher) Verify(ctx context.Context, password, hash string) (bool, error) {
	if backoffice.PasswordTooLong(password) {
		return false, nil
	}
	known := hash != ""
	if !known {
		hash = h.dummy
	}
	stored, err := backoffice.ParsePasswordHash(hash)
	if err != nil {
		return false, fmt.Errorf("auth: reading a stored hash: %w", err)
	}
	leave, err := h.enter(ctx, memoryOf(stored) > hashMemory)
	if err != nil {
		return false, err
	}
	defer leave()
	normal := backoffice.NormalPassword(password)
	same, err := matches(stored, normal)
	// Other systems hashed what was typed as it came.
	if err == nil && !same && normal != password && !h.ours(stored) {
		same, err = matches(stored, password)
	}
	return same && known, err
}

// NeedsRehash reports whether a stored hash was made by another system or at
// another cost than new ones are: hash again while the password is at hand.
func (h *Hasher) NeedsRehash(hash string) bool {
	stored, err := backoffice.ParsePasswordHash(hash)
	return err != nil || !h.ours(stored)
}

func (h *Hasher) ours(s backoffice.PasswordHash) bool {
	return s.Algorithm == backoffice.Argon2id && s.Memory == h.params.Memory && s.Iterations == h.params.Iterations &&
		s.Parallelism == uint32(h.params.Parallelism) && len(s.Salt) == int(h.params.SaltLength) && len(s.Key) == int(h.params.KeyLength)
}

// enter waits for a turn. What takes more memory than a hash of ours waits
// outside of the slots, so that others go on.
func (h *Hasher) enter(ctx context.Context, large bool) (leave func(), err error) {
	select {
	case h.queue <- struct{}{}:
	default:
		return nil, ErrBusy
	}
	give := func() { <-h.queue }
	if large {
		select {
		case h.large <- struct{}{}:
			give = func() { <-h.large; <-h.queue }
		case <-ctx.Done():
			give()
			return nil, ctx.Err()
		}
	}
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots; give(); h.calm.Reset(calmAfter) }, nil
	case <-ctx.Done():
		give()
		return nil, ctx.Err()
	}
}
