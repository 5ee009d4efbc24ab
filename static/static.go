// Package static owns what a browser fetches beside the pages: the stylesheet,
// the script modules, the font, and the vendored libraries. Everything is
// embedded; nothing is read from disk at run time. Releases embed it compressed
// (tag packed, written by pack.go), and send it as it lies there.
//
// Addresses carry one hash over the whole tree, /static/{hash}/app.css, so that
// relative addresses inside stylesheets and between modules hold, and every
// file may be cached for ever.
package static

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// Prefix is where Handler expects to be mounted, below the base path.
const Prefix = "/static/"

// types names the content type by extension; a file of any other kind is not served.
var types = map[string]string{
	".css":   "text/css; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".svg":   "image/svg+xml",
	".woff2": "font/woff2",
}

// file holds its body, its gzip, or both.
type file struct {
	body  string // empty where only the gzip is kept
	kind  string
	once  sync.Once
	small string // gzip of body, empty where that gains nothing
}

// gzipped compresses at the first request that asks for it: the start of the
// process need not pay for files that nobody fetches.
func (f *file) gzipped() string {
	f.once.Do(func() {
		if f.small != "" || f.kind == "font/woff2" || len(f.body) < 512 {
			return
		}
		var b bytes.Buffer
		w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		io.WriteString(w, f.body)
		w.Close()
		if b.Len() < len(f.body) {
			f.small = b.String()
		}
	})
	return f.small
}

// plain is the body for a client that takes no gzip, and its length.
func (f *file) plain() (io.Reader, int) {
	if f.body != "" {
		return strings.NewReader(f.body), len(f.body)
	}
	r, err := gzip.NewReader(strings.NewReader(f.small))
	if err != nil {
		panic("static: " + err.Error())
	}
	// RFC 1952, 2.3.1: the last four bytes are the length.
	return r, int(binary.LittleEndian.Uint32([]byte(f.small[len(f.small)-4:])))
}

// tree is what is served under one hash.
type tree struct {
	files map[string]*file
	hash  string
}

var served = embedded()

// Names lists every served file, sorted: "app.css", "js/steward.js",
// "vendor/htmx/htmx.min.js", ….
func Names() []string { return served.names() }

func (t *tree) names() []string {
	names := make([]string, 0, len(t.files))
	for name := range t.files {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Root is the address that file names are appended to, without a trailing
// slash and without the base path: "/static/3fa9c1d20b7e".
func Root() string { return Prefix + served.hash }

// URL is the address of a file, without the base path. It panics for a name
// that does not exist: a page must not point at nothing.
func URL(name string) string {
	if _, ok := served.files[name]; !ok {
		panic("static: no file " + name)
	}
	return Root() + "/" + name
}

// Handler serves GET and HEAD of /static/{hash}/{name}. Under the current hash
// a file may be cached for ever; under another one (a page from before an
// upgrade) the current file is served and must be asked for again.
// The base path has to be stripped before.
func Handler() http.Handler { return served }

func (t *tree) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "Method not allowed", http.StatusMethodNotAllowed)
		return
	}
	version, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, Prefix), "/")
	f, ok := t.files[name]
	if !ok || !strings.HasPrefix(r.URL.Path, Prefix) {
		http.Error(w, "Not found", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Encoding")
	if version == t.hash {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	h.Set("ETag", `"`+t.hash+`"`)
	if r.Header.Get("If-None-Match") == `"`+t.hash+`"` {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	var body io.Reader
	var length int
	if small := f.gzipped(); small != "" && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body, length = strings.NewReader(small), len(small)
	} else {
		body, length = f.plain()
	}
	h.Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		io.Copy(w, body)
	}
}
