/* SPDX-License-Identifier: GPL-2.0-only */
#include "catalogue.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Z01: the machine and the launch. Z02: definitions. Z03: starting a domain. Z04: devices. A code is never used for anything else. */
const struct catalogue_entry catalogue[] = {
	{ "Z0101", "the hypervisor is not running",
	  "The module is not loaded, or it is and this Linux is not under the hypervisor.",
	  "systemctl start zendo\n"
	  "If that fails, its status says why, and 'zendo doctor' what stands in the way." },
	{ "Z0102", "no permission",
	  "The device, the domains' sockets and the agent are for root and the group\n"
	  "zendo.",
	  "adduser USER zendo, and log in again; or sudo. Creating domains and changing\n"
	  "devices is root's alone." },
	{ "Z0103", "module and program are of different versions",
	  "The package was upgraded while the older module went on running.",
	  "Shut the domains down, then: systemctl restart zendo" },
	{ "Z0104", "the module is not loaded",
	  "'zendo launch' loads no module; zendo.service does, and modprobe's own words\n"
	  "in its journal say what hindered it: no module for this kernel, or one whose\n"
	  "signature the kernel does not take (Secure Boot).",
	  "systemctl start zendo, or modprobe hvpriv first. 'zendo doctor' says what is\n"
	  "missing, and how to mend it." },
	{ "Z0105", "domains are running",
	  "Linux cannot leave the hypervisor while there are guests.",
	  "zendo shutdown --all --wait, or zendo destroy; then once more." },
	{ "Z0106", "a CPU is lost",
	  "A CPU did not enter or leave the hypervisor as it should. What it does now\n"
	  "cannot be known.",
	  "Reboot. The kernel's log, and that of the hypervisor on a serial port\n"
	  "(serial= of the module), are what a report of this needs." },
	{ "Z0107", "no free memory for the hypervisor",
	  "It needs pieces of 2 MiB, and memory is full or in small pieces.",
	  "echo 1 > /proc/sys/vm/compact_memory, or stop something; after a fresh boot\n"
	  "it is there." },
	{ "Z0108", "image and module are not from one build",
	  "The module knows the digest of its hypervisor and takes no other: one of the\n"
	  "two was replaced, or an older module is loaded.",
	  "Install zendo and zendo-dkms of one version; then modprobe -r hvpriv and\n"
	  "systemctl start zendo." },
	{ "Z0109", "the hypervisor's image is not there",
	  "The kernel looks for zendo/hypervisor.elf below /lib/firmware.",
	  "Install the package zendo again." },
	{ "Z0110", "Intel CPUs are not in this version",
	  "Only AMD's SVM can be used yet.",
	  "A machine with an AMD CPU." },
	{ "Z0111", "no virtualisation extension",
	  "The CPU has none, or the firmware has switched it off; a virtual machine has\n"
	  "it only where the one below lends it.",
	  "Switch on SVM in the firmware's set-up. In a virtual machine: nested\n"
	  "virtualisation of the one below." },
	{ "Z0112", "no nested paging",
	  "The CPU is older than NPT, or the hypervisor below does not show it.",
	  "Another machine; in a virtual one, nested paging of the one below." },
	{ "Z0113", "this is a confidential guest",
	  "Memory of SEV and TDX guests cannot be mapped once more.",
	  "An ordinary machine." },
	{ "Z0114", "memory is encrypted (SME)",
	  "The kernel was booted with memory encryption, which sets address bits that the\n"
	  "hypervisor does not know.",
	  "Put mem_encrypt=off on the kernel's command line, and reboot." },
	{ "Z0115", "the kernel uses FRED",
	  "The hypervisor does not know this way of delivering events yet.",
	  "Put fred=off on the kernel's command line, and reboot." },
	{ "Z0116", "another hypervisor has the CPU",
	  "kvm_amd runs virtual machines; from Linux 6.12 on it is enough that it is\n"
	  "loaded.",
	  "Stop its virtual machines, then: modprobe -r kvm_amd" },
	{ "Z0117", "no module for this kernel",
	  "DKMS has not built it, for want of headers or because it failed.",
	  "Install the kernel's headers, then: dkms autoinstall\n"
	  "'zendo doctor --kernel VERSION' says what a kernel lacks." },
	{ "Z0118", "two guests may share a core",
	  "With SMT, what one thread of a core does can be felt by the other.",
	  "Where guests do not trust each other:\n"
	  "echo off > /sys/devices/system/cpu/smt/control" },
	{ "Z0119", "systemd does not run this machine",
	  "Domains are its services.",
	  "Boot with systemd." },
	{ "Z0120", "there is no user zendo",
	  "Runners of domains become this user once they have opened what they need.",
	  "systemd-sysusers zendo.conf" },
	{ "Z0121", "little memory is free",
	  "What is free now is too little for a guest with Linux.",
	  "Stop something, or give domains less." },

	{ "Z0201", "a key is not known",
	  "The name is neither a key of definitions nor a variable that the file uses.",
	  "zendo.cfg(5) has the keys; a misspelled one is often told." },
	{ "Z0202", "a setting is not supported",
	  "xl knows it, and this version has nothing that could do it. It is refused\n"
	  "since a guest without it would not be the one that was asked for.",
	  "Take it out. docs/xl-compat.md has all keys and what becomes of them;\n"
	  "'zendo config convert' makes a definition of an older file." },
	{ "Z0203", "a type of guest is not supported",
	  "There are only PVH guests: no firmware, no device model, no PV.",
	  "type = \"pvh\", with a kernel that has CONFIG_PVH: Debian's have." },
	{ "Z0204", "a key is missing",
	  "A domain needs a name, a kernel and memory.",
	  "Add it. docs/examples has whole definitions." },
	{ "Z0205", "there is no such definition",
	  "Neither is there a file of this name, nor /etc/zendo/NAME.cfg.",
	  "'zendo list --all' has those in /etc/zendo." },

	{ "Z0301", "the kernel has no PVH entry",
	  "It was built without CONFIG_PVH, or is no kernel for x86.",
	  "Another kernel: of Debian, linux-image-amd64." },
	{ "Z0302", "the file is no kernel",
	  "It is neither a bzImage nor an ELF file.",
	  "kernel= names the kernel itself, /boot/vmlinuz-...: no disk and no initrd." },
	{ "Z0303", "the kernel cannot be opened",
	  "The path is wrong, or a kernel's upgrade has removed the file.",
	  "Correct kernel=; ls /boot" },
	{ "Z0304", "too little memory is free",
	  "All memory of a guest is taken when it is made, and some is left to Linux.",
	  "Make memory= smaller, or stop something. Linux's caches are counted as free." },
	{ "Z0305", "the name is in use",
	  "A domain of this name runs.",
	  "zendo destroy NAME first; or another name: zendo create FILE name=OTHER" },
	{ "Z0306", "creating a domain needs root",
	  "Its kernel and its disks are opened with root's rights.",
	  "sudo zendo create ..." },
	{ "Z0307", "the domain is not running",
	  "It is defined, and nobody has started it or it has ended.",
	  "zendo create NAME; 'zendo logs NAME' says how it ended." },

	{ "Z0401", "there is no such bridge",
	  "vif= names a bridge that is not there.",
	  "Make it; or leave bridge= out: the network zendo0 is then made." },
	{ "Z0402", "the bridge does not filter VLANs",
	  "vlan= needs a bridge that does.",
	  "ip link set BRIDGE type bridge vlan_filtering 1" },
	{ "Z0403", "mtu= is more than the bridge's",
	  "Larger frames would not leave the bridge.",
	  "A smaller mtu=, or none; or ip link set BRIDGE mtu NUMBER" },
	{ "Z0404", "a network does not come up",
	  "Its unit failed: nftables or dnsmasq is missing, or its subnet is in use.",
	  "systemctl status zendo-net@NAME" },
	{ "Z0405", "the disk is in use in dom0",
	  "It is mounted, swapped to, or part of something. A guest writing to it would\n"
	  "destroy what is on it.",
	  "Unmount it, or take it out of what it is part of." },
	{ "Z0406", "the disk is in use by another domain",
	  "One domain may write, or several may read.",
	  "Detach it there; or access=r for all. For file systems that are made to be\n"
	  "shared: access=w!" },
	{ "Z0407", "the disk can only be read",
	  "The file or device may not be written to.",
	  "access=r in its disk=; or change the file's rights." },
	{ "Z0408", "the format is another one than disk= says",
	  "The first bytes of the file are those of an image. Taken for raw, its guest\n"
	  "could make an image of it that names files of dom0.",
	  "format=qcow2, or what is told; formats that are not known:\n"
	  "qemu-img convert -O qcow2" },
	{ "Z0409", "a file where a block device was named",
	  "phy: is for block devices.",
	  "file: instead." },
	{ "Z0410", "the kernel has no nbd",
	  "Images are served by it.",
	  "modprobe nbd says why; or a raw file: qemu-img convert -O raw" },
	{ "Z0411", "all nbd devices are in use",
	  "The module has 16 of them if nothing else is said.",
	  "'options nbd nbds_max=64' in /etc/modprobe.d, then modprobe -r nbd" },
	{ "Z0412", "zendo-hotplug does not run",
	  "It is the agent that serves disks and interfaces.",
	  "systemctl start zendo-hotplug; journalctl -u zendo-hotplug" },
	{ "Z0413", "there is no such script",
	  "script= names a script that is neither in /etc/zendo/scripts nor in\n"
	  "/etc/xen/scripts; or a path that is not there.",
	  "Copy it there: whoever wrote it says where it comes from." },
	{ "Z0414", "others than root may write a script",
	  "It is run as root: whoever may write it, or a folder above it, would be root.",
	  "chown root FILE; chmod go-w FILE; likewise for the folder that is told" },
	{ "Z0415", "a script failed",
	  "It ended with an error, or was not done in 40 seconds. What it did was undone.",
	  "journalctl -u zendo-script-DEVICE has what it said; Xen's scripts also write\n"
	  "/var/log/xen/xen-hotplug.log. More time: Environment=ZENDO_SCRIPT_SECONDS=120\n"
	  "by systemctl edit zendo-hotplug" },
	{ "Z0416", "a guest did not look at a new device",
	  "Nothing in it reacted to the device that was attached: it has no driver for\n"
	  "it, or is not up yet.",
	  "In the guest: modprobe xen-netfront, or xen-blkfront. For a guest that is not\n"
	  "up yet: zendo network-attach --wait 0, or block-attach --wait 0" },
	{}
};

const struct catalogue_entry *catalogue_find(const char *code)
{
	size_t n;

	if (*code == '[')
		code++;
	n = strcspn(code, "]");
	for (const struct catalogue_entry *e = catalogue; e->code; e++)
		if (strlen(e->code) == n && strncasecmp(e->code, code, n) == 0)
			return e;
	return NULL;
}
