// Package static owns what a browser fetches beside the pages: the stylesheet,
// the script modules, the font, and the vendored libraries. Everything is
// embedded; nothing is read from disk at run time.
//
// Addresses carry one hash over the whole tree, /static/{hash}/app.css, so that
// relative addresses inside stylesheets and between modules hold, and every
// file may be cached for ever.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"sort"
	"strconv"
	"strings"
	"sync"
)

//go:embed css js mark.svg vendor/htmx vendor/basecoat vendor/geist vendor/uplot
var tree embed.FS

// Prefix is where Handler expects to be mounted, below the base path.
const Prefix = "/static/"

// sheets are served one after the other as app.css: the order is the cascade.
var sheets = []string{"tokens", "icons", "base", "layout", "components", "pages", "preferences"}

// types names the content type by extension; a file of any other kind is not served.
var types = map[string]string{
	".css":   "text/css; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".svg":   "image/svg+xml",
	".woff2": "font/woff2",
}

type file struct {
	body  []byte
	kind  string
	once  sync.Once
	small []byte // gzip of body, nil where that gains nothing
}

// gzipped compresses at the first request that asks for it: the start of the
// process need not pay for files that nobody fetches.
func (f *file) gzipped() []byte {
	f.once.Do(func() {
		if f.kind == "font/woff2" || len(f.body) < 512 {
			return
		}
		var b bytes.Buffer
		w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		w.Write(f.body)
		w.Close()
		if b.Len() < len(f.body) {
			f.small = b.Bytes()
		}
	})
	return f.small
}

var (
	files map[string]*file
	hash  string
)

func init() {
	files = map[string]*file{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(name, "css/") {
			return err
		}
		kind, ok := types[path.Ext(name)]
		if !ok {
			return nil
		}
		body, err := tree.ReadFile(name)
		files[name] = &file{body: body, kind: kind}
		return err
	})
	if err != nil {
		panic("static: " + err.Error())
	}
	var app []byte
	for _, s := range sheets {
		body, err := tree.ReadFile("css/" + s + ".css")
		if err != nil {
			panic("static: " + err.Error())
		}
		app = append(app, body...)
	}
	files["app.css"] = &file{body: app, kind: types[".css"]}

	sum := sha256.New()
	for _, name := range Names() {
		part := sha256.Sum256(files[name].body)
		sum.Write([]byte(name))
		sum.Write(part[:])
	}
	hash = hex.EncodeToString(sum.Sum(nil))[:12]
}

// Names lists every served file, sorted: "app.css", "js/steward.js",
// "vendor/htmx/htmx.min.js", ….
func Names() []string {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Root is the address that file names are appended to, without a trailing
// slash and without the base path: "/static/3fa9c1d20b7e".
func Root() string { return Prefix + hash }

// URL is the address of a file, without the base path. It panics for a name
// that does not exist: a page must not point at nothing.
func URL(name string) string {
	if _, ok := files[name]; !ok {
		panic("static: no file " + name)
	}
	return Root() + "/" + name
}

// Handler serves GET and HEAD of /static/{hash}/{name}. Under the current hash
// a file may be cached for ever; under another one (a page from before an
// upgrade) the current file is served and must be asked for again.
// The base path has to be stripped before.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "Method not allowed", http.StatusMethodNotAllowed)
			return
		}
		version, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, Prefix), "/")
		f, ok := files[name]
		if !ok || !strings.HasPrefix(r.URL.Path, Prefix) {
			http.Error(w, "Not found", http.StatusNotFound)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.kind)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Vary", "Accept-Encoding")
		if version == hash {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		} else {
			h.Set("Cache-Control", "no-cache")
		}
		h.Set("ETag", `"`+hash+`"`)
		if r.Header.Get("If-None-Match") == `"`+hash+`"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		body := f.body
		if small := f.gzipped(); small != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = small
		}
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(http.StatusOK)
		if r.Method == http.MethodGet {
			w.Write(body)
		}
	})
}
