package handlers

import (
	"net/http"

	"steward/backoffice"
	"steward/views"
)

// devRoutes are there with --dev only: a gallery of every part of the pages.
func (s *server) devRoutes() []route {
	if !s.Dev {
		return nil
	}
	return []route{
		{http.MethodGet, "/dev/views", backoffice.ReadAccounts, s.showGallery},
		{http.MethodGet, views.TreeGraphGalleryPath, backoffice.ReadAccounts, s.showSampleGraph},
		{http.MethodGet, views.TreeGraphGalleryPath + ".svg", backoffice.ReadAccounts, s.sendSampleGraph},
	}
}

func (s *server) showGallery(c *call) error {
	p, err := c.page("View gallery", "")
	if err != nil {
		return err
	}
	return c.write(http.StatusOK, views.Gallery(p), nil)
}
