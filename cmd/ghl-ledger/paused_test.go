//go:build torture

package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// TestServePausedReaders has a stream, an export and a backup whose clients
// stop to read, while small events are delivered one by one. The ledger's file
// must grow by less than twice what is appended meanwhile.
func TestServePausedReaders(t *testing.T) {
	commits := 300
	if text := os.Getenv("GHL_LEDGER_TORTURE_COMMITS"); text != "" {
		commits, _ = strconv.Atoi(text)
	}
	p := newProcess(t, map[string]string{"GHL_EFFECTS": "off"})
	p.start()
	first := p.fillWithLarge(2500) // more than the connections of the paused have room for
	p.until(60*time.Second, "all views at the head", p.viewsAtHead)
	for _, path := range []string{
		"/api/v1/stream?after=" + first,
		"/api/v1/export?dataset=events&format=jsonl&pii=true",
		"/api/v1/backup",
	} {
		conn := p.pausedReader(path)
		defer conn.Close()
	}
	stored, size := p.storedBytes(), p.fileSize()
	for i := range commits {
		if _, status := p.deliverNext(i); status != http.StatusOK {
			t.Fatalf("delivery %d: answered %d", i, status)
		}
	}
	p.until(60*time.Second, "all views at the head", p.viewsAtHead)
	data, grown := p.storedBytes()-stored, p.fileSize()-size
	t.Logf("%d deliveries, one by one, with what follows from them %d bytes: the file grew by %d, %.2f times as much",
		commits, data, grown, float64(grown)/float64(data))
	limit := 2 * data
	if commits < 3000 {
		limit += 1 << 20 // the file grows by so much at a time
	}
	if grown >= limit {
		t.Errorf("the file grew by %d bytes for %d", grown, data)
	}
}

// fillWithLarge delivers n messages that do not compress, from many senders,
// and returns the id of one of the first.
func (p *process) fillWithLarge(n int) (first string) {
	p.t.Helper()
	ids := make(chan string, n)
	var senders sync.WaitGroup
	for s := range 32 {
		senders.Go(func() {
			for i := s; i < n; i += 32 {
				body, err := json.Marshal(map[string]any{"type": "message.received", "data": map[string]any{
					"contact_id": fmt.Sprint("large_", i%50), "message_id": fmt.Sprint("large_", i), "channel": "sms", "content": noise(6000)}})
				if err != nil {
					p.t.Error(err)
				}
				if r, err := p.deliver(body); err != nil || r.HTTP != http.StatusOK {
					p.t.Errorf("delivery %d: %d, %v", i, r.HTTP, err)
				} else {
					ids <- r.Data.EventID
				}
			}
		})
	}
	senders.Wait()
	if p.t.Failed() {
		p.t.FailNow()
	}
	return <-ids
}

// noise is so many bytes of text that does not compress by much.
func noise(n int) (text string) {
	for len(text) < n {
		text += rand.Text()
	}
	return text
}

// pausedReader asks for something of the API, reads how the answer begins, and
// no more.
func (p *process) pausedReader(path string) net.Conn {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.admin)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		p.t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: ledger\r\nAuthorization: Bearer %s\r\n\r\n", path, testToken)
	line, err := bufio.NewReaderSize(conn, 64).ReadString('\n')
	if err != nil || line != "HTTP/1.1 200 OK\r\n" {
		p.t.Fatalf("%s answered %q, %v", path, line, err)
	}
	return conn
}

// storedBytes returns how many bytes all entries have as they are stored.
func (p *process) storedBytes() int64 {
	p.t.Helper()
	var answer struct {
		Verified struct {
			Sound bool  `json:"sound"`
			Bytes int64 `json:"bytes"`
		} `json:"verified"`
	}
	if status := p.get("/api/v1/ledger?verify=true", &answer); status != http.StatusOK || !answer.Verified.Sound {
		p.t.Fatalf("verify: %d, %+v", status, answer)
	}
	return answer.Verified.Bytes
}

func (p *process) fileSize() int64 {
	p.t.Helper()
	info, err := os.Stat(filepath.Join(p.data, "ledger.db"))
	if err != nil {
		p.t.Fatal(err)
	}
	return info.Size()
}
