package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
)

// published are hashes that others have published with their passwords.
var published = []struct{ source, password, hash string }{
	{"phc-winner-argon2, test.c", "password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"},
	{"phc-winner-argon2, test.c", "password", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA"},
	{"RFC 7914, section 12", "pleaseletmein", "$scrypt$ln=14,r=8,p=1$" + b64("SodiumChloride") + "$" +
		unhex("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887")},
	{"passlib, scrypt", "password", "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E"},
	{"RFC 6070", "password", "$pbkdf2-sha1$i=4096$" + b64("salt") + "$" + unhex("4b007901b765489abead49d926f721d065a429c1")},
	{"RFC 7914, section 11", "passwd", "$pbkdf2-sha256$i=1$" + b64("salt") + "$" +
		unhex("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783")},
	{"passlib, pbkdf2_sha256", "toomanysecrets", "$pbkdf2-sha256$29000$N2YMIWQsBWBMae09x1jrPQ$1t8iyB2A.WF/Z5JZv.lfCIhXXN33N23OSgQYThBYRfk"},
	{"crypt_blowfish, wrapper.c", "U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
	{"crypt_blowfish, wrapper.c", "U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"},
	{"the same as $2b$", "U*U", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
	{"SHA-crypt.txt", "Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"},
	{"SHA-crypt.txt", "Hello world!", "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"},
	{"SHA-crypt.txt", "a short string", "$5$rounds=123456$asaltof16chars..$gP3VQ/6X7UUEW3HkBn2w1/Ptq2jxPyzV/cZKmF/wJvD"},
	{"SHA-crypt.txt", "Hello world!", "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"},
	{"SHA-crypt.txt", "we have a short salt string but not a short password", "$6$rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0"},
	{"SHA-crypt.txt", "a very much longer text to encrypt.  This one even stretches over morethan one line.", "$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1"},
	{"glibc, without salt", strings.Repeat("x", 127), "$5$rounds=1001$$F1gLo4K36c3HKc2kdxizRNjtHOvioAziYcKAuyMdFM4"},
	{"glibc", strings.Repeat("y", 65), "$6$rounds=1001$0$3qCg2W1kCS5NATHRbYsBZdOiJ4RmXP6ECCCeweJDhZNqkRb8ui0kqo7cgCfY2P6/cE0FrLy9Aq6chjzfoDFpk."},
	{"openssl dgst", "password", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="},
	{"openssl dgst", "password", "{SHA256}XohImNooBHFR0OVvjcYpJ3NgPQ1qq73WKhHvch0VQtg="},
	{"openssl dgst", "password", "{sha512}sQnzu7wkTrgkQZF+0G1hi5AI3Qmzvv0bXgc5THBqi7mAsdd4Xll27ASbRt9fEyavWi6m0QP9B8lThf+rDKy8hg=="},
	{"openssl dgst", "password", "{SSHA}Q5xg9mthK2g5lcpvBgW3Mmh5TnNOYUNsMTI="},
	{"openssl dgst", "password", "{SSHA256}Jvy8OU4XDeUQEP1SAYhkA29NMORnenibFCIaBAr8uz1OYUNsMTI="},
	{"openssl dgst", "password", "{SSHA512}wKvU/Tz6/1mJSD6MrW7coeYzbME7J8yZDV+WPrAmIfx9lWpf9wZ2sMWgE7qiyqThI8X60Kp8ouH75eCzsHLhGU5hQ2wxMg=="},
	{"the same as $2y$", "U*U", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
}

func b64(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) }

func unhex(s string) string {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b64(string(b))
}

func TestPublishedHashes(t *testing.T) {
	h, ctx := NewHasher(2), context.Background()
	for _, c := range published {
		if ok, err := h.Verify(ctx, c.password, c.hash); !ok || err != nil {
			t.Errorf("%s: %s: %v, %v", c.source, c.hash, ok, err)
		}
		if ok, err := h.Verify(ctx, c.password+"x", c.hash); ok || err != nil {
			t.Errorf("%s: another password: %v, %v", c.source, ok, err)
		}
		if !h.NeedsRehash(c.hash) {
			t.Errorf("%s stays as it is", c.hash)
		}
	}
}

// What was typed may have been hashed elsewhere as it came, in another form than
// ours.
func TestForeignHashOfAnotherNormalForm(t *testing.T) {
	h, ctx := NewHasher(1), context.Background()
	typed := "fu\u0308nfzehn"
	sum := func(password string) string {
		s, err := backoffice.ParsePasswordHash("$pbkdf2-sha256$i=10$c2FsdHNhbHQ$" + unhex(strings.Repeat("00", 32)))
		if err != nil {
			t.Fatal(err)
		}
		return derived(t, password, s)
	}
	for _, hashed := range []string{typed, "fünfzehn"} {
		if ok, err := h.Verify(ctx, typed, "$pbkdf2-sha256$i=10$c2FsdHNhbHQ$"+sum(hashed)); !ok || err != nil {
			t.Errorf("%q: %v, %v", hashed, ok, err)
		}
	}
}

// One check of the dearest hash that is taken takes no more than the memory
// that is allowed, and no second such check runs beside it.
func TestAttack_T50_ForeignHashesAreBounded(t *testing.T) {
	h := NewHasher(4)
	dear := "$argon2id$v=19$m=65536,t=4,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	h.large <- struct{}{}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := h.Verify(ctx, "password", dear); err == nil {
		t.Error("two large hashes were computed at once")
	}
	if len(h.queue) != 0 || len(h.slots) != 0 {
		t.Error("who gave up still waits")
	}
	if ok, err := h.Verify(context.Background(), "U*U", published[7].hash); !ok || err != nil {
		t.Errorf("a small one waits for the large one: %v, %v", ok, err)
	}
	for _, c := range published {
		s, err := backoffice.ParsePasswordHash(c.hash)
		if err != nil || memoryOf(s) > backoffice.MaxHashMemory {
			t.Errorf("%s: %d KiB, %v", c.hash, memoryOf(s), err)
		}
	}
	for _, text := range []string{"$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"} {
		if ok, err := h.Verify(context.Background(), "password", text); ok || err == nil {
			t.Errorf("%s was computed", text)
		}
	}
}

func derived(t *testing.T, password string, s backoffice.PasswordHash) string {
	t.Helper()
	key, err := derive(sha256.New, password, s)
	if err != nil {
		t.Fatal(err)
	}
	return b64(string(key))
}
