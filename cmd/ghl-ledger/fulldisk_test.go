//go:build torture

package main

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestServeFullDisk fills a disk of 3 MiB under the service. While it is full
// every delivery is answered 429, with Retry-After, and people can read; with
// room again it goes on without a hand, and has what it acknowledged.
func TestServeFullDisk(t *testing.T) {
	p := newProcess(t, map[string]string{"GHL_EFFECTS": "off"})
	filler := smallDisk(t, p)
	p.start()

	acked, status := p.fillDisk()
	for range 50 {
		if status != http.StatusTooManyRequests {
			t.Errorf("answered %d while full, want 429", status)
		}
		_, status = p.deliverNext(len(acked))
	}
	p.has(acked)
	p.explainsFull()

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	p.until(10*time.Second, "taking webhooks with room again", func() bool {
		id, status := p.deliverNext(len(acked))
		if status == http.StatusOK {
			acked = append(acked, id)
		}
		return status == http.StatusOK
	})
	t.Logf("%d acknowledged, then 50 of 50 answered 429; %s after there was room again the next was taken", len(acked)-1, time.Since(begun).Round(time.Millisecond))
	p.until(20*time.Second, "all views at the head", p.viewsAtHead)
	p.has(acked)
	if code := p.stop(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

// smallDisk has the service keep its data on a disk of 3 MiB, and returns a
// file there that may be removed to make room.
func smallDisk(t *testing.T, p *process) (filler string) {
	t.Helper()
	if err := os.MkdirAll(p.data, 0o700); err != nil {
		t.Fatal(err)
	}
	err := unix.Mount("tmpfs", p.data, "tmpfs", 0, "size=3m")
	if errors.Is(err, unix.EPERM) {
		t.Skip("NOT TRIED: only root may mount a small disk")
	}
	if err != nil {
		t.Fatalf("mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		p.kill()
		_ = unix.Unmount(p.data, 0)
	})
	filler = filepath.Join(p.data, "filler")
	if err := os.WriteFile(filler, make([]byte, 512<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	return filler
}

// fillDisk delivers until one is not taken, and returns the ids of those that
// were, and the answer to the one that was not.
func (p *process) fillDisk() (acked []string, status int) {
	p.t.Helper()
	for i := 0; ; i++ {
		id, status := p.deliverNext(i)
		if status != http.StatusOK {
			return acked, status
		}
		acked = append(acked, id)
	}
}

func (p *process) deliverNext(i int) (id string, status int) {
	p.t.Helper()
	answer, err := p.deliver(loadEvent(i, 1000)) // in which nothing is won: a training would take room, and give it back
	if err != nil {
		p.t.Fatalf("no answer: %v", err)
	}
	return answer.Data.EventID, answer.HTTP
}

// explainsFull checks what those who ask are told while the disk is full.
func (p *process) explainsFull() {
	p.t.Helper()
	for _, path := range []string{"/readyz", "/webhooks/ghl/verify"} {
		resp, err := p.client.Get("http://" + p.public + path)
		if err != nil {
			p.t.Fatal(err)
		}
		_ = resp.Body.Close()
		after, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if resp.StatusCode == http.StatusOK || path != "/readyz" && (err != nil || after < 1) {
			p.t.Errorf("%s answers %d, Retry-After %q, while nothing can be stored", path, resp.StatusCode, resp.Header.Get("Retry-After"))
		}
	}
}
