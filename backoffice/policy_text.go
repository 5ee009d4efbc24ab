package backoffice

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// TimeUnit is the unit beside a number in a form.
type TimeUnit string

const (
	UnitMinutes TimeUnit = "minutes"
	UnitHours   TimeUnit = "hours"
	UnitDays    TimeUnit = "days"
)

const (
	minutesPerHour = 60
	minutesPerDay  = 24 * minutesPerHour
)

func (u TimeUnit) minutes() int {
	switch u {
	case UnitMinutes:
		return 1
	case UnitHours:
		return minutesPerHour
	case UnitDays:
		return minutesPerDay
	}
	return 0
}

// Minutes turns an amount and its unit into minutes; false when the unit is
// unknown or the amount is beyond any setting.
func (u TimeUnit) Minutes(amount int) (int, bool) {
	if u.minutes() == 0 || amount < 0 || amount > MaxAbsoluteMinutes {
		return 0, false
	}
	return amount * u.minutes(), true
}

// SplitMinutes is the amount in the greatest unit that needs no fraction.
func SplitMinutes(n int) (amount int, unit TimeUnit) {
	switch {
	case n != 0 && n%minutesPerDay == 0:
		return n / minutesPerDay, UnitDays
	case n != 0 && n%minutesPerHour == 0:
		return n / minutesPerHour, UnitHours
	}
	return n, UnitMinutes
}

// FormatMinutes is "15 minutes", "1 hour 30 minutes", "7 days".
func FormatMinutes(n int) string {
	var parts []string
	if days := n / minutesPerDay; days != 0 {
		parts = append(parts, counted(days, "day"))
	}
	if hours := n % minutesPerDay / minutesPerHour; hours != 0 {
		parts = append(parts, counted(hours, "hour"))
	}
	if minutes := n % minutesPerHour; minutes != 0 || len(parts) == 0 {
		parts = append(parts, counted(minutes, "minute"))
	}
	return strings.Join(parts, " ")
}

func showSwitch(on bool) string {
	if on {
		return "On"
	}
	return "Off"
}

func showRemember(days int) string {
	if days == 0 {
		return "Off"
	}
	return counted(days, "day")
}

func showSessions(n int) string {
	if n == 0 {
		return "No limit"
	}
	return counted(n, "session")
}

func showHistory(n int) string {
	if n == 0 {
		return "Off"
	}
	return "Last " + number(n)
}

// number writes thousands apart, as the pages do.
func number(n int) string {
	digits := strconv.Itoa(n)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return number(n) + " " + noun + "s"
}

// listed is "upper, lower and digit".
func listed(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

func upperFirst(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[size:]
}

func lowerFirst(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToLower(r)) + s[size:]
}
