package handlers

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"image"
	_ "image/jpeg" // what may be uploaded
	"image/png"
	"io"
	"net/http"
	"sync"

	"golang.org/x/image/draw"

	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

// Limits of a logo that is uploaded, and of the one that is kept.
const (
	logoBytes = 256 << 10
	logoSide  = 2048 // of what is decoded: a small file can unfold into gigabytes
	logoKept  = 512
	logoScans = 32 // of a progressive JPEG: each one walks over the whole picture
)

// oneLogo lets one picture at a time be decoded: what it takes is known then.
var oneLogo sync.Mutex

const (
	refuseLogoMissing = backoffice.Refusal("Choose a picture first.")
	refuseLogoSize    = backoffice.Refusal("The file is larger than 256 KiB. Make the picture smaller and try again.")
	refuseLogoKind    = backoffice.Refusal("This is not a PNG or JPEG that can be read. Save the picture as PNG and try again.")
	refuseLogoSide    = backoffice.Refusal("The picture is larger than 2 048 pixels a side. Make it smaller and try again.")
)

// encodeLogo reads a PNG or JPEG and writes it anew, at most 512 pixels a side:
// nothing but its pixels is kept. Errors: Refusal.
func encodeLogo(file []byte) (kept []byte, tag string, err error) {
	if len(file) == 0 {
		return nil, "", refuseLogoMissing
	}
	if len(file) > logoBytes {
		return nil, "", refuseLogoSize
	}
	conf, kind, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil || kind != "png" && kind != "jpeg" || conf.Width < 1 || conf.Height < 1 {
		return nil, "", refuseLogoKind
	}
	if conf.Width > logoSide || conf.Height > logoSide {
		return nil, "", refuseLogoSide
	}
	if kind == "jpeg" && bytes.Count(file, []byte{0xFF, 0xDA}) > logoScans {
		return nil, "", refuseLogoKind
	}
	oneLogo.Lock()
	defer oneLogo.Unlock()
	img, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, "", refuseLogoKind
	}
	w, h := conf.Width, conf.Height
	if side := max(w, h); side > logoKept {
		w, h = max(1, w*logoKept/side), max(1, h*logoKept/side)
	}
	small := image.NewNRGBA(image.Rect(0, 0, w, h))
	draw.ApproxBiLinear.Scale(small, small.Bounds(), img, img.Bounds(), draw.Src, nil)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, small); err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(out.Bytes())
	return out.Bytes(), hex.EncodeToString(sum[:8]), nil
}

// logoPolicy lets the picture do nothing, should a browser open it as a page.
const logoPolicy = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; sandbox"

// showLogo serves the picture. Its address carries the tag of its content, so
// that a browser may keep it; under any other tag it is asked for each time.
func (s *server) showLogo(c *call) error {
	body, tag, err := c.store().Logo(c.ctx(), c.param("id"))
	if err != nil {
		return err
	}
	return c.picture(body, tag)
}

// picture sends a logo.
func (c *call) picture(body []byte, tag string) error {
	h := c.Response().Header()
	h.Set("Content-Security-Policy", logoPolicy)
	h.Set("Content-Disposition", `inline; filename="logo.png"`)
	if c.QueryParam("v") == tag {
		h.Set("Cache-Control", "private, max-age=31536000, immutable")
	}
	return c.Blob(http.StatusOK, "image/png", body)
}

func (s *server) saveLogo(c *call) error {
	file, err := c.logoFile()
	var body []byte
	var tag string
	if err == nil {
		body, tag, err = encodeLogo(file)
	}
	var refusal backoffice.Refusal
	if errors.As(err, &refusal) {
		a, err := c.account()
		if err != nil {
			return err
		}
		return c.renderAccount(http.StatusUnprocessableEntity, a, accountForms{logoProblem: refusal.Error()})
	}
	if err != nil {
		return err
	}
	if err := c.store().SetLogo(c.ctx(), c.actor, c.param("id"), body, tag); err != nil {
		return err
	}
	return c.logoSaved("Logo saved.")
}

// logoFile reads the uploaded file, and of one that is too large no more than
// shows that it is.
func (c *call) logoFile() ([]byte, error) {
	f, _, err := c.Request().FormFile("logo")
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return nil, refuseLogoSize
	case err != nil:
		return nil, refuseLogoMissing
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, logoBytes+1))
}

func (s *server) removeLogo(c *call) error {
	if err := c.store().SetLogo(c.ctx(), c.actor, c.param("id"), nil, ""); err != nil {
		return err
	}
	return c.logoSaved("Logo removed.")
}

func (c *call) logoSaved(said string) error {
	return c.saved(accountPath(c.param("id"))+"#"+views.AccountLogoID, ui.ToastProps{Text: said}, func() error {
		a, err := c.account()
		if err != nil {
			return err
		}
		scene := c.accountScene(a)
		return c.changed(scene, views.AccountLogo(scene, ""), views.AccountLogoID)
	})
}
