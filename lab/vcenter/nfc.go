// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

const uploadBuffer = 1 << 20

var uploadBuffers = sync.Pool{New: func() any { b := make([]byte, uploadBuffer); return &b }}

// serveNFC takes uploads for leases: bytes are counted and hashed, not kept. The token in the path is the permission.
func (s *server) serveNFC(c *call, w http.ResponseWriter, r *http.Request) {
	l, up := c.world.findUpload(r.URL.Path)
	switch {
	case l == nil || up == nil:
		http.NotFound(w, r)
		return
	case r.Method != http.MethodPut && r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case l.expired():
		c.world.expireLeases()
		http.NotFound(w, r)
		return
	case l.State != types.HttpNfcLeaseStateReady:
		w.WriteHeader(http.StatusConflict)
		return
	}
	l.begin(up, r.ContentLength, c.shape)
	finished := make(chan struct{})
	defer close(finished)
	go l.cutReads(w, finished)
	if l.receive(up, r.Body, c.shape) {
		w.WriteHeader(http.StatusOK)
		return
	}
	dropConnection(w)
}

// cutReads ends a read that waits for the client when the lease ends.
func (l *lease) cutReads(w http.ResponseWriter, finished <-chan struct{}) {
	select {
	case <-l.closed:
		_ = http.NewResponseController(w).SetReadDeadline(time.Now())
	case <-finished:
	}
}

func (w *world) findUpload(path string) (*lease, *upload) {
	parts := strings.Split(strings.TrimPrefix(path, "/nfc/"), "/")
	if len(parts) != 2 {
		return nil, nil
	}
	l := w.leases.byToken(parts[0])
	if l == nil {
		return nil, nil
	}
	l.guard.Lock()
	defer l.guard.Unlock()
	for _, u := range l.uploads {
		if u.Name == parts[1] {
			return l, u
		}
	}
	return l, nil
}

func (l *lease) begin(up *upload, length int64, shape *faultRule) {
	l.guard.Lock()
	defer l.guard.Unlock()
	up.Sent, up.Received, up.Whole, up.sha1, up.sha256 = length, 0, false, "", ""
	up.excused = shape != nil && shape.Kind == "short"
}

// receive reads the upload to its end; false: it broke, was cut by a scripted fault, or the lease ended meanwhile.
func (l *lease) receive(up *upload, body io.Reader, shape *faultRule) bool {
	limit := int64(-1)
	if shape != nil && shape.AfterBytes != nil {
		limit = *shape.AfterBytes
	}
	short := up.excused
	digest := newDigest(l.w.site.VCenter.hashes(up.Sent))
	defer digest.close()
	buffer := uploadBuffers.Get().(*[]byte)
	defer uploadBuffers.Put(buffer)
	started, stored := time.Now(), int64(0)
	for !l.ended() {
		chunk := *buffer
		if limit >= 0 && !short {
			if stored >= limit {
				return false
			}
			chunk = chunk[:min(int64(len(chunk)), limit-stored)]
		}
		if shape != nil && shape.BytesPerSecond > 0 {
			chunk = chunk[:min(int64(len(chunk)), max(1, shape.BytesPerSecond/10))]
		}
		n, err := body.Read(chunk)
		kept := chunk[:n]
		if short && limit >= 0 {
			kept = kept[:max(0, min(int64(n), limit-stored))]
		}
		stored += int64(len(kept))
		digest.write(kept)
		l.count(up, stored)
		if err != nil {
			return l.finish(up, digest, err == io.EOF)
		}
		if !l.throttle(shape, started, stored) {
			return false
		}
	}
	return false
}

func (l *lease) ended() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

func (l *lease) count(up *upload, received int64) {
	l.guard.Lock()
	up.Received = received
	l.guard.Unlock()
}

func (l *lease) finish(up *upload, digest *digest, whole bool) bool {
	sum1, sum256 := digest.sums()
	l.guard.Lock()
	defer l.guard.Unlock()
	up.Whole = whole
	if whole {
		up.sha1, up.sha256 = sum1, sum256
	}
	return whole
}

// throttle waits until the bytes so far fit the rate; false: the lease ended meanwhile.
func (l *lease) throttle(shape *faultRule, started time.Time, received int64) bool {
	if shape == nil || shape.BytesPerSecond <= 0 {
		return true
	}
	due := started.Add(time.Duration(float64(received) / float64(shape.BytesPerSecond) * float64(time.Second)))
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.closed:
		return false
	}
}

// digest hashes in a goroutine of its own, so that reading from the network does not wait for it. A nil digest hashes nothing.
type digest struct {
	block  []byte
	blocks chan []byte
	free   chan []byte
	done   chan struct{}
	once   sync.Once
	sha1   hash.Hash
	sha256 hash.Hash
}

const digestBlock = 256 << 10

func newDigest(wanted bool) *digest {
	if !wanted {
		return nil
	}
	d := &digest{
		block: make([]byte, 0, digestBlock), blocks: make(chan []byte, 2), free: make(chan []byte, 4), done: make(chan struct{}),
		sha1: sha1.New(), sha256: sha256.New(),
	}
	for range 3 {
		d.free <- make([]byte, 0, digestBlock)
	}
	go func() {
		defer close(d.done)
		for block := range d.blocks {
			_, _ = d.sha1.Write(block)
			_, _ = d.sha256.Write(block)
			d.free <- block[:0]
		}
	}()
	return d
}

func (d *digest) write(p []byte) {
	for d != nil && len(p) > 0 {
		n := min(len(p), cap(d.block)-len(d.block))
		d.block = append(d.block, p[:n]...)
		p = p[n:]
		if len(d.block) == cap(d.block) {
			d.blocks <- d.block
			d.block = <-d.free
		}
	}
}

func (d *digest) close() {
	if d == nil {
		return
	}
	d.once.Do(func() {
		d.blocks <- d.block
		close(d.blocks)
	})
	<-d.done
}

// sums are the SHA-1 and SHA-256 in hex, empty when nothing was hashed.
func (d *digest) sums() (string, string) {
	if d == nil {
		return "", ""
	}
	d.close()
	return hex.EncodeToString(d.sha1.Sum(nil)), hex.EncodeToString(d.sha256.Sum(nil))
}
