package main

import (
	"log"
	"os"
	"strconv"
	"time"
)

// settings is what the service gets from the program that starts it.
type settings struct {
	variant, framework, model, server        string
	databaseURL, upstreamURL, scratchDir     string
	dbPool, upstreamConnections, workThreads int
	// grace is how much longer than the wait itself a dependency may take before the response is 503.
	grace time.Duration
}

func readSettings() settings {
	return settings{
		variant:             text("WAITBENCH_VARIANT", "unnamed"),
		framework:           text("WAITBENCH_FRAMEWORK", ""),
		model:               text("WAITBENCH_MODEL", "goroutines"),
		server:              text("WAITBENCH_SERVER", ""),
		databaseURL:         text("WAITBENCH_DATABASE_URL", "postgresql://waitbench@127.0.0.1:5432/waitbench"),
		upstreamURL:         text("WAITBENCH_UPSTREAM_URL", "http://127.0.0.1:8090"),
		scratchDir:          text("WAITBENCH_SCRATCH_DIR", "/var/tmp"),
		dbPool:              int(number("WAITBENCH_DB_POOL", 50)),
		upstreamConnections: int(number("WAITBENCH_UPSTREAM_CONNECTIONS", 1000)),
		workThreads:         int(number("WAITBENCH_WORK_THREADS", 40)),
		grace:               time.Duration(number("WAITBENCH_DEPENDENCY_GRACE_S", 5) * float64(time.Second)),
	}
}

func text(name, otherwise string) string {
	if value, found := os.LookupEnv(name); found {
		return value
	}
	return otherwise
}

func number(name string, otherwise float64) float64 {
	value, found := os.LookupEnv(name)
	if !found {
		return otherwise
	}
	number, err := strconv.ParseFloat(value, 64)
	if err != nil {
		log.Fatalf("%s: %v", name, err)
	}
	return number
}
