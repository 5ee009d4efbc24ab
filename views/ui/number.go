package ui

import "strconv"

// nbsp parts the thousands: a figure never breaks over two lines.
const nbsp = "\u00a0"

// Number writes a whole number with its thousands parted: "1 200".
func Number[N int | int32 | int64](n N) string {
	var buf [40]byte
	return string(AppendNumber(buf[:0], int64(n)))
}

// Plain writes a whole number without parting its thousands, for what is typed
// or sent.
func Plain[N int | int32 | int64](n N) string { return strconv.FormatInt(int64(n), 10) }

// AppendNumber appends what Number writes. Negative numbers carry the minus sign U+2212.
func AppendNumber(b []byte, n int64) []byte {
	if n < 0 {
		b = append(b, "\u2212"...)
	}
	var buf [20]byte
	digits := strconv.AppendInt(buf[:0], n, 10)
	if n < 0 {
		digits = digits[1:]
	}
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b = append(b, nbsp...)
		}
		b = append(b, d)
	}
	return b
}

// Decimal writes a number with the given places after the point: "4.48".
func Decimal(x float64, places int) string {
	s := strconv.FormatFloat(x, 'f', places, 64)
	whole, rest := s, ""
	for i := range s {
		if s[i] == '.' {
			whole, rest = s[:i], s[i:]
			break
		}
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return s
	}
	if n == 0 && x < 0 && s[0] == '-' {
		return "\u22120" + rest
	}
	return Number(n) + rest
}

// Signed writes a difference with its sign: "+72", "−3", "0".
func Signed(n int64) string {
	if n > 0 {
		return "+" + Number(n)
	}
	return Number(n)
}

// SignedDecimal writes a difference with its sign and places: "−0.03".
func SignedDecimal(x float64, places int) string {
	s := Decimal(x, places)
	for i := range s {
		if s[i] >= '1' && s[i] <= '9' {
			if x > 0 {
				return "+" + s
			}
			return s
		}
	}
	return "0"
}

// Count writes a number with its noun: "1 user", "14 users".
func Count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + many
}

// Bytes writes a size: "512 bytes", "12 KiB", "1.4 MiB".
func Bytes(n int64) string {
	switch {
	case n < 1<<10:
		return Count(n, "byte", "bytes")
	case n < 1<<20:
		return Number((n+1<<9)>>10) + " KiB"
	case n < 1<<30:
		return Decimal(float64(n)/(1<<20), 1) + " MiB"
	}
	return Decimal(float64(n)/(1<<30), 1) + " GiB"
}
