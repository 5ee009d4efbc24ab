package backoffice

import "golang.org/x/net/publicsuffix"

// IsPersonalDomain reports whether a domain (A-label form, lower case, as
// Email.Domain gives it) belongs to a provider of personal mailboxes, whose
// address says nothing about the company behind it: Gmail, GMX, hey.com. A
// domain below a provider's own (mail.yahoo.co.jp) is the provider's too. The
// part that counts is what can be registered, by the public suffix list: a
// customer's own name below a shared suffix is never taken for the provider.
func IsPersonalDomain(domain string) bool {
	if domain == "" {
		return false
	}
	if isListedDomain(domain) {
		return true
	}
	registrable, err := publicsuffix.EffectiveTLDPlusOne(domain)
	return err == nil && registrable != domain && isListedDomain(registrable)
}

// IsCompanyDomain reports whether a domain counts for the card
// "Company-domain accounts": it is one, and not a personal provider's.
func IsCompanyDomain(domain string) bool {
	return domain != "" && !IsPersonalDomain(domain)
}

func isListedDomain(domain string) bool {
	return sortedTextHas(personalDomains, domain) || sortedTextHas(personalDomainsOwn, domain)
}
