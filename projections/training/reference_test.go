package training_test

import (
	"encoding/csv"
	"encoding/json"
	"flag"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/enterprisehub/ghl-ledger/projections/training"
)

var update = flag.Bool("update", false, "write testdata anew")

// referenceFit is what scikit-learn or SciPy found.
type referenceFit struct {
	Set       string      `json:"set"`
	L2        float64     `json:"l2"`
	Sign      []int       `json:"sign"`
	Weights   []float64   `json:"weights"`
	Intercept float64     `json:"intercept"`
	AUC       float64     `json:"auc"`
	LogLoss   float64     `json:"log_loss"`
	Platt     *[2]float64 `json:"platt"`
}

// TestReference: the trainer finds what scikit-learn and SciPy find, on a
// public data set and on the office. How that was made is in testdata/reference.
func TestReference(t *testing.T) {
	if *update {
		writeOffice(t)
	}
	data, err := os.ReadFile("testdata/reference/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var reference struct {
		MadeWith map[string]string `json:"made_with"`
		Fits     []referenceFit    `json:"fits"`
	}
	if err := json.Unmarshal(data, &reference); err != nil {
		t.Fatal(err)
	}
	t.Logf("made with %v", reference.MadeWith)
	if len(reference.Fits) != 8 {
		t.Fatalf("%d fits, want 8", len(reference.Fits))
	}
	for _, want := range reference.Fits {
		want.compare(t)
	}
}

func (want referenceFit) compare(t *testing.T) {
	x, y, weight := readSet(t, want.Set)
	fit, err := training.Regress(x, y, weight, want.L2, want.Sign)
	if err != nil {
		t.Fatalf("%s: %v", want.Set, err)
	}
	worst := math.Abs(fit.Intercept - want.Intercept)
	for j, w := range fit.Weights {
		worst = max(worst, math.Abs(w-want.Weights[j]))
	}
	judged, z := make([]training.Judged, len(x)), make([]float64, len(x))
	for i := range x {
		z[i] = fit.Intercept
		for j, w := range fit.Weights {
			z[i] += w * x[i][j]
		}
		judged[i] = training.Judged{P: 1 / (1 + math.Exp(-z[i])), Y: y[i], Weight: weight[i]}
	}
	auc, loss := training.AUC(judged), training.LogLoss(judged)
	t.Logf("%-13s l2 %2.0f signs %-5v: %d weights, AUC %.4f (%.4f), log loss %.4f (%.4f), largest difference of a weight %.1e",
		want.Set, want.L2, want.Sign != nil, len(fit.Weights), auc, want.AUC, loss, want.LogLoss, worst)
	if worst > fourDecimals || math.Abs(auc-want.AUC) > fourDecimals || math.Abs(loss-want.LogLoss) > fourDecimals {
		t.Errorf("%s l2 %v: not the reference to 4 decimals", want.Set, want.L2)
	}
	if want.Platt != nil {
		got, err := training.Platt(z, y, weight)
		if err != nil || math.Abs(got[0]-want.Platt[0]) > fourDecimals || math.Abs(got[1]-want.Platt[1]) > fourDecimals {
			t.Errorf("%s l2 %v: Platt = %v, %v; want %v", want.Set, want.L2, got, err, *want.Platt)
		}
	}
}

const fourDecimals = 0.00005

// readSet reads a set and standardises its columns.
func readSet(t *testing.T, name string) (x [][]float64, y, weight []float64) {
	t.Helper()
	data, err := os.ReadFile("testdata/reference/" + name + ".csv")
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(string(data))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[1:] {
		row := make([]float64, len(line))
		for j, cell := range line {
			if row[j], err = strconv.ParseFloat(cell, 64); err != nil {
				t.Fatal(err)
			}
		}
		x, y, weight = append(x, row[2:]), append(y, row[0]), append(weight, row[1])
	}
	for j := range x[0] {
		standardise(x, weight, j)
	}
	return x, y, weight
}

func standardise(x [][]float64, weight []float64, j int) {
	mean, scale, all := 0.0, 0.0, 0.0
	for i, w := range weight {
		mean, all = mean+w*x[i][j], all+w
	}
	mean /= all
	for i, w := range weight {
		scale += w * (x[i][j] - mean) * (x[i][j] - mean)
	}
	for i := range x {
		x[i][j] = (x[i][j] - mean) / math.Sqrt(scale/all)
	}
}

// writeOffice writes rows of the office, their weights as those of leads with
// one to three rows.
func writeOffice(t *testing.T) {
	rows, _ := someRows(4, 100)
	var vary []int
	header := []string{"y", "weight"}
	for k, f := range scoring.Features() {
		for _, r := range rows {
			if r.X[k] != rows[0].X[k] {
				vary, header = append(vary, k), append(header, f.Name)
				break
			}
		}
	}
	var out strings.Builder
	w := csv.NewWriter(&out)
	w.Write(header)
	for i, r := range rows {
		line := []string{strconv.Itoa(int(r.Y)), strconv.FormatFloat(1/float64(1+i%3), 'g', -1, 64)}
		for _, k := range vary {
			line = append(line, strconv.FormatFloat(r.X[k], 'g', 8, 64))
		}
		w.Write(line)
	}
	w.Flush()
	if err := os.WriteFile("testdata/reference/office.csv", []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
