package ui

import (
	"strconv"
	"time"
)

var (
	months     = [...]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}
	longMonths = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
)

func append2(b []byte, n int) []byte {
	return append(b, byte('0'+n/10%10), byte('0'+n%10))
}

// Date writes a day: "2 Mar 2023". All times are shown in UTC.
func Date(t time.Time) string { return string(AppendDate(nil, t)) }

// AppendDate appends what Date writes.
func AppendDate(b []byte, t time.Time) []byte {
	y, m, d := t.UTC().Date()
	b = strconv.AppendInt(b, int64(d), 10)
	b = append(b, ' ')
	b = append(b, months[m-1]...)
	b = append(b, ' ')
	return strconv.AppendInt(b, int64(y), 10)
}

// LongDate writes a day in words: "20 December 2026".
func LongDate(t time.Time) string {
	y, m, d := t.UTC().Date()
	return strconv.Itoa(d) + " " + longMonths[m-1] + " " + strconv.Itoa(y)
}

// ShortDate writes a day without its year: "23 Aug".
func ShortDate(t time.Time) string {
	_, m, d := t.UTC().Date()
	return strconv.Itoa(d) + " " + months[m-1]
}

// Clock writes the time of day: "11:08 UTC".
func Clock(t time.Time) string { return string(append(appendClock(nil, t), " UTC"...)) }

func appendClock(b []byte, t time.Time) []byte {
	h, m, _ := t.UTC().Clock()
	b = append2(b, h)
	b = append(b, ':')
	return append2(b, m)
}

// DateTime writes an instant: "20 Nov 2026, 11:08 UTC".
func DateTime(t time.Time) string { return string(AppendDateTime(nil, t)) }

// AppendDateTime appends what DateTime writes.
func AppendDateTime(b []byte, t time.Time) []byte {
	b = AppendDate(b, t)
	b = append(b, ", "...)
	b = appendClock(b, t)
	return append(b, " UTC"...)
}

// Ago writes how long before now an instant is: "just now", "4 minutes ago",
// "2 hours ago", "Yesterday, 17:02", "2 days ago", and the day from a week on.
// An instant to come reads "in 6 days" and the like.
func Ago(t, now time.Time) string { return string(AppendAgo(nil, t, now)) }

// AppendAgo appends what Ago writes.
func AppendAgo(b []byte, t, now time.Time) []byte {
	past := now.Sub(t)
	if past < 0 {
		return appendAhead(b, t, -past)
	}
	switch {
	case past < time.Minute:
		return append(b, "just now"...)
	case past < time.Hour:
		return append(appendUnits(b, int64(past/time.Minute), "minute"), " ago"...)
	}
	const day = 24 * 60 * 60
	switch days := now.Unix()/day - t.Unix()/day; {
	case days == 0 || past < 12*time.Hour:
		return append(appendUnits(b, int64(past/time.Hour), "hour"), " ago"...)
	case days == 1:
		return appendClock(append(b, "Yesterday, "...), t)
	case days < 7:
		return append(appendUnits(b, days, "day"), " ago"...)
	}
	return AppendDate(b, t)
}

func appendAhead(b []byte, t time.Time, ahead time.Duration) []byte {
	switch {
	case ahead < time.Minute:
		return append(b, "in a moment"...)
	case ahead < time.Hour:
		return appendUnits(append(b, "in "...), int64(ahead/time.Minute), "minute")
	case ahead < 24*time.Hour:
		return appendUnits(append(b, "in "...), int64(ahead/time.Hour), "hour")
	case ahead < 31*24*time.Hour:
		return appendUnits(append(b, "in "...), int64(ahead/(24*time.Hour)), "day")
	}
	return AppendDate(b, t)
}

func appendUnits(b []byte, n int64, unit string) []byte {
	b = strconv.AppendInt(b, n, 10)
	b = append(b, ' ')
	b = append(b, unit...)
	if n != 1 {
		b = append(b, 's')
	}
	return b
}

// AppendMachineTime appends an instant for a datetime attribute, to the second:
// "2026-11-20T11:08:00Z".
func AppendMachineTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	y, m, d := t.Date()
	if y < 0 || y > 9999 {
		return t.AppendFormat(b, time.RFC3339)
	}
	b = append2(append2(b, y/100), y)
	b = append2(append(b, '-'), int(m))
	b = append2(append(b, '-'), d)
	h, mi, s := t.Clock()
	b = append2(append(b, 'T'), h)
	b = append2(append(b, ':'), mi)
	b = append2(append(b, ':'), s)
	return append(b, 'Z')
}

func machineTime(t time.Time) string { return string(AppendMachineTime(nil, t)) }

// AppendTime appends what the component Time draws.
func AppendTime(b []byte, t, now time.Time) []byte {
	b = append(b, `<time datetime="`...)
	b = AppendMachineTime(b, t)
	b = append(b, `" title="`...)
	b = AppendDateTime(b, t)
	b = append(b, `" data-ago>`...)
	b = AppendAgo(b, t, now)
	return append(b, `</time>`...)
}

// Span writes a length of time in the largest unit that divides it: "12 hours",
// "90 minutes", "14 days", "1 minute".
func Span(d time.Duration) string {
	switch {
	case d == 0:
		return "0 minutes"
	case d%(24*time.Hour) == 0:
		return string(appendUnits(nil, int64(d/(24*time.Hour)), "day"))
	case d%time.Hour == 0:
		return string(appendUnits(nil, int64(d/time.Hour), "hour"))
	case d%time.Minute == 0:
		return string(appendUnits(nil, int64(d/time.Minute), "minute"))
	}
	return string(appendUnits(nil, int64(d/time.Second), "second"))
}
