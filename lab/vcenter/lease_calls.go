// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"crypto/sha1"
	"crypto/tls"
	"fmt"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// thumbprint is the certificate's SHA-1 in vCenter's spelling: upper-case hex pairs with colons.
func thumbprint(cert *tls.Certificate) string {
	var pairs []string
	for _, b := range sha1.Sum(cert.Certificate[0]) {
		pairs = append(pairs, fmt.Sprintf("%02X", b))
	}
	return strings.Join(pairs, ":")
}

func (l *lease) HttpNfcLeaseProgress(_ *simulator.Context, req *types.HttpNfcLeaseProgress) soap.HasFault {
	l.TransferProgress = req.Percent
	l.touch()
	return &methods.HttpNfcLeaseProgressBody{Res: new(types.HttpNfcLeaseProgressResponse)}
}

// shortfall names the first file whose bytes are not what the client or the OVF said, "" when all are whole.
func (l *lease) shortfall() string {
	l.guard.Lock()
	defer l.guard.Unlock()
	for _, u := range l.uploads {
		if u.excused {
			continue
		}
		want := u.Declared
		if want == 0 && u.Sent > 0 {
			want = u.Sent
		}
		if !u.Whole || u.Received != want && want > 0 {
			return fmt.Sprintf("%s: %d of %d bytes received", u.Name, u.Received, want)
		}
	}
	return ""
}

// HttpNfcLeaseComplete refuses with InvalidState while bytes are missing; otherwise the lease object is gone afterwards.
func (l *lease) HttpNfcLeaseComplete(ctx *simulator.Context, req *types.HttpNfcLeaseComplete) soap.HasFault {
	body := new(methods.HttpNfcLeaseCompleteBody)
	missing := ""
	if l.State == types.HttpNfcLeaseStateReady {
		missing = l.shortfall()
	}
	if l.State != types.HttpNfcLeaseStateReady || missing != "" {
		fault := &types.InvalidState{}
		fault.FaultMessage = []types.LocalizableMessage{{Key: "lab.lease", Message: fmt.Sprintf("lease is %s; %s", l.State, missing)}}
		body.Fault_ = simulator.Fault(strings.TrimSuffix(fmt.Sprintf("lease is %s; %s", l.State, missing), "; "), fault)
		return body
	}
	if l.w.leases.take(l) {
		l.close()
		ctx.Update(l, []types.PropertyChange{{Name: "state", Val: types.HttpNfcLeaseStateDone}})
		l.w.reg.Remove(ctx, req.This)
	}
	body.Res = new(types.HttpNfcLeaseCompleteResponse)
	return body
}

func (l *lease) HttpNfcLeaseAbort(*simulator.Context, *types.HttpNfcLeaseAbort) soap.HasFault {
	if l.w.leases.take(l) {
		l.drop()
	}
	return &methods.HttpNfcLeaseAbortBody{Res: new(types.HttpNfcLeaseAbortResponse)}
}

func (l *lease) HttpNfcLeaseGetManifest(*types.HttpNfcLeaseGetManifest) soap.HasFault {
	l.guard.Lock()
	defer l.guard.Unlock()
	res := &types.HttpNfcLeaseGetManifestResponse{}
	for _, u := range l.uploads {
		if !u.Whole {
			continue
		}
		res.Returnval = append(res.Returnval, types.HttpNfcLeaseManifestEntry{
			Key: u.Key, Sha1: u.sha1, Checksum: u.sha256, ChecksumType: "sha256", Size: u.Received,
			Disk: u.capacity > 0, Capacity: u.capacity, PopulatedSize: u.Received,
		})
	}
	return &methods.HttpNfcLeaseGetManifestBody{Res: res}
}
