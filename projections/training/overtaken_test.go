package training

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestNewestLeads: the monitor takes a learned model out when the leads after
// the turn of a market, none of them 90 days old, do not do as it says; not
// while they do; and it does not look at labels that are not known yet.
func TestNewestLeads(t *testing.T) {
	for _, tt := range []struct {
		name   string
		weight float64 // that a feature has in truth for the newest leads; the model says 0.8
		alarm  bool
	}{
		{"as they were", 0.8, false},
		{"the other way round", -0.8, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows, turn, now := turnedRows(t, tt.weight)
			m := planted(t, map[string]float64{"messages_30d": 0.8}, -0.5, [2]float64{1, 0})
			w := Watch(m, turn, rows, now)
			if got := strings.Contains(strings.Join(w.Alarms, "; "), "newest leads"); got != tt.alarm || w.Leads > 0 {
				t.Errorf("ahead %.2f, alarms %q, %d leads with a label; want alarm %v, and none", w.Ahead, w.Alarms, w.Leads, tt.alarm)
			}
			task := Task{Rows: rows, Now: now}
			if got := overtaken(m, task, turn) > mostAhead; got != tt.alarm {
				t.Errorf("the gate would let it in again: %v", !got)
			}
			for i, r := range rows {
				if !r.Known.Before(now) {
					rows[i].Y = 1 - r.Y
				}
			}
			if again := Watch(m, turn, rows, now); again.Ahead != w.Ahead {
				t.Errorf("ahead %v, with other labels in the future %v", w.Ahead, again.Ahead)
			}
		})
	}
}

// turnedRows are 300 leads of a year by which a feature weighs 0.8, and 250 of
// the 85 days after a turn.
func turnedRows(t *testing.T, weight float64) (rows []Row, turn, now time.Time) {
	r := rand.New(rand.NewPCG(6, 6))
	k := featureNamed(t, "messages_30d")
	turn = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	add := func(at time.Time, weight float64) {
		row := Row{Lead: fmt.Sprint(len(rows)), AsOf: at, X: make([]float64, 64), Points: 40 + r.NormFloat64(), Known: at.Add(Horizon)}
		row.X[k] = r.NormFloat64()
		if r.Float64() < sigmoid(-0.5+weight*row.X[k]) {
			row.Y, row.Known = 1, at.Add(time.Duration(5+r.IntN(80))*24*time.Hour)
		}
		rows = append(rows, row)
	}
	for i := range 300 {
		add(turn.Add(-time.Duration(1+i)*29*time.Hour), 0.8)
	}
	for i := range 250 {
		add(turn.Add(time.Duration(1+i)*8*time.Hour), weight)
	}
	return rows, turn, turn.AddDate(0, 0, 85)
}
