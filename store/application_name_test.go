package store_test

import (
	"slices"
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// Two names that look alike are one, on both engines, whatever script they are in;
// lists are sorted by the same form.
func TestApplicationNamesAreCompared(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		for _, name := range []string{"Émile", "Zeta", "Ärger", "Ωmega", "ЖУК", "beta", "Ünal", "Straße"} {
			application(t, s, backoffice.Application{Name: name})
		}
		for _, name := range []string{"émile", "EMILE", "ärger", "ωmega", "жук", "BETA", "ünal", "STRASSE", "ｂｅｔａ", "beta "} {
			_, err := s.CreateApplication(ctx, backoffice.CommandLine(), backoffice.Application{Name: name, Kind: backoffice.WebApplication, RedirectURIs: []string{"https://app.example/"}}, nil)
			if p, ok := err.(backoffice.Problems); !ok || p["name"] == "" {
				t.Errorf("%s: %v", name, err)
			}
		}
		var names []string
		list, err := s.ApplicationsByName(ctx)
		for _, a := range list {
			names = append(names, a.Name)
		}
		if want := []string{"Ärger", "beta", "Émile", "Straße", "Ünal", "Zeta", "Ωmega", "ЖУК"}; err != nil || !slices.Equal(names, want) {
			t.Errorf("%q, %v", names, err)
		}
		a := list[1]
		if err := s.SaveApplication(ctx, backoffice.CommandLine(), a.ID, backoffice.Application{Name: "Beta", Kind: a.Kind, RedirectURIs: a.RedirectURIs}, a.Version); err != nil {
			t.Errorf("its own name, written otherwise: %v", err)
		}
		if err := s.SaveApplication(ctx, backoffice.CommandLine(), a.ID, backoffice.Application{Name: "zéta", Kind: a.Kind, RedirectURIs: a.RedirectURIs}, a.Version+1); err == nil {
			t.Error("another one's name")
		}
	})
}
