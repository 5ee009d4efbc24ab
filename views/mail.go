package views

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"

	"steward/backoffice"
	"steward/views/ui"
)

// letter is what a mail says, in the order in which it is read. Texts that
// somebody else wrote are inert by the time they stand here.
type letter struct {
	subject string
	title   string
	lines   []string // paragraphs after the title
	quote   []string // lines of what somebody wrote to the reader
	by      string   // who
	button  string   // words on the link
	link    string
	code    string
	notes   []string // small, at the end
	foot    string
}

// mailWidth is the longest line of a plain text, links aside.
const mailWidth = 72

// WriteLetter makes the letter of a mail. Its links begin with the public URL,
// whatever address anybody used to ask for it (security.md, T-24).
func WriteLetter(m backoffice.Mail, publicURL string) (backoffice.Letter, error) {
	link := func(path, token string) string {
		return strings.TrimSuffix(publicURL, "/") + path + "?token=" + url.QueryEscape(token)
	}
	out := backoffice.Letter{ID: m.ID, At: m.CreatedAt, To: m.To, FromName: backoffice.MailLine(m.Account, 60)}
	if out.FromName == "" {
		out.FromName = "Steward"
	}
	var l letter
	switch m.Kind {
	case backoffice.MailInvitation:
		l = invitationLetter(m, link("/invitation", m.Token))
	case backoffice.MailInvitationCode:
		l = invitationCodeLetter(m)
	case backoffice.MailSignIn:
		l = linkLetter(m, "Sign in", "Somebody asked for a link to sign in as "+m.To+".", link("/sign-in/link", m.Token))
	case backoffice.MailReset:
		l = linkLetter(m, "Set a new password", "Somebody asked to set a new password for "+m.To+". When it is set, all sessions end.", link("/sign-in/reset", m.Token))
	case backoffice.MailFactor:
		l = factorLetter(m)
	case backoffice.MailVerify, backoffice.MailKnown, backoffice.MailChange, backoffice.MailChangeAsked, backoffice.MailChanged:
		l = addressLetter(m, publicURL)
	default:
		return out, errors.New("nobody has written the words of this kind of mail")
	}
	var html bytes.Buffer
	if err := letterHTML(l).Render(context.Background(), &html); err != nil {
		return out, err
	}
	out.Subject, out.Text, out.HTML = l.subject, l.text(), html.String()
	return out, nil
}

// foreign makes a name fit for a mail: one line that leads nowhere.
func foreign(name string) string { return backoffice.Inert(backoffice.MailLine(name, 120)) }

func invitationLetter(m backoffice.Mail, link string) letter {
	account := foreign(m.Account)
	l := letter{
		subject: backoffice.MailLine("Invitation to "+m.Account, 150),
		title:   "You are invited to " + account,
		button:  "Open the invitation",
		link:    link,
		by:      foreign(m.By),
		foot:    "Sent for " + account + " by Steward.",
	}
	who := "You are asked to join " + account + "."
	if l.by != "" {
		who = l.by + " asks you to join " + account + "."
	}
	if len(m.Roles) > 0 {
		roles := make([]string, len(m.Roles))
		for i, r := range m.Roles {
			roles[i] = foreign(r)
		}
		word := "role"
		if len(roles) > 1 {
			word = "roles"
		}
		who += " Your " + word + " there: " + strings.Join(roles, ", ") + "."
	}
	l.lines = []string{who}
	if m.Message != "" {
		for _, line := range strings.Split(m.Message, "\n") {
			l.quote = append(l.quote, backoffice.Inert(backoffice.MailLine(line, backoffice.MaxMessage)))
		}
	}
	l.notes = []string{
		"The link works once, until " + ui.DateTime(m.ExpiresAt) + ", and for " + m.To + " alone.",
		"You did not expect this? Then do nothing: without you nothing happens.",
	}
	return l
}

func invitationCodeLetter(m backoffice.Mail) letter {
	account := foreign(m.Account)
	return letter{
		subject: "Code for your invitation",
		title:   "Your code for " + account,
		lines:   []string{"Enter this code on the page of the invitation:"},
		code:    m.Code,
		notes: []string{
			"It can be used until " + ui.DateTime(m.ExpiresAt) + ".",
			"You did not ask for it? Then give it to nobody: it proves that this mailbox is yours.",
		},
		foot: "Sent for " + account + " by Steward.",
	}
}

// linkLetter carries a link that its reader asked for.
func linkLetter(m backoffice.Mail, title, line, link string) letter {
	return letter{
		subject: title,
		title:   title,
		lines:   []string{line},
		button:  title,
		link:    link,
		notes: []string{
			"The link works once, until " + ui.DateTime(m.ExpiresAt) + ".",
			"It was not you? Then do nothing: without the link nothing happens.",
		},
		foot: "Sent by Steward.",
	}
}

