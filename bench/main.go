// Command bench measures the speed that Steward promises: it makes the data,
// starts the server as a process of its own, signs in, loads it from here, and
// does the same with the limit server of bench/limit, in turns. What counts are
// ratios of medians; absolute times are those of one machine at one hour.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"steward/migrations"
)

// outDir holds binaries, data, logs and the result; git ignores it.
const outDir = "bench/out"

// options are what the command line says.
type options struct {
	sizes        []int
	rounds       int
	length       time.Duration
	writes       bool
	branch       bool
	applications bool
	verbose      bool
}

func main() {
	sizes := flag.String("sizes", "10000,100000,1000000", "accounts of the data sets")
	rounds := flag.Int("rounds", 5, "how often the two servers take turns")
	length := flag.Duration("length", 2*time.Second, "how long each load lasts")
	writes := flag.Bool("writes", true, "measure writing and the import, too")
	branch := flag.Bool("branch", true, "measure a reseller of 5,000 sub-accounts, too")
	applications := flag.Bool("applications", true, "measure applications and their tokens, too")
	verbose := flag.Bool("v", false, "print every load")
	profile := flag.String("pgo", "", "write a profile of the pages into this file, and end")
	flag.Parse()
	o := options{rounds: *rounds, length: *length, writes: *writes, branch: *branch, applications: *applications, verbose: *verbose}
	for _, s := range strings.Split(*sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			fmt.Fprintf(os.Stderr, "-sizes: %q is not a number of accounts\n", s)
			os.Exit(2)
		}
		o.sizes = append(o.sizes, n)
	}
	var err error
	if *profile != "" {
		err = writeProfile(*profile, o.sizes[len(o.sizes)-1])
	} else {
		err = measure(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(o options) error {
	begun := time.Now()
	if err := build(); err != nil {
		return err
	}
	r := &result{}
	for _, n := range o.sizes {
		database, err := data(n)
		if err != nil {
			return err
		}
		s, err := measureSize(o, n, database)
		if err != nil {
			return fmt.Errorf("%d accounts: %w", n, err)
		}
		r.sizes = append(r.sizes, s)
	}
	if o.writes {
		database, err := data(o.sizes[len(o.sizes)-1])
		if err != nil {
			return err
		}
		if r.writes, err = measureWrites(o, database); err != nil {
			return err
		}
		if r.imported, err = measureImport(); err != nil {
			return err
		}
		if r.signIn, err = measureSignIn(o, database); err != nil {
			return err
		}
	}
	if o.branch {
		database, err := data(o.sizes[len(o.sizes)-1])
		if err != nil {
			return err
		}
		if r.branch, err = measureBranch(o, database); err != nil {
			return err
		}
	}
	if o.applications {
		database, err := data(o.sizes[len(o.sizes)-1])
		if err != nil {
			return err
		}
		if r.applications, err = measureApplications(database); err != nil {
			return err
		}
	}
	if st, err := os.Stat(binary("steward")); err == nil {
		r.binary = st.Size()
	}
	r.took = time.Since(begun)
	out, err := os.Create(filepath.Join(outDir, "result.txt"))
	if err != nil {
		return err
	}
	r.print(io.MultiWriter(os.Stdout, out))
	return out.Close()
}

// build makes both binaries as they are released: stripped, with the profile.
func build() error {
	if err := os.MkdirAll(outDir, 0o755); err != nil {
		return err
	}
	for name, pkg := range map[string]string{"steward": "./cmd/steward", "limit": "./bench/limit"} {
		cmd := exec.Command(".ci/build", binary(name), pkg)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("build %s: %w", pkg, err)
		}
	}
	return nil
}

// data returns the file with that many accounts, and makes it when there is
// none for the schema as it is.
func data(n int) (string, error) {
	h := sha256.New()
	schema := migrations.FS(migrations.SQLite)
	names, err := fs.Glob(schema, "*.sql")
	if err != nil {
		return "", err
	}
	slices.Sort(names)
	for _, name := range names {
		b, err := fs.ReadFile(schema, name)
		if err != nil {
			return "", err
		}
		h.Write(b)
	}
	name := filepath.Join(outDir, fmt.Sprintf("%d-%s.db", n, hex.EncodeToString(h.Sum(nil))[:8]))
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	old, _ := filepath.Glob(filepath.Join(outDir, fmt.Sprintf("%d-*.db*", n)))
	for _, f := range old {
		os.Remove(f)
	}
	part := name + ".part"
	for _, f := range []string{part, part + "-wal", part + "-shm"} {
		os.Remove(f)
	}
	fmt.Printf("Making %d accounts …", n)
	out, took, most, err := run(nil, binary("steward"), "--database", part, "demo", "--accounts", strconv.Itoa(n), "--seed", "1")
	if err != nil {
		fmt.Println()
		return "", err
	}
	fmt.Printf(" in %.1f s, %d MiB at most: %s", took.Seconds(), most>>20, out)
	return name, os.Rename(part, name)
}

// sizeResult is what was measured on one data set.
type sizeResult struct {
	accounts     int
	first        time.Duration // from start to first byte
	idle, loaded int64         // PSS
	list, users  listResult
}

// listResult is what was measured of one of the two large lists.
type listResult struct {
	ours, limit    map[string][]figures // by load
	pages          []pageResult
	search         []pageResult
	html, htmlHand int // bytes of the page, ours and the limit's
}

type pageResult struct {
	name string
	figures
}

// loads are the loads of a round, in their order.
var loads = []string{"1", "8", "64", "open"}

func measureSize(o options, n int, database string) (*sizeResult, error) {
	r := &sizeResult{accounts: n}
	ours, err := startSteward(database)
	if err != nil {
		return nil, err
	}
	defer func() { ours.end() }()
	r.first, r.idle = ours.first, ours.idle
	limit, err := startLimit(database)
	if err != nil {
		return nil, err
	}
	defer func() { limit.end() }()
	if err := r.list.inTurns(o, n, ours, limit, accountsPath, "/"); err != nil {
		return nil, err
	}
	r.loaded = ours.memory()
	if r.list.pages, err = measurePages(o, ours); err != nil {
		return nil, err
	}
	if r.list.search, err = measureSearch(o, ours, accountsPath, searches, sortedSearches); err != nil {
		return nil, err
	}
	if err := r.users.inTurns(o, n, ours, limit, usersPath, "/users"); err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	if r.users.pages, err = measureOrders(o, ours, usersPath, userOrders); err != nil {
		return nil, err
	}
	if r.users.search, err = measureSearch(o, ours, usersPath, userSearches, sortedUserSearches); err != nil {
		return nil, err
	}
	if err := limit.end(); err != nil && !strings.Contains(err.Error(), "signal") {
		return nil, fmt.Errorf("limit ended: %w", err)
	}
	if err := ours.end(); err != nil {
		return nil, fmt.Errorf("steward ended: %w", err)
	}
	return r, check(database)
}

// inTurns loads a page of ours and the same of the limit server in turns.
func (r *listResult) inTurns(o options, n int, ours *steward, limit *process, path, hand string) error {
	r.ours, r.limit = map[string][]figures{}, map[string][]figures{}
	page, err := fetch("http://"+ours.addr, path, ours.cookie)
	if err != nil {
		return err
	}
	byHand, err := fetch("http://"+limit.addr, hand, "")
	if err != nil {
		return err
	}
	r.html, r.htmlHand = len(page), len(byHand)

	one := func(s *process, load string, req request) (figures, error) {
		next := func(int) request { return req }
		var f figures
		if load == "open" {
			f = open(s, 32, 1000, o.length, next)
		} else {
			c, _ := strconv.Atoi(load)
			f = closed(s, c, o.length, next)
		}
		if f.failed > 0 {
			return f, fmt.Errorf("load %s: %d of %d failed, the first with: %w", load, f.failed, f.failed+f.requests, f.firstErr)
		}
		return f, nil
	}
	a, b := get(path, ours.cookie), get(hand, "")
	for _, warm := range []struct {
		s *process
		r request
	}{{ours.process, a}, {limit, b}} {
		closed(warm.s, 8, 500*time.Millisecond, func(int) request { return warm.r })
	}
	for round := range o.rounds {
		for _, load := range loads {
			f, err := one(ours.process, load, a)
			if err != nil {
				return err
			}
			g, err := one(limit, load, b)
			if err != nil {
				return fmt.Errorf("limit: %w", err)
			}
			r.ours[load], r.limit[load] = append(r.ours[load], f), append(r.limit[load], g)
			if o.verbose {
				fmt.Printf("%8d  %-20s round %d  load %-4s  steward %v\n%8s  %-20s %7s  %9s  limit   %v\n", n, path, round+1, load, f, "", "", "", "", g)
			}
		}
	}
	return nil
}

const (
	accountsPath = "/backoffice/accounts"
	usersPath    = "/backoffice/users"
)
