package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server that runs by itself.
type process struct {
	cmd   *exec.Cmd
	addr  string
	first time.Duration // from the start to the first byte of an answer
}

// freeAddr returns an address that nobody listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// start runs a server and waits for its first answer. Its log goes to a file.
func start(log, addr, path, name string, args ...string) (*process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &process{cmd: exec.Command(name, args...), addr: addr}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	begun := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	c := &client{addr: addr}
	defer c.close()
	for {
		status, _, err := c.do(get(path, ""))
		if err == nil && status < 500 {
			p.first = time.Since(begun)
			return p, nil
		}
		if time.Since(begun) > time.Minute {
			p.end()
			return nil, fmt.Errorf("%s does not answer: status %d, %v; its log is %s", name, status, err, log)
		}
		time.Sleep(500 * time.Microsecond)
	}
}

// end asks the server to end, and waits.
func (p *process) end() error {
	p.cmd.Process.Signal(syscall.SIGTERM)
	killed := time.AfterFunc(20*time.Second, func() { p.cmd.Process.Kill() })
	defer killed.Stop()
	return p.cmd.Wait()
}

// cpu is the time that the process has used, in user and kernel.
func (p *process) cpu() time.Duration {
	if p.cmd == nil {
		return 0
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] { // utime, stime
		n, _ := strconv.ParseInt(f, 10, 64)
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / 100)
}

// memory is the process's proportional share of memory, in bytes.
func (p *process) memory() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	m := regexp.MustCompile(`(?m)^Pss:\s+(\d+) kB`).FindSubmatch(b)
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseInt(string(m[1]), 10, 64)
	return n << 10
}

// run runs a command to its end and returns what it wrote, how long it took,
// and the most memory that it held.
func run(stdin io.Reader, name string, args ...string) (out string, took time.Duration, most int64, err error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	begun := time.Now()
	err = cmd.Run()
	took = time.Since(begun)
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		most = u.Maxrss << 10
	}
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String(), took, most, err
}

const (
	staffEmail    = "bench@steward.example"
	staffPassword = "quiet rivers carry nine lanterns"
)

// steward is the server under measurement, with somebody signed in.
type steward struct {
	*process
	cookie string
	idle   int64 // memory before anybody came
}

func startSteward(database string) (*steward, error) {
	if _, _, _, err := run(strings.NewReader(staffPassword), binary("steward"), "--database", database, "staff", "add", staffEmail, "--role", "owner", "--password-file", "-"); err != nil &&
		!strings.Contains(err.Error(), "exists") && !strings.Contains(err.Error(), "already") {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	p, err := start(filepath.Join(outDir, "steward.log"), addr, "/healthz", binary("steward"), "--database", database, "serve", "--addr", addr)
	if err != nil {
		return nil, err
	}
	s := &steward{process: p}
	time.Sleep(time.Second)
	s.idle = p.memory()
	if s.cookie, err = signIn("http://" + addr); err != nil {
		p.end()
		return nil, err
	}
	return s, nil
}

// signIn returns the cookies of a session.
func signIn(base string) (string, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	web := http.Client{Jar: jar, Timeout: 20 * time.Second}
	res, err := web.PostForm(base+"/backoffice/sign-in", url.Values{"email": {staffEmail}, "password": {staffPassword}})
	if err != nil {
		return "", err
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	u, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	var cookies []string
	for _, c := range jar.Cookies(u) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	if res.StatusCode != http.StatusOK || len(cookies) == 0 {
		return "", fmt.Errorf("signing in ended at %s with status %d", res.Request.URL, res.StatusCode)
	}
	return strings.Join(cookies, "; "), nil
}

func startLimit(database string) (*process, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	return start(filepath.Join(outDir, "limit.log"), addr, "/", binary("limit"), "--database", database, "--addr", addr)
}

func binary(name string) string { return filepath.Join(outDir, name) }

// check runs steward check.
func check(database string) error {
	_, _, _, err := run(nil, binary("steward"), "--database", database, "check")
	return err
}

// fetch reads a page as text, without compression.
func fetch(base, path, cookie string) (string, error) {
	r, err := http.NewRequest(http.MethodGet, base+path, nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Cookie", cookie)
	r.Header.Set("Accept-Encoding", "identity")
	res, err := (&http.Client{Timeout: 20 * time.Second}).Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d", path, res.StatusCode)
	}
	return string(b), err
}

var errNone = errors.New("not found on the page")
