//go:build soak && linux

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
)

// These take minutes, root, or a clock: make soak runs them.

func TestSoakKill9(t *testing.T) {
	kill9(t, filepath.Join(t.TempDir(), "steward.db"), 20_000, 1500*time.Millisecond)
}

// A power cut: the file system is shut down under load, so that nothing which
// was not on disk survives, then mounted again and verified.
func TestSoakPowerCut(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("STEWARD_SOAK: power cuts take root: sudo make soak")
	}
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			for round := range 8 {
				powerCut(t, kind, round)
				if t.Failed() {
					return
				}
			}
		})
	}
}

func powerCut(t *testing.T, kind string, round int) {
	dir := t.TempDir()
	image, disk := filepath.Join(dir, "disk.img"), filepath.Join(dir, "disk")
	must := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
	}
	f, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(400 << 20); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if kind == "xfs" {
		must("mkfs.xfs", "-q", "-f", image)
	} else {
		must("mkfs.ext4", "-q", "-F", image)
	}
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	must("mount", "-o", "loop", image, disk)
	mounted := true
	t.Cleanup(func() {
		if mounted {
			exec.Command("umount", "-l", disk).Run()
		}
	})
	database := filepath.Join(disk, "steward.db")
	w := newWorkload(newCustomers(t, database))
	c := startChild(t, database)
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { w.run(t, c.url, 8, stop) })
	wait(t, "some writes", func() bool { return w.acknowledged() > 50 })
	time.Sleep(rand.N(2 * time.Second))
	must("xfs_io", "-x", "-c", "shutdown", disk)
	refused := w.refused.Load()
	wait(t, "refusals after the cut", func() bool { return w.refused.Load() > refused || t.Failed() })
	if t.Failed() {
		t.Logf("%.3000s", c.output.String()[max(0, len(c.output.String())-3000):])
	}
	close(stop)
	running.Wait()
	c.kill()
	for try := 0; ; try++ {
		if out, err := exec.Command("umount", disk).CombinedOutput(); err == nil {
			break
		} else if try == 50 {
			t.Fatalf("umount: %s", out)
		}
		time.Sleep(100 * time.Millisecond)
	}
	mounted = false
	must("mount", "-o", "loop", image, disk)
	mounted = true
	w.verify(t)
	must("umount", disk)
	mounted = false
	t.Logf("%s, cut %d: %d acknowledged writes, none lost", kind, round+1, w.acknowledged())
}

// T-88 by the clock: 64 writers for a minute.
func TestSoakWriters(t *testing.T) {
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "steward.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var writers sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	end := time.Now().Add(time.Minute)
	for w := range 64 {
		writers.Go(func() {
			var mine []time.Duration
			for i := 0; time.Now().Before(end); i++ {
				began := time.Now()
				id := fmt.Sprintf("w%d-%d", w, i)
				if _, err := s.CreateAccount(t.Context(), backoffice.CommandLine(), backoffice.NewAccount{Name: id, ID: id}); err != nil {
					t.Error(err)
					return
				}
				mine = append(mine, time.Since(began))
			}
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
		})
	}
	writers.Wait()
	if len(took) == 0 {
		t.Fatal("nothing was written")
	}
	slices.Sort(took)
	p99, most := took[len(took)*99/100], took[len(took)-1]
	t.Logf("%d accounts in a minute, p99 %v, max %v", len(took), p99, most)
	if p99 > 250*time.Millisecond || most > 2*time.Second {
		t.Errorf("p99 %v, max %v: more than 250 ms, 2 s", p99, most)
	}
}

// T-91 at every place: each of the first syncs and writes fails once.
func TestSoakFailingDisk(t *testing.T) {
	for _, what := range []string{"sync", "write", "short"} {
		for at := 20; at < 220; at += 5 {
			t.Run(fmt.Sprintf("%s %d", what, at), func(t *testing.T) { failingDisk(t, what, at, 1+at%7) })
		}
	}
}

// T-89: the log stays short while an export reads for long.
func TestSoakLongReader(t *testing.T) {
	database := filepath.Join(t.TempDir(), "steward.db")
	if code, _, stderr := runVerb(t, database, "", "demo", "--accounts", "50000", "--seed", "1"); code != exitOK {
		t.Fatal(stderr)
	}
	s, err := store.Open(t.Context(), database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	stop := make(chan struct{})
	var most int64
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := s.CreateAccount(t.Context(), backoffice.CommandLine(), backoffice.NewAccount{Name: fmt.Sprintf("Beside %d", i)}); err != nil {
				t.Error(err)
				return
			}
			most = max(most, s.WALSize())
		}
	})
	for range 5 {
		if code, stdout, stderr := runVerb(t, database, "", "export", "accounts"); code != exitOK || strings.Count(stdout, "\n") < 50000 {
			t.Errorf("export: %d %s", code, stderr)
		}
	}
	close(stop)
	writing.Wait()
	t.Logf("the log was %d bytes at most", most)
	if most > 256<<20 {
		t.Errorf("the log grew to %d bytes", most)
	}
}
