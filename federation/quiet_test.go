package federation_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
	"steward/federation"
)

// broken is a store that fails, or knows nothing.
type broken struct {
	federation.Store
	err error
}

func (b broken) Application(context.Context, string) (backoffice.Application, error) {
	return backoffice.Application{}, b.err
}

func (b broken) SinglePageOrigin(context.Context, string) (bool, error) { return false, nil }

// The log of a process hears from the library what befell us, once, and neither its
// routes nor that somebody was refused.
func TestQuiet(t *testing.T) {
	was := slog.Default()
	defer slog.SetDefault(was)
	var log bytes.Buffer
	slog.SetDefault(slog.New(federation.Quiet(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	public := &url.URL{Scheme: "https", Host: "accounts.example"}
	ask := func(err error) {
		r := httptest.NewRequest("POST", federation.TokenPath, strings.NewReader("grant_type=authorization_code&code=x&client_id=x&client_secret=x"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		federation.New(public, broken{err: err}, time.Now).ServeHTTP(httptest.NewRecorder(), r)
	}
	ask(backoffice.ErrNotFound)
	if log.Len() > 0 {
		t.Errorf("of a refusal: %s", log.String())
	}
	ask(errors.New("the disk fell out"))
	if n := strings.Count(log.String(), "the disk fell out"); n != 1 || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("of what befell us: %s", log.String())
	}
	log.Reset()
	slog.With("a", 1).WithGroup("g").Warn("our own")
	if !strings.Contains(log.String(), "our own") {
		t.Error("what others write is lost")
	}
}
