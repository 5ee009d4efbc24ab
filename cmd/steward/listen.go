package main

import (
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// listener can be ended without resetting the connections that wait to be
// accepted, as closing it would.
type listener struct {
	*net.TCPListener
	ending  atomic.Bool
	waiting chan net.Conn // what waited at the end
	taken   chan struct{} // closed when all of that is accepted
	shut    chan struct{} // closed by Close
	once    sync.Once
}

func listen(addr string) (*listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &listener{TCPListener: l.(*net.TCPListener), waiting: make(chan net.Conn), taken: make(chan struct{}), shut: make(chan struct{})}, nil
}

// Accept returns the next connection; while the listener ends, those that wait.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.TCPListener.Accept()
	if err == nil || !l.ending.Load() {
		return c, err
	}
	if c, ok := <-l.waiting; ok {
		return c, nil
	}
	close(l.taken)
	<-l.shut
	return nil, net.ErrClosed
}

// end accepts what waits, and stops to listen in the moment in which nothing does.
func (l *listener) end() {
	raw, err := l.SyscallConn()
	if err != nil {
		return
	}
	l.ending.Store(true)
	var last []int
	_ = raw.Control(func(fd uintptr) {
		for {
			c, _, err := syscall.Accept(int(fd))
			if err == nil {
				last = append(last, c)
			} else if err != syscall.EINTR && err != syscall.ECONNABORTED {
				_ = syscall.Shutdown(int(fd), syscall.SHUT_RDWR)
				return
			}
		}
	})
	go func() {
		defer close(l.waiting)
		for _, fd := range last {
			syscall.CloseOnExec(fd)
			f := os.NewFile(uintptr(fd), "connection")
			c, err := net.FileConn(f)
			f.Close()
			if err == nil {
				l.waiting <- c
			}
		}
	}()
	select {
	case <-l.taken:
	case <-time.After(time.Second):
	}
}

// Close ends Accept.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.shut) })
	err := l.TCPListener.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// connections knows which connections have a request under way, or are about to
// bring one: the server's own shutdown drops a request that it has just read.
type connections struct {
	mu   sync.Mutex
	busy map[net.Conn]time.Time // the zero time: a request is under way; else: new since
}

// watch is the server's ConnState.
func (c *connections) watch(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		if c.busy == nil {
			c.busy = map[net.Conn]time.Time{}
		}
		c.busy[conn] = time.Now()
	case http.StateActive:
		c.busy[conn] = time.Time{}
	default:
		delete(c.busy, conn)
	}
}

// quiet waits until every request is answered; who connects and says nothing is
// not waited for.
func (c *connections) quiet(most time.Duration) {
	const silence = time.Second
	for end := time.Now().Add(most); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if c.count(time.Now().Add(-silence)) == 0 {
			return
		}
	}
}

func (c *connections) count(newSince time.Time) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, since := range c.busy {
		if since.IsZero() || since.After(newSince) {
			n++
		}
	}
	return n
}
