// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	pbmsim "github.com/vmware/govmomi/pbm/simulator"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

type ref = types.ManagedObjectReference

// world is one life of the simulated vCenter: everything that POST /reset throws away and builds anew.
type world struct {
	site     *Site
	clock    *labClock
	host     string // host:port that clients use
	cert     *tls.Certificate
	model    *simulator.Model
	reg      *simulator.Registry
	hooks    *hooks
	authz    *authorization
	leases   *leaseTable
	usage    *usage
	dormant  dormantFiles
	tags     *tagStore
	rest     *restSessions
	internal string // password of the lab's own SOAP user

	mu         sync.Mutex
	principals map[string]string // SOAP session key -> user name
	done       chan struct{}
	closeOnce  sync.Once
}

const internalUser = "lab-internal"

// newWorld builds the inventory of the site file; host is the address that lease URLs name.
func newWorld(site *Site, clock *labClock, host string, cert *tls.Certificate) (*world, error) {
	w := &world{
		site: site, clock: clock, host: host, cert: cert, internal: randomHex(16),
		principals: map[string]string{}, done: make(chan struct{}),
	}
	w.model = simulator.VPX()
	w.model.Datacenter, w.model.Cluster, w.model.Host, w.model.Machine, w.model.Datastore, w.model.Portgroup = 0, 0, 0, 0, 0, 0
	about := &w.model.ServiceContent.About
	v := site.VCenter
	about.Version, about.ApiVersion, about.Build = v.Version, v.APIVersion, v.Build
	about.FullName = fmt.Sprintf("%s %s build-%s", about.Name, v.Version, v.Build)
	if err := w.model.Create(); err != nil {
		return nil, err
	}
	w.reg = w.model.Service.Context.Map
	w.leases = newLeaseTable()
	w.usage = newUsage(w)
	w.tags = newTagStore(w.reg, site.Settings.Seed)
	w.rest = newRestSessions(clock)
	w.installFixes()
	if err := w.buildInventory(context.Background()); err != nil {
		w.close()
		return nil, err
	}
	if err := w.authz.load(); err != nil {
		w.close()
		return nil, err
	}
	w.installHooks()
	w.wireService()
	w.usage.settle()
	go w.usage.follow()
	go w.watchLeases()
	return w, nil
}

func (w *world) wireService() {
	svc := w.model.Service
	svc.Listen = &url.URL{Scheme: "https", Host: w.host, Path: vim25.Path, User: url.UserPassword(internalUser, w.internal)}
	svc.RegisterSDK(w.reg, w.reg.Path+"/vimService")
	svc.ServeMux.HandleFunc(w.reg.Path+"/vimServiceVersions.xml", svc.ServiceVersions)
	svc.ServeMux.HandleFunc("/folder/", w.serveFolder(svc.ServeDatastore))
	storage := pbmsim.New()
	storage.Handler = w.handleStorage
	svc.RegisterSDK(storage)
	sessions := w.reg.SessionManager()
	sessions.ServiceHostName = w.host
	sessions.ValidLogin = w.validLogin
	sessions.TLS = func() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{*w.cert}} }
	w.reg.OptionManager().UpdateOptions(&types.UpdateOptions{ChangedValue: []types.BaseOptionValue{
		&types.OptionValue{Key: "vcsim.server.url", Value: "https://" + w.host + vim25.Path},
	}})
}

func (w *world) soap() http.Handler { return w.model.Service.ServeMux }

// close ends the world's goroutines and removes its datastore directories.
func (w *world) close() {
	w.closeOnce.Do(func() {
		close(w.done)
		w.leases.closeAll()
		w.model.Remove()
	})
}

// context makes a context of the lab's own, with a lock identity of its own.
func (w *world) context() *simulator.Context {
	c := *w.model.Service.Context
	return &c
}

// locked runs f while the object's lock is held.
func (w *world) locked(obj mo.Reference, f func()) { w.reg.WithLock(w.context(), obj, f) }

func randomHex(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw)
	return hex.EncodeToString(raw)
}

// stableUUID derives a uuid-shaped id from its parts, the same in every life of the lab.
func stableUUID(parts ...any) string {
	sum := sha256.Sum256([]byte(fmt.Sprint(parts...)))
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:32]
}
