package backoffice

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every action that the store records has a sentence.
func TestEveryActionHasWords(t *testing.T) {
	files, err := filepath.Glob("../store/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	recorded := regexp.MustCompile(`action(?::| :?=|,? e\.kind.*=)\s*"([a-z-]+\.[a-z-]+)"`)
	found := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range recorded.FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = true
			if eventTexts[m[1]] == "" {
				t.Errorf("%s records %q, which has no words in eventTexts", file, m[1])
			}
		}
	}
	if len(found) < 20 {
		t.Errorf("found only %d actions: has the way of recording changed?", len(found))
	}
}

func TestSentences(t *testing.T) {
	ada := Event{Kind: ActorStaff, ActorName: "Ada Weber", ObjectName: "Nord Textiles", ObjectKind: "account"}
	with := func(e Event, action, before, after string) Event {
		e.Action, e.Before, e.After = action, before, after
		return e
	}
	token := ada
	token.Kind, token.ActorName = ActorToken, "crm-sync"
	for want, e := range map[string]Event{
		"Ada Weber set Password history to the last 5, before: the last 3":                              with(ada, "policy.changed", `{"history":3}`, `{"history":5}`),
		"Ada Weber reset Idle timeout, before: 4 hours":                                                 with(ada, "policy.changed", `{"idle_minutes":240}`, `{"idle_minutes":null}`),
		"Ada Weber set Force MFA to force, for the environment":                                         with(ada, "policy.environment-changed", `{"mfa_force":null}`, `{"mfa_force":3}`),
		"Ada Weber set Password complexity to at least 8 with upper, lower, digit and special":          with(ada, "policy.changed", `{"complexity":null}`, `{"complexity":{"min_length":8,"classes":15}}`),
		"API token “crm-sync” changed metadata crm":                                                     with(token, "account.metadata-changed", `{"crm":1}`, `{"crm":2}`),
		"Ada Weber changed metadata a, b, c and 2 more keys":                                            with(ada, "account.metadata-changed", `{}`, `{"a":1,"b":1,"c":1,"d":1,"e":1}`),
		"Ada Weber moved Nord Textiles to the bin":                                                      with(ada, "account.deleted", `{"name":"x"}`, ""),
		"Ada Weber made Nord Textiles Manager":                                                          with(ada, "staff.role-changed", `{"role":"viewer"}`, `{"role":"manager"}`),
		"Ada Weber changed the security policy of Nord Textiles":                                        with(ada, "policy.changed", "", ""),
		"Ada Weber something.new Nord Textiles":                                                         with(ada, "something.new", "", ""),
		"Steward purged an account from the bin":                                                        with(Event{Kind: ActorSystem}, "account.purged", "", ""),
		"The command line imported accounts.csv":                                                        {Kind: ActorCommand, Action: "import.applied", ObjectName: "accounts.csv"},
		"Ada Weber set Idle timeout to 1 hour, before: 2 hours; and set Password history to the last 1": with(ada, "policy.changed", `{"idle_minutes":120,"history":null}`, `{"idle_minutes":60,"history":1}`),
	} {
		if got := e.Summary(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestChangesOfAnEvent(t *testing.T) {
	e := Event{Action: "account.details-changed", Before: `{"name":"Nord","currency":"EUR"}`, After: `{"name":"Nord Textiles","website":"https://x.example","is_reseller":true}`}
	var got []string
	for _, c := range e.Changes() {
		got = append(got, c.Kind+" "+c.Field+": "+c.Before+" > "+c.After)
	}
	want := "removed Currency: EUR > |added Sub-account management:  > On|changed Name: Nord > Nord Textiles|added Website:  > https://x.example"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
	if list := (Event{Before: "not JSON", After: "[1]"}).Changes(); len(list) != 0 {
		t.Errorf("unreadable payloads: %v", list)
	}
}
