package handlers

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"
)

// posted returns the fields that the body of a form carries; what stands in the
// address is no field. A body of another kind is 415.
func (c *call) posted() (url.Values, error) {
	req := c.Request()
	kind, _, _ := strings.Cut(req.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") && req.ContentLength != 0 {
		return nil, echo.NewHTTPError(http.StatusUnsupportedMediaType)
	}
	if err := req.ParseForm(); err != nil {
		return nil, badRequest(err)
	}
	return req.PostForm, nil
}

// errTwice refuses a field that comes twice: nobody can say which was meant.
var errTwice = echo.NewHTTPError(http.StatusBadRequest)

// badRequest turns an error of decoding into 400, but leaves a body that is too
// large what it is.
func badRequest(err error) error {
	if f := faultOf(err); f.status == http.StatusRequestEntityTooLarge {
		return err
	}
	return echo.NewHTTPError(http.StatusBadRequest).SetInternal(err)
}

// fields returns the value of each field that is named. One that comes twice is
// 400.
func (c *call) fields(names ...string) (map[string]string, error) {
	form, err := c.posted()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, n := range names {
		if len(form[n]) > 1 {
			return nil, errTwice
		}
		out[n] = form.Get(n)
	}
	return out, nil
}
