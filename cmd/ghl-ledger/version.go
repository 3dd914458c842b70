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

type versionCmd struct{}

// Run prints the version and what it was built from.
func (versionCmd) Run(con *console) error {
	_, err := fmt.Fprintln(con.out, versionLine())
	return err
}

func versionLine() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "ghl-ledger " + serviceVersion
	}
	revision := ""
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = " " + s.Value[:min(12, len(s.Value))]
		}
	}
	return fmt.Sprintf("ghl-ledger %s (build %s%s, %s)", serviceVersion, cmp.Or(buildVersion, "dev"), revision, info.GoVersion)
}
