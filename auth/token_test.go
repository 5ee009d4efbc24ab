package auth

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var purposes = []Purpose{StaffSessionToken, DeviceToken, SetupToken, APIToken}

func TestTokens(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range purposes {
		token, hash := p.New()
		if again, ok := p.Hash(token); !ok || !bytes.Equal(again, hash) || len(hash) != 32 {
			t.Errorf("%s: %q", p, token)
		}
		if seen[token] || len(token) != len(p.prefix())+43 {
			t.Errorf("%s: %q", p, token)
		}
		seen[token] = true
	}
	if token, _ := APIToken.New(); !strings.HasPrefix(token, "steward_") {
		t.Error(token)
	}
}

func TestAttack_T30_OnlyTheTokenItselfIsTheToken(t *testing.T) {
	for _, p := range purposes {
		token, hash := p.New()
		refuse := func(why, other string) {
			t.Helper()
			if got, ok := p.Hash(other); ok && Same(got, hash) {
				t.Errorf("%s: %s: %q for %q", p, why, other, token)
			}
		}
		for n := range len(token) {
			refuse("prefix", token[:n])
			refuse("suffix", token[n+1:])
			refuse("doubled character", token[:n]+token[n:n+1]+token[n:])
			if flipped := flipCase(token[n]); flipped != token[n] {
				refuse("case", token[:n]+string(flipped)+token[n+1:])
			}
			for bit := range 8 {
				changed := []byte(token)
				changed[n] ^= 1 << bit
				refuse("bit", string(changed))
			}
		}
		for _, other := range []string{"", " " + token, token + " ", token + "=", token + "\n", "\n" + token, token[:10] + "\n" + token[10:], token + token, token + "\x00"} {
			refuse("padding", other)
		}
		for _, q := range purposes {
			if q == p {
				continue
			}
			for _, shown := range []string{token, strings.TrimPrefix(token, p.prefix()), q.prefix() + strings.TrimPrefix(token, p.prefix())} {
				if got, ok := q.Hash(shown); ok && Same(got, hash) {
					t.Errorf("a token for %s opens %s", p, q)
				}
			}
		}
	}
}

func flipCase(c byte) byte {
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
		return c ^ 0x20
	}
	return c
}

func TestSigner(t *testing.T) {
	s, other := NewSigner([]byte(strings.Repeat("k", 32))), NewSigner([]byte(strings.Repeat("l", 32)))
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		signed := s.Sign("flash", text)
		if got, ok := s.Verify("flash", signed); !ok || got != text {
			t.Fatalf("%q: %q, %v", text, got, ok)
		}
		if _, ok := s.Verify("cursor", signed); ok {
			t.Fatal("another purpose")
		}
		if _, ok := other.Verify("flash", signed); ok {
			t.Fatal("another key")
		}
		n := rapid.IntRange(0, len(signed)-1).Draw(t, "n")
		changed := []byte(signed)
		changed[n] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		if _, ok := s.Verify("flash", string(changed)); ok {
			t.Fatalf("%q counts as %q", changed, signed)
		}
	})
	for _, signed := range []string{"", ".", "a.b", "..", s.Sign("flash", "x") + "\n"} {
		if _, ok := s.Verify("flash", signed); ok {
			t.Errorf("%q", signed)
		}
	}
}
