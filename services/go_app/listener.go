package main

import (
	"net"
	"syscall"
	"unsafe"
)

// listener is the socket on which the service listens.
type listener struct{ *net.TCPListener }

// listen sets how many connections may wait to be accepted. net.Listen gives every socket the system's limit, and a
// second call of listen changes only that.
func listen(address string, backlog int) (listener, error) {
	made, err := net.Listen("tcp", address)
	if err != nil {
		return listener{}, err
	}
	l := listener{made.(*net.TCPListener)}
	err = l.control(func(socket int) error { return syscall.Listen(socket, backlog) })
	return l, err
}

// backlog returns the kernel's own limit: tcpi_sacked of TCP_INFO, the 6th 32-bit word, in state LISTEN.
func (l listener) backlog() int {
	var info struct {
		_     [8]uint8
		words [24]uint32
	}
	size := unsafe.Sizeof(info)
	err := l.control(func(socket int) error {
		_, _, number := syscall.Syscall6(syscall.SYS_GETSOCKOPT, uintptr(socket), syscall.IPPROTO_TCP, syscall.TCP_INFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if number != 0 {
			return number
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	return int(info.words[5])
}

func (l listener) control(do func(socket int) error) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var done error
	if err := raw.Control(func(socket uintptr) { done = do(int(socket)) }); err != nil {
		return err
	}
	return done
}
