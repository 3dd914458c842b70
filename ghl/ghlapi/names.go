package ghlapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// calendarsVersion is the Version header of the calendars' API (openapi/calendars.json).
const calendarsVersion = conversationsVersion

// Pipelines reads the pipelines of a location, with their stages.
func (c *Client) Pipelines(ctx context.Context, location string) (list []ghl.Pipeline, err error) {
	var answer struct {
		Pipelines []struct {
			ghl.Named
			Stages json.RawMessage `json:"stages"`
		} `json:"pipelines"`
	}
	err = c.read(ctx, "pipelines.list", location, "/opportunities/pipelines?locationId="+url.QueryEscape(location), &answer)
	for _, p := range answer.Pipelines {
		read := ghl.Pipeline{Named: p.Named}
		// HighLevel's document has stages as arrays of nothing; they are objects.
		_ = json.Unmarshal(p.Stages, &read.Stages)
		list = append(list, read)
	}
	return list, err
}

// LostReasons reads why opportunities may be lost at a location.
func (c *Client) LostReasons(ctx context.Context, location string) ([]ghl.Named, error) {
	var answer struct {
		LostReasons []ghl.Named `json:"lostReasons"`
	}
	err := c.read(ctx, "lost_reasons.list", location, "/opportunities/lost-reason?limit=100&locationId="+url.QueryEscape(location), &answer)
	return answer.LostReasons, err
}

// Calendars reads the calendars of a location.
func (c *Client) Calendars(ctx context.Context, location string) ([]ghl.Named, error) {
	var answer struct {
		Calendars []ghl.Named `json:"calendars"`
	}
	err := c.do(ctx, request{
		name: "calendars.list", location: location, method: http.MethodGet, version: calendarsVersion, reads: true,
		path: "/calendars/?locationId=" + url.QueryEscape(location),
	}, &answer)
	return answer.Calendars, err
}

// Workflows reads the workflows of a location.
func (c *Client) Workflows(ctx context.Context, location string) ([]ghl.Named, error) {
	var answer struct {
		Workflows []ghl.Named `json:"workflows"`
	}
	err := c.read(ctx, "workflows.list", location, "/workflows/?locationId="+url.QueryEscape(location), &answer)
	return answer.Workflows, err
}
