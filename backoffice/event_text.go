package backoffice

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Phrase is a part of a sentence: Strong marks a name, Code a key.
type Phrase struct {
	Text         string
	Strong, Code bool
}

// eventTexts holds the words for every action of the trail, as they follow the
// actor. {} stands for the object's name, {name} for a value after the change,
// or before it when there is none after.
var eventTexts = map[string]string{
	"account.created":                         "created the account {}",
	"account.details-changed":                 "changed the details of {}",
	"account.logo-changed":                    "changed the logo of {}",
	"account.metadata-changed":                "changed metadata",
	"account.moved":                           "moved {} under another parent",
	"account.deleted":                         "moved {} to the bin",
	"account.restored":                        "restored {} from the bin",
	"account.purged":                          "purged an account from the bin",
	"account.sub-account-management-enabled":  "enabled sub-account management of {}",
	"account.sub-account-management-disabled": "disabled sub-account management of {}",
	"account.access-default-changed":          "set access to the sub-accounts of {} to {sub_access}",
	"account.changed":                         "renamed the account {}",
	"policy.changed":                          "changed the security policy of {}",
	"policy.environment-changed":              "changed the environment’s security policy",
	"import.applied":                          "imported {}",
	"import.undone":                           "took back the import of {}",
	"demo.created":                            "filled the database with demo data",
	"role.created":                            "made the role {}",
	"role.changed":                            "changed the role {}",
	"role.deleted":                            "deleted the role {}",
	"role.replaced":                           "deleted the role {} and gave {replacement} in its place",
	"role.restored":                           "brought back the role {}",
	"role.purged":                             "purged a role from the bin",
	"user.left-application":                   "signed {} out of the application {application}",
	"user.entered-application":                "signed in to the application {application}",
	"application.created":                     "made the application {}",
	"application.changed":                     "changed the application {}",
	"application.logo-changed":                "changed the logo of the application {}",
	"application.activated":                   "let users enter the application {}",
	"application.deactivated":                 "closed the application {} to users",
	"application.default-set":                 "made {} the default application",
	"application.default-ended":               "made {} no more the default application",
	"application.auto-assigned-on":            "assigned the application {} to all accounts and their users",
	"application.auto-assigned-off":           "assigned the application {} to all accounts no more",
	"application.secret-made":                 "made a client secret for the application {}",
	"application.secret-ended":                "ended a client secret of the application {}",
	"application.deleted":                     "moved the application {} to the bin",
	"application.restored":                    "restored the application {} from the bin",
	"application.purged":                      "purged an application from the bin",
	"application.assigned":                    "assigned the application {} to {account}",
	"application.removed":                     "removed the application {} from {account}",
	"application.returned":                    "assigned the application {} to {account} again, as it was",
	"application.auto-assignment-enabled":     "assigned the application {} to every user of {account}",
	"application.auto-assignment-disabled":    "assigned the application {} to every user of {account} no more",
	"user.application-given":                  "gave {} the application {application}",
	"user.application-taken":                  "took the application {application} from {}",
	"staff.added":                             "added {} to the staff",
	"staff.removed":                           "removed {} from the staff",
	"staff.role-changed":                      "made {} {role}",
	"staff.link-made":                         "made a set-up link for {}",
	"staff.set-up":                            "chose a password by a set-up link",
	"staff.password-changed":                  "changed the password of {}",
	"staff.signed-in":                         "signed in",
	"staff.signed-out":                        "signed out",
	"staff.session-ended":                     "ended a session",
	"staff.sessions-ended":                    "ended all sessions of {}",
	"user.signed-in":                          "signed in",
	"user.switched":                           "switched to this account",
	"user.signed-out":                         "signed out",
	"user.session-ended":                      "ended a session of {}",
	"user.sessions-ended":                     "ended all sessions of {}",
	"user.password-set":                       "set a password for {}",
	"user.signed-up":                          "signed up",
	"user.address-changed":                    "changed the address of {} to {email}",
	"user.frozen":                             "locked {}, whose address {email} somebody else has by now",
	"user.address-returned":                   "took the address {email} back by mail",
	"settings.sign-up-opened":                 "let people sign up by themselves",
	"settings.sign-up-closed":                 "closed sign-up",
	"settings.verification-demanded":          "demanded e-mail verification of who signs up",
	"settings.verification-not-demanded":      "let people in who sign up, without e-mail verification",
	"user.renamed":                            "named the user {} {name}",
	"user.verified":                           "proved the address {}",
	"user.invited":                            "invited {} as {roles}",
	"user.roles-changed":                      "changed the roles of {} to {roles}",
	"user.removed":                            "removed {} from the account",
	"user.returned":                           "put {} back into the account",
	"user.access-given":                       "gave {} access to the sub-accounts of {account}",
	"user.access-revoked":                     "took from {} the access to the sub-accounts of {account}",
	"user.disabled":                           "switched {} off in this account",
	"user.enabled":                            "switched {} on in this account",
	"user.created":                            "made the user {}",
	"user.locked":                             "locked {}",
	"user.unlocked":                           "unlocked {}",
	"user.deleted":                            "moved {} to the bin",
	"user.restored":                           "restored {} from the bin",
	"user.purged":                             "purged a user from the bin",
	"user.metadata-changed":                   "changed the session metadata of {}",
	"user.secure-metadata-changed":            "changed the secure metadata of {} ({keys})",
	"user.added":                              "added {} as {roles}",
	"invitation.resent":                       "sent the invitation of {} again",
	"invitation.copied":                       "copied a link of the invitation of {}",
	"invitation.revoked":                      "revoked the invitation of {}",
	"invitation.accepted":                     "accepted the invitation",
	"invitation.declined":                     "declined the invitation",
	"settings.invitations-changed":            "made invitations valid for {days} days",
	"user.mfa-enrolled":                       "enrolled a second factor ({method})",
	"user.mfa-removed":                        "removed a second factor ({method})",
	"user.mfa-reset":                          "reset the second factors of {}",
	"user.recovery-codes-renewed":             "made new recovery codes",
	"user.recovery-code-used":                 "used a recovery code",
	"user.passkey-renamed":                    "renamed a passkey to {method}",
	"staff.mfa-enrolled":                      "enrolled a second factor ({method})",
	"staff.mfa-removed":                       "removed a second factor ({method})",
	"staff.mfa-reset":                         "reset the second factors of {}",
	"staff.recovery-codes-renewed":            "made new recovery codes",
	"staff.recovery-code-used":                "used a recovery code",
	"staff.passkey-renamed":                   "renamed a passkey to {method}",
	"staff.mfa-forced":                        "demanded a second factor of staff",
	"staff.mfa-not-forced":                    "left a second factor to each of the staff",
	"setup-link.made":                         "made a set-up link",
	"token.made":                              "made the API token {}",
	"token.revoked":                           "revoked the API token {}",
	"view.saved":                              "saved the view {}",
	"view.deleted":                            "deleted the view {}",
	"view.renamed":                            "renamed the view {}",
}

