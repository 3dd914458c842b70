# What you can do here:
#   make demo     the main job, with nothing configured
#   make run      the service, with ./.env (make one: ./ghl-ledger init)
#   make test     every test a change must pass
#   make check    test, format, vet, linters, race detector
#   make bench    the benchmarks (GHL_LEDGER_BENCH_LOGS=1: sooner done)
#   make eval     the figures of reading and scoring; the same scores on arm64, under qemu
#   make load     every view rebuilt beside 200 events/s (EVENTS=100000)
#   make torture  kill -9 in a loop under load (CYCLES=1000 SEED=…)
#   make chaos    effects: 500 seeds of faults and stops, every crash point
#   make crowd    slow clients and a flood from one address, a sender at another (CROWD=20 seconds each way)
#   make fuzz     every fuzz target for a minute each (FUZZTIME=60s)
#   make promtool /metrics and the alert rules, by Prometheus's own tool (Debian)
#   make proxies  the snippets for Caddy and nginx, run by Debian's
#   make readers  exports opened by DuckDB and another reader of Parquet (node, npm); the README's Python
#   make export-bench  memory and rate of each dataset over ROWS=1000000 events (DATASETS=training: of that one)
#   make browser  the console in a headless Chromium
#   make image    the Dockerfile's build, run in an empty root as nobody (root; no Docker)
#   make build    ./ghl-ledger
#   make release  dist/ for linux amd64 and arm64, with checksums

GO          ?= go
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
CYCLES      ?= 1000
FLIPS       ?= 10000
COMMITS     ?= 3000
EVENTS      ?= 100000
FUZZTIME    ?= 60s
CROWD       ?= 20
ROWS        ?= 1000000

export CGO_ENABLED ?= 0

BROWSER ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

.PHONY: demo run test check fmt vet lint race browser quick bench eval figures years arm64 load torture chaos crowd fuzz image build release clean

demo: build
	./ghl-ledger demo

run: build
	./ghl-ledger serve

build:
	$(GO) build -trimpath -o ghl-ledger ./cmd/ghl-ledger

test:
	$(GO) test ./...

check: fmt vet lint test race

fmt:
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi

vet:
	$(GO) vet ./...
	$(GO) fix -diff ./...

lint:
	$(GO) run $(STATICCHECK) ./...

race:
	CGO_ENABLED=1 $(GO) test -race -p 1 -timeout 30m ./...

# The console in a real browser; pictures of every page are left in .artifacts.
browser:
	CHROMIUM=$(BROWSER) $(GO) test -count=1 -tags browser -run TestConsole ./cmd/ghl-ledger

# Prometheus's own tool, from Debian's package, on a running service's metrics
# and on the alert rules. Nothing is installed.
promtool:
	mkdir -p .artifacts/promtool
	cd .artifacts/promtool && { [ -e usr/bin/promtool ] || { apt-get download prometheus && dpkg -x prometheus_*.deb .; }; }
	PROMTOOL=$(CURDIR)/.artifacts/promtool/usr/bin/promtool $(GO) test -count=1 -v -run '^TestMetrics$$' ./cmd/ghl-ledger

# The snippets for proxies, run by Debian's Caddy and nginx. Nothing is installed.
proxies:
	mkdir -p .artifacts/proxies
	cd .artifacts/proxies && { [ -e usr/bin/caddy ] || { apt-get download nginx caddy && for p in *.deb; do dpkg -x $$p .; done; }; }
	NGINX=$(CURDIR)/.artifacts/proxies/usr/sbin/nginx CADDY=$(CURDIR)/.artifacts/proxies/usr/bin/caddy \
	  $(GO) test -count=1 -v -run '^TestProxies$$' ./cmd/ghl-ledger

# Kills under load, damaged copies, failing system calls (strace), a full disk
# (root), readers that pause, backups cut short, contacts forgotten. What it
# prints has the seed to try again with. Small: CYCLES=20 FLIPS=200 COMMITS=300.
torture:
	GHL_LEDGER_TORTURE_CYCLES=$(CYCLES) GHL_LEDGER_TORTURE_FLIPS=$(FLIPS) GHL_LEDGER_TORTURE_COMMITS=$(COMMITS) GHL_LEDGER_TORTURE_SEED=$(SEED) \
	  $(GO) test -count=1 -timeout 120m -v -tags torture -run 'TestKill|TestCorruption|PausedReaders|Injected|FullDisk|TestBackup|TestForget' ./ledger/boltlog ./cmd/ghl-ledger

# A failing run prints its seed, or the append at which it stopped.
chaos:
	GHL_LEDGER_LONG=1 $(GO) test -count=1 -timeout 60m -v -run 'TestChaos|CrashPoints' ./ghl/outbox

