package handlers

import (
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"steward/auth"
	"steward/views"
	"steward/views/ui"
)

// Limits of what a network may ask of the OpenID provider. A company comes from one
// address with all of its people, and an application's server with all of its
// users: only what is kept for a while is counted, and what is refused.
const (
	requestBurst, requestRate = 300, 2 // sign-ins that applications begin; per second
	refusalBurst, refusalRate = 300, 5 // machines that are refused
	manyNetworks              = 10_000
)

// buckets count by network, in this process: what they keep away is load, never a
// guess that could be right.
type buckets struct {
	mu    sync.Mutex
	rate  rate.Limit
	burst int
	by    map[string]*rate.Limiter
}

func newBuckets(perSecond, burst int) *buckets {
	return &buckets{rate: rate.Limit(perSecond), burst: burst, by: map[string]*rate.Limiter{}}
}

func (b *buckets) of(network string, now time.Time) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.by[network]
	if !ok {
		if len(b.by) >= manyNetworks {
			b.evict(now)
		}
		l = rate.NewLimiter(b.rate, b.burst)
		b.by[network] = l
	}
	return l
}

// evict forgets one of those that have taken the least, of as many as are looked at
// each time: whoever has taken much is still counted however many others come.
func (b *buckets) evict(now time.Time) {
	const looked = 64
	fullest, most, n := "", math.Inf(-1), 0
	for name, l := range b.by { // begins anywhere
		if tokens := l.TokensAt(now); tokens > most {
			fullest, most = name, tokens
		}
		if n++; n == looked || most >= float64(b.burst) {
			break
		}
	}
	delete(b.by, fullest)
}

// wait is how long a network has to wait, 0 for not at all.
func (b *buckets) wait(network string, now time.Time) time.Duration {
	missing := 1 - b.of(network, now).TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(math.Ceil(missing/float64(b.rate))) * time.Second
}

func (b *buckets) take(network string, now time.Time) { b.of(network, now).AllowN(now, 1) }

// tooManyRequests refuses a sign-in that an application wants to begin, for a while.
func (s *server) tooManyRequests(c *call, wait time.Duration) error {
	c.Response().Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
	return c.gatePage(http.StatusTooManyRequests, views.ErrorPage(s.gate(c, "Too many sign-ins at once"), "Too many sign-ins at once",
		"More people than usual sign in from your network just now. Go back to the application, and begin again in a moment.", nil,
		ui.ButtonProps{Label: "Go to the portal", Href: s.link("/portal")}, ""))
}

// around is what a site gets of IPv6, which can make networks without end within
// it: 48 bits. Of IPv4 it is the network itself.
func around(network string) string {
	p, err := netip.ParsePrefix(network)
	if err != nil {
		return network
	}
	if p, err = p.Addr().Prefix(48); err != nil {
		return network
	}
	return p.String()
}

// network is what a request is counted by.
func (c *call) network() string { return auth.Network(c.RealIP()) }
