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
		for name, foreign := range map[string]string{
			"pbkdf2": "$pbkdf2-sha256$29000$N2YMIWQsBWBMae09x1jrPQ$1t8iyB2A.WF/Z5JZv.lfCIhXXN33N23OSgQYThBYRfk",
			"ssha":   "{SSHA256}E/TsebWcOIH/mkBq+of6HtqB8vJZsBP30Z57jMgMQVpOYUNs",
			"crypt":  "$6$saltstring$PUNQ7PxwMUGQTv/D4Uk7aiV1HjbUKIsgToxZwAtYCH7UgjxsxgQKopiYdTB3n5IIebrXzOgvgOZVs0lHIffIf.",
		} {
			email := name + "@migrated.example"
			w.imports("id,name\n", "email,account_id,email_verified,password_hash\n"+email+",migrated,true,"+foreign+"\n")
			hash := func() string {
				_, hash, err := w.store.UserCredentials(ctx, email)
				if err != nil {
					t.Fatal(err)
				}
				return hash
			}
			if p := w.browser().userSignIn(email, "toomanysecret"); p.Status < 400 || hash() != foreign {
				t.Errorf("%s: a wrong password: %d %s", name, p.Status, hash())
			}
			if p := w.browser().userSignIn(email, "toomanysecrets"); p.Status >= 400 || !strings.HasPrefix(hash(), "$argon2id$v=19$m=19456,t=2,p=1$") {
				t.Errorf("%s: the right one: %d %s, %s", name, p.Status, p.URL, hash())
			}
			if p := w.browser().userSignIn(email, "toomanysecrets"); p.Status >= 400 {
				t.Errorf("%s: the same with the new hash: %d", name, p.Status)
			}
		}
	})
}
