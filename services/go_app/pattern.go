package main

import "iter"

const (
	period    = 251 // a prime, so that a missing or moved piece is noticed
	pieceSize = 64 * 1024
)

// content is the beginning of the pattern: byte number i is i mod 251.
var content = func() []byte {
	bytes := make([]byte, period+pieceSize)
	for i := range bytes {
		bytes[i] = byte(i % period)
	}
	return bytes
}()

// pieces yields the first bytes of the pattern, in pieces of 64 KiB.
func pieces(size int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for offset := 0; offset < size; offset += pieceSize {
			start := offset % period
			if !yield(content[start : start+min(pieceSize, size-offset)]) {
				return
			}
		}
	}
}
