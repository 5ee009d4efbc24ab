package backoffice

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// HashAlgorithm is how a stored password was hashed.
type HashAlgorithm string

// The algorithms whose hashes are taken over from other systems (product.md,
// section 13). Ours is Argon2id.
const (
	Argon2i      HashAlgorithm = "argon2i"
	Argon2id     HashAlgorithm = "argon2id"
	Scrypt       HashAlgorithm = "scrypt"
	PBKDF2SHA1   HashAlgorithm = "pbkdf2-sha1"
	PBKDF2SHA256 HashAlgorithm = "pbkdf2-sha256"
	PBKDF2SHA512 HashAlgorithm = "pbkdf2-sha512"
	Bcrypt       HashAlgorithm = "bcrypt"
)

// Caps on what it may cost to check one password against a hash that was not
// made here. They hold in an import, where a row above them is refused, and
// again before anything is computed. None takes longer than some 300 ms on an
// ordinary core, since a failed sign-in is answered after 500 ms whether the
// address is known or not (T-33), nor more memory than MaxHashMemory (T-50).
const (
	// MaxHashMemory is in KiB.
	MaxHashMemory = 64 << 10
	// MaxHashTraffic is what argon2 writes: its memory in KiB × its passes.
	MaxHashTraffic = 256 << 10
	// MaxHashParallelism is of argon2 and scrypt.
	MaxHashParallelism = 16
	// MaxPBKDF2 is the number of iterations × the blocks of the derived key.
	MaxPBKDF2 = 1_000_000
	// MaxPBKDF2SHA512 likewise: its blocks cost more.
	MaxPBKDF2SHA512 = 500_000
	// MaxBcryptCost is the exponent.
	MaxBcryptCost = 12
)

// Lengths in bytes of what a hash is made of.
const (
	maxHashText = 512
	minHashKey  = 16
	maxHashKey  = 64
	maxHashSalt = 128
)

// PasswordHash is a stored hash, read.
type PasswordHash struct {
	Algorithm   HashAlgorithm
	Memory      uint32 // KiB; of argon2
	Iterations  uint32 // of argon2 and pbkdf2; the exponent of bcrypt
	Parallelism uint32 // of argon2 and scrypt
	LogN        uint32 // of scrypt
	BlockSize   uint32 // of scrypt: its r
	Salt, Key   []byte // empty for bcrypt, whose text is handed on as it is
	Text        string
}

const badHash Refusal = "This is no hash that is known: write a PHC string of argon2, scrypt or pbkdf2, or bcrypt’s own form."

// ParsePasswordHash reads a stored hash: PHC strings such as
// $argon2id$v=19$m=65536,t=3,p=4$salt$hash, $scrypt$ln=15,r=8,p=1$salt$hash and
// $pbkdf2-sha256$i=29000$salt$hash, passlib's $pbkdf2-sha256$29000$salt$hash in
// its alphabet (https://passlib.readthedocs.io), and bcrypt's $2a$, $2b$ and
// $2y$. The error is a Refusal, also for a cost above the caps.
func ParsePasswordHash(text string) (PasswordHash, error) {
	h := PasswordHash{Text: text}
	if len(text) > maxHashText || !strings.HasPrefix(text, "$") {
		return h, badHash
	}
	parts := strings.Split(text[1:], "$")
	switch parts[0] {
	case "2a", "2b", "2y":
		return parseBcrypt(h, parts)
	case "argon2i", "argon2id":
		return parseArgon2(h, parts)
	case "argon2d":
		return h, Refusal("argon2d is not taken: it is not made for passwords.")
	case "scrypt":
		return parseScrypt(h, parts)
	case "pbkdf2":
		return parsePBKDF2(h, PBKDF2SHA1, parts)
	case "pbkdf2-sha1", "pbkdf2-sha256", "pbkdf2-sha512":
		return parsePBKDF2(h, HashAlgorithm(parts[0]), parts)
	}
	return h, badHash
}

// parameters reads "m=65536,t=3,p=4" for exactly the names given, in any order.
func parameters(text string, names ...string) (values []uint32, ok bool) {
	values = make([]uint32, len(names))
	seen := 0
	for _, part := range strings.Split(text, ",") {
		name, value, found := strings.Cut(part, "=")
		at := -1
		for i, n := range names {
			if n == name && values[i] == 0 {
				at = i
			}
		}
		n, err := strconv.ParseUint(value, 10, 31)
		if !found || at < 0 || err != nil || n == 0 || strconv.FormatUint(n, 10) != value {
			return nil, false
		}
		values[at] = uint32(n)
		seen++
	}
	return values, seen == len(names)
}

// decodeHash reads base64 as these strings write it: without padding, and in
// passlib's alphabet with a dot for the plus.
func decodeHash(text string) ([]byte, bool) {
	b, err := base64.RawStdEncoding.Strict().DecodeString(strings.ReplaceAll(strings.TrimRight(text, "="), ".", "+"))
	return b, err == nil
}

