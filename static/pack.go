//go:build ignore

// Pack writes static/packed.bin, which releases embed with the tag packed: every
// file as Handler sends it to a browser that takes gzip. Run it at the root of
// the repository, without that tag.
package main

import (
	"fmt"
	"log"
	"os"

	"steward/static"
)

func main() {
	const to = "static/packed.bin"
	part := fmt.Sprintf("%s.%d", to, os.Getpid()) // two builds at a time do not mix
	if err := os.WriteFile(part, []byte(static.Pack()), 0o644); err != nil {
		log.Fatal(err)
	}
	if err := os.Rename(part, to); err != nil {
		log.Fatal(err)
	}
}
