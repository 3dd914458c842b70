package main

import (
	"github.com/schollz/progressbar/v3"
)

// bar shows how far something long is, where a person is watching; elsewhere
// it shows nothing. done takes it away.
func (con *console) bar(what string) (progress func(at, total int64), done func()) {
	if !isTerminal(con.err) {
		return func(int64, int64) {}, func() {}
	}
	b := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(con.err), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionFullWidth())
	progress = func(at, total int64) {
		b.ChangeMax64(total)
		_ = b.Set64(at) // a bar that is not drawn keeps nothing from going on
	}
	return progress, func() { _ = b.Finish() }
}
