package main

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Say whether serve would start, and what keeps it."`
	Print configPrintCmd `cmd:"" help:"Print every setting, secrets masked, with where it came from."`
}

type configCheckCmd struct {
	Config `embed:""`
	Output string `enum:"table,json" default:"table" help:"${enum}."`
}

// checkup is what config check found.
type checkup struct {
	Good     bool     `json:"good"`
	Faults   []string `json:"faults"`
	Warnings []string `json:"warnings"`
}

// Help is what config check --help says beside its flags.
func (configCheckCmd) Help() string {
	return `Examples:
  ghl-ledger config check
  ghl-ledger config check --output json | jq -r '.faults[]'`
}

// Run exits 0 if serve would start with this configuration.
func (c *configCheckCmd) Run(con *console) error {
	c.complete(con.set)
	err := c.check()
	if c.Output == "json" {
		found := checkup{Good: err == nil, Faults: []string{}, Warnings: append([]string{}, c.warnings()...)}
		if err != nil {
			found.Faults = strings.Split(err.Error(), "\n")
		}
		if err := printJSON(con.out, found); err != nil {
			return err
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("configuration:\n%w", err)
	case c.Output == "json":
		return nil
	}
	for _, w := range c.warnings() {
		fmt.Fprintln(con.err, "warning:", w)
	}
	_, err = fmt.Fprintln(con.out, "The configuration is good.")
	return err
}

// warnings are what an operator should know, though it keeps nothing from starting.
func (c *Config) warnings() (list []string) {
	if c.APIKey == "" && len(c.APIKeys) == 0 {
		list = append(list, "no GHL_API_KEY: webhooks are taken and leads scored, but effects are held until there is one")
	}
	if c.retiredAPI() {
		list = append(list, "GHL_API_BASE_URL ends in /v1: GoHighLevel retired that API at the end of 2025; use https://services.leadconnectorhq.com")
	}
	if c.Effects == "dry-run" {
		list = append(list, "GHL_EFFECTS is dry-run: what would be sent is recorded, nothing is sent")
	}
	if c.BackupDir != "" && c.BackupEvery == 0 {
		list = append(list, "LEDGER_BACKUP_DIR without LEDGER_BACKUP_EVERY: no backups are made there; say how often, such as 6h")
	}
	if info, err := os.Stat(".env"); err == nil && info.Mode().Perm()&0o077 != 0 {
		list = append(list, fmt.Sprintf(".env has mode %#o and holds secrets: run `chmod 600 .env`", info.Mode().Perm()))
	}
	return list
}

type configPrintCmd struct {
	Config `embed:""`
	Output string `enum:"table,json" default:"table" help:"${enum}."`
}

// setting is one line of config print.
type setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

// Help is what config print --help says beside its flags.
func (configPrintCmd) Help() string {
	return `Examples:
  ghl-ledger config print
  ghl-ledger config print --output json | jq '.[] | select(.source != "default")'`
}

// Run prints the settings in the order of Config.
func (c *configPrintCmd) Run(con *console, k *kong.Context) error {
	c.complete(con.set)
	var list []setting
	for _, f := range k.Selected().Flags {
		key := settingKey(f)
		if key == "" {
			continue
		}
		source := con.set.source[key]
		switch {
		case flagGiven(k, f):
			source = "flag"
		case source == "":
			source = "default"
		}
		list = append(list, setting{Name: key, Value: shown(f.Target, f.Tag.Has("secret")), Source: source})
	}
	for _, key := range slices.Sorted(maps.Keys(con.set.value)) {
		if hasPrefix(key, open) && !strings.HasSuffix(key, "_FILE") {
			v := con.set.value[key]
			if strings.HasPrefix(key, "GHL_API_KEY") {
				v = mask(v)
			}
			list = append(list, setting{Name: key, Value: v, Source: con.set.source[key]})
		}
	}
	return printList(con, c.Output, list)
}

func flagGiven(k *kong.Context, f *kong.Flag) bool {
	for _, p := range k.Path {
		if p.Flag == f && !p.Resolved {
			return true
		}
	}
	return false
}

// shown is a setting as it may be printed.
func shown(v reflect.Value, secret bool) string {
	if v.Kind() != reflect.Slice {
		s := fmt.Sprint(v.Interface())
		if secret {
			return mask(s)
		}
		return s
	}
	parts := make([]string, v.Len())
	for i := range parts {
		parts[i] = shown(v.Index(i), secret)
	}
	return strings.Join(parts, ",")
}

// mask shows that there is a secret, and enough of a long one to tell it from
// another.
func mask(s string) string {
	switch {
	case s == "":
		return ""
	case len(s) < 16:
		return "****"
	default:
		return s[:2] + "****" + s[len(s)-2:]
	}
}
