package static

import (
	"fmt"
	"path"
	"strings"
)

// A pack is text, a line each, and then the files one after the other:
//
//	{hash}
//	{length} {gzip or plain} {name}
//	…
//	(an empty line)

// Pack returns the tree as a pack, each file in the form that is sent.
func Pack() string {
	var head, bodies strings.Builder
	head.WriteString(served.hash + "\n")
	for _, name := range served.names() {
		f := served.files[name]
		form, body := "gzip", f.gzipped()
		if body == "" {
			form, body = "plain", f.body
		}
		fmt.Fprintf(&head, "%d %s %s\n", len(body), form, name)
		bodies.WriteString(body)
	}
	return head.String() + "\n" + bodies.String()
}

// unpack reads a pack. Its files stay where they lie in it; nothing is decompressed.
func unpack(pack string) (*tree, error) {
	head, bodies, _ := strings.Cut(pack, "\n\n")
	lines := strings.Split(head, "\n")
	t := &tree{files: map[string]*file{}, hash: lines[0]}
	for _, line := range lines[1:] {
		var length int
		var form, name string
		if n, err := fmt.Sscan(line, &length, &form, &name); n != 3 || length < 0 || length > len(bodies) {
			return nil, fmt.Errorf("%q: %v", line, err)
		}
		f := &file{kind: types[path.Ext(name)]}
		if form == "gzip" {
			f.small = bodies[:length]
		} else {
			f.body = bodies[:length]
		}
		t.files[name], bodies = f, bodies[length:]
	}
	if bodies != "" || len(t.files) == 0 {
		return nil, fmt.Errorf("%d bytes too many after %d files", len(bodies), len(t.files))
	}
	return t, nil
}
