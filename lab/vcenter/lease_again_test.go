// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// whole fails the test unless the lease is ready and the machine has its folder and its files.
func (i *imported) whole(what string) {
	i.t.Helper()
	if i.state != types.HttpNfcLeaseStateReady {
		i.t.Fatalf("%s: the lease is %s", what, i.outcome())
	}
	files, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "govcsim-*", "dc-1-ds-shared-1", "again", "*"))
	must(i.t, err)
	if len(files) == 0 {
		i.t.Fatalf("%s: the new machine has no files on the datastore", what)
	}
}

// untilFree imports until the name is free; until then only DuplicateName may be in the way.
func (l *lab) untilFree(begin func() (*imported, error)) *imported {
	l.t.Helper()
	for range 2000 {
		next, err := begin()
		must(l.t, err)
		if next.settle(); next.outcome() != "DuplicateName" {
			return next
		}
	}
	l.t.Fatal("the name stays taken")
	return nil
}

func TestNameOfADroppedLeaseIsFree(t *testing.T) {
	l := newLab(t)
	c, other := l.login(), l.login()
	begin := l.preparedImport(other, "again", nil)
	i := l.untilFree(begin)
	for range 40 {
		aborted := make(chan error, 1)
		go func(old *imported) { aborted <- old.abort() }(i)
		i = l.untilFree(begin)
		must(t, <-aborted)
		i.whole("import while the lease is aborted")
		i.client = c
	}
}

// vcsim names only the tasks that clients can start; the removal of a machine's folder is one without a name.
func TestNameOfADestroyedMachineIsFree(t *testing.T) {
	simulator.TaskDelay.MethodDelay = map[string]int{"": 50}
	t.Cleanup(func() { simulator.TaskDelay.MethodDelay = nil })
	l := newLab(t)
	c := l.login()
	begin := l.preparedImport(c, "again", nil)
	for range 3 {
		i, err := begin()
		must(t, err)
		i.settle()
		l.s.world.Load().awaitRemovals()
		i.whole("import after the removal")
		_, err = i.put(bytes.Repeat([]byte("x"), diskBytes))
		must(t, err)
		must(t, i.complete())
		task, err := object.NewVirtualMachine(c.Client, i.info.Entity).Destroy(ctx)
		must(t, err)
		must(t, task.Wait(ctx))
	}
	l.s.world.Load().awaitRemovals()
}
