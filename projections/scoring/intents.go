package scoring

import "slices"

// The intents of a message, in the order in which the first one found wins.
const (
	OptOut               = "opt_out"
	WrongNumber          = "wrong_number"
	NotInterested        = "not_interested"
	OtherAgent           = "other_agent"
	Complaint            = "complaint"
	TourRequest          = "tour_request"
	Confirm              = "confirm"
	Reschedule           = "reschedule"
	Cancel               = "cancel"
	CallbackLater        = "callback_later"
	Seller               = "seller"
	Timeline             = "timeline"
	FinancingQuestion    = "financing_question"
	PriceQuestion        = "price_question"
	AvailabilityQuestion = "availability_question"
	PropertyQuestion     = "property_question"
	Interested           = "interested"
	Feedback             = "feedback"
	Thanks               = "thanks"
	Other                = "other"
)

// order is the order of precedence.
var order = []string{
	OptOut, WrongNumber, NotInterested, OtherAgent, Complaint, TourRequest, Confirm, Reschedule, Cancel, CallbackLater,
	Seller, Timeline, FinancingQuestion, PriceQuestion, AvailabilityQuestion, PropertyQuestion, Interested, Feedback, Thanks, Other,
}

// Intents returns every intent, in the order of precedence.
func Intents() []string { return slices.Clone(order) }
