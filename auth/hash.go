package auth

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"

	"steward/backoffice"
)

// matches computes what a password hashes to in the way of a stored hash, and
// compares the two in constant time.
func matches(s backoffice.PasswordHash, password string) (bool, error) {
	var key []byte
	var err error
	length := len(s.Key)
	switch s.Algorithm {
	case backoffice.Argon2id:
		key = argon2.IDKey([]byte(password), s.Salt, s.Iterations, s.Memory, uint8(s.Parallelism), uint32(length))
	case backoffice.Argon2i:
		key = argon2.Key([]byte(password), s.Salt, s.Iterations, s.Memory, uint8(s.Parallelism), uint32(length))
	case backoffice.Scrypt:
		key, err = scrypt.Key([]byte(password), s.Salt, 1<<s.LogN, int(s.BlockSize), int(s.Parallelism), length)
	case backoffice.PBKDF2SHA1:
		key, err = derive(sha1.New, password, s)
	case backoffice.PBKDF2SHA256:
		key, err = derive(sha256.New, password, s)
	case backoffice.PBKDF2SHA512:
		key, err = derive(sha512.New, password, s)
	case backoffice.SHA256Crypt, backoffice.SHA512Crypt:
		key = shaCrypt(s, password)
	case backoffice.SHA1:
		key = saltedSum(sha1.New(), password, s.Salt)
	case backoffice.SHA256:
		key = saltedSum(sha256.New(), password, s.Salt)
	case backoffice.SHA512:
		key = saltedSum(sha512.New(), password, s.Salt)
	case backoffice.Bcrypt:
		// Beyond its 72 bytes bcrypt reads nothing, wherever it runs.
		err = bcrypt.CompareHashAndPassword([]byte(s.Text), []byte(password))
		if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
			return false, nil
		}
		return err == nil, wrapHash(err)
	default:
		err = errors.New("an algorithm that is not known")
	}
	if err != nil {
		return false, wrapHash(err)
	}
	return subtle.ConstantTimeCompare(key, s.Key) == 1, nil
}

func derive[H hash.Hash](h func() H, password string, s backoffice.PasswordHash) ([]byte, error) {
	return pbkdf2.Key(h, password, s.Salt, int(s.Iterations), len(s.Key))
}

func saltedSum(h hash.Hash, password string, salt []byte) []byte {
	h.Write([]byte(password))
	h.Write(salt)
	return h.Sum(nil)
}

func wrapHash(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("auth: checking a stored hash: %w", err)
}

// memoryOf is what checking a hash takes, in KiB.
func memoryOf(s backoffice.PasswordHash) uint32 {
	if s.Algorithm == backoffice.Scrypt {
		return s.BlockSize << s.LogN >> 3 // × 128 bytes
	}
	return s.Memory
}