// EventActions lists every action that has words, in order.
func EventActions() []string {
	var list []string
	for action := range eventTexts {
		list = append(list, action)
	}
	slices.Sort(list)
	return list
}

// Sentence says who did what, in the words of the pages: "Ada Weber set
// Password history to the last 5, before: the last 3". The object of a policy or
// of metadata is left to what stands around the sentence. An action without words
// is named as it is.
func (e Event) Sentence() []Phrase {
	s := []Phrase{{Text: e.actorText(), Strong: true}}
	plain := func(text string) { s = append(s, Phrase{Text: text}) }
	changes := e.Changes()
	switch {
	case e.Action == "policy.changed" && len(changes) != 0, e.Action == "policy.environment-changed" && len(changes) != 0:
		plain(" " + settingsText(changes))
		if e.Action == "policy.environment-changed" {
			plain(", for the environment")
		}
		return s
	case e.Action == "account.metadata-changed" && len(changes) != 0:
		plain(" changed metadata ")
		for i, c := range changes {
			switch {
			case i == 3 && len(changes) > 4:
				plain(" and " + number(len(changes)-3) + " more keys")
			case i > 3 && len(changes) > 4:
				continue
			case i > 0:
				plain(", ")
				fallthrough
			default:
				s = append(s, Phrase{Text: c.Field, Code: true})
			}
		}
		return s
	}
	words, ok := eventTexts[e.Action]
	if !ok {
		plain(" ")
		s = append(s, Phrase{Text: e.Action, Code: true})
		if e.ObjectName != "" {
			plain(" ")
			s = append(s, Phrase{Text: e.ObjectName, Strong: true})
		}
		return s
	}
	words = " " + words
	for {
		before, rest, ok := strings.Cut(words, "{")
		if before != "" {
			plain(before)
		}
		if !ok {
			return s
		}
		name, after, _ := strings.Cut(rest, "}")
		words = after
		if name == "" {
			s = append(s, Phrase{Text: e.objectText(), Strong: true})
			continue
		}
		plain(e.value(name))
	}
}

