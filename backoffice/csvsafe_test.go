package backoffice

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestAttack_T81_NoCellRunsInASpreadsheet(t *testing.T) {
	for cell, want := range map[string]string{
		"=SUM(A1:A9) Holdings": "'=SUM(A1:A9) Holdings", "+49 Telekom": "'+49 Telekom", "-Minus": "'-Minus", "@home": "'@home",
		"\tx": "'\tx", "\rx": "'\rx", "\nx": "'\nx", "\x00x": "'\x00x", "＝x": "'＝x", "＋x": "'＋x", "－x": "'－x", "＠x": "'＠x",
		"": "", "'": "'", "'s-Hertogenbosch": "'s-Hertogenbosch", "Nord = Süd": "Nord = Süd", "'=x": "''=x", "''=x": "'''=x",
	} {
		if got := EscapeCell(cell); got != want {
			t.Errorf("EscapeCell(%q) = %q, want %q", cell, got, want)
		}
		if back := UnescapeCell(EscapeCell(cell)); back != cell {
			t.Errorf("%q came back as %q", cell, back)
		}
	}
	// What the vendor's own file says without a guard is meant as it stands.
	for _, cell := range []string{"=SUM(A1:A9) Holdings", "'s-Hertogenbosch", "''", "+49"} {
		if got := UnescapeCell(cell); got != cell {
			t.Errorf("UnescapeCell(%q) = %q", cell, got)
		}
	}
}

func TestAttack_T81_CellsComeBackAsTheyWere(t *testing.T) {
	start := rapid.StringOfN(rapid.SampledFrom([]rune("'=+-@\t\r\n\x00＝＠ab ")), 0, 4, -1)
	rapid.Check(t, func(t *rapid.T) {
		checkCell(t.Fatalf, start.Draw(t, "start")+rapid.String().Draw(t, "rest"))
	})
}

func FuzzAttack_T81_Cell(f *testing.F) {
	f.Add("'=x")
	f.Fuzz(func(t *testing.T, cell string) { checkCell(t.Fatalf, cell) })
}

func checkCell(fatalf func(string, ...any), cell string) {
	escaped := EscapeCell(cell)
	if back := UnescapeCell(escaped); back != cell {
		fatalf("%q came back as %q", cell, back)
	}
	if r, _ := utf8.DecodeRuneInString(escaped); escaped != "" && strings.ContainsRune("=+-@\t\r\n\x00＝＋－＠", r) {
		fatalf("%q would run", escaped)
	}
}
