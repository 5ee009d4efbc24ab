package backoffice

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Demo makes a believable set of customers. The same seed, number and instant
// give the same set; every account comes after those it refers to.
type Demo struct {
	accounts int
	at       time.Time
	seed     uint64

	made    int
	first   time.Time // creation of the first account
	weights int
	coined  demoWalk
	places  []demoCourse
	sellers []demoSeller // accounts that may have sub-accounts
	big     int          // index in sellers of the one with thousands, -1: none yet
	bigWant int
}

// DemoAccount is an account of the demo data with all that belongs to it.
type DemoAccount struct {
	Account
	Parent int // index of the parent in the order of making, -1 at the top
	// ParentAdmin says that the parent's first user is a member here, too.
	ParentAdmin bool
	Users       []DemoUser
	Visits      []DemoVisit // by day, then by user
}

// DemoUser is a user of the demo data with the one membership.
type DemoUser struct {
	User
	Status    MembershipStatus
	Disabled  bool
	Admin     bool // has the role Admin
	ReadOnly  bool // has the role Read only
	Visits    int64
	LastVisit int64 // microseconds; midnight exactly when only the day is known; 0 never
}

// DemoVisit is a visit of Users[User].
type DemoVisit struct {
	Day  Day
	User int32
}

// demoYears is how far back the first account was created.
const demoYears = 5

// demoVisitDays is how far back visits reach.
const demoVisitDays = 365

type demoSeller struct{ index, level int32 }

// demoCourse counts through the names of a place.
type demoCourse struct {
	demoPlace
	single, double demoWalk
}

// demoWalk visits the numbers below n, each once a round, in an order that
// looks like chance.
type demoWalk struct{ n, step, at, round int }

