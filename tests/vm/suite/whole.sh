#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 400
#
# Debian as it is installed on a disk, systemd and all, boots by GRUB from a device and from a file; its root is whole after replayed power
# cuts, 20 or, in a soak, 100. A boot of it takes a minute or two in a guest of an emulated machine.

. "$(dirname "$0")/lib/suite.sh"

if [ "$(id -u)" != 0 ]; then
	echo 'skip Debian boots from its own disk: mmdebstrap with a kernel needs root here'
	exit
fi
disk=$("$suite/../whole-disk")/disk
grub=$("$suite/../grub")

# What the machine writes to its drives goes with it.
drive() {
	options+=(--qemu=-drive "--qemu=if=none,id=$1,file=$2,format=$3,snapshot=on,cache=unsafe" --qemu=-device "--qemu=virtio-blk-pci,drive=$1,serial=zt-$1")
}

options=() cuts=20
[ -z "${ZENDO_SOAK:-}" ] || cuts=100
truncate -s 3G "$out/whole-log"
drive whole "$disk" raw
drive base "$disk" raw
drive log "$out/whole-log" raw
machine whole "${options[@]}" --copy "$grub:/root/grub" --copy "$(program replay):/root/" --timeout 3600 -- "$cuts"
rm "$out/whole-log"
