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

// A stored hash that would cost more than this was not made here, and is not
// computed.
const (
	maxHashMemory      = 256 << 10 // KiB
	maxHashIterations  = 16
	maxHashParallelism = 16
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
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	return argon2id.CreateHash(backoffice.NormalPassword(password), &h.params)
}

// Verify reports whether the password is the one of a stored hash. Without a
// hash, as for an address that nobody has, the same work is done and the
// answer is false. A password that is too long is wrong, without work. Errors:
// ErrBusy, that of ctx, and a hash that cannot be read.
func (h *Hasher) Verify(ctx context.Context, password, hash string) (bool, error) {
	if backoffice.PasswordTooLong(password) {
		return false, nil
	}
	known := hash != ""
	if !known {
		hash = h.dummy
	}
	params, _, key, err := argon2id.DecodeHash(hash)
	if err != nil {
		return false, fmt.Errorf("auth: reading a stored hash: %w", err)
	}
	if params.Memory > maxHashMemory || params.Iterations > maxHashIterations || params.Parallelism > maxHashParallelism ||
		params.Iterations < 1 || params.Parallelism < 1 || len(key) < 16 || len(key) > 64 {
		return false, errors.New("auth: a stored hash states a cost outside the limits")
	}
	leave, err := h.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	same, err := argon2id.ComparePasswordAndHash(backoffice.NormalPassword(password), hash)
	return same && known, err
}

// NeedsRehash reports whether a stored hash was made at another cost than new
// ones are: hash again while the password is at hand.
func (h *Hasher) NeedsRehash(hash string) bool {
	params, _, _, err := argon2id.DecodeHash(hash)
	return err != nil || *params != h.params
}

func (h *Hasher) enter(ctx context.Context) (leave func(), err error) {
	select {
	case h.queue <- struct{}{}:
	default:
		return nil, ErrBusy
	}
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots; <-h.queue; h.calm.Reset(calmAfter) }, nil
	case <-ctx.Done():
		<-h.queue
		return nil, ctx.Err()
	}
}
