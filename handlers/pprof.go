package handlers

import (
	"net/http"
	"net/http/pprof"
	runtimepprof "runtime/pprof"
	"strconv"

	"github.com/julienschmidt/httprouter"
)

// maxProfile is for how many seconds a profile or a trace may be taken.
const maxProfile = 300

// profiles lists the profiles that there are: GET /debug/pprof/.
func (a *api) profiles(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	w.Header().Set("Cache-Control", "no-store")
	pprof.Index(w, r)
	return nil
}

// profile answers with one of them. There is no cmdline: a flag may bear a
// secret that is not the administrator's. Nor is there symbol: a profile of a
// Go program has its names inside.
func (a *api) profile(w http.ResponseWriter, r *http.Request, p httprouter.Params) error {
	take := pprof.Profile
	switch name := p.ByName("profile"); {
	case name == "profile":
	case name == "trace":
		take = pprof.Trace
	case runtimepprof.Lookup(name) != nil:
		take = pprof.Handler(name).ServeHTTP
	default:
		return &notFound
	}
	if s := r.URL.Query().Get("seconds"); s != "" {
		if n, err := strconv.Atoi(s); err != nil || n < 1 || n > maxProfile {
			return bad("seconds", "want 1 to %d", maxProfile)
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	take(w, r)
	return nil
}
