// SPDX-License-Identifier: GPL-3.0-or-later

// The lab's vCenter: vcsim with the inventory of a site file and the behaviour that lab/README.md promises.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	siteFile := flag.String("site", "", "site.json")
	alone := flag.Bool("no-lifeline", false, "do not end when standard input does")
	flag.Parse()
	log.SetOutput(os.Stderr)
	if err := run(*siteFile, *alone); err != nil {
		log.Fatal(err)
	}
}

// run serves until a signal or, with a lifeline, until standard input ends; files of its own go into one temporary folder.
func run(siteFile string, alone bool) error {
	site, err := loadSite(siteFile)
	if err != nil {
		return err
	}
	root, err := os.MkdirTemp("", "lab-vcenter-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	if err := os.Setenv("TMPDIR", root); err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	s, shutdown, err := start(site)
	if err != nil {
		return err
	}
	defer shutdown()
	ready, err := json.Marshal(map[string]any{"url": "https://" + s.host, "control": "http://" + s.controlAddress, "pid": os.Getpid()})
	if err != nil {
		return err
	}
	fmt.Println(string(ready))
	ended := make(chan struct{})
	if !alone {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			close(ended)
		}()
	}
	select {
	case <-stop:
	case <-ended:
	}
	return nil
}

// start opens both listeners and builds the first world; the returned function closes everything.
func start(site *Site) (*server, func(), error) {
	cert, err := tls.LoadX509KeyPair(site.TLS.Certificate, site.TLS.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("tls: %w", err)
	}
	listener, err := net.Listen("tcp", site.VCenter.Listen)
	if err != nil {
		return nil, nil, err
	}
	controlListener, err := net.Listen("tcp", site.VCenter.Control)
	if err != nil {
		listener.Close()
		return nil, nil, err
	}
	s := &server{site: site, clock: &labClock{}, cert: &cert, host: listener.Addr().String(), controlAddress: controlListener.Addr().String()}
	if err := s.resetWorld(); err != nil {
		listener.Close()
		controlListener.Close()
		return nil, nil, err
	}
	public := &http.Server{Handler: s, ReadHeaderTimeout: 30 * time.Second}
	control := &http.Server{Handler: s.control(), ReadHeaderTimeout: 30 * time.Second}
	secure := tls.NewListener(listener, &tls.Config{
		Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12,
	})
	go serve(public, secure)
	go serve(control, controlListener)
	return s, func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		for _, h := range []*http.Server{control, public} {
			if h.Shutdown(ctx) != nil {
				_ = h.Close()
			}
		}
		s.world.Load().close()
	}, nil
}

func serve(h *http.Server, l net.Listener) {
	if err := h.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
		log.Print(err)
	}
}
