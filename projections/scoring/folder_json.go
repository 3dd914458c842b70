package scoring

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// mostNested is deeper than any object of a folder.
const mostNested = 8

// plainJSON refuses what two readers may take for two different models: a name
// that an object has twice (Go takes the last, others the first), null among
// numbers (Go takes it for 0), bytes that are no UTF-8 (Go replaces them).
func plainJSON(text []byte) error {
	if !utf8.Valid(text) {
		return errors.New("no UTF-8 text")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // a number out of range is refused later, by its name
	err := plainValue(d, mostNested)
	switch {
	case !errors.Is(err, io.EOF):
		return err
	case len(bytes.TrimSpace(text)) == 0:
		return errors.New("it is empty")
	}
	return io.ErrUnexpectedEOF
}

func plainValue(d *json.Decoder, depth int) error {
	t, err := d.Token()
	switch {
	case err != nil:
		return err
	case t == nil:
		return errors.New("null: want a value, or the name left out")
	case t != json.Delim('{') && t != json.Delim('['):
		return nil
	case depth == 0:
		return fmt.Errorf("nested deeper than %d", mostNested)
	}
	seen := map[string]bool{}
	for d.More() {
		if t == json.Delim('{') {
			if err := newName(d, seen); err != nil {
				return err
			}
		}
		if err := plainValue(d, depth-1); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// newName reads an object's next name. Names are the same whatever their case,
// as they are to encoding/json.
func newName(d *json.Decoder, seen map[string]bool) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	name, _ := t.(string)
	key := strings.ToLower(name)
	if seen[key] {
		return fmt.Errorf("%.40q is there twice", name)
	}
	seen[key] = true
	return nil
}
