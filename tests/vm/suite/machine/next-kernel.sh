# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A machine without Zendo, its packages in /root/debs/now and those of a newer kernel in /root/kernel: the modules follow the kernel.

. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/installed-guest.sh"

new=$(cat /root/kernel/release)

kernel_installs() {
	apt install /root/debs/now/*.deb
	# an initrd with all modules of the kernel takes half an hour in an emulated machine, and nobody starts from it here
	echo MODULES=list >/etc/initramfs-tools/conf.d/list
	apt install /root/kernel/*.deb
	dkms status -m zendo -k "$new" | grep ': installed'
	dkms status -m zendo -k "$(uname -r)" | grep ': installed'
	[ ! -e /var/lib/zendo-dkms/failed ]
	zendo doctor --kernel "$new"
}

# What leads to this machine's disk, with modules of the other kernel; by hand, as the machine is started from outside.
pack_initrd() {
	local root=$scratch/initrd file name
	mkdir -p "$root"
	cd "$root" || return
	gzip -dc /boot/zt-initrd.gz | cpio --quiet -i
	rm modules/*
	modprobe -S "$new" -a --show-depends virtio_pci virtio_blk virtio_console ext4 |
		awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
		name=$(basename "${file%.xz}")
		case $file in
		*.xz) xz -dc "$file" >"modules/$name" ;;
		*) cp "$file" "modules/$name" ;;
		esac
		echo "$name" >>modules/order
	done
	find . | cpio --quiet -o -H newc | gzip -1 >/boot/next-initrd.gz
}

guest_stands() {
	guest_is_made
	guest_is_up 1
}

boot_it() {
	pack_initrd
	kexec -l "/boot/vmlinuz-$new" --initrd=/boot/next-initrd.gz --reuse-cmdline
}

runs_under_it() {
	equal kernel "$(uname -r)" "$new"
	guest_is_up 2
	systemctl is-active zendo
	guest_writes
	zendo info
}

# By default its guests have the kernel that runs.
tried() {
	equal said "$(zendo try -c 'uname -r')" "$new"
}

stops() {
	zendo shutdown -w web
	hypervisor_clean
	systemctl stop zendo
	not_loaded hvpriv
}

case $ZT_BOOT in
0)
	mkdir -p $kept_in
	systemctl is-system-running --wait
	check 'a newer kernel installs, and the modules with it' kernel_installs
	check 'a guest with disk and network stands' guest_stands
	check 'the newer kernel is loaded' boot_it
	sync
	systemctl kexec
	sleep infinity
	;;
*)
	check 'the newer kernel runs under the hypervisor, and the guest is back' runs_under_it
	check 'a guest is tried, of that kernel' tried
	check 'it stops' stops
	check 'the kernel has nothing to say' dmesg_clean
	finish
	;;
esac
