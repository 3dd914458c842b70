package scoring_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// goodFolder is a folder of a model with three features.
func goodFolder(t testing.TB) scoring.Folder {
	t.Helper()
	var tests []map[string]any
	for i := range 20 {
		x := []float64{float64(i), float64(i % 2), float64(i) / 10}
		z := -1.5 - 0.1*(x[0]-2)/3 + 0.4*(x[1]-0.5)/0.5 + 0.8*x[2]
		tests = append(tests, map[string]any{"x": x, "probability": 1 / (1 + math.Exp(-z))})
	}
	manifest, err := json.Marshal(map[string]any{
		"format": 1, "name": "ours", "model": "linear.json", "feature_set": "fs-1",
		"features": []string{"silence", "has_phone", "messages_7d"}, "self_tests": tests,
	})
	if err != nil {
		t.Fatal(err)
	}
	linear := `{"intercept":-1.5,"weights":[-0.1,0.4,0.8],"mean":[2,0.5,0],"scale":[3,0.5,1],"base_rate":0.15}`
	return scoring.Folder{Manifest: manifest, Linear: []byte(linear)}
}

func TestFolder(t *testing.T) {
	good := goodFolder(t)
	m, err := scoring.ParseFolder(good)
	if err != nil || m.Kind != scoring.KindLogistic || len(m.Features) != 3 {
		t.Fatalf("%+v, %v", m, err)
	}
	text, err := m.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := scoring.ParseModel(text); err != nil || again.ID() != m.ID() {
		t.Errorf("as an entry carries it: %v, %v; want %s", again, err, m.ID())
	}
	dir := fstest.MapFS{"manifest.json": {Data: good.Manifest}, "linear.json": {Data: good.Linear}}
	read, err := scoring.ReadFolder(dir)
	if err != nil || string(read.Linear) != string(good.Linear) {
		t.Errorf("read: %v", err)
	}
}

