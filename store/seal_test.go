package store

import (
	"bytes"
	"testing"
)

func TestSealOpensForItsPurposeAndKeyOnly(t *testing.T) {
	one, err := newSealer(bytes.Repeat([]byte{1}, KeySize))
	if err != nil {
		t.Fatal(err)
	}
	other, _ := newSealer(bytes.Repeat([]byte{2}, KeySize))
	sealed, err := one.seal("authenticator 7", []byte("JBSWY3DPEHPK3PXP"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("JBSWY3")) {
		t.Fatal("the secret can be read")
	}
	again, _ := one.seal("authenticator 7", []byte("JBSWY3DPEHPK3PXP"))
	if bytes.Equal(sealed, again) {
		t.Error("the same secret is sealed alike twice")
	}
	if got, err := one.open("authenticator 7", sealed); err != nil || string(got) != "JBSWY3DPEHPK3PXP" {
		t.Fatalf("%q, %v", got, err)
	}
	for name, try := range map[string]func() ([]byte, error){
		"another purpose": func() ([]byte, error) { return one.open("authenticator 8", sealed) },
		"another key":     func() ([]byte, error) { return other.open("authenticator 7", sealed) },
		"cut short":       func() ([]byte, error) { return one.open("authenticator 7", sealed[:5]) },
		"a bit flipped": func() ([]byte, error) {
			b := bytes.Clone(sealed)
			b[len(b)-1] ^= 1
			return one.open("authenticator 7", b)
		},
		"no key": func() ([]byte, error) { return sealer{}.open("authenticator 7", sealed) },
	} {
		if got, err := try(); err == nil {
			t.Errorf("%s: opened as %q", name, got)
		}
	}
	if _, err := newSealer([]byte("short")); err == nil {
		t.Error("a short key was taken")
	}
}
