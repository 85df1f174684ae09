package main

import (
	"net"
	"syscall"
	"unsafe"
)

// listener is where the service is reached.
type listener struct{ *net.TCPListener }

// listen has so many connections wait to be accepted: net.Listen gives every socket the system's own limit. Listening
// once more changes that alone.
func listen(address string, backlog int) (listener, error) {
	made, err := net.Listen("tcp", address)
	if err != nil {
		return listener{}, err
	}
	l := listener{made.(*net.TCPListener)}
	err = l.control(func(socket int) error { return syscall.Listen(socket, backlog) })
	return l, err
}

// backlog is the kernel's own limit: tcpi_sacked of TCP_INFO, the 6th 32-bit word, in state LISTEN.
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
