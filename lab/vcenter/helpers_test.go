// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/task"
	"github.com/vmware/govmomi/vim25/soap"
)

const (
	adminName, adminPassword = "administrator@vsphere.local", "lab-admin"
	otherName, otherPassword = "svc-palette@vsphere.local", "lab-svc"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

type lab struct {
	t       *testing.T
	s       *server
	url     string
	control string
	http    *http.Client
}

func certificate(t *testing.T, dir string) TLSFiles {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(240 * time.Hour), IsCA: true,
		BasicConstraintsValid: true, IPAddresses: []net.IP{net.ParseIP("127.0.0.1")}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	raw, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	files := TLSFiles{Certificate: filepath.Join(dir, "server.pem"), Key: filepath.Join(dir, "server.key")}
	files.CA = files.Certificate
	must(t, os.WriteFile(files.Certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(files.Key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}), 0o600))
	return files
}

const testSite = `{"vcenter": {
 "users": [{"name": "administrator@vsphere.local", "password": "lab-admin", "admin": true}, {"name": "svc-palette@vsphere.local", "password": "lab-svc"}],
 "permissions": [{"object": "/dc-1/vm/palette", "principal": "svc-palette@vsphere.local", "role": "ReadOnly", "propagate": true}],
 "datacenters": [
  {"name": "dc-1", "folders": ["palette", "palette/gateways", "spectro-templates"],
   "datastores": [{"name": "ds-shared-1", "capacity_gib": 4096, "hosts": "all"}, {"name": "ds-local-1", "capacity_gib": 512, "hosts": ["c1-esx-1"]}],
   "networks": ["VM Network", "storage"],
   "distributed_switches": [{"name": "vds-1", "port_groups": [{"name": "pg-k8s", "vlan": 110}]}],
   "compute_clusters": [
    {"name": "cluster-1", "resource_pools": ["palette", "palette/gateways"], "hosts": [
      {"name": "c1-esx-1", "cores": 32, "mhz": 2600, "memory_gib": 256, "ntp": ["ntp.lab.local"], "maintenance": true},
      {"name": "c1-esx-2", "cores": 16, "mhz": 2000, "memory_gib": 128, "ntp": []}]},
    {"name": "cluster-2", "hosts": [{"name": "c2-esx-1"}]}],
   "virtual_machines": [{"name": "seeded-1", "folder": "palette", "compute_cluster": "cluster-1", "power": true, "ip": "10.0.0.9"}]},
  {"name": "dc-2", "datastores": [], "compute_clusters": []}]}}`

func newLab(t *testing.T) *lab {
	t.Helper()
	return newLabOf(t, testSite)
}

func newLabOf(t *testing.T, text string) *lab {
	t.Helper()
	return newLabFrom(t, text, func(*Site) {})
}

// newLabWith is a lab whose site was edited.
func newLabWith(t *testing.T, edit func(*Site)) *lab {
	t.Helper()
	return newLabFrom(t, testSite, edit)
}

func newLabFrom(t *testing.T, text string, edit func(*Site)) *lab {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	site, err := siteOf(text)
	must(t, err)
	site.TLS = certificate(t, dir)
	edit(site)
	site.fillDefaults()
	must(t, site.check())
	s, shutdown, err := start(site)
	must(t, err)
	pool := x509.NewCertPool()
	raw, err := os.ReadFile(site.TLS.CA)
	must(t, err)
	pool.AppendCertsFromPEM(raw)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		shutdown()
	})
	return &lab{t: t, s: s, url: "https://" + s.host, control: "http://" + s.controlAddress, http: &http.Client{Transport: transport}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func (l *lab) tryLogin(user, password string) (*govmomi.Client, error) {
	u, err := url.Parse(l.url + "/sdk")
	must(l.t, err)
	u.User = url.UserPassword(user, password)
	c, err := govmomi.NewClient(context.Background(), u, true)
	if err == nil {
		l.t.Cleanup(func() { _ = c.Logout(context.Background()) })
	}
	return c, err
}

func (l *lab) login() *govmomi.Client {
	l.t.Helper()
	c, err := l.tryLogin(adminName, adminPassword)
	must(l.t, err)
	return c
}

func (l *lab) finder(c *govmomi.Client) *find.Finder {
	l.t.Helper()
	f := find.NewFinder(c.Client)
	dc, err := f.Datacenter(context.Background(), "dc-1")
	must(l.t, err)
	return f.SetDatacenter(dc)
}

func (l *lab) machine(c *govmomi.Client, name string) *object.VirtualMachine {
	l.t.Helper()
	vm, err := l.finder(c).VirtualMachine(context.Background(), name)
	must(l.t, err)
	return vm
}

// ask calls the control listener and decodes its JSON answer.
func (l *lab) ask(method, path string, body any) map[string]any {
	l.t.Helper()
	raw, err := json.Marshal(body)
	must(l.t, err)
	request, err := http.NewRequest(method, l.control+path, bytes.NewReader(raw))
	must(l.t, err)
	res, err := l.http.Do(request)
	must(l.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(l.t, err)
	var out any
	must(l.t, json.Unmarshal(text, &out))
	if res.StatusCode != http.StatusOK {
		l.t.Fatalf("%s %s: %s", method, path, text)
	}
	if list, ok := out.([]any); ok {
		return map[string]any{"list": list}
	}
	return out.(map[string]any)
}

// rest calls the vCenter REST API and returns status and decoded body (nil when empty).
func (l *lab) rest(session, method, path string, body any) (int, any) {
	l.t.Helper()
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		must(l.t, err)
		reader = bytes.NewReader(raw)
	}
	request, err := http.NewRequest(method, l.url+path, reader)
	must(l.t, err)
	request.Header.Set(restSessionHeader, session)
	res, err := l.http.Do(request)
	must(l.t, err)
	defer res.Body.Close()
	var out any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil && err != io.EOF {
		l.t.Fatalf("%s %s: %v", method, path, err)
	}
	return res.StatusCode, out
}

func (l *lab) restLogin() string {
	l.t.Helper()
	request, err := http.NewRequest(http.MethodPost, l.url+"/api/session", nil)
	must(l.t, err)
	request.SetBasicAuth(adminName, adminPassword)
	res, err := l.http.Do(request)
	must(l.t, err)
	defer res.Body.Close()
	var id string
	must(l.t, json.NewDecoder(res.Body).Decode(&id))
	equal(l.t, "status of /api/session", res.StatusCode, http.StatusCreated)
	return id
}

// faultOf names the vim fault inside an error, "" when there is none.
func faultOf(err error) string {
	var inTask task.Error
	switch {
	case err == nil:
		return ""
	case soap.IsSoapFault(err):
		return reflect.TypeOf(soap.ToSoapFault(err).VimFault()).Name()
	case asTaskError(err, &inTask):
		return faultName(inTask.Fault())
	}
	return err.Error()
}

func asTaskError(err error, into *task.Error) bool {
	if e, ok := err.(task.Error); ok {
		*into = e
		return true
	}
	return false
}

// siteOf reads a site as loadSite does.
func siteOf(text string) (*Site, error) {
	site := &Site{}
	if err := json.Unmarshal([]byte(text), site); err != nil {
		return nil, err
	}
	site.fillDefaults()
	return site, site.check()
}
