package ghl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Limits of a body. With them 1 MiB of the worst JSON decodes into a few MiB.
const (
	maxDepth  = 32        // objects and arrays within each other
	maxValues = 10_000    // values in one body
	maxName   = 256       // bytes of a member's name
	maxString = 512 << 10 // bytes of a string: a long HTML e-mail
	maxText   = 4 << 10   // bytes of a name, an address, a title
	maxID     = 256       // bytes of an identifier, so that a key made of it fits
)

// decode reads body as one JSON object and nothing after it. It refuses what
// encoding/json lets pass in silence: invalid UTF-8, a name given twice at any
// level, trailing data. Its error is an *InvalidError that quotes no value.
func decode(body []byte) (value, error) {
	r := reader{dec: jsontext.NewDecoder(bytes.NewBuffer(body)), left: maxValues}
	root, err := r.read()
	if err == nil {
		err = r.end()
	}
	if err == nil && !root.isObject() {
		err = &InvalidError{Fields: map[string]string{wholeBody: "must be a JSON object"}}
	}
	if err != nil {
		return value{}, r.fault(err)
	}
	return root, nil
}

// reader builds a value from tokens.
type reader struct {
	dec  *jsontext.Decoder
	left int // values it may still read
}

var errTrailing = errors.New("something follows the JSON object")

func (r *reader) end() error {
	if _, err := r.dec.ReadToken(); err != io.EOF {
		return errTrailing
	}
	return nil
}

func (r *reader) read() (value, error) {
	tok, err := r.dec.ReadToken()
	if err != nil {
		return value{}, err
	}
	if r.left--; r.left < 0 {
		return value{}, r.refuse(fmt.Sprintf("more than %d values", maxValues))
	}
	if r.dec.StackDepth() > maxDepth {
		return value{}, r.refuse(fmt.Sprintf("nested deeper than %d", maxDepth))
	}
	v := value{kind: tok.Kind()}
	switch v.kind {
	case jsontext.KindString, jsontext.KindNumber:
		v.text = tok.String()
		if len(v.text) > maxString {
			return value{}, r.refuse(fmt.Sprintf("longer than %d bytes", maxString))
		}
	case jsontext.KindBeginObject, jsontext.KindBeginArray:
		err = r.readItems(&v)
	}
	return v, err
}

func (r *reader) readItems(v *value) error {
	for {
		switch r.dec.PeekKind() {
		case jsontext.KindEndObject, jsontext.KindEndArray:
			_, err := r.dec.ReadToken()
			return err
		}
		if v.isObject() {
			name, err := r.dec.ReadToken()
			if err != nil {
				return err
			}
			if v.names = append(v.names, name.String()); len(v.names[len(v.names)-1]) > maxName {
				return r.refuse(fmt.Sprintf("a name longer than %d bytes", maxName))
			}
		}
		item, err := r.read()
		if err != nil {
			return err
		}
		v.items = append(v.items, item)
	}
}

// refuse returns the error of a body that is JSON but over a limit.
func (r *reader) refuse(reason string) error {
	return &InvalidError{Fields: map[string]string{dotted(r.dec.StackPointer()): reason}}
}

// fault turns a decoder's error into words without any of the body's values:
// the answer and the log must not repeat them.
func (r *reader) fault(err error) error {
	var invalid *InvalidError
	var syntax *jsontext.SyntacticError
	field, reason := wholeBody, "not JSON"
	switch {
	case errors.As(err, &invalid):
		return invalid
	case err == errTrailing:
		reason = err.Error()
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntax):
		field, reason = dotted(syntax.JSONPointer), "given twice"
	case errors.Is(err, io.ErrUnexpectedEOF):
		reason = "ends in the middle"
	case err == io.EOF:
		reason = "empty"
	case errors.As(err, &syntax):
		reason = fmt.Sprintf("not JSON at byte %d", syntax.ByteOffset)
	}
	return &InvalidError{Fields: map[string]string{field: reason}}
}

// dotted writes a place in the body as a.b.c, short and printable whatever the
// sender's names are.
func dotted(p jsontext.Pointer) string {
	var names []string
	for name := range p.Tokens() {
		name = printable(name)
		if name == "" {
			name = `""` // which a reader would not see
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return wholeBody
	}
	return clip(strings.Join(names, "."), maxName)
}
