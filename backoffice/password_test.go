package backoffice

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestCheckPassword(t *testing.T) {
	const (
		length, triple, address, common = "At least 15 characters.", "No character three times in a row.",
			"Not containing the e-mail address or the part before its @.", "Not one of the most common passwords."
	)
	anna := Email("anna.berg@nord.example")
	for _, c := range []struct {
		level    Complexity
		password string
		email    Email
		account  string
		want     []string
	}{
		{Passphrase.Complexity(), "correct horse battery staple", anna, "Nord", nil},
		{Passphrase.Complexity(), "fünfzehn Zeich!", anna, "", nil},
		{Passphrase.Complexity(), "fu\u0308nfzehn Zeich", anna, "", []string{length}},
		{Passphrase.Complexity(), "例例語語例例語語例例語語例例語", anna, "", nil},
		{Passphrase.Complexity(), "sh0rt9", anna, "", []string{length}},
		{Passphrase.Complexity(), "", "", "", []string{length}},
		{Passphrase.Complexity(), "aaa and then some more", anna, "", []string{triple}},
		{Passphrase.Complexity(), "aa and then aa some aa", anna, "", nil},
		{Passphrase.Complexity(), "my name is Anna.Berg indeed", anna, "", []string{address}},
		{Passphrase.Complexity(), "mail ANNA.BERG@NORD.EXAMPLE", anna, "", []string{address}},
		{Passphrase.Complexity(), "bob likes his passphrase", "bob@nord.example", "", nil},
		{Passphrase.Complexity(), "bob@nord.example is mine", "bob@nord.example", "", []string{address}},
		{Passphrase.Complexity(), "PasswordPassword", anna, "", []string{common}},
		{Passphrase.Complexity(), "1QAZ2wsx3edc4rfv", anna, "", []string{common}},
		{Passphrase.Complexity(), "we weave at NORD TEXTILES", anna, "Nord Textiles", []string{"Not containing the account’s name."}},
		{Passphrase.Complexity(), "we weave at IBM all day", anna, "IBM", nil},
		{Easy.Complexity(), "dragon", anna, "", []string{common}},
		{Easy.Complexity(), "drag0nfly", anna, "", nil},
		{Medium.Complexity(), "Xk9!mmqr", anna, "", nil},
		{Medium.Complexity(), "xk9mmqrt", anna, "", []string{"With an upper-case letter and a special character."}},
		{Hard.Complexity(), "Xk9!mmqr", anna, "", []string{"At least 10 characters."}},
		{Hard.Complexity(), "Ñandú 12 ß", anna, "", nil},
		{Complexity{8, Digit}, "abcdefgh", anna, "", []string{"With a digit."}},
		{Complexity{}, "abc", anna, "", []string{"At least 6 characters."}},
		{Easy.Complexity(), strings.Repeat("ab", 64), anna, "", nil},
		{Easy.Complexity(), strings.Repeat("ab", 64) + "c", anna, "", []string{"At most 128 characters."}},
		{Easy.Complexity(), strings.Repeat("e\u0301x", 64), anna, "", nil},
		{Easy.Complexity(), "abc\xffdef", anna, "", []string{"The text is not valid UTF-8."}},
	} {
		got := CheckPassword(c.level, c.password, c.email, c.account)
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v %q: %q, want %q", c.level, c.password, got, c.want)
		}
	}
}

func TestAttack_T50_BigPasswordsAreRefusedBeforeHashing(t *testing.T) {
	for _, big := range []string{strings.Repeat("a", 1<<20), strings.Repeat("\u0301", 1<<20), strings.Repeat("x", 129)} {
		if !PasswordTooLong(big) || len(CheckPassword(Easy.Complexity(), big, "", "")) != 1 {
			t.Errorf("%d bytes were taken", len(big))
		}
	}
	if PasswordTooLong(strings.Repeat("😀", 128)) {
		t.Error("128 code points are few enough")
	}
}

func TestPasswordsAreOneInAllSpellings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.String().Draw(t, "password")
		normal := NormalPassword(raw)
		if NormalPassword(normal) != normal {
			t.Fatalf("%+q", raw)
		}
		a := CheckPassword(Passphrase.Complexity(), raw, "anna@nord.example", "")
		b := CheckPassword(Passphrase.Complexity(), normal, "anna@nord.example", "")
		if !slices.Equal(a, b) {
			t.Fatalf("%+q: %v, its normal form: %v", raw, a, b)
		}
		if a == nil && (utf8.RuneCountInString(normal) < 15 || utf8.RuneCountInString(normal) > 128) {
			t.Fatalf("%+q was taken", raw)
		}
	})
}

func TestStricterComplexityTakesLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawPolicy(t, "a"), drawPolicy(t, "b")
		password := rapid.StringN(6, 40, -1).Draw(t, "password")
		both := CheckPassword(Strictest(a, b).Complexity, password, "", "")
		if both == nil && (CheckPassword(a.Complexity, password, "", "") != nil || CheckPassword(b.Complexity, password, "", "") != nil) {
			t.Fatalf("%q meets both and not one", password)
		}
	})
}
