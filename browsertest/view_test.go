package browsertest

import "testing"

// A view is saved by name from the list, is a tab from then on, and goes with an
// undo.
func TestSavedViewJourney(t *testing.T) {
	w := newSite(t, nil)
	w.staffed()
	p := w.tab(t, tabOptions{})
	p.signIn("ada.weber@kontor.example", passphrase)
	p.wait(`location.pathname === "/backoffice/accounts"`)
	p.open("/backoffice/accounts?dormant=90d")
	p.click("#accounts-tabs .tab-act")
	p.wait(`document.querySelector("dialog[open] #view-name")`)
	p.accessible("save a view")
	p.fill("#view-name", "Gone quiet")
	p.click("dialog[open] footer button[type=submit]")
	p.wait(`document.querySelector("#accounts-tabs [aria-current]")?.textContent.includes("Gone quiet")`)
	p.wait(`document.querySelector("#toasts").textContent.includes("saved")`)
	p.click("#accounts-tabs [popovertarget=view-menu]")
	p.click("#view-menu form button")
	p.wait(`document.querySelector("#toasts").textContent.includes("deleted")`)
	p.wait(`!document.querySelector("#accounts-tabs").textContent.includes("Gone quiet")`)
	p.click("#toasts form button")
	p.wait(`document.querySelector("#accounts-tabs [aria-current]")?.textContent.includes("Gone quiet")`)

	// The page of users has its own, which the dialog leads back to.
	p.open("/backoffice/users?verified=no")
	p.click("#users-tabs .tab-act")
	p.wait(`document.querySelector("dialog[open] #view-name")`)
	p.fill("#view-name", "Unproved")
	p.click("dialog[open] footer button[type=submit]")
	p.wait(`document.querySelector("#users-tabs [aria-current]")?.textContent.includes("Unproved")`)
	p.wait(`location.pathname === "/backoffice/users" && location.search === "?verified=no"`)
	p.accessible("a saved view of users")
}
