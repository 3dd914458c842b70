package ghl

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

//go:embed samples/*.json
var samples embed.FS

// SampleValues fill a sample.
type SampleValues struct {
	At       time.Time // when it happened; two samples at different times are different deliveries
	Contact  string    // "" is contact_sample
	Location string    // GoHighLevel's dialect: must be one that the receiver serves
	App      string    // GoHighLevel's dialect: must be the receiver's
}

// Sample returns a body of type t in the seed's dialect or GoHighLevel's own,
// as `trigger` sends it, or nil if there is none.
func Sample(t Type, d Dialect, at time.Time, contact string) []byte {
	return SampleOf(t, d, SampleValues{At: at, Contact: contact})
}

// SampleOf is Sample with a location and an app.
func SampleOf(t Type, d Dialect, v SampleValues) []byte {
	text, err := samples.ReadFile(fmt.Sprintf("samples/%s.%s.json", d, t))
	if err != nil {
		return nil
	}
	if v.Contact == "" {
		v.Contact = "contact_sample"
	}
	return []byte(v.replacer(t).Replace(string(text)))
}

// SampleTypes lists the types that Sample knows.
func SampleTypes() []Type { return append([]Type(nil), knownTypes...) }

func (v SampleValues) replacer(t Type) *strings.Replacer {
	at := v.At.UTC()
	return strings.NewReplacer(
		"{{contact}}", escaped(v.Contact),
		"{{location}}", escaped(v.Location),
		"{{app}}", escaped(v.App),
		"{{id}}", sampleID(t, at, v.Contact),
		"{{time}}", at.Format("2006-01-02T15:04:05.000Z07:00"),
		"{{unix}}", strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64),
		"{{day}}", at.Format(time.DateOnly),
		"{{day+3}}", at.AddDate(0, 0, 3).Format(time.DateOnly),
		"{{day+30}}", at.AddDate(0, 0, 30).Format(time.DateOnly),
	)
}

// sampleID is an id like GoHighLevel's webhookId: the same for the same
// sample, so that it can be sent twice.
func sampleID(t Type, at time.Time, contact string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", t, contact, at.UnixMilli()))
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}

// escaped is s as it stands between the quotes of a JSON string.
func escaped(s string) string {
	quoted, err := json.Marshal(s)
	if err != nil {
		return "" // a string always marshals
	}
	return string(quoted[1 : len(quoted)-1])
}
