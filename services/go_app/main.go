package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

const (
	healthWithin = 3 * time.Second
	endWithin    = 10 * time.Second
)

func main() {
	log.SetFlags(0)
	host := flag.String("host", "127.0.0.1", "where to listen")
	port := flag.Int("port", 8000, "where to listen")
	backlog := flag.Int("backlog", 2048, "connections that may wait to be accepted")
	keepAlive := flag.Int("keep-alive", 75, "seconds that an idle connection is kept")
	flag.Parse()
	address := net.JoinHostPort(*host, strconv.Itoa(*port))
	if flag.Arg(0) == "health" {
		os.Exit(health(address))
	}
	if err := serve(address, *backlog, time.Duration(*keepAlive)*time.Second); err != nil {
		log.Fatal(err)
	}
}

// serve returns when a signal has ended it and the requests in flight are done.
func serve(address string, backlog int, keepAlive time.Duration) error {
	listener, err := listen(address, backlog)
	if err != nil {
		return err
	}
	service := newService(readSettings())
	service.listener = listener
	service.server = &http.Server{
		Handler:                      service,
		IdleTimeout:                  keepAlive,
		DisableGeneralOptionsHandler: true, // the service itself refuses "OPTIONS *"
	}
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	done := make(chan error, 1)
	go func() {
		<-ended.Done()
		last, cancel := context.WithTimeout(context.Background(), endWithin)
		defer cancel()
		done <- service.server.Shutdown(last)
	}()
	if err := service.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-done
}

// health returns the exit code of a container's health check. The image has no other program for it.
func health(address string) int {
	client := http.Client{Timeout: healthWithin}
	response, err := client.Get("http://" + address + "/health")
	if err != nil {
		log.Print(err)
		return 1
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		log.Print(response.Status)
		return 1
	}
	return 0
}
