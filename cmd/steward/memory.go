package main

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// limitMemory tells the collector how much memory it should stay below: 70 % of
// the control group's limit, 256 MiB at most. GOMEMLIMIT goes before.
func limitMemory() {
	if _, set := os.LookupEnv("GOMEMLIMIT"); set {
		return
	}
	limit := int64(256 << 20)
	if b, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil {
			limit = min(limit, n/10*7)
		}
	}
	debug.SetMemoryLimit(limit)
}
