package backoffice

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// ImportRun is a set of CSV files on its way into the database: first a plan, then
// applied as one act, and undone as one (product.md, section 13).
type ImportRun struct {
	Key        int64
	ID         string
	CreatedAt  time.Time
	ActorName  string
	Files      []ImportedFile
	Strict     bool // with a refused row, nothing is applied
	State      ImportState
	Counts     ImportCounts // Refused is not filled: see ImportRefusals of the store
	RowsTotal  int64        // rows of the plan that change something
	RowsDone   int64        // of them, applied
	UndoDone   int64        // of them, taken back
	Kept       int64        // rows that an undo left as they are, since others changed them
	Failure    string
	FinishedAt time.Time
}

// ImportedFile is what is known of a file after it was read.
type ImportedFile struct {
	Kind   ImportKind `json:"kind"` // accounts, users or visits
	Name   string     `json:"name"` // base name
	Bytes  int64      `json:"bytes"`
	Digest string     `json:"sha256"`
}

// ImportState says how far an import is.
type ImportState string

// The states, in their order; failed and discarded end an import that was never
// applied.
const (
	ImportPlanning  ImportState = "planning"
	ImportPlanned   ImportState = "planned"
	ImportApplying  ImportState = "applying"
	ImportApplied   ImportState = "applied"
	ImportUndoing   ImportState = "undoing"
	ImportUndone    ImportState = "undone"
	ImportFailed    ImportState = "failed"
	ImportDiscarded ImportState = "discarded"
)

// Label returns the state in the words of the page.
func (s ImportState) Label() string {
	switch s {
	case ImportPlanning:
		return "Reading the files"
	case ImportPlanned:
		return "Planned"
	case ImportApplying:
		return "Being applied"
	case ImportApplied:
		return "Applied"
	case ImportUndoing:
		return "Being undone"
	case ImportUndone:
		return "Undone"
	case ImportFailed:
		return "Failed"
	case ImportDiscarded:
		return "Discarded"
	}
	return string(s)
}

// ImportKind names what a row is about; the files are called by it as well,
// memberships aside, which stand in the users file.
type ImportKind string

// The four kinds, in the order of the pages.
const (
	ImportAccounts    ImportKind = "accounts"
	ImportUsers       ImportKind = "users"
	ImportMemberships ImportKind = "memberships"
	ImportVisits      ImportKind = "visits"
)

// ImportAction says what an import does with a row, or did.
type ImportAction string

// What becomes of a row. Kept is what an undo leaves as it is.
const (
	ImportCreate    ImportAction = "create"
	ImportUpdate    ImportAction = "update"
	ImportUnchanged ImportAction = "unchanged"
	ImportRefused   ImportAction = "refused"
	ImportKept      ImportAction = "kept"
)

// ImportFigures count the rows of one kind by what becomes of them.
type ImportFigures struct {
	Created   int64 `json:"created"`
	Updated   int64 `json:"updated"`
	Unchanged int64 `json:"unchanged"`
	Refused   int64 `json:"refused"`
}

// Add counts n rows more.
func (f *ImportFigures) Add(a ImportAction, n int64) {
	switch a {
	case ImportCreate:
		f.Created += n
	case ImportUpdate:
		f.Updated += n
	case ImportUnchanged:
		f.Unchanged += n
	case ImportRefused:
		f.Refused += n
	}
}

// Of returns how many rows an action has.
func (f ImportFigures) Of(a ImportAction) int64 {
	switch a {
	case ImportCreate:
		return f.Created
	case ImportUpdate:
		return f.Updated
	case ImportUnchanged:
		return f.Unchanged
	case ImportRefused:
		return f.Refused
	}
	return 0
}

// Total is how many rows there are.
func (f ImportFigures) Total() int64 { return f.Created + f.Updated + f.Unchanged + f.Refused }

// ImportCounts are an import's result. Its JSON is what `import --json` prints.
//
// A row of the users file is a user and a membership: a refused one counts as a
// refused membership, and as a refused user as well when it is the address or
// the name that was refused.
type ImportCounts struct {
	Accounts    ImportFigures   `json:"accounts"`
	Users       ImportFigures   `json:"users"`
	Memberships ImportFigures   `json:"memberships"`
	Visits      ImportFigures   `json:"visits"`
	Refused     []ImportRefusal `json:"refused"`
}

// Of returns the figures of one kind.
func (c *ImportCounts) Of(k ImportKind) *ImportFigures {
	switch k {
	case ImportAccounts:
		return &c.Accounts
	case ImportUsers:
		return &c.Users
	case ImportMemberships:
		return &c.Memberships
	}
	return &c.Visits
}

// RefusedRows is how many rows of the files were refused.
func (c *ImportCounts) RefusedRows() int64 {
	return c.Accounts.Refused + c.Memberships.Refused + c.Visits.Refused
}

