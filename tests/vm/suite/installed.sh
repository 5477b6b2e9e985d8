#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 360
#
# A machine in which Zendo is not installed gets its packages, lives with them over a boot and an upgrade under a guest, and is rid of
# them again. What DKMS would compile in it, it finds compiled, as DKMS has done it in the tree of the image: in an emulated machine
# that is a quarter of an hour and more.
#
# In a soak the machine is a fresh one: compiler, headers and DKMS come with the packages from a repository in it, and DKMS compiles there, once,
# when they are first installed (not with ZENDO_PREBUILT=1). Daemons and hypervisor of the upgrade take over, and another machine gets a newer
# kernel and boots that, with the modules and the guest following.

. "$(dirname "$0")/lib/suite.sh"
# shellcheck source=tests/vm/suite/lib/packages.sh
. "$suite/lib/packages.sh"

if [ "$(id -u)" != 0 ]; then
	echo 'skip a machine gets packages, an upgrade and a newer kernel: a chroot needs root'
	exit
fi

work=$out/installed
image=$("$suite/../image" bookworm)

# built NAME - what DKMS leaves of the packages of $packages, built for each kernel, $more among them, and not installed: in $work/NAME,
# beside both packages in $work/debs/NAME. What is there of the same ones stays.
built() {
	local sum
	mkdir -p "$work/debs/$1"
	rm -f "$work/debs/$1"/*
	cp "$packages"/deb/zendo_*.deb "$packages"/deb/zendo-dkms_*.deb "$work/debs/$1/"
	sum=$(echo "$image ${more:-}"; cat "$work/debs/$1"/*.deb | sha256sum)
	if [ ! -e "$work/$1" ] || [ "$sum" != "$(cat "$work/$1.sum" 2>/dev/null)" ]; then
		rm -rf "${work:?}/$1"
		in_tree "$image" "$work/tree" install >&2
		rm -f "$work/tree"/var/lib/dkms/zendo/kernel-*
		mv "$work/tree/var/lib/dkms/zendo" "$work/$1"
		rm -r "$work/tree"
		echo "$sum" >"$work/$1.sum"
	fi
}

mkdir -p "$work"
make_packages
make_next_packages
more=
[ -z "${ZENDO_SOAK:-}" ] || more=$("$suite/../next-kernel")
built now
kernel=$more
more=
packages=$packages/next
built next

options=(--bare --single --reboot-ok --timeout 7200 --copy "$work/debs:/root/debs")
prebuilt=(--copy "$work/now:/var/lib/dkms/zendo")
[ -z "$kernel" ] || machine next-kernel "${options[@]}" "${prebuilt[@]}" --copy "$kernel:/root/kernel"
[ -n "${ZENDO_PREBUILT:-}" ] || [ -z "${ZENDO_SOAK:-}" ] || prebuilt=(--copy "$("$suite/../repository"):/root/repository")
machine installed "${options[@]}" "${prebuilt[@]}" --copy "$work/next:/root/dkms-next" -- ${ZENDO_SOAK:+whole}
