package handlers

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/a-h/templ"

	"steward/static"
	"steward/views"
	"steward/views/ui"
)

// section is one part of a page. ID is the id of its root element, by which
// htmx asks for it alone.
type section struct {
	id   string
	body templ.Component
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// isFragment reports whether htmx asks for a part of the page. Nothing else
// looks at its headers.
func (c *call) isFragment() bool {
	h := c.Request().Header
	return h.Get("HX-Request") == "true" && h.Get("HX-Boosted") != "true" && h.Get("HX-History-Restore-Request") != "true"
}

// target is the id of the element that htmx will replace.
func (c *call) target() string {
	t := c.Request().Header.Get("HX-Target")
	if _, id, ok := strings.Cut(t, "#"); ok { // htmx 4 sends tag#id
		return id
	}
	return t
}

// shows reports whether the answer will contain the section: it is the one that
// htmx asks for, or the whole page is shown. Pages read only what they show.
func (c *call) shows(id string, all []string) bool {
	if !c.isFragment() || c.target() == id {
		return true
	}
	return !slices.Contains(all, c.target())
}

// render answers with the whole page, or with the section alone that htmx asked
// for, from a buffer: an error on the way leaves nothing half sent.
func (c *call) render(status int, page views.Page, whole templ.Component, sections ...section) error {
	c.Response().Header().Add("Vary", "HX-Request, HX-Target")
	if c.isFragment() {
		id := c.target()
		for _, s := range sections {
			if s.id == id {
				return c.write(status, s.body, page.Toasts)
			}
		}
	}
	return c.write(status, wrapped{views.Frame(page), whole}, nil)
}

// fragment answers an htmx request with parts that are no section of a page,
// such as a dialog.
func (c *call) fragment(status int, body templ.Component, toasts ...ui.ToastProps) error {
	c.Response().Header().Add("Vary", "HX-Request, HX-Target")
	return c.write(status, body, toasts)
}

// gatePage answers with a page outside of the frame: sign-in, set-up, errors.
func (c *call) gatePage(status int, body templ.Component) error { return c.write(status, body, nil) }

func (c *call) write(status int, body templ.Component, toasts []ui.ToastProps) error {
	b := buffers.Get().(*bytes.Buffer)
	b.Reset()
	defer buffers.Put(b)
	if err := body.Render(c.ctx(), b); err != nil {
		return err
	}
	for _, t := range toasts {
		if err := ui.ToastPartial(t).Render(c.ctx(), b); err != nil {
			return err
		}
	}
	return c.HTMLBlob(status, b.Bytes())
}

// saved answers a change that succeeded: for a plain browser with a redirect to
// location and the toast on the page there, for htmx with what fresh renders
// and the toast beside it.
func (c *call) saved(location string, toast ui.ToastProps, fresh func() error) error {
	if !c.isFragment() || fresh == nil {
		if toast.Text != "" {
			c.putFlash(toast)
		}
		return c.goTo(location)
	}
	c.Set("toast", toast)
	return fresh()
}

// goTo leads the browser to another page of ours, whichever way it asked.
func (c *call) goTo(path string) error {
	if c.isFragment() {
		// Where only what stands behind the # differs, a browser asks for nothing.
		if bare, _, _ := strings.Cut(path, "#"); bare != path {
			if here, err := url.Parse(c.Request().Header.Get("HX-Current-URL")); err == nil && here.EscapedPath() == c.s.link(bare) {
				path = bare
			}
		}
		c.Response().Header().Set("HX-Redirect", c.s.link(path))
		return c.NoContent(http.StatusOK)
	}
	return c.Redirect(http.StatusSeeOther, c.s.link(path))
}

// gate begins a page outside of the frame.
func (s *server) gate(c *call, title string) views.Page {
	theme := "system"
	if k, err := c.Cookie(s.cookieName("theme")); err == nil {
		theme = k.Value
	}
	return views.Page{Title: title, Env: s.Environment, EnvOther: !s.Production, Base: s.base, Assets: s.base + static.Root(),
		Theme: theme, Path: strings.TrimPrefix(c.Request().URL.RequestURI(), s.base)}
}

// safeNext returns next when it is a path of ours, otherwise the fallback with
// the base path. A browser must never be led elsewhere by what a link carries.
func (s *server) safeNext(next, fallback string) string {
	u, err := url.Parse(next)
	bad := err != nil || next == "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsAny(next, "\\\t\r\n") || u.Scheme != "" || u.Host != "" || u.User != nil ||
		strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, "\\")
	if bad {
		return s.link(fallback)
	}
	return s.link(next)
}

// flashSealer signs the toast that a redirect carries in a cookie: nobody else
// can put words, or an address to post to, into our pages.
type flashSealer struct{ key []byte }

func newFlashSealer() flashSealer {
	key := make([]byte, 32)
	rand.Read(key)
	return flashSealer{key}
}

func (f flashSealer) sum(b []byte) []byte {
	h := hmac.New(sha256.New, f.key)
	h.Write(b)
	return h.Sum(nil)
}

func (s *server) flashCookie() string { return s.cookieName("flash") }

// maxFlash is how many bytes a toast may have to travel with a redirect.
const maxFlash = 2000

func (c *call) putFlash(t ui.ToastProps) {
	b, err := json.Marshal(t)
	if err != nil || len(b) > maxFlash {
		return
	}
	v := base64.RawURLEncoding.EncodeToString(append(c.s.flash.sum(b), b...))
	c.SetCookie(c.s.cookie(c.s.flashCookie(), v, 60))
}

// takeFlash returns the toast of the redirect that led here, once. A toast that
// was set in this very request comes first.
func (c *call) takeFlash() (ui.ToastProps, bool) {
	if t, ok := c.Get("toast").(ui.ToastProps); ok {
		return t, t.Text != ""
	}
	k, err := c.Cookie(c.s.flashCookie())
	if err != nil || c.isFragment() {
		return ui.ToastProps{}, false
	}
	c.SetCookie(c.s.cookie(c.s.flashCookie(), "", -1))
	b, err := base64.RawURLEncoding.DecodeString(k.Value)
	if err != nil || len(b) < sha256.Size || !hmac.Equal(b[:sha256.Size], c.s.flash.sum(b[sha256.Size:])) {
		return ui.ToastProps{}, false
	}
	var t ui.ToastProps
	return t, json.Unmarshal(b[sha256.Size:], &t) == nil
}
