package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// T-84: who sends a request drop by drop, or one that never ends, keeps nobody
// else from being answered, and headers have a limit.
func TestAttack_T84(t *testing.T) {
	c := startChild(t, filepath.Join(t.TempDir(), "steward.db"))
	addr := strings.TrimPrefix(c.url, "http://")
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	for i := range 300 {
		conn := dial()
		if i%2 == 0 {
			fmt.Fprintf(conn, "GET /backoffice/sign-in HTTP/1.1\r\nHost: %s\r\nX-Slow: ", addr)
		} else {
			fmt.Fprintf(conn, "POST /backoffice/sign-in HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nemail=", addr, c.url)
		}
	}
	for range 20 {
		res, err := http.Get(c.url + "/backoffice/sign-in")
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("a page beside slow clients: %v, %v", res, err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	status := func(request string) int {
		conn := dial()
		go io.WriteString(conn, request)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	if got := status("GET / HTTP/1.1\r\nHost: " + addr + "\r\nX-Long: " + strings.Repeat("a", 64<<10) + "\r\n\r\n"); got != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("64 KiB of header: %d", got)
	}
	// Two lengths are two requests to somebody: refused, and the connection closed.
	for _, request := range []string{
		"POST /backoffice/sign-in HTTP/1.1\r\nHost: " + addr + "\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"POST /backoffice/sign-in HTTP/1.1\r\nHost: " + addr + "\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost : " + addr + "\r\n\r\n",
	} {
		if got := status(request); got != http.StatusBadRequest && got != http.StatusNotImplemented {
			t.Errorf("%q: %d", request[:60], got)
		}
	}
}
