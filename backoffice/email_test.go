package backoffice

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestParseEmailTakesOneFormPerMailbox(t *testing.T) {
	for raw, want := range map[string]Email{
		"anna@nord.example":              "anna@nord.example",
		"  Anna.Berg@Nord.Example  ":     "anna.berg@nord.example",
		"GORAN.WEBER@SUMMIT.EXAMPLE":     "goran.weber@summit.example",
		"a+tag@nord.example":             "a+tag@nord.example",
		"o'neil@nord.example":            "o'neil@nord.example",
		"anna@MÜNCHEN.example":           "anna@xn--mnchen-3ya.example",
		"anna@xn--mnchen-3ya.example":    "anna@xn--mnchen-3ya.example",
		"anna@XN--MNCHEN-3YA.example":    "anna@xn--mnchen-3ya.example",
		"anna@straße.example":            "anna@xn--strae-oqa.example",
		"anna@例え.example":                "anna@xn--r8jz45g.example",
		"anna@localhost":                 "anna@localhost",
		"anna@mail.4you.example":         "anna@mail.4you.example",
		strings.Repeat("a", 64) + "@b.c": Email(strings.Repeat("a", 64) + "@b.c"),
	} {
		got, err := ParseEmail(raw)
		if err != nil || got != want {
			t.Errorf("ParseEmail(%q) = %q, %v; want %q", raw, got, err, want)
		}
	}
}

func TestParseEmailRefuses(t *testing.T) {
	for _, raw := range []string{
		"", " ", "@", "anna", "not-an-address", "anna@", "@nord.example", "two@@ats.example", "a@b@c.example",
		"inj@x.example\nBcc: all@x.example", "anna@nord.example\n", "an na@nord.example", "anna@nord example",
		".anna@nord.example", "anna.@nord.example", "an..na@nord.example", `"anna"@nord.example`,
		"anna@[127.0.0.1]", "anna@127.0.0.1", "anna@nord..example", "anna@.nord", "anna@nord.example.",
		"anna@-nord.example", "anna@nord-.example", "anna@no_rd.example", "anna@xn--.example", "anna@xn--a.example",
		"Anna <anna@nord.example>", "anna@nord.example,berg@nord.example", "änna@nord.example",
		"anna@nord.example\x00", "anna\u200b@nord.example", "anna@nord\u200b.example", "anna@\xff.example",
		"anna@example\u3002com", "\u00a0anna@nord.example",
		strings.Repeat("a", 65) + "@b.example", "a@" + strings.Repeat("b", 64) + ".example",
		"a@" + strings.Repeat("b.", 127) + "example", strings.Repeat(" ", 2000) + "a@b.example",
	} {
		got, err := ParseEmail(raw)
		if err == nil {
			t.Errorf("ParseEmail(%q) = %q, want a refusal", raw, got)
			continue
		}
		if _, ok := err.(Refusal); !ok {
			t.Errorf("ParseEmail(%q) refused with %T, want a Refusal", raw, err)
		}
	}
}

func TestEmailParts(t *testing.T) {
	e := Email("anna@nord.example")
	if e.Local() != "anna" || e.Domain() != "nord.example" || e.String() != "anna@nord.example" {
		t.Errorf("parts of %q: %q, %q", e, e.Local(), e.Domain())
	}
}

func TestAttack_T25_LookAlikesNeverMatch(t *testing.T) {
	const victim = "mike.kirk@fit.example"
	for _, raw := range []string{
		"mıke.kirk@fit.example", "mike.\u212airk@fit.example", "mike.kirk@ﬁt.example", "mike.kirk@ﬁT.example",
		"ｍike.kirk@fit.example", "mike．kirk@fit.example", "mike.kirk＠fit.example", "mike.kirk@fit．example",
		"mike.kirk@fit。example", "mike.kirk@fıt.example", "mike.kirk@fİt.example", "mike.kirk@fit.exampl\u0435",
		"mi\u212ae.kirk@fit.example", "mike.kirk@ſit.example", "mike.kirk@ⓕit.example", "mike.kirk@fit.example\u00ad",
		"mike.kirk@f\u200dit.example", "mike.kirk@fit.example%00", "mike.kirk@fit.example;a@evil.example",
	} {
		if got, err := ParseEmail(raw); err == nil && got == victim {
			t.Errorf("%+q became the victim's address", raw)
		}
	}
}

func TestAttack_T26_ObviousCanonicaliserTrap(t *testing.T) {
	for _, raw := range []string{"ı@．．", "a@．", "a@b．．c", "a@。", "\u212a@k.example", "k@\u212a.example", "a@\uff0eb.example"} {
		if got, err := ParseEmail(raw); err == nil {
			t.Errorf("%+q became %q", raw, got)
		}
	}
}

func TestAttack_T26_CanonicalFormIsStable(t *testing.T) {
	letters := rapid.SampledFrom([]rune("aBzK09.-+_@ ıİ\u212aﬁ．。ßσςΣüÜ例\u0301\u200dxn-😀\x00"))
	rapid.Check(t, func(t *rapid.T) {
		checkCanonical(t.Fatalf, string(rapid.SliceOfN(letters, 0, 40).Draw(t, "raw")))
	})
}

func TestAttack_T87_LongAddressesAreRefusedUnread(t *testing.T) {
	for _, raw := range []string{strings.Repeat("ü", 1<<20) + "@b.example", "a@" + strings.Repeat("xn--", 1<<20)} {
		if _, err := ParseEmail(raw); err == nil {
			t.Error("a megabyte was taken for an address")
		}
	}
}

// FuzzAttack_T26_Email looks for addresses that have more than one form.
func FuzzAttack_T26_Email(f *testing.F) {
	for _, seed := range []string{"Anna@Nord.Example", "ı@．．", "a@xn--mnchen-3ya.de", "a@MÜNCHEN.de", "a@faß.de", "a@ΣΑΣ.gr", "a@xn--53h.la", "a@א.com", "k@\u212a.com"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) { checkCanonical(t.Fatalf, raw) })
}

func checkCanonical(fatalf func(string, ...any), raw string) {
	email, err := ParseEmail(raw)
	if err != nil {
		return
	}
	again, err := ParseEmail(string(email))
	if err != nil || again != email {
		fatalf("%+q became %q, then %q (%v)", raw, email, again, err)
	}
	s := string(email)
	if strings.Count(s, "@") != 1 || len(s) > MaxEmailLength || email.Local() == "" || email.Domain() == "" {
		fatalf("%+q became %q", raw, email)
	}
	for _, r := range s {
		if r >= utf8.RuneSelf || unicode.IsControl(r) || unicode.IsUpper(r) || r == ' ' {
			fatalf("%+q became %q, which holds %+q", raw, email, r)
		}
	}
	if !norm.NFKC.IsNormalString(strings.Trim(raw, " ")) {
		fatalf("%+q would be changed by NFKC and was taken", raw)
	}
}
