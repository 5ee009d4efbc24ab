package backoffice

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of metadata (product.md, section 4), in bytes of the compact text.
const (
	MaxMetadataBytes        = 16 << 10 // of an account
	MaxSessionMetadataBytes = 4 << 10  // of a user, in the token
	MaxMetadataKeyLength    = 64       // characters
)

// Metadata is a JSON object as its author wrote it: the order of the keys and
// the spelling of numbers and escapes stay, insignificant space goes. What
// JSON can say, it can hold: 1e999, \u0000 and lone surrogates in values are
// kept as they are written and never decoded. The zero Metadata is {}.
type Metadata struct {
	entries []MetadataEntry
}

// MetadataEntry is one key with the compact JSON text of its value.
type MetadataEntry struct {
	Key   string
	Value string
}

// ParseMetadata reads a JSON object of at most limit bytes (compact). Refused
// with a Refusal that names the place: what is not JSON or not an object,
// text that is not UTF-8, a key that stands twice in one object, at any
// depth, more than 1,000 levels, and keys of the object itself that are not
// 1–64 characters or hold control characters. Empty text is {}.
func ParseMetadata(text string, limit int) (Metadata, error) {
	if len(text) > 4*limit {
		return Metadata{}, refuseMetadataSize(limit)
	}
	if !utf8.ValidString(text) {
		return Metadata{}, refuseUTF8
	}
	if strings.TrimSpace(text) == "" {
		return Metadata{}, nil
	}
	var m Metadata
	s := jsonScanner{text: text}
	s.space()
	if s.next() != '{' {
		return Metadata{}, Refusal("Metadata is one JSON object: { … }.")
	}
	err := s.object(func(key, value string) error {
		if err := checkMetadataKey(key); err != nil {
			return err
		}
		m.entries = append(m.entries, MetadataEntry{key, value})
		return nil
	})
	if err != nil {
		return Metadata{}, err
	}
	s.space()
	if s.at != len(text) {
		return Metadata{}, s.fail("Something follows the object")
	}
	return m, m.checkSize(limit)
}

func checkMetadataKey(key string) error {
	if n := utf8.RuneCountInString(key); n < 1 || n > MaxMetadataKeyLength {
		return Refusal("A key has 1 to 64 characters.")
	}
	if !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl) {
		return Refusal("A key holds no control characters.")
	}
	return nil
}

func refuseMetadataSize(limit int) error {
	return Refusal("Metadata has at most " + number(limit>>10) + " KiB.")
}

func (m Metadata) checkSize(limit int) error {
	if len(m.String()) > limit {
		return refuseMetadataSize(limit)
	}
	return nil
}

// Entries are the rows, in the order of the text.
func (m Metadata) Entries() []MetadataEntry { return slices.Clone(m.entries) }

// Len is the number of keys.
func (m Metadata) Len() int { return len(m.entries) }

// Get is the compact JSON text of a key's value.
func (m Metadata) Get(key string) (value string, ok bool) {
	if i := m.index(key); i >= 0 {
		return m.entries[i].Value, true
	}
	return "", false
}

func (m Metadata) index(key string) int {
	return slices.IndexFunc(m.entries, func(e MetadataEntry) bool { return e.Key == key })
}

// String is the object without insignificant space: the form that is stored.
// Keys are written with as few escapes as possible.
func (m Metadata) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, e := range m.entries {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quoteJSON(e.Key))
		b.WriteByte(':')
		b.WriteString(e.Value)
	}
	b.WriteByte('}')
	return b.String()
}

// Indented is the object as the raw view shows it.
func (m Metadata) Indented() string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(m.String()), "", "  "); err != nil {
		return m.String()
	}
	return b.String()
}

// SetMetadataKey returns m with a value, any JSON text, under a key. A key
// that exists is replaced where it stands, a new one comes last. The error is
// Problems with the fields "key" and "value".
func SetMetadataKey(m Metadata, key, value string, limit int) (Metadata, error) {
	if err := checkMetadataKey(key); err != nil {
		return m, Problems{"key": err.Error()}
	}
	if len(value) > 4*limit {
		return m, Problems{"value": refuseMetadataSize(limit).Error()}
	}
	compact, err := compactJSON(value)
	if err != nil {
		return m, Problems{"value": err.Error()}
	}
	changed := Metadata{slices.Clone(m.entries)}
	if i := m.index(key); i >= 0 {
		changed.entries[i].Value = compact
	} else {
		changed.entries = append(changed.entries, MetadataEntry{key, compact})
	}
	if err := changed.checkSize(limit); err != nil {
		return m, Problems{"value": err.Error()}
	}
	return changed, nil
}

// RemoveMetadataKey returns m without a key; nothing happens when there is
// none.
func RemoveMetadataKey(m Metadata, key string) Metadata {
	if i := m.index(key); i >= 0 {
		return Metadata{slices.Delete(slices.Clone(m.entries), i, i+1)}
	}
	return m
}