// hostile are folders that must be refused, by what is done to a good one, and
// what the refusal says.
var hostile = []struct {
	name             string
	manifest, linear func(string) string
	want             string
}{
	{"truncated manifest", firstHalf, nil, "manifest.json: unexpected EOF"},
	{"truncated model", nil, firstHalf, "linear.json: unexpected EOF"},
	{"empty model", nil, always(""), "linear.json: it is empty"},
	{"oversized manifest", padded, nil, "manifest.json is larger than"},
	{"oversized model", nil, padded, "linear.json is larger than"},
	{"NaN weight", nil, swap("0.4", "NaN"), "invalid character 'N'"},
	{"infinite weight", nil, swap("0.4", "Infinity"), "invalid character 'I'"},
	{"weight that overflows", nil, swap("0.4", "1e999"), "weights: got number 1e999, want a number up to 1.8e308"},
	{"weight as text", nil, swap("0.4", `"0.4"`), "weights: got string, want a number"},
	{"weight out of range", nil, swap("0.4", "1e7"), "has_phone: weight 1e+07"},
	{"weight that breaks a promise", nil, swap("0.8", "-0.8"), "messages_7d: weight -0.8 breaks a promise"},
	{"intercept out of range", nil, swap("-1.5,", "-1e300,"), "intercept: not a number within"},
	{"no intercept", nil, swap(`"intercept":-1.5,`, ""), "intercept: missing"},
	{"scale of zero", nil, swap("[3,0.5,1]", "[0,0.5,1]"), "silence: scale 0"},
	{"scale that is hardly one", nil, swap("[3,0.5,1]", "[5e-324,0.5,1]"), "silence: scale 5e-324"},
	{"negative spread", nil, swap(`"mean"`, `"spread":[-1,0,0],"mean"`), "silence: spread"},
	{"too few weights", nil, swap("-0.1,0.4,0.8", "-0.1"), "want one mean, scale and weight a feature"},
	{"base rate of one", nil, swap("0.15", "1"), "base_rate: want above 0 and below 1"},
	{"a list for a model", nil, always("[]"), "linear.json: the file: got array, want an object"},
	{"another format", swap(`"format":1`, `"format":7`), nil, "format: want 1, got 7"},
	{"a pickle", nil, always("\x80\x04\x95sklearn.linear_model"), "linear.json: no UTF-8 text"},
	{"a tree model", swap("linear.json", "xgboost.json"), nil, "model: want linear.json"},
	{"a path for a model", swap("linear.json", "../../../etc/passwd"), nil, "model: want linear.json"},
	{"another feature set", swap("fs-1", "fs-2"), nil, `feature_set: want fs-1, got "fs-2"`},
	{"a feature that there is not", swap("silence", "commission"), nil, "commission: not in fs-1"},
	{"a feature twice", swap("silence", "has_phone"), nil, "has_phone: not in fs-1, or twice"},
	{"a feature that no model may use", swap("has_phone", "days_to_tour"), nil, "no model may use it"},
	{"an unknown field", nil, swap(`"mean"`, `"exec":"rm","mean"`), "unknown field"},
	{"something after the model", nil, func(s string) string { return s + "{}" }, "something follows"},
	{"no self-tests", func(string) string {
		return `{"format":1,"model":"linear.json","feature_set":"fs-1","features":["silence"],"self_tests":[]}`
	}, nil, "self_tests: want 20 to 10000 rows, got 0"},
	{"a self-test of another width", swap(`"x":[0,0,0]`, `"x":[0,0]`), nil, "self-test 1: 2 numbers"},
	{"failing self-tests", nil, swap("-1.5,", "-1.50001,"), "self-test 1: the model gives"},
	{"deep nesting", always(strings.Repeat("[", 900_000)), nil, "manifest.json: nested deeper than 8"},
	{"deep nesting of a weight", nil, swap("0.4", strings.Repeat("[", 400_000)), "linear.json: nested deeper than 8"},
	{"a name twice", nil, swap(`"intercept"`, `"intercept":9,"intercept"`), `"intercept" is there twice`},
	{"a name twice, in capitals", nil, swap(`"mean"`, `"WEIGHTS":[0,0,0],"mean"`), `"WEIGHTS" is there twice`},
	{"a self-test's name twice", swap(`"x":[0,0,0]`, `"x":[0,0,0],"x":[0,0,0]`), nil, `"x" is there twice`},
	{"no number for a weight", nil, swap("0.4", "null"), "null: want a value"},
	{"nothing for a model", nil, always("null"), "null: want a value"},
	{"a self-test of no number", swap(`"probability":`, `"probability":NaN,"p":`), nil, "manifest.json: invalid character 'N'"},
	{"a self-test that overflows", swap(`"x":[0,0,0]`, `"x":[1e999,0,0]`), nil, "self_tests.x: got number 1e999, want a number"},
	{"a name that is no text", swap("ours", "\xff\xfe"), nil, "manifest.json: no UTF-8 text"},
	{"UTF-16", nil, always("\xff\xfe{\x00}\x00"), "linear.json: no UTF-8 text"},
	{"a zero byte after the model", nil, func(s string) string { return s + "\x00" }, "linear.json: something follows"},
	{"a format that is no whole number", swap(`"format":1`, `"format":1.5`), nil, "format: got number 1.5, want a whole number"},
}

func always(s string) func(string) string { return func(string) string { return s } }

func swap(old, with string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, with, 1) }
}

func firstHalf(s string) string { return s[:len(s)/2] }

func padded(s string) string { return s + strings.Repeat(" ", scoring.MaxFolderFile) }

// TestHostileFolders: each is refused, for its own reason, in little memory.
func TestHostileFolders(t *testing.T) {
	for _, tt := range hostile {
		t.Run(tt.name, func(t *testing.T) {
			f := goodFolder(t)
			if tt.manifest != nil {
				f.Manifest = []byte(tt.manifest(string(f.Manifest)))
			}
			if tt.linear != nil {
				f.Linear = []byte(tt.linear(string(f.Linear)))
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			m, err := scoring.ParseFolder(f)
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ParseFolder = %v, %v; want an error with %q", m, err, tt.want)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 32<<20 {
				t.Errorf("it took %d bytes to refuse", used)
			}
		})
	}
}

// TestFoldersUnread: what is too large, missing or no file is not read.
func TestFoldersUnread(t *testing.T) {
	good := goodFolder(t)
	for name, tt := range map[string]struct {
		linear *fstest.MapFile
		want   string
	}{
		"missing":   {nil, "file does not exist"},
		"a pipe":    {&fstest.MapFile{Mode: 1 << 25}, "no regular file"},
		"too large": {&fstest.MapFile{Data: make([]byte, 4*scoring.MaxFolderFile)}, "larger than"},
	} {
		dir := fstest.MapFS{"manifest.json": {Data: good.Manifest}}
		if tt.linear != nil {
			dir["linear.json"] = tt.linear
		}
		if _, err := scoring.ReadFolder(dir); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, tt.want)
		}
	}
}

