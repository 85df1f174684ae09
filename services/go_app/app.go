// The slow endpoints on net/http.
package main

import (
	"database/sql"
	"errors"
	"log"
	"net/http"
	"runtime/debug"
	"strconv"
)

type service struct {
	settings settings
	server   *http.Server
	listener listener
	pool     *sql.DB
	client   *http.Client
	work     slots
	counters counters
	routes   map[string]route
}

type route struct {
	method string
	handle func(http.ResponseWriter, *http.Request) error
}

func newService(settings settings) *service {
	s := &service{
		settings: settings,
		pool:     newPool(settings),
		client:   newClient(settings),
		work:     make(slots, settings.workThreads),
	}
	// Not a ServeMux, which cleans paths, redirects, and accepts HEAD where it accepts GET.
	s.routes = map[string]route{
		"/health":      {http.MethodGet, s.health},
		"/info":        {http.MethodGet, s.info},
		"/usage":       {http.MethodGet, s.usage},
		"/usage/reset": {http.MethodPost, s.resetUsage},
		"/fast":        {http.MethodGet, s.fast},
		"/wait":        {http.MethodGet, s.wait},
		"/upstream":    {http.MethodGet, s.upstream},
		"/db":          {http.MethodGet, s.db},
		"/disk":        {http.MethodGet, s.disk},
		"/upload":      {http.MethodPost, s.upload},
		"/download":    {http.MethodGet, s.download},
		"/cpu":         {http.MethodGet, s.cpu},
	}
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !uncounted(r.URL.Path) {
		s.counters.begin()
		defer s.counters.end()
	}
	defer failed(w)
	route, found := s.routes[r.URL.Path]
	if !found {
		refuse(w, http.StatusNotFound, notFound)
		return
	}
	if r.Method != route.method {
		w.Header().Set("Allow", route.method)
		refuse(w, http.StatusMethodNotAllowed, methodNotAllowed)
		return
	}
	var why refusal
	if err := route.handle(w, r); errors.As(err, &why) {
		refuse(w, why.status, why.problem())
	}
}

func (s *service) health(w http.ResponseWriter, r *http.Request) error {
	return reply(w, healthy)
}

func (s *service) info(w http.ResponseWriter, r *http.Request) error {
	return reply(w, encode(s.describe()))
}

func (s *service) usage(w http.ResponseWriter, r *http.Request) error {
	return reply(w, encode(s.counters.usage()))
}

func (s *service) resetUsage(w http.ResponseWriter, r *http.Request) error {
	s.counters.resetPeaks()
	return reply(w, encode(s.counters.usage()))
}

func (s *service) fast(w http.ResponseWriter, r *http.Request) error {
	return reply(w, fast)
}

func (s *service) wait(w http.ResponseWriter, r *http.Request) error {
	p := params{query: r.URL.RawQuery}
	ms := p.ms()
	if p.err != nil {
		return p.err
	}
	sleep(ms)
	return reply(w, waited(ms))
}

func (s *service) upstream(w http.ResponseWriter, r *http.Request) error {
	p := params{query: r.URL.RawQuery}
	ms, calls, serial := p.ms(), p.calls(), p.serial()
	if p.err != nil {
		return p.err
	}
	results, err := s.callUpstream(r.Context(), ms, calls, serial)
	if err != nil {
		return err
	}
	return reply(w, called(ms, results))
}

func (s *service) db(w http.ResponseWriter, r *http.Request) error {
	p := params{query: r.URL.RawQuery}
	ms := p.ms()
	if p.err != nil {
		return p.err
	}
	rows, err := s.query(r.Context(), ms)
	if err != nil {
		return err
	}
	return reply(w, queried(ms, rows))
}

func (s *service) disk(w http.ResponseWriter, r *http.Request) error {
	p := params{query: r.URL.RawQuery}
	kib, inline := p.diskKib(), p.inline()
	if p.err != nil {
		return p.err
	}
	defer s.work.take(inline)()
	sha256, err := keepAndReadBack(s.settings.scratchDir, kib)
	if err != nil {
		return err
	}
	return reply(w, stored(kib, sha256))
}

func (s *service) upload(w http.ResponseWriter, r *http.Request) error {
	length, err := contentLength(r)
	if err != nil {
		// Otherwise net/http reads the body first, which may never come.
		w.Header().Set("Connection", "close")
		return err
	}
	sha256, err := digest(r.Body, length)
	if err != nil {
		return err
	}
	return reply(w, received(length, sha256))
}

func (s *service) download(w http.ResponseWriter, r *http.Request) error {
	p := params{query: r.URL.RawQuery}
	kib := p.downloadKib()
	if p.err != nil {
		return p.err
	}
	w.Header()["Content-Type"] = typeBytes
	w.Header().Set("Content-Length", strconv.Itoa(kib*1024))
	for piece := range pieces(kib * 1024) {
		if _, err := w.Write(piece); err != nil {
			return err // the client has gone
		}
	}
	return nil
}

func (s *service) cpu(w http.ResponseWriter, r *http.Request) error {
	p := params{query: r.URL.RawQuery}
	ksteps, inline := p.ksteps(), p.inline()
	if p.err != nil {
		return p.err
	}
	defer s.work.take(inline)()
	return reply(w, computed(ksteps, plain(ksteps)))
}

func reply(w http.ResponseWriter, body []byte) error {
	w.Header()["Content-Type"] = typeJSON
	_, err := w.Write(body)
	return err
}

func refuse(w http.ResponseWriter, status int, problem []byte) {
	w.Header()["Content-Type"] = typeProblem
	w.WriteHeader(status)
	w.Write(problem)
}

// failed responds for a handler that panicked.
func failed(w http.ResponseWriter) {
	if reason := recover(); reason != nil {
		log.Printf("%v\n%s", reason, debug.Stack())
		refuse(w, http.StatusInternalServerError, serverError)
	}
}
