package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// runForward carries TCP connections from a port of the machine's loopback into the cluster's network namespace.
//
// A socket belongs to the namespace that it was made in. So the program listens first, then starts itself anew inside
// the cluster's namespaces with the listening socket handed on, and dials from there. Being in the process namespace
// too, it ends with the node.
func runForward() int {
	var (
		wishFile  = flag.String("wish-file", "", "file with the first port to try on 127.0.0.1")
		tries     = flag.Int("tries", 1, "how many ports to try, upwards from the first")
		namespace = flag.Int("namespaces-of", 0, "process whose network and process namespaces to enter")
		portFile  = flag.String("port-file", "", "file that receives the port")
		inherited = flag.Int("inherited", 0, "file descriptor of the listening socket, for the second start")
		target    = flag.String("to", "", "address to connect to")
	)
	flag.Parse()
	if *inherited != 0 {
		return serveForward(*inherited, *target)
	}
	wish, err := os.ReadFile(*wishFile)
	if err != nil {
		return fail("wish file", err)
	}
	first, err := strconv.Atoi(strings.TrimSpace(string(wish)))
	if err != nil {
		return fail("wish file", err)
	}
	listener, port, err := listenFrom(first, *tries)
	if err != nil {
		return fail("listen", err)
	}
	file, err := listener.File()
	if err != nil {
		return fail("listen", err)
	}
	// Renamed into place, so that a reader never sees half a number.
	if err := os.WriteFile(*portFile+".new", []byte(strconv.Itoa(port)+"\n"), 0o644); err != nil {
		return fail("port file", err)
	}
	if err := os.Rename(*portFile+".new", *portFile); err != nil {
		return fail("port file", err)
	}
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return fail("nsenter", err)
	}
	descriptor := int(file.Fd())
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(descriptor), syscall.F_SETFD, 0); errno != 0 {
		return fail("hand on the socket", errno)
	}
	return fail("nsenter", syscall.Exec(nsenter, []string{
		"nsenter", "--target", strconv.Itoa(*namespace), "--net", "--pid", "--",
		"setpriv", "--pdeathsig", "KILL", "--",
		os.Args[0], "--inherited", strconv.Itoa(descriptor), "--to", *target,
	}, os.Environ()))
}

func listenFrom(first, tries int) (*net.TCPListener, int, error) {
	var last error
	for port := first; port < first+tries; port++ {
		listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err == nil {
			return listener, listener.Addr().(*net.TCPAddr).Port, nil
		}
		last = err
	}
	return nil, 0, last
}

func serveForward(descriptor int, target string) int {
	listener, err := net.FileListener(os.NewFile(uintptr(descriptor), "listener"))
	if err != nil {
		return fail("listener", err)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			return fail("accept", err)
		}
		go carry(connection.(*net.TCPConn), target)
	}
}

func carry(near *net.TCPConn, target string) {
	defer near.Close()
	dialled, err := net.Dial("tcp", target)
	if err != nil {
		fmt.Fprintln(os.Stderr, "forward:", err)
		return
	}
	far := dialled.(*net.TCPConn)
	defer far.Close()
	done := make(chan struct{}, 2)
	copyHalf := func(to, from *net.TCPConn) {
		_, _ = io.Copy(to, from)
		_ = to.CloseWrite()
		done <- struct{}{}
	}
	go copyHalf(far, near)
	go copyHalf(near, far)
	<-done
	<-done
}
