package backoffice

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestAccountIDs(t *testing.T) {
	for _, id := range []string{"a", "7", "acc-7-000001", "6513270e-269e-4d37-b2a7-4de452e6b438", "A.b_c:d-e@f", "New", "new1", strings.Repeat("x", 128)} {
		if err := CheckAccountID(id); err != nil || !ValidAccountID(id) {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range []string{"", "new", " a", "a ", "has space/slash", "-a", ".a", "@a", "a/b", "a\n", "ä", "a%2f", "..", "a\x00", strings.Repeat("x", 129)} {
		if ValidAccountID(id) {
			t.Errorf("%q was taken", id)
		}
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		raw            string
		form, imported string // "!" for refused
	}{
		{"Müller & Söhne GmbH", "Müller & Söhne GmbH", "Müller & Söhne GmbH"},
		{"  Nord  Textiles\u00a0", "Nord  Textiles", "Nord  Textiles"},
		{"   ", "", ""},
		{"Nord\nTextiles", "!", "Nord Textiles"},
		{"Nord\r\nTextiles\n", "!", "Nord Textiles"},
		{"Nord\rTex\u2028tiles\u0085", "!", "Nord Tex tiles"},
		{"Bad\x00Name", "!", "!"}, {"Bad\tName", "!", "!"}, {"Bad\x1bName", "!", "!"}, {"Bad\xffName", "!", "!"}, {"Bad\xff\nName", "!", "!"},
		{"\u202eאב", "\u202eאב", "\u202eאב"}, {"<b>", "<b>", "<b>"}, {"=SUM(A1:A9) Holdings", "=SUM(A1:A9) Holdings", "=SUM(A1:A9) Holdings"},
		{strings.Repeat("例", 200), strings.Repeat("例", 200), strings.Repeat("例", 200)},
		{strings.Repeat("例", 201), "!", "!"},
	} {
		for _, way := range []struct {
			clean func(string, int) (string, error)
			want  string
		}{{CleanName, c.form}, {CleanImportedName, c.imported}} {
			got, err := way.clean(c.raw, MaxName)
			if err != nil {
				got = "!"
			}
			if got != way.want {
				t.Errorf("%+q: %+q (%v), want %+q", c.raw, got, err, way.want)
			}
		}
	}
}

func TestCleanNamesStayClean(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.String().Draw(t, "raw")
		imported, err := CleanImportedName(raw, MaxName)
		if err != nil {
			return
		}
		if strings.ContainsFunc(imported, unicode.IsControl) || utf8.RuneCountInString(imported) > MaxName {
			t.Fatalf("%+q became %+q", raw, imported)
		}
		if again, err := CleanName(imported, MaxName); err != nil || again != imported {
			t.Fatalf("%+q is not clean: %+q, %v", imported, again, err)
		}
	})
}

func TestFold(t *testing.T) {
	for raw, want := range map[string]string{
		"": "", " ": "", "Nord Textiles": "nord textiles", "nord": "nord", "  A \t B\n": "a b", "a ": "a",
		"Müller & Söhne GmbH": "muller & sohne gmbh", "Société Générale d'Épargne": "societe generale d'epargne",
		"STRASSE": "strasse", "Straße": "strasse", "ŁÓDŹ": "lodz", "Ørsted": "orsted", "Æther": "aether",
		"İSTANBUL": "istanbul", "ıspanak": "ispanak", "ΣΊΣΥΦΟΣ": "σισυφοσ", "Σίσυφος": "σισυφοσ", "Ёлка": "елка",
		"Ｆｕｌｌ　Ｗｉｄｔｈ": "full width", "ﬁne": "fine", "がぎ": "がぎ", "한국": "한국", "हिन्दी": "हिन्दी",
		"a\u00ad\u200bb": "ab", "\xff": "\ufffd", "שָׁלוֹם": "שלום", "acc-7-000001": "acc-7-000001",
	} {
		if got := Fold(raw); got != want {
			t.Errorf("Fold(%+q) = %+q, want %+q", raw, got, want)
		}
	}
}

func TestFoldingTwiceChangesNothing(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r >= 0x20000 && r < 0xe0000 || !utf8.ValidRune(r) {
			continue
		}
		if folded := Fold("a" + string(r) + "b"); Fold(folded) != folded {
			t.Errorf("%+q: %+q, then %+q", r, folded, Fold(folded))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.String().Draw(t, "raw")
		folded := Fold(raw)
		if Fold(folded) != folded || strings.Contains(folded, "  ") || strings.TrimSpace(folded) != folded || !utf8.ValidString(folded) {
			t.Fatalf("%+q: %+q, then %+q", raw, folded, Fold(folded))
		}
	})
}

func FuzzFold(f *testing.F) {
	for _, seed := range []string{"Müller", "ΐ\u0345", "ﬃ\u0301", "İ\u0307", "\u1e9e", "가\u11a8"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		folded := Fold(raw)
		if again := Fold(folded); again != folded {
			t.Fatalf("%+q: %+q, then %+q", raw, folded, again)
		}
	})
}

func BenchmarkFold(b *testing.B) {
	for name, s := range map[string]string{"ascii": "Nord Textiles Holding", "latin": "Société Générale d'Épargne"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Fold(s)
			}
		})
	}
}
