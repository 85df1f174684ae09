package main

import (
	"os"
	"strconv"
	"strings"
)

// Columns of a core's line in /proc/stat (proc_stat(5)), after its name, and the number of the kernel's ticks in a
// second (USER_HZ, the same on every common processor).
const (
	columnIdle, columnIOWait, columnSteal = 4, 5, 8
	ticksPerSecond                        = 100
)

// cores returns the numbers of the CPU cores that this service may use.
func cores() []int {
	var found []int
	for _, part := range strings.Split(statusLine("/proc/self/status", "Cpus_allowed_list"), ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		for core := from; err == nil && err2 == nil && core <= to; core++ {
			found = append(found, core)
		}
	}
	return found
}

// freeSeconds returns how long these cores were idle, summed over the cores. CPU steal time counts as idle.
func freeSeconds(cores []int) float64 {
	content, _ := os.ReadFile("/proc/stat")
	wanted := map[string]bool{}
	for _, core := range cores {
		wanted["cpu"+strconv.Itoa(core)] = true
	}
	ticks := int64(0)
	for line := range strings.Lines(string(content)) {
		words := strings.Fields(line)
		if len(words) <= columnSteal || !wanted[words[0]] {
			continue
		}
		for _, column := range []int{columnIdle, columnIOWait, columnSteal} {
			count, _ := strconv.ParseInt(words[column], 10, 64)
			ticks += count
		}
	}
	return float64(ticks) / ticksPerSecond
}

// statusLine returns a line of this process's /proc file; empty if it is missing.
func statusLine(file, name string) string {
	content, _ := os.ReadFile(file)
	for line := range strings.Lines(string(content)) {
		if key, said, _ := strings.Cut(line, ":"); key == name {
			return strings.TrimSpace(said)
		}
	}
	return ""
}
