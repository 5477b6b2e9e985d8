#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 5
#
# In a soak: a machine in which Zendo is not installed gets its packages, lives with them over a boot and an upgrade under a guest, and is
# rid of them again; one that gets a newer kernel boots that, with the modules and the guest following. DKMS compiles in a machine
# once, when the packages are first installed: in an emulated one that is a quarter of an hour and more. What else it would compile
# it finds built, as it has done it in the tree of the image. With ZENDO_PREBUILT=1 it compiles nothing.

. "$(dirname "$0")/lib/suite.sh"
# shellcheck source=tests/vm/suite/lib/packages.sh
. "$suite/lib/packages.sh"

if [ -z "${ZENDO_SOAK:-}" ]; then
	echo 'skip a machine gets packages, an upgrade and a newer kernel: half an hour, in a soak'
	exit
fi
if [ "$(id -u)" != 0 ]; then
	echo 'skip a machine gets packages, an upgrade and a newer kernel: a chroot needs root'
	exit
fi

work=$out/installed

# built FOLDER - what DKMS leaves of the packages of $packages, built for each kernel, $more among them, and not installed
built() {
	in_tree "$image" "$work/tree" install >&2
	rm -f "$work/tree"/var/lib/dkms/zendo/kernel-*
	mv "$work/tree/var/lib/dkms/zendo" "$1"
	rm -r "$work/tree"
}

# packages_in FOLDER - both packages that it takes
packages_in() {
	mkdir -p "$1"
	cp "$packages"/deb/zendo_*.deb "$packages"/deb/zendo-dkms_*.deb "$1/"
}

image=$("$suite/../image" bookworm)
kernel=$("$suite/../next-kernel")
rm -rf "$work"
mkdir -p "$work"
make_packages
make_next_packages
packages_in "$work/debs/now"
more=$kernel
built "$work/dkms"
more=
packages=$packages/next
packages_in "$work/debs/next"
built "$work/dkms-next"

options=(--bare --single --reboot-ok --timeout 7200 --copy "$work/debs:/root/debs")
machine next-kernel "${options[@]}" --copy "$kernel:/root/kernel" --copy "$work/dkms:/var/lib/dkms/zendo"
[ -z "${ZENDO_PREBUILT:-}" ] || options+=(--copy "$work/dkms:/var/lib/dkms/zendo")
machine installed "${options[@]}" --copy "$work/dkms-next:/root/dkms-next"
