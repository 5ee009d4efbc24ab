// Package federation owns how others rely on Steward to sign users in: the OpenID
// provider, its documents, its tokens, and what an application may ask it. Who may
// enter what is decided elsewhere and asked of the store anew each time; pages are
// not its business.
package federation
