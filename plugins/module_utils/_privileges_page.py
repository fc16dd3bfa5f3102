# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation page's two tables of privileges, as data, one entry for each row. PRIVATE to the collection.

The page: "Privileges Under Root-Level Role" (8 rows), "Privileges Under the Spectro Role" (97 rows). Where a privilege takes effect is VMware's word: vSphere
Security, "Defined Privileges", column "Required On"; a row for which the page names other objects than VMware does has basis "page".
"""
from __future__ import annotations

ROOT_AND_DATACENTER = ("root", "datacenter")
VM = ("virtual_machine",)
TEMPLATE = ("template",)
FOLDERS = ("folder", "template_folder")
CREATION = ("compute_cluster", "host", "folder", "template_folder")
SIX = ("compute_cluster", "host", "virtual_machine", "template", "datastore", "network")

ROOT_ONLY = "takes effect at the vCenter root only, where the root-level role gives it"
NOT_AT_ROOT = "VMware: takes effect at the vCenter root only, where the page's roles do not give it; asked for where the page grants it"
HOST_ONLY = "VMware: for a client that is connected to the host itself; asked for where the page grants it"
NO_EFFECT = "VMware: takes effect on {0}, which this role does not reach without propagation; asked for where the page grants it"
BOTH = "needed on the virtual machine and on the folder that holds it"

# (group in the UI, kinds of objects, ((label in the UI, privilege), …))
ROOT_TABLES = (
    ("Datastore", ROOT_AND_DATACENTER, (("Browse datastore", "Datastore.Browse"),)),
    ("Host > Configuration", ROOT_AND_DATACENTER, (("Storage partition configuration", "Host.Config.Storage"),)),
    ("vSphere Tagging", ("root",), (
        ("Create vSphere Tag", "InventoryService.Tagging.CreateTag"),
        ("Edit vSphere Tag", "InventoryService.Tagging.EditTag"))),
    ("Network", ROOT_AND_DATACENTER, (("Assign network", "Network.Assign"),)),
    ("Sessions", ("root",), (("Validate session", "Sessions.ValidateSession"),)),
    ("Profile-driven storage", ("root",), (("Profile-driven storage view", "StorageProfile.View"),)),
    ("Storage views", ("root",), (("View", "StorageViews.View"),)),
)

SPECTRO_TABLES = (
    ("Datastore", ("datastore",), (
        ("Allocate space", "Datastore.AllocateSpace"),
        ("Browse datastore", "Datastore.Browse"),
        ("Low level file operations", "Datastore.FileManagement"),
        ("Remove file", "Datastore.DeleteFile"),
        ("Update virtual machine files", "Datastore.UpdateVirtualMachineFiles"),
        ("Update virtual machine metadata", "Datastore.UpdateVirtualMachineMetadata"))),
    ("Folder", FOLDERS, (
        ("Create folder", "Folder.Create"),
        ("Delete folder", "Folder.Delete"),
        ("Move folder", "Folder.Move"),
        ("Rename folder", "Folder.Rename"))),
    ("Host > Local operations", ("host",), (("Reconfigure virtual machine", "Host.Local.ReconfigVM"),)),
    ("vSphere Tagging", SIX, (
        ("Assign or Unassign vSphere Tag", "InventoryService.Tagging.AttachTag"),
        ("Create vSphere Tag", "InventoryService.Tagging.CreateTag"),
        ("Delete vSphere Tag", "InventoryService.Tagging.DeleteTag"),
        ("Edit vSphere Tag", "InventoryService.Tagging.EditTag"))),
    ("Network", ("network", "virtual_machine"), (("Assign network", "Network.Assign"),)),
    ("Resource", VM, (
        ("Apply recommendation", "Resource.ApplyRecommendation"),
        ("Assign virtual machine to resource pool", "Resource.AssignVMToPool"),
        ("Migrate powered off virtual machine", "Resource.ColdMigrate"),
        ("Migrate powered on virtual machine", "Resource.HotMigrate"),
        ("Query vMotion", "Resource.QueryVMotion"))),
    ("Sessions", ("root",), (("Validate session", "Sessions.ValidateSession"),)),
    ("Profile-driven storage", ("root",), (("Profile-driven storage view", "StorageProfile.View"),)),
    ("Storage views", ("root",), (("Configure service", "StorageViews.ConfigureService"),)),
    ("Tasks", ("compute_cluster",), (
        ("Create task", "Task.Create"),
        ("Update task", "Task.Update"))),
    ("vApp", VM, (
        ("View OVF environment", "VApp.ExtractOvfEnvironment"),
        ("vApp application configuration", "VApp.ApplicationConfig"),
        ("vApp instance configuration", "VApp.InstanceConfig"))),
    ("Virtual machine > Change Configuration", VM, (
        ("Acquire disk lease", "VirtualMachine.Config.DiskLease"),
        ("Add existing disk", "VirtualMachine.Config.AddExistingDisk"),
        ("Add new disk", "VirtualMachine.Config.AddNewDisk"),
        ("Add or remove device", "VirtualMachine.Config.AddRemoveDevice"),
        ("Advanced configuration", "VirtualMachine.Config.AdvancedConfig"),
        ("Change CPU count", "VirtualMachine.Config.CPUCount"),
        ("Change Memory", "VirtualMachine.Config.Memory"),
        ("Change Settings", "VirtualMachine.Config.Settings"),
        ("Change Swapfile placement", "VirtualMachine.Config.SwapPlacement"),
        ("Change resource", "VirtualMachine.Config.Resource"),
        ("Configure Host USB device", "VirtualMachine.Config.HostUSBDevice"),
        ("Configure Raw device", "VirtualMachine.Config.RawDevice"),
        ("Configure managedBy", "VirtualMachine.Config.ManagedBy"),
        ("Display connection settings", "VirtualMachine.Config.MksControl"),
        ("Extend virtual disk", "VirtualMachine.Config.DiskExtend"),
        ("Modify device settings", "VirtualMachine.Config.EditDevice"),
        ("Query Fault Tolerance compatibility", "VirtualMachine.Config.QueryFTCompatibility"),
        ("Query unowned files", "VirtualMachine.Config.QueryUnownedFiles"),
        ("Reload from path", "VirtualMachine.Config.ReloadFromPath"),
        ("Remove disk", "VirtualMachine.Config.RemoveDisk"),
        ("Rename", "VirtualMachine.Config.Rename"),
        ("Reset guest information", "VirtualMachine.Config.ResetGuestInfo"),
        ("Set annotation", "VirtualMachine.Config.Annotation"),
        ("Toggle disk change tracking", "VirtualMachine.Config.ChangeTracking"),
        ("Toggle fork parent", "VirtualMachine.Config.ToggleForkParent"),
        ("Upgrade virtual machine compatibility", "VirtualMachine.Config.UpgradeVirtualHardware"))),
    ("Virtual machine > Edit Inventory", CREATION, (
        ("Create from existing", "VirtualMachine.Inventory.CreateFromExisting"),
        ("Create new", "VirtualMachine.Inventory.Create"),
        ("Move", "VirtualMachine.Inventory.Move"),
        ("Register", "VirtualMachine.Inventory.Register"),
        ("Remove", "VirtualMachine.Inventory.Delete"),
        ("Unregister", "VirtualMachine.Inventory.Unregister"))),
    ("Virtual machine > Guest operations", VM, (
        ("Guest operation alias modification", "VirtualMachine.GuestOperations.ModifyAliases"),
        ("Guest operation alias query", "VirtualMachine.GuestOperations.QueryAliases"),
        ("Guest operation modifications", "VirtualMachine.GuestOperations.Modify"),
        ("Guest operation program execution", "VirtualMachine.GuestOperations.Execute"),
        ("Guest operation queries", "VirtualMachine.GuestOperations.Query"))),
    ("Virtual machine > Interaction", VM, (
        ("Console interaction", "VirtualMachine.Interact.ConsoleInteract"),
        ("Power off", "VirtualMachine.Interact.PowerOff"),
        ("Power on", "VirtualMachine.Interact.PowerOn"))),
    ("Virtual machine > Provisioning", VM, (
        ("Allow disk access", "VirtualMachine.Provisioning.DiskRandomAccess"),
        ("Allow file access", "VirtualMachine.Provisioning.FileRandomAccess"),
        ("Allow read-only disk access", "VirtualMachine.Provisioning.DiskRandomRead"),
        ("Allow virtual machine download", "VirtualMachine.Provisioning.GetVmFiles"),
        ("Allow virtual machine files upload", "VirtualMachine.Provisioning.PutVmFiles"),
        ("Clone template", "VirtualMachine.Provisioning.CloneTemplate"),
        ("Clone virtual machine", "VirtualMachine.Provisioning.Clone"),
        ("Create template from virtual machine", "VirtualMachine.Provisioning.CreateTemplateFromVM"),
        ("Customize guest", "VirtualMachine.Provisioning.Customize"),
        ("Deploy template", "VirtualMachine.Provisioning.DeployTemplate"),
        ("Mark as template", "VirtualMachine.Provisioning.MarkAsTemplate"),
        ("Mark as virtual machine", "VirtualMachine.Provisioning.MarkAsVM"),
        ("Modify customization specification", "VirtualMachine.Provisioning.ModifyCustSpecs"),
        ("Promote disks", "VirtualMachine.Provisioning.PromoteDisks"),
        ("Read customization specifications", "VirtualMachine.Provisioning.ReadCustSpecs"))),
    ("Virtual machine > Service configuration", VM, (
        ("Allow notifications", "VirtualMachine.Namespace.Event"),
        ("Allow polling of global event notifications", "VirtualMachine.Namespace.EventNotify"),
        ("Manage service configurations", "VirtualMachine.Namespace.Management"),
        ("Modify service configuration", "VirtualMachine.Namespace.ModifyContent"),
        ("Query service configurations", "VirtualMachine.Namespace.Query"),
        ("Read service configuration", "VirtualMachine.Namespace.ReadContent"))),
    ("Virtual machine > Snapshot management", VM, (
        ("Create snapshot", "VirtualMachine.State.CreateSnapshot"),
        ("Remove snapshot", "VirtualMachine.State.RemoveSnapshot"),
        ("Rename snapshot", "VirtualMachine.State.RenameSnapshot"),
        ("Revert to snapshot", "VirtualMachine.State.RevertToSnapshot"))),
    ("Virtual machine > vSphere Replication", VM, (
        ("Configure replication", "VirtualMachine.Hbr.ConfigureReplication"),
        ("Manage replication", "VirtualMachine.Hbr.ReplicaManagement"),
        ("Monitor replication", "VirtualMachine.Hbr.MonitorReplication"))),
)

# What a row has of its own, by (role, privilege): it takes the place of what its table says.
EXCEPTIONS = {
    ("root", "Datastore.Browse"): {"basis": "page", "note": NO_EFFECT.format("datastores")},
    ("root", "Host.Config.Storage"): {"basis": "page", "note": "the page shows it below Datastore; " + NO_EFFECT.format("hosts")},
    ("root", "Network.Assign"): {"basis": "page", "note": NO_EFFECT.format("networks and virtual machines")},
    ("root", "StorageProfile.View"): {"label_8": "View VM storage policies", "note": "takes effect at the vCenter root only"},
    ("root", "Sessions.ValidateSession"): {"note": "takes effect at the vCenter root only"},
    ("root", "StorageViews.View"): {"note": "takes effect at the vCenter root only; VMware: deprecated"},
    ("spectro", "Datastore.DeleteFile"): {"note": "VMware: deprecated, Low level file operations takes its place"},
    ("spectro", "Host.Local.ReconfigVM"): {"basis": "page", "note": HOST_ONLY},
    ("spectro", "InventoryService.Tagging.CreateTag"): {"kinds": ("root",), "note": "a tag lies in no datacenter, so it counts at the root"},
    ("spectro", "InventoryService.Tagging.EditTag"): {"kinds": ("root",), "note": "a tag lies in no datacenter, so it counts at the root"},
    ("spectro", "InventoryService.Tagging.DeleteTag"): {
        "basis": "page", "note": "a tag lies in no datacenter; asked for where the page grants it, for the root-level role lacks it"},
    ("spectro", "Resource.ApplyRecommendation"): {"kinds": ("compute_cluster",)},
    ("spectro", "Resource.AssignVMToPool"): {"kinds": ("resource_pool",)},
    ("spectro", "Resource.QueryVMotion"): {"basis": "page", "note": NOT_AT_ROOT},
    ("spectro", "Sessions.ValidateSession"): {"note": ROOT_ONLY},
    ("spectro", "StorageProfile.View"): {"label_8": "View VM storage policies", "note": ROOT_ONLY},
    ("spectro", "StorageViews.ConfigureService"): {
        "any_of": ("StorageViews.View",), "note": "takes effect at the vCenter root only; the vendor's current list has View in its place, so either will do"},
    ("spectro", "Task.Create"): {"basis": "page", "note": NOT_AT_ROOT},
    ("spectro", "Task.Update"): {"basis": "page", "any_of": ("Task.Update.Task.Update",), "note": NOT_AT_ROOT + "; known by two ids"},
    ("spectro", "VApp.ExtractOvfEnvironment"): {"note": "the page shows it below Tasks"},
    ("spectro", "VirtualMachine.Config.AddNewDisk"): {"kinds": ("folder", "template_folder", "virtual_machine"),
                                                      "note": "needed on the folder that a virtual machine is made in, and on the virtual machine"},
    ("spectro", "VirtualMachine.Config.MksControl"): {"note": "options of the remote console"},
    ("spectro", "VirtualMachine.Inventory.Move"): {"kinds": ("folder", "virtual_machine"), "note": BOTH},
    ("spectro", "VirtualMachine.Inventory.Delete"): {"kinds": ("folder", "virtual_machine"), "note": BOTH},
    ("spectro", "VirtualMachine.Inventory.Unregister"): {"kinds": ("folder", "virtual_machine"), "note": BOTH},
    ("spectro", "VirtualMachine.Interact.ConsoleInteract"): {"note": "the page shows it below Guest operations"},
    ("spectro", "VirtualMachine.Interact.PowerOff"): {"note": "the page shows it below Guest operations"},
    ("spectro", "VirtualMachine.Interact.PowerOn"): {"note": "the page shows it below Guest operations"},
    ("spectro", "VirtualMachine.Provisioning.GetVmFiles"): {"basis": "page", "note": NOT_AT_ROOT},
    ("spectro", "VirtualMachine.Provisioning.PutVmFiles"): {"basis": "page", "note": NOT_AT_ROOT},
    ("spectro", "VirtualMachine.Provisioning.ModifyCustSpecs"): {"basis": "page", "note": NOT_AT_ROOT},
    ("spectro", "VirtualMachine.Provisioning.CloneTemplate"): {"kinds": TEMPLATE},
    ("spectro", "VirtualMachine.Provisioning.DeployTemplate"): {"kinds": TEMPLATE},
    ("spectro", "VirtualMachine.Provisioning.MarkAsVM"): {"kinds": TEMPLATE},
}
