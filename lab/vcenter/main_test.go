// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLifelineEndsTheProcessAndLeavesNothing runs the whole program on pipes for standard input and output.
func TestLifelineEndsTheProcessAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var site map[string]any
	must(t, json.Unmarshal([]byte(testSite), &site))
	site["tls"] = certificate(t, dir)
	raw, err := json.Marshal(site)
	must(t, err)
	file := filepath.Join(dir, "site.json")
	must(t, os.WriteFile(file, raw, 0o600))
	inRead, inWrite, err := os.Pipe()
	must(t, err)
	outRead, outWrite, err := os.Pipe()
	must(t, err)
	oldIn, oldOut := os.Stdin, os.Stdout
	os.Stdin, os.Stdout = inRead, outWrite
	defer func() { os.Stdin, os.Stdout = oldIn, oldOut }()
	ended := make(chan error, 1)
	go func() { ended <- run(file, false) }()
	line, err := bufio.NewReader(outRead).ReadString('\n')
	must(t, err)
	var ready struct {
		URL, Control string
		PID          int
	}
	must(t, json.Unmarshal([]byte(line), &ready))
	equal(t, "pid", ready.PID, os.Getpid())
	equal(t, "url", strings.HasPrefix(ready.URL, "https://127.0.0.1:"), true)
	res, err := http.Get(ready.Control + "/state")
	must(t, err)
	_ = res.Body.Close()
	equal(t, "control listener", res.StatusCode, 200)
	must(t, inWrite.Close())
	select {
	case err := <-ended:
		must(t, err)
	case <-time.After(10 * time.Second):
		t.Fatal("the program outlives its lifeline")
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	for _, name := range left {
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			t.Errorf("%s was left behind", name)
		}
	}
	if _, err := http.Get(ready.Control + "/state"); err == nil {
		t.Error("the control listener still answers")
	}
}

func TestSiteFileErrors(t *testing.T) {
	bad := map[string]string{
		"nobody could log in":       `{"vcenter": {"users": []}}`,
		"needs a name":              `{"vcenter": {"users": [{"name": "a"}]}}`,
		"which is no host here":     `{"vcenter": {"users": [{"name": "a", "password": "b"}], "datacenters": [{"name": "d", "datastores": [{"name": "s", "hosts": ["x"]}]}]}}`,
		"is no compute cluster":     `{"vcenter": {"users": [{"name": "a", "password": "b"}], "datacenters": [{"name": "d", "virtual_machines": [{"name": "v"}]}]}}`,
		"is neither on nor off":     `{"vcenter": {"datacenters": [{"virtual_machines": [{"name": "v", "power": "maybe"}]}]}}`,
		`is neither "all" nor a`:    `{"vcenter": {"datacenters": [{"datastores": [{"name": "s", "hosts": "some"}]}]}}`,
		"no such file or directory": "",
	}
	for want, text := range bad {
		file := filepath.Join(t.TempDir(), "site.json")
		if text != "" {
			must(t, os.WriteFile(file, []byte(text), 0o600))
		}
		if _, err := loadSite(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}
