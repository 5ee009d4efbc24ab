package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// request is what a client sends, as bytes on the wire.
type request []byte

// get asks for a path; cookie may be empty.
func get(path, cookie string) request {
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n", path)
	if cookie != "" {
		fmt.Fprintf(&b, "Cookie: %s\r\n", cookie)
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

func post(path, kind, token string, body []byte) request {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", path, token, kind, len(body))
	b.Write(body)
	return b.Bytes()
}

// client is one connection that is kept. It is written for speed: the measured
// process and the measuring one share the machine.
type client struct {
	addr string
	conn net.Conn
	in   *bufio.Reader
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// do sends a request and reads the answer to its end.
func (c *client) do(r request) (status int, bytes int64, err error) {
	if c.conn == nil {
		if c.conn, err = net.Dial("tcp", c.addr); err != nil {
			return 0, 0, err
		}
		c.in = bufio.NewReaderSize(c.conn, 64<<10)
	}
	if status, bytes, err = c.roundTrip(r); err != nil {
		c.close()
	}
	return status, bytes, err
}

func (c *client) roundTrip(r request) (status int, size int64, err error) {
	c.conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := c.conn.Write(r); err != nil {
		return 0, 0, err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	if len(line) < 12 {
		return 0, 0, errors.New("no status line")
	}
	status, err = strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, 0, err
	}
	length, chunked := int64(-1), false
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil {
				return 0, 0, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
	if status == 204 || status == 304 {
		return status, 0, nil
	}
	if !chunked {
		if length < 0 {
			return 0, 0, errors.New("an answer without a length")
		}
		_, err = io.CopyN(io.Discard, c.in, length)
		return status, length, err
	}
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		n, err := strconv.ParseInt(string(bytes.TrimRight(line, "\r\n")), 16, 64)
		if err != nil {
			return 0, 0, err
		}
		if _, err := c.in.Discard(int(n) + 2); err != nil {
			return 0, 0, err
		}
		if n == 0 {
			return status, size, nil
		}
		size += n
	}
}

// figures are what one load gave.
type figures struct {
	requests      int
	failed        int
	firstErr      error
	perSecond     float64
	p50, p95, p99 time.Duration
	cpu           time.Duration // of the server's process, per request
	bytes         int64         // of an answer, compressed
	samples       []sample
}

func (f figures) String() string {
	return fmt.Sprintf("%6.0f/s  p50 %6s  p95 %6s  p99 %6s  %5d µs CPU  %5d bytes", f.perSecond, short(f.p50), short(f.p95), short(f.p99), f.cpu.Microseconds(), f.bytes)
}

func short(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 2, 64)
}

type sample struct {
	took  time.Duration
	bytes int64
}

// closed loads a server with as many connections as it is told, each sending
// its next request when the answer to the last one is there.
func closed(s *process, connections int, length time.Duration, next func(i int) request) figures {
	var sent atomic.Int64
	return s.load(connections, func(stop <-chan struct{}, c *client, put func(sample, error)) {
		for {
			select {
			case <-stop:
				return
			default:
			}
			r := next(int(sent.Add(1)) - 1)
			begun := time.Now()
			status, n, err := c.do(r)
			put(sample{time.Since(begun), n}, failure(status, err))
		}
	}, length)
}

// open loads a server with requests at a constant rate, whether or not earlier
// ones were answered: what waits, waits in the figures too.
func open(s *process, connections int, rate float64, length time.Duration, next func(i int) request) figures {
	var sent atomic.Int64
	begin := time.Now()
	return s.load(connections, func(stop <-chan struct{}, c *client, put func(sample, error)) {
		for {
			i := sent.Add(1) - 1
			due := begin.Add(time.Duration(float64(i) / rate * float64(time.Second)))
			if due.Sub(begin) >= length {
				return
			}
			if wait := time.Until(due); wait > 0 {
				time.Sleep(wait)
			}
			status, n, err := c.do(next(int(i)))
			put(sample{time.Since(due), n}, failure(status, err))
		}
	}, length)
}

func failure(status int, err error) error {
	if err == nil && status != 200 && status != 303 {
		err = fmt.Errorf("status %d", status)
	}
	return err
}

func (s *process) load(connections int, run func(stop <-chan struct{}, c *client, put func(sample, error)), length time.Duration) figures {
	var wg sync.WaitGroup
	all := make([][]sample, connections)
	var failed atomic.Int64
	var first atomic.Value
	stop := make(chan struct{})
	cpu, begun := s.cpu(), time.Now()
	time.AfterFunc(length, func() { close(stop) })
	for i := range connections {
		wg.Go(func() {
			c := &client{addr: s.addr}
			defer c.close()
			run(stop, c, func(v sample, err error) {
				if err != nil {
					failed.Add(1)
					first.CompareAndSwap(nil, err)
					return
				}
				all[i] = append(all[i], v)
			})
		})
	}
	wg.Wait()
	took := time.Since(begun)
	spent := s.cpu() - cpu
	samples := slices.Concat(all...)
	f := figures{requests: len(samples), failed: int(failed.Load())}
	if err, ok := first.Load().(error); ok {
		f.firstErr = err
	}
	if len(samples) == 0 {
		return f
	}
	f.summarize(samples)
	f.perSecond = float64(len(samples)) / took.Seconds()
	f.cpu = spent / time.Duration(len(samples))
	return f
}

// summarize fills in how long the answers took.
func (f *figures) summarize(samples []sample) {
	slices.SortFunc(samples, func(a, b sample) int { return int(a.took - b.took) })
	at := func(p int) time.Duration { return samples[(len(samples)-1)*p/100].took }
	f.requests, f.samples = len(samples), samples
	f.p50, f.p95, f.p99 = at(50), at(95), at(99)
	f.bytes = samples[len(samples)/2].bytes
}
