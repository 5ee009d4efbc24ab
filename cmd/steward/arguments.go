package main

import (
	"encoding"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// The command line is a struct. A field with the tag cmd is a verb, one with the
// tag arg an argument without a name, any other a flag; the tags help, name,
// default, env, placeholder, enum ("a,b"), required and type ("path") say the
// rest. What is given goes before the environment, and that before the default.
// There are libraries for this; those that call Run and hooks by their name
// make the linker keep every method of every type, an eighth of the binary.

// verb is a node of the command line: steward itself, a group such as staff, or
// what can be run.
type verb struct {
	name   string // "staff add"; empty for steward itself
	help   string
	value  reflect.Value // of the struct
	parent *verb
	verbs  []*verb
	flags  []*flag
	args   []*flag
}

// flag is a flag or an argument, and where its value goes.
type flag struct {
	name, help, standard, env, placeholder string
	enum                                   []string
	positional, required, path             bool
	value                                  reflect.Value
	given                                  bool
}

// verbOf reads the tags of a struct, and of those inside it.
func verbOf(name, help string, value reflect.Value, parent *verb) *verb {
	v := &verb{name: name, help: help, value: value, parent: parent}
	for i := range value.NumField() {
		field, tag := value.Type().Field(i), value.Type().Field(i).Tag
		called := tag.Get("name")
		if called == "" {
			called = dashed(field.Name)
		}
		if _, is := tag.Lookup("cmd"); is {
			v.verbs = append(v.verbs, verbOf(strings.TrimSpace(name+" "+called), tag.Get("help"), value.Field(i), v))
			continue
		}
		f := &flag{name: called, help: tag.Get("help"), standard: tag.Get("default"), env: tag.Get("env"), placeholder: tag.Get("placeholder"),
			path: tag.Get("type") == "path", value: value.Field(i)}
		if e := tag.Get("enum"); e != "" {
			f.enum = strings.Split(e, ",")
		}
		if _, is := tag.Lookup("arg"); is {
			f.positional, f.required = true, true
			v.args = append(v.args, f)
			continue
		}
		_, f.required = tag.Lookup("required")
		v.flags = append(v.flags, f)
	}
	return v
}

// dashed writes KeyFile as key-file.
func dashed(name string) string {
	var b strings.Builder
	for i, r := range name {
		if upper := r >= 'A' && r <= 'Z'; upper && i > 0 && name[i-1] >= 'a' && name[i-1] <= 'z' {
			b.WriteByte('-')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

var errHelp = errors.New("help is asked for")

// parse fills the structs from the arguments, the environment and the defaults,
// and returns the verb that is to be run. With errHelp it is the verb whose help
// is asked for.
func (v *verb) parse(args []string, lookup func(string) (string, bool)) (*verb, error) {
	var plain []string
	for at, onlyPlain := 0, false; at < len(args); at++ {
		arg := args[at]
		switch {
		case onlyPlain || arg == "-" || !strings.HasPrefix(arg, "-"):
			if next := v.child(arg); next != nil && len(plain) == 0 && !onlyPlain {
				v = next
				continue
			}
			if len(plain) >= len(v.args) {
				return v, fmt.Errorf("unexpected argument %s%s", arg, v.expected())
			}
			plain = append(plain, arg)
		case arg == "--":
			onlyPlain = true
		case arg == "-h" || arg == "--help":
			return v, errHelp
		default:
			name, text, has := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
			f := v.flag(name)
			if f == nil || !strings.HasPrefix(arg, "--") {
				return v, fmt.Errorf("unknown flag %s", strings.SplitN(arg, "=", 2)[0])
			}
			switch {
			case has:
			case f.value.Kind() == reflect.Bool:
				text = "true"
			case at+1 == len(args) || len(args[at+1]) > 1 && args[at+1][0] == '-':
				return v, fmt.Errorf("--%s lacks its value; write --%s=… for one that begins with a dash", f.name, f.name)
			default:
				at++
				text = args[at]
			}
			if err := f.set(text); err != nil {
				return v, fmt.Errorf("--%s: %w", f.name, err)
			}
			f.given = true
		}
	}
	if len(v.verbs) > 0 {
		return v, errors.New(strings.TrimPrefix(v.expected(), ", "))
	}
	return v, v.complete(plain, lookup)
}

// complete fills in what the arguments left out.
func (v *verb) complete(plain []string, lookup func(string) (string, bool)) error {
	for i, f := range v.args {
		if i >= len(plain) {
			return fmt.Errorf("expected %s", f.title())
		}
		if err := f.set(plain[i]); err != nil {
			return fmt.Errorf("%s %w", f.title(), err)
		}
	}
	var missing []string
	for at := v; at != nil; at = at.parent {
		for _, f := range at.flags {
			if f.given {
				continue
			}
			text, where := f.standard, "--"+f.name
			if f.env != "" {
				if t, ok := lookup(f.env); ok {
					text, where, f.given = t, f.env, true
				}
			}
			switch {
			case f.given || text != "":
				if err := f.set(text); err != nil {
					return fmt.Errorf("%s: %w", where, err)
				}
			case f.required:
				missing = append(missing, f.title())
			}
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing flags: %s", strings.Join(missing, ", "))
	}
	return nil
}

func (v *verb) child(name string) *verb {
	for _, c := range v.verbs {
		if c.name == strings.TrimSpace(v.name+" "+name) {
			return c
		}
	}
	return nil
}

// flag finds a flag of the verb, or of one that it is below.
func (v *verb) flag(name string) *flag {
	for ; v != nil; v = v.parent {
		for _, f := range v.flags {
			if f.name == name {
				return f
			}
		}
	}
	return nil
}

// expected says which verbs there are.
func (v *verb) expected() string {
	if len(v.verbs) == 0 {
		return ""
	}
	names := make([]string, len(v.verbs))
	for i, c := range v.verbs {
		names[i] = c.name[strings.LastIndexByte(c.name, ' ')+1:]
	}
	return ", expected one of " + strings.Join(names, ", ")
}

// set reads a value as the kind of the field says.
func (f *flag) set(text string) error {
	if len(f.enum) > 0 && !slices.Contains(f.enum, text) {
		return fmt.Errorf("must be one of %s, and is %q", strings.Join(f.enum, ", "), text)
	}
	if u, ok := f.value.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch f.value.Kind() {
	case reflect.String:
		if f.path {
			text = expanded(text)
		}
		f.value.SetString(text)
	case reflect.Bool:
		switch strings.ToLower(text) {
		case "true", "1", "yes":
			f.value.SetBool(true)
		case "false", "0", "no":
			f.value.SetBool(false)
		default:
			return fmt.Errorf("must be true or false, and is %q", text)
		}
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("must be a number, and is %q", text)
		}
		f.value.SetInt(int64(n))
	case reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return fmt.Errorf("must be a number from 0, and is %q", text)
		}
		f.value.SetUint(n)
	case reflect.Slice: // of strings; said again, they are added
		var values []string
		if f.given {
			values = f.value.Interface().([]string)
		}
		if text != "" {
			values = append(values, strings.Split(text, ",")...)
		}
		f.value.Set(reflect.ValueOf(values))
	default:
		panic("steward: no flag can be a " + f.value.Type().String())
	}
	return nil
}

// expanded does for a file what a shell leaves undone behind --name= and in the environment.
func expanded(file string) string {
	if rest, ok := strings.CutPrefix(file, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return file
}

// title is how messages and the help write a flag: --role=owner|manager|viewer, <email>.
func (f *flag) title() string {
	switch kind := f.value.Kind(); {
	case f.positional:
		return "<" + f.name + ">"
	case kind == reflect.Bool:
		return "--" + f.name
	case f.placeholder == "":
		return "--" + f.name + "=TEXT"
	case kind == reflect.Slice:
		return "--" + f.name + "=" + f.placeholder + ",…"
	}
	return "--" + f.name + "=" + f.placeholder
}

// usage is the help of a verb.
func (v *verb) usage() string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace("Usage: steward " + v.name))
	if len(v.verbs) > 0 {
		b.WriteString(" VERB")
	}
	for _, f := range append(slices.Clone(v.flags), v.args...) {
		if f.required {
			b.WriteString(" " + f.title())
		}
	}
	b.WriteString(" [flags]\n\n" + wrapped(v.help, 0))
	if len(v.args) > 0 {
		b.WriteString("\nArguments:\n")
		writeRows(&b, flagRows(v.args))
	}
	rows := [][2]string{{"-h, --help", "Print this help and end."}}
	for _, at := range v.path() {
		rows = append(rows, flagRows(at.flags)...)
	}
	b.WriteString("\nFlags:\n")
	writeRows(&b, rows)
	if len(v.verbs) > 0 {
		b.WriteString("\nVerbs:\n")
		writeRows(&b, verbRows(v))
		b.WriteString("\nsteward VERB --help tells more of one of them.\n")
	}
	return b.String()
}

// path is the verb behind those that it is below.
func (v *verb) path() []*verb {
	if v == nil {
		return nil
	}
	return append(v.parent.path(), v)
}

func flagRows(flags []*flag) (rows [][2]string) {
	for _, f := range flags {
		left, notes := f.title(), []string(nil)
		if !f.positional {
			left = "    " + left
		}
		if f.standard != "" {
			notes = append(notes, f.standard+" when left out")
		}
		if f.env != "" {
			notes = append(notes, "$"+f.env)
		}
		help := f.help
		if len(notes) > 0 {
			help = strings.TrimSuffix(help, ".") + " (" + strings.Join(notes, "; ") + ")."
		}
		rows = append(rows, [2]string{left, help})
	}
	return rows
}

func verbRows(v *verb) (rows [][2]string) {
	for _, c := range v.verbs {
		if len(c.verbs) > 0 {
			rows = append(rows, verbRows(c)...)
		} else {
			rows = append(rows, [2]string{c.name, c.help})
		}
	}
	return rows
}

// writeRows writes two columns, 80 wide; a long left one has a line of its own.
func writeRows(b *strings.Builder, rows [][2]string) {
	const widest = 28
	width := 0
	for _, r := range rows {
		if n := len([]rune(r[0])); n <= widest {
			width = max(width, n)
		}
	}
	for _, r := range rows {
		b.WriteString("  " + r[0])
		if n := len([]rune(r[0])); n > width {
			b.WriteString("\n" + strings.Repeat(" ", width+4))
		} else {
			b.WriteString(strings.Repeat(" ", width-n+2))
		}
		b.WriteString(wrapped(r[1], width+4))
	}
}

// wrapped breaks a text at 80 columns; the lines after the first are indented.
func wrapped(text string, indent int) string {
	var b strings.Builder
	at := indent
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case at+1+n > 80:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	b.WriteByte('\n')
	return b.String()
}
