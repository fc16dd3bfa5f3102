// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// searchIndex finds only what its caller sees. The simulator's own stays in the registry, where the simulator wants it.
type searchIndex struct {
	simulator.SearchIndex
	w *world
}

func (s *searchIndex) one(ctx *simulator.Context, found *ref) *ref {
	if r := readerOf(ctx); found != nil && r != nil && r.hidden(*found) {
		return nil
	}
	return found
}

func (s *searchIndex) all(ctx *simulator.Context, found []ref) []ref {
	if r := readerOf(ctx); r != nil {
		return r.seen(found)
	}
	return found
}

func (s *searchIndex) FindByInventoryPath(ctx *simulator.Context, req *types.FindByInventoryPath) soap.HasFault {
	body := s.SearchIndex.FindByInventoryPath(ctx, req).(*methods.FindByInventoryPathBody)
	if body.Res != nil {
		body.Res.Returnval = s.one(ctx, body.Res.Returnval)
	}
	return body
}

func (s *searchIndex) FindByDatastorePath(ctx *simulator.Context, req *types.FindByDatastorePath) soap.HasFault {
	body := s.SearchIndex.FindByDatastorePath(ctx, req).(*methods.FindByDatastorePathBody)
	if body.Res != nil {
		body.Res.Returnval = s.one(ctx, body.Res.Returnval)
	}
	return body
}

func (s *searchIndex) FindChild(ctx *simulator.Context, req *types.FindChild) soap.HasFault {
	body := s.SearchIndex.FindChild(ctx, req).(*methods.FindChildBody)
	if body.Res != nil {
		body.Res.Returnval = s.one(ctx, body.Res.Returnval)
	}
	return body
}

func (s *searchIndex) FindByUuid(ctx *simulator.Context, req *types.FindByUuid) soap.HasFault {
	body := s.SearchIndex.FindByUuid(ctx, req).(*methods.FindByUuidBody)
	if body.Res != nil {
		body.Res.Returnval = s.one(ctx, body.Res.Returnval)
	}
	return body
}

func (s *searchIndex) FindAllByUuid(ctx *simulator.Context, req *types.FindAllByUuid) soap.HasFault {
	body := s.SearchIndex.FindAllByUuid(ctx, req).(*methods.FindAllByUuidBody)
	if body.Res != nil {
		body.Res.Returnval = s.all(ctx, body.Res.Returnval)
	}
	return body
}

func (s *searchIndex) FindByDnsName(ctx *simulator.Context, req *types.FindByDnsName) soap.HasFault {
	body := s.SearchIndex.FindByDnsName(ctx, req).(*methods.FindByDnsNameBody)
	if body.Res != nil {
		body.Res.Returnval = s.one(ctx, body.Res.Returnval)
	}
	return body
}

func (s *searchIndex) FindAllByDnsName(ctx *simulator.Context, req *types.FindAllByDnsName) soap.HasFault {
	body := s.SearchIndex.FindAllByDnsName(ctx, req).(*methods.FindAllByDnsNameBody)
	if body.Res != nil {
		body.Res.Returnval = s.all(ctx, body.Res.Returnval)
	}
	return body
}

func (s *searchIndex) FindByIp(ctx *simulator.Context, req *types.FindByIp) soap.HasFault {
	body := s.SearchIndex.FindByIp(ctx, req).(*methods.FindByIpBody)
	if body.Res != nil {
		body.Res.Returnval = s.one(ctx, body.Res.Returnval)
	}
	return body
}

func (s *searchIndex) FindAllByIp(ctx *simulator.Context, req *types.FindAllByIp) soap.HasFault {
	body := s.SearchIndex.FindAllByIp(ctx, req).(*methods.FindAllByIpBody)
	if body.Res != nil {
		body.Res.Returnval = s.all(ctx, body.Res.Returnval)
	}
	return body
}
