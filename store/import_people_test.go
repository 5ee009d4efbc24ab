package store_test

import (
	"bytes"
	"encoding/base32"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

const (
	importedHash = "$pbkdf2-sha256$29000$N2YMIWQsBWBMae09x1jrPQ$1t8iyB2A.WF/Z5JZv.lfCIhXXN33N23OSgQYThBYRfk"
	importedKey  = "JBSWY3DPEHPK3PXP"
)

func TestImportOfUsersWithTheirPasswords(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		create(t, s, "Nord Textiles", "nord", "")
		create(t, s, "Süd Logistik", "sued", "")
		const head = "email,account_id,name,email_verified,metadata,vendor_metadata,password_hash,totp_secret\n"
		file := head +
			"uma@nord.example,nord,Uma,true,\"{\"\"seat\"\":4}\",\"{\"\"legacy\"\":\"\"77\"\"}\"," + strings.ReplaceAll(importedHash, "\n", "") + ",jbsw y3dp ehpk 3pxp\n" +
			"uma@nord.example,sued,,,,,$2b$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW,\n" +
			"ben@nord.example,nord,Ben,,,,,\n" +
			"dear@nord.example,nord,Dear,,,,$2b$14$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW,\n" +
			"key@nord.example,nord,Key,,,,,not!base32\n" +
			"meta@nord.example,nord,Meta,,[1],,,\n" +
			"sure@nord.example,nord,Sure,maybe,,,,\n"
		run := imported(t, s, "", file, "")
		if got := refusals(t, s, run); got != "users:5 password_hash, users:6 totp_secret, users:7 metadata, users:8 email_verified" {
			t.Error(got)
		}
		list, err := s.ImportRefusals(ctx, run.ID)
		if err != nil || !strings.Contains(list[0].Reason, "the cost may be at most 12") || list[0].Value != "" || list[1].Value != "" {
			t.Errorf("%+v, %v", list, err)
		}
		uma, hash, err := s.UserCredentials(ctx, "uma@nord.example")
		if err != nil || !uma.Verified || hash != importedHash {
			t.Fatalf("%+v %q, %v", uma, hash, err)
		}
		var secret []byte
		err = s.UseCode(ctx, backoffice.MFAHolder{Kind: backoffice.ActorUser, Key: uma.Key}, func(key []byte, _ time.Time) (int64, bool) {
			secret = key
			return 7, true
		})
		if err != nil || base32.StdEncoding.EncodeToString(secret) != importedKey {
			t.Errorf("%q, %v", secret, err)
		}
		var out bytes.Buffer
		if err := s.Export(ctx, &out, backoffice.ImportUsers, backoffice.AccountFilter{}); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != 4 || strings.Contains(out.String(), "pbkdf2") {
			t.Fatalf("%q, %v", rows, err)
		}
		for _, r := range rows[1:] {
			if r[0] == "uma@nord.example" && (r[5] != "true" || r[6] != `{"seat":4}` || r[7] != `{"legacy":"77"}`) {
				t.Errorf("exported %q", r)
			}
		}
		// Neither hash nor key is left in the plan or stands in the dump of it.
		for table, lines := range storetest.Dump(t, s) {
			for _, line := range lines {
				if table == "import_rows" && strings.Contains(line, "pbkdf2") || strings.Contains(line, importedKey) {
					t.Errorf("%s keeps %s", table, line)
				}
			}
		}

		again := imported(t, s, "", file, "")
		if again.RowsTotal != 0 || again.Counts.Users.Unchanged != 2 {
			t.Errorf("the same file again: %+v", again.Counts)
		}
		// What a user has by now stays; secure metadata of a migration is fixed.
		other := imported(t, s, "", head+"uma@nord.example,nord,Uma,,\"{\"\"seat\"\":5}\",\"{\"\"legacy\"\":\"\"78\"\"}\",$2b$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW,\n"+
			"ben@nord.example,nord,Ben,true,\"{\"\"seat\"\":6}\",,$2b$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW,\n", "")
		if got := refusals(t, s, other); got != "users:2 vendor_metadata" || other.Counts.Users.Updated != 1 {
			t.Errorf("%s %+v", got, other.Counts)
		}
		if _, hash, err := s.UserCredentials(ctx, "uma@nord.example"); err != nil || hash != importedHash {
			t.Errorf("an import put a password in place of another one: %q, %v", hash, err)
		}
		ben, hash, err := s.UserCredentials(ctx, "ben@nord.example")
		if err != nil || !ben.Verified || !strings.HasPrefix(hash, "$2b$12$") {
			t.Errorf("%+v %q, %v", ben, hash, err)
		}
		if _, err := s.UndoImport(ctx, actor, other.ID, func(int64, int64) {}); err != nil {
			t.Fatal(err)
		}
		if ben, hash, err = s.UserCredentials(ctx, "ben@nord.example"); err != nil || ben.Verified || hash != "" {
			t.Errorf("after the undo %+v %q, %v", ben, hash, err)
		}
		if _, err := s.UndoImport(ctx, actor, run.ID, func(int64, int64) {}); err != nil {
			t.Fatal(err)
		}
		for _, row := range storetest.Dump(t, s)["passwords"] {
			t.Errorf("left behind: %s", row)
		}
		checked(t, s)
	})
}
