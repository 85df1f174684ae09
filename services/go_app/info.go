package main

import (
	"net/http"
	"os"
	"runtime"
	"strings"
)

// pqVersion is the version of lib/pq. build.sh sets it.
var pqVersion = "unknown"

// info is the description of the service. The budget is read from the live objects, not from the request for them.
type info struct {
	Variant   string            `json:"variant"`
	Framework string            `json:"framework"`
	Server    string            `json:"server"`
	Model     string            `json:"model"`
	PID       int               `json:"pid"`
	Cores     []int             `json:"cores"`
	GIL       bool              `json:"gil"`
	Versions  map[string]string `json:"versions"`
	Runtime   struct {
		Gomaxprocs int `json:"gomaxprocs"`
	} `json:"runtime"`
	Budget budget `json:"budget"`
}

type budget struct {
	Workers             int `json:"workers"`
	Backlog             int `json:"backlog"`
	KeepAliveS          int `json:"keep_alive_s"`
	DBPool              int `json:"db_pool"`
	UpstreamConnections int `json:"upstream_connections"`
	WorkThreads         int `json:"work_threads"`
}

func (s *service) describe() info {
	said := info{
		Variant:   s.settings.variant,
		Framework: s.settings.framework,
		Server:    s.settings.server,
		Model:     s.settings.model,
		PID:       os.Getpid(),
		Cores:     cores(),
		Versions:  map[string]string{"go": strings.TrimPrefix(runtime.Version(), "go"), "lib/pq": pqVersion},
		Budget: budget{
			Workers:             1, // it never starts another process
			Backlog:             s.listener.backlog(),
			KeepAliveS:          int(s.server.IdleTimeout.Seconds()),
			DBPool:              s.pool.Stats().MaxOpenConnections,
			UpstreamConnections: s.client.Transport.(*http.Transport).MaxConnsPerHost,
			WorkThreads:         cap(s.work),
		},
	}
	said.Runtime.Gomaxprocs = runtime.GOMAXPROCS(0)
	return said
}
