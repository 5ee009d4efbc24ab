// Package browsertest owns the journeys in a real browser: the site as it is
// served, in Chromium, with axe-core on every page and no tolerance for what
// the browser complains of.
package browsertest
