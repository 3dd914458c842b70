package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

type doctorCmd struct {
	Config `embed:""`
	Live   bool   `help:"Only whether the service lives, for a container's health check."`
	Output string `enum:"table,json" default:"table" help:"${enum}."`
}

// Help is what doctor --help says beside its flags.
func (doctorCmd) Help() string {
	return `Walks through everything that a service needs, running or not, and says of each
finding what to do. It takes the same settings as serve and changes nothing.

Exit codes:
  0   nothing keeps it from working
  1   something does: marked "fail"

Examples:
  ghl-ledger doctor
  ghl-ledger doctor --output json | jq '.findings[] | select(.state == "fail")'
  ghl-ledger doctor --live`
}

// finding is one thing that the doctor looked at.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"` // ok, warn, fail, skip
	Found string `json:"found"`
	Do    string `json:"do"` // what to do about it; empty where nothing is to be done
}

func ok(check, format string, args ...any) finding {
	return finding{Check: check, State: "ok", Found: fmt.Sprintf(format, args...)}
}

func skip(check, found, do string) finding { return finding{check, "skip", found, do} }
func warn(check, found, do string) finding { return finding{check, "warn", found, do} }
func fail(check, found, do string) finding { return finding{check, "fail", found, do} }

// Run examines, prints what was found, and what to click in GoHighLevel.
func (c *doctorCmd) Run(ctx context.Context, con *console) error {
	if c.Live {
		return c.live(ctx, con)
	}
	c.complete(con.set)
	list := c.examine(ctx)
	if err := c.print(con, list); err != nil {
		return err
	}
	for _, f := range list {
		if f.State == "fail" {
			return answerNo{errors.New("something keeps the service from working: see what is marked fail")}
		}
	}
	return nil
}

// examine looks at everything, the nearest things first.
func (c *Config) examine(ctx context.Context) (list []finding) {
	list = append(list, c.examineSettings()...)
	list = append(list, c.examineKeys())
	list = append(list, c.examineData()...)
	list = append(list, c.examineService(ctx)...)
	list = append(list, c.examinePublic(ctx))
	return append(list, c.examineGHL(ctx)...)
}

func (c *doctorCmd) print(con *console, list []finding) error {
	if c.Output == "json" {
		return printJSON(con.out, map[string]any{"findings": list})
	}
	for _, f := range list {
		fmt.Fprintf(con.out, "%s%*s  %-14s  %s\n", paint(con, f.State), 4-len(f.State), "", f.Check, printable(f.Found))
		if f.Do != "" {
			fmt.Fprintf(con.out, "%22s-> %s\n", "", f.Do)
		}
	}
	url := c.WebhookURL
	if url == "" {
		url = "https://YOUR-HOST/webhooks/ghl"
	}
	fmt.Fprintln(con.out)
	return printSenders(con.out, url, "<GHL_WORKFLOW_TOKEN>", ".env")
}

// live asks the service whether it lives. Every no is exit code 1: Docker
// keeps 2 to itself.
func (c *Config) live(ctx context.Context, con *console) error {
	url := "http://" + reachable(c.Listen) + "/healthz"
	if status, body, err := fetch(ctx, url, 3*time.Second); err != nil {
		return answerNo{fmt.Errorf("%s: %w", url, err)}
	} else if status != http.StatusOK {
		return answerNo{fmt.Errorf("%s answered %d: %.200s", url, status, body)}
	}
	_, err := fmt.Fprintln(con.out, "alive")
	return err
}

// fetch gets what stands at url, at most a little of it.
func fetch(ctx context.Context, url string, limit time.Duration) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", unwrapURL(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return resp.StatusCode, strings.TrimSpace(string(b)), err
}
