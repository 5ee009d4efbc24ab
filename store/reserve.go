package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"steward/backoffice"
)

// reserve is room on the disk of a SQLite file that is served: a file beside it
// that holds nothing. When the disk is full it is given up first, so that the log
// can be written back and what makes room, or takes somebody's way in, still goes
// on; everything else is refused until there is room to make the reserve again,
// and once more as much. Nothing has to be started anew.
type reserve struct {
	path string
	size int64

	mu    sync.Mutex
	full  bool      // given up, and not made again yet
	asked time.Time // when the disk was last asked for room
}

const (
	reserveSize = 4 << 20
	// reserveShare is which part of a small disk the reserve takes at most.
	reserveShare = 16
	reserveEvery = 200 * time.Millisecond
)

// newReserve makes the reserve of a database, or takes over the one that is there.
// A disk that has no room for it begins as a full one.
func newReserve(database string) *reserve {
	if real, err := filepath.EvalSymlinks(database); err == nil {
		database = real
	}
	r := &reserve{path: database + ".reserve", size: reserveSize}
	var st syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(database), &st); err == nil {
		r.size = min(r.size, int64(uint64(st.Blocks)*uint64(st.Bsize)/reserveShare)) // the types differ by system
	}
	if st, err := os.Stat(r.path); err == nil && st.Size() == r.size {
		if room := r.room(); room >= r.size/2 {
			return r
		}
	}
	r.give()
	r.again(time.Time{})
	return r
}

// room is how many bytes the disk has left.
func (r *reserve) room() int64 {
	var st syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(r.path), &st); err != nil {
		return 0
	}
	return int64(uint64(st.Bavail) * uint64(st.Bsize)) // the types differ by system
}

// give gives the reserve up.
func (r *reserve) give() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full = true
	_ = os.Remove(r.path) // one that cannot be removed gives no room, and takes none
}

// again reports whether everything may be written: the reserve is there, or could
// be made again. now keeps it from asking the disk for every request; zero asks.
func (r *reserve) again(now time.Time) bool {
	if r == nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.full {
		return true
	}
	if !now.IsZero() && now.Sub(r.asked) < reserveEvery && !now.Before(r.asked) {
		return false
	}
	r.asked = now
	if r.room() < 2*r.size || r.fill() != nil {
		return false
	}
	r.full = false
	return true
}

// fill writes the file: not with zeros, which some file systems do not keep.
func (r *reserve) fill() error {
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	random := rand.NewChaCha8([32]byte{})
	block := make([]byte, 64<<10)
	for left := r.size; left > 0 && err == nil; left -= int64(len(block)) {
		block = block[:min(int64(len(block)), left)]
		random.Read(block)
		_, err = f.Write(block)
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(r.path)
	}
	return err
}

// errNoRoom is what a write is told while the disk is full.
var errNoRoom = fmt.Errorf("%w: there is no room to write into", backoffice.ErrDiskFull)

type essentialKey struct{}

// essential marks what is written on a full disk too, as long as the reserve's
// room lasts: what lets people in and out, takes a right away, or makes room.
func essential(ctx context.Context) context.Context {
	return context.WithValue(ctx, essentialKey{}, true)
}

func isEssential(ctx context.Context) bool { return ctx.Value(essentialKey{}) != nil }
