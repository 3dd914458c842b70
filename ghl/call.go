package ghl

import (
	"fmt"
	"time"
)

// OutMessage is a message to a contact: POST /conversations/messages.
type OutMessage struct {
	Type      string `json:"type"` // SMS, Email, WhatsApp, FB, IG, Live_Chat, …
	ContactID string `json:"contactId"`
	Message   string `json:"message,omitempty"` // all but Email
	Subject   string `json:"subject,omitempty"` // Email
	HTML      string `json:"html,omitempty"`    // Email
}

// Task is a task for a user: POST /contacts/{id}/tasks.
type Task struct {
	Title      string    `json:"title"`
	Body       string    `json:"body,omitempty"`
	DueDate    time.Time `json:"dueDate"`
	Completed  bool      `json:"completed"`
	AssignedTo string    `json:"assignedTo,omitempty"`
}

// APIError is GoHighLevel's refusal of a call, or the lack of an answer.
type APIError struct {
	Method, Path string
	Status       int           // HTTP status; 0 when no answer came
	Message      string        // GoHighLevel's own words, shortened; never a token or a body of ours
	TraceID      string        // its traceId, for its support
	RetryAfter   time.Duration // as asked by the answer; 0 when it asked nothing
	Written      bool          // some of the request may have reached GoHighLevel
	Err          error         // the cause, when no answer came
}

func (e *APIError) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("%s %s: no answer: %v", e.Method, e.Path, e.Err)
	}
	return fmt.Sprintf("%s %s: HTTP %d: %s", e.Method, e.Path, e.Status, e.Message)
}

func (e *APIError) Unwrap() error { return e.Err }
