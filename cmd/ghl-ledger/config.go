package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/enterprisehub/ghl-ledger/handlers"
)

// Config is every setting of the service. A field's flag is its name here, its
// variable the same in capitals: --ledger-listen is LEDGER_LISTEN. Lists are
// separated by commas. A secret is better given as a variable or, with _FILE
// behind its name, as a file: flags can be seen by everyone on the machine.
type Config struct {
	WebhookSecret    []string      `name:"ghl-webhook-secret" secret:"" help:"HMAC secrets of webhook senders, any one verifies."`
	WebhookTolerance time.Duration `name:"ghl-webhook-tolerance" default:"5m" help:"How far X-GHL-Timestamp may be from now, either way."`
	WebhookSigned    string        `name:"ghl-webhook-signed" enum:"timestamp.body,body" default:"timestamp.body" help:"What the HMAC covers: ${enum}."`
	AppID            string        `name:"ghl-app-id" help:"GoHighLevel marketplace app; turns on GoHighLevel's own signatures."`
	PublicKeys       []string      `name:"ghl-webhook-public-keys" help:"PEM files or base64 instead of GoHighLevel's own keys, any one verifies."`
	LegacyRSA        bool          `name:"ghl-accept-legacy-rsa" help:"Accept X-WH-Signature."`
	DeliveryMaxAge   time.Duration `name:"ghl-delivery-max-age" default:"72h" help:"How old a delivery with its time inside the body may be."`
	WorkflowToken    []string      `name:"ghl-workflow-token" secret:"" help:"Tokens of workflow webhooks; turns on /webhooks/ghl/workflow/."`

	LocationID []string `name:"ghl-location-id" help:"Locations served; others are refused. A body that names none belongs to the first."`
	APIKey     string   `name:"ghl-api-key" secret:"" help:"Private integration token. For several locations, GHL_API_KEY_<LOCATION>."`
	APIBaseURL string   `name:"ghl-api-base-url" default:"https://services.leadconnectorhq.com" help:"Where GoHighLevel's API is."`
	APIVersion string   `name:"ghl-api-version" default:"2021-07-28" help:"The Version header."`
	APIRate    Rate     `name:"ghl-api-rate" default:"100/10s" help:"Calls to GoHighLevel per location."`
	APIDaily   int      `name:"ghl-api-daily" default:"200000" help:"Calls to GoHighLevel per location and day."`
	WebhookURL string   `name:"ghl-webhook-url" help:"The public address of the webhooks, for what init and doctor print."`

	RetryMax      int           `name:"ghl-retry-max" default:"3" help:"Tries of one effect before it is a dead letter."`
	RetryInitial  time.Duration `name:"ghl-retry-initial" default:"60s" help:"Wait after the first try."`
	RetryFactor   float64       `name:"ghl-retry-factor" default:"2" help:"Each wait is the one before times this."`
	RetryMaxDelay time.Duration `name:"ghl-retry-max-delay" default:"3600s" help:"No wait is longer, Retry-After included."`
	Effects       string        `name:"ghl-effects" enum:"live,dry-run,off" default:"live" help:"live sends; dry-run decides and records, and sends nothing, now or later; off only scores."`
	MessageCap    Rate          `name:"ghl-message-cap" default:"500/1h" help:"Messages per location; what exceeds it is held for a person."`
	HotLeadTask   bool          `name:"ghl-hot-lead-task" help:"Give the assigned user a task when a lead turns hot."`

	Listen         string        `name:"ledger-listen" default:"127.0.0.1:8080" help:"Webhooks and health."`
	AdminListen    string        `name:"ledger-admin-listen" default:"127.0.0.1:8081" help:"API, console and metrics; may equal the other."`
	DataDir        string        `name:"ledger-data-dir" default:"./data" help:"Ledger, keys and views."`
	AdminToken     string        `name:"ledger-admin-token" secret:"" help:"Bearer token that reads and acts, 32 characters or more."`
	AnalystToken   string        `name:"ledger-analyst-token" secret:"" help:"Bearer token that reads and exports, 32 characters or more."`
	RateLimit      Rate          `name:"ledger-rate-limit" default:"1000/1s" help:"Webhooks per sender address; 0 is none."`
	TrustedProxies []string      `name:"ledger-trusted-proxies" help:"Addresses or networks whose X-Forwarded-For is believed."`
	MaxBody        Size          `name:"ledger-max-body" default:"1MiB" help:"Largest webhook body."`
	MinFreeDisk    Size          `name:"ledger-min-free-disk" default:"512MiB" help:"With less room, no new webhooks are taken."`
	BackupDir      string        `name:"ledger-backup-dir" help:"Where scheduled backups go."`
	BackupEvery    time.Duration `name:"ledger-backup-every" help:"How often; 0 is never."`
	BackupKeep     int           `name:"ledger-backup-keep" help:"How many scheduled backups to keep; 0 is all."`
	ReconcileEvery time.Duration `name:"ledger-reconcile-every" help:"How often to read back from GoHighLevel what was missed; 0 is never."`
	Silence        time.Duration `name:"ledger-silence" help:"Alert when a location sends nothing for so long; 0 is never."`
	ForgetOnDelete bool          `name:"ledger-forget-on-delete" help:"Destroy a contact's personal data when GoHighLevel deletes the contact."`
	AlertURL       []string      `name:"ledger-alert-url" secret:"" help:"Where operators are alerted: service URLs for Slack, mail, a generic webhook and others."`
	LogLevel       string        `name:"ledger-log-level" enum:"debug,info,warn,error" default:"info" help:"${enum}."`
	LogFormat      string        `name:"ledger-log-format" enum:"auto,json,text" default:"auto" help:"${enum}; auto is text on a terminal."`

	// Sequences and APIKeys hold the settings whose names the user chooses:
	// GHL_SEQUENCE_<NAME> by lower-case name, GHL_API_KEY_<LOCATION> by location.
	Sequences map[string]string `kong:"-"`
	APIKeys   map[string]string `kong:"-"`
}

