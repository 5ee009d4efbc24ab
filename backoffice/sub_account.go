package backoffice

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// TreeNode is an account in the tree of a branch. What it counts is of this
// moment; accounts in the bin are in none of it.
type TreeNode struct {
	Key, ParentKey int64
	ID, Name       string
	IsReseller     bool
	CreatedAt      time.Time
	LastVisit      time.Time // of anybody, in this account; zero: never
	Users          int64     // memberships of the account itself
	Active         int64     // of them with a visit on one of the last ActiveDays days
	Children       int64     // directly below
	Below          int64     // at any depth below
	BranchUsers    int64     // memberships of the account and of all below
	BranchActive   int64     // likewise
	// Strength is how strict the security policy in force is, from 0 to 100; see
	// Policy.Strength.
	Strength int
}

// ActiveShare is the share of active users of the whole branch, from 0 to 1, and
// whether there are any users.
func (n TreeNode) ActiveShare() (float64, bool) {
	if n.BranchUsers == 0 {
		return 0, false
	}
	return float64(n.BranchActive) / float64(n.BranchUsers), true
}

// Branch is an account with all that lie below it: a tree, its root at 0.
type Branch struct {
	Nodes    []TreeNode
	children [][]int  // by index, sorted by folded name
	parent   []int    // -1 for the root
	folded   []string // names, as they are searched
	byID     map[string]int
}

// NewBranch joins the accounts of a branch, in any order, to a tree: the root is
// the one with the key. Those whose parent is not among them are left out.
func NewBranch(root int64, nodes []TreeNode) *Branch {
	b := &Branch{}
	at := -1
	index := make(map[int64]int, len(nodes))
	for i := range nodes {
		index[nodes[i].Key] = i
		if nodes[i].Key == root {
			at = i
		}
	}
	if at < 0 {
		return b
	}
	folded := make([]string, len(nodes))
	below := make([][]int, len(nodes))
	for i := range nodes {
		folded[i] = Fold(nodes[i].Name)
		if up, ok := index[nodes[i].ParentKey]; ok && i != at {
			below[up] = append(below[up], i)
		}
	}
	b.Nodes, b.parent, b.children, b.folded = make([]TreeNode, 0, len(nodes)), make([]int, 0, len(nodes)), make([][]int, 0, len(nodes)), make([]string, 0, len(nodes))
	b.byID = make(map[string]int, len(nodes))
	var put func(i, parent int) int
	put = func(i, parent int) int {
		n := nodes[i]
		me := len(b.Nodes)
		n.Children, n.Below, n.BranchUsers, n.BranchActive = 0, 0, n.Users, n.Active
		b.Nodes, b.parent, b.children, b.folded = append(b.Nodes, n), append(b.parent, parent), append(b.children, nil), append(b.folded, folded[i])
		b.byID[n.ID] = me
		list := below[i]
		slices.SortFunc(list, func(x, y int) int {
			if c := strings.Compare(folded[x], folded[y]); c != 0 {
				return c
			}
			return cmp.Compare(nodes[x].Key, nodes[y].Key)
		})
		for k, child := range list {
			c := put(child, me)
			list[k] = c
			sub := &b.Nodes[c]
			n.Children++
			n.Below += 1 + sub.Below
			n.BranchUsers += sub.BranchUsers
			n.BranchActive += sub.BranchActive
		}
		b.Nodes[me], b.children[me] = n, list
		return me
	}
	put(at, -1)
	return b
}

// Children are the indexes of the accounts directly below the one at i, by name.
func (b *Branch) Children(i int) []int { return b.children[i] }

// Parent is the index of the account above the one at i, -1 for the root.
func (b *Branch) Parent(i int) int { return b.parent[i] }

// Index finds an account of the branch by its ID, -1 when it is not there.
func (b *Branch) Index(id string) int {
	if i, ok := b.byID[id]; ok {
		return i
	}
	return -1
}

// Path are the indexes from the root to the account at i, both included.
func (b *Branch) Path(i int) []int {
	var up []int
	for ; i >= 0; i = b.parent[i] {
		up = append(up, i)
	}
	slices.Reverse(up)
	return up
}

// AccessDefault says whether new memberships of an account come with access to
// its sub-accounts (product.md, section 9).
type AccessDefault string

// The three defaults.
const (
	AccessOff    AccessDefault = ""
	AccessOn     AccessDefault = "on"
	AccessAlways AccessDefault = "always" // every membership has it, and none can lose it singly
)

// Valid reports whether it is one of the three.
func (d AccessDefault) Valid() bool { return d == AccessOff || d == AccessOn || d == AccessAlways }

// Label is the default in the words of the pages.
func (d AccessDefault) Label() string {
	switch d {
	case AccessOn:
		return "On"
	case AccessAlways:
		return "Always on"
	}
	return "Off"
}

// Grant is access to the sub-accounts of an account that a membership was given.
type Grant struct {
	At     time.Time
	By     string    // name of who gave it
	Reason string    // as typed; may be empty
	EndsAt time.Time // zero: it does not end by itself
}

// NewGrant is what a form asks for.
type NewGrant struct {
	EndsAt time.Time
	Reason string
}

// MaxGrantReason is how long a reason may be, in characters.
const MaxGrantReason = 300

// AccessPath is one way by which a user comes into an account.
type AccessPath struct {
	// At is the account of the membership that the way begins at: the account
	// itself, or one above it.
	At         AccountRef
	Membership int64 // its key; 0 where that is not told
	Direct     bool  // by membership in the account itself
	Status     MembershipStatus
	Since      time.Time
	Grant      Grant // of a way that is not direct, where Always is not set
	Always     bool  // every membership of At has access to what lies below
	Roles      []Role
	// Blocked says why the way does not lead in at present, "" when it does.
	Blocked string
}

// Open reports whether the way leads in.
func (p AccessPath) Open() bool { return p.Blocked == "" }

// PastGrant is access to the sub-accounts of an account that a user had.
type PastGrant struct {
	Grant
	Account AccountRef
	How     string // it ended: one of Grant…
	EndedAt time.Time
	EndedBy string // "" where it ended by itself
}

// How access to sub-accounts ended.
const (
	GrantRevoked = "Revoked"
	GrantChanged = "Given anew, with another end or reason"
	GrantOver    = "Ended by itself"
	GrantTaken   = "Taken away with the membership"
)

// Reacher is a user who can reach an account, or who would but for something,
// with each way.
type Reacher struct {
	User  User
	Paths []AccessPath
}

// Enters reports whether one of the ways is open.
func (r Reacher) Enters() bool {
	return !r.User.Locked && slices.ContainsFunc(r.Paths, AccessPath.Open)
}

// Roles are those that hold by all open ways, each once.
func (r Reacher) Roles() []Role {
	var roles []Role
	for _, p := range r.Paths {
		if !p.Open() {
			continue
		}
		for _, role := range p.Roles {
			if !slices.ContainsFunc(roles, func(o Role) bool { return o.ID == role.ID }) {
				roles = append(roles, role)
			}
		}
	}
	return roles
}

// ReachChange is what an act changes of who comes where.
type ReachChange struct {
	Gains   []UserReach // the most accounts first
	Loses   []UserReach
	Changes []UserReach // who keep access, with other roles
	// Digest stands for exactly this change, and what was shown with it: see
	// store.Confirm.
	Digest string
}

// UserReach is a user, and in how many accounts.
type UserReach struct {
	UserID, Name, Email string
	Accounts            int64
}
