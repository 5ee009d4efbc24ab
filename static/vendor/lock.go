//go:build ignore

// Lock writes static/vendor/lock.json: every vendored file with the package and
// version that it came from, and its SHA-256. Arguments: "package version directory" each.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	type entry struct {
		Name    string            `json:"name"`
		Version string            `json:"version"`
		Files   map[string]string `json:"files"`
	}
	var lock []entry
	for _, arg := range os.Args[1:] {
		f := strings.Fields(arg)
		e := entry{Name: f[0], Version: f[1], Files: map[string]string{}}
		names, err := filepath.Glob(filepath.Join(f[2], "*"))
		if err != nil {
			log.Fatal(err)
		}
		for _, name := range names {
			body, err := os.ReadFile(name)
			if err != nil {
				log.Fatal(err)
			}
			sum := sha256.Sum256(body)
			e.Files[filepath.ToSlash(name)] = hex.EncodeToString(sum[:])
		}
		lock = append(lock, e)
	}
	out, err := json.MarshalIndent(lock, "", "\t")
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("static/vendor/lock.json", append(out, '\n'), 0o644); err != nil {
		log.Fatal(err)
	}
}