// ImportRefusal names a refused row: the base name of its file, the line on
// which the record begins, the column, the cell as it was written (shortened,
// control characters made visible), and why.
type ImportRefusal struct {
	File   string `json:"file"`
	Line   int64  `json:"line"`
	Column string `json:"column"`
	Value  string `json:"value"`
	Reason string `json:"reason"`
}

// ImportRow is a line of a plan. Visits are folded: a line stands for those of
// one account.
type ImportRow struct {
	Seq     int64
	Kind    ImportKind
	Action  ImportAction
	Subject string // what the row is about
	Count   int64  // rows of the file that it stands for
	ImportRefusal
}

// Columns of the three files. The first ones are required.
var (
	AccountFileColumns = []string{"id", "name", "created_at", "parent_id", "website", "primary_user_email", "is_reseller", "metadata"}
	UserFileColumns    = []string{"email", "name", "account_id", "roles", "created_at", "email_verified", "metadata", "vendor_metadata", "password_hash", "totp_secret"}
	VisitFileColumns   = []string{"account_id", "email", "day"}
)

// UserExportColumns are those of UserFileColumns that leave the house again: no
// hash and no secret does.
var UserExportColumns = UserFileColumns[:8]

// ImportColumns returns the columns that a file may have, and those that it
// must have.
func ImportColumns(file ImportKind) (may, must []string) {
	switch file {
	case ImportAccounts:
		return AccountFileColumns, []string{"id"}
	case ImportUsers:
		return UserFileColumns, []string{"email", "account_id"}
	}
	return VisitFileColumns, VisitFileColumns
}

// Cells returns a cell of a record by its column; false when the file has no
// such column.
type Cells func(column string) (string, bool)

// RefusedCell is why a row of an import is refused, and which cell of it.
type RefusedCell struct {
	Column, Value string
	Reason        string
}

func (r *RefusedCell) Error() string { return r.Column + ": " + r.Reason }

// ImportedAccount is a row of the accounts file. What is not set is left as it
// is; what is set and empty is cleared.
type ImportedAccount struct {
	ID           string           `json:"id"`
	Name         Optional[string] `json:"name,omitzero"`
	CreatedAt    Optional[int64]  `json:"created_at,omitzero"` // microseconds
	ParentID     Optional[string] `json:"parent_id,omitzero"`
	Website      Optional[string] `json:"website,omitzero"`
	PrimaryEmail Optional[string] `json:"primary_user_email,omitzero"`
	IsReseller   Optional[bool]   `json:"is_reseller,omitzero"`
	Metadata     Optional[string] `json:"metadata,omitzero"`
}

// ParseImportedAccount reads a row of the accounts file. The error is a
// *RefusedCell for the first cell, in the order of AccountFileColumns, that
// cannot be taken; ID is set when that one is good.
func ParseImportedAccount(cell Cells, now time.Time) (ImportedAccount, error) {
	var a ImportedAccount
	id, _ := cell("id")
	if err := CheckAccountID(id); err != nil {
		return a, &RefusedCell{"id", id, err.Error()}
	}
	a.ID = id
	if v, ok := cell("name"); ok {
		name, err := CleanImportedName(v, MaxName)
		if err == nil && name == "" {
			err = Refusal("An account has a name.")
		}
		if err != nil {
			return a, &RefusedCell{"name", v, err.Error()}
		}
		a.Name = Some(name)
	}
	var err error
	if a.CreatedAt, err = importedInstant(cell, now); err != nil {
		return a, err
	}
	if v, ok := cell("parent_id"); ok {
		switch {
		case v != "" && v == id:
			return a, &RefusedCell{"parent_id", v, "An account cannot be its own parent."}
		case v != "" && !ValidAccountID(v):
			return a, &RefusedCell{"parent_id", v, "No account has this ID."}
		}
		a.ParentID = Some(v)
	}
	if v, ok := cell("website"); ok {
		site := ""
		if strings.TrimSpace(v) != "" {
			if site, err = CleanWebsite(v); err != nil {
				return a, &RefusedCell{"website", v, err.Error()}
			}
		}
		a.Website = Some(site)
	}
	if v, ok := cell("primary_user_email"); ok {
		var email Email
		if strings.TrimSpace(v) != "" {
			if email, err = ParseEmail(v); err != nil {
				return a, &RefusedCell{"primary_user_email", v, err.Error()}
			}
		}
		a.PrimaryEmail = Some(string(email))
	}
	if v, ok := cell("is_reseller"); ok {
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true":
			a.IsReseller = Some(true)
		case "false", "":
			a.IsReseller = Some(false)
		default:
			return a, &RefusedCell{"is_reseller", v, "Write true or false, or leave it empty."}
		}
	}
	if v, ok := cell("metadata"); ok {
		m, err := ParseMetadata(v, MaxMetadataBytes)
		if err != nil {
			return a, &RefusedCell{"metadata", v, err.Error()}
		}
		a.Metadata = Some(m.String())
	}
	return a, nil
}

