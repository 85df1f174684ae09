package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"sync"
	"time"
)

func sleep(ms int) {
	time.Sleep(time.Duration(ms) * time.Millisecond)
}

// slots limits how much disk and CPU work is done at once.
//
// Such work is done in the request's own goroutine, inline or not. A goroutine that waits for a disk frees its
// processor, and the runtime preempts one that computes. Inline work only does not wait for a slot.
type slots chan struct{}

// take waits for a slot, and returns a function that frees it.
func (s slots) take(inline bool) func() {
	if inline {
		return func() {}
	}
	s <- struct{}{}
	return func() { <-s }
}

// plain does thousands of steps of a linear congruential generator, and returns the last value.
func plain(ksteps int) uint {
	x := uint(1)
	for range ksteps * 1000 {
		x = (x*1103515245 + 12345) % (1 << 31)
	}
	return x
}

// buffers has buffers of one piece each, for bodies and files.
var buffers = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// digest returns the SHA-256 of a body, read piece by piece as it comes.
func digest(body io.Reader, length int64) (string, error) {
	hash := sha256.New()
	buffer := buffers.Get().(*[pieceSize]byte)
	defer buffers.Put(buffer)
	if read, err := io.CopyBuffer(hash, body, buffer[:]); err != nil || read != length {
		return "", cutShort
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
