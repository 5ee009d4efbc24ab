package backoffice

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestPersonalDomains(t *testing.T) {
	for domain, personal := range map[string]bool{
		"gmail.com": true, "googlemail.com": true, "hey.com": true, "tutanota.com": true, "gmx.de": true, "web.de": true,
		"proton.me": true, "icloud.com": true, "qq.com": true, "outlook.com": true, "yahoo.com": true,
		"yahoo.co.jp": true, "mail.yahoo.co.jp": true, "privaterelay.appleid.com": true,
		"appleid.com": false, "nord.example": false, "cedar-water657.example": false, "notgmail.com": false,
		"gmail.com.nord.example": false, "ibm.com": false, "xn--mnchen-3ya.example": false,
		"co.uk": false, "com": false, "nord.co.uk": false, "google.com": false,
	} {
		if got := IsPersonalDomain(domain); got != personal {
			t.Errorf("IsPersonalDomain(%q) = %v", domain, got)
		}
		if got := IsCompanyDomain(domain); got == personal {
			t.Errorf("IsCompanyDomain(%q) = %v", domain, got)
		}
	}
	if IsPersonalDomain("") || IsCompanyDomain("") {
		t.Error("no domain is neither")
	}
}

func TestListsAreWhatTheLockSays(t *testing.T) {
	text, err := os.ReadFile("lists/lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock []struct {
		File   string `json:"file"`
		Digest string `json:"file_sha256"`
	}
	if err := json.Unmarshal(text, &lock); err != nil || len(lock) != 2 {
		t.Fatalf("%d lists: %v", len(lock), err)
	}
	embedded := map[string]string{"personal-domains.txt": personalDomains, "common-passwords.txt": commonPasswords}
	for _, l := range lock {
		sum := sha256.Sum256([]byte(embedded[l.File]))
		if got := hex.EncodeToString(sum[:]); got != l.Digest {
			t.Errorf("%s is %s, the lock says %s", l.File, got, l.Digest)
		}
	}
}

func TestEveryEntryOfTheListsIsFound(t *testing.T) {
	for _, list := range []string{personalDomains, personalDomainsOwn, commonPasswords} {
		lines := strings.Split(strings.TrimSuffix(list, "\n"), "\n")
		if !slices.IsSorted(lines) {
			t.Fatal("a list is not sorted")
		}
		for _, line := range lines {
			if !sortedTextHas(list, line) || sortedTextHas(list, line+"\x00") {
				t.Fatalf("searching %q", line)
			}
		}
		if sortedTextHas(list, "") || sortedTextHas(list, "\xff") || sortedTextHas(list, lines[0]+"\n"+lines[1]) {
			t.Error("found what is not there")
		}
	}
	if sortedTextHas("", "a") {
		t.Error("found something in nothing")
	}
}