// importedInstant reads created_at: an RFC 3339 instant from 1970 on, not after
// now. An empty cell says nothing, since an account always has a creation.
func importedInstant(cell Cells, now time.Time) (Optional[int64], error) {
	v, _ := cell("created_at")
	text := strings.TrimSpace(v)
	if text == "" {
		return Optional[int64]{}, nil
	}
	refuse := func(reason string) (Optional[int64], error) {
		return Optional[int64]{}, &RefusedCell{"created_at", v, reason}
	}
	if len(text) > 64 {
		return refuse("Write an instant such as 2026-01-31T09:30:00Z.")
	}
	at, err := time.Parse(time.RFC3339, strings.ToUpper(text))
	switch {
	case err != nil:
		return refuse("Write an instant such as 2026-01-31T09:30:00Z.")
	case at.After(now):
		return refuse("The instant lies in the future.")
	case at.Unix() < 0:
		return refuse("The instant lies before 1970.")
	}
	return Some(at.UnixMicro()), nil
}

// Over returns the account with what the row sets: name, creation, website,
// reseller, metadata, and ParentID and PrimaryEmail, whose keys are the
// caller's to find.
func (i ImportedAccount) Over(a Account) Account {
	a.ID = i.ID
	a.Name = i.Name.Or(a.Name)
	if i.CreatedAt.Set {
		a.CreatedAt = time.UnixMicro(i.CreatedAt.V).UTC()
	}
	a.ParentID = i.ParentID.Or(a.ParentID)
	a.Website = i.Website.Or(a.Website)
	a.PrimaryEmail = i.PrimaryEmail.Or(a.PrimaryEmail)
	a.IsReseller = i.IsReseller.Or(a.IsReseller)
	a.Metadata = i.Metadata.Or(a.Metadata)
	return a
}

// SameImported reports whether two accounts agree in all that the accounts file
// says.
func SameImported(a, b Account) bool {
	return a.Name == b.Name && a.CreatedAt.Equal(b.CreatedAt) && a.ParentID == b.ParentID && a.Website == b.Website &&
		a.PrimaryEmail == b.PrimaryEmail && a.IsReseller == b.IsReseller && a.Metadata == b.Metadata
}

// ImportedMembership is a row of the users file: a user and a membership.
type ImportedMembership struct {
	AccountID string           `json:"account_id"`
	Email     string           `json:"email"`
	Name      Optional[string] `json:"-"`
	Person    ImportedPerson   `json:"-"`
	Roles     []string         `json:"roles,omitempty"` // keys, sorted; none: left, or the default ones
	CreatedAt Optional[int64]  `json:"created_at,omitzero"`
}

// ParseImportedMembership reads a row of the users file. roles are the roles
// that exist. The error is a *RefusedCell for the first cell, in the
// order of UserFileColumns, that cannot be taken; Email and AccountID are set
// when they are good.
func ParseImportedMembership(cell Cells, roles RoleKeys, now time.Time) (ImportedMembership, error) {
	var m ImportedMembership
	account, _ := cell("account_id")
	address, _ := cell("email")
	email, err := ParseEmail(address)
	if err != nil {
		return m, &RefusedCell{"email", address, err.Error()}
	}
	if ValidAccountID(account) {
		m.Email, m.AccountID = string(email), account
	}
	if v, ok := cell("name"); ok {
		name, err := CleanImportedName(v, MaxName)
		if err != nil {
			return m, &RefusedCell{"name", v, err.Error()}
		}
		m.Name = Some(name)
	}
	if m.AccountID == "" {
		return m, &RefusedCell{"account_id", account, "No account has this ID."}
	}
	if v, ok := cell("roles"); ok {
		for role := range strings.SplitSeq(v, ";") {
			if role = strings.TrimSpace(role); role == "" {
				continue
			}
			if err := roles.In(role, m.AccountID); err != nil {
				return m, &RefusedCell{"roles", v, err.Error()}
			}
			m.Roles = append(m.Roles, role)
		}
		if len(m.Roles) == 0 {
			return m, &RefusedCell{"roles", v, "A user has at least one role."}
		}
		slices.Sort(m.Roles)
		m.Roles = slices.Compact(m.Roles)
	}
	if m.CreatedAt, err = importedInstant(cell, now); err != nil {
		return m, err
	}
	m.Person, err = parseImportedPerson(cell)
	return m, err
}

// VisibleCell makes a cell fit to be shown: at most 200 characters, control
// characters as \n, \t or \x00, what is not UTF-8 as the replacement character.
func VisibleCell(s string) string {
	const most = 200
	if len(s) > 4*most {
		s = s[:4*most]
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > most {
			b.WriteString("…")
			break
		}
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20 || r >= 0x7F && r < 0xA0:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
