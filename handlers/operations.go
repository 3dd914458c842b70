package handlers

import (
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/learning"
)

// operations says what each route takes and answers. A route without a line
// here fails TestOpenAPI; so does an answer that is not as its line says.
var operations = map[string]operation{
	"POST /webhooks/ghl":                       {about: "Take a delivery: 200 means that it is durable.", body: deliveryBody{}, answers: received{}},
	"POST /webhooks/ghl/workflow/:type":        {about: "Take what a workflow sends, with the workflow token in a header.", body: workflowBody{}, answers: received{}},
	"POST /webhooks/ghl/workflow/:type/:token": {about: "Take what a workflow sends that cannot set headers.", body: workflowBody{}, answers: received{}},
	"GET /webhooks/ghl/verify":                 {about: "Whether webhooks would be taken now; 429 says why not.", answers: verifyAnswer{}},
	"POST /webhooks/ghl/verify":                {about: "The same, for senders that try with a POST.", answers: verifyAnswer{}},
	"GET /webhooks/ghl/health":                 {about: "How the webhooks of the last hour fared.", answers: healthAnswer{}},
	"GET /healthz":                             {about: "The process lives.", answers: aliveAnswer{}},
	"GET /readyz":                              {about: "Whether events can be appended, and if not why.", answers: readyAnswer{}, other: map[int]any{503: readyAnswer{}}},
	"GET /metrics":                             {about: "Metrics in the text format of Prometheus.", media: "text/plain"},
	"GET /openapi.json":                        {about: "This document.", answers: schema{}},
	"GET /debug/pprof/":                        {about: "The profiles that Go keeps of the process.", media: "text/html"},
	"GET /debug/pprof/:profile": {about: "One of them, as go tool pprof reads it: heap, goroutine, …; profile (of the processor) and trace take their time.",
		query: "seconds debug gc", media: "*/*"},

	"GET /api/v1/leads": {about: "Leads.", answers: list[projections.Lead]{},
		query: "quality=hot|warm|cold status=new|engaged|touring|negotiating|sold|lost|deleted location_id min_score q sort=score|updated after limit"},
	"GET /api/v1/leads/:contact_id":          {about: "A lead, with wait once it includes an event.", query: "wait", answers: projections.Lead{}},
	"GET /api/v1/leads/:contact_id/timeline": {about: "What happened with a contact.", query: "after limit wait", answers: list[projections.Moment]{}},
	"GET /api/v1/leads/:contact_id/scores":   {about: "A lead's scores and what moved them, oldest first.", query: "after limit", answers: list[scoreView]{}},
	"POST /api/v1/leads/:contact_id/forget":  {about: "Destroy a contact's personal data everywhere.", body: reasoned{}, answers: forgottenAnswer{}},
	"POST /api/v1/leads/:contact_id/readmit": {about: "Keep again what comes about a forgotten contact, with opt_out without writing to it.", body: readmission{}, answers: readmittedAnswer{}},
	"POST /api/v1/leads/:contact_id/opt-out": {about: "Write to a contact no more.", body: reasoned{}, answers: optAnswer{}},
	"POST /api/v1/leads/:contact_id/opt-in":  {about: "Write to a contact again.", body: reasoned{}, answers: optAnswer{}},

	"GET /api/v1/events":         {about: "Entries of the ledger.", query: entryQuery, answers: list[eventView]{}},
	"GET /api/v1/events/:id":     {about: "An entry, its body and what followed from it.", answers: eventDetail{}},
	"GET /api/v1/events/:id/raw": {about: "The bytes that came.", media: "application/octet-stream"},
	"GET /api/v1/stream":         {about: "Entries as they come, as server-sent events from Last-Event-ID or after.", query: entryQuery, media: "text/event-stream"},
	"GET /api/v1/export": {about: "A dataset as a stream; the trailer X-Export-Summary says what was in it. With pii it is an audit entry.", media: "*/*",
		query: "dataset=events|leads|features|labels|scores|training format=jsonl|csv|parquet after until pii=true|false"},
	"GET /api/v1/audit":       {about: "What people did.", query: entryQuery, answers: list[auditView]{}},
	"GET /api/v1/alerts":      {about: "What operators were alerted of since the start, the newest first.", answers: list[Raised]{}},
	"GET /api/v1/ledger":      {about: "Where the ledger ends; with verify every entry is looked at.", query: "verify=true|false", answers: ledgerView{}},
	"GET /api/v1/backup":      {about: "A hot copy of the ledger.", media: "application/octet-stream"},
	"GET /api/v1/backup/keys": {about: "The keys without which no body in a copy opens.", media: "application/octet-stream"},

	"GET /api/v1/effects": {about: "What is owed to GoHighLevel and what came of it; with group=error, groups of a state.",
		query: "state=" + effectStateNames + " contact_id location_id kind error group=error after limit", answers: either{list[outbox.Effect]{}, list[outbox.Group]{}}},
	"GET /api/v1/effects/:id":          {about: "An effect.", answers: outbox.Effect{}},
	"POST /api/v1/effects":             {about: "One act on many effects: a task. A dry run counts them.", body: manyEffects{}, answers: outbox.Preview{}, later: outbox.Task{}},
	"POST /api/v1/effects/:id/retry":   {about: "Send a dead effect again.", body: reasoned{}, answers: outbox.Effect{}},
	"POST /api/v1/effects/:id/release": {about: "Send a held effect.", body: reasoned{}, answers: outbox.Effect{}},
	"POST /api/v1/effects/:id/discard": {about: "End an effect, for a reason.", body: reasoned{}, answers: outbox.Effect{}},
	"GET /api/v1/tasks":                {about: "Tasks since the start, the newest first.", answers: list[outbox.Task]{}},
	"GET /api/v1/tasks/:id":            {about: "How far a task is.", answers: outbox.Task{}},
	"POST /api/v1/tasks/:id/cancel":    {about: "End a task; what it has done stays done.", answers: outbox.Task{}},
	"GET /api/v1/sender":               {about: "What keeps effects from going out, and what waits.", answers: senderView{}},
	"POST /api/v1/sender/pause":        {about: "Stop what goes out to a location, or to all.", body: switched{}, answers: switchedAnswer{}},
	"POST /api/v1/sender/resume":       {about: "Let it go out again.", body: switched{}, answers: switchedAnswer{}},

	"POST /api/v1/reconcile":    {about: "Read back from GoHighLevel what was missed.", body: reconcileInput{}, later: reconcileStarted{}},
	"GET /api/v1/reconcile":     {about: "Runs of this process, the newest first.", answers: list[outbox.ReconcileRun]{}},
	"GET /api/v1/reconcile/:id": {about: "A run.", answers: outbox.ReconcileRun{}},

	"GET /api/v1/quarantine": {about: "Authentic deliveries that are no valid events.",
		query: "state=waiting|admitted|discarded cause=malformed|other_app|other_location|too_old type contact_id location_id since until q order=asc|desc after limit", answers: list[quarantineView]{}},
	"GET /api/v1/quarantine/:id":          {about: "One with its bytes.", answers: quarantineDetail{}},
	"POST /api/v1/quarantine":             {about: "One act on all that wait and that a filter means, 500 at a time. A dry run counts them.", body: manyQuarantined{}, answers: settledMany{}},
	"POST /api/v1/quarantine/:id/admit":   {about: "Make it an event, after a fix.", body: reasoned{}, answers: settled{}},
	"POST /api/v1/quarantine/:id/discard": {about: "Nothing will come of it.", body: reasoned{}, answers: settled{}},

	"GET /api/v1/projections":                 {about: "Where the views stand.", answers: list[projections.Status]{}},
	"POST /api/v1/projections/:name/rebuild":  {about: "Fold a view anew beside the one that serves.", body: reasoned{}, later: turned{}},
	"POST /api/v1/projections/:name/preview":  {about: "Fold a view anew, and wait for a person.", body: reasoned{}, later: turned{}},
	"GET /api/v1/projections/:name/diff":      {about: "What the generation that waits would change.", answers: projections.Diff{}},
	"POST /api/v1/projections/:name/accept":   {about: "Let the generation that waits serve.", body: reasoned{}, later: turned{}},
	"POST /api/v1/projections/:name/discard":  {about: "Delete the generation that waits.", body: reasoned{}, later: turned{}},
	"POST /api/v1/projections/:name/rollback": {about: "Let the generation before serve again.", body: reasoned{}, later: turned{}},

	"GET /api/v1/outcomes": {about: "Deals won or lost, the newest first.",
		query: "outcome=won|lost reason_category contact_id location_id since until after limit", answers: list[projections.Outcome]{}},
	"GET /api/v1/funnel":    {about: "How far leads came.", query: "location_id source since until by=source|day|week|month", answers: projections.Funnel{}},
	"GET /api/v1/campaigns": {about: "What became of each campaign's e-mails.", query: "location_id", answers: list[projections.CampaignStats]{}},
	"GET /api/v1/metrics":   {about: "Events by type and period.", query: "by=minute|hour|day type since until", answers: projections.EventMetrics{}},

	"GET /api/v1/models":               {about: "Every model, the newest first, and the points card that is built in.", answers: list[projections.ModelInfo]{}},
	"POST /api/v1/models":              {about: "Train a model; or, with a folder, keep one that somebody brings.", body: modelInput{}, answers: modelDecided{}, later: trainingStarted{}},
	"GET /api/v1/models/:id":           {about: "A model with its card.", answers: projections.ModelInfo{}},
	"POST /api/v1/models/:id/promote":  {about: "Put a model in force; past a closed gate, for a reason. A dry run says what it changes.", body: decision{}, answers: modelDecided{}},
	"POST /api/v1/models/:id/rollback": {about: "Have the model before this one serve again.", body: decision{}, answers: modelDecided{}},
	"POST /api/v1/models/:id/evaluate": {about: "Try a model on what came since it was trained.", body: reasoned{}, later: trainingStarted{}},
	"GET /api/v1/trainings":            {about: "Trainings since the start, the newest first.", answers: list[learning.Run]{}},
	"GET /api/v1/trainings/:id":        {about: "How far a training is, and what came of it.", answers: learning.Run{}},

	"POST /api/v1/leads/:contact_id/feedback": {about: "An agent's thumb for a lead's score.", body: thumb{}, answers: thumbed{}},

	"POST /api/v1/rescore": {about: "Score every lead anew and send what differs. A dry run plans.", body: rescored{}, answers: rescoreAnswer{}, later: rescoreAnswer{}},
}

