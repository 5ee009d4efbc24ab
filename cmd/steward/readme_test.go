package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// The README's table of flags is the command line's own.
func TestReadmeNamesEveryFlag(t *testing.T) {
	var c command
	rows := map[string][]string{} // row of the table -> verbs
	var order []string
	var walk func(v *verb)
	walk = func(v *verb) {
		for _, f := range v.flags {
			if f.name == "version" {
				continue
			}
			if !strings.HasPrefix(f.env, "STEWARD_") {
				t.Errorf("%s --%s has the variable %q, not one STEWARD_…", v.name, f.name, f.env)
				continue
			}
			standard := ""
			if f.standard != "" {
				standard = "`" + f.standard + "`"
			}
			line := fmt.Sprintf("| `--%s` | `%s` | %s |", f.name, f.env, standard)
			if rows[line] == nil {
				order = append(order, line)
			}
			rows[line] = append(rows[line], cmp.Or(v.name, "all"))
		}
		for _, below := range v.verbs {
			walk(below)
		}
	}
	walk(commandLine(&c))
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, line := range strings.Split(string(b), "\n") {
		if strings.HasPrefix(line, "| `--") {
			cells := strings.SplitN(line, "|", 6)
			if len(cells) < 6 {
				t.Errorf("README: %s", line)
				continue
			}
			have = append(have, strings.Join(cells[:4], "|")+"|")
			if of := rows[have[len(have)-1]]; of != nil {
				if verbs := strings.TrimSpace(cells[4]); verbs != strings.Join(of, ", ") {
					t.Errorf("README says that %s belongs to %q, and it does to %q", cells[1], verbs, strings.Join(of, ", "))
				}
			}
		}
	}
	for _, line := range order {
		if !slices.Contains(have, line) {
			t.Errorf("README's table lacks\n%s %s | …", line, strings.Join(rows[line], ", "))
		}
	}
	for _, line := range have {
		if rows[line] == nil {
			t.Errorf("README's table has a flag that does not exist: %s", line)
		}
	}
}
