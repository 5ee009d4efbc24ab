package static

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func get(t *testing.T, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w
}

func TestHandlerServesHashedFilesForEver(t *testing.T) {
	w := get(t, URL("app.css"))
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Fatalf("status %d, type %q", w.Code, w.Header().Get("Content-Type"))
	}
	if !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("Cache-Control %q is not immutable", w.Header().Get("Cache-Control"))
	}
	if w := get(t, URL("app.css"), "Accept-Encoding", "gzip"); w.Header().Get("Content-Encoding") != "gzip" {
		t.Error("not compressed for a browser that takes gzip")
	}
}

func TestHandlerServesOldHashesWithoutCaching(t *testing.T) {
	w := get(t, "/static/000000000000/app.css")
	if w.Code != 200 || w.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("status %d, Cache-Control %q", w.Code, w.Header().Get("Cache-Control"))
	}
}

func TestHandlerServesNothingElse(t *testing.T) {
	for _, p := range []string{"/static/", "/static/x", "/static/x/../static.go", "/static/x/css/base.css",
		"/static/x/vendor/lock.json", "/static/x/vendor/htmx/LICENSE", "/static/x/js", "/other/x/app.css"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.Path = p
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, r)
		if w.Code != 404 {
			t.Errorf("%s: status %d, want 404", p, w.Code)
		}
	}
}

// Addresses in stylesheets and imports between modules must lead to files that are served.
func TestRelativeAddressesExist(t *testing.T) {
	inside := regexp.MustCompile(`url\("([^":]+)"\)|from "(\./[^"]+)"|import "(\./[^"]+)"`)
	for _, name := range Names() {
		if strings.HasPrefix(name, "vendor/") || (filepath.Ext(name) != ".css" && filepath.Ext(name) != ".js") {
			continue
		}
		for _, m := range inside.FindAllStringSubmatch(served.files[name].body, -1) {
			target := filepath.ToSlash(filepath.Join(filepath.Dir(name), m[1]+m[2]+m[3]))
			if _, ok := served.files[target]; !ok {
				t.Errorf("%s points at %s, which is not served", name, target)
			}
		}
	}
}

// The policy forbids evaluation and inline code: our own modules must not try.
func TestModulesKeepTheContentSecurityPolicy(t *testing.T) {
	bad := regexp.MustCompile(`\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write|setAttribute\("style"`)
	for _, name := range Names() {
		if strings.HasPrefix(name, "js/") {
			if m := bad.FindString(served.files[name].body); m != "" {
				t.Errorf("%s uses %s", name, m)
			}
		}
	}
}

func TestVendoredFilesMatchTheLock(t *testing.T) {
	body, err := os.ReadFile("vendor/lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock []struct {
		Name, Version string
		Files         map[string]string
	}
	if err := json.Unmarshal(body, &lock); err != nil {
		t.Fatal(err)
	}
	locked := map[string]bool{}
	for _, e := range lock {
		licence := false
		for name, want := range e.Files {
			locked[name] = true
			licence = licence || strings.HasPrefix(filepath.Base(name), "LICENSE")
			body, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
			if err != nil {
				t.Error(err)
				continue
			}
			if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != want {
				t.Errorf("%s %s: %s was changed; vendored files are only refreshed, by vendor/refresh.sh", e.Name, e.Version, name)
			}
		}
		if !licence {
			t.Errorf("%s carries no licence", e.Name)
		}
	}
	for _, dir := range []string{"vendor", "../browsertest/vendor"} {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Dir(name) == dir {
				return err
			}
			if key := filepath.ToSlash(filepath.Join("static", name)); !locked[key] {
				t.Errorf("%s is not in the lock", key)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// A release serves from the pack what a plain build serves from the sources.
func TestThePackServesTheSame(t *testing.T) {
	packed, err := unpack(Pack())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(packed.names(), served.names()) || packed.hash != served.hash {
		t.Fatal(packed.names(), packed.hash)
	}
	for _, name := range Names() {
		for _, encoding := range []string{"", "gzip, deflate, br, zstd"} {
			for _, method := range []string{"GET", "HEAD"} {
				r := httptest.NewRequest(method, URL(name), nil)
				r.Header.Set("Accept-Encoding", encoding)
				got, want := httptest.NewRecorder(), httptest.NewRecorder()
				packed.ServeHTTP(got, r)
				served.ServeHTTP(want, r)
				if got.Code != want.Code || !reflect.DeepEqual(got.Header(), want.Header()) || !bytes.Equal(got.Body.Bytes(), want.Body.Bytes()) {
					t.Errorf("%s %s, Accept-Encoding %q: %d %v, not %v", method, name, encoding, got.Code, got.Header(), want.Header())
				}
			}
		}
	}
}

func TestAPackThatIsCutIsRefused(t *testing.T) {
	pack := Pack()
	for _, bad := range []string{"", "x", pack[:100], pack[:len(pack)-1], pack + "x"} {
		if _, err := unpack(bad); err == nil {
			t.Errorf("a pack of %d bytes, not %d, is taken", len(bad), len(pack))
		}
	}
}
