package backoffice

import (
	"errors"
	"strings"
	"testing"
)

const (
	someSalt = "c29tZXNhbHQ"
	someKey  = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	blowfish = "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
)

func TestParsePasswordHash(t *testing.T) {
	tail := "$" + someSalt + "$" + someKey
	for text, want := range map[string]HashAlgorithm{
		"$argon2id$v=19$m=65536,t=4,p=16" + tail:                                                  Argon2id,
		"$argon2i$v=19$t=3,p=1,m=4096" + tail:                                                     Argon2i,
		"$scrypt$ln=16,r=8,p=1" + tail:                                                            Scrypt,
		"$scrypt$ln=14,r=8,p=4" + tail:                                                            Scrypt,
		"$pbkdf2$1000$c2FsdA$SwB5AbdlSJq+rUnZJvch0GWkKcE":                                         PBKDF2SHA1,
		"$pbkdf2-sha1$i=1000$c2FsdA$SwB5AbdlSJq+rUnZJvch0GWkKcE":                                  PBKDF2SHA1,
		"$pbkdf2-sha256$i=29000" + tail:                                                           PBKDF2SHA256,
		"$pbkdf2-sha256$29000$N2YMIWQsBWBMae09x1jrPQ$1t8iyB2A.WF/Z5JZv.lfCIhXXN33N23OSgQYThBYRfk": PBKDF2SHA256,
		"$pbkdf2-sha256$i=1000000,l=32" + tail + "=":                                              PBKDF2SHA256,
		"$pbkdf2-sha512$i=500000" + tail:                                                          PBKDF2SHA512,
		"$2a$04$" + blowfish:                                                                      Bcrypt, "$2b$10$" + blowfish: Bcrypt, "$2y$12$" + blowfish: Bcrypt,
	} {
		if h, err := ParsePasswordHash(text); err != nil || h.Algorithm != want || h.Text != text {
			t.Errorf("%s: %+v, %v", text, h, err)
		}
	}
	// Above the caps, and never computed: each says what is too much.
	for text, reason := range map[string]string{
		"$argon2id$v=19$m=65537,t=1,p=1" + tail:               "m may be at most 65",
		"$argon2id$v=19$m=65536,t=5,p=1" + tail:               "m × t may be",
		"$argon2id$v=19$m=2147483647,t=2147483647,p=1" + tail: "m may be",
		"$argon2id$v=19$m=4096,t=1,p=17" + tail:               "p may be at most 16",
		"$argon2id$v=16$m=4096,t=1,p=1" + tail:                "Only version 19",
		"$argon2d$v=19$m=4096,t=1,p=1" + tail:                 "argon2d is not taken",
		"$scrypt$ln=17,r=8,p=1" + tail:                        "N × r × p may be",
		"$scrypt$ln=16,r=8,p=2" + tail:                        "N × r × p may be",
		"$scrypt$ln=63,r=1073741824,p=1" + tail:               "N × r × p may be",
		"$pbkdf2-sha256$i=1000001" + tail:                     "the iterations may be at most 1",
		"$pbkdf2-sha1$i=500001" + tail:                        "the iterations may be at most 500",
		"$pbkdf2-sha512$i=500001" + tail:                      "the iterations may be at most 500",
		"$2b$13$" + blowfish:                                  "the cost may be at most 12",
		"$pbkdf2-sha256$i=29000$c2FsdA$AAAA":                  "The hash has 3 bytes, not 16 to 64.",
		"":                                                    "no hash that is known", "plain": "no hash that is known", "$1$salt$hash": "no hash that is known", "$2a$12$short": "no hash that is known",
		"$2a$+4$" + blowfish: "no hash that is known", "$2a$05$" + strings.Replace(blowfish, "CC", "C!", 1): "no hash that is known",
		"$argon2id$v=19$m=4096,t=1,p=1,keyid=x" + tail: "no hash that is known",
		"$argon2id$v=19$m=4096,t=0,p=1" + tail:         "no hash that is known", "$argon2id$v=19$m=4096,m=1,p=1" + tail: "no hash that is known",
		"$argon2id$v=19$m=4096,t=01,p=1" + tail: "no hash that is known", "$argon2id$v=19$m=7,t=1,p=1" + tail: "no hash that is known",
		"$pbkdf2-sha256$i=29000,l=31" + tail: "no hash that is known", "$pbkdf2-md5$i=29000" + tail: "no hash that is known",
		"$pbkdf2-sha256$i=29000$c2Fsd!$" + someKey: "no hash that is known", "$scrypt$ln=16,r=8,p=1" + tail + "$": "no hash that is known",
		"$pbkdf2-sha256$i=29000$" + strings.Repeat("A", 600) + "$" + someKey: "no hash that is known",
	} {
		_, err := ParsePasswordHash(text)
		var refused Refusal
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), reason) || strings.Contains(err.Error(), someKey) {
			t.Errorf("%s: %v, want %s", text, err, reason)
		}
	}
}

// Whatever is parsed stays within the caps, and no text breaks the parser.
func FuzzParsePasswordHash(f *testing.F) {
	for _, text := range []string{"$argon2id$v=19$m=65536,t=4,p=16$" + someSalt + "$" + someKey, "$scrypt$ln=16,r=8,p=1$" + someSalt + "$" + someKey,
		"$pbkdf2-sha256$i=29000$" + someSalt + "$" + someKey, "$pbkdf2-sha512$29000$" + someSalt + "$" + someKey, "$2b$12$" + blowfish, "$$$$$", "$2a$$"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, err := ParsePasswordHash(text)
		if err != nil {
			var refused Refusal
			if !errors.As(err, &refused) {
				t.Errorf("%q: %v is no refusal", text, err)
			}
			return
		}
		memory, dear := uint64(h.Memory), false
		switch h.Algorithm {
		case Argon2i, Argon2id:
			dear = uint64(h.Memory)*uint64(h.Iterations) > MaxHashTraffic || h.Iterations == 0
		case Scrypt:
			memory = uint64(h.BlockSize) << h.LogN / 8
			dear = memory*uint64(h.Parallelism) > MaxHashMemory || memory == 0 && h.LogN > 3
		case Bcrypt:
			dear = h.Iterations > MaxBcryptCost || h.Iterations < 4
		default:
			dear = h.Iterations > MaxPBKDF2 || h.Iterations == 0
		}
		if h.Algorithm != Bcrypt && (len(h.Key) < minHashKey || len(h.Key) > maxHashKey || len(h.Salt) > maxHashSalt) || memory > MaxHashMemory || dear {
			t.Errorf("%q is above the caps: %+v", text, h)
		}
	})
}
