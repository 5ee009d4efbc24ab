package backoffice

import (
	"encoding/base32"
	"strings"
)

// ImportedPerson is what the users file says of a user beside the name: how they
// sign in, and both kinds of metadata. Rows of one user add up: the first one
// that says something wins.
type ImportedPerson struct {
	Password       string           // a hash, as ParsePasswordHash takes it
	TOTP           []byte           // the key of an authenticator app
	Verified       bool             // the address was proved
	Metadata       Optional[string] // compact JSON
	VendorMetadata Optional[string]
}

// Said reports whether the row says anything.
func (p ImportedPerson) Said() bool {
	return p.Password != "" || len(p.TOTP) > 0 || p.Verified || p.Metadata.Set || p.VendorMetadata.Set
}

// Add takes over what another row of the same user says first.
func (p *ImportedPerson) Add(next ImportedPerson) {
	if p.Password == "" {
		p.Password = next.Password
	}
	if len(p.TOTP) == 0 {
		p.TOTP = next.TOTP
	}
	p.Verified = p.Verified || next.Verified
	for _, m := range []struct{ have, next *Optional[string] }{{&p.Metadata, &next.Metadata}, {&p.VendorMetadata, &next.VendorMetadata}} {
		if m.next.Set && (!m.have.Set || m.have.V == "{}") {
			*m.have = *m.next
		}
	}
}

// Keys of authenticator apps, in bytes (RFC 4226, section 4, asks for 16 and
// more; some systems make 10).
const (
	minTOTPKey = 10
	maxTOTPKey = 64
)

// parseImportedPerson reads the columns of a user. Hashes and secrets are not
// repeated in a refusal.
func parseImportedPerson(cell Cells) (p ImportedPerson, err error) {
	switch v, _ := cell("email_verified"); strings.ToLower(strings.TrimSpace(v)) {
	case "true":
		p.Verified = true
	case "false", "":
	default:
		return p, &RefusedCell{"email_verified", v, "Write true or false, or leave it empty."}
	}
	for _, m := range []struct {
		column string
		limit  int
		into   *Optional[string]
	}{{"metadata", MaxSessionMetadataBytes, &p.Metadata}, {"vendor_metadata", MaxMetadataBytes, &p.VendorMetadata}} {
		if v, ok := cell(m.column); ok {
			parsed, err := ParseMetadata(v, m.limit)
			if err != nil {
				return p, &RefusedCell{m.column, v, err.Error()}
			}
			*m.into = Some(parsed.String())
		}
	}
	if v, _ := cell("password_hash"); strings.TrimSpace(v) != "" {
		h, err := ParsePasswordHash(strings.TrimSpace(v))
		if err != nil {
			return p, &RefusedCell{"password_hash", "", err.Error()}
		}
		p.Password = h.Text
	}
	if v, _ := cell("totp_secret"); strings.TrimSpace(v) != "" {
		text := strings.TrimRight(strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(strings.TrimSpace(v))), "=")
		if p.TOTP, err = base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text); err != nil || len(p.TOTP) < minTOTPKey || len(p.TOTP) > maxTOTPKey {
			return p, &RefusedCell{"totp_secret", "", "Write the key of the authenticator app in base32: 16 to 103 letters and digits from 2 to 7."}
		}
	}
	return p, nil
}
