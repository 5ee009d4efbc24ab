//go:build !packed

package static

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"path"
	"strings"
)

//go:embed css js mark.svg vendor/htmx vendor/basecoat vendor/geist vendor/uplot
var sources embed.FS

// sheets are served one after the other as app.css: the order is the cascade.
var sheets = []string{"tokens", "icons", "base", "layout", "components", "pages", "preferences"}

// embedded is the tree as its sources lie in the repository.
func embedded() *tree {
	t := &tree{files: map[string]*file{}}
	err := fs.WalkDir(sources, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(name, "css/") {
			return err
		}
		kind, ok := types[path.Ext(name)]
		if !ok {
			return nil
		}
		body, err := sources.ReadFile(name)
		t.files[name] = &file{body: string(body), kind: kind}
		return err
	})
	if err != nil {
		panic("static: " + err.Error())
	}
	var app []byte
	for _, s := range sheets {
		body, err := sources.ReadFile("css/" + s + ".css")
		if err != nil {
			panic("static: " + err.Error())
		}
		app = append(app, body...)
	}
	t.files["app.css"] = &file{body: string(app), kind: types[".css"]}

	sum := sha256.New()
	for _, name := range t.names() {
		part := sha256.Sum256([]byte(t.files[name].body))
		sum.Write([]byte(name))
		sum.Write(part[:])
	}
	t.hash = hex.EncodeToString(sum.Sum(nil))[:12]
	return t
}
