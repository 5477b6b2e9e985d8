# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A Debian that was installed on a disk: zt-whole, and the same again as zt-base. zt-log takes what the guest writes.

. "$(dirname "$0")/checks.sh"

patience=${PATIENCE:-1500}		# seconds for a boot with systemd, as a guest of a machine that is emulated
whole=/dev/disk/by-id/virtio-zt-whole base=/dev/disk/by-id/virtio-zt-base log=/dev/disk/by-id/virtio-zt-log

# What the guest does behind its boot. Of the files each is on the disk before the next one is begun.
# shellcheck disable=SC2016 # for the guest
story='#!/bin/sh
exec >/dev/hvc0
echo "story: $(cat /proc/cmdline)"
echo "story: root on $(findmnt -no SOURCE,FSTYPE /), $(systemctl is-system-running), $(ip -o -4 addr show | grep -c 10.9.0.) addresses"
mkdir -p /srv/files
i=0
while [ $i -lt 60 ]; do
	i=$((i + 1))
	head -c $((i % 7 * 3000)) /dev/urandom >/srv/part
	mv /srv/part /srv/other$((i % 5))
	file=/srv/files/f$(printf %03d $i)
	echo "file $i" >$file
	sync $file /srv/files
done
echo "story: end of files"
'

# On both disks before they are used: the story, an address, a log that is kept on the disk, and time for units
prepare_disk() {
	local unit=/mnt/etc/systemd/system/story.service
	mount "$1" /mnt
	echo "$story" >/mnt/root/story
	cat >"$unit" <<-'END'
		[Unit]
		After=multi-user.target systemd-networkd-wait-online.service
		[Service]
		Type=oneshot
		ExecStart=/bin/sh /root/story
	END
	mkdir -p /mnt/etc/systemd/system/default.target.wants /mnt/var/log/journal
	ln -sf ../story.service /mnt/etc/systemd/system/default.target.wants/
	printf '[Match]\nType=ether\n\n[Network]\nAddress=10.9.0.2/24\n' >/mnt/etc/systemd/network/80-dhcp.network
	sed -i 's/quiet/quiet systemd.default_timeout_start_sec=1800 systemd.default_device_timeout_sec=1800/' /mnt/boot/grub/grub.cfg
	umount /mnt
}

prepare() {
	ip link add br0 type bridge
	ip addr add 10.9.0.1/24 dev br0
	ip link set br0 up
	prepare_disk $whole
	prepare_disk $base
	dmsetup create logged --table "0 $(blockdev --getsz $whole) log-writes $whole $log"
	dmsetup message logged 0 mark begin
}

# boots NAME DISK - by GRUB from the disk, to the end of its story
boots() {
	zendo create "$(define "$1" 'kernel = "/root/grub/grub.bin"' 'memory = 512' 'vcpus = 2' "disk = [\"$2\"]" 'vif = ["bridge=br0"]')"
	expect_console "$1" $patience '^story: end of files'
	kept "$1" | grep '^story'
	console_has "$1" '^story: BOOT_IMAGE=/vmlinuz .*root=/dev/xvda'
	console_has "$1" '^story: root on /dev/xvda ext4, [a-z]+, 1 addresses'
	ping -c 2 -i 0.2 -W 20 10.9.0.2
}

# ends NAME - by what systemd does when it is asked
ends() {
	zendo shutdown "$1"
	ended "$1" 600
	journal_of "$1" | grep 'shut down: poweroff'
}

from_a_device() {
	boots whole "phy:/dev/mapper/logged,xvda,w"
	ends whole
	dmsetup message logged 0 mark end
}

# What fsck writes goes to memory, so that the replay goes on from what was there.
look_at_cut() {
	local rc=0 names
	truncate -s 64M /run/cow
	cow=$(losetup -f --show /run/cow)
	dmsetup create cut --table "0 $(blockdev --getsz $base) snapshot $base $cow N 8"
	e2fsck -fp /dev/mapper/cut || rc=$?
	[ $rc -le 1 ] || { echo "fsck: $rc after entry $1"; return 1; }
	e2fsck -fn /dev/mapper/cut
	names=$(debugfs -R 'ls -p /srv/files' /dev/mapper/cut 2>/dev/null | cut -d/ -f6 | sed -n '/^f[0-9]/p' | sort)
	equal "files after entry $1" "$names" "$(seq -f 'f%03g' "$(wc -w <<<"$names")")"
	echo "$(wc -w <<<"$names") files after entry $1"
	[ -z "${2:-}" ] || cp --sparse=always /dev/mapper/cut "$2"
	dmsetup remove cut
	losetup -d "$cow"
	rm /run/cow
}

# The tenth one is kept.
replayed_cuts() {
	local entries flushes first at=0 cut n=0
	/root/replay $log list | tee "$scratch/log"
	read -r entries flushes <"$scratch/log"
	first=$(sed -n 's/^mark \([0-9]*\) begin$/\1/p' "$scratch/log")
	grep -q '^mark [0-9]* end$' "$scratch/log"
	between flushes "$flushes" 60 100000
	for cut in $(shuf -i "$first-$entries" -n 20 | sort -n) "$entries"; do
		/root/replay $log $base "$at" "$cut"
		at=$cut n=$((n + 1))
		look_at_cut "$cut" "$([ $n != 10 ] || echo /srv/whole.img)"
	done
	cmp $base $whole
}

from_a_file() {
	boots again 'file:/srv/whole.img,xvda,w'
	ends again
	e2fsck -fn /srv/whole.img
}

check 'hypervisor' systemctl start zendo
check 'disks' prepare
check 'Debian boots by GRUB from a device, and shuts down' from_a_device
sed 's/^/# /' "$scratch/check"
check 'its root is whole after 20 replayed power cuts' replayed_cuts
grep 'files after' "$scratch/check" | sed 's/^/# /'
check 'one of these boots by GRUB from a file' from_a_file
dmsetup remove logged
check 'the hypervisor is clean' hypervisor_clean
check 'it stops' systemctl stop zendo
check 'the kernel has nothing to say' dmesg_clean
finish
