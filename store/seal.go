package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// KeySize is the length in bytes of the key that seals secrets.
const KeySize = 32

// ErrNoKey is returned where a secret would have to be sealed or opened and the
// database was opened without a key.
var ErrNoKey = errors.New("no key file was given: secrets can neither be written nor read")

// sealer keeps what must be readable again, such as the secrets of authenticator
// apps, unreadable to whoever has the database without the key file (product.md,
// section 12). AES-256-GCM; the purpose is authenticated, so that what was
// sealed for one cannot be put in the place of another.
type sealer struct{ aead cipher.AEAD }

func newSealer(key []byte) (sealer, error) {
	if key == nil {
		return sealer{}, nil
	}
	if len(key) != KeySize {
		return sealer{}, fmt.Errorf("the key has %d bytes, not %d", len(key), KeySize)
	}
	// What is sealed never shares a key with what may be signed by the same file.
	derived := sha256.Sum256(append([]byte("steward seal\x00"), key...))
	block, err := aes.NewCipher(derived[:])
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCM(block)
	return sealer{aead}, err
}

// seal returns the secret sealed for a purpose. Errors: ErrNoKey.
func (s sealer) seal(purpose string, secret []byte) ([]byte, error) {
	if s.aead == nil {
		return nil, ErrNoKey
	}
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(secret)+s.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return s.aead.Seal(nonce, nonce, secret, []byte(purpose)), nil
}

// open gives back what seal was given. Errors: ErrNoKey; another one when it was
// sealed by another key, for another purpose, or is damaged.
func (s sealer) open(purpose string, sealed []byte) ([]byte, error) {
	if s.aead == nil {
		return nil, ErrNoKey
	}
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return nil, errors.New("a sealed secret is cut short")
	}
	secret, err := s.aead.Open(nil, sealed[:n], sealed[n:], []byte(purpose))
	if err != nil {
		return nil, errors.New("a sealed secret does not open: it was sealed with another key file, or is damaged")
	}
	return secret, nil
}
