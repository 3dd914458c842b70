package export

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// Words is the data dictionary: what the columns of every dataset mean. It is
// made of the tags of the structs that the rows are, so it cannot say what they
// do not.
type Words struct {
	SchemaVersion string     `json:"schema_version"`
	FeatureSet    string     `json:"feature_set"`
	Datasets      []Sentence `json:"datasets"`
}

// Sentence is what the dictionary says of one dataset.
type Sentence struct {
	Name    string   `json:"name"`
	About   string   `json:"about"`
	AsOf    bool     `json:"as_of_until"` // whole at the end of the range, not what came in it
	Columns []Column `json:"columns"`
}

// Dictionary returns the data dictionary.
func Dictionary() Words {
	w := Words{SchemaVersion: SchemaVersion, FeatureSet: scoring.FeatureSet}
	for _, name := range Datasets() {
		d := datasets[name]
		w.Datasets = append(w.Datasets, Sentence{name, d.about, d.asOf, d.columns})
	}
	return w
}

// JSON writes the dictionary for programs.
func (d Words) JSON(w io.Writer) error { return indented(w, d) }

// Markdown writes it for people.
func (d Words) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Data dictionary\n\nSchema %s, features %s. Times are UTC. An entry's id is also a cursor.\n\n%s", d.SchemaVersion, d.FeatureSet, legend)
	for _, s := range d.Datasets {
		whole := ""
		if s.AsOf {
			whole = " In a folder each export of it is whole: read the newest file alone."
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s%s\n\n| column | type | unit | nulls | source | leak | personal data | meaning |\n|---|---|---|---|---|---|---|---|\n", s.Name, s.About, whole)
		for _, c := range s.Columns {
			nulls := "no"
			if c.Nulls {
				nulls = "yes"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s | %s |\n", c.Name, c.Type, cmp.Or(c.Unit, "–"), nulls, c.Source, c.Leak, c.Personal, c.About)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const legend = `Leak: ` + "`label`" + ` is the result itself, ` + "`after`" + ` may have been written with the result known: no model may
learn from either. Personal data: ` + "`direct`" + ` is left empty unless it is asked for; contact, email, phone, …
are pseudonyms then, the same for the same in every dataset.
`
