// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"log"
	"os"
	"path/filepath"
	"sync"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// dormantFiles are the files of machines made in bulk, by machine: they are written when an operation may look for them, because
// writing those of thousands of machines takes longer than all the rest. Until then a datastore browser does not see them.
type dormantFiles struct {
	mu    sync.Mutex
	files map[ref]map[string][]byte
}

func (d *dormantFiles) put(vm ref, files map[string][]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files == nil {
		d.files = map[ref]map[string][]byte{}
	}
	d.files[vm] = files
}

// write makes the machine's files, once.
func (d *dormantFiles) write(vm ref) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, text := range d.files[vm] {
		err := os.MkdirAll(filepath.Dir(name), 0o700)
		if err == nil {
			err = os.WriteFile(name, text, 0o600)
		}
		if err != nil {
			log.Printf("files of %s: %v", vm.Value, err)
		}
	}
	delete(d.files, vm)
}

// files are the copy's, by path, with the texts of the model's.
func (c *copier) files(model, vm *simulator.VirtualMachine) map[string][]byte {
	from, to := filesOf(model), filesOf(vm)
	out := map[string][]byte{}
	for i := range from {
		out[c.onDisk(to[i])] = c.text(c.onDisk(from[i]))
	}
	return out
}

func (c *copier) text(file string) []byte {
	text, known := c.texts[file]
	if !known {
		text, _ = os.ReadFile(file)
		c.texts[file] = text
	}
	return text
}

// filesOf names the configuration and the disks' descriptors.
func filesOf(vm *simulator.VirtualMachine) []string {
	files := []string{vm.Config.Files.VmPathName}
	for _, d := range object.VirtualDeviceList(vm.Config.Hardware.Device).SelectByType((*types.VirtualDisk)(nil)) {
		if backing, ok := d.GetVirtualDevice().Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok {
			files = append(files, backing.FileName)
		}
	}
	return files
}

func (c *copier) onDisk(file string) string {
	var p object.DatastorePath
	p.FromString(file)
	return filepath.Join(c.b.stores[p.Datastore], p.Path)
}