// Summary is the sentence as plain text.
func (e Event) Summary() string {
	var b strings.Builder
	for _, p := range e.Sentence() {
		b.WriteString(p.Text)
	}
	return b.String()
}

func (e Event) actorText() string {
	switch e.Kind {
	case ActorToken:
		return "API token “" + e.ActorName + "”"
	case ActorCommand:
		return "The command line"
	case ActorSystem:
		return "Steward"
	}
	if e.ActorName == "" {
		return e.ActorID
	}
	return e.ActorName
}

func (e Event) objectText() string {
	switch {
	case e.ObjectName != "":
		return e.ObjectName
	case e.ObjectID != "":
		return e.ObjectID
	}
	return e.ObjectKind
}

func (e Event) value(name string) string {
	for _, c := range e.Changes() {
		if c.key == name {
			if c.Kind == "removed" {
				return c.Before
			}
			return c.After
		}
	}
	return "…"
}

func settingsText(changes []FieldChange) string {
	parts := make([]string, 0, 2)
	for i, c := range changes {
		if i == 2 && len(changes) > 3 {
			parts = append(parts, number(len(changes)-2)+" more settings")
			break
		}
		switch {
		case c.Kind == "removed":
			parts = append(parts, "reset "+c.Field+", before: "+settingText(c.Before))
		case c.Kind == "added":
			parts = append(parts, "set "+c.Field+" to "+settingText(c.After))
		default:
			parts = append(parts, "set "+c.Field+" to "+settingText(c.After)+", before: "+settingText(c.Before))
		}
	}
	return listedLong(parts)
}

// settingText fits a value into a sentence: "the last 5", "at least 8 …".
func settingText(value string) string {
	if strings.HasPrefix(value, "Last ") {
		return "the " + lowerFirst(value)
	}
	return lowerFirst(value)
}

// listedLong joins parts that hold commas themselves.
func listedLong(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], "; ") + "; and " + parts[len(parts)-1]
}

// FieldChange is one field before and after a change, ready to be shown. Kinds:
// added, removed, changed.
type FieldChange struct {
	Field         string
	Kind          string
	Before, After string

	key string
}

// fieldLabels are the words for the keys of the trail's payloads.
var fieldLabels = map[string]string{
	"name": "Name", "website": "Website", "address": "Address", "time_zone": "Time zone", "currency": "Currency",
	"status_text": "Status text", "primary_user": "Primary user", "parent_id": "Parent ID", "logo": "Logo", "is_reseller": "Sub-account management",
	"email": "E-mail", "role": "Role", "scopes": "Scopes", "query": "Query", "page": "Page", "shared": "Shared", "sessions": "Sessions",
	"id": "ID", "created_at": "Created", "accounts": "Accounts", "users": "Users", "memberships": "Memberships", "visits": "Visits", "seed": "Seed",
	"key": "Key", "description": "Description", "level": "Level", "permissions": "Permissions", "default": "Default", "first_user": "First user",
	"given_at": "Access given", "given_by": "Access given by", "ends_at": "Ends on", "reason": "Reason",
	"roles": "Roles", "account": "Account", "days": "Days", "replacement": "Replacement",
	"files": "Files", "created": "Created", "updated": "Updated", "unchanged": "Unchanged", "refused": "Refused",
}

