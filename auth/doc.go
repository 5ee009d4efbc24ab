// Package auth owns what proves who somebody is: password hashes, random
// tokens, the sessions of staff, and the counting of failed attempts. It
// keeps nothing itself: each part declares the few methods that it needs of a
// store. It is small so that it can be reviewed alone.
package auth
