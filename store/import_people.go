package store

import (
	"encoding/json"

	"steward/backoffice"
)

// importedPerson is what a plan keeps of how a user signs in and of their
// metadata. The key of an authenticator app is sealed; it and the hash leave the
// plan once they are applied, what says that they were there stays.
type importedPerson struct {
	Password       string                      `json:"password,omitempty"`
	TOTP           []byte                      `json:"totp,omitempty"`
	SetsPassword   bool                        `json:"sets_password,omitempty"`
	SetsTOTP       bool                        `json:"sets_totp,omitempty"`
	Verified       bool                        `json:"verified,omitempty"`
	Metadata       backoffice.Optional[string] `json:"metadata,omitzero"`
	VendorMetadata backoffice.Optional[string] `json:"vendor_metadata,omitzero"`
}

// personNow is the same of a user as they are.
type personNow struct {
	verified, fixed, password, totp bool
	metadata, vendor                string
}

const selectPeople = `SELECT u.email, u.verified, u.vendor_metadata_fixed, EXISTS (SELECT 1 FROM passwords p WHERE p.user_key = u.key),
	EXISTS (SELECT 1 FROM authenticators a WHERE a.user_key = u.key AND a.enrolled_at IS NOT NULL), u.metadata, u.vendor_metadata
	FROM users u WHERE u.deleted_at IS NULL AND u.email`

var lookupPeople = inList(selectPeople, ``)

func scanPerson(r rowScanner) (email string, n personNow, err error) {
	err = r.Scan(&email, &n.verified, &n.fixed, &n.password, &n.totp, &n.metadata, &n.vendor)
	return
}

// say notes what a row of the users file says of its user.
func (p *importPlan) say(u int32, person backoffice.ImportedPerson) {
	if !person.Said() {
		return
	}
	if p.people == nil {
		p.people = map[int32]*backoffice.ImportedPerson{}
	}
	if have := p.people[u]; have != nil {
		have.Add(person)
		return
	}
	p.people[u] = &person
}

// peopleNow reads those of some users of whom the file says something.
func (p *importPlan) peopleNow(list []int32) (map[string]personNow, error) {
	found := map[string]personNow{}
	var emails []string
	for _, u := range list {
		if p.people[u] != nil {
			emails = append(emails, p.emails[u])
		}
	}
	if p.fresh || len(emails) == 0 {
		return found, nil
	}
	return found, lookup(p.ctx, p.s.query(), lookupPeople, emails, func(r rowScanner) error {
		email, n, err := scanPerson(r)
		found[email] = n
		return err
	})
}

const (
	vendorFixed = "Secure metadata was set by an earlier import, and no later one changes it."
	noKeyFile   = "No key file is given: keys of authenticator apps cannot be kept."
)

// changes leaves of what the file says what is not so already. A password and an
// authenticator app that the user has by now stay: whoever imports does not put
// their own in place of them.
func changes(says backoffice.ImportedPerson, now personNow) (c backoffice.ImportedPerson, why *backoffice.RefusedCell) {
	if !now.password {
		c.Password = says.Password
	}
	if !now.totp {
		c.TOTP = says.TOTP
	}
	c.Verified = says.Verified && !now.verified
	if says.Metadata.Set && says.Metadata.V != now.metadata {
		c.Metadata = says.Metadata
	}
	if says.VendorMetadata.Set && says.VendorMetadata.V != now.vendor {
		if now.fixed {
			return c, &backoffice.RefusedCell{Column: "vendor_metadata", Value: says.VendorMetadata.V, Reason: vendorFixed}
		}
		c.VendorMetadata = says.VendorMetadata
	}
	return c, nil
}

// keep turns it into what the plan keeps.
func (p *importPlan) keep(email string, c backoffice.ImportedPerson) (importedPerson, error) {
	in := importedPerson{Password: c.Password, SetsPassword: c.Password != "", SetsTOTP: len(c.TOTP) > 0, Verified: c.Verified, Metadata: c.Metadata, VendorMetadata: c.VendorMetadata}
	var err error
	if in.SetsTOTP {
		in.TOTP, err = p.s.sealer.seal("import "+email, c.TOTP)
	}
	return in, err
}

