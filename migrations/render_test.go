package migrations

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"
	"text/template"
)

// What render leaves out of text/template, no migration uses.
func TestMigrationsAreWhatTheTemplateSays(t *testing.T) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, engine := range []Engine{SQLite, PostgreSQL} {
		for _, name := range names {
			text, err := files.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var want bytes.Buffer
			if err := template.Must(template.New(name).Parse(string(text))).Execute(&want, engine); err != nil {
				t.Fatal(err)
			}
			got, err := fs.ReadFile(FS(engine), name)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want.Bytes()) {
				t.Errorf("%s differs from what text/template makes of it (SQLite: %v)", name, engine.SQLite)
			}
		}
	}
}

func TestRenderRefusesWhatItDoesNotKnow(t *testing.T) {
	for text, says := range map[string]string{
		"{{.Absent}}":               "Absent",
		"{{.SQLite}}":               "SQLite",
		"{{if .Raw}}x{{end}}":       "Raw",
		"{{range .Raw}}x{{end}}":    "range",
		"{{.Raw | .Bytes}}":         "Raw",
		"{{template \"absent\" .}}": "absent",
		"{{if .SQLite}}":            "unexpected EOF",
	} {
		if out, err := render("x.sql", text, SQLite); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %q, %v", text, out, err)
		}
	}
}