// complete fills what kong does not know of from the settings.
func (c *Config) complete(s *settings) {
	c.Sequences, c.APIKeys = map[string]string{}, map[string]string{}
	for key, v := range s.value {
		if name, ok := strings.CutPrefix(key, "GHL_SEQUENCE_"); ok {
			c.Sequences[strings.ToLower(name)] = v
		}
		if location, ok := strings.CutPrefix(key, "GHL_API_KEY_"); ok && !strings.HasSuffix(key, "_FILE") {
			c.APIKeys[location] = v
		}
	}
}

// token returns the API token of a location, or "".
func (c *Config) token(location string) string {
	for key, v := range c.APIKeys {
		if strings.EqualFold(key, location) {
			return v
		}
	}
	return c.APIKey
}

// check says everything that keeps the service from starting, at once.
func (c *Config) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.WebhookSecret) == 0 && c.AppID == "" && len(c.WorkflowToken) == 0 {
		bad("no way to verify a webhook: set GHL_WEBHOOK_SECRET, GHL_APP_ID or GHL_WORKFLOW_TOKEN")
	}
	if c.AdminToken == "" {
		bad("no admin token: set LEDGER_ADMIN_TOKEN")
	}
	for name, token := range map[string]string{"LEDGER_ADMIN_TOKEN": c.AdminToken, "LEDGER_ANALYST_TOKEN": c.AnalystToken} {
		if token != "" && len(token) < 32 {
			bad("%s has %d characters: use 32 or more, e.g. `openssl rand -hex 32`", name, len(token))
		}
	}
	if c.AdminToken != "" && c.AdminToken == c.AnalystToken {
		bad("LEDGER_ADMIN_TOKEN and LEDGER_ANALYST_TOKEN are the same: give the analyst one of its own")
	}
	if (c.APIKey != "" || len(c.APIKeys) > 0) && len(c.LocationID) == 0 {
		bad("an API key without a location: set GHL_LOCATION_ID")
	}
	if c.MaxBody > handlers.MaxWebhook {
		bad("LEDGER_MAX_BODY is %v: %v is the most that can be kept whole", c.MaxBody, Size(handlers.MaxWebhook))
	}
	errs = append(errs, c.checkAddresses()...)
	if _, err := c.trusted(); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, c.checkSequences()...)
	if c.RetryMax < 1 || c.RetryFactor < 1 || c.RetryInitial <= 0 {
		bad("GHL_RETRY_MAX and GHL_RETRY_FACTOR must be 1 or more, GHL_RETRY_INITIAL over 0")
	}
	if c.BackupEvery > 0 && c.BackupDir == "" {
		bad("LEDGER_BACKUP_EVERY without LEDGER_BACKUP_DIR: say where backups go")
	}
	return errors.Join(errs...)
}

// trusted parses the proxies whose X-Forwarded-For is believed.
func (c *Config) trusted() (list []netip.Prefix, err error) {
	for _, text := range c.TrustedProxies {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			addr, aerr := netip.ParseAddr(text)
			if aerr != nil {
				return nil, fmt.Errorf("LEDGER_TRUSTED_PROXIES %q: want an address or a network like 10.0.0.0/8", text)
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		list = append(list, p)
	}
	return list, nil
}

func (c *Config) checkAddresses() (errs []error) {
	for name, addr := range map[string]string{"LEDGER_LISTEN": c.Listen, "LEDGER_ADMIN_LISTEN": c.AdminListen} {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			errs = append(errs, fmt.Errorf("%s %q: want host:port: %w", name, addr, err))
		}
	}
	u, err := url.Parse(c.APIBaseURL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		errs = append(errs, fmt.Errorf("GHL_API_BASE_URL %q: want https://host", c.APIBaseURL))
	} else if u.Scheme == "http" && !loopback(u.Hostname()) {
		errs = append(errs, fmt.Errorf("GHL_API_BASE_URL %q: http only for this machine (a sandbox): tokens would travel in the clear", c.APIBaseURL))
	}
	return errs
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// retiredAPI reports whether the base URL is the seed's, which GoHighLevel
// retired at the end of 2025.
func (c *Config) retiredAPI() bool {
	return strings.HasSuffix(strings.TrimRight(c.APIBaseURL, "/"), "/v1") && !loopback(hostOf(c.APIBaseURL))
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// sequenceNames are the sequences that GHL_SEQUENCE_<NAME> may set.
var sequenceNames = []string{"welcome", "congratulations", "re_engagement", "tour_confirmation", "follow_up", "missed_tour", "auto_response"}

func (c *Config) checkSequences() (errs []error) {
	for name, via := range c.Sequences {
		if !slices.Contains(sequenceNames, name) {
			errs = append(errs, fmt.Errorf("GHL_SEQUENCE_%s: no such sequence; there are %s", strings.ToUpper(name), strings.ToUpper(strings.Join(sequenceNames, ", "))))
		}
		workflow, isWorkflow := strings.CutPrefix(via, "workflow:")
		if !slices.Contains([]string{"off", "email", "sms", "reply"}, via) && (!isWorkflow || workflow == "") {
			errs = append(errs, fmt.Errorf("GHL_SEQUENCE_%s=%s: want off, email, sms, reply or workflow:<id>", strings.ToUpper(name), via))
		}
	}
	return errs
}

// defaults is the configuration of which nothing was set.
func defaults() (c Config, err error) {
	parser, err := kong.New(&c)
	if err != nil {
		return c, err
	}
	_, err = parser.Parse(nil)
	return c, err
}
