package main

import (
	"cmp"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAnalyst is the README's session of an analyst, from its own text: the
// exports, the Python, the exporter, the import, on the ledger of an office that
// has closed deals. `make readers` runs it; it takes a Python with scikit-learn
// (Debian: python3-sklearn), the system's or PYTHON.
func TestAnalyst(t *testing.T) {
	if os.Getenv("GHL_LEDGER_READERS") == "" {
		t.Skip("make readers runs this")
	}
	python := cmp.Or(os.Getenv("PYTHON"), "/usr/bin/python3") // another may stand first in PATH
	if out, err := exec.Command(python, "-c", "import sklearn; print(sklearn.__version__)").CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: %s has no scikit-learn (%v): the README's Python was not run", python, err)
	} else {
		t.Logf("scikit-learn %s", out)
	}
	page := readme(t)
	r := newReader(t)
	r.analystTools(python)
	officeLedger(t, r.data, 80) // each day with an entry is a file
	r.serves(page)
	kinds := map[string]int{}
	for _, m := range inSession.FindAllStringSubmatch(sectionOf(t, page, "Data, and a model of your own"), -1) {
		kinds[m[1]]++
		script := m[2]
		if m[1] == "python" {
			script = "python3 - <<'END'\n" + script + "END\n"
		}
		r.run(block{script: script})
	}
	if kinds["sh"] < 2 || kinds["python"] < 1 {
		t.Errorf("the session has %v: want the exports, the Python and the import", kinds)
	}
	if models := r.shellOut("./ghl-ledger model list"); !strings.Contains(models, "import") {
		t.Errorf("the model is not kept:\n%s", models)
	}
}

var inSession = regexp.MustCompile("(?ms)^```(sh|python)\n(.*?)^```$")

// sectionOf is a section of a page, by its heading.
func sectionOf(t *testing.T, page, heading string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("the page has no section %q", heading)
	}
	section, _, _ := strings.Cut(rest, "\n## ")
	return section
}

// analystTools puts python3 and the page's testdata where the page has them.
func (r *reader) analystTools(python string) {
	r.t.Helper()
	root, err := filepath.Abs("../../testdata")
	if err != nil {
		r.t.Fatal(err)
	}
	bin := r.t.TempDir()
	if err := errors.Join(os.Symlink(python, filepath.Join(bin, "python3")), os.Symlink(root, filepath.Join(r.dir, "testdata"))); err != nil {
		r.t.Fatal(err)
	}
	r.env = append(r.env, "PATH="+bin+":"+pathOf(r.env))
}

func pathOf(env []string) (path string) {
	for _, v := range env {
		if p, ok := strings.CutPrefix(v, "PATH="); ok {
			path = p
		}
	}
	return path
}

// serves runs the page up to the block that starts the service.
func (r *reader) serves(page string) {
	r.t.Helper()
	for _, b := range blocksOf(page) {
		switch b.mark {
		case "run":
			r.run(b)
		case "background":
			r.background(b)
			return
		}
	}
	r.t.Fatal("the page starts no service")
}

func (r *reader) shellOut(script string) string {
	r.t.Helper()
	out, err := r.shell(script).CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}
