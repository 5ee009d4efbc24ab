//go:build ignore

// Refresh fetches the lists of others that the rules use, checks them against
// lock.json and writes them as sorted text. Run it in this folder:
//
//	go run refresh.go           # the versions of the lock, or it fails
//	go run refresh.go -update   # writes the digests of what it fetched
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

type list struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	License string `json:"license"`
	SHA256  string `json:"sha256"` // of the package's archive
	Member  string `json:"member"` // the JSON array of strings inside
	File    string `json:"file"`
	Written string `json:"file_sha256"`
}

func main() {
	update := flag.Bool("update", false, "write the digests of what was fetched into lock.json")
	flag.Parse()
	text, err := os.ReadFile("lock.json")
	check(err)
	var lists []list
	check(json.Unmarshal(text, &lists))
	for i := range lists {
		check(fetch(&lists[i], *update))
	}
	if *update {
		text, err := json.MarshalIndent(lists, "", "  ")
		check(err)
		check(os.WriteFile("lock.json", append(text, '\n'), 0o644))
	}
}

func fetch(l *list, update bool) error {
	dir, err := os.MkdirTemp("", "lists")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	npm := exec.Command("npm", "pack", "--ignore-scripts", "--silent", l.Name+"@"+l.Version)
	npm.Dir, npm.Stderr = dir, os.Stderr
	if err := npm.Run(); err != nil {
		return fmt.Errorf("%s: %w", l.Name, err)
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(archives) != 1 {
		return errors.Join(err, fmt.Errorf("%s: %d archives", l.Name, len(archives)))
	}
	archive, err := os.ReadFile(archives[0])
	if err != nil {
		return err
	}
	if got := digest(archive); got != l.SHA256 {
		if !update {
			return fmt.Errorf("%s: the archive is %s, the lock says %s", l.Name, got, l.SHA256)
		}
		l.SHA256 = got
	}
	entries, err := member(archive, l.Member)
	if err != nil {
		return fmt.Errorf("%s: %w", l.Name, err)
	}
	slices.Sort(entries)
	entries = slices.Compact(entries)
	written := []byte(strings.Join(entries, "\n") + "\n")
	l.Written = digest(written)
	return os.WriteFile(l.File, written, 0o644)
}

func member(archive []byte, name string) ([]string, error) {
	zipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	for files := tar.NewReader(zipped); ; {
		header, err := files.Next()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if header.Name != name {
			continue
		}
		text, err := io.ReadAll(files)
		if err != nil {
			return nil, err
		}
		var entries []string
		err = json.Unmarshal(text, &entries)
		for i, e := range entries {
			entries[i] = strings.ToLower(strings.TrimSpace(e))
		}
		return entries, err
	}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
