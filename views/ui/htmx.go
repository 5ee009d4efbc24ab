package ui

import "github.com/a-h/templ"

// InDialog makes a link open what it leads to in the page's dialog: the answer
// is a Dialog with Open set. Without script the link leads to a page of its own.
func InDialog(href string) templ.Attributes {
	return templ.Attributes{"hx-get": href, "hx-target": "#dialog", "hx-swap": "innerHTML"}
}

// InSection makes a link replace the section with that id, and the address
// follows: for sorting, paging, segments.
func InSection(href, id string) templ.Attributes {
	return templ.Attributes{"hx-get": href, "hx-target": "#" + id, "hx-push-url": "true"} // swapped as a whole, which is the default
}

// PostsSection makes a form replace the section with that id by the answer,
// whether it was saved or refused.
func PostsSection(action, id string) templ.Attributes {
	return templ.Attributes{"hx-post": action, "hx-target": "#" + id, "hx-swap": "outerHTML", "hx-disable": "find button[type=submit]"}
}

// PostsDialog makes the form of a dialog replace the section with that id when
// it was saved, and the dialog itself when it was refused (422, 409). The
// answer to a saved form carries HX-Trigger: close-dialog.
func PostsDialog(action, id string) templ.Attributes {
	return templ.Attributes{"hx-post": action, "hx-target": "#" + id, "hx-swap": "outerHTML", "hx-disable": "find button[type=submit]",
		"hx-status:422": "target:#dialog swap:innerHTML", "hx-status:409": "target:#dialog swap:innerHTML"}
}
