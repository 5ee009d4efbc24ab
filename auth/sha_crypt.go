package auth

import (
	"crypto/sha256"
	"crypto/sha512"
	"hash"

	"steward/backoffice"
)

// shaCrypt is SHA-crypt of crypt(3): U. Drepper, Unix crypt using SHA-256 and
// SHA-512, https://www.akkadia.org/drepper/SHA-crypt.txt. It returns the hash in
// crypt's spelling. The numbers in the comments are the steps of that text.
func shaCrypt(s backoffice.PasswordHash, password string) []byte {
	newHash, groups := sha256.New, shaCrypt256
	if s.Algorithm == backoffice.SHA512Crypt {
		newHash, groups = sha512.New, shaCrypt512
	}
	p, salt, h := []byte(password), s.Salt, newHash()
	sum := func(parts ...[]byte) []byte {
		h.Reset()
		for _, part := range parts {
			h.Write(part)
		}
		return h.Sum(nil)
	}
	b := sum(p, salt, p) // 4 to 8
	h.Reset()            // 1 to 3
	h.Write(p)
	h.Write(salt)
	h.Write(stretch(b, len(p))) // 9, 10
	for n := len(p); n > 0; n >>= 1 {
		if n&1 == 1 { // 11
			h.Write(b)
		} else {
			h.Write(p)
		}
	}
	a := h.Sum(nil) // 12
	// 13 to 16: as many bytes as the password has, of a sum of as many passwords.
	ps := stretch(repeated(h, p, len(p)), len(p))
	// 17 to 20, likewise of the salt.
	ss := stretch(repeated(h, salt, 16+int(a[0])), len(salt))
	for i := range s.Iterations { // 21
		h.Reset()
		if i%2 == 1 {
			h.Write(ps)
		} else {
			h.Write(a)
		}
		if i%3 != 0 {
			h.Write(ss)
		}
		if i%7 != 0 {
			h.Write(ps)
		}
		if i%2 == 1 {
			h.Write(a)
		} else {
			h.Write(ps)
		}
		a = h.Sum(a[:0])
	}
	return spellCrypt(a, groups)
}

func repeated(h hash.Hash, b []byte, times int) []byte {
	h.Reset()
	for range times {
		h.Write(b)
	}
	return h.Sum(nil)
}

// stretch returns n bytes: b over and over.
func stretch(b []byte, n int) []byte {
	out := make([]byte, n)
	for i := 0; i < n; i += len(b) {
		copy(out[i:], b)
	}
	return out
}

// The bytes of a sum in the order in which three of them make four characters, by
// step 22; noByte stands for zero bits.
const noByte = -1

var (
	shaCrypt256 = [][3]int{{0, 10, 20}, {21, 1, 11}, {12, 22, 2}, {3, 13, 23}, {24, 4, 14}, {15, 25, 5}, {6, 16, 26}, {27, 7, 17},
		{18, 28, 8}, {9, 19, 29}, {noByte, 31, 30}}
	shaCrypt512 = [][3]int{{0, 21, 42}, {22, 43, 1}, {44, 2, 23}, {3, 24, 45}, {25, 46, 4}, {47, 5, 26}, {6, 27, 48}, {28, 49, 7},
		{50, 8, 29}, {9, 30, 51}, {31, 52, 10}, {53, 11, 32}, {12, 33, 54}, {34, 55, 13}, {56, 14, 35}, {15, 36, 57}, {37, 58, 16},
		{59, 17, 38}, {18, 39, 60}, {40, 61, 19}, {62, 20, 41}, {noByte, noByte, 63}}
)

// spellCrypt writes a sum as crypt(3) does: the lowest six bits first.
func spellCrypt(sum []byte, groups [][3]int) []byte {
	var out []byte
	for _, g := range groups {
		bits, characters := 0, 1
		for _, at := range g {
			bits <<= 8
			if at != noByte {
				bits |= int(sum[at])
				characters++
			}
		}
		for range characters {
			out = append(out, backoffice.CryptAlphabet[bits&63])
			bits >>= 6
		}
	}
	return out
}
