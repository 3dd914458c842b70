package main

import (
	"cmp"
	"fmt"
	"runtime/debug"
)

// serviceVersion is what the webhook's verify answers; the seed fixes it.
const serviceVersion = "4.0.0"

// buildVersion is set by the release build.
var buildVersion = ""

type versionCmd struct {
	Output string `enum:"table,json" default:"table" help:"${enum}."`
}

// build is what the program was built from.
type build struct {
	Version  string `json:"version"` // of the webhooks
	Build    string `json:"build"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
}

// Run prints the version and what it was built from.
func (c *versionCmd) Run(con *console) error {
	if c.Output == "json" {
		return printJSON(con.out, thisBuild())
	}
	_, err := fmt.Fprintln(con.out, versionLine())
	return err
}

func thisBuild() build {
	b := build{Version: serviceVersion, Build: cmp.Or(buildVersion, "dev")}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Go = info.GoVersion
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Revision = s.Value
		}
	}
	return b
}

func versionLine() string {
	b := thisBuild()
	if b.Revision != "" {
		b.Build += " " + b.Revision[:min(12, len(b.Revision))]
	}
	return fmt.Sprintf("ghl-ledger %s (build %s, %s)", b.Version, b.Build, cmp.Or(b.Go, "unknown Go"))
}
