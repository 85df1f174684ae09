package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// call is what the remote API answered.
type call struct {
	Call int `json:"call"`
	Ms   int `json:"ms"`
}

func newClient(settings settings) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:         (&net.Dialer{Timeout: settings.grace}).DialContext,
		MaxConnsPerHost:     settings.upstreamConnections,
		MaxIdleConnsPerHost: settings.upstreamConnections,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true,
	}}
}

// callUpstream makes remote calls, one after the other or all at once, and returns when the last is back.
func (s *service) callUpstream(ctx context.Context, ms, calls int, serial bool) ([]call, error) {
	answers, errs := make([]call, calls), make([]error, calls)
	if serial || calls == 1 {
		for i := range calls {
			var err error
			if answers[i], err = s.call(ctx, ms, i); err != nil {
				return nil, err
			}
		}
		return answers, nil
	}
	var all sync.WaitGroup
	for i := range calls {
		all.Go(func() { answers[i], errs[i] = s.call(ctx, ms, i) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return answers, nil
}

func (s *service) call(ctx context.Context, ms, number int) (answer call, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond+s.settings.grace)
	defer cancel()
	url := fmt.Sprintf("%s/slow?ms=%d&call=%d", s.settings.upstreamURL, ms, number)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return answer, upstreamFailed
	}
	response, err := s.client.Do(request)
	if err != nil {
		return answer, upstreamFailed
	}
	defer response.Body.Close()
	// To its end, so that the connection can be used again.
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || json.Unmarshal(body, &answer) != nil {
		return answer, upstreamFailed
	}
	return answer, nil
}
