package store

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"steward/backoffice"
)

// Limits of a file: what lies beyond is not a table of customers, and is never
// held in memory.
const (
	maxRecord = 256 << 10 // bytes of one record
	maxCells  = 64        // cells of one record
)

// FileError is why a file cannot be imported at all. Nothing of the import was
// written.
type FileError struct {
	File   string // "" when it is about all of them
	Line   int64  // 0 when it is about the whole file
	Reason string
}

func (e *FileError) Error() string {
	if e.File == "" {
		return e.Reason
	}
	if e.Line > 0 {
		return fmt.Sprintf("%s, line %d: %s", e.File, e.Line, e.Reason)
	}
	return e.File + ": " + e.Reason
}

// csvReader reads the records of a CSV file one at a time, in bounded memory:
// UTF-8 with or without a byte order mark, lines that end with LF or CRLF,
// quoted cells that may run over several lines. A quote inside a cell that is
// not quoted stands for itself.
type csvReader struct {
	file string
	in   *bufio.Reader
	next int64 // number of lines read
	line int64 // on which the record begins
	buf  []byte
	ends []int
	long []byte

	columns []string // of the header
	place   map[string]int
}

// openCSV reads the header and checks it against the columns of its kind.
func openCSV(file string, kind backoffice.ImportKind, in io.Reader) (*csvReader, error) {
	r := &csvReader{file: file, in: bufio.NewReaderSize(in, 64<<10), place: map[string]int{}}
	mark, _ := r.in.Peek(3)
	switch {
	case len(mark) >= 2 && (mark[0] == 0xFE && mark[1] == 0xFF || mark[0] == 0xFF && mark[1] == 0xFE), bytes.IndexByte(mark, 0) >= 0:
		return nil, r.fail(0, "This is not UTF-8 text. Save it as “CSV UTF-8”.")
	case bytes.Equal(mark, []byte("\xEF\xBB\xBF")):
		r.in.Discard(3)
	}
	switch err := r.read(); {
	case errors.Is(err, io.EOF):
		return nil, r.fail(0, "The file is empty. Its first line names the columns.")
	case err != nil:
		return nil, err
	}
	may, must := backoffice.ImportColumns(kind)
	known := " The columns are " + strings.Join(may, ", ") + "."
	for i := range r.ends {
		name := strings.TrimSpace(r.text(i))
		switch {
		case strings.ContainsRune(name, 0):
			return nil, r.fail(r.line, "This is not UTF-8 text. Save it as “CSV UTF-8”.")
		case !slices.Contains(may, name):
			return nil, r.fail(r.line, "There is no column “"+backoffice.VisibleCell(name)+"”."+known)
		}
		if _, twice := r.place[name]; twice {
			return nil, r.fail(r.line, "The column “"+name+"” stands twice.")
		}
		r.place[name] = i
		r.columns = append(r.columns, name)
	}
	for _, name := range must {
		if _, ok := r.place[name]; !ok {
			return nil, r.fail(r.line, "The column “"+name+"” is missing."+known)
		}
	}
	return r, nil
}

func (r *csvReader) fail(line int64, reason string) error { return &FileError{r.file, line, reason} }

// read reads the next record; io.EOF after the last one. Lines without anything
// are passed over.
func (r *csvReader) read() error {
	r.buf, r.ends = r.buf[:0], r.ends[:0]
	var line []byte
	for len(line) == 0 {
		var err error
		if line, err = r.readLine(); err != nil {
			return err
		}
		r.line = r.next
	}
	for at := 0; ; {
		if at < len(line) && line[at] == '"' {
			at++
			for {
				q := bytes.IndexByte(line[at:], '"')
				if q < 0 {
					if len(r.buf)+len(line)-at > maxRecord {
						return r.fail(r.line, "The record that begins here is longer than 256 KiB. Is a quote not closed?")
					}
					r.buf = append(append(r.buf, line[at:]...), '\n')
					var err error
					if line, err = r.readLine(); errors.Is(err, io.EOF) {
						return r.fail(r.line, "A quote that is opened in this record is never closed.")
					} else if err != nil {
						return err
					}
					at = 0
					continue
				}
				r.buf = append(r.buf, line[at:at+q]...)
				if at += q + 1; at < len(line) && line[at] == '"' {
					r.buf = append(r.buf, '"')
					at++
					continue
				}
				break
			}
			if at < len(line) && line[at] != ',' {
				return r.fail(r.line, "After a closing quote comes a comma or the end of the line; a quote within a quoted cell is written twice.")
			}
		} else {
			end := bytes.IndexByte(line[at:], ',')
			if end < 0 {
				end = len(line) - at
			}
			r.buf = append(r.buf, line[at:at+end]...)
			at += end
		}
		r.ends = append(r.ends, len(r.buf))
		if at >= len(line) {
			return nil
		}
		if at++; len(r.ends) == maxCells {
			return r.fail(r.line, "The record has too many cells.")
		}
	}
}

// readLine returns the next line without its end. It is valid until the next call.
func (r *csvReader) readLine() ([]byte, error) {
	line, err := r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		r.long = r.long[:0]
		for errors.Is(err, bufio.ErrBufferFull) {
			if r.long = append(r.long, line...); len(r.long) > maxRecord {
				return nil, r.fail(r.next+1, "The line is longer than 256 KiB. Is this a CSV file?")
			}
			line, err = r.in.ReadSlice('\n')
		}
		r.long = append(r.long, line...)
		line = r.long
	}
	if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
		return nil, err
	}
	r.next++
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, nil
}

// bytes returns a cell as it lies in the buffer.
func (r *csvReader) bytes(i int) []byte {
	start := 0
	if i > 0 {
		start = r.ends[i-1]
	}
	return r.buf[start:r.ends[i]]
}

// text returns a cell as its author meant it: without the mark that keeps a
// spreadsheet from running it.
func (r *csvReader) text(i int) string { return backoffice.UnescapeCell(string(r.bytes(i))) }

// cell returns a cell by its column.
func (r *csvReader) cell(column string) (string, bool) {
	i, ok := r.place[column]
	if !ok {
		return "", false
	}
	return r.text(i), true
}

// misshapen says why a record does not fit the header; nil when it does.
func (r *csvReader) misshapen() *backoffice.RefusedCell {
	if len(r.ends) == len(r.columns) {
		return nil
	}
	return &backoffice.RefusedCell{Value: string(r.buf[:min(len(r.buf), 300)]),
		Reason: fmt.Sprintf("The row has %d cells, the header has %d.", len(r.ends), len(r.columns))}
}
