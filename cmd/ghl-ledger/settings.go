package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/joho/godotenv"
)

// settings are the variables that this program reads, from the environment and
// from .env, the environment first. Flags stand above both; kong has those.
type settings struct {
	value  map[string]string
	source map[string]string // environment, .env, or the file that X_FILE names
}

// prefixes are ours: an unknown key that begins with one is a mistake.
var prefixes = []string{"GHL_", "LEDGER_"}

// open are the prefixes of keys whose rest the user chooses.
var open = []string{"GHL_SEQUENCE_", "GHL_API_KEY_"}

// readSettings merges the two sources. A file that X_FILE names is read for X;
// an unknown key of ours is an error that names the nearest key.
func readSettings(environ []string, dotenv string) (*settings, error) {
	s := &settings{value: map[string]string{}, source: map[string]string{}}
	fromFile, err := godotenv.Read(dotenv)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read %s: %w", dotenv, withoutText(err))
	}
	for key, v := range fromFile {
		s.add(key, v, dotenv)
	}
	for _, pair := range environ {
		key, v, _ := strings.Cut(pair, "=")
		s.add(key, v, "environment")
	}
	return s, s.resolveFiles()
}

// withoutText keeps what the file says out of the error: the parser quotes it
// from the fault on, secrets and all.
func withoutText(err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return err
	}
	return errors.New("every line is KEY=value or a # comment, and one is neither")
}

func (s *settings) add(key, v, source string) {
	if !hasPrefix(key, prefixes) || v == "" {
		return
	}
	base := strings.TrimSuffix(key, "_FILE")
	// X of a stronger source hides X_FILE of a weaker one, and the other way round.
	delete(s.value, base)
	delete(s.value, base+"_FILE")
	s.value[key], s.source[key] = v, source
}

func (s *settings) resolveFiles() error {
	known := settingKeys()
	var errs []error
	for key, v := range s.value {
		base, isFile := strings.CutSuffix(key, "_FILE")
		switch {
		case slices.Contains(known, key), hasPrefix(key, open) && !isFile:
		case isFile && (slices.Contains(known, base) || hasPrefix(base, open)):
			b, err := os.ReadFile(v)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", key, err))
				continue
			}
			s.value[base], s.source[base] = strings.TrimSpace(string(b)), v
		default:
			errs = append(errs, fmt.Errorf("unknown setting %s (%s): did you mean %s?", key, s.source[key], nearest(key, known)))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// settingKeys lists the variables, from the fields of Config and of the
// commands that talk to a running service.
func settingKeys() []string {
	var keys []string
	for _, holder := range []any{&Config{}, &remote{}} {
		parser, err := kong.New(holder)
		if err != nil {
			panic(err) // a mistake in the struct tags
		}
		for _, f := range parser.Model.Flags {
			if key := settingKey(f); key != "" {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// settingKey returns the variable behind a flag: --ledger-data-dir is
// LEDGER_DATA_DIR. Flags without our prefixes have none.
func settingKey(f *kong.Flag) string {
	key := strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
	if !hasPrefix(key, prefixes) {
		return ""
	}
	return key
}

// Validate implements kong.Resolver.
func (s *settings) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver: the value of a flag that was not given.
func (s *settings) Resolve(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
	if v, ok := s.value[settingKey(f)]; ok {
		return v, nil
	}
	return nil, nil
}

// describe adds a setting's variable to its line in --help.
func describe(v *kong.Value) string {
	if v.Flag == nil || settingKey(v.Flag) == "" {
		return kong.DefaultHelpValueFormatter(v)
	}
	return kong.DefaultHelpValueFormatter(v) + " (" + settingKey(v.Flag) + ")"
}

func hasPrefix(key string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
}

// nearest returns the known key with the smallest edit distance to key.
func nearest(key string, known []string) string {
	return slices.MinFunc(known, func(a, b string) int { return distance(key, a) - distance(key, b) })
}

// distance is the Levenshtein distance of two keys.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