func newDemoWalk(n int, seed uint64) demoWalk {
	w := demoWalk{n: n, step: n*618/1000 | 1, at: int(seed % uint64(n))}
	for gcd(w.step, n) != 1 {
		w.step += 2
	}
	return w
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// next returns a number and how many times it was returned before.
func (w *demoWalk) next(i int) (int, int) {
	return (w.at + i%w.n*w.step) % w.n, i / w.n
}

func (w *demoWalk) take() (int, int) {
	n, round := w.next(w.round)
	w.round++
	return n, round
}

// NewDemo returns a set of that many accounts, the newest created shortly
// before at.
func NewDemo(accounts int, seed uint64, at time.Time) *Demo {
	d := &Demo{accounts: accounts, at: at.UTC().Truncate(time.Second), seed: seed, big: -1}
	d.first = d.at.AddDate(-demoYears, 0, 0)
	d.coined = newDemoWalk(len(demoStarts)*len(demoMiddle)*len(demoEnds)*len(demoTrades), seed)
	for _, p := range demoPlaces {
		d.weights += p.weight
		c := demoCourse{demoPlace: p}
		c.single = newDemoWalk(len(p.heads)*len(p.trades), seed)
		c.double = newDemoWalk(len(p.heads)*(len(p.heads)-1)*len(p.trades), seed)
		d.places = append(d.places, c)
	}
	if accounts >= 20_000 {
		d.bigWant = min(accounts/40, 5_000)
	}
	return d
}

// Next returns the next account; ok is false when all were made.
func (d *Demo) Next() (a DemoAccount, ok bool) {
	if d.made >= d.accounts {
		return a, false
	}
	i := d.made
	d.made++
	h := fnv.New64a()
	fmt.Fprintf(h, "%d/%d", d.seed, i)
	r := demoChance{rand.New(rand.NewPCG(d.seed, h.Sum64()))}

	a.Parent = -1
	a.Version, a.MetadataVersion, a.Metadata = 1, 1, "{}"
	a.CreatedAt = d.created(i, r)
	place := d.place(r)
	domain, slug := d.name(&a, place, r)
	d.hang(&a, i, r)
	a.ID = demoID(i, slug, r)
	d.details(&a, place, domain, r)
	d.users(&a, place, domain, i, r)
	d.visits(&a, r)
	return a, true
}

// demoChance draws.
type demoChance struct{ *rand.Rand }

func (r demoChance) of(p float64) bool { return r.Float64() < p }

func pick[T any](r demoChance, list []T) T { return list[r.IntN(len(list))] }

// created places an account in the five years, ever more as time goes by,
// mostly on working days and in the hours of its part of the world.
func (d *Demo) created(i int, r demoChance) time.Time {
	u := math.Pow((float64(i)+r.Float64())/float64(d.accounts), 1/1.8)
	t := d.first.Add(time.Duration(u * float64(d.at.Sub(d.first)))).Truncate(24 * time.Hour)
	if w := t.Weekday(); (w == time.Saturday || w == time.Sunday) && r.of(0.75) {
		t = t.AddDate(0, 0, -1-r.IntN(3))
	}
	t = t.Add(time.Duration(6*3600+r.IntN(13*3600)) * time.Second)
	if !t.Before(d.at) {
		t = d.at.Add(-time.Duration(1+r.IntN(20*3600)) * time.Second)
	}
	if t.Before(d.first) {
		t = d.first.Add(time.Duration(r.IntN(8*3600)) * time.Second)
	}
	return t
}

func (d *Demo) place(r demoChance) *demoCourse {
	n := r.IntN(d.weights)
	for i := range d.places {
		if n -= d.places[i].weight; n < 0 {
			return &d.places[i]
		}
	}
	panic("unreachable")
}

// name gives the account a name; domain is its own, below the reserved example.
func (d *Demo) name(a *DemoAccount, p *demoCourse, r demoChance) (domain, slug string) {
	if p.latin && r.of(0.42) {
		n, round := d.coined.take()
		trade := demoTrades[n%len(demoTrades)]
		n /= len(demoTrades)
		end := demoEnds[n%len(demoEnds)]
		n /= len(demoEnds)
		stem := demoStarts[n/len(demoMiddle)] + demoMiddle[n%len(demoMiddle)] + end
		a.Name, slug = stem+" "+trade, strings.ToLower(stem+"-"+trade)
		if r.of(0.35) {
			a.Name += " " + pick(r, p.forms)
		}
		if round > 0 {
			slug += "-" + strconv.Itoa(round+1)
		}
		return slug + ".example", slug
	}
	pattern, head, other, trade, round := p.demoPlace.single, demoWord{}, demoWord{}, demoWord{}, 0
	if p.single.round < p.single.n {
		n, _ := p.single.take()
		trade, head = p.trades[n%len(p.trades)], p.heads[n/len(p.trades)]
		slug = head.latin + "-" + trade.latin
	} else {
		var n int
		n, round = p.double.take()
		trade = p.trades[n%len(p.trades)]
		n /= len(p.trades)
		i, j := n/(len(p.heads)-1), n%(len(p.heads)-1)
		if j >= i {
			j++
		}
		pattern, head, other = p.demoPlace.double, p.heads[i], p.heads[j]
		slug = other.latin + "-" + head.latin + "-" + trade.latin
	}
	a.Name = strings.NewReplacer("{a}", other.text, "{b}", head.text, "{t}", trade.text, "{f}", pick(r, p.forms)).Replace(pattern)
	if round > 0 {
		slug += "-" + strconv.Itoa(round+1)
		a.Name += " " + pick(r, p.cities)
	}
	return slug + "." + p.code + ".example", slug + "-" + p.code
}

// hang makes an account a reseller or a sub-account: a tenth are resellers, a
// quarter lie below one, at most four levels deep.
func (d *Demo) hang(a *DemoAccount, i int, r demoChance) {
	level := 1
	if len(d.sellers) > 0 && r.of(0.26) {
		var s int
		switch {
		case d.big >= 0 && r.of(float64(d.bigWant)/(0.24*float64(d.accounts))):
			s = d.big
		case r.of(0.7): // those who resell long have many
			s = int(float64(len(d.sellers)) * math.Pow(r.Float64(), 2))
		default:
			s = r.IntN(len(d.sellers))
		}
		p := d.sellers[s]
		a.Parent, level = int(p.index), int(p.level)+1
		a.ParentAdmin = r.of(0.3)
	}
	if level < 4 && r.of(map[int]float64{1: 0.105, 2: 0.09, 3: 0.06}[level]) || d.bigWant > 0 && d.big < 0 && level == 1 && i > 50 {
		a.IsReseller = true
		if d.bigWant > 0 && d.big < 0 && level == 1 && i > 50 {
			d.big = len(d.sellers)
		}
		d.sellers = append(d.sellers, demoSeller{index: int32(i), level: int32(level)})
	}
}

// demoID is what the vendor's own application calls the account.
func demoID(i int, slug string, r demoChance) string {
	switch n := r.IntN(20); {
	case n < 10:
		return r.uuid(4, 0)
	case n < 16:
		return fmt.Sprintf("acc-%06d", 100_000+i)
	}
	return slug
}

// uuid makes one of the version; 7 begins with the milliseconds.
func (r demoChance) uuid(version byte, ms int64) string {
	const digits = "0123456789abcdef"
	hi, lo := r.Uint64(), r.Uint64()
	if version == 7 {
		hi = uint64(ms)<<16 | hi&0xffff
	}
	hi = hi&^0xf000 | uint64(version)<<12
	lo = lo&^(3<<62) | 2<<62
	var b [36]byte
	for i, at := 0, 0; i < 32; i++ {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			b[at] = '-'
			at++
		}
		v := hi
		if i >= 16 {
			v = lo
		}
		b[at] = digits[v>>(60-4*(i%16))&15]
		at++
	}
	return string(b[:])
}

