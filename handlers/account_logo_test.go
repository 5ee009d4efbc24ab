package handlers_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"
)

// upload sends a file as the form of the logo does.
func (b *browser) upload(id string, file []byte, htmx ...string) *shown {
	b.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part, err := m.CreateFormFile("logo", "../../evil.svg")
	if err != nil {
		b.t.Fatal(err)
	}
	part.Write(file)
	m.Close()
	req, _ := http.NewRequest(http.MethodPost, b.absolute("/backoffice/accounts/"+id+"/logo"), &body)
	req.Header.Set("Content-Type", m.FormDataContentType())
	return b.do(req, htmx)
}

func picture(w, h int) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetNRGBA(x, y, color.NRGBA{uint8(x), uint8(y), 90, 255})
		}
	}
	return img
}

func asPNG(img image.Image) []byte {
	var b bytes.Buffer
	png.Encode(&b, img)
	return b.Bytes()
}

func TestLogo(t *testing.T) {
	w := newSite(t)
	w.account("Nord", "nord", "")
	b := w.browser()
	if p := b.get("/backoffice/accounts/nord/logo"); p.Status != http.StatusNotFound {
		t.Errorf("no logo: %d", p.Status)
	}
	p := b.upload("nord", append(asPNG(picture(1200, 600)), "<script>alert(1)</script>"...))
	expect(t, p, http.StatusOK, map[string]string{"#toasts": "Logo saved."})
	src, _ := p.Find("#logo img").Attr("src")
	if head, _ := p.Find(".head img").Attr("src"); !strings.HasPrefix(src, "/backoffice/accounts/nord/logo?v=") || head != src {
		t.Fatalf("the picture is at %q and %q", src, head)
	}
	got := b.get(src)
	conf, kind, err := image.DecodeConfig(strings.NewReader(got.Body))
	if err != nil || kind != "png" || conf.Width != 512 || conf.Height != 256 || strings.Contains(got.Body, "script") {
		t.Errorf("served: %s %dx%d, %v", kind, conf.Width, conf.Height, err)
	}
	for name, want := range map[string]string{"Content-Type": "image/png", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; sandbox", "Cache-Control": "private, max-age=31536000, immutable"} {
		if got.Header.Get(name) != want {
			t.Errorf("%s: %q", name, got.Header.Get(name))
		}
	}
	if old := b.get("/backoffice/accounts/nord/logo?v=0"); old.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("under another tag: %q", old.Header.Get("Cache-Control"))
	}
	var small bytes.Buffer
	jpeg.Encode(&small, picture(40, 90), nil)
	again := b.upload("nord", small.Bytes(), "logo")
	expect(t, again, http.StatusOK, map[string]string{".toast-text": "Logo saved."})
	if now, _ := again.Find("#logo img").Attr("src"); now == src || again.Find("hx-partial #account-head img").Length() != 1 {
		t.Errorf("the address stayed %q", now)
	}
	removed := b.get("/backoffice/accounts/nord").submit("#logo form[action$=removal]", nil, "logo")
	expect(t, removed, http.StatusOK, map[string]string{"#logo .glyph": "N", ".toast-text": "Logo removed."})
	if p := b.get("/backoffice/accounts/nord/logo"); p.Status != http.StatusNotFound {
		t.Errorf("removed: %d", p.Status)
	}
}

func TestLogoRefused(t *testing.T) {
	w := newSite(t)
	w.account("Nord", "nord", "")
	b := w.browser()
	noisy := image.NewNRGBA(image.Rect(0, 0, 400, 400))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range noisy.Pix {
		noisy.Pix[i] = byte(random.Uint32())
	}
	scans := asJPEGWithScans(200)
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"nothing":         {nil, "Choose a picture"},
		"no picture":      {[]byte("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"), "not a PNG or JPEG"},
		"a GIF":           {[]byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"), "not a PNG or JPEG"},
		"cut short":       {asPNG(picture(300, 300))[:400], "not a PNG or JPEG"},
		"too many bytes":  {asPNG(noisy), "larger than 256"},
		"far too many":    {bytes.Repeat([]byte("x"), 3<<20), "larger than 256"},
		"a bomb":          {bomb(30000, 30000), "2 048 pixels"},
		"a narrow bomb":   {bomb(1<<30, 1), "2 048 pixels"},
		"too many scans":  {scans, "not a PNG or JPEG"},
		"one side larger": {asPNG(image.NewGray(image.Rect(0, 0, 2049, 4))), "2 048 pixels"},
	} {
		p := b.upload("nord", c.file, "logo")
		if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.text("#logo .problem"), c.says) {
			t.Errorf("%s: %d %q", name, p.Status, p.text("#logo .problem"))
		}
	}
	if a, _ := w.store.Account(ctx, "nord"); a.LogoTag != "" {
		t.Error("a refused picture was kept")
	}
	if p := b.upload("none", asPNG(picture(4, 4))); p.Status != http.StatusNotFound {
		t.Errorf("no such account: %d", p.Status)
	}
}

// The largest picture that is taken is decoded and made small in bounded time
// and memory; this is here to be seen, the bound is logoSide.
func TestLogoLargest(t *testing.T) {
	w := newSite(t)
	w.account("Nord", "nord", "")
	begun := time.Now()
	p := w.browser().upload("nord", asPNG(image.NewGray16(image.Rect(0, 0, 2048, 2048))), "logo")
	expect(t, p, http.StatusOK, map[string]string{".toast-text": "Logo saved."})
	t.Logf("2,048 × 2,048 of 16 bits in %v", time.Since(begun))
	if a, _ := w.store.Account(ctx, "nord"); a.LogoTag == "" || a.Version != 1 {
		t.Errorf("kept: %q, version %d", a.LogoTag, a.Version)
	}
}

// bomb is a PNG whose header promises far more than its few bytes hold.
func bomb(width, height uint32) []byte {
	var b bytes.Buffer
	b.WriteString("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		binary.Write(&b, binary.BigEndian, uint32(len(data)))
		body := append([]byte(kind), data...)
		b.Write(body)
		binary.Write(&b, binary.BigEndian, crc32.ChecksumIEEE(body))
	}
	head := binary.BigEndian.AppendUint32(nil, width)
	head = binary.BigEndian.AppendUint32(head, height)
	chunk("IHDR", append(head, 8, 6, 0, 0, 0))
	var z bytes.Buffer
	deflate := zlib.NewWriter(&z)
	deflate.Write(make([]byte, 100000))
	deflate.Close()
	chunk("IDAT", z.Bytes())
	chunk("IEND", nil)
	return b.Bytes()
}

// asJPEGWithScans is a JPEG with more scans than any picture has.
func asJPEGWithScans(n int) []byte {
	var b bytes.Buffer
	jpeg.Encode(&b, picture(64, 64), nil)
	at := bytes.Index(b.Bytes(), []byte{0xFF, 0xDA})
	head, scan := b.Bytes()[:at], b.Bytes()[at:len(b.Bytes())-2]
	out := append([]byte(nil), head...)
	for range n {
		out = append(out, scan...)
	}
	return append(out, 0xFF, 0xD9)
}
