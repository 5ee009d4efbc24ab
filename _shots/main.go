package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"steward/backoffice"
	"steward/handlers"
	"steward/store"
)

func main() {
	db := flag.String("db", "/tmp/list.db", "")
	role := flag.String("role", "owner", "")
	env := flag.String("env", "Production", "")
	flag.Parse()
	ctx := context.Background()
	s, err := store.Open(ctx, *db, store.Options{})
	if err != nil {
		panic(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	public, _ := url.Parse("http://" + ln.Addr().String())
	h, err := handlers.New(handlers.Options{Store: s, PublicURL: public, Environment: *env, Production: *env == "Production", Dev: true, As: func(*http.Request) (backoffice.Actor, bool) {
		return backoffice.Actor{Kind: backoffice.ActorStaff, Key: 1, ID: "staff-ada", Name: "Ada Weber", Email: "ada@kontor.example", Role: backoffice.StaffRole(*role)}, true
	}})
	if err != nil {
		panic(err)
	}
	go http.Serve(ln, h)
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.Flag("hide-scrollbars", true))
	actx, cancel := chromedp.NewExecAllocator(ctx, opts...)
	defer cancel()
	bctx, cancel2 := chromedp.NewContext(actx, chromedp.WithErrorf(func(f string, a ...any) {
		if m := fmt.Sprintf(f, a...); !strings.Contains(m, "unmarshal") {
			fmt.Println("chrome:", m)
		}
	}))
	defer cancel2()
	// args: name|width|theme|path|action;action
	for _, spec := range flag.Args() {
		p := strings.SplitN(spec, "|", 5)
		w, _ := strconv.Atoi(p[1])
		height := 900
		if w == 1920 {
			height = 1080
		}
		full := false
		acts := []chromedp.Action{
			chromedp.EmulateViewport(int64(w), int64(height)),
			network.SetCookie("theme", p[2]).WithURL(public.String()),
			chromedp.Navigate(public.String() + p[3]),
			chromedp.Sleep(250 * time.Millisecond),
		}
		if len(p) > 4 {
			for _, a := range strings.Split(p[4], ";;") {
				switch {
				case a == "full":
					full = true
				case strings.HasPrefix(a, "click:"):
					acts = append(acts, chromedp.Click(a[6:], chromedp.ByQuery), chromedp.Sleep(400*time.Millisecond))
				case strings.HasPrefix(a, "type:"):
					sel, text, _ := strings.Cut(a[5:], "=>")
					acts = append(acts, chromedp.SendKeys(sel, text, chromedp.ByQuery), chromedp.Sleep(600*time.Millisecond))
				case strings.HasPrefix(a, "js:"):
					var out any
					acts = append(acts, chromedp.Evaluate(a[3:], &out), chromedp.Sleep(300*time.Millisecond))
				case strings.HasPrefix(a, "print:"):
					expr := a[6:]
					acts = append(acts, chromedp.ActionFunc(func(ctx context.Context) error {
						var out any
						err := chromedp.Evaluate(expr, &out).Do(ctx)
						fmt.Println(spec[:20], "=>", out)
						return err
					}))
				}
			}
		}
		var png []byte
		if full {
			acts = append(acts, chromedp.FullScreenshot(&png, 100))
		} else {
			acts = append(acts, chromedp.CaptureScreenshot(&png))
		}
		tctx, cancel := context.WithTimeout(bctx, 20*time.Second)
		if err := chromedp.Run(tctx, acts...); err != nil {
			fmt.Println(spec, err)
		}
		_ = cancel
		os.WriteFile("/tmp/shots/"+p[0]+".png", png, 0o644)
	}
}
