# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# fuzz-ioctl.sh SECONDS - random requests to hvpriv.ko's devices, by root and by an ordinary user

. "$(dirname "$0")/checks.sh"
seconds=$1

ordinary() {
	setpriv --reuid nobody --regid nogroup --clear-groups "$@"
}

by_root() {
	/root/fuzz-ioctl "$1" "$seconds"
	equal domains "$(info domains)" 0
}

# One who was given the device, as members of the group zendo are.
by_user() {
	chmod 0666 /dev/hvpriv /dev/hvevtchn /dev/hvgntdev
	ordinary /root/fuzz-ioctl "$1" "$seconds"
	chmod 0600 /dev/hvpriv /dev/hvevtchn /dev/hvgntdev
	equal domains "$(info domains)" 0
	equal 'CPUs under' "$(info cpus_under)" 2
}

without_rights() {
	fails_with 1 'Permission denied' ordinary /root/fuzz-ioctl 1 1
}

still_works() {
	zendo create "$(tiny after hello '')"
	ended after 30
	console_has after '^PASS'
}

chmod 0755 /root /root/fuzz-ioctl
check 'hypervisor' systemctl start zendo
check 'an ordinary user cannot open the device' without_rights
check "random requests by root, $seconds s" by_root 1
check "random requests by an ordinary user, $seconds s" by_user 2
check 'a guest runs afterwards' still_works
check 'the hypervisor is clean' hypervisor_clean
check 'it stops' systemctl stop zendo
check 'the kernel has nothing to say' dmesg_clean
finish