// saltAndKey reads the two last parts.
func (h *PasswordHash) saltAndKey(salt, key string) error {
	var ok bool
	if h.Salt, ok = decodeHash(salt); !ok || len(h.Salt) > maxHashSalt {
		return badHash
	}
	if h.Key, ok = decodeHash(key); !ok || len(h.Key) < minHashKey || len(h.Key) > maxHashKey {
		return Refusal("The hash has " + counted(len(h.Key), "byte") + ", not " + number(minHashKey) + " to " + number(maxHashKey) + ".")
	}
	return nil
}

func tooDear(what string, most string) Refusal {
	return Refusal("The hash costs too much to check: " + what + " may be at most " + most + ".")
}

func parseArgon2(h PasswordHash, parts []string) (PasswordHash, error) {
	h.Algorithm = HashAlgorithm(parts[0])
	if len(parts) != 5 {
		return h, badHash
	}
	if parts[1] != "v=19" {
		return h, Refusal("Only version 19 of argon2 is taken.")
	}
	p, ok := parameters(parts[2], "m", "t", "p")
	if !ok {
		return h, badHash
	}
	h.Memory, h.Iterations, h.Parallelism = p[0], p[1], p[2]
	switch {
	case h.Memory > MaxHashMemory:
		return h, tooDear("m", number(MaxHashMemory))
	case h.Parallelism > MaxHashParallelism:
		return h, tooDear("p", number(MaxHashParallelism))
	case uint64(h.Memory)*uint64(h.Iterations) > MaxHashTraffic:
		return h, tooDear("m × t", number(MaxHashTraffic))
	case h.Memory < 8*h.Parallelism:
		return h, badHash
	}
	return h, h.saltAndKey(parts[3], parts[4])
}

func parseScrypt(h PasswordHash, parts []string) (PasswordHash, error) {
	h.Algorithm = Scrypt
	if len(parts) != 4 {
		return h, badHash
	}
	p, ok := parameters(parts[1], "ln", "r", "p")
	if !ok {
		return h, badHash
	}
	h.LogN, h.BlockSize, h.Parallelism = p[0], p[1], p[2]
	// One of p takes 128 × N × r bytes, and is as much work.
	if h.LogN > 24 || h.BlockSize > 1024 || h.Parallelism > MaxHashParallelism ||
		uint64(h.BlockSize)*uint64(h.Parallelism)<<h.LogN > MaxHashMemory<<10/128 {
		return h, tooDear("128 × N × r × p", number(MaxHashMemory)+" KiB")
	}
	return h, h.saltAndKey(parts[2], parts[3])
}

func parsePBKDF2(h PasswordHash, algorithm HashAlgorithm, parts []string) (PasswordHash, error) {
	h.Algorithm = algorithm
	if len(parts) != 4 {
		return h, badHash
	}
	count := parts[1]
	if !strings.Contains(count, "=") { // as passlib writes it
		count = "i=" + count
	}
	p, ok := parameters(count, "i")
	length := uint32(0)
	if !ok {
		if p, ok = parameters(count, "i", "l"); !ok {
			return h, badHash
		}
		length = p[1]
	}
	h.Iterations = p[0]
	if err := h.saltAndKey(parts[2], parts[3]); err != nil {
		return h, err
	}
	if length != 0 && int(length) != len(h.Key) {
		return h, badHash
	}
	digest, most := 20, uint64(MaxPBKDF2)
	switch algorithm {
	case PBKDF2SHA256:
		digest = 32
	case PBKDF2SHA512:
		digest, most = 64, MaxPBKDF2SHA512
	}
	if blocks := (len(h.Key) + digest - 1) / digest; uint64(h.Iterations)*uint64(blocks) > most {
		return h, tooDear("the iterations", number(int(most)/blocks))
	}
	return h, nil
}

const bcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func parseBcrypt(h PasswordHash, parts []string) (PasswordHash, error) {
	h.Algorithm = Bcrypt
	if len(parts) != 3 || len(parts[1]) != 2 || len(parts[2]) != 53 || strings.Trim(parts[2], bcryptAlphabet) != "" {
		return h, badHash
	}
	cost, err := strconv.ParseUint(parts[1], 10, 8)
	if err != nil || cost < 4 || cost > 31 || parts[1][0] == '+' {
		return h, badHash
	}
	for i := range len(parts[2]) {
		if strings.IndexByte(bcryptAlphabet, parts[2][i]) < 0 {
			return h, badHash
		}
	}
	if h.Iterations = uint32(cost); cost > MaxBcryptCost {
		return h, tooDear("the cost", number(MaxBcryptCost))
	}
	return h, nil
}
