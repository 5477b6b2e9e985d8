# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# backend.sh FACTOR - how many times as long as usual

. "$(dirname "$0")/checks.sh"
factor=$1

# backend PROGRAM TEST [N] - and nothing is left of it
backend() {
	timeout $((200 * factor)) "/root/$1" "${@:2}"
	equal domains "$(info domains)" 0
	equal 'devices on the bus' "$(find /sys/bus/hvback/devices -type l | wc -l)" 0
}

# What a device claims is a block device.
claim() {
	truncate -s 1M /root/block
	BLOCK=$(losetup -f --show /root/block)
	export BLOCK
	backend backend claim
	losetup -d "$BLOCK"
}

for_root_alone() {
	udevadm settle
	equal hvback "$(stat -c '%a %U %G' /dev/hvback)" '600 root root'
	refuses setpriv --reuid nobody --regid nogroup --clear-groups cat /dev/hvback
}

# Twice the same, the second time nothing more is gone: what is kept for the next one does not count.
nothing_is_lost() {
	local before after
	backend backend_ends deaths 4
	before=$(mem_available)
	backend backend_ends deaths $((16 * factor))
	after=$(mem_available)
	echo "available: $before, then $after KiB"
	between 'KiB lost' $((before - after)) -65536 8192
}


modules_are_gone() {
	not_loaded hvnullback
	not_loaded hvpriv
}

check 'hypervisor' systemctl start zendo
check 'the device is for root alone' for_root_alone
check 'life of a device: refusals, connections, uevents' backend backend life
check 'grants: every way to be wrong' backend backend grants
check 'a frontend that breaks its ring' backend backend broken
check 'the target is claimed as long as the device is there' claim
check 'lent threads: none, one with signals, several' backend backend lent
check 'the module goes and comes under a busy guest' backend backend reload $((8 * factor))
check "vCPUs' threads help: devices and their module come and go meanwhile" backend backend_frame helped $((12 * factor))
check 'two devices take turns' backend backend_frame turns "$factor"
check 'what dom0 wrote is known' backend backend_frame wrote
check 'a guest that writes wherever the backend looks' backend backend hostile $((120 * factor))
check 'grant tables of version 2, the same' backend backend version2 $((4 * factor))
check 'ends with requests in flight' backend backend_ends deaths $((150 * factor))
check 'ends while it is made' backend backend_ends births $((20 * factor))
check 'a domain that is stopped or frozen holds up nobody' backend backend_ends stopped $((4 * factor))
check 'devices are made and removed while their domain ends' backend backend_ends races $((30 * factor))
check 'nothing is lost' nothing_is_lost
check 'no page of a guest is out' pages_are_home
check 'the hypervisor is clean' hypervisor_clean
check 'it stops' systemctl stop zendo
check 'the modules are gone' modules_are_gone
check 'the kernel has nothing to say' dmesg_clean
finish
