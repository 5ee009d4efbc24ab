package handlers_test

import (
	"strings"
	"testing"

	"steward/backoffice"
)

// Somebody who comes from another system signs in with the password that they
// had there; the right password replaces its hash by one of ours, the wrong one
// nothing.
func TestImportedPasswordSignsInAndIsHashedAgain(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		if _, err := w.store.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: "Migrated", ID: "migrated"}); err != nil {
			t.Fatal(err)
		}
		command := backoffice.CommandLine()
		w.as = &command
		const foreign = "$pbkdf2-sha256$29000$N2YMIWQsBWBMae09x1jrPQ$1t8iyB2A.WF/Z5JZv.lfCIhXXN33N23OSgQYThBYRfk"
		w.imports("id,name\n", "email,account_id,email_verified,password_hash\nhana@migrated.example,migrated,true,"+foreign+"\n")
		hash := func() string {
			_, hash, err := w.store.UserCredentials(ctx, "hana@migrated.example")
			if err != nil {
				t.Fatal(err)
			}
			return hash
		}
		if p := w.browser().userSignIn("hana@migrated.example", "toomanysecret"); p.Status < 400 || hash() != foreign {
			t.Errorf("a wrong password: %d %s", p.Status, hash())
		}
		if p := w.browser().userSignIn("hana@migrated.example", "toomanysecrets"); p.Status >= 400 || !strings.HasPrefix(hash(), "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("the right one: %d %s, %s", p.Status, p.URL, hash())
		}
		if p := w.browser().userSignIn("hana@migrated.example", "toomanysecrets"); p.Status >= 400 {
			t.Errorf("the same with the new hash: %d", p.Status)
		}
	})
}
