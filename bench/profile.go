package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/pprof"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/handlers"
	"steward/store"
)

// writeProfile serves the pages inside of this process, loads them as people
// do, and writes where the time went: the compiler reads it as
// cmd/steward/default.pgo.
func writeProfile(file string, accounts int) error {
	if err := build(); err != nil {
		return err
	}
	database, err := data(accounts)
	if err != nil {
		return err
	}
	ctx := context.Background()
	s, err := store.Open(ctx, database, store.Options{MustExist: true})
	if err != nil {
		return err
	}
	defer s.Close()
	hash, err := auth.NewHasher(1).Hash(ctx, staffPassword)
	if err != nil {
		return err
	}
	// Whoever is there from an earlier run will do.
	_, _ = s.AddStaff(ctx, backoffice.CommandLine(), backoffice.NewStaff{Email: staffEmail, Role: backoffice.Owner}, hash)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	h, err := handlers.New(handlers.Options{Store: s, PublicURL: &url.URL{Scheme: "http", Host: "localhost"}, Environment: "Production", Production: true,
		Log: slog.New(slog.NewJSONHandler(null, nil))})
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h}
	go server.Serve(listener)
	defer server.Close()
	addr := listener.Addr().String()
	cookie, err := signIn("http://" + addr)
	if err != nil {
		return err
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return err
	}
	self := &process{addr: addr}
	var mix []request
	for _, path := range []string{"", "", "", "", "", "", "?sort=last", "?sort=name", "?sort=visits", "?q=gmbh", "?q=weber", "?active=30"} {
		mix = append(mix, get(accountsPath+path, cookie))
	}
	f := closed(self, 4, 20*time.Second, func(i int) request { return mix[i%len(mix)] })
	pprof.StopCPUProfile()
	if f.failed > 0 {
		return fmt.Errorf("%d requests failed, the first with: %w", f.failed, f.firstErr)
	}
	fmt.Printf("%d requests profiled\n", f.requests)
	return out.Close()
}
