package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"

	"github.com/klauspost/compress/gzip"

	"steward/backoffice"
	"steward/handlers"
	"steward/store"
)

func size(b []byte) int {
	var o bytes.Buffer
	w, _ := gzip.NewWriterLevel(&o, 1)
	w.Write(b)
	w.Close()
	return o.Len()
}

func main() {
	s, err := store.Open(context.Background(), os.Args[1], store.Options{})
	if err != nil {
		panic(err)
	}
	public, _ := url.Parse("http://localhost:8080")
	h, _ := handlers.New(handlers.Options{Store: s, PublicURL: public, Environment: "Production", Production: true, As: func(*http.Request) (backoffice.Actor, bool) {
		return backoffice.Actor{Kind: backoffice.ActorStaff, Key: 1, ID: "staff-ada", Name: "Ada Weber", Role: "owner"}, true
	}})
	for _, path := range []string{"/backoffice/accounts", "/backoffice/accounts?active=30d&sort=-last", "/backoffice/accounts?sort=-visits"} {
		r := httptest.NewRequest("GET", "http://localhost:8080"+path, nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		b, _ := io.ReadAll(w.Body)
		i, j := bytes.Index(b, []byte("<tbody>")), bytes.Index(b, []byte("</tbody>"))
		rows := b[i:j]
		fmt.Println(path, "page", len(b), size(b), "rows", len(rows), size(rows), "rest", size(append(append([]byte{}, b[:i]...), b[j:]...)))
		cut := func(name, re string) {
			x := regexp.MustCompile(re).ReplaceAll(rows, nil)
			fmt.Println("   without", name, size(x), "saves", size(rows)-size(x))
		}
		cut("spark", `<svg class="spark".*?</svg>`)
		cut("spark d", ` d="[^"]*"`)
		cut("copy", `<button class="icon-btn tiny copy".*?</button>`)
		cut("title", ` title="[^"]*"`)
		cut("datetime", ` datetime="[^"]*"`)
		cut("more", `<div class="cell-more.*?</div>`)
		cut("data-name", ` data-name="[^"]*"`)
		cut("icons", `<svg class="icon".*?</svg>`)
	}
}
