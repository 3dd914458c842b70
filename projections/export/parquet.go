package export

import (
	"fmt"
	"io"
	"reflect"

	"github.com/parquet-go/parquet-go"
)

// A row group is kept in memory until it is written. Where it ends depends on
// the rows alone, so the same rows are the same bytes.
const (
	groupRows  = 32 << 10
	groupBytes = 16 << 20
)

// columnar writes Parquet.
type columnar struct {
	w       *parquet.GenericWriter[any]
	columns []Column
	row     parquet.Row
	rows    [1]parquet.Row
	n, size int // of the row group
}

// newColumnar begins a file; about is what its footer says of itself, in order.
func newColumnar(w io.Writer, columns []Column, about [][2]string) *columnar {
	options := []parquet.WriterOption{
		schemaOf(columns), parquet.Compression(&parquet.Zstd),
		parquet.CreatedBy("ghl-ledger", SchemaVersion, ""), // of no build: an update changes no byte
	}
	for _, a := range about {
		options = append(options, parquet.KeyValueMetadata(a[0], a[1]))
	}
	return &columnar{w: parquet.NewGenericWriter[any](w, options...), columns: columns, row: make(parquet.Row, len(columns))}
}

// schemaOf has the columns in their own order, which a parquet.Group would sort.
func schemaOf(columns []Column) *parquet.Schema {
	fields := make([]reflect.StructField, len(columns))
	for i, c := range columns {
		t, options := physical(c.Type)
		if c.Nulls {
			options += ",optional"
		}
		if c.dictionary {
			options += ",dict"
		}
		fields[i] = reflect.StructField{Name: fmt.Sprintf("C%d", i), Type: t, Tag: reflect.StructTag(fmt.Sprintf("parquet:%q", c.Name+options))}
	}
	return parquet.NewSchema("row", parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Interface()))
}

func physical(t Type) (reflect.Type, string) {
	switch t {
	case Text:
		return reflect.TypeFor[string](), ""
	case Float:
		return reflect.TypeFor[float64](), ""
	case Boolean:
		return reflect.TypeFor[bool](), ""
	case Timestamp:
		return reflect.TypeFor[int64](), ",timestamp(microsecond)"
	}
	return reflect.TypeFor[int64](), ""
}

func (c *columnar) encode(row []cell) error {
	for i := range row {
		c.row[i] = valueOf(&c.columns[i], &row[i]).Level(0, levelOf(&c.columns[i], &row[i]), i)
		c.size += 8 + len(row[i].text)
	}
	c.rows[0] = c.row
	if _, err := c.w.WriteRows(c.rows[:]); err != nil {
		return err
	}
	if c.n++; c.n < groupRows && c.size < groupBytes {
		return nil
	}
	c.n, c.size = 0, 0
	return c.w.Flush()
}

func (c *columnar) close() error { return c.w.Close() }

func levelOf(c *Column, v *cell) int {
	if c.Nulls && !v.null {
		return 1
	}
	return 0
}

func valueOf(c *Column, v *cell) parquet.Value {
	switch {
	case v.null:
		return parquet.NullValue()
	case c.Type == Text:
		return parquet.ByteArrayValue([]byte(v.text))
	case c.Type == Float:
		return parquet.DoubleValue(v.f)
	case c.Type == Boolean:
		return parquet.BooleanValue(v.n != 0)
	}
	return parquet.Int64Value(v.n)
}
