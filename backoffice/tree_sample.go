package backoffice

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// SampleBranch makes a branch of so many accounts for looking at and for
// measuring: always the same one, four levels below the top when it is large,
// with one account that has two fifths of them directly below it.
func SampleBranch(accounts int, at time.Time) *Branch {
	r := rand.New(rand.NewPCG(7, uint64(accounts)))
	names := []string{"Nord Pharma", "Nord Resale Partners", "Nord Textiles", "Harbor Security", "Vereinigte Elektrizitätswerke und Netzbetreiber", "Zephyr Payroll",
		"Nord Pharma 日本支社", "נורד פארמה בע״מ", "Cedar Works", "Blue Gaming", "Kestrel Optics", "<b>Bold</b> Bakery & Söhne", "Nord Marine", "株式会社さくら", "Nord Logistics"}
	heads := []string{"Amber", "Birch", "Cobalt", "Delta", "Elm", "Fjord", "Granite", "Harbor", "Iris", "Juniper", "Kite", "Lumen", "Maple", "Nimbus", "Onyx", "Pine", "Quartz", "River", "Slate", "Tern"}
	trades := []string{"Pharma", "Logistics", "Optics", "Payroll", "Textiles", "Foods", "Energy", "Marine", "Studio", "Gaming", "Security", "Works"}
	nodes := make([]TreeNode, 0, accounts)
	level := make([]int, 0, accounts)
	for i := range accounts {
		n := TreeNode{Key: int64(i + 1), ID: fmt.Sprintf("acc-9-%06d", i), IsReseller: i == 0, CreatedAt: at.AddDate(0, 0, -r.IntN(1500)), Strength: []int{22, 39, 39, 54, 69, 88}[r.IntN(6)]}
		switch {
		case i == 0:
			n.ID, n.Name = "nord-group", "Nord Group"
		case i <= len(names):
			n.Name = names[i-1]
		default:
			n.Name = heads[r.IntN(len(heads))] + " " + trades[r.IntN(len(trades))]
			if r.IntN(9) == 0 {
				n.Name += fmt.Sprintf(" %d", 1+r.IntN(90))
			}
		}
		up := 0
		switch {
		case accounts >= 100 && i > 15 && r.IntN(5) < 2:
			up = 1
		case i > 3:
			up = r.IntN(min(i, 12+i/4))
			for up > 0 && level[up] >= 4 {
				up = int(nodes[up].ParentKey) - 1
			}
		}
		n.Users = int64(r.ExpFloat64() * 24)
		if r.IntN(12) == 0 {
			n.Users = 0
		}
		if i == 1 {
			n.Users = 1284
		}
		n.Active = int64(float64(n.Users) * min(1, r.Float64()*1.2))
		if n.Active > 0 {
			n.LastVisit = at.Add(-time.Duration(r.IntN(40*24)) * time.Hour)
		}
		depth := 0
		if i > 0 {
			n.ParentKey, depth = nodes[up].Key, level[up]+1
		}
		nodes, level = append(nodes, n), append(level, depth)
	}
	return NewBranch(1, nodes)
}
