package backoffice

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

const (
	someSalt = "c29tZXNhbHQ"
	someKey  = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	crypt256 = "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"
	crypt512 = "svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
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
		"$5$saltstring$" + crypt256: SHA256Crypt, "$5$rounds=150000$$" + crypt256: SHA256Crypt, "$6$rounds=1000$saltstring./09az$" + crypt512: SHA512Crypt,
		"{CRYPT}$6$saltstring$" + crypt512: SHA512Crypt, "{crypt}$2y$12$" + blowfish: Bcrypt,
		"{SHA}" + sumOf(20): SHA1, "{SHA256}" + sumOf(32): SHA256, "{sha512}" + strings.TrimRight(sumOf(64), "="): SHA512,
		"{SSHA}" + sumOf(24): SHA1, "{SSHA256}" + sumOf(33): SHA256, "{ssha512}" + sumOf(64+128): SHA512,
	} {
		text, _ := strings.CutPrefix(text, "{CRYPT}")
		if h, err := ParsePasswordHash(text); err != nil || h.Algorithm != want || h.Text != strings.TrimPrefix(text, "{crypt}") {
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
		"$5$rounds=150001$saltstring$" + crypt256:     "the rounds may be at most 150",
		"$6$rounds=656000$saltstring$" + crypt512:     "the rounds may be at most 150",
		"$6$rounds=999$saltstring$" + crypt512:        "no hash that is known",
		"$6$rounds=05000$saltstring$" + crypt512:      "no hash that is known",
		"$6$rounds=5000$$saltstring$" + crypt512:      "no hash that is known",
		"$5$saltstring$" + crypt512:                   "no hash that is known",
		"$6$saltstring$" + crypt256:                   "no hash that is known",
		"$6$seventeencharacte$" + crypt512:            "no hash that is known",
		"$6$salt:string$" + crypt512:                  "no hash that is known",
		"$5$saltstring$" + crypt256[1:] + "+":         "no hash that is known",
		"{SHA256}" + sumOf(33):                        "The hash has 33 bytes, not 32.",
		"{SSHA256}" + sumOf(32):                       "The hash has 32 bytes, not 32 and those of a salt.",
		"{SSHA}" + sumOf(20+129):                      "not 20 and those of a salt",
		"{MD5}" + sumOf(16):                           "no hash that is known",
		"{SMD5}" + sumOf(20):                          "no hash that is known",
		"{CRYPT}{SHA256}" + sumOf(32):                 "no hash that is known",
		"{CRYPT}saszt8mUri4AI":                        "no hash that is known",
		"{SHA256}" + strings.Repeat("../.", 10) + "A": "no hash that is known",
		"{SHA256" + sumOf(32):                         "no hash that is known",
		"$2a$+4$" + blowfish:                          "no hash that is known", "$2a$05$" + strings.Replace(blowfish, "CC", "C!", 1): "no hash that is known",
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

func sumOf(length int) string { return base64.StdEncoding.EncodeToString(make([]byte, length)) }

// Whatever is parsed stays within the caps, and no text breaks the parser.
func FuzzParsePasswordHash(f *testing.F) {
	for _, text := range []string{"$argon2id$v=19$m=65536,t=4,p=16$" + someSalt + "$" + someKey, "$scrypt$ln=16,r=8,p=1$" + someSalt + "$" + someKey,
		"$pbkdf2-sha256$i=29000$" + someSalt + "$" + someKey, "$pbkdf2-sha512$29000$" + someSalt + "$" + someKey, "$2b$12$" + blowfish, "$$$$$", "$2a$$",
		"$5$saltstring$" + crypt256, "$6$rounds=150000$saltstring$" + crypt512, "{SSHA256}" + sumOf(40), "{sha}" + sumOf(20), "{CRYPT}$6$s$" + crypt512, "{}", "{CRYPT}{"} {
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
		case SHA256Crypt, SHA512Crypt:
			dear = h.Iterations > MaxSHACryptRounds || h.Iterations < minSHACryptRounds || len(h.Salt) > maxSHACryptSalt || len(h.Key) != 43 && len(h.Key) != 86
		case SHA1, SHA256, SHA512:
			dear = h.Iterations != 0 || len(h.Key) > maxHashKey
		default:
			dear = h.Iterations > MaxPBKDF2 || h.Iterations == 0
		}
		if h.Algorithm != Bcrypt && (len(h.Key) < minHashKey || len(h.Key) > 86 || len(h.Salt) > maxHashSalt) || memory > MaxHashMemory || dear {
			t.Errorf("%q is above the caps: %+v", text, h)
		}
	})
}
