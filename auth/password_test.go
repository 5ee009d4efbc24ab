package auth

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
)

func TestHashAndVerify(t *testing.T) {
	h, ctx := NewHasher(1), context.Background()
	hash, err := h.Hash(ctx, "fu\u0308nfzehn Zeichen")
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatal(hash, err)
	}
	for password, want := range map[string]bool{"fünfzehn Zeichen": true, "fu\u0308nfzehn Zeichen": true, "Fünfzehn Zeichen": false, "": false} {
		if ok, err := h.Verify(ctx, password, hash); ok != want || err != nil {
			t.Errorf("%q: %v, %v", password, ok, err)
		}
	}
	if again, _ := h.Hash(ctx, "fünfzehn Zeichen"); again == hash {
		t.Error("two hashes of one password are equal")
	}
	if h.NeedsRehash(hash) {
		t.Error("a fresh hash needs no other")
	}
	weak, _ := argon2id.CreateHash("x", &argon2id.Params{Memory: 1024, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if !h.NeedsRehash(weak) || !h.NeedsRehash("nonsense") {
		t.Error("a weak hash has to go")
	}
	if ok, err := h.Verify(ctx, "x", weak); !ok || err != nil {
		t.Error("an older hash is still good")
	}
}

func TestAttack_T33_AnUnknownAddressCostsTheSameWork(t *testing.T) {
	h := NewHasher(1)
	params, _, key, err := argon2id.DecodeHash(h.dummy)
	if err != nil || *params != h.params || len(key) != hashKeyLength {
		t.Fatalf("the stand-in costs something else: %+v, %v", params, err)
	}
	if ok, err := h.Verify(context.Background(), "any password", ""); ok || err != nil {
		t.Error(ok, err)
	}
	// The work is seen by the slot that it takes, not by the clock.
	h.slots <- struct{}{}
	h.slots <- struct{}{}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.Verify(ctx, "any password", ""); !errors.Is(err, context.Canceled) {
		t.Error("an unknown address was answered without work")
	}
}

func TestAttack_T50_HashingIsBounded(t *testing.T) {
	h, ctx := NewHasher(1), context.Background()
	big := strings.Repeat("x", 1<<20)
	// All slots are taken: what answers now did no work.
	h.slots <- struct{}{}
	h.slots <- struct{}{}
	if ok, err := h.Verify(ctx, big, ""); ok || err != nil {
		t.Error("a password of a megabyte was hashed")
	}
	if _, err := h.Hash(ctx, big); !errors.Is(err, ErrPasswordTooLong) {
		t.Error(err)
	}
	for range cap(h.queue) {
		h.queue <- struct{}{}
	}
	if _, err := h.Verify(ctx, "password", ""); !errors.Is(err, ErrBusy) {
		t.Error("the queue has no end:", err)
	}
	if _, err := h.Hash(ctx, "password"); !errors.Is(err, ErrBusy) {
		t.Error("the queue has no end:", err)
	}
	for range cap(h.queue) {
		<-h.queue
	}
	ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if _, err := h.Verify(ctx, "password", ""); !errors.Is(err, context.DeadlineExceeded) || len(h.queue) != 0 {
		t.Error("who gave up still waits:", err, len(h.queue))
	}
	<-h.slots
	<-h.slots

	// Many at once: every one is answered, right or busy, and nothing is
	// left taken.
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			if ok, err := h.Verify(context.Background(), "password", ""); ok || err != nil && !errors.Is(err, ErrBusy) {
				t.Error(ok, err)
			}
		})
	}
	all.Wait()
	if len(h.slots) != 0 || len(h.queue) != 0 {
		t.Error("slots were lost")
	}
}

func TestStoredHashesOfAnyCostAreNotComputed(t *testing.T) {
	h := NewHasher(1)
	const tail = "$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b+dWRWJTmaaJObGRdescudvJCs"
	for _, hash := range []string{
		"$argon2id$v=19$m=4194304,t=2,p=1" + tail, "$argon2id$v=19$m=19456,t=4000000,p=1" + tail,
		"$argon2id$v=19$m=19456,t=2,p=255" + tail, "$argon2id$v=19$m=19456,t=0,p=1" + tail, "$argon2id$v=19$m=19456,t=2,p=0" + tail,
		"$argon2d$v=19$m=19456,t=2,p=1" + tail, "plain", "$argon2id$v=19$m=19456,t=2,p=1$$",
	} {
		if ok, err := h.Verify(context.Background(), "x", hash); ok || err == nil {
			t.Errorf("%s: %v", hash, ok)
		}
	}
}
