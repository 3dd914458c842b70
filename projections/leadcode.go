package projections

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
)

// coder writes values one after the other, or reads them back: one description
// of a row serves both, so they cannot disagree. JSON would take
// a quarter of a walk.
type coder struct {
	reads  bool
	b      []byte // what was written, or what is still to be read
	broken error
}

// codeLead goes through a row. A field that is left out here is lost on a walk, as
// TestWalkKnowsWhatTheViewKnew shows.
func codeLead(c *coder, row *leadRow) {
	codeRegister(c, &row.Location, (*coder).text)
	codeMap(c, &row.Profile, codeRegisterOf((*coder).text))
	codeRegister(c, &row.Tags, codeList((*coder).text))
	codeRegister(c, &row.DND, (*coder).bool)
	codeMap(c, &row.Custom, codeRegisterOf((*coder).any))
	codeMap(c, &row.Opps, codePointer(codeOpportunity))
	codeMap(c, &row.Appts, codePointer(codeAppointment))
	codeList((*coder).text)(c, &row.Emails)
	codeMap(c, &row.Written, codeRegisterOf((*coder).any))
	codeMap(c, &row.Asked, (*coder).any)
	c.int(&row.In)
	c.int(&row.Out)
	for _, s := range []*stamp{&row.Created, &row.First, &row.Newest, &row.OptedOut, &row.OptedIn} {
		c.stamp(s)
	}
	codeRegister(c, &row.Gone, (*coder).bool)
	c.bytes((*[]byte)(&row.Score))
	c.uint64(&row.ScoredAs)
	c.fixed(row.AsOf[:])
	c.bool(&row.Forgotten)
}

func codeOpportunity(c *coder, row *opportunityRow) {
	codeMap(c, &row.Fields, codeRegisterOf((*coder).text))
	codeRegister(c, &row.Value, (*coder).float)
	codeRegister(c, &row.Final, (*coder).float)
	codeMap(c, (*map[string]span)(&row.Status), (*coder).span)
	codeRegister(c, &row.Raw, (*coder).text)
}

func codeAppointment(c *coder, row *appointmentRow) {
	codeMap(c, &row.Fields, codeRegisterOf((*coder).text))
	codeRegister(c, &row.Start, (*coder).int64)
	codeRegister(c, &row.Minutes, (*coder).float)
	codeRegister(c, &row.Feedback, (*coder).float)
	codeMap(c, (*map[string]span)(&row.Status), (*coder).span)
}

func codeRegister[T any](c *coder, r *register[T], value func(*coder, *T)) {
	value(c, &r.V)
	c.stamp(&r.S)
}

func codeRegisterOf[T any](value func(*coder, *T)) func(*coder, *register[T]) {
	return func(c *coder, r *register[T]) { codeRegister(c, r, value) }
}

func codePointer[T any](value func(*coder, *T)) func(*coder, **T) {
	return func(c *coder, p **T) {
		if *p == nil {
			*p = new(T)
		}
		value(c, *p)
	}
}

func codeMap[T any](c *coder, m *map[string]T, value func(*coder, *T)) {
	n := c.count(len(*m))
	if !c.reads {
		for k, v := range *m {
			c.text(&k)
			value(c, &v)
		}
		return
	}
	if n > 0 {
		*m = make(map[string]T, n)
	}
	for range n {
		var k string
		var v T
		c.text(&k)
		value(c, &v)
		(*m)[k] = v
	}
}

// codeList keeps a list that is empty apart from one that is nil.
func codeList[T any](value func(*coder, *T)) func(*coder, *[]T) {
	return func(c *coder, list *[]T) {
		some := *list != nil
		if c.bool(&some); !some {
			return
		}
		if n := c.count(len(*list)); c.reads {
			*list = make([]T, n)
		}
		for i := range *list {
			value(c, &(*list)[i])
		}
	}
}

func (c *coder) stamp(s *stamp) {
	if c.int64(&s.at); s.at != 0 {
		c.uint64(&s.hash)
		c.fixed(s.id[:])
	}
}

func (c *coder) span(s *span) {
	c.stamp(&s.First)
	c.stamp(&s.Last)
}

// any is JSON, but for a text.
func (c *coder) any(v *any) {
	text, isText := (*v).(string)
	if c.bool(&isText); isText {
		c.text(&text)
		*v = text
		return
	}
	var raw []byte
	var err error
	if !c.reads {
		raw, err = json.Marshal(*v)
	}
	if c.bytes(&raw); c.reads {
		err = json.Unmarshal(raw, v)
	}
	c.broken = cmp.Or(c.broken, err)
}

func (c *coder) text(s *string) {
	if !c.reads {
		c.count(len(*s))
		c.b = append(c.b, *s...)
		return
	}
	*s = string(c.take(c.count(0)))
}

// bytes reads nothing as nil.
func (c *coder) bytes(p *[]byte) {
	if !c.reads {
		c.count(len(*p))
		c.b = append(c.b, *p...)
		return
	}
	*p = nil
	if n := c.count(0); n > 0 {
		*p = c.take(n)
	}
}

func (c *coder) fixed(p []byte) {
	if !c.reads {
		c.b = append(c.b, p...)
		return
	}
	copy(p, c.take(len(p)))
}

func (c *coder) uint64(v *uint64) {
	var p [8]byte
	binary.BigEndian.PutUint64(p[:], *v)
	c.fixed(p[:])
	*v = binary.BigEndian.Uint64(p[:])
}

func (c *coder) float(f *float64) {
	bits := math.Float64bits(*f)
	c.uint64(&bits)
	*f = math.Float64frombits(bits)
}

func (c *coder) int64(v *int64) {
	if !c.reads {
		c.b = binary.AppendVarint(c.b, *v)
		return
	}
	n, size := binary.Varint(c.b)
	if c.take(max(size, 0)); size <= 0 {
		c.fail()
	}
	*v = n
}

func (c *coder) int(v *int) {
	wide := int64(*v)
	c.int64(&wide)
	*v = int(wide)
}

func (c *coder) bool(v *bool) {
	var p [1]byte
	if *v {
		p[0] = 1
	}
	c.fixed(p[:])
	*v = p[0] == 1
}

// count is how many things follow, each of a byte at least.
func (c *coder) count(n int) int {
	if !c.reads {
		c.b = binary.AppendUvarint(c.b, uint64(n))
		return n
	}
	read, size := binary.Uvarint(c.b)
	if c.take(max(size, 0)); size <= 0 || read > uint64(len(c.b)) {
		c.fail()
		return 0
	}
	return int(read)
}

// take reads n bytes; nil where there are not so many.
func (c *coder) take(n int) []byte {
	if c.broken != nil || n > len(c.b) {
		c.fail()
		return nil
	}
	p := c.b[:n:n]
	c.b = c.b[n:]
	return p
}

func (c *coder) fail() {
	c.broken = cmp.Or(c.broken, errCutOff)
}

var errCutOff = errors.New("it ends too early")
