package ghltest

import "net/http"

// routes is the part of GoHighLevel's API that there is.
func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, h := range map[string]func(*exchange) answer{
		"POST /contacts/{$}":                           s.createContact,
		"POST /contacts/search":                        s.searchContacts,
		"GET /contacts/{contact}":                      s.getContact,
		"PUT /contacts/{contact}":                      s.putContact,
		"DELETE /contacts/{contact}":                   s.deleteContact,
		"POST /contacts/{contact}/tags":                s.addTags,
		"DELETE /contacts/{contact}/tags":              s.removeTags,
		"POST /contacts/{contact}/workflow/{workflow}": s.startWorkflow,
		"POST /contacts/{contact}/tasks":               s.createTask,
		"POST /conversations/messages":                 s.sendMessage,
		"GET /locations/{location}/customFields":       s.listFields,
		"POST /locations/{location}/customFields":      s.createField,
		"GET /opportunities/{opportunity}":             s.getOpportunity,
		"GET /opportunities/search":                    s.searchOpportunities,
		"GET /opportunities/pipelines":                 listed("pipelines", func(l *location) []Pipeline { return l.Pipelines }),
		"GET /opportunities/lost-reason":               listed("lostReasons", func(l *location) []Named { return l.LostReasons }),
		"GET /calendars/{$}":                           listed("calendars", func(l *location) []Named { return l.Calendars }),
		"GET /workflows/{$}":                           listed("workflows", func(l *location) []Named { return l.Workflows }),
	} {
		mux.Handle(pattern, on(h))
	}
	return mux
}
