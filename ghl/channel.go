package ghl

import (
	"strings"
	"time"
)

// channel returns a channel's one name: GoHighLevel writes "FB", "TYPE_SMS"
// and "Live Chat" where the seed writes "facebook" and "sms".
func channel(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	s = strings.TrimPrefix(s, "type_")
	if name, ok := channels[s]; ok {
		return name
	}
	return s
}

var channels = map[string]string{
	"fb":        "facebook",
	"ig":        "instagram",
	"live chat": "chat",
	"live_chat": "chat",
	"webchat":   "chat",
}

// duration reads a number of units, at most a year's worth and not negative.
func (f fields) duration(name string, unit time.Duration) *time.Duration {
	n := f.number(name)
	if n == nil {
		return nil
	}
	const year = 366 * 24 * time.Hour
	if *n < 0 || *n > float64(year/unit) {
		f.fault(name, "out of range")
		return nil
	}
	d := time.Duration(*n * float64(unit))
	return &d
}
