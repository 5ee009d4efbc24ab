package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// The README's table of flags is the command line's own.
func TestReadmeNamesEveryFlag(t *testing.T) {
	var c command
	parser, err := kong.New(&c, kong.Name("steward"), kong.Vars{"version": "test"})
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{} // row of the table -> verbs
	var order []string
	var walk func(n *kong.Node, verb string)
	walk = func(n *kong.Node, verb string) {
		for _, f := range n.Flags {
			if f.Name == "help" || f.Name == "version" {
				continue
			}
			if len(f.Envs) != 1 || !strings.HasPrefix(f.Envs[0], "STEWARD_") {
				t.Errorf("%s --%s has the variables %v, not one STEWARD_…", verb, f.Name, f.Envs)
				continue
			}
			standard := ""
			if f.Default != "" {
				standard = "`" + f.Default + "`"
			}
			line := fmt.Sprintf("| `--%s` | `%s` | %s |", f.Name, f.Envs[0], standard)
			if rows[line] == nil {
				order = append(order, line)
			}
			rows[line] = append(rows[line], cmp.Or(verb, "all"))
		}
		for _, child := range n.Children {
			walk(child, strings.TrimSpace(verb+" "+child.Name))
		}
	}
	walk(parser.Model.Node, "")
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
