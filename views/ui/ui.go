// Package ui owns the components that pages are put together from: buttons,
// fields, tables, charts, dialogs. It knows no word of the domain; whatever is
// shown is passed in, in the words and the size in which it is to be shown.
//
// Each component takes one struct of plain fields, whose zero value is the
// usual case. What a page repeats by the hundred has an Append form beside it,
// which writes the same bytes into a buffer.
package ui

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/a-h/templ"
)

// icons holds what is drawn for each name: an empty element that the stylesheet
// gives its shape, see icons.css.
var icons = func() map[string]string {
	m := make(map[string]string, len(iconNames))
	for _, name := range iconNames {
		m[name] = ` i-` + name + `" aria-hidden="true"></svg>`
	}
	return m
}()

// IconNames lists the icons there are.
func IconNames() []string { return slices.Clone(iconNames) }

// Icon draws a lucide icon of 16 pixels by its name: "circle-check". It is
// hidden from assistive technology: the word stands beside it, or in the label
// of what it sits in. An unknown name is an error.
func Icon(name string) templ.Component { return iconOf(name, "icon") }

// IconClass is Icon with further classes: "icon-s" (14 pixels), "end", "icon-idle".
func IconClass(name, class string) templ.Component { return iconOf(name, "icon "+class) }

func iconOf(name, class string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		shape, ok := icons[name]
		if !ok {
			return fmt.Errorf("ui: no icon %q; add it to icons_make.go", name)
		}
		_, err := io.WriteString(w, `<svg class="`+class+shape)
		return err
	})
}

// AppendIcon appends what Icon draws; an unknown name draws nothing.
func AppendIcon(b []byte, name string) []byte {
	shape, ok := icons[name]
	if !ok {
		return b
	}
	b = append(b, `<svg class="icon`...)
	return append(b, shape...)
}

// AppendEscaped appends text for an element or a quoted attribute, escaped
// exactly as templ does it.
func AppendEscaped(b []byte, s string) []byte {
	last := 0
	for i := 0; i < len(s); i++ {
		var esc string
		switch s[i] {
		case '&':
			esc = "&amp;"
		case '\'':
			esc = "&#39;"
		case '<':
			esc = "&lt;"
		case '>':
			esc = "&gt;"
		case '"':
			esc = "&#34;"
		default:
			continue
		}
		b = append(b, s[last:i]...)
		b = append(b, esc...)
		last = i + 1
	}
	return append(b, s[last:]...)
}

// Initials gives the one or two letters for a face: of the first and the last
// word in scripts with case, else of the first word alone. An address gives the
// first letters of the parts before the @.
func Initials(name string) string {
	if at := strings.IndexByte(name, '@'); at > 0 && !strings.ContainsRune(name, ' ') {
		name = strings.NewReplacer(".", " ", "-", " ", "_", " ", "+", " ").Replace(name[:at])
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
	if len(words) == 0 {
		return "?"
	}
	first, _ := utf8.DecodeRuneInString(words[0])
	if !unicode.IsUpper(first) && !unicode.IsLower(first) || len(words) == 1 {
		return string(unicode.ToUpper(first))
	}
	last, _ := utf8.DecodeRuneInString(words[len(words)-1])
	return string(unicode.ToUpper(first)) + string(unicode.ToUpper(last))
}

// text is a component for a plain string, escaped.
func text(s string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, templ.EscapeString(s))
		return err
	})
}

// Text makes a component of a plain string, escaped.
func Text(s string) templ.Component { return text(s) }

func classes(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(p)
	}
	return b.String()
}

func either(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}

// describedBy names the elements that explain a field, or "".
func describedBy(id, help, problem string) string {
	switch {
	case help != "" && problem != "":
		return id + "-problem " + id + "-help"
	case problem != "":
		return id + "-problem"
	case help != "":
		return id + "-help"
	}
	return ""
}
