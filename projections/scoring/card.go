package scoring

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"sync"
	"time"
)

// Card says what each signal is worth. It is declarative and cannot break a
// promise: ParseCard refuses one that could. A Card is read-only after it was
// made, so any number of goroutines may use it.
type Card struct {
	id       string
	tiers    tiers
	groups   [4]limits
	signals  []weight // in the order of the table signals
	evidence evidence
	churn    churnCurve
}

// The groups of signals, in the order in which reasons are given.
var groups = [4]string{"intent", "engagement", "fit", "risk"}

// weight is what one signal is worth on a card. Points are in hundredths.
type weight struct {
	group  int
	points centi
	cap    centi // of the sum, on the side of points
	half   time.Duration
	one    string // text for one occurrence
	many   string // text for several
	by     map[string]centi
	steps  []step
}

type step struct {
	to     float64
	points centi
}

type limits struct{ min, max centi }

type tiers struct{ hot, warm, hysteresis centi }

//go:embed card.json
var defaultCard []byte

var builtIn = sync.OnceValue(func() *Card {
	c, err := ParseCard(defaultCard)
	if err != nil {
		panic(fmt.Sprintf("scoring: the built-in card: %v", err))
	}
	return c
})

// DefaultCard returns the card that is built in.
func DefaultCard() *Card { return builtIn() }

// DefaultCardJSON returns the built-in card as a person may edit it.
func DefaultCardJSON() []byte { return bytes.Clone(defaultCard) }

// ID names the card in every score that it made: "card:" and the beginning of
// the hash of what it says, however it is laid out.
func (c *Card) ID() string { return c.id }

// cardFile is the JSON form of a card.
type cardFile struct {
	Format  int `json:"format"`
	Tiers   struct{ Hot, Warm, Hysteresis float64 }
	Groups  map[string]struct{ Min, Max float64 }
	Signals map[string]signalFile

	Evidence map[string]float64
	Churn    churnFile
}

type signalFile struct {
	Group    string
	Points   float64
	Cap      float64 // 0 is the points of one occurrence
	HalfLife float64 `json:"half_life_days"` // 0 does not decay
	Text     string
	Many     string
	By       map[string]float64
	Steps    []struct{ To, Points float64 }
}

// ParseCard reads a card. Its error names every fault with its place. A signal
// that the card leaves out is worth nothing.
func ParseCard(data []byte) (*Card, error) {
	var file cardFile
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("read card: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("read card: something follows the card")
	}
	if err := file.validate(); err != nil {
		return nil, fmt.Errorf("card: %w", err)
	}
	return file.card()
}

func (file *cardFile) card() (*Card, error) {
	canonical, err := json.Marshal(file)
	if err != nil {
		return nil, fmt.Errorf("card: %w", err)
	}
	sum := sha256.Sum256(canonical)
	c := &Card{
		id:       "card:" + hex.EncodeToString(sum[:6]),
		tiers:    tiers{hundredths(file.Tiers.Hot), hundredths(file.Tiers.Warm), hundredths(file.Tiers.Hysteresis)},
		signals:  make([]weight, len(signals)),
		evidence: evidenceOf(file.Evidence),
		churn:    file.Churn.curve(),
	}
	for i, name := range groups {
		c.groups[i] = limits{hundredths(file.Groups[name].Min), hundredths(file.Groups[name].Max)}
	}
	for i, s := range signals {
		c.signals[i] = file.Signals[s.code].weight()
	}
	return c, nil
}

func (s signalFile) weight() weight {
	w := weight{
		group:  slices.Index(groups[:], s.Group),
		points: hundredths(s.Points),
		cap:    hundredths(s.Cap),
		half:   time.Duration(math.Round(s.HalfLife*24*3600)) * time.Second,
		one:    s.Text,
		many:   s.Many,
	}
	if w.many == "" {
		w.many = w.one
	}
	for _, st := range s.Steps {
		w.steps = append(w.steps, step{st.To, hundredths(st.Points)})
	}
	if len(s.By) > 0 {
		w.by = make(map[string]centi, len(s.By))
		for name, points := range maps.All(s.By) {
			w.by[name] = hundredths(points)
		}
	}
	return w
}