// addressLetter is what is mailed to an address for its own sake: it says nothing
// of the accounts of who has it.
func addressLetter(m backoffice.Mail, publicURL string) letter {
	base := strings.TrimSuffix(publicURL, "/")
	link := func(path string) string { return base + path + "?token=" + url.QueryEscape(m.Token) }
	until := "The link works once, until " + ui.DateTime(m.ExpiresAt) + "."
	l := letter{foot: "Sent by Steward."}
	switch m.Kind {
	case backoffice.MailVerify:
		l.subject, l.title = "Prove your address", "Prove your address"
		l.lines = []string{"Somebody signed up with this address. If it was you, open the link and enter the password that you chose."}
		l.button, l.link = "Prove the address", link("/sign-up/verify")
		l.notes = []string{until, "It was not you? Then do nothing: without the link and the password together nobody gets in."}
	case backoffice.MailKnown:
		l.subject, l.title = "You are a user already", "You are a user already"
		l.lines = []string{"Somebody typed this address to sign up, or to make it theirs. It is yours already, so nothing was made and nothing was changed.",
			"If it was you, sign in. Without a password, or without knowing it any more, ask for a link on the sign-in page."}
		l.button, l.link = "Sign in", base+"/sign-in"
		l.notes = []string{"It was not you? Then do nothing."}
	case backoffice.MailChange:
		l.subject, l.title = "Confirm your new address", "Confirm your new address"
		l.lines = []string{"You asked to sign in with " + m.To + " from now on. Open the link in the browser in which you asked, or sign in there with the address you had."}
		l.button, l.link = "Confirm the address", link("/profile/address/confirm")
		l.notes = []string{until, "You did not ask for it? Then do nothing: nobody gets this address without the link."}
	case backoffice.MailChangeAsked:
		l.subject, l.title = "Your address is about to change", "Your address is about to change"
		l.lines = []string{"Somebody who knows your password asked to change your address to " + foreign(m.Address) + ". It changes once the link that was mailed there is opened."}
		l.notes = []string{"It was not you? Sign in and change your password at once: the link is dead then, and every other session ends."}
		l.button, l.link = "Sign in", base+"/sign-in"
	case backoffice.MailChanged:
		l.subject, l.title = "Your address was changed", "Your address was changed"
		l.lines = []string{"You sign in with " + foreign(m.Address) + " from now on, and with this address no more."}
		if m.Token == "" {
			l.notes = []string{"It was not you? Tell who manages your account at once; they reach the people who run this Steward."}
			break
		}
		l.lines = append(l.lines, "It was you? Then do nothing. If it was not, take the address back: every session ends, and you set a new password by a link that is mailed here.")
		l.button, l.link = "Take the address back", link("/sign-in/address")
		l.notes = []string{until, "Tell who manages your account too, if it was not you: whoever changed the address knew your password."}
	}
	return l
}

// text is the letter for a plain reader: short lines, the link on one of its own.
func (l letter) text() string {
	var b strings.Builder
	paragraph := func(indent, s string) {
		b.WriteString(wrap(s, mailWidth, indent) + "\n")
	}
	paragraph("", l.title)
	b.WriteString(strings.Repeat("=", min(mailWidth, utf8.RuneCountInString(l.title))) + "\n\n")
	for _, line := range l.lines {
		paragraph("", line)
		b.WriteString("\n")
	}
	if len(l.quote) > 0 {
		if l.by != "" {
			paragraph("", l.by+" writes:")
		}
		for _, line := range l.quote {
			paragraph("> ", line)
		}
		b.WriteString("\n")
	}
	if l.code != "" {
		b.WriteString("    " + l.code + "\n\n")
	}
	if l.link != "" {
		b.WriteString(l.button + ":\n\n" + l.link + "\n\n")
	}
	for _, note := range l.notes {
		paragraph("", note)
		b.WriteString("\n")
	}
	b.WriteString("-- \n")
	paragraph("", l.foot)
	return b.String()
}

// wrap breaks a paragraph between words, each line behind the indent. A word that
// is longer than a line stays whole.
func wrap(s string, width int, indent string) string {
	var b strings.Builder
	b.WriteString(indent)
	room := width - len(indent)
	at := 0
	for i, word := range strings.Fields(s) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > room:
			b.WriteString("\n" + indent)
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return strings.TrimRight(b.String(), " ")
}

// LetterLink is the link that a letter is about, "" for none.
func LetterLink(l backoffice.Letter) string {
	for _, line := range strings.Split(l.Text, "\n") {
		if strings.HasPrefix(line, "http") && strings.Contains(line, "?token=") {
			return line
		}
	}
	return ""
}

// LetterPolicy is the content policy under which the HTML of a letter is shown:
// its own sheet, and nothing else.
var LetterPolicy = func() string {
	sum := sha256.Sum256([]byte(mailStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()