// TestFoldersOnDisk: what a file system has that is no file is refused, at once.
func TestFoldersOnDisk(t *testing.T) {
	good := goodFolder(t)
	for _, tt := range []struct {
		name string
		make func(linear string) error
		want string
	}{
		{"empty folder", func(linear string) error { return os.Remove(filepath.Join(filepath.Dir(linear), "manifest.json")) }, "manifest.json: no such file"},
		{"a pipe that nobody writes to", func(linear string) error { return syscall.Mkfifo(linear, 0o600) }, "no regular file"},
		{"a folder", func(linear string) error { return os.Mkdir(linear, 0o700) }, "no regular file"},
		{"a link to a file without end", func(linear string) error { return os.Symlink("/dev/zero", linear) }, "no regular file"},
		{"a link to itself", func(linear string) error { return os.Symlink("linear.json", linear) }, "too many levels of symbolic links"},
		{"a link to nothing", func(linear string) error { return os.Symlink("gone", linear) }, "no such file"},
		{"a terabyte of nothing", func(linear string) error {
			return errors.Join(os.WriteFile(linear, nil, 0o600), os.Truncate(linear, 1<<40))
		}, "larger than"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "manifest.json"), good.Manifest, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := tt.make(filepath.Join(dir, "linear.json")); err != nil {
			t.Fatal(err)
		}
		if _, err := scoring.ReadFolder(os.DirFS(dir)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}

// FuzzFolder: whatever is in the files, they are refused or they are a model
// that gives a probability.
func FuzzFolder(f *testing.F) {
	good := goodFolder(f)
	f.Add(good.Manifest, good.Linear)
	for _, tt := range hostile {
		manifest, linear := string(good.Manifest), string(good.Linear)
		if tt.manifest != nil {
			manifest = tt.manifest(manifest)
		}
		if tt.linear != nil {
			linear = tt.linear(linear)
		}
		if len(manifest)+len(linear) < 10_000 {
			f.Add([]byte(manifest), []byte(linear))
		}
	}
	f.Fuzz(func(t *testing.T, manifest, linear []byte) {
		m, err := scoring.ParseFolder(scoring.Folder{Manifest: manifest, Linear: linear})
		if err != nil {
			return
		}
		s := m.Score(scoring.Facts{})
		if p := *s.WinProbability; !(p >= 0 && p <= 1) || !(s.Value >= 0 && s.Value <= 100) {
			t.Fatalf("accepted, and gives %v: %s", fmt.Sprint(s), linear)
		}
	})
}

// FuzzModel: the same for a whole model, as an entry carries it.
func FuzzModel(f *testing.F) {
	m, err := scoring.ParseFolder(goodFolder(f))
	if err != nil {
		f.Fatal(err)
	}
	text, err := m.Canonical()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"format":1,"kind":"points","feature_set":"fs-1","card":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := scoring.ParseModel(text)
		if err != nil {
			return
		}
		if s := m.Score(scoring.Facts{}); !(s.Value >= 0 && s.Value <= 100) {
			t.Fatalf("accepted, and gives %v", s)
		}
	})
}

// TestExtremeFolder: a model at the limits of what is taken gives reasons that
// add up.
func TestExtremeFolder(t *testing.T) {
	m, err := scoring.Model{
		Format: 1, Kind: scoring.KindLogistic, FeatureSet: scoring.FeatureSet, Features: []string{"has_phone", "messages_7d", "silence"},
		Mean: []float64{-1e9, -1e9, 1e9}, Scale: []float64{2e-9, 2e-9, 2e-9}, Weights: []float64{1e6, 1e6, -1e6}, Platt: &[2]float64{100, 0}, BaseRate: 0.5,
	}.Ready()
	if err != nil {
		t.Fatal(err)
	}
	s := m.Score(scoring.Facts{})
	got := 4000
	for _, r := range s.Reasons {
		got += cent(r.Points)
	}
	if got != cent(s.Value) || s.Value != 100 {
		t.Errorf("40 and the reasons are %d, the score is %v: %+v", got, s.Value, s.Reasons)
	}
}
