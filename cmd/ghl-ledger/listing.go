package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
)

// client is what the commands of a running service have in common.
type client struct {
	remote `embed:""`
	Output string `enum:"table,json" default:"table" help:"${enum}; json is the API's own."`
}

// paging is the flags of every list.
type paging struct {
	Limit int    `default:"50" help:"How many at most; 0 is all."`
	After string `placeholder:"CURSOR" help:"Go on after this: the next of an earlier list."`
}

// pageSize is the most that the API gives at once.
const pageSize = 500

// page is the form of the API's lists.
type page struct {
	Data []json.RawMessage `json:"data"`
	Next *string           `json:"next"`
}

// query makes the API's parameters of the fields with a param tag that have a
// value.
func query(filter any) url.Values {
	q := url.Values{}
	v := reflect.ValueOf(filter)
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("param")
		if name != "" && !v.Field(i).IsZero() {
			q.Set(name, fmt.Sprint(v.Field(i).Interface()))
		}
	}
	return q
}

// fetch gets as many items of a list as p asks for, page by page.
func (c *client) fetch(ctx context.Context, path string, q url.Values, p paging) (all page, err error) {
	all.Data = []json.RawMessage{}
	after := p.After
	for {
		n := pageSize
		if p.Limit > 0 {
			n = min(pageSize, p.Limit-len(all.Data))
		}
		q.Set("limit", strconv.Itoa(n))
		if after != "" {
			q.Set("after", after)
		}
		var one page
		if err := c.get(ctx, path, q, &one); err != nil {
			return all, err
		}
		all.Data, all.Next = append(all.Data, one.Data...), one.Next
		if one.Next == nil || p.Limit > 0 && len(all.Data) >= p.Limit {
			return all, nil
		}
		after = *one.Next
	}
}

// showList gets a list and prints it: with T's fields as columns, or as the API's
// own JSON.
func showList[T any](ctx context.Context, con *console, c *client, path string, q url.Values, p paging) error {
	c.find(con.set)
	got, err := c.fetch(ctx, path, q, p)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return printJSON(con.out, got)
	}
	rows, err := decoded[T](got.Data)
	if err != nil {
		return err
	}
	if err := printList(con, c.Output, rows); err != nil {
		return err
	}
	if got.Next != nil {
		fmt.Fprintf(con.err, "There is more: --after %s, or --limit 0 for all.\n", printable(*got.Next))
	}
	return nil
}

func decoded[T any](items []json.RawMessage) ([]T, error) {
	rows := make([]T, len(items))
	for i, item := range items {
		if err := json.Unmarshal(item, &rows[i]); err != nil {
			return nil, fmt.Errorf("an item of the service's list: %w", err)
		}
	}
	return rows, nil
}

// show gets one object. If it is to be printed as JSON, show prints it as the
// API has it and done is true; else it is decoded into out.
func (c *client) show(ctx context.Context, con *console, path string, q url.Values, out any) (done bool, err error) {
	c.find(con.set)
	var raw json.RawMessage
	if err := c.get(ctx, path, q, &raw); err != nil {
		return false, err
	}
	if c.Output == "json" {
		return true, printJSON(con.out, raw)
	}
	return false, json.Unmarshal(raw, out)
}
