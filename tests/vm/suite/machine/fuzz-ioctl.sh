# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# fuzz-ioctl.sh SECONDS - random requests to every device node that our modules make, by root and by an ordinary user

. "$(dirname "$0")/checks.sh"
seconds=$1
nodes=(/dev/hvpriv /dev/hvevtchn /dev/hvgntdev /dev/hvback)

ordinary() {
	setpriv --reuid nobody --regid nogroup --clear-groups "$@"
}

# What is listed is all there is, so that a new node is not forgotten.
all_nodes() {
	modprobe -a hvblkback hvnetback hvnullback
	udevadm settle
	equal nodes "$(find /dev -maxdepth 1 -type c -name 'hv[a-z]*' ! -name 'hvc*' | sort)" "$(printf '%s\n' "${nodes[@]}" | sort)"
}

# Devices of all classes were made, and some were connected.
by_root() {
	/root/fuzz-ioctl "$1" "$seconds" | tee "$scratch/said"
	refuses grep -E ' (added|connected) 0,' "$scratch/said"
	equal domains "$(info domains)" 0
	equal 'devices on the bus' "$(ls /sys/bus/hvback/devices)" ''
}

# One who was given the nodes, as members of the group zendo are given the first. Devices stay root's.
by_user() {
	chmod 0666 "${nodes[@]}"
	ordinary /root/fuzz-ioctl "$1" "$seconds"
	chmod 0600 "${nodes[@]}"
	equal domains "$(info domains)" 0
	equal 'CPUs under' "$(info cpus_under)" 2
}

without_rights() {
	local node
	fails_with 1 'Permission denied' ordinary /root/fuzz-ioctl 1 1
	for node in "${nodes[@]}"; do
		refuses ordinary test -r "$node" -o -w "$node"
	done
}

still_works() {
	zendo create "$(tiny after hello '')"
	ended after 30
	console_has after '^PASS'
}

chmod 0755 /root /root/fuzz-ioctl
check 'hypervisor' systemctl start zendo
check 'all device nodes are known' all_nodes
check 'an ordinary user cannot open them' without_rights
check "random requests by root, $seconds s" by_root 1
check "random requests by an ordinary user, $seconds s" by_user 2
check 'a guest runs afterwards' still_works
check 'the hypervisor is clean' hypervisor_clean
check 'it stops' systemctl stop zendo
check 'the kernel has nothing to say' dmesg_clean
finish