func (d *Demo) details(a *DemoAccount, p *demoCourse, domain string, r demoChance) {
	if r.of(0.65) {
		a.Website = "https://" + domain
	}
	if r.of(0.5) {
		a.TimeZone, a.Currency = p.zone, p.currency
	}
	if r.of(0.3) {
		a.Address = fmt.Sprintf("%s %d\n%s", pick(r, p.family).text, 1+r.IntN(180), pick(r, p.cities))
	}
	if r.of(0.06) {
		a.StatusText = pick(r, []string{"Renewal in progress", "Pilot", "On hold", "Migrating", "Key account", "Payment overdue"})
	}
	if r.of(0.7) {
		plan := pick(r, []string{"free", "starter", "starter", "business", "business", "enterprise"})
		a.Metadata = fmt.Sprintf(`{"plan":%q,"seats":%d`, plan, 1+r.IntN(40)*r.IntN(12))
		if r.of(0.5) {
			a.Metadata += fmt.Sprintf(`,"crm":{"id":"%015X","owner":%q}`, r.Uint64()>>4, pick(r, demoPlaces[1].given).text)
		}
		if r.of(0.2) {
			a.Metadata += fmt.Sprintf(`,"beta":%t`, r.of(0.5))
		}
		a.Metadata += "}"
	}
}

// users fills the account: most have one to three, a few have thousands.
func (d *Demo) users(a *DemoAccount, p *demoCourse, domain string, i int, r demoChance) {
	n := 0
	switch u := r.Float64(); {
	case u < 0.05:
	case u < 0.46:
		n = 1
	case u < 0.67:
		n = 2
	case u < 0.79:
		n = 3
	case u < 0.92:
		n = 4 + r.IntN(3)
	case u < 0.975:
		n = 7 + r.IntN(8)
	case u < 0.997:
		n = 15 + r.IntN(25)
	case u < 0.99985:
		n = 40 + r.IntN(110)
	default:
		n = 150 + int(3000*math.Pow(r.Float64(), 3))
	}
	if n == 0 {
		return
	}
	walk := newDemoWalk(len(p.given)*len(p.family), r.Uint64())
	personal := r.of(0.22)
	since := d.at.Sub(a.CreatedAt)
	a.Users = make([]DemoUser, n)
	for j := range a.Users {
		u := &a.Users[j]
		k, round := walk.next(j)
		given, family := p.given[k%len(p.given)], p.family[k/len(p.given)]
		u.Name = given.text + " " + family.text
		if p.familyFirst {
			u.Name = family.text + " " + given.text
		}
		local := given.latin + "." + family.latin
		if round > 0 {
			local += strconv.Itoa(round + 1)
		}
		u.Email = local + "@" + domain
		if personal || j > 0 && r.of(0.04) {
			u.Email = fmt.Sprintf("%s.demo%d-%d@%s", local, i+1, j+1, pick(r, p.mail))
		}
		u.CreatedAt = a.CreatedAt
		if j > 0 {
			u.CreatedAt = a.CreatedAt.Add(time.Duration(math.Pow(r.Float64(), 2) * float64(since))).Truncate(time.Second)
		}
		u.ID = r.uuid(7, a.CreatedAt.UnixMilli()+int64(j))
		u.Verified = r.of(0.8)
		u.Locked = r.of(0.003)
		u.Disabled = r.of(0.005)
		u.Status = PendingLogin
		switch {
		case j == 0 || r.of(0.12):
			u.Admin = true
			u.ReadOnly = j > 0 && r.of(0.2)
		default:
			u.ReadOnly = true
		}
	}
	if r.of(0.97) {
		first := a.Users[0]
		a.PrimaryUserID, a.PrimaryEmail, a.PrimaryName = first.ID, first.Email, first.Name
		_, host, _ := strings.Cut(first.Email, "@")
		a.CompanyDomain = IsCompanyDomain(host)
	}
}

