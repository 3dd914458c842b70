package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// keys returns what may verify a delivery under this configuration. Public
// keys are read from their files now, so a reload takes new ones.
func (c *Config) keys() (ghl.Keys, error) {
	k := ghl.Keys{
		Secrets:    ghl.NewSecrets("secret", c.WebhookSecret...),
		Tolerance:  c.WebhookTolerance,
		BodySigned: c.WebhookSigned == "body",
		AcceptRSA:  c.LegacyRSA,
		Tokens:     ghl.NewSecrets("token", c.WorkflowToken...),
	}
	if c.AppID != "" {
		public, err := c.publicKeys()
		if err != nil {
			return k, err
		}
		k.PublicKeys = public
	}
	return k, k.Check()
}

func (c *Config) publicKeys() ([]ghl.PublicKey, error) {
	if len(c.PublicKeys) == 0 {
		return ghl.PlatformKeys(), nil
	}
	var list []ghl.PublicKey
	for i, given := range c.PublicKeys {
		name, text := fmt.Sprintf("key-%d", i+1), given
		if !strings.HasPrefix(given, "-----BEGIN") {
			if b, err := os.ReadFile(given); err == nil {
				text = string(b)
			} else if strings.HasSuffix(given, ".pem") {
				return nil, fmt.Errorf("GHL_WEBHOOK_PUBLIC_KEYS: %w", err)
			}
		}
		key, err := ghl.ParsePublicKey(name, text)
		if err != nil {
			return nil, fmt.Errorf("GHL_WEBHOOK_PUBLIC_KEYS: %w", err)
		}
		list = append(list, key)
	}
	return list, nil
}
