package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

type eventsTailCmd struct {
	remote      `embed:""`
	eventFilter `embed:""`
	After       string `placeholder:"CURSOR" help:"Begin after this event; 0 is the beginning of the ledger, nothing is now."`
	Limit       int    `help:"End after so many; 0 is never."`
	JSON        bool   `name:"json" help:"One JSON object a line."`
	Output      string `enum:"table,json" default:"table" help:"${enum}; json is --json."`
}

// Help is what events tail --help says beside its flags.
func (eventsTailCmd) Help() string {
	return `It goes on where it was when the connection or the service was gone for a while.

Examples:
  ghl-ledger events tail
  ghl-ledger events tail --kind 'effect.*' --json | jq -r .contact_id
  ghl-ledger events tail --after 0 --limit 100        the first hundred`
}

// again is how long tail waits before it connects anew.
const again = time.Second

// errEnough ends a tail that has printed what it was asked for.
var errEnough = errors.New("enough")

// Run prints entries until it is interrupted, which is its ordinary end.
func (c *eventsTailCmd) Run(ctx context.Context, con *console) error {
	c.find(con.set)
	t := &tail{c: c, con: con, after: c.After}
	for {
		connected, err := t.follow(ctx)
		switch {
		case ctx.Err() != nil || errors.Is(err, errEnough):
			return nil
		case err != nil && !connected && !t.began:
			return err // it never worked: waiting would not help
		case err != nil && isRefusal(err):
			return err
		}
		if connected {
			fmt.Fprintln(con.err, "the stream ended; connecting again")
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return nil
		}
	}
}

func isRefusal(err error) bool {
	_, ok := errors.AsType[*apiProblem](err)
	return ok
}

// tail is a stream and where it stands.
type tail struct {
	c       *eventsTailCmd
	con     *console
	after   string // the last that was printed
	began   bool   // it was connected once
	printed int
}

// follow prints what one connection brings.
func (t *tail) follow(ctx context.Context) (connected bool, err error) {
	q := query(t.c.eventFilter)
	if t.after != "" {
		q.Set("after", t.after)
	}
	resp, err := t.c.send(ctx, http.MethodGet, apiRoot+"stream?"+q.Encode(), nil)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 400 {
		b, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // what there is of it says enough
		return false, t.c.refused(resp.StatusCode, b)
	}
	t.began = true
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if err := t.print(data); err != nil {
				return true, err
			}
		}
	}
	return true, lines.Err()
}

func (t *tail) print(data string) error {
	var row eventRow
	if err := json.Unmarshal([]byte(data), &row); err != nil {
		return fmt.Errorf("an entry of the stream: %w", err)
	}
	if t.c.JSON || t.c.Output == "json" {
		fmt.Fprintln(t.con.out, data)
	} else {
		line := fmt.Sprintf("%s  %s  %-22s  %s", moment(row.Recorded), row.ID, printable(row.Kind), printable(row.Contact))
		fmt.Fprintln(t.con.out, strings.TrimRight(line, " "))
	}
	t.after = row.ID
	if t.printed++; t.printed == t.c.Limit {
		return errEnough
	}
	return nil
}