const (
	entryQuery       = "kind contact_id location_id since until q order=asc|desc after limit"
	effectStateNames = "pending|delivered|dead|held|dry_run|superseded|discarded"
)

// parameters are what routes take, whichever they are; text where of is nil.
var parameters = map[string]struct {
	about string
	of    schema
}{
	"after":           {about: "The next of the page before; 0 for the beginning."},
	"by":              {about: "What one part is of."},
	"cause":           {about: "Why it is kept apart."},
	"contact_id":      {about: "Of this contact."},
	"debug":           {about: "1 or 2: as text for people."},
	"dataset":         {about: "What to export."},
	"error":           {about: "Whose last refusal says this."},
	"format":          {about: "How it is written; jsonl where it is not given."},
	"gc":              {about: "1: collect garbage first."},
	"group":           {about: "Counted by kind and error."},
	"kind":            {about: "Of these kinds, a comma between; contact.* has all that begin so."},
	"limit":           {about: "How many; 50 where it is not given.", of: schema{"type": "integer", "minimum": 1, "maximum": maxLimit, "default": defaultLimit}},
	"location_id":     {about: "Of this location."},
	"min_score":       {about: "With this score or a higher one.", of: schema{"type": "number", "minimum": 0, "maximum": 100}},
	"order":           {about: "asc: the oldest first."},
	"outcome":         {about: "How the deal ended."},
	"pii":             {about: "Personal data as they are: audited."},
	"q":               {about: "That have this text in them."},
	"quality":         {about: "Of this tier."},
	"reason_category": {about: "Lost for a reason of this category."},
	"seconds":         {about: "For how long, at most 300; what is kept since the start where it is not given.", of: schema{"type": "integer", "minimum": 1, "maximum": maxProfile}},
	"since":           {about: "From this time, or after this event."},
	"sort":            {about: "The highest score, or what was updated last, first."},
	"source":          {about: "Whose leads came from there."},
	"state":           {about: "That stand there."},
	"status":          {about: "That stand there in their life."},
	"type":            {about: "Of this type of event."},
	"until":           {about: "Up to this time or event."},
	"verify":          {about: "Look at every entry."},
	"wait":            {about: "An event's id: answer once the view includes it, 10 s at most."},
}

// deliveryBody is a webhook's body: the seed's {type, timestamp, data}, or
// GoHighLevel's own, where the fields of data stand at the root.
type deliveryBody struct{}

// workflowBody is whatever a workflow sends; its type is in the path.
type workflowBody map[string]any
