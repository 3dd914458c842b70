package scoring_test

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

const models = "../../testdata/models"

// TestSklearnFolder: what the documented exporter makes of a training set is
// accepted. It runs where Python has scikit-learn (Debian: python3-sklearn);
// PYTHON names another Python. The folder in testdata was made so, by
// scikit-learn 1.2.1.
func TestSklearnFolder(t *testing.T) {
	t.Run("kept", func(t *testing.T) { accepted(t, filepath.Join(models, "sklearn")) })
	t.Run("made now", func(t *testing.T) {
		python := cmp.Or(os.Getenv("PYTHON"), "/usr/bin/python3") // the system's: another may stand first in PATH
		if err := exec.Command(python, "-c", "import sklearn").Run(); err != nil {
			t.Skipf("%s has no scikit-learn: %v", python, err)
		}
		dir := t.TempDir()
		if to := os.Getenv("KEEP_FOLDER"); to != "" {
			dir = to
		}
		rows, features := filepath.Join(t.TempDir(), "training.csv"), filepath.Join(t.TempDir(), "features.json")
		writeTraining(t, rows)
		writeFeatures(t, features)
		out, err := exec.Command(python, filepath.Join(models, "folder.py"), rows, features, dir).CombinedOutput()
		if err != nil {
			t.Fatalf("folder.py: %v\n%s", err, out)
		}
		accepted(t, dir)
	})
}

func accepted(t *testing.T, dir string) {
	t.Helper()
	folder, err := scoring.ReadFolder(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	m, err := scoring.ParseFolder(folder)
	if err != nil || len(m.Features) < 3 {
		t.Fatalf("%+v, %v", m, err)
	}
	t.Logf("%s with %d features", m.ID(), len(m.Features))
}

// writeTraining writes a training set, seeded: three features tell of a win, one
// pretends to the wrong way, the others are noise or always the same.
func writeTraining(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := csv.NewWriter(f)
	defer w.Flush()
	names := []string{"source_referral", "messages_30d", "silence", "has_phone", "tours_missed", "deals_open", "days_to_tour"}
	_ = w.Write(append(names, "y"))
	r := rand.New(rand.NewPCG(1, 2))
	for range 600 {
		x := []float64{float64(r.IntN(2)), 2 * r.Float64(), 4 * r.Float64(), float64(r.IntN(2)), float64(r.IntN(2)), 0, r.Float64()}
		z := -1 + 1.5*x[0] + 0.9*x[1] - 0.5*x[2] + 0.6*x[4]
		row := make([]string, 0, len(x)+1)
		for _, v := range x {
			row = append(row, strconv.FormatFloat(v, 'g', -1, 64))
		}
		y := "0"
		if r.Float64() < 1/(1+math.Exp(-z)) {
			y = "1"
		}
		_ = w.Write(append(row, y))
	}
}

// writeFeatures writes what `model features --output json` prints.
func writeFeatures(t *testing.T, path string) {
	t.Helper()
	var rows []map[string]string
	for _, f := range scoring.Features() {
		sign := map[int]string{-1: "-", 0: "any", 1: "+"}[f.Sign]
		if f.Unsigned {
			sign = "none"
		}
		rows = append(rows, map[string]string{"name": f.Name, "sign": sign})
	}
	b, err := json.Marshal(rows)
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(fmt.Errorf("features: %w", err))
	}
}
