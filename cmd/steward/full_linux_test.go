package main

import (
	"os"
	"syscall"
	"testing"
)

// A disk of four megabytes (the schema alone takes three quarters of one) takes
// the right to mount; without it the same refusal is provoked inside the engine,
// in store.
func TestAttack_T90(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m,mode=700"); err != nil {
		if os.Getenv("STEWARD_TEST_ALL") != "" {
			t.Fatalf("a full disk is left out: a small one cannot be mounted here (%v); run as root", err)
		}
		t.Skipf("a full disk left out: a small one cannot be mounted here (%v); run as root", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	fullDisk(t, dir)
}
