package main

import (
	"encoding/json"
	"net/http"
)

// Values of Content-Type, ready to be put into a header.
var (
	typeJSON    = []string{"application/json"}
	typeProblem = []string{"application/problem+json"}
	typeBytes   = []string{"application/octet-stream"}
)

// refusal is a response that is a problem document with this text.
type refusal struct {
	status int
	detail string
}

func (r refusal) Error() string   { return r.detail }
func (r refusal) problem() []byte { return problem(r.status, r.detail) }

var (
	lengthMissing  = refusal{http.StatusLengthRequired, "an upload needs a Content-Length"}
	tooLarge       = refusal{http.StatusRequestEntityTooLarge, "an upload may have at most 67108864 bytes"}
	cutShort       = refusal{http.StatusBadRequest, "the body is shorter than its Content-Length"}
	upstreamFailed = refusal{http.StatusServiceUnavailable, "the remote API did not respond in time"}
	databaseFailed = refusal{http.StatusServiceUnavailable, "the database did not respond in time"}
	diskFailed     = refusal{http.StatusServiceUnavailable, "the file could not be written to the disk and read back"}
)

var (
	notFound         = problem(http.StatusNotFound, "no such path")
	methodNotAllowed = problem(http.StatusMethodNotAllowed, "this path does not accept that method")
	serverError      = problem(http.StatusInternalServerError, "the service failed; see its log")

	healthy = encode(struct {
		Status string `json:"status"`
	}{"ok"})
	fast = encode(struct {
		Workload string `json:"workload"`
	}{"fast"})
)

func encode(value any) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return body
}

// problem is an RFC 9457 problem document.
func problem(status int, detail string) []byte {
	title := http.StatusText(status)
	if status == http.StatusRequestEntityTooLarge {
		title = "Content Too Large" // RFC 9110 has a newer phrase than net/http
	}
	return encode(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{"about:blank", title, status, detail})
}

func waited(ms int) []byte {
	return encode(struct {
		Workload string `json:"workload"`
		Ms       int    `json:"ms"`
	}{"wait", ms})
}

func called(ms int, calls []call) []byte {
	return encode(struct {
		Workload string `json:"workload"`
		Ms       int    `json:"ms"`
		Calls    []call `json:"calls"`
	}{"upstream", ms, calls})
}

func queried(ms int, rows []item) []byte {
	return encode(struct {
		Workload string `json:"workload"`
		Ms       int    `json:"ms"`
		Rows     []item `json:"rows"`
	}{"db", ms, rows})
}

func stored(kib int, sha256 string) []byte {
	return encode(struct {
		Workload string `json:"workload"`
		Kib      int    `json:"kib"`
		Sha256   string `json:"sha256"`
	}{"disk", kib, sha256})
}

func received(length int64, sha256 string) []byte {
	return encode(struct {
		Workload string `json:"workload"`
		Bytes    int64  `json:"bytes"`
		Sha256   string `json:"sha256"`
	}{"upload", length, sha256})
}

func computed(ksteps int, result uint) []byte {
	return encode(struct {
		Workload string `json:"workload"`
		Ksteps   int    `json:"ksteps"`
		Result   uint   `json:"result"`
	}{"cpu", ksteps, result})
}
