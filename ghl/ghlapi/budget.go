package ghlapi

import (
	"slices"
	"strings"
	"time"
)

// Used returns how many calls each location has made in the current UTC day,
// so that the budget can be kept across a restart (see Resume).
func (c *Client) Used() map[string]int {
	used := map[string]int{}
	for _, s := range c.Standings() {
		used[s.Location] = s.Used
	}
	return used
}

// Resume says how many calls a location has made today already.
func (c *Client) Resume(location string, used int) {
	l := c.limit(location)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.day = l.now().UTC().Format(time.DateOnly)
	l.used = max(l.used, used)
}

// Standing is where a location stands with its limits.
type Standing struct {
	Location string    `json:"location_id"`
	Used     int       `json:"used_today"`
	Daily    int       `json:"daily_limit"`
	Paused   time.Time `json:"paused_until,omitzero"` // no call goes before
}

// Standings returns where each location stands that was ever called, by name.
func (c *Client) Standings() (all []Standing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.c.Now()
	for location, l := range c.limits {
		l.mu.Lock()
		s := Standing{Location: location, Daily: l.daily}
		if l.day == now.UTC().Format(time.DateOnly) {
			s.Used = l.used
		}
		if l.paused.After(now) {
			s.Paused = l.paused
		}
		l.mu.Unlock()
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Standing) int { return strings.Compare(a.Location, b.Location) })
	return all
}
