package scoring

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"reflect"
)

// Folder is a model that an analyst brings: two files of a folder. Whatever is
// in them, reading it costs little and crashes nothing.
type Folder struct {
	Manifest []byte // manifest.json: what the features are, and rows to test the model by
	Linear   []byte // linear.json: the model
}

// Limits of a folder.
const (
	MaxFolderFile  = MaxModelBytes
	leastSelfTests = 20
	mostSelfTests  = 10_000
	selfTestSlack  = 1e-6
)

// manifestFile is the form of manifest.json.
type manifestFile struct {
	Format     int        `json:"format"`
	Name       string     `json:"name"`
	Model      string     `json:"model"` // linear.json
	FeatureSet string     `json:"feature_set"`
	Features   []string   `json:"features"` // in the order of weights and of x
	SelfTests  []selfTest `json:"self_tests"`
}

// selfTest is a row of which the model's author knows the answer.
type selfTest struct {
	X           []float64 `json:"x"`
	Probability float64   `json:"probability"`
}

// linearFile is the form of linear.json: the log odds of a row are intercept +
// sum of weight*(x-mean)/scale.
type linearFile struct {
	Intercept *float64  `json:"intercept"`
	Weights   []float64 `json:"weights"`
	Mean      []float64 `json:"mean"`      // 0 where left out
	Scale     []float64 `json:"scale"`     // 1 where left out
	Spread    []float64 `json:"spread"`    // variance of each weight; may be left out
	BaseRate  float64   `json:"base_rate"` // how many of all leads are won: what a score of 40 means
}

// ReadFolder reads the two files. What is no regular file, or larger than
// MaxFolderFile, is refused unread.
func ReadFolder(dir fs.FS) (f Folder, err error) {
	if f.Manifest, err = readBounded(dir, "manifest.json"); err != nil {
		return Folder{}, err
	}
	f.Linear, err = readBounded(dir, "linear.json")
	return f, err
}

func readBounded(dir fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(dir, name) // before it is opened: opening a pipe would wait for ever
	if err != nil {
		return nil, fmt.Errorf("model folder: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("model folder: %s is no regular file", name)
	}
	file, err := dir.Open(name)
	if err != nil {
		return nil, fmt.Errorf("model folder: %w", err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, MaxFolderFile+1))
	if err == nil && len(b) > MaxFolderFile {
		err = tooLarge(name)
	}
	return b, err
}

func tooLarge(name string) error {
	return fmt.Errorf("model folder: %s is larger than %d bytes", name, MaxFolderFile)
}

// ParseFolder reads a model that somebody brings. Its error says what is wrong
// with it; a model that does not give what its own self-tests expect is refused.
func ParseFolder(f Folder) (*Model, error) {
	var manifest manifestFile
	if err := decodeOne("manifest.json", f.Manifest, &manifest); err != nil {
		return nil, err
	}
	if err := manifest.validate(); err != nil {
		return nil, err
	}
	var linear linearFile
	if err := decodeOne("linear.json", f.Linear, &linear); err != nil {
		return nil, err
	}
	m, err := linear.model(manifest.Features)
	if err != nil {
		return nil, err
	}
	return m, manifest.try(m)
}

// decodeOne decodes a file that is one JSON object of known fields.
func decodeOne(name string, text []byte, v any) error {
	if len(text) > MaxFolderFile {
		return tooLarge(name)
	}
	if err := plainJSON(text); err != nil {
		return fmt.Errorf("model folder: %s: %w", name, err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("model folder: %s: %s: got %s, want %s", name, cmp.Or(t.Field, "the file"), t.Value, wanted(t.Type.Kind()))
	}
	if err != nil {
		return fmt.Errorf("model folder: %s: %w", name, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("model folder: %s: something follows the object", name)
	}
	return nil
}

// wanted names a kind of value as its author knows it.
func wanted(k reflect.Kind) string {
	switch k {
	case reflect.Float64:
		return "a number up to 1.8e308"
	case reflect.Int:
		return "a whole number"
	case reflect.String:
		return "a text"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}

func (m manifestFile) validate() error {
	var f faults
	f.check(m.Format == 1, "format", "want 1, got %d", m.Format)
	f.check(m.Model == "linear.json", "model", "want linear.json, got %.40q", m.Model)
	f.check(m.FeatureSet == FeatureSet, "feature_set", "want %s, got %.40q", FeatureSet, m.FeatureSet)
	f.check(len(m.Name) <= 200, "name", "longer than 200 bytes")
	n := len(m.Features)
	f.check(n > 0 && n <= len(features), "features", "want 1 to %d, got %d", len(features), n)
	tests := len(m.SelfTests)
	f.check(tests >= leastSelfTests && tests <= mostSelfTests, "self_tests", "want %d to %d rows, got %d", leastSelfTests, mostSelfTests, tests)
	if err := errors.Join(f...); err != nil {
		return fmt.Errorf("model folder: manifest.json: %w", err)
	}
	return nil
}

// model is the file as a model; what it leaves out is filled in.
func (l linearFile) model(names []string) (*Model, error) {
	if l.Intercept == nil {
		return nil, errors.New("model folder: linear.json: intercept: missing")
	}
	m := Model{
		Format: 1, Kind: KindLogistic, FeatureSet: FeatureSet, Features: names, Mean: l.Mean, Scale: l.Scale,
		Weights: l.Weights, Intercept: *l.Intercept, Spread: l.Spread, Platt: &[2]float64{1, 0}, BaseRate: l.BaseRate,
	}
	if m.Mean == nil {
		m.Mean = make([]float64, len(names))
	}
	if m.Scale == nil {
		m.Scale = make([]float64, len(names))
		for i := range m.Scale {
			m.Scale[i] = 1
		}
	}
	ready, err := m.Ready()
	if err != nil {
		return nil, fmt.Errorf("model folder: linear.json: %w", err)
	}
	return ready, nil
}

// try compares the model's answers with those that its author expects.
func (m manifestFile) try(model *Model) error {
	for i, t := range m.SelfTests {
		if len(t.X) != len(m.Features) {
			return fmt.Errorf("model folder: self-test %d: %d numbers, want one a feature: %d", i+1, len(t.X), len(m.Features))
		}
		x := make([]float64, len(features))
		for j, k := range model.index {
			x[k] = t.X[j]
		}
		got := model.Probability(x, Base)
		if !(math.Abs(got-t.Probability) <= selfTestSlack) {
			return fmt.Errorf("model folder: self-test %d: the model gives %.9f, its author expects %.9f", i+1, got, t.Probability)
		}
	}
	return nil
}
