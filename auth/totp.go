package auth

import (
	"crypto/rand"
	"encoding/base32"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"rsc.io/qr"
)

// Authenticator apps: RFC 6238 with SHA-1, six digits and steps of 30 seconds,
// which every app knows. A code of the step before or after is taken as well.
const (
	totpStep        = 30
	totpSkew        = 1
	totpSecretBytes = 20
)

var totpEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewTOTPSecret makes the key of an authenticator app, 160 random bits.
func NewTOTPSecret() []byte {
	secret := make([]byte, totpSecretBytes)
	_, _ = rand.Read(secret) // never fails
	return secret
}

// TOTPKey spells a key as apps take it, in groups of four for whoever types it.
func TOTPKey(secret []byte) string { return grouped(totpEncoding.EncodeToString(secret), " ") }

// TOTPCheck returns a check of a typed code: it says whether the code belongs to
// the key, and to which step of time. Whether that step was used is for whoever
// keeps the steps to say.
func TOTPCheck(typed string) func(secret []byte, now time.Time) (step int64, ok bool) {
	code := strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, typed)
	return func(secret []byte, now time.Time) (int64, bool) {
		if len(code) != otp.DigitsSix.Length() {
			return 0, false
		}
		present := int64(math.Floor(float64(now.Unix()) / totpStep))
		key := totpEncoding.EncodeToString(secret)
		found, ok := int64(0), false
		// All steps are looked at, whichever matches.
		for step := present - totpSkew; step <= present+totpSkew; step++ {
			if step < 0 {
				continue
			}
			right, err := hotp.ValidateCustom(code, uint64(step), key, hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
			if err == nil && right {
				found, ok = step, true
			}
		}
		return found, ok
	}
}

// TOTPCode is the code that an app shows at the time.
func TOTPCode(secret []byte, now time.Time) (string, error) {
	return hotp.GenerateCodeCustom(totpEncoding.EncodeToString(secret), uint64(now.Unix()/totpStep), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
}

// TOTPAddress is what an app reads out of the picture: issuer and account are the
// names under which it lists the key.
func TOTPAddress(secret []byte, issuer, account string) string {
	q := url.Values{"secret": {totpEncoding.EncodeToString(secret)}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
	// Apps take + for what it is, not for a space.
	return "otpauth://totp/" + url.PathEscape(issuer+":"+account) + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}

// QRPath draws a text as a QR code: the path of an SVG in modules, and how many
// modules a side has, a margin of four among them.
func QRPath(text string) (path string, side int, err error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", 0, err
	}
	const margin = 4
	var b strings.Builder
	number := func(n int) { b.WriteString(strconv.Itoa(n)) }
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			if !code.Black(x, y) {
				continue
			}
			run := 1
			for x+run < code.Size && code.Black(x+run, y) {
				run++
			}
			b.WriteByte('M')
			number(x + margin)
			b.WriteByte(' ')
			number(y + margin)
			b.WriteByte('h')
			number(run)
			b.WriteString("v1h-")
			number(run)
			b.WriteByte('z')
			x += run
		}
	}
	return b.String(), code.Size + 2*margin, nil
}
