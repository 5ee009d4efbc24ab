package backoffice

import (
	"fmt"
	"time"
)

// Day is a UTC calendar day, counted from 1 January 1970. Visits are kept by
// day, so that a user seen twice on one day counts once.
type Day int32

// DayOf returns the UTC day that t lies on.
func DayOf(t time.Time) Day {
	s := t.Unix()
	d := s / 86400
	if s%86400 < 0 {
		d--
	}
	return Day(d)
}

// ParseDay reads a day written as 2006-01-02; other spellings and days that no
// calendar has are errors.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a day written as 2006-01-02", s)
	}
	return DayOf(t), nil
}

// Start returns the day's first instant, in UTC.
func (d Day) Start() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// String writes the day as 2006-01-02.
func (d Day) String() string { return d.Start().Format(time.DateOnly) }

// Micros returns t as microseconds since 1970, the form in which instants are
// stored on both engines. The zero time is 0.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// FromMicros is the inverse of Micros: 0 is the zero time.
func FromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
