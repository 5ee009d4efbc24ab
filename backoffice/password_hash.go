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
	SHA256Crypt  HashAlgorithm = "sha256-crypt" // $5$ of crypt(3)
	SHA512Crypt  HashAlgorithm = "sha512-crypt" // $6$
	// One sum of the password and what salt there is, as directories keep it.
	SHA1   HashAlgorithm = "sha"
	SHA256 HashAlgorithm = "sha256"
	SHA512 HashAlgorithm = "sha512"
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
	// MaxSHACryptRounds is of both SHA-crypts. Each round also reads the password,
	// and the longest that may be typed, 512 bytes, costs seven times a short one.
	MaxSHACryptRounds = 150_000
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
	Iterations  uint32 // of argon2, pbkdf2 and SHA-crypt; the exponent of bcrypt
	Parallelism uint32 // of argon2 and scrypt
	LogN        uint32 // of scrypt
	BlockSize   uint32 // of scrypt: its r
	// Salt and Key are empty for bcrypt, whose text is handed on as it is, and as
	// they are spelled, not decoded, for SHA-crypt.
	Salt, Key []byte
	Text      string
}

const badHash Refusal = "This is no hash that is known: write a PHC string of argon2, scrypt or pbkdf2, bcrypt’s own form, crypt’s $5$ or $6$, or {SHA256} or {SSHA256} with base64, likewise of SHA and SHA512."

// ParsePasswordHash reads a stored hash: PHC strings such as
// $argon2id$v=19$m=65536,t=3,p=4$salt$hash, $scrypt$ln=15,r=8,p=1$salt$hash and
// $pbkdf2-sha256$i=29000$salt$hash, passlib's $pbkdf2-sha256$29000$salt$hash in
// its alphabet (https://passlib.readthedocs.io), bcrypt's $2a$, $2b$ and $2y$,
// SHA-crypt's $5$ and $6$, and what directories keep as userPassword: {SSHA256}
// with the base64 of sum and salt, see schemes. The error is a Refusal, also for a
// cost above the caps.
func ParsePasswordHash(text string) (PasswordHash, error) {
	h := PasswordHash{Text: text}
	if len(text) > maxHashText {
		return h, badHash
	}
	if scheme, rest, ok := cutScheme(text); ok {
		if scheme != "CRYPT" {
			return parseDirectory(h, scheme, rest)
		}
		text, h.Text = rest, rest
	}
	if !strings.HasPrefix(text, "$") {
		return h, badHash
	}
	parts := strings.Split(text[1:], "$")
	switch parts[0] {
	case "2a", "2b", "2y":
		return parseBcrypt(h, parts)
	case "argon2i", "argon2id":
		return parseArgon2(h, parts)
	case "5", "6":
		return parseSHACrypt(h, parts)
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

// schemes are those of RFC 2307 and of the directories after it. A name without
// the second S has no salt. SHA-1 is among them, since it is what most directories
// have: how fast a sum is guessed differs little between the three, and none
// outlives its user's first sign-in here.
var schemes = map[string]struct {
	algorithm HashAlgorithm
	length    int
	salted    bool
}{
	"SHA": {SHA1, 20, false}, "SHA256": {SHA256, 32, false}, "SHA512": {SHA512, 64, false},
	"SSHA": {SHA1, 20, true}, "SSHA256": {SHA256, 32, true}, "SSHA512": {SHA512, 64, true},
}

// cutScheme reads "{SSHA256}…"; names of schemes have no case.
func cutScheme(text string) (scheme, rest string, ok bool) {
	inner, found := strings.CutPrefix(text, "{")
	scheme, rest, ok = strings.Cut(inner, "}")
	return strings.ToUpper(scheme), rest, ok && found
}

// parseDirectory reads the base64 of a sum with its salt behind it.
func parseDirectory(h PasswordHash, scheme, text string) (PasswordHash, error) {
	kind, known := schemes[scheme]
	b, ok := decodeHash(text)
	if !known || !ok || strings.Contains(text, ".") {
		return h, badHash
	}
	h.Algorithm = kind.algorithm
	switch salt := len(b) - kind.length; {
	case kind.salted && (salt < 1 || salt > maxHashSalt):
		return h, Refusal("The hash has " + counted(len(b), "byte") + ", not " + number(kind.length) + " and those of a salt.")
	case !kind.salted && salt != 0:
		return h, Refusal("The hash has " + counted(len(b), "byte") + ", not " + number(kind.length) + ".")
	}
	h.Key, h.Salt = b[:kind.length:kind.length], b[kind.length:]
	return h, nil
}

// What SHA-crypt does without a number, the least it does, and its longest salt.
const (
	shaCryptRounds    = 5000
	minSHACryptRounds = 1000
	maxSHACryptSalt   = 16
)

func parseSHACrypt(h PasswordHash, parts []string) (PasswordHash, error) {
	length := 43
	if h.Algorithm = SHA256Crypt; parts[0] == "6" {
		h.Algorithm, length = SHA512Crypt, 86
	}
	h.Iterations = shaCryptRounds
	if len(parts) == 4 {
		p, ok := parameters(parts[1], "rounds")
		if !ok || p[0] < minSHACryptRounds {
			return h, badHash
		}
		h.Iterations, parts = p[0], parts[1:]
	}
	if len(parts) != 3 || len(parts[1]) > maxSHACryptSalt || len(parts[2]) != length || !spelled(parts[1]+parts[2], CryptAlphabet) {
		return h, badHash
	}
	h.Salt, h.Key = []byte(parts[1]), []byte(parts[2])
	if h.Iterations > MaxSHACryptRounds {
		return h, tooDear("the rounds", number(MaxSHACryptRounds))
	}
	return h, nil
}

// CryptAlphabet is the base64 of crypt(3), from 0 to 63.
const CryptAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// spelled reports whether a text is made of an alphabet's characters alone.
func spelled(text, alphabet string) bool {
	for i := range len(text) {
		if strings.IndexByte(alphabet, text[i]) < 0 {
			return false
		}
	}
	return true
}

func parseBcrypt(h PasswordHash, parts []string) (PasswordHash, error) {
	h.Algorithm = Bcrypt
	if len(parts) != 3 || len(parts[1]) != 2 || len(parts[2]) != 53 || !spelled(parts[2], CryptAlphabet) {
		return h, badHash
	}
	cost, err := strconv.ParseUint(parts[1], 10, 8)
	if err != nil || cost < 4 || cost > 31 || parts[1][0] == '+' {
		return h, badHash
	}
	if h.Iterations = uint32(cost); cost > MaxBcryptCost {
		return h, tooDear("the cost", number(MaxBcryptCost))
	}
	return h, nil
}
