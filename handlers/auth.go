package handlers

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"
)

// Role is what a token lets its bearer do.
type Role string

// Analyst reads and exports; Admin also acts.
const (
	Nobody        Role = ""
	Analyst       Role = "analyst"
	Administrator Role = "admin"
)

// wrongTokens is how often one address may be wrong: after that it is told to
// wait. The right token passes at any time, or guessing would lock people out;
// it has 32 characters, so guessing at any rate is in vain.
var wrongTokens = Rate{N: 10, Per: time.Minute}

// gate tells roles by token.
type gate struct {
	Deps
	wrong *limiter
}

func newGate(d Deps) *gate { return &gate{Deps: d, wrong: newLimiter(wrongTokens)} }

// enter returns the role of the request's token, or why it may not pass.
func (g *gate) enter(r *http.Request, need Role) (Role, error) {
	role := g.roleOf(r.Header.Values("Authorization"))
	noteOf(r).role = string(role)
	switch {
	case role == Nobody:
		if wait := g.wrong.take(senderOf(r, g.TrustedProxies), g.Now()); wait > 0 {
			return Nobody, limited(wait)
		}
		return Nobody, &unauthorized
	case need == Administrator && role != Administrator:
		return Nobody, &forbidden
	}
	return role, nil
}

func (g *gate) roleOf(authorization []string) Role {
	if len(authorization) != 1 {
		return Nobody
	}
	scheme, token, _ := strings.Cut(authorization[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return Nobody
	}
	return RoleOf(token, g.AdminToken, g.AnalystToken)
}

// RoleOf returns the role of token. It compares hashes, both of them in any
// case, so that its time says nothing of the tokens or of their lengths. An
// empty configured token is nobody's.
func RoleOf(token, admin, analyst string) Role {
	isAdmin, isAnalyst := same(token, admin), same(token, analyst)
	switch {
	case isAdmin:
		return Administrator
	case isAnalyst:
		return Analyst
	}
	return Nobody
}

func same(got, want string) bool {
	g, w := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(g[:], w[:]) == 1 && want != ""
}
