package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"syscall"
)

const (
	withoutName = 0o20000000 | syscall.O_DIRECTORY // O_TMPFILE of open(2)
	dontNeed    = 4                                // POSIX_FADV_DONTNEED
)

// keepAndReadBack writes a file of the pattern to the disk, reads it back, and returns the SHA-256 of it.
func keepAndReadBack(folder string, kib int) (string, error) {
	file, err := nameless(folder)
	if err != nil {
		return "", diskFailed
	}
	defer file.Close()
	for piece := range pieces(kib * 1024) {
		if _, err := file.Write(piece); err != nil {
			return "", diskFailed
		}
	}
	if err := dropFromMemory(file); err != nil {
		return "", diskFailed
	}
	hash := sha256.New()
	buffer := buffers.Get().(*[pieceSize]byte)
	defer buffers.Put(buffer)
	for piece := range pieces(kib * 1024) {
		found := buffer[:len(piece)]
		if _, err := io.ReadFull(file, found); err != nil || !bytes.Equal(found, piece) {
			return "", diskFailed
		}
		hash.Write(found)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// nameless makes a file that never has a name, so it cannot be left behind. If the folder's file system has no such
// files, it makes one and removes its name.
func nameless(folder string) (*os.File, error) {
	file, err := os.OpenFile(folder, os.O_RDWR|withoutName, 0o600)
	if err == nil {
		return file, nil
	}
	file, err = os.CreateTemp(folder, "")
	if err != nil {
		return nil, err
	}
	return file, os.Remove(file.Name())
}

// dropFromMemory syncs a file, drops it from memory, and seeks to its beginning. Only data on the disk can be dropped
// from memory, and only dropped data is read from the disk.
func dropFromMemory(file *os.File) error {
	if err := file.Sync(); err != nil {
		return err
	}
	if _, _, number := syscall.Syscall6(syscall.SYS_FADVISE64, file.Fd(), 0, 0, dontNeed, 0, 0); number != 0 {
		return number
	}
	_, err := file.Seek(0, io.SeekStart)
	return err
}
