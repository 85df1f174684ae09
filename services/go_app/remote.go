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

// call is a response of the remote API.
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

// callUpstream makes remote calls, one after the other or concurrently, and returns when all have ended.
func (s *service) callUpstream(ctx context.Context, ms, calls int, serial bool) ([]call, error) {
	results, errs := make([]call, calls), make([]error, calls)
	if serial || calls == 1 {
		for i := range calls {
			var err error
			if results[i], err = s.call(ctx, ms, i); err != nil {
				return nil, err
			}
		}
		return results, nil
	}
	var all sync.WaitGroup
	for i := range calls {
		all.Go(func() { results[i], errs[i] = s.call(ctx, ms, i) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return results, nil
}

func (s *service) call(ctx context.Context, ms, number int) (result call, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond+s.settings.grace)
	defer cancel()
	url := fmt.Sprintf("%s/slow?ms=%d&call=%d", s.settings.upstreamURL, ms, number)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return result, upstreamFailed
	}
	response, err := s.client.Do(request)
	if err != nil {
		return result, upstreamFailed
	}
	defer response.Body.Close()
	// Read to the end, so that the connection can be used again.
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || json.Unmarshal(body, &result) != nil {
		return result, upstreamFailed
	}
	return result, nil
}
