package views

import (
	"net/url"
	"strings"
	"time"

	"steward/backoffice"
	"steward/views/ui"
)

// InvitationsPath is the address of the pending invitations.
const InvitationsPath = "/backoffice/invitations"

// InvitationsListID is the id of the list.
const InvitationsListID = "invitations-list"

// InvitationsView is the page of the pending invitations.
type InvitationsView struct {
	Page     Page
	Filter   backoffice.InvitationFilter
	List     backoffice.InvitationsPage
	Funnel   backoffice.InvitationFunnel
	Inviters []backoffice.EventActor
	Account  string // name of the filter's account
	MayWrite bool
	Now      time.Time
}

var invitationMail = []ui.Option{
	{Value: "", Label: "Any state"}, {Value: string(backoffice.MailQueued), Label: "Queued"}, {Value: string(backoffice.MailSent), Label: "Sent"},
	{Value: string(backoffice.MailFailed), Label: "Failed"}, {Value: backoffice.MailCopied, Label: "Link copied"},
}

var invitationExpiry = []ui.Option{
	{Value: "", Label: "Any time"}, {Value: backoffice.ExpiryOpen, Label: "Still valid"},
	{Value: backoffice.ExpirySoon, Label: "Expires within 2 days"}, {Value: backoffice.ExpiryOver, Label: "Expired"},
}

func (v InvitationsView) inviters() []ui.Option {
	options := []ui.Option{{Value: "", Label: "Anybody"}}
	known := v.Filter.By == ""
	for _, a := range v.Inviters {
		options = append(options, ui.Option{Value: a.ID, Label: actorLabel(a)})
		known = known || a.ID == v.Filter.By
	}
	if !known {
		options = append(options, ui.Option{Value: v.Filter.By, Label: v.Filter.By})
	}
	return options
}

func labelOf(options []ui.Option, value string) string {
	for _, o := range options {
		if o.Value == value {
			return o.Label
		}
	}
	return value
}

// InvitationValues is a filter as a query, without the names that are left out.
func InvitationValues(f backoffice.InvitationFilter, without ...string) url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"q": f.Query, "account": f.Account, "mail": f.Mail, "expiry": f.Expiry, "by": f.By} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for _, name := range without {
		q.Del(name)
	}
	return q
}

func (v InvitationsView) link(path string, q url.Values) string {
	if e := q.Encode(); e != "" {
		path += "?" + e
	}
	return v.Page.Link(path)
}

func (v InvitationsView) rest(without ...string) []ui.Pair {
	q := InvitationValues(v.Filter, without...)
	var pairs []ui.Pair
	for _, name := range []string{"q", "account", "mail", "expiry", "by"} {
		if q.Has(name) {
			pairs = append(pairs, ui.Pair{Name: name, Value: q.Get(name)})
		}
	}
	return pairs
}

func (v InvitationsView) chips() []eventChip {
	var chips []eventChip
	add := func(field, value, name string) {
		chips = append(chips, eventChip{field, value, v.link(InvitationsPath, InvitationValues(v.Filter, name))})
	}
	if v.Filter.Mail != "" {
		add("Mail", labelOf(invitationMail, v.Filter.Mail), "mail")
	}
	if v.Filter.Expiry != "" {
		add("Expiry", labelOf(invitationExpiry, v.Filter.Expiry), "expiry")
	}
	if v.Filter.By != "" {
		add("Invited by", labelOf(v.inviters(), v.Filter.By), "by")
	}
	if v.Filter.Account != "" {
		name := v.Account
		if name == "" {
			name = v.Filter.Account
		}
		add("Account", name, "account")
	}
	return chips
}

func (v InvitationsView) filterCount() string {
	if n := len(v.chips()); n > 0 {
		return ui.Number(n)
	}
	return ""
}

func (v InvitationsView) narrowed() bool { return len(InvitationValues(v.Filter)) > 0 }

func (v InvitationsView) pager() ui.PagerProps {
	at := func(cursor string) string {
		if cursor == "" {
			return ""
		}
		q := InvitationValues(v.Filter)
		q.Set("page", cursor)
		return v.link(InvitationsPath, q)
	}
	n := int64(len(v.List.Rows))
	p := ui.PagerProps{Section: InvitationsListID, Previous: at(v.List.Prev), Next: at(v.List.Next), Hidden: v.List.Prev == "" && v.List.Next == ""}
	p.Text = ui.Count(n, "invitation", "invitations") + ", newest first"
	if n != v.List.Total {
		p.Text = ui.Number(n) + " of " + ui.Count(v.List.Total, "invitation", "invitations") + ", newest first"
	}
	if v.List.Prev != "" {
		p.First = v.link(InvitationsPath, InvitationValues(v.Filter))
	}
	return p
}

// bulkTotal offers the selection of all that match, where not all are on the page.
func (v InvitationsView) bulkTotal() string {
	if int64(len(v.List.Rows)) == v.List.Total {
		return ""
	}
	return ui.Number(v.List.Total)
}

func (v InvitationsView) bulkQuery() string {
	if q := InvitationValues(v.Filter).Encode(); q != "" {
		return q
	}
	return "all"
}

// mailState is the glyph and the words of an invitation's mail.
func mailState(r backoffice.InvitationRow) (kind, word string) {
	switch {
	case r.Copied:
		return "idle", "Link copied"
	case r.Mail == backoffice.MailQueued && r.Reason != "":
		return "wait", "Retrying"
	case r.Mail == backoffice.MailQueued:
		return "wait", "Queued"
	case r.Mail == backoffice.MailFailed:
		return "bad", "Failed"
	case r.Mail == backoffice.MailDropped:
		return "idle", "Not sent"
	}
	return "good", "Sent"
}

// mailWhy says more of the state, "" where there is no more to say.
func mailWhy(r backoffice.InvitationRow) string {
	if r.Copied || r.Reason == "" {
		return ""
	}
	why := strings.ToUpper(r.Reason[:1]) + r.Reason[1:]
	if !strings.HasSuffix(why, ".") {
		why += "."
	}
	return why
}

// InvitationsAct is what is to be done with several invitations: what was
// selected, and after it was done what became of each.
type InvitationsAct struct {
	Page     Page
	Revoke   bool
	IDs      []string
	All      string // the view, when all that it finds were selected
	Expected string
	Count    int64
	Names    []string // addresses, the first of them
	Changed  bool
	Done     int64
	Results  []BulkLine // of each that was selected, once it was done; Why of those refused
	Back     string     // address of the list
}

func (a InvitationsAct) title() string {
	if a.Revoke {
		return "Revoke " + ui.Count(a.Count, "invitation", "invitations")
	}
	return "Resend " + ui.Count(a.Count, "invitation", "invitations")
}

func (a InvitationsAct) action() string {
	if a.Revoke {
		return a.Page.Link(InvitationsPath + "/revocation")
	}
	return a.Page.Link(InvitationsPath + "/resending")
}

func (a InvitationsAct) done() string {
	if a.Revoke {
		return ui.Count(a.Done, "invitation was", "invitations were") + " revoked."
	}
	return ui.Count(a.Done, "invitation was", "invitations were") + " sent again."
}

func either(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}
