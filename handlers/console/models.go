package console

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// model is a model as the API shows it.
type model struct {
	ID      string     `json:"id"`
	Kind    string     `json:"kind"`
	Target  string     `json:"target"`
	Status  string     `json:"status"`
	By      string     `json:"by"`
	Decided string     `json:"decided"`
	Reason  string     `json:"reason"`
	EventID string     `json:"event_id"`
	Trained *time.Time `json:"trained_at"`
	Since   *time.Time `json:"since"`
	Thumbs  struct{ Up, Down int }
	Card    *modelCard `json:"card"`
}

// KindText says what a kind of model is.
func (m model) KindText() string {
	switch {
	case m.Kind == "points":
		return "points card"
	case m.Target == "churn" && m.Kind == "points_platt":
		return "the card's risk of churn as a probability"
	case m.Target == "churn":
		return "risk of churn, learned from who left"
	case m.Kind == "points_platt":
		return "points with a probability"
	}
	return "learned from closings"
}

// modelCard is what is known of a model.
type modelCard struct {
	Target    string     `json:"target"`
	From      time.Time  `json:"from"`
	To        time.Time  `json:"to"`
	Rows      int        `json:"rows"`
	Leads     int        `json:"leads"`
	Won       int        `json:"won"`
	HeldLeads int        `json:"held_leads"`
	HeldWon   int        `json:"held_won"`
	AUC       float64    `json:"auc"`
	AUCLow    float64    `json:"auc_low"`
	AUCHigh   float64    `json:"auc_high"`
	LogLoss   float64    `json:"log_loss"`
	Brier     float64    `json:"brier"`
	ECE       float64    `json:"ece"`
	Slope     float64    `json:"calibration_slope"`
	Bins      []modelBin `json:"bins"`
	Lift      float64    `json:"lift_at_10"`
	Capture   float64    `json:"capture_at_10"`
	Tiers     []slice    `json:"tiers"`
	Slices    []slice    `json:"slices"`
	Points    compared   `json:"points"`
	Serving   compared   `json:"serving"`
	Weights   []struct {
		Name   string  `json:"name"`
		Points float64 `json:"points"`
	} `json:"weights"`
	Checks []struct {
		Name string `json:"name"`
		Got  string `json:"got"`
		Want string `json:"want"`
		OK   bool   `json:"ok"`
	} `json:"checks"`
	Limits []string `json:"known_limits"`
}

// Came is what became of a lead of which the target came true.
func (c modelCard) Came() string {
	if strings.HasPrefix(c.Target, "lost") {
		return "lost or silent"
	}
	return "won"
}

type modelBin struct {
	Predicted, Seen float64
	Rows            int
}

type slice struct {
	Name            string
	Rows            int
	Predicted, Seen float64
}

type compared struct {
	AUC     float64 `json:"auc"`
	LogLoss float64 `json:"log_loss"`
}

// training is a run as the API shows it.
type training struct {
	ID      string     `json:"id"`
	Action  string     `json:"action"`
	State   string     `json:"state"`
	Why     string     `json:"why"`
	Seq     uint64     `json:"seq"`
	Target  uint64     `json:"target"`
	Verdict string     `json:"verdict"`
	Error   string     `json:"error"`
	Started *time.Time `json:"started_at"`
}

// modelsPage is the list of models, and what is missing for the first.
type modelsPage struct {
	Models    []model
	Trainings []training
	Learned   bool // there is a model that learned something
	Won, Lost int  // deals
}

func (c *console) models(q *request) (page, error) {
	p := modelsPage{}
	var l listOf[model]
	if err := q.get("/api/v1/models", nil, &l); err != nil && !isMissing(err) {
		return page{}, err
	}
	var runs listOf[training]
	if err := q.get("/api/v1/trainings", nil, &runs); err != nil && !isMissing(err) {
		return page{}, err
	}
	p.Models, p.Trainings = l.Data, runs.Data
	p.Learned = slices.ContainsFunc(l.Data, func(m model) bool { return m.Kind != "points" })
	if !p.Learned {
		var f struct {
			Total struct{ Deals struct{ Won, Lost int } }
		}
		if err := q.get("/api/v1/funnel", nil, &f); err != nil && !isMissing(err) {
			return page{}, err
		}
		p.Won, p.Lost = f.Total.Deals.Won, f.Total.Deals.Lost
	}
	return page{Name: "models", Title: "Models", Data: p}, nil
}

// modelPage is one model with its charts.
type modelPage struct {
	model
	Calibration, Gains *chart
}

func (c *console) model(q *request) (page, error) {
	var m model
	if err := q.get(apiPath("models", q.id("id")), nil, &m); err != nil {
		return page{}, err
	}
	p := modelPage{model: m}
	if m.Card != nil {
		p.Calibration, p.Gains = calibrationChart(m.Card.Bins), gainsChart(m.Card.Bins)
	}
	return page{Name: "model", Nav: "models", Title: "Model", Data: p}, nil
}

// train asks for a training.
func (c *console) train(q *request) (said string, err error) {
	err = q.post("/api/v1/models", map[string]string{"reason": q.PostFormValue("reason")}, nil)
	return "A training has begun; what the gate says stands below when it is over.", err
}

// side is the length of a side of the square charts.
const side = 200.0

func square(label, from, to string) *chart {
	return &chart{Width: side, Height: side, Label: label, Top: "100 %", Bottom: "0", From: from, To: to, Square: true, Guide: fmt.Sprintf("0,%g %g,0", side, side)}
}

func (c *chart) point(x, y float64, text string) {
	d := dot{X: round2(side * x), Y: round2(side * (1 - y)), Text: text}
	c.Dots = append(c.Dots, d)
	c.Line = strings.TrimSpace(fmt.Sprintf("%s %g,%g", c.Line, d.X, d.Y))
}

// calibrationChart draws what was said against what came: on the diagonal the
// two are the same. It is nil where there is nothing to draw.
func calibrationChart(bins []modelBin) *chart {
	if len(bins) == 0 {
		return nil
	}
	c := square("Said (across) and seen (up): on the diagonal a probability is what it says", "0 %", "100 %")
	for _, b := range bins {
		c.point(b.Predicted, b.Seen, fmt.Sprintf("said %.1f %%, seen %.1f %% of %d", 100*b.Predicted, 100*b.Seen, b.Rows))
	}
	return c
}

// gainsChart draws which part of all wins one has with the best part of the
// leads; the diagonal is chance.
func gainsChart(bins []modelBin) *chart {
	rows, won := 0, 0.0
	for _, b := range bins {
		rows, won = rows+b.Rows, won+b.Seen*float64(b.Rows)
	}
	if rows == 0 || won == 0 {
		return nil
	}
	c := square("The best leads (across) and their part of all wins (up): the diagonal is chance", "best", "all")
	c.point(0, 0, "none")
	x, y := 0.0, 0.0
	for _, b := range slices.Backward(bins) {
		x, y = x+float64(b.Rows)/float64(rows), y+b.Seen*float64(b.Rows)/won
		c.point(min(x, 1), min(y, 1), fmt.Sprintf("the best %.0f %% have %.0f %% of the wins", 100*x, 100*y))
	}
	return c
}