// Changes lists what the event changed, field by field; nothing when the
// payload is gone. Keys of metadata are shown as they are, with their values as
// JSON; settings of a policy in the words of its page.
func (e Event) Changes() []FieldChange {
	before, after := payloadFields(e.Before), payloadFields(e.After)
	var keys []string
	for k := range before {
		keys = append(keys, k)
	}
	for k := range after {
		if _, ok := before[k]; !ok {
			keys = append(keys, k)
		}
	}
	policy := strings.HasPrefix(e.Action, "policy.")
	slices.SortFunc(keys, func(a, b string) int {
		if policy {
			return settingAt(a) - settingAt(b)
		}
		return strings.Compare(a, b)
	})
	show := showField
	switch {
	case policy:
		show = showSetting
	case e.Action == "account.metadata-changed" || e.Action == "metadata-key.changed":
		show = func(_ string, v json.RawMessage) (string, bool) { return string(v), v != nil }
	}
	var list []FieldChange
	for _, k := range keys {
		c := FieldChange{Field: k, key: k, Kind: "changed"}
		var had, has bool
		c.Before, had = show(k, before[k])
		c.After, has = show(k, after[k])
		switch {
		case !had && !has, had && has && c.Before == c.After:
			continue
		case !had:
			c.Kind = "added"
		case !has:
			c.Kind = "removed"
		}
		switch label := fieldLabels[k]; {
		case policy && settingAt(k) < len(levers):
			c.Field = Setting(k).Label()
		case label != "" && e.Action != "account.metadata-changed":
			c.Field = label
		}
		list = append(list, c)
	}
	return list
}

func payloadFields(text string) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if text == "" || json.Unmarshal([]byte(text), &fields) != nil {
		return nil
	}
	return fields
}

func settingAt(key string) int {
	if i := slices.IndexFunc(levers, func(l lever) bool { return string(l.setting) == key }); i >= 0 {
		return i
	}
	return len(levers)
}

// showSetting writes a setting of a policy; null is inherited.
func showSetting(key string, v json.RawMessage) (string, bool) {
	if v == nil || string(v) == "null" || settingAt(key) == len(levers) {
		return "", false
	}
	var rules PolicyRules
	object, err := json.Marshal(map[string]json.RawMessage{key: v})
	if err != nil || json.Unmarshal(object, &rules) != nil {
		return string(v), true
	}
	return rules.Show(Setting(key)), true
}

func showField(key string, v json.RawMessage) (string, bool) {
	if v == nil || string(v) == "null" {
		return "", false
	}
	var text string
	if json.Unmarshal(v, &text) == nil {
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil && (key == "given_at" || key == "ends_at") {
			return at.UTC().Format("2 January 2006"), true
		}
		if key == "role" {
			if r := StaffRole(text); r.Valid() {
				return r.Label(), true
			}
		}
		return text, true
	}
	switch string(v) {
	case "true":
		return "On", true
	case "false":
		return "Off", true
	}
	var texts []string
	if json.Unmarshal(v, &texts) == nil {
		return strings.Join(texts, ", "), true
	}
	var counts map[string]int64
	if json.Unmarshal(v, &counts) == nil {
		return countsText(counts), true
	}
	var b bytes.Buffer
	if json.Indent(&b, v, "", "  ") != nil {
		return string(v), true
	}
	return b.String(), true
}

// countsText is "created 3, refused 1": what became of the rows of an import.
func countsText(counts map[string]int64) string {
	var names, parts []string
	for name := range counts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		parts = append(parts, name+" "+number(int(counts[name])))
	}
	return strings.Join(parts, ", ")
}
