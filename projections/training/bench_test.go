package training_test

import (
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections/training"
)

// BenchmarkTrain learns from 20,000 rows and tries the model at the gate.
func BenchmarkTrain(b *testing.B) {
	rows, _ := someRows(20, 1000)
	for b.Loop() {
		got, err := training.Train(training.Task{Rows: rows, Now: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)})
		if err != nil || len(got.Card.Weights) == 0 {
			b.Fatal(len(got.Card.Weights), err)
		}
	}
	b.ReportMetric(float64(len(rows))*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkEach streams the rows out of a ledger of 20,000 events of 1,000 leads.
func BenchmarkEach(b *testing.B) {
	list := make([]told, 20000)
	for i := range list {
		list[i] = told{Kind: toldKinds[(i*7+i/1000)%8], Who: i % 1000, What: i % 5}
		if i%200 == 0 {
			list[i].Days = 1
		}
	}
	log, err := written(list)
	if err != nil {
		b.Fatal(err)
	}
	rows := 0
	for b.Loop() {
		got, err := collected(log, b.TempDir(), ledger.Seq(len(list)), training.Win)
		if rows = len(got); err != nil || rows == 0 {
			b.Fatal(rows, err)
		}
	}
	b.ReportMetric(float64(len(list))*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.Logf("%d rows", rows)
}
