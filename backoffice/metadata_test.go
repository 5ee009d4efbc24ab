package backoffice

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func mustMetadata(t testing.TB, text string) Metadata {
	t.Helper()
	m, err := ParseMetadata(text, MaxMetadataBytes)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

func TestMetadataKeepsWhatWasWritten(t *testing.T) {
	for text, want := range map[string]string{
		"": "{}", "  \n": "{}", "{}": "{}", " { } ": "{}",
		`{"plan": "free", "seats": 124, "crm": {"owner": "Chen"}}`: `{"plan":"free","seats":124,"crm":{"owner":"Chen"}}`,
		`{"z":1,"a":2,"m":[ 1 , 2 ]}`:                              `{"z":1,"a":2,"m":[1,2]}`,
		`{"n":1.0,"e":1E+2,"big":123456789012345678901234567890}`:  `{"n":1.0,"e":1E+2,"big":123456789012345678901234567890}`,
		`{"a b":"c  d"}`:      `{"a b":"c  d"}`,
		`{"\u0061":"\u0061"}`: `{"a":"\u0061"}`,
		`{"t":true,"f":false,"n":null,"z":-0,"empty":[],"o":{}}`: `{"t":true,"f":false,"n":null,"z":-0,"empty":[],"o":{}}`,
	} {
		m := mustMetadata(t, text)
		if m.String() != want {
			t.Errorf("%s became %s", text, m)
		}
		if again := mustMetadata(t, m.Indented()); again.String() != want {
			t.Errorf("%s: shown as %s", text, m.Indented())
		}
	}
}

func TestMetadataRefuses(t *testing.T) {
	for _, text := range []string{
		"{plan: free}", "[]", "1", `"a"`, "null", "{", "}", `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`, `{,}`, `{"a":1}{}`, `{"a":1} x`,
		`{"a":01}`, `{"a":+1}`, `{"a":1.}`, `{"a":.5}`, `{"a":1e}`, `{"a":-}`, `{"a":NaN}`, `{"a":Infinity}`, `{"a":0x1}`, `{"a":truely}`, `{'a':1}`,
		`{"a":"` + "\n" + `"}`, `{"a":"` + "\x00" + `"}`, `{"a":"\x41"}`, `{"a":"\u12"}`, `{"a":"\`, `{"a":"`, "{\"a\":\"\xff\"}", "\ufeff{}",
		`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"x":{"a":1,"a":2}}`, `{"x":[{"a":1,"b":1,"a":2}]}`, `{"x":{"\ud800":1,"\uD800":1}}`,
		`{"":1}`, `{"` + strings.Repeat("k", 65) + `":1}`, `{"a\nb":1}`, `{"\u0000":1}`, `{"\ud800":1}`, `[1,2`, `{"a":[1,]}`, `{"a":[1 2]}`,
		`{"a":"` + strings.Repeat("x", MaxMetadataBytes) + `"}`, strings.Repeat(" ", 5*MaxMetadataBytes),
		`{"a":` + strings.Repeat("[", 1001) + strings.Repeat("]", 1001) + `}`,
	} {
		m, err := ParseMetadata(text, MaxMetadataBytes)
		if _, ok := err.(Refusal); !ok {
			t.Errorf("%.80q: %v, %v", text, m, err)
		}
	}
	_, err := ParseMetadata("{\n  \"a\": 1,\n  \"a\": 2\n}", 100)
	if err == nil || err.Error() != `The key "a" stands here a second time (line 3, column 3).` {
		t.Errorf("the sentence does not help: %v", err)
	}
}

func TestMetadataLimits(t *testing.T) {
	exact := `{"a":"` + strings.Repeat("x", 100-8) + `"}`
	if _, err := ParseMetadata(exact, 100); err != nil {
		t.Errorf("%d bytes: %v", len(exact), err)
	}
	if _, err := ParseMetadata("  "+exact+"\n", 100); err != nil {
		t.Error("space does not count")
	}
	if _, err := ParseMetadata(strings.Replace(exact, "x", "xx", 1), 100); err == nil {
		t.Error("a byte too many")
	}
	if _, err := ParseMetadata(`{"`+strings.Repeat("例", 64)+`":1}`, MaxMetadataBytes); err != nil {
		t.Errorf("64 characters: %v", err)
	}
}

func TestAttack_T57_MetadataRoundTrips(t *testing.T) {
	for _, value := range []string{
		`"</script><script>alert(1)</script>"`, `"<!--"`, `{"__proto__":{"admin":true}}`, "1e999", "-1e-999", "123456789012345678901234567890.10",
		`"\u0000"`, `"\ud800"`, `"\udc00\ud800"`, `"\ud83d\ude00"`, `"😀"`, `"\u2028"`, "\"\u2028\"", `"\\u0000"`, `""`, `"\/"`,
		strings.Repeat("[", 998) + strings.Repeat("]", 998), strings.Repeat(`{"a":`, 900) + "1" + strings.Repeat("}", 900),
	} {
		text := `{"__proto__":` + value + `,"constructor":1}`
		m := mustMetadata(t, text)
		if m.String() != text {
			t.Errorf("%.80s became %.80s", text, m)
		}
		row := m.Entries()[0].RowText()
		if back, err := ParseRowText(row); err != nil || back != value {
			t.Errorf("%.80s in a row is %.80q and comes back as %.80s (%v)", value, row, back, err)
		}
	}
}

func TestAttack_T82_NestedJSONIsRefusedQuickly(t *testing.T) {
	for _, text := range []string{strings.Repeat("[", 1_000_000), `{"a":` + strings.Repeat("[", 1_000_000), strings.Repeat(`{"a":`, 10_000)} {
		if _, err := ParseMetadata(text, MaxMetadataBytes); err == nil {
			t.Error("taken")
		}
	}
}

func TestMetadataKeys(t *testing.T) {
	m := mustMetadata(t, `{"a":1,"b":2}`)
	set := func(m Metadata, key, value string) Metadata {
		t.Helper()
		changed, err := SetMetadataKey(m, key, value, 64)
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	if got := set(m, "a", ` [ 3 ] `).String(); got != `{"a":[3],"b":2}` {
		t.Error(got)
	}
	if got := set(m, "c", `"x"`).String(); got != `{"a":1,"b":2,"c":"x"}` {
		t.Error(got)
	}
	if got := RemoveMetadataKey(m, "a").String(); got != `{"b":2}` || m.String() != `{"a":1,"b":2}` {
		t.Error(got, m)
	}
	if got := RemoveMetadataKey(m, "none").String(); got != m.String() {
		t.Error(got)
	}
	for field, pair := range map[string][2]string{"key": {"", "1"}, "value": {"k", "{"}} {
		if _, err := SetMetadataKey(m, pair[0], pair[1], 64); err == nil || err.(Problems)[field] == "" {
			t.Errorf("%v: %v", pair, err)
		}
	}
	if _, err := SetMetadataKey(m, "c", `"`+strings.Repeat("x", 60)+`"`, 64); err == nil {
		t.Error("too long")
	}
	if v, ok := m.Get("b"); v != "2" || !ok || m.Len() != 2 {
		t.Error(v, ok)
	}
}

func TestMetadataRows(t *testing.T) {
	for text, want := range map[string]string{
		"free": `"free"`, "379": "379", "true": "true", `"true"`: `"true"`, "": `""`, " a b ": `"a b"`, `{ "a" : 1 }`: `{"a":1}`,
		"1.0": "1.0", "007": `"007"`, "null": "null", "nul": `"nul"`, "a\nb": `"a\nb"`, `C:\x`: `"C:\\x"`, "\x01": `"\u0001"`,
	} {
		if got, err := ParseRowText(text); err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{`{"a"`, "[1", `"a`, "\xff"} {
		if got, err := ParseRowText(text); err == nil {
			t.Errorf("%q became %s", text, got)
		}
	}
	m, problems := ParseMetadataRows([]string{"plan", "", "seats", "x"}, []string{"free", "", "3"}, 100)
	if len(problems) != 0 || m.String() != `{"plan":"free","seats":3,"x":""}` {
		t.Error(m, problems)
	}
	_, problems = ParseMetadataRows([]string{"a", "a", "", "b"}, []string{"1", "2", "3", "{"}, 100)
	if len(problems) != 3 || problems["key.1"] == "" || problems["key.2"] == "" || problems["value.3"] == "" {
		t.Error(problems)
	}
}

func TestMetadataDiffAndMerge(t *testing.T) {
	base := mustMetadata(t, `{"plan":"free","seats":1,"old":true,"same":0,"gone":1}`)
	mine := mustMetadata(t, `{"plan":"team","seats":2,"same":0,"alike":1,"gone":1,"new":"m"}`)
	theirs := mustMetadata(t, `{"plan":"pro","seats":1,"old":true,"same":0,"alike":1,"their":1}`)
	sides := map[string]MetadataSide{}
	for _, c := range MetadataDiff(base, mine, theirs) {
		sides[c.Key] = c.Side
	}
	want := map[string]MetadataSide{"plan": ChangedByBoth, "seats": ChangedByMe, "old": ChangedByMe, "alike": ChangedAlike, "their": ChangedByThem, "new": ChangedByMe, "gone": ChangedByThem}
	if len(sides) != len(want) {
		t.Errorf("%v", sides)
	}
	for key, side := range want {
		if sides[key] != side {
			t.Errorf("%s: %d, want %d", key, sides[key], side)
		}
	}
	merged, conflicts := MergeMetadata(base, mine, theirs)
	if merged.String() != `{"plan":"pro","seats":2,"same":0,"alike":1,"their":1,"new":"m"}` || !slices.Equal(conflicts, []string{"plan"}) {
		t.Error(merged, conflicts)
	}
}

func TestNoConcurrentEditIsLost(t *testing.T) {
	draw := func(t *rapid.T, name string) Metadata {
		var m Metadata
		for key, v := range rapid.MapOf(rapid.SampledFrom([]string{"a", "b", "c", "d"}), rapid.SampledFrom([]string{"1", "2", "3"})).Draw(t, name) {
			m.entries = append(m.entries, MetadataEntry{key, v})
		}
		return m
	}
	rapid.Check(t, func(t *rapid.T) {
		base, mine, theirs := draw(t, "base"), draw(t, "mine"), draw(t, "theirs")
		merged, conflicts := MergeMetadata(base, mine, theirs)
		for _, key := range []string{"a", "b", "c", "d"} {
			b, m, o, got := base.ptr(key), mine.ptr(key), theirs.ptr(key), merged.ptr(key)
			conflict := !sameText(b, m) && !sameText(b, o) && !sameText(m, o)
			if conflict != slices.Contains(conflicts, key) {
				t.Fatalf("%s: conflict %v, reported %v", key, conflict, conflicts)
			}
			want := o
			if sameText(b, o) {
				want = m
			}
			if !conflict && !sameText(got, want) {
				t.Fatalf("%s was lost", key)
			}
		}
		if len(MetadataDiff(base, base, base)) != 0 {
			t.Fatal("a difference from itself")
		}
	})
}

func FuzzAttack_T57_Metadata(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `{"a":"\ud800"}`, `{"a":[1e999,{"b":null}]}`, `{"a":1,"a":2}`, `{"\u00e9":"é"}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMetadata(text, MaxMetadataBytes)
		if err != nil {
			return
		}
		if strings.TrimSpace(text) != "" && !json.Valid([]byte(text)) {
			t.Fatalf("%q is not JSON and was taken", text)
		}
		again, err := ParseMetadata(m.String(), MaxMetadataBytes)
		if err != nil || again.String() != m.String() {
			t.Fatalf("%q became %s, then %s (%v)", text, m, again, err)
		}
		for _, e := range m.Entries() {
			if back, err := ParseRowText(e.RowText()); err != nil || back != e.Value {
				t.Fatalf("%s in a row is %q and comes back as %s (%v)", e.Value, e.RowText(), back, err)
			}
		}
	})
}