// undoPerson is what there was before an import; a password and an app are taken
// away again.
type undoPerson struct {
	Verified       bool   `json:"verified,omitempty"`
	Fixed          bool   `json:"fixed,omitempty"`
	Metadata       string `json:"metadata,omitempty"`
	VendorMetadata string `json:"vendor_metadata,omitempty"`
}

// applyPerson gives a user what the plan keeps, as far as it is still wanted, and
// says whether anything was done. What others have set since the plan stays.
func (t *tx) applyPerson(row *applyRow, key int64, u *importedUser) (before *undoPerson, err error) {
	in := &u.importedPerson
	if in.TOTP == nil && in.Password == "" && !in.Verified && !in.Metadata.Set && !in.VendorMetadata.Set {
		return nil, nil
	}
	_, now, err := scanPerson(t.get(selectPeople+` = $1`, u.Email))
	if err != nil {
		return nil, err
	}
	if now.fixed && in.VendorMetadata.Set && in.VendorMetadata.V != now.vendor {
		row.reason = vendorFixed
		in.VendorMetadata = backoffice.Optional[string]{}
	}
	if in.SetsPassword = in.SetsPassword && !now.password; in.SetsPassword {
		if err := t.keepPassword(key, in.Password); err != nil {
			return nil, err
		}
	}
	if in.SetsTOTP = in.SetsTOTP && !now.totp; in.SetsTOTP {
		secret, err := t.s.sealer.open("import "+u.Email, in.TOTP)
		if err != nil {
			return nil, err
		}
		if err := t.keepAuthenticator(key, secret, true); err != nil {
			return nil, err
		}
	}
	in.Password, in.TOTP = "", nil
	metadata, vendor := in.Metadata.Or(now.metadata), in.VendorMetadata.Or(now.vendor)
	fixed := now.fixed || in.VendorMetadata.Set && in.VendorMetadata.V != "{}"
	if _, err := t.exec(`UPDATE users SET verified = verified OR $1, metadata = $2, vendor_metadata = $3, vendor_metadata_fixed = $4,
		metadata_version = metadata_version + $5, version = version + 1 WHERE key = $6`,
		in.Verified, metadata, vendor, fixed, boolInt(metadata != now.metadata || vendor != now.vendor), key); err != nil {
		return nil, err
	}
	if row.scrub, err = json.Marshal(u); err != nil {
		return nil, err
	}
	return &undoPerson{Verified: now.verified, Fixed: now.fixed, Metadata: now.metadata, VendorMetadata: now.vendor}, nil
}

func boolInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// personKept reports whether a user is, in what an import brought, still as it
// left them; passwords and apps of their own count as a change.
func (t *tx) personKept(key int64, in importedPerson) (bool, error) {
	var passwords, apps int64
	var verified bool
	var metadata, vendor string
	if err := t.get(`SELECT verified, metadata, vendor_metadata, (SELECT COUNT(*) FROM passwords WHERE user_key = $1), (SELECT COUNT(*) FROM authenticators WHERE user_key = $1)
		FROM users WHERE key = $1`, key).Scan(&verified, &metadata, &vendor, &passwords, &apps); err != nil {
		return false, err
	}
	return !(in.SetsPassword && passwords != 1 || in.SetsTOTP && apps != 1 || in.Verified && !verified ||
		in.Metadata.Set && metadata != in.Metadata.V || in.VendorMetadata.Set && vendor != in.VendorMetadata.V), nil
}

// undoPersonOf takes back what an import brought.
func (t *tx) undoPersonOf(key int64, in importedPerson, before undoPerson) error {
	var texts []string
	if in.SetsPassword {
		texts = append(texts, `DELETE FROM passwords WHERE user_key = $1`)
	}
	if in.SetsTOTP {
		texts = append(texts, `DELETE FROM authenticators WHERE user_key = $1`, `UPDATE users SET factors = factors & ~1 WHERE key = $1`)
	}
	for _, text := range texts {
		if _, err := t.exec(text, key); err != nil {
			return err
		}
	}
	return t.one(`UPDATE users SET verified = $1, metadata = $2, vendor_metadata = $3, vendor_metadata_fixed = $4, metadata_version = metadata_version + 1, version = version + 1
		WHERE key = $5`, before.Verified, orObject(before.Metadata), orObject(before.VendorMetadata), before.Fixed, key)
}

func orObject(text string) string {
	if text == "" {
		return "{}"
	}
	return text
}