// demoSeason damps the weeks in which offices are empty.
func demoSeason(day Day) float64 {
	switch _, month, of := day.Start().Date(); {
	case month == time.December && of > 21:
		return 0.35
	case month == time.August:
		return 0.75
	}
	return 1
}

// demoWeek is how lively the days are, from Sunday on.
var demoWeek = [7]float64{0.08, 0.95, 1, 0.98, 0.94, 0.8, 0.11}

// visits has the users of an account come for a year, or until they stay away.
func (d *Demo) visits(a *DemoAccount, r demoChance) {
	today := DayOf(d.at)
	begin, end := max(DayOf(a.CreatedAt), today-demoVisitDays+1), today
	grow := 0.0 // how much livelier the end is than the beginning
	switch u := r.Float64(); {
	case u < 0.06:
		return // never took it up
	case u < 0.15: // tried it
		end = min(end, DayOf(a.CreatedAt)+Day(r.IntN(12)))
	case u < 0.34: // went away
		from := DayOf(a.CreatedAt)
		end = min(end, from+Day(float64(today-from)*math.Sqrt(r.Float64())))
	case u < 0.55:
		grow = 0.8
	case u < 0.65:
		grow = -0.7
	}
	if end < begin {
		return
	}
	for j := range a.Users {
		u := &a.Users[j]
		p := 0.012 + 0.022*r.Float64()
		switch v := r.Float64(); {
		case v < 0.12:
			continue // never came
		case v < 0.17:
			p = 0.4 + 0.5*r.Float64()
		case v < 0.30:
			p = 0.08 + 0.2*r.Float64()
		case v < 0.55:
			p = 0.03 + 0.05*r.Float64()
		}
		rate := math.Log1p(-p)
		day := max(begin, DayOf(u.CreatedAt)) - 1
		for {
			day += 1 + Day(math.Log1p(-r.Float64())/rate)
			if day > end {
				break
			}
			keep := demoWeek[(int(day)+4)%7] * demoSeason(day)
			if x := float64(day-today+demoVisitDays) / demoVisitDays; grow > 0 {
				keep *= 1 - grow*(1-x)
			} else {
				keep *= 1 + grow*x
			}
			if day == today {
				keep *= d.at.Sub(day.Start()).Hours() / 24
			}
			if !r.of(keep) {
				continue
			}
			a.Visits = append(a.Visits, DemoVisit{Day: day, User: int32(j)})
			u.Visits++
			u.LastVisit = day.Start().UnixMicro()
		}
		if u.Visits == 0 {
			continue
		}
		u.Status = Activated
		if r.of(0.7) { // the time of day is known, too
			at := time.UnixMicro(u.LastVisit).Add(time.Duration(6*3600+r.IntN(14*3600)) * time.Second)
			if at.After(d.at) {
				at = d.at.Add(-time.Duration(r.IntN(1+int(d.at.Sub(DayOf(d.at).Start()).Seconds()))) * time.Second)
			}
			u.LastVisit = max(at.UnixMicro(), u.LastVisit)
		}
	}
	slices.SortFunc(a.Visits, func(x, y DemoVisit) int {
		return cmp.Or(cmp.Compare(x.Day, y.Day), cmp.Compare(x.User, y.User))
	})
}
