package backoffice

import (
	"strings"
	"unicode/utf8"
)

// EscapeCell makes a cell of an export harmless to a spreadsheet, which would
// run what starts like a formula: a "'" is put before it, and spreadsheets
// show it as text. UnescapeCell takes it away again. So that nothing is lost,
// a cell that has apostrophes before such a start gets one more, while one
// that merely starts with an apostrophe ('s-Hertogenbosch) stays as it is.
func EscapeCell(cell string) string {
	if runsInSpreadsheet(strings.TrimLeft(cell, "'")) {
		return "'" + cell
	}
	return cell
}

// UnescapeCell is the inverse of EscapeCell, for imports: it takes one "'"
// away where that guards a formula's start, and leaves every other cell,
// formulas without a guard included, as it is.
func UnescapeCell(cell string) string {
	if strings.HasPrefix(cell, "'") && runsInSpreadsheet(strings.TrimLeft(cell, "'")) {
		return cell[1:]
	}
	return cell
}

func runsInSpreadsheet(cell string) bool {
	switch r, _ := utf8.DecodeRuneInString(cell); r {
	case '=', '+', '-', '@', '\t', '\r', '\n', 0, '＝', '＋', '－', '＠':
		return cell != ""
	}
	return false
}
