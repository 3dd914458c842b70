package learning

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/oklog/ulid/v2"
)

// CardFile is the name of the points card in the data directory.
const CardFile = "card.json"

// TakeCard compares the card file of a data directory with what the ledger says
// it was last. A change of it is a promotion, by entries; without the file the
// card that is built in holds. A file with faults changes nothing: what serves
// goes on, and people are told of every fault at once.
//
// A model that a person rolled back to, or that the gate let serve, stays in
// force until the file changes again.
func (l *Loop) TakeCard(ctx context.Context, dataDir string) error {
	l.deciding.Lock()
	defer l.deciding.Unlock()
	path := filepath.Join(dataDir, CardFile)
	want, reason, err := readCard(path)
	if err != nil {
		l.setFault(fmt.Sprintf("%s is not used: %v", path, err))
		l.Alert("card", "The points card in "+path+" has faults. What served before goes on. "+err.Error())
		return fmt.Errorf("%s: %w", path, err)
	}
	l.setFault("")
	if err := l.atHead(ctx); err != nil {
		return err
	}
	known, err := l.Models.CardFile()
	if err != nil || known.ID() == want.ID() {
		return err
	}
	before, err := l.Models.InForce(now)
	if err != nil {
		return err
	}
	if before.Kind != scoring.KindPoints {
		reason += ": points score until a model is trained with it"
	}
	return l.putCard(ctx, want, reason)
}

func (l *Loop) putCard(ctx context.Context, m *scoring.Model, reason string) error {
	at := l.Now()
	d := projections.ModelDecision{ModelID: m.ID(), By: projections.ByCardFile, Reason: reason}
	model, err := trained(m, nil, projections.ByCardFile, ulid.ULID{}, at)
	if err != nil {
		return err
	}
	decision, err := decided(projections.KindModelPromoted, d, ulid.ULID{}, at)
	if err != nil {
		return err
	}
	if err := l.append(ctx, []ledger.Draft{model, decision}...); err != nil {
		return fmt.Errorf("take %s: %w", CardFile, err)
	}
	l.Logger.Info("points card taken", "model", m.ID(), "reason", reason)
	return nil
}

// readCard reads the card file, or the built-in card where there is none.
func readCard(path string) (m *scoring.Model, reason string, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return scoring.BuiltIn(), CardFile + " was removed", nil
	case err != nil:
		return nil, "", err
	case !info.Mode().IsRegular() || info.Size() > scoring.MaxModelBytes:
		return nil, "", fmt.Errorf("no file, or larger than %d bytes", scoring.MaxModelBytes)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, "", err
	}
	m, err = scoring.PointsModel(text)
	return m, CardFile + " changed", err
}

func (l *Loop) setFault(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = text
}

// Warning says what an operator should know: what is wrong with the card file;
// else "".
func (l *Loop) Warning() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fault
}
