package main

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// conn makes the response to a path with a broken escape the same as to any unknown path. net/http would refuse such a
// request before any handler, in plain text.
type conn struct {
	*net.TCPConn
	last []byte // the bytes read last: the request, if net/http refuses it
}

func (l listener) Accept() (net.Conn, error) {
	made, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return &conn{TCPConn: made}, nil
}

func (c *conn) Read(into []byte) (int, error) {
	count, err := c.TCPConn.Read(into)
	c.last = into[:count]
	return count, err
}

const refusedUnseen = "HTTP/1.1 400 Bad Request\r\n" +
	"Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"

func (c *conn) Write(response []byte) (int, error) {
	if string(response) != refusedUnseen || !brokenEscape(c.last) {
		return c.TCPConn.Write(response)
	}
	body := notFound
	if strings.HasPrefix(string(c.last), "HEAD ") {
		body = nil
	}
	_, err := fmt.Fprintf(c.TCPConn, "HTTP/1.1 404 Not Found\r\nContent-Type: %s\r\nContent-Length: %d\r\n"+
		"Connection: close\r\n\r\n%s", typeProblem[0], len(notFound), body)
	return len(response), err
}

// brokenEscape reports whether the path of a request has a percent sign that begins no escape.
func brokenEscape(request []byte) bool {
	_, rest, _ := strings.Cut(string(request), " ")
	target, _, whole := strings.Cut(rest, " HTTP/1.")
	path, _, _ := strings.Cut(target, "?")
	_, err := url.PathUnescape(path)
	return whole && strings.HasPrefix(path, "/") && err != nil
}
