package steward

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"steward/views/ui"
)

// rooms says which of our rooms each room may use. A room that is not here does
// not exist: a new one takes a line, and a reason in the README.
var rooms = map[string][]string{
	"cmd/steward":     {"*"},
	"backoffice":      {},
	"migrations":      {},
	"static":          {},
	"views/ui":        {},
	"views":           {"backoffice", "views/ui"},
	"store":           {"backoffice", "migrations"},
	"store/storetest": {"store"},
	"auth":            {"backoffice"},
	"outbox":          {"backoffice"},
	"federation":      {"backoffice", "auth"},
	"handlers":        {"backoffice", "store", "views", "views/ui", "auth", "federation", "static", "handlers/api"},
	"handlers/api":    {"backoffice", "store", "auth"},
	"browsertest":     {"*"},
	"bench":           {"*"},
	"bench/limit":     {"*"},
	".":               {"views/ui"},
}

// only names the rooms in which a foreign package may be used.
var only = map[string][]string{
	"github.com/labstack/echo":           {"handlers", "handlers/api"},
	"database/sql":                       {"store", "store/storetest", "bench", "bench/limit"},
	"github.com/jackc/pgx":               {"store", "store/storetest"},
	"github.com/mattn/go-sqlite3":        {"store", "store/storetest", "bench", "bench/limit"},
	"github.com/pressly/goose":           {"store"},
	"github.com/alecthomas/kong":         {"cmd/steward"},
	"github.com/chromedp/chromedp":       {"browsertest"},
	"github.com/VictoriaMetrics/metrics": {"cmd/steward"},
	"github.com/alexedwards/argon2id":    {"auth"},
}

// banned are names that say nothing about what is inside.
var banned = []string{"internal", "pkg", "services", "models", "utils", "util", "helpers", "helper", "common", "misc"}

type source struct {
	room, file string
	test       bool
	syntax     *ast.File
	fset       *token.FileSet
	text       string
}

func sources(t *testing.T) (out []source) {
	t.Helper()
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == "vendor" || name == "testdata" || name == "node_modules" || len(name) > 1 && name[0] == '.' {
				return filepath.SkipDir
			}
			return nil
		}
		if path.Ext(file) != ".go" {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(fset, file, text, parser.ParseComments)
		if err != nil {
			return err
		}
		out = append(out, source{room: filepath.ToSlash(filepath.Dir(file)), file: file, test: strings.HasSuffix(file, "_test.go"), syntax: syntax, fset: fset, text: string(text)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// made reports whether a file is written by a tool, or writes one.
func made(s source) bool {
	return ast.IsGenerated(s.syntax) || strings.Contains(s.text, "//go:build ignore")
}

func TestImportsRunOneWay(t *testing.T) {
	for _, s := range sources(t) {
		may, known := rooms[s.room]
		if made(s) {
			continue
		}
		if !known {
			t.Errorf("%s: there is no room %q in this house (rooms in house_test.go)", s.file, s.room)
			continue
		}
		for _, part := range strings.Split(s.room, "/") {
			if slices.Contains(banned, part) {
				t.Errorf("%s: %q says nothing about what is inside", s.file, part)
			}
		}
		for _, i := range s.syntax.Imports {
			name, _ := strconv.Unquote(i.Path.Value)
			if ours, ok := strings.CutPrefix(name, "steward/"); ok {
				// A test may stand in the house next door: it opens databases and serves.
				if !s.test && ours != s.room && !slices.Contains(may, ours) && !slices.Contains(may, "*") {
					t.Errorf("%s: %s imports %s, and may use %v only", s.file, s.room, ours, may)
				}
				if !s.test && ours == "store/storetest" && s.room != "browsertest" && s.room != "bench" {
					t.Errorf("%s: storetest is for tests", s.file)
				}
				continue
			}
			for foreign, where := range only {
				if (name == foreign || strings.HasPrefix(name, foreign+"/")) && !slices.Contains(where, s.room) && !s.test && !made(s) {
					t.Errorf("%s: %s is for %v only", s.file, name, where)
				}
			}
			if s.room == "backoffice" && !s.test && !made(s) && strings.Contains(strings.SplitN(name, "/", 2)[0], ".") &&
				!strings.HasPrefix(name, "golang.org/x/text/") && !strings.HasPrefix(name, "golang.org/x/net/") {
				t.Errorf("%s: backoffice uses the standard library, x/text and x/net only, not %s", s.file, name)
			}
		}
	}
}

// The command line alone reads the environment; tests read what STEWARD_TEST_…
// tells them.
func TestEnvironmentIsReadInOnePlace(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || made(s) || s.room == "cmd/steward" || s.room == "store/storetest" || s.room == "browsertest" || strings.HasPrefix(s.room, "bench") {
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "os" && slices.Contains([]string{"Getenv", "LookupEnv", "Environ", "ExpandEnv"}, sel.Sel.Name) {
					t.Errorf("%s: os.%s belongs into cmd/steward", s.fset.Position(n.Pos()), sel.Sel.Name)
				}
			}
			return true
		})
	}
}

// skippers are the files that may leave a test out, because they say why and
// how to have it, and because STEWARD_TEST_ALL=1 turns that into a failure.
var skippers = []string{"store/storetest/storetest.go", "browsertest/browser_test.go", "cmd/steward/full_linux_test.go", "cmd/steward/soak_test.go", "cmd/steward/clients_test.go"}

func TestNothingIsSkippedSilently(t *testing.T) {
	for _, s := range sources(t) {
		if slices.Contains(skippers, filepath.ToSlash(s.file)) {
			if strings.Contains(s.text, ".Skip") && !strings.Contains(s.text, "STEWARD_TEST_ALL") && !strings.Contains(s.text, "STEWARD_SOAK") {
				t.Errorf("%s skips, and does not ask STEWARD_TEST_ALL", s.file)
			}
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if sel, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) {
					if x, ok := sel.X.(*ast.Ident); ok && (x.Name == "t" || x.Name == "tb") {
						t.Errorf("%s: only %v may skip", s.fset.Position(n.Pos()), skippers)
					}
				}
			}
			return true
		})
	}
}

func TestFilesStayShort(t *testing.T) {
	for _, s := range sources(t) {
		if n := strings.Count(s.text, "\n"); n > 700 && !made(s) {
			t.Errorf("%s has %d lines; 700 is where a file asks to be two", s.file, n)
		}
	}
}

func TestNoLeftovers(t *testing.T) {
	words := []string{"TO" + "DO", "FIX" + "ME", "XX" + "X"}
	for _, s := range sources(t) {
		for _, group := range s.syntax.Comments {
			for _, c := range group.List {
				for _, w := range words {
					if slices.Contains(strings.FieldsFunc(c.Text, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') }), w) && !made(s) {
						t.Errorf("%s: %s belongs into an issue", s.fset.Position(c.Pos()), w)
					}
				}
			}
		}
	}
}

// Every icon that a page may show has its shape in the stylesheet.
func TestIconsHaveShapes(t *testing.T) {
	sheet, err := os.ReadFile("static/css/icons.css")
	if err != nil {
		t.Fatal(err)
	}
	names := ui.IconNames()
	for _, name := range names {
		if !strings.Contains(string(sheet), "\n.i-"+name+" {") {
			t.Errorf("no shape for %q: run views/ui/icons_make.go", name)
		}
	}
	if n := strings.Count(string(sheet), "\n.i-"); n != len(names) {
		t.Errorf("%d shapes, %d icons", n, len(names))
	}
}
