package main

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// counters is the service's own count of its requests. Requests for /health, /info and /usage are the harness's own and
// are not counted.
type counters struct {
	started, completed, inFlight, peakInFlight atomic.Int64
}

func uncounted(path string) bool {
	switch path {
	case "/health", "/info", "/usage", "/usage/reset":
		return true
	}
	return false
}

func (c *counters) begin() {
	c.started.Add(1)
	now := c.inFlight.Add(1)
	for peak := c.peakInFlight.Load(); now > peak; peak = c.peakInFlight.Load() {
		if c.peakInFlight.CompareAndSwap(peak, now) {
			return
		}
	}
}

func (c *counters) end() {
	c.completed.Add(1)
	c.inFlight.Add(-1)
}

// usage has the requests and the resources of this service so far. The peaks are since the last reset. The bytes of the
// disk reached it, and were not found or left in memory. CoresFreeS is how long the cores that the service may use were
// idle. Their busy time beyond CPUS was not this service's.
type usage struct {
	MonotonicS       float64 `json:"monotonic_s"`
	RequestsStarted  int64   `json:"requests_started"`
	RequestsAnswered int64   `json:"requests_answered"`
	InFlight         int64   `json:"in_flight"`
	PeakInFlight     int64   `json:"peak_in_flight"`
	Processes        int     `json:"processes"`
	CPUS             float64 `json:"cpu_s"`
	Cores            int     `json:"cores"`
	CoresFreeS       float64 `json:"cores_free_s"`
	RSSBytes         int64   `json:"rss_bytes"`
	PeakRSSBytes     int64   `json:"peak_rss_bytes"`
	DiskReadBytes    int64   `json:"disk_read_bytes"`
	DiskWrittenBytes int64   `json:"disk_written_bytes"`
}

func (c *counters) usage() usage {
	memory := figures("/proc/self/status")
	disk := figures("/proc/self/io")
	allowed := cores()
	return usage{
		MonotonicS:       clock(clockMonotonic),
		RequestsStarted:  c.started.Load(),
		RequestsAnswered: c.completed.Load(),
		InFlight:         c.inFlight.Load(),
		PeakInFlight:     c.peakInFlight.Load(),
		Processes:        1,
		CPUS:             clock(clockProcess),
		Cores:            len(allowed),
		CoresFreeS:       freeSeconds(allowed),
		RSSBytes:         memory["VmRSS"] * 1024,
		PeakRSSBytes:     memory["VmHWM"] * 1024,
		DiskReadBytes:    disk["read_bytes"],
		// The kernel also counts writes that were cancelled before they reached the disk.
		DiskWrittenBytes: max(0, disk["write_bytes"]-disk["cancelled_write_bytes"]),
	}
}

// resetPeaks resets the peaks, so that each trial has its own, and gives back free memory, so that each trial begins
// with the memory that the service needs when idle.
func (c *counters) resetPeaks() {
	debug.FreeOSMemory()
	c.peakInFlight.Store(c.inFlight.Load())
	// 5: the kernel's own "reset the peak resident set", proc_pid_clear_refs(5). If it is refused, the peak stays.
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// figures returns the numbers in this process's /proc file; none if the file is missing.
func figures(file string) map[string]int64 {
	found := map[string]int64{}
	content, _ := os.ReadFile(file)
	for line := range strings.Lines(string(content)) {
		name, said, _ := strings.Cut(line, ":")
		if words := strings.Fields(said); len(words) > 0 {
			found[name], _ = strconv.ParseInt(words[0], 10, 64)
		}
	}
	return found
}

// The clocks of clock_gettime(2).
const (
	clockMonotonic = 1
	clockProcess   = 2
)

// clock returns the time of a clock, in seconds.
func clock(id uintptr) float64 {
	var now syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&now)), 0)
	return time.Duration(now.Nano()).Seconds()
}
