package handlers

import (
	"errors"
	"net/http"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

func (s *server) showStaffList(c *call) error {
	return s.staffListPage(c, http.StatusOK, backoffice.Staff{}, "")
}

// staffListPage shows the staff, and a link that was just made for one of them.
func (s *server) staffListPage(c *call, status int, made backoffice.Staff, token string) error {
	page, err := c.page("Staff", views.PartSettings)
	if err != nil {
		return err
	}
	list, err := c.store().StaffList(c.ctx())
	if err != nil {
		return err
	}
	scene := views.StaffScene{List: list, Self: c.actor.ID, Made: made}
	if token != "" {
		scene.Link = s.staffLink(token)
	}
	if scene.Waiting, err = c.store().StaffWaiting(c.ctx()); err != nil {
		return err
	}
	return c.render(status, page, views.StaffPage(page, scene))
}

func (s *server) showNewStaff(c *call) error {
	return s.newStaffPage(c, http.StatusOK, backoffice.NewStaff{Role: backoffice.Viewer}, nil)
}

func (s *server) newStaffPage(c *call, status int, n backoffice.NewStaff, p backoffice.Problems) error {
	page, err := c.page("Add staff", views.PartSettings)
	if err != nil {
		return err
	}
	return c.render(status, page, views.NewStaffPage(page, n, p))
}

// addStaff lets somebody in, who chooses a password by the link that is shown.
func (s *server) addStaff(c *call) error {
	form, err := c.fields("email", "name", "role")
	if err != nil {
		return err
	}
	n := backoffice.NewStaff{Email: form["email"], Name: form["name"], Role: backoffice.StaffRole(form["role"])}
	token, hash := auth.StaffLinkToken.New()
	staff, err := c.store().AddStaffByLink(c.ctx(), c.actor, n, hash)
	var problems backoffice.Problems
	if errors.As(err, &problems) {
		return s.newStaffPage(c, http.StatusUnprocessableEntity, n, problems)
	} else if err != nil {
		return err
	}
	return s.staffListPage(c, http.StatusCreated, staff, token)
}

// checkNewStaff says what the store would refuse, before a password is hashed.
func checkNewStaff(n backoffice.NewStaff, role backoffice.StaffRole) backoffice.Problems {
	n.Role = role
	_, err := store.CheckNewStaff(n)
	var problems backoffice.Problems
	errors.As(err, &problems)
	return problems
}

func (s *server) showStaff(c *call) error { return s.staffPage(c, http.StatusOK, nil) }

func (s *server) staffPage(c *call, status int, p backoffice.Problems) error {
	staff, err := c.store().Staff(c.ctx(), c.Param("id"))
	if err != nil {
		return err
	}
	page, err := c.page(staff.Label(), views.PartSettings)
	if err != nil {
		return err
	}
	return c.render(status, page, views.StaffMemberPage(page, views.StaffMember{Staff: staff, Self: staff.ID == c.actor.ID, Problems: p}))
}

func (s *server) changeStaffRole(c *call) error {
	form, err := c.fields("role")
	if err != nil {
		return err
	}
	id := c.Param("id")
	var problems backoffice.Problems
	err = c.store().ChangeStaffRole(c.ctx(), c.actor, id, backoffice.StaffRole(form["role"]))
	if errors.As(err, &problems) {
		return s.staffPage(c, http.StatusUnprocessableEntity, problems)
	} else if err != nil {
		return err
	}
	if id == c.actor.ID { // the change of the role has ended the session
		return s.signOut(c)
	}
	return c.saved("/backoffice/settings/staff", ui.ToastProps{Text: "Role changed. Their sessions were ended."}, nil)
}

func (s *server) removeStaff(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	id := c.Param("id")
	var problems backoffice.Problems
	err := c.store().RemoveStaff(c.ctx(), c.actor, id)
	if errors.As(err, &problems) {
		return s.staffPage(c, http.StatusUnprocessableEntity, problems)
	} else if err != nil {
		return err
	}
	if id == c.actor.ID {
		return s.signOut(c)
	}
	return c.saved("/backoffice/settings/staff", ui.ToastProps{Text: "Removed. They can sign in no more."}, nil)
}