# The quick fault tier.
quick:
	GHL_LEDGER_TORTURE_CYCLES=50 GHL_LEDGER_TORTURE_SEED=$(SEED) $(GO) test -count=1 -timeout 60m -v -run 'TestKill|TestCorruption' ./ledger/boltlog ./cmd/ghl-ledger

bench:
	$(GO) test -run '^$$' -bench . -timeout 60m ./...

fuzz:
	.ci/fuzz $(FUZZTIME)

# The last line says what the crowd did to the p99 of the sender that keeps to
# the limit.
crowd:
	LEDGER_CROWD_SECONDS=$(CROWD) $(GO) test -count 1 -v -timeout 30m -run '^TestCrowd$$' ./cmd/ghl-ledger

# Two readers of Parquet that are not ours, from npm, open an export: types,
# rows, values, and the analyst's queries; they are installed in .artifacts. Then
# the README's Python, from its text, by a Python with scikit-learn (Debian:
# python3-sklearn; PYTHON=…): where there is none, it says SKIPPED.
readers:
	mkdir -p .artifacts/analyst
	cp testdata/analyst/* .artifacts/analyst/
	cd .artifacts/analyst && { [ -e node_modules/hyparquet ] || npm install --no-audit --no-fund; }
	GHL_LEDGER_READERS=$(CURDIR)/.artifacts/analyst $(GO) test -count 1 -v -run '^Test(Readers|Folder|RowsAgree|Import|SameBytes)$$' ./projections/export
	GHL_LEDGER_READERS=$(CURDIR)/.artifacts/analyst $(GO) test -count 1 -v -run '^TestAnalyst$$' ./cmd/ghl-ledger

# Each dataset over ROWS events: memory, and the rate against a bare read.
export-bench:
	GHL_LEDGER_EXPORT_EVENTS=$(ROWS) GHL_LEDGER_EXPORT_DATASETS=$(DATASETS) $(GO) test -count 1 -v -timeout 60m -run '^TestExportRate$$' ./projections/export

load:
	LEDGER_REBUILD_EVENTS=$(EVENTS) $(GO) test -count 1 -v -timeout 60m -run '^TestRebuildUnderLoad$$' ./cmd/ghl-ledger

# What scoring is worth, in figures, and the same scores on another processor.
eval: figures arm64 years

# Two years of offices that learn, ten seeds of each kind, with the gate and
# without, and by an oracle; and the trainer against scikit-learn and SciPy.
# Some minutes of both processors.
years:
	GHL_LEDGER_EVAL=1 $(GO) test -count 1 -v -timeout 90m -run 'TestReference|TestTwoYears|TestNewestLeads' ./projections/training

QEMU ?= qemu-aarch64-static

# The tables of messages were written by us: what is not in the rules' favour
# is said above each figure.
figures:
	$(GO) test -count 1 -v -run '^(TestFigures|TestPlantedFaults|TestCost)$$' ./projections/scoring

# A log is replayed through the leads view and scored, here and as arm64 under
# qemu; made-up leads and every message of the tables besides. All are held to
# the same files, at two decimals.
arm64:
	@mkdir -p .artifacts
	$(GO) test -count 1 -v -run '^TestReplay$$' ./projections
	$(GO) test -count 1 -v -run '^TestGolden$$' ./projections/scoring
	GOARCH=arm64 $(GO) test -c -o .artifacts/projections-arm64.test ./projections
	GOARCH=arm64 $(GO) test -c -o .artifacts/scoring-arm64.test ./projections/scoring
	cd projections && $(QEMU) ../.artifacts/projections-arm64.test -test.v -test.run '^TestReplay$$'
	cd projections/scoring && $(QEMU) ../../.artifacts/scoring-arm64.test -test.v -test.run '^TestGolden$$'

# What an image would have, without Docker: its build line, a root with nothing
# else in it, its user.
image:
	GHL_LEDGER_IMAGE=1 $(GO) test -count=1 -v -run '^TestImage$$|^TestDockerfile$$' ./cmd/ghl-ledger

# The version is that of the tag, or of the commit where there is none.
VERSION ?= $(shell git describe --tags --always --dirty)

release:
	mkdir -p dist
	for arch in amd64 arm64; do \
	  GOOS=linux GOARCH=$$arch $(GO) build -trimpath -ldflags '-s -w -X main.buildVersion=$(VERSION)' -o dist/ghl-ledger-linux-$$arch ./cmd/ghl-ledger || exit 1; \
	done
	cd dist && sha256sum ghl-ledger-linux-* > SHA256SUMS

clean:
	rm -rf ghl-ledger dist .artifacts