// RowText is a value as the row's field shows it: a plain string without its
// quotes, everything else as JSON. ParseRowText gives the same value back.
func (e MetadataEntry) RowText() string {
	if !strings.HasPrefix(e.Value, `"`) {
		return e.Value
	}
	s := jsonScanner{text: e.Value}
	said, err := s.string()
	if err != nil {
		return e.Value
	}
	if value, err := ParseRowText(said); err != nil || value != e.Value {
		return e.Value
	}
	return said
}

// ParseRowText reads what was typed into a row's field: JSON is taken as
// JSON, other text as a string, so that free, 379, true and {"owner":"Chen"}
// mean what they look like; "true" in quotes is the word. What starts like an
// object, an array or a quoted string and is none is refused rather than
// taken for a text.
func ParseRowText(text string) (value string, err error) {
	text = strings.TrimSpace(text)
	value, err = compactJSON(text)
	if err == nil {
		return value, nil
	}
	if !utf8.ValidString(text) {
		return "", refuseUTF8
	}
	if text != "" && strings.IndexByte(`{["`, text[0]) >= 0 {
		return "", err
	}
	return quoteJSON(text), nil
}

// ParseMetadataRows reads the rows of a form. Rows with neither key nor value
// are left out. The keys of the problems are "key.N" and "value.N", N
// counting the rows from 0, and "" for the whole.
func ParseMetadataRows(keys, values []string, limit int) (Metadata, Problems) {
	var m Metadata
	var problems Problems
	for i, key := range keys {
		text := ""
		if i < len(values) {
			text = values[i]
		}
		if key == "" && strings.TrimSpace(text) == "" {
			continue
		}
		row := "." + number(i)
		if err := checkMetadataKey(key); err != nil {
			problems.Add("key"+row, err.Error())
			continue
		}
		if m.index(key) >= 0 {
			problems.Add("key"+row, "This key stands in another row already.")
			continue
		}
		value, err := ParseRowText(text)
		if err != nil {
			problems.Add("value"+row, err.Error())
			continue
		}
		m.entries = append(m.entries, MetadataEntry{key, value})
	}
	if err := m.checkSize(limit); err != nil {
		problems.Add("", err.Error())
	}
	return m, problems
}

// MetadataSide says who changed a key since both read the same.
type MetadataSide int

const (
	ChangedByMe MetadataSide = iota
	ChangedByThem
	ChangedAlike // both, to the same value
	ChangedByBoth
)

// MetadataChange is one key that somebody changed. A nil value means that the
// key is not there.
type MetadataChange struct {
	Key                string
	Side               MetadataSide
	Base, Mine, Theirs *string
}

// MetadataDiff says, per key, who changed what since base was read: mine is
// what I want to save, theirs what is stored by now. Keys that nobody changed
// are not listed; the order is that of theirs, then of mine, then of base.
func MetadataDiff(base, mine, theirs Metadata) []MetadataChange {
	var changes []MetadataChange
	seen := map[string]bool{}
	for _, m := range []Metadata{theirs, mine, base} {
		for _, e := range m.entries {
			if seen[e.Key] {
				continue
			}
			seen[e.Key] = true
			c := MetadataChange{Key: e.Key, Base: base.ptr(e.Key), Mine: mine.ptr(e.Key), Theirs: theirs.ptr(e.Key)}
			byMe, byThem := !sameText(c.Base, c.Mine), !sameText(c.Base, c.Theirs)
			switch {
			case !byMe && !byThem:
				continue
			case byMe && byThem && sameText(c.Mine, c.Theirs):
				c.Side = ChangedAlike
			case byMe && byThem:
				c.Side = ChangedByBoth
			case byThem:
				c.Side = ChangedByThem
			}
			changes = append(changes, c)
		}
	}
	return changes
}

// MergeMetadata puts my changes on top of theirs. The second result lists the
// keys that both changed differently: for those, theirs stands in the merged
// object, and a person has to decide.
func MergeMetadata(base, mine, theirs Metadata) (merged Metadata, conflicts []string) {
	merged = Metadata{slices.Clone(theirs.entries)}
	for _, c := range MetadataDiff(base, mine, theirs) {
		switch {
		case c.Side == ChangedByBoth:
			conflicts = append(conflicts, c.Key)
		case c.Side == ChangedByMe && c.Mine == nil:
			merged = RemoveMetadataKey(merged, c.Key)
		case c.Side == ChangedByMe:
			if i := merged.index(c.Key); i >= 0 {
				merged.entries[i].Value = *c.Mine
			} else {
				merged.entries = append(merged.entries, MetadataEntry{c.Key, *c.Mine})
			}
		}
	}
	return merged, conflicts
}

func (m Metadata) ptr(key string) *string {
	if value, ok := m.Get(key); ok {
		return &value
	}
	return nil
}

func sameText(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
