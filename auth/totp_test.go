package auth

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"
)

// The vectors of RFC 6238, appendix B, cut to six digits.
func TestTOTPVectors(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		now := time.Unix(at, 0)
		if got, err := TOTPCode(secret, now); err != nil || got != want {
			t.Errorf("at %d: %s, %v, want %s", at, got, err, want)
		}
		if step, ok := TOTPCheck(want[:3]+" "+want[3:])(secret, now); !ok || step != at/30 {
			t.Errorf("at %d: step %d, %v", at, step, ok)
		}
		for off, want := range map[time.Duration]bool{-60 * time.Second: false, -30 * time.Second: true, 30 * time.Second: true, 60 * time.Second: false} {
			if now.Add(off).Unix() < 0 {
				continue
			}
			code, _ := TOTPCode(secret, now.Add(off))
			if _, ok := TOTPCheck(code)(secret, now); ok != want {
				t.Errorf("at %d, %v off: %v", at, off, ok)
			}
		}
	}
}

func TestTOTPAddress(t *testing.T) {
	u, err := url.Parse(TOTPAddress([]byte("12345678901234567890"), "Nord & Söhne: Steward", "hana+1@nord.example"))
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" {
		t.Fatal(u, err)
	}
	if q := u.Query(); q.Get("secret") != "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" || q.Get("issuer") != "Nord & Söhne: Steward" {
		t.Errorf("%v", q)
	}
	if strings.Contains(u.RawQuery, "+") {
		t.Errorf("%s", u.RawQuery)
	}
	path, side, err := QRPath(u.String())
	if err != nil || side < 21+8 || !strings.HasPrefix(path, "M4 4h7v1h-7z") {
		t.Errorf("%d, %.40s, %v", side, path, err)
	}
	if strings.Trim(path, "Mhvz- 0123456789") != "" {
		t.Errorf("the path holds more than a path: %s", path)
	}
}

func TestRecoveryCodes(t *testing.T) {
	codes, hashes := NewRecoveryCodes()
	seen := map[string]bool{}
	for i, c := range codes {
		for _, typed := range []string{c, strings.ToUpper(c), strings.ReplaceAll(c, "-", ""), " " + strings.ReplaceAll(c, "-", " "), strings.ReplaceAll(strings.ReplaceAll(c, "1", "l"), "0", "O")} {
			if hash, ok := HashRecoveryCode(typed); !ok || !Same(hash, hashes[i]) {
				t.Errorf("%q is not %q", typed, c)
			}
		}
		seen[c] = true
	}
	if len(seen) != 10 || len(hashes) != 10 {
		t.Errorf("%d codes", len(seen))
	}
	for _, typed := range []string{"", "123456", codes[0] + "0", codes[0][1:], "uuuu-uuuu-uuuu-uuuu", strings.Repeat("0", 1000)} {
		if _, ok := HashRecoveryCode(typed); ok {
			t.Errorf("%.30q is taken for a code", typed)
		}
	}
}

func TestPasskeysOfAnAddress(t *testing.T) {
	for address, want := range map[string]bool{
		"https://id.vendor.example": true, "https://id.vendor.example:8443/steward": true, "http://localhost:8080": true,
		"http://id.vendor.example": false, "http://127.0.0.1:8080": false, "https://[::1]": false, "https://192.0.2.7": false,
	} {
		u, _ := url.Parse(address)
		p, ok := NewPasskeys(u, "Steward")
		if ok != want {
			t.Errorf("%s: %v", address, ok)
		}
		if !ok {
			continue
		}
		browser, kept, err := p.BeginSignIn()
		if err != nil || !strings.Contains(string(browser), `"userVerification":"required"`) || !strings.Contains(string(browser), `"rpId":"`+u.Hostname()+`"`) {
			t.Errorf("%s: %s, %v", address, browser, err)
		}
		for _, answer := range []string{"", "{}", "null", `{"id":"x"}`, strings.Repeat("x", 1<<20)} {
			if _, _, err := p.FinishProof(PasskeyPerson{ID: "u"}, kept, answer); err != ErrPasskey {
				t.Errorf("%.20q: %v", answer, err)
			}
			if _, err := p.FinishEnrol(PasskeyPerson{ID: "u"}, kept, answer); err != ErrPasskey {
				t.Errorf("%.20q: %v", answer, err)
			}
		}
		if browser, _, err = p.BeginEnrol(PasskeyPerson{ID: "u", Email: "a@b.example"}); err != nil || !json.Valid(browser) {
			t.Errorf("%s, %v", browser, err)
		}
	}
}
