package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	msMax          = 60_000
	callsMax       = 20
	diskKibMax     = 4096
	downloadKibMax = 65_536
	kstepsMax      = 10_000
	uploadMax      = 64 * 1024 * 1024
)

// params reads a query by the rule of the contract, which is stricter than url.ParseQuery. err is about the first
// parameter that is wrong.
type params struct {
	query string
	err   error
}

// ms returns how long to wait, in milliseconds.
func (p *params) ms() int { return p.required("ms", 0, msMax) }

// calls returns how many remote calls to make inside one request; by default 1.
func (p *params) calls() int { return p.optional("calls", 1, callsMax, 1) }

// serial reports whether to make the calls one after the other; by default, concurrently.
func (p *params) serial() bool { return p.optional("serial", 0, 1, 0) == 1 }

// diskKib returns how much to write and read back, in KiB.
func (p *params) diskKib() int { return p.required("kib", 1, diskKibMax) }

// downloadKib returns how much to send, in KiB.
func (p *params) downloadKib() int { return p.required("kib", 0, downloadKibMax) }

// ksteps returns how many thousand steps to compute.
func (p *params) ksteps() int { return p.required("ksteps", 1, kstepsMax) }

// inline reports whether to work without waiting for a slot; see slots.
func (p *params) inline() bool { return p.optional("inline", 0, 1, 0) == 1 }

func (p *params) required(name string, low, high int) int {
	value, times := p.given(name)
	number, err := strconv.Atoi(value)
	if times != 1 || len(value) > 9 || !digits(value) || err != nil || number < low || number > high {
		p.refuse(fmt.Sprintf("%s must be given once, a whole number from %d to %d", name, low, high))
	}
	return number
}

func (p *params) optional(name string, low, high, otherwise int) int {
	if _, times := p.given(name); times == 0 {
		return otherwise
	}
	return p.required(name, low, high)
}

func (p *params) refuse(detail string) {
	if p.err == nil {
		p.err = refusal{http.StatusBadRequest, detail}
	}
}

// given returns the last value of a parameter, and how many times it is there.
func (p *params) given(name string) (value string, times int) {
	for pair := range strings.SplitSeq(p.query, "&") {
		key, text, _ := strings.Cut(pair, "=")
		if unescaped(key) == name {
			value = unescaped(text)
			times++
		}
	}
	return value, times
}

// unescaped leaves a text with a broken escape as it is, since no name and no number has a percent sign.
func unescaped(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

// digits reports whether a text has only 0 to 9. Atoi accepts signs too.
func digits(text string) bool {
	for _, each := range []byte(text) {
		if each < '0' || each > '9' {
			return false
		}
	}
	return text != ""
}

// contentLength returns the length of an upload. It checks the header, since net/http returns 0 if there is none.
func contentLength(r *http.Request) (int64, error) {
	if r.ContentLength < 0 || r.Header.Get("Content-Length") == "" {
		return 0, lengthMissing
	}
	if r.ContentLength > uploadMax {
		return 0, tooLarge
	}
	return r.ContentLength, nil
}
