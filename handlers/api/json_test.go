package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
)

func TestDecodeVisits(t *testing.T) {
	for body, want := range map[string]string{
		`{"visits":[{"account_id":"a","email":"x@y.example","at":"2026-11-20T12:00:00Z"}]}`:                                      "1 visits, 0 refused",
		" { \"visits\" : [ { \"user_id\" : \"u\" , \"account_id\" : \"\\u0061\" , \"at\":\"2026-11-20T12:00:00.5+01:00\" } ] } ": "1 visits, 0 refused",
		`{"visits":[]}`:   "0 visits, 0 refused",
		`{"visits":[{}]}`: "1 visits, 3 refused",
		`{"visits":[{"account_id":"a","email":"e","user_id":"u","at":"yesterday"}]}`: "1 visits, 2 refused",
		``:                                        "expected an object",
		`{}`:                                      `"visits" is missing`,
		`[]`:                                      "expected an object",
		`{"visits":{}}`:                           "expected an array",
		`{"visits":null}`:                         "expected an array",
		`{"visits":[null]}`:                       "expected an object",
		`{"visits":[],"visits":[]}`:               "comes twice",
		`{"visits":[],"more":1}`:                  `no field "more"`,
		`{"visits":[{"account_id":5}]}`:           "expected a string",
		`{"visits":[{"at":"","at":""}]}`:          "comes twice",
		`{"visits":[{"is_admin":true}]}`:          `no field "is_admin"`,
		`{"visits":[{"__proto__":{}}]}`:           "no field",
		`{"visits":[{}],}`:                        "expected a string",
		`{"visits":[{},]}`:                        "expected an object",
		`{"visits":[]} {}`:                        "more follows",
		`{"visits":[{"email":"\x"}]}`:             "escape",
		`{"visits":[{"email":"`:                   "does not end",
		`{"visits":[{"email":"\`:                  "does not end",
		"{\"visits\":[{\"email\":\"\x00\"}]}":     "control character",
		"{\"visits\":[{\"email\":\"\xff\"}]}":     "not UTF-8",
		`{"` + strings.Repeat("x", 1000) + `":1}`: "no such field",
		strings.Repeat("[", 100000):               "expected an object",
	} {
		visits, refused, err := decodeVisits([]byte(body))
		got := fmt.Sprintf("%d visits, %d refused", len(visits), len(refused))
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%.80s\n  %s\n  want %s", body, got, want)
		}
	}
	many := `{"visits":[` + strings.Repeat("{},", 5000) + `{}]}`
	if visits, _, err := decodeVisits([]byte(many)); err != nil || len(visits) != store.MaxVisits+1 {
		t.Errorf("too many: %d, %v", len(visits), err)
	}
}

// The parser takes nothing that encoding/json would not, and reads the same.
func FuzzDecodeVisits(f *testing.F) {
	f.Add([]byte(`{"visits":[{"account_id":"a\u00e4","email":"x@y.example","at":"2026-11-20T12:00:00Z"}]}`))
	f.Add([]byte(`{"visits":[{"user_id":"\ud83d\ude00\ud800","at":"2026-11-20T12:00:00.123456789+23:59"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		visits, refused, err := decodeVisits(body)
		if err != nil || len(refused) > 0 || len(visits) > store.MaxVisits {
			return
		}
		var want struct {
			Visits []struct {
				AccountID string    `json:"account_id"`
				Email     string    `json:"email"`
				UserID    string    `json:"user_id"`
				At        time.Time `json:"at"`
			} `json:"visits"`
		}
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if len(want.Visits) != len(visits) {
			t.Fatalf("%q: %d visits, want %d", body, len(visits), len(want.Visits))
		}
		for i, w := range want.Visits {
			if got := visits[i]; got != (backoffice.Visit{AccountID: w.AccountID, Email: w.Email, UserID: w.UserID, At: w.At.UTC()}) {
				t.Fatalf("%q: %+v, want %+v", body, got, w)
			}
		}
	})
}

func BenchmarkDecodeVisits(b *testing.B) {
	one := `{"account_id":"0197a3f2-7c1e-7b7a-9d55-2f2f0c9a1b11","email":"hana.fischer@nord-textiles.example","at":"2026-11-20T12:00:00Z"}`
	body := []byte(`{"visits":[` + strings.Repeat(one+",", 999) + one + `]}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if v, _, err := decodeVisits(body); err != nil || len(v) != 1000 {
			b.Fatal(err)
		}
	}
}
