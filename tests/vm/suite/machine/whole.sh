# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# whole.sh CUTS
#
# A Debian that was installed on a disk: zt-whole, and the same again as zt-base. zt-log takes what is written to the first.

. "$(dirname "$0")/checks.sh"

cuts=$1
patience=1200		# seconds for a boot with systemd, as a guest of a machine that is emulated
whole=/dev/disk/by-id/virtio-zt-whole base=/dev/disk/by-id/virtio-zt-base log=/dev/disk/by-id/virtio-zt-log

# What the guest does behind its boot. Of the files each is on the disk before the next one is begun.
# shellcheck disable=SC2016 # for the guest
story='#!/bin/sh
say() {
	# opened each time: a getty hangs up who has it open; a line of its own: the getty asks for a name and waits behind that
	printf '\''\nstory: %s\n'\'' "$*" >/dev/hvc0
}
say "$(cat /proc/cmdline)"
say "$(systemctl is-system-running --wait), root on $(findmnt -no SOURCE,FSTYPE /), $(ip -o -4 addr show | grep -c 10.9.0.) addresses"
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
say end of files
'

# Before it is used: the story, an address, a log that is kept on the disk, and time for units. The log has that, too.
prepare_disk() {
	local unit=/mnt/etc/systemd/system/story.service
	mount "$1" /mnt
	echo "$story" >/mnt/root/story
	cat >"$unit" <<-'END'
		[Unit]
		After=multi-user.target systemd-networkd-wait-online.service
		[Service]
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
	dmsetup create logged --table "0 $(blockdev --getsz $whole) log-writes $whole $log"
	prepare_disk /dev/mapper/logged
	dmsetup message logged 0 mark begin
}

# boots NAME DISK - by GRUB from the disk, to the end of its story
boots() {
	local begin=$SECONDS
	zendo create "$(define "$1" 'kernel = "/root/grub/grub.bin"' 'memory = 512' 'vcpus = 2' "disk = [\"$2\"]" 'vif = ["bridge=br0"]')"
	expect_console "$1" $patience '^story: end of files'
	echo "$((SECONDS - begin)) s to the end of its story"
	kept "$1" | grep '^story'
	console_has "$1" '^story: BOOT_IMAGE=/vmlinuz .*root=/dev/xvda'
	console_has "$1" '^story: running, root on /dev/xvda ext4, 1 addresses'
	expect_console "$1" 120 '^whole login: '
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

# What fsck writes goes to memory, so that the replay goes on from what was there. The file that was begun last may be empty.
look_at_cut() {
	local cow files n
	truncate -s 64M /run/cow
	cow=$(losetup -f --show /run/cow)
	dmsetup create cut --table "0 $(blockdev --getsz $base) snapshot $base $cow N 8"
	whole_by_its_journal /dev/mapper/cut
	mount -o ro /dev/mapper/cut /mnt
	files=(/mnt/srv/files/f*) n=${#files[@]}	# at an early one there is none yet
	equal "files after entry $1" "${files[*]##*/}" "$(seq -s ' ' -f 'f%03g' "$n")"
	n=$((n > 0 ? n - 1 : 0))
	equal "what is in them after entry $1" "$(cat /dev/null "${files[@]:0:n}")" "$(seq -f 'file %g' "$n")"
	umount /mnt
	dmsetup remove cut
	losetup -d "$cow"
	rm /run/cow
	found=${#files[@]}
	echo "$found files after entry $1"
}

# The tenth one is kept, as it was.
replayed_cuts() {
	local entries flushes first at=0 cut n=0 found
	shopt -s nullglob
	dmsetup remove logged
	blockdev --flushbufs $log	# what was written passed by what was read of it
	blockdev --flushbufs $whole
	/root/replay $log list | tee "$scratch/log"
	read -r entries flushes <"$scratch/log"
	first=$(sed -n 's/^mark \([0-9]*\) begin$/\1/p' "$scratch/log")
	grep -q '^mark [0-9]* end$' "$scratch/log"
	between flushes "$flushes" 100 100000	# 64 without those of the story
	echo "$entries entries, $flushes flushes; files after entry..."
	for cut in $(shuf -i "$first-$entries" -n "$cuts" | sort -n) "$entries"; do
		/root/replay $log $base "$at" "$cut"
		at=$cut n=$((n + 1))
		[ $n != 10 ] || cp --sparse=always $base /srv/whole.img
		look_at_cut "$cut"
	done
	equal 'files at the end' "$found" 60
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
sed -n 's/^/# /; / s to \|story:/p' "$scratch/check"
check "its root is whole after $cuts replayed power cuts" replayed_cuts
grep 'files after' "$scratch/check" | sed 's/^/# /'
check 'one of these boots by GRUB from a file' from_a_file
sed -n 's/^/# /; / s to \|story:/p' "$scratch/check"
check 'the hypervisor is clean' hypervisor_clean
check 'it stops' systemctl stop zendo
check 'the kernel has nothing to say' dmesg_clean
finish
