package main

import (
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// accountOrders and userOrders are the columns that the lists are sorted by, the
// one they open with first.
var (
	accountOrders = []string{"created", "name", "last", "visits", "primary", "users"}
	userOrders    = []string{"created", "name", "last", "visits", "accounts", "verified", "mfa"}
)

// measureOrders loads a list in each order, at its first, a deep and its last
// page.
func measureOrders(o options, s *steward, list string, orders []string) (out []pageResult, err error) {
	for _, sort := range orders {
		first := list + "?sort=" + sort
		deep, err := s.follow(first, `rel="next"`, 40)
		if err != nil {
			return nil, err
		}
		last, err := s.follow(first, `rel="last"`, 1)
		if err != nil {
			last = ""
		}
		for _, p := range []struct{ name, path string }{{"first", first}, {"deep", deep}, {"last", last}} {
			if p.path == "" {
				continue
			}
			f, err := s.page(o, p.path)
			if err != nil {
				return nil, err
			}
			out = append(out, pageResult{sort + ", " + p.name, f})
		}
	}
	return out, nil
}

// measurePages loads the list of accounts in each order, and an account's page.
func measurePages(o options, s *steward) ([]pageResult, error) {
	out, err := measureOrders(o, s, accountsPath, accountOrders)
	if err != nil {
		return nil, err
	}
	text, err := fetch("http://"+s.addr, accountsPath+"?sort=visits", s.cookie)
	if err != nil {
		return nil, err
	}
	if m := regexp.MustCompile(`href="(/backoffice/accounts/[^"?]+)"`).FindAllStringSubmatch(text, -1); len(m) > 0 {
		for _, link := range m {
			if strings.HasSuffix(link[1], ".csv") || strings.HasSuffix(link[1], "/new") {
				continue
			}
			if status, _, err := (&client{addr: s.addr}).do(get(link[1], s.cookie)); err != nil || status != 200 {
				break // the page is not there yet
			}
			f, err := s.page(o, link[1])
			if err != nil {
				return nil, err
			}
			out = append(out, pageResult{"account with the most visits", f})
			break
		}
	}
	return out, nil
}

// page loads one address by one connection.
func (s *steward) page(o options, path string) (figures, error) {
	r := get(path, s.cookie)
	closed(s.process, 1, 50*time.Millisecond, func(int) request { return r })
	f := closed(s.process, 1, o.length/4, func(int) request { return r })
	if f.failed > 0 || f.requests == 0 {
		return f, fmt.Errorf("%s: %d failed, the first with: %w", path, f.failed, f.firstErr)
	}
	return f, nil
}

var anchor = regexp.MustCompile(`<a [^>]*>`)

// follow goes through a link of the page that carries mark, so many times.
func (s *steward) follow(path, mark string, times int) (string, error) {
	for i := range times {
		text, err := fetch("http://"+s.addr, path, s.cookie)
		if err != nil {
			return "", err
		}
		next := ""
		for _, a := range anchor.FindAllString(text, -1) {
			if strings.Contains(a, mark) {
				if m := regexp.MustCompile(`href="([^"]*)"`).FindStringSubmatch(a); m != nil {
					next = html.UnescapeString(m[1])
				}
			}
		}
		switch {
		case next == "" && i == 0:
			return "", fmt.Errorf("%s: a link with %s was %w", path, mark, errNone)
		case next == "":
			return path, nil
		}
		path = next
	}
	return path, nil
}

// searches are words as they are typed, letter by letter for some.
var searches = search{[]string{
	"g", "gm", "gmb", "gmbh", "group", "acc-", "acc-1000", "acc-100017", "weber", "müller", "nord textil", "zzz", "qqxxqq", "no such company",
	"a", "e", "q", "z", "ab", "zx", "0", "7f", "株", "株式", "株式会社", "桜", "東京", "有限公司", "한", "ש", "ООО", "inc", "labs gmbh", "-", "ü", "e e", "%", "_",
}, []string{""}}

// userSearches are what is typed to find a person: names and addresses, common,
// rare and absent, in whole and in part.
var userSearches = search{[]string{
	"a", "e", "z", "q", "7", "ü", "株", "ab", "an", "zx", "@", "ann", "anna", "martinez", "smith", "müller", "anna schmidt", "maria garcia", "schmidt a",
	"gmail.com", "@gmail", ".example", "anna.schmidt", "anna@", "kowalski", "zzz", "qqxxqq", "no such person", "田中", "е", "Ольга", "- ", "%", "_",
}, []string{""}}

// The same in every order, both ways, for words whose matches lie anywhere in an
// order or all at its far end.
var (
	sortedSearches     = search{[]string{"gmbh", "group", "co", "ll", "株式会社", "acc-1000"}, bothWays(accountOrders)}
	sortedUserSearches = search{[]string{"anna", "martinez", "gmail", "an", "wa", "11", "anna schmidt"}, bothWays(userOrders)}
)

func bothWays(orders []string) (all []string) {
	for _, o := range orders {
		all = append(all, o, "-"+o)
	}
	return all
}

// search is what is typed, in which orders.
type search struct{ words, orders []string }

// measureSearch sends what people type, through the list's search as it narrows
// while one types.
func measureSearch(o options, s *steward, list string, what ...search) ([]pageResult, error) {
	var out []pageResult
	for _, w := range what {
		for _, q := range w.words {
			for _, order := range w.orders {
				name, path := q, list+"?q="+url.QueryEscape(q)
				if order != "" {
					name, path = q+", by "+order, path+"&sort="+order
				}
				f, err := s.page(o, path)
				if err != nil {
					return nil, err
				}
				out = append(out, pageResult{name, f})
			}
		}
	}
	return out, nil
}
