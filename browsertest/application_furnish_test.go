package browsertest

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"testing"

	"steward/backoffice"
)

// furnishApplications makes applications of each kind and path, and assigns some
// of them to an account. It returns their IDs by name.
func furnishApplications(t *testing.T, w *site, account string) map[string]string {
	t.Helper()
	cli := backoffice.CommandLine()
	ids := map[string]string{}
	for _, a := range []backoffice.Application{
		{Name: "Ledger", Kind: backoffice.WebApplication, URL: "https://ledger.example", Description: "Invoices, dunning and the books", Active: true, Default: true},
		{Name: "Field Notes", Kind: backoffice.NativeApplication, URL: "https://notes.example", Description: "Reports from the road, with pictures", Active: true, AutoAssigned: true},
		{Name: "Lagerverwaltung und Kommissionierung für Außenstellen", Kind: backoffice.SinglePage, URL: "https://lager.example", Active: true},
		{Name: "物流ダッシュボード", Kind: backoffice.WebApplication, Active: false},
		{Name: "Night Agent", Kind: backoffice.Agent, Description: "Closes what was left open", Active: true},
	} {
		if a.Kind != backoffice.Agent {
			a.RedirectURIs = []string{"https://app.example/callback"}
		}
		made, err := w.store.CreateApplication(ctx, cli, a, []byte("0123456789abcdef0123456789abcdef"))
		if err != nil {
			t.Fatal(err)
		}
		ids[a.Name] = made.ID
	}
	if err := w.store.SaveApplicationLogo(ctx, cli, ids["Ledger"], logoOf(color.NRGBA{0x1b, 0x4f, 0x9c, 0xff}), "ledger"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.AssignApplications(ctx, cli, account, []string{ids["Lagerverwaltung und Kommissionierung für Außenstellen"], ids["物流ダッシュボード"]}, true); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.AssignApplications(ctx, cli, account, []string{ids["Night Agent"]}, false); err != nil {
		t.Fatal(err)
	}
	return ids
}

// logoOf is a picture with a disc on white.
func logoOf(of color.NRGBA) []byte {
	const side = 96
	img := image.NewNRGBA(image.Rect(0, 0, side, side))
	draw.Draw(img, img.Bounds(), image.White, image.Point{}, draw.Src)
	for x := range side {
		for y := range side {
			if dx, dy := x-side/2, y-side/2; dx*dx+dy*dy < 40*40 && dx*dx+dy*dy > 18*18 {
				img.SetNRGBA(x, y, of)
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// furnishAssignments makes further applications, some of which the account has, by
// every path but the default, and returns the IDs of one that all of its users have, and of
// one that they have one by one.
func furnishAssignments(t *testing.T, w *site, account, user string) (all, hand string) {
	t.Helper()
	cli := backoffice.CommandLine()
	ids := map[string]string{}
	for _, a := range []backoffice.Application{
		{Name: "Kontor Planner", Kind: backoffice.WebApplication, Active: true, AutoAssigned: true, URL: "https://planner.kontor.example", Description: "Plans shifts, machines and deliveries",
			RedirectURIs: []string{"https://planner.kontor.example/auth/callback", "http://localhost:5173/auth/callback"}, LogoutURIs: []string{"https://planner.kontor.example/"}},
		{Name: "Kontor Books", Kind: backoffice.WebApplication, Active: true, RedirectURIs: []string{"https://books.kontor.example/callback"}},
		{Name: "Kontor Floor", Kind: backoffice.NativeApplication, Active: true, RedirectURIs: []string{"http://127.0.0.1/callback", "com.kontor.floor:/callback"}},
		{Name: "Reorder agent", Kind: backoffice.Agent, Active: true},
		{Name: "Supplier portal", Kind: backoffice.SinglePage, RedirectURIs: []string{"https://suppliers.kontor.example/"}},
		{Name: "Price watch", Kind: backoffice.Agent, Active: true},
		{Name: "Customs declaration assistant for the European Economic Area", Kind: backoffice.Agent},
		{Name: "在庫管理", Kind: backoffice.WebApplication, Active: true, RedirectURIs: []string{"https://zaiko.kontor.example/callback"}},
		{Name: "Kontor Archive", Kind: backoffice.WebApplication, RedirectURIs: []string{"https://archive.kontor.example/callback"}},
	} {
		made, err := w.store.CreateApplication(ctx, cli, a, []byte("0123456789abcdef0123456789abcdef"))
		if err != nil {
			t.Fatal(err)
		}
		ids[a.Name] = made.ID
	}
	if err := w.store.MakeApplicationSecret(ctx, cli, ids["Kontor Planner"], []byte("fedcba9876543210fedcba9876543210")); err != nil {
		t.Fatal(err)
	}
	for name, auto := range map[string]bool{"Kontor Floor": true, "Reorder agent": false, "Supplier portal": false} {
		if _, err := w.store.AssignApplications(ctx, cli, account, []string{ids[name]}, auto); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.store.GiveApplication(ctx, cli, account, ids["Reorder agent"], user); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.DeleteApplication(ctx, cli, ids["Kontor Archive"]); err != nil {
		t.Fatal(err)
	}
	return ids["Kontor Planner"], ids["Reorder agent"]
}
