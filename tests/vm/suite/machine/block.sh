# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# block.sh CUTS CYCLES GUESTS SECONDS - power cuts, attach/detach cycles, guests with a disk at once, how long the ring is fuzzed

. "$(dirname "$0")/checks.sh"
cuts=$1 cycles=$2 many=$3 seconds=$4

stat_of() {
	cat /sys/bus/hvback/devices/vbd-*-51712/statistics/"$1"
}

# Of devices that dom0 served nothing is left anywhere.
nothing_left() {
	equal devices "$(ls /sys/bus/hvback/devices)" ''
	pages_are_home
	equal 'backends in the store' "$(xenstore-list /local/domain/0/backend/vbd 2>/dev/null || true)" ''
	equal 'loop devices' "$(losetup -a)" ''
}

targets() {
	mkdir -p /srv /run/blk
	modprobe brd rd_nr=6 rd_size=32768
	mount -t tmpfs tmpfs /run/blk
	truncate -s 4M /srv/small /run/blk/small
	dmsetup create small --table '0 8192 linear /dev/ram4 0'
}

# ---- our own guest: every request kind ----

# disk NAME PROGRAM OPTIONS DISK [KEY=VALUE...] - our guest with this disk; it ends by itself and has found nothing wrong
disk() {
	local name=$1
	zendo create "$(tiny "$1" "$2" "$3" "disk = [\"$4\"]" "${@:5}")"
	ended "$name" 120
	journal_of "$name" | tee "$scratch/$name.out"
	grep -qx 'PASS [0-9]*' "$scratch/$name.out"
	refuses grep '^not ok' "$scratch/$name.out"
	nothing_left
}

# carries NAME PROGRAM OPTIONS DISK FILE - and what it read last is in the file
carries() {
	disk "$1" "$2" "$3" "$4"
	equal "checksum of $5" "$(sed -n 's/^sum 51712 //p' "$scratch/$1.out")" "$(cksum <"$5" | cut -d' ' -f1)"
}

# What the guest discarded it has read as zeros; the file has fewer blocks.
a_file() {
	carries file disk zeroes file:/srv/small,xvda,w /srv/small
	between 'blocks of the file' "$(stat -c %b /srv/small)" 1 8100
}

# O_DIRECT is said to be there, and the page cache is used: what may not wait gets a part of what it reads, and cannot write. Without
# discards: ext4 itself warns of holes that begin within a page there.
a_file_of_the_page_cache() {
	mkfs.ext4 -q -J size=4 /dev/ram3
	mkdir -p /run/journalled
	mount -o data=journal /dev/ram3 /run/journalled
	truncate -s 4M /run/journalled/disk
	carries journalled disk '' file:/run/journalled/disk,xvda,w,no-discard /run/journalled/disk
	umount /run/journalled
}

read_only_is_kept() {
	local before
	before=$(sha256sum </srv/small)
	disk ro disk rounds=4 file:/srv/small,xvda,r
	equal sum "$(sha256sum </srv/small)" "$before"
	grep '^ok write-to-a-read-only-disk' "$scratch/ro.out"
}

# ---- a hostile one ----

hostile_ring() {
	truncate -s 4M /srv/hostile
	zendo create "$(tiny hostile diskfuzz "second seconds=$seconds seed=$RANDOM" 'vcpus = 2' \
		'disk = ["file:/srv/hostile,xvda,w", "phy:/dev/mapper/small,xvdb,w"]')"
	ended hostile $((seconds + 240)) || { kept hostile; zendo vcpu-list; xenstore-ls /local/domain/0/backend/vbd; return 1; }
	journal_of hostile | tee "$scratch/hostile.out"
	grep -qx 'PASS [0-9]*' "$scratch/hostile.out"
	nothing_left
	journalctl -o cat -u zendo-hotplug | grep 'the frontend broke the protocol: the ring.s index of requests'
}

# ---- power cuts ----

# Linux 6 names the device like the folder, older ones by a number.
cut_device=/sys/kernel/config/nullb/nullb0

# With a cache of a MiB that forgets when the device is switched off; the medium behind it does not.
switch_on() {
	mkdir "$cut_device"
	echo 16 >"$cut_device/size"
	echo 512 >"$cut_device/blocksize"
	echo 1 >"$cut_device/memory_backed"
	echo 1 >"$cut_device/cache_size"
	echo 1 >"$cut_device/power"
	udevadm settle
}

# The guest says what it has seen flushed; at some number the device is off.
cut_once() {
	local name=cut$1 safe written dev=/dev/nullb0
	switch_on
	zendo create "$(tiny "$name" disk "mode=number seed=$RANDOM" "disk = [\"phy:$dev,xvda,w\"]")"
	hears -n $((5 + RANDOM % 60)) 120 '^flushed' zendo console -r "$name"
	echo 0 >"$cut_device/power"
	ended "$name" 60
	nothing_left
	journal_of "$name" >"$scratch/cut.out"
	grep -x 'ok an-error-ends-it' "$scratch/cut.out"
	safe=$(sed -n 's/^flushed //p' "$scratch/cut.out" | tail -n 1)
	written=$(sed -n 's/^written //p' "$scratch/cut.out")
	echo 1 >"$cut_device/power"
	udevadm settle
	/root/numbered "$dev" "$safe" "$written"
	rmdir "$cut_device"
}

power_cuts() {
	local i
	modprobe null_blk nr_devices=0
	for ((i = 0; i < cuts; i++)); do
		cut_once "$i"
	done
}

# ---- disks come and go ----

# Our guest keeps its ring full, closes when asked to, and has found all it wrote when the disk is there again.
attach_and_detach() {
	local i id
	zendo create "$(tiny load disk 'mode=load filled' 'disk = ["file:/srv/small,xvda,w"]')"
	id=$(zendo domid load)
	expect_console load 120 '^round 3$'
	for ((i = 1; i <= cycles; i++)); do
		zendo block-detach load xvda
		refuses xenstore-read "/local/domain/0/backend/vbd/$id/51712/state"
		equal devices "$(ls /sys/bus/hvback/devices)" ''
		zendo block-attach load file:/srv/small xvda w
		hears -n $((i + 1)) 120 '^connected' zendo console -r load
	done
	zendo destroy load
	gone load
	nothing_left
}

sixteen_disks() {
	local i list=
	for ((i = 0; i < 16; i++)); do
		truncate -s 1M "/run/blk/d$i"
		list+="\"file:/run/blk/d$i,$(printf 'xvd\\%03o' $((97 + i))),w\", "
	done
	zendo create "$(tiny sixteen disk 'disks=16 rounds=1' "disk = [$(printf %b "$list")]")"
	ended sixteen 120
	journal_of sixteen >"$scratch/sixteen.out"
	grep -x 'PASS [0-9]*' "$scratch/sixteen.out"
	for ((i = 0; i < 16; i++)); do
		equal "checksum of disk $i" "$(sed -n "s/^sum $((51712 + 16 * i)) //p" "$scratch/sixteen.out")" \
			"$(cksum <"/run/blk/d$i" | cut -d' ' -f1)"
	done
	nothing_left
}

many_guests() {
	local i
	for ((i = 0; i < many; i++)); do
		truncate -s 1M "/run/blk/g$i"
		zendo create "$(tiny "many$i" disk 'mode=hold' "disk = [\"file:/run/blk/g$i,xvda,w\"]")"
	done
	for ((i = 0; i < many; i++)); do
		expect_console "many$i" 120 '^held'
	done
	equal devices "$(find /sys/bus/hvback/devices -type l | wc -l)" "$many"
	for ((i = 0; i < many; i++)); do
		zendo destroy "many$i"
	done
	for ((i = 0; i < many; i++)); do
		gone "many$i"
		rm "/run/blk/g$i"
	done
	nothing_left
}

# ---- clones ----

# define_base EXTRA DISK - as a definition that has a name
define_base() {
	cp "$(tiny base disk "$1" "disk = [\"$2\"]" 'vif = ["mac=00:16:3e:01:02:03"]')" /etc/zendo/base.cfg
}

# The clone finds nothing wrong with its disk, and what it writes is not the other one's.
clone_works() {
	local before
	before=$(cksum <"$1")
	zendo create two cmdline='rounds=1 filled' vif='[]'
	ended two 120
	kept two | grep -x 'PASS [0-9]*'
	equal 'the disk that was cloned' "$(cksum <"$1")" "$before"
	rm /etc/zendo/two.cfg
}

a_volume_is_cloned() {
	printf 'global {\n\tthin_check_executable = ""\n}\n' >>/etc/lvm/lvmlocal.conf
	vgcreate -q thin /dev/ram5
	lvcreate -q -L 16M -T thin/pool -V 4M -n base
	define_base 'mode=load filled' phy:/dev/thin/base,xvda,w
	zendo create base vif='[]'
	expect_console base 120 '^round 1$'
	zendo clone --json base two | tee "$scratch/clone"
	equal how "$(jq -r '.disks[0].how, .disks[0].target, .source_running' "$scratch/clone" | xargs)" 'lvm-thin /dev/thin/two true'
	refuses grep 00:16:3e:01:02:03 /etc/zendo/two.cfg
	fails_with 1 'is there already' zendo clone base two
	zendo destroy base
	gone base
	clone_works /dev/thin/base
	lvremove -q -f thin/two
	nothing_left
}

a_file_is_cloned() {
	local before
	truncate -s 400M /srv/xfs
	mkfs.xfs -q /srv/xfs
	mkdir -p /run/xfs
	mount -o loop /srv/xfs /run/xfs
	head -c 4M /dev/urandom >/run/xfs/base.img
	define_base '' file:/run/xfs/base.img,xvda,w
	before=$(ls /run/xfs /etc/zendo)
	zendo clone --dry-run base two | grep 'shares its blocks'
	equal 'files after a dry run' "$(ls /run/xfs /etc/zendo)" "$before"
	zendo clone base two
	cmp /run/xfs/base.img /run/xfs/two.img
	clone_works /run/xfs/base.img
	umount /run/xfs
	nothing_left
}

an_overlay_is_wanted() {
	define_base '' file:/srv/small,xvda,w
	fails_with 1 'shares no blocks; with --overlay' zendo clone base two
	refuses ls /etc/zendo/two.cfg
	zendo clone --overlay=/run/blk base two
	qemu-img info /run/blk/two-xvda.qcow2 | grep '^backing file: /srv/small$'
	clone_works /srv/small
	rm /run/blk/two-xvda.qcow2
	nothing_left
}

# limits_are IOPS BANDWIDTH - of the unit; empty: none
limits_are() {
	local way
	for way in Read Write; do
		equal "IO${way}IOPSMax" "$(systemctl show -P "IO${way}IOPSMax" zendo-domain@limited)" "${1:+/dev/ram1 $1}"
		equal "IO${way}BandwidthMax" "$(systemctl show -P "IO${way}BandwidthMax" zendo-domain@limited)" "${2:+/dev/ram1 $2}"
	done
}

rates_are_the_units() {
	zendo create -p "$(tiny limited hello '' 'disk = ["phy:/dev/ram1,xvda,w,iops=500,bw=20M"]')"
	limits_are 500 20000000
	grep -E 'rbps=20000000 wbps=20000000 riops=500 wiops=500' \
		"/sys/fs/cgroup$(systemctl show -P ControlGroup zendo-domain@limited)/io.max"
	fails_with 1 'applied at a domain.s start' zendo block-attach limited file:/srv/small xvdb w iops=5
	zendo destroy limited
	gone limited
	zendo create -p "$(tiny limited hello '' 'disk = ["phy:/dev/ram1,xvda,w"]')"
	limits_are '' ''
	zendo destroy limited
	gone limited
	nothing_left
}

# What the threads of this name have asked devices for, in bytes: bytes_read_by NAME DOMAIN
bytes_read_by() {
	local task sum=0
	for task in /proc/"$(systemctl show -P MainPID "zendo-domain@$2")"/task/*; do
		if grep -q "^$1" "$task/comm"; then
			sum=$((sum + $(sed -n 's/^read_bytes: //p' "$task/io")))
		fi
	done
	echo "$sum"
}

# Where the domain's threads have one CPU the vCPU's begins most requests itself, of a device that can say that it would have to wait.
rates_hold_for_vcpus_threads() {
	local dev begin requests read_before ms way
	dev=$(losetup -f --show /run/blk/small)
	zendo create "$(tiny limited disk 'mode=load filled' "disk = [\"phy:$dev,xvda,w\"]")"
	expect_console limited 120 '^round 2$'
	taskset -a -c -p 1 "$(systemctl show -P MainPID zendo-domain@limited)"
	systemctl set-property --runtime zendo-domain@limited "IOReadIOPSMax=$dev 100" "IOWriteIOPSMax=$dev 100"
	read_before=$(bytes_read_by vcpu limited) begin=$EPOCHREALTIME
	requests=$(($(stat_of rd_req) + $(stat_of wr_req)))
	let_guest_tick 4
	requests=$(($(stat_of rd_req) + $(stat_of wr_req) - requests))
	ms=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { print int((b - a) * 1000) }')
	echo "$requests requests in $ms ms; read for vcpu: $read_before, then $(bytes_read_by vcpu limited); for device: $(bytes_read_by device limited)"
	between 'requests a second' $((requests * 1000 / ms)) 20 240
	between 'bytes that its thread has read' $(($(bytes_read_by vcpu limited) - read_before)) 4096 1000000000
	for way in Read Write; do
		systemctl set-property --runtime zendo-domain@limited "IO${way}IOPSMax="
	done
	zendo destroy limited
	gone limited
	losetup -d "$dev"
	nothing_left
}

# Its guest dies with requests in flight: the domain is gone at once, the pages come home when the target answers, and until then
# nobody else gets it.
a_target_that_hangs() {
	local destroyer
	zendo create "$(tiny load disk 'mode=load filled' 'disk = ["phy:/dev/mapper/small,xvda,w"]')"
	expect_console load 120 '^round 3$'
	dmsetup suspend --noflush --nolockfs small
	zendo destroy load &
	destroyer=$!
	let_guest_tick 1
	gone load
	between 'guest pages still held' "$(info pages_out)" 1 4096
	fails_with 1 'in use by domain' zendo create "$(tiny next disk 'rounds=1' 'disk = ["phy:/dev/mapper/small,xvda,w"]')"
	dmsetup resume small
	wait $destroyer
	nothing_left
	disk next disk 'rounds=1 filled' phy:/dev/mapper/small,xvda,w
}

# Destroyed while its ring is full.
nothing_is_lost() {
	local before after i
	before=$(mem_available)
	for ((i = 0; i < 3; i++)); do
		zendo create "$(tiny load disk 'mode=load filled' 'disk = ["phy:/dev/mapper/small,xvda,w"]')"
		expect_console load 120 '^round 3$'
		zendo destroy load
		gone load
		nothing_left
	done
	after=$(mem_available)
	between 'KiB lost' $((before - after)) -65536 16384
}

# ---- a stock guest: one boot for all that follows ----

# Odd pieces by both vCPUs, some past the page cache, one at the very end; then it is read again.
# shellcheck disable=SC2016 # for the guest's shell
exercise='
d=/dev/xvda
n=$(($(cat /sys/block/xvda/size) * 512))
dd if=/dev/urandom of=/tmp/a bs=1M count=3 2>/dev/null
taskset 1 dd if=/tmp/a of=$d bs=1M conv=fsync 2>/dev/null &
taskset 2 dd if=/tmp/a of=$d bs=512 count=100 seek=10001 oflag=direct 2>/dev/null
taskset 1 dd if=/tmp/a of=$d bs=3584 count=100 seek=2000 oflag=direct 2>/dev/null
taskset 2 dd if=/tmp/a of=$d bs=512 count=1 seek=$((n / 512 - 1)) oflag=direct 2>/dev/null
dd if=/tmp/a of=$d bs=1M count=2 seek=4 oflag=direct 2>/dev/null
wait
sync
echo 3 >/proc/sys/vm/drop_caches
dd if=$d bs=1M iflag=direct 2>/dev/null | cmp - $d && echo "sum $(sha256sum <$d | cut -c1-64)"
echo "queues $(ls /sys/block/xvda/mq | wc -l) $(ls /sys/block/xvde/mq | wc -l)"
echo end of data'

# The middle of xvdb has no sectors that can be read or written.
holes='
dd if=/dev/xvdb of=/dev/null bs=4096 count=1 skip=1023 iflag=direct 2>/dev/null && echo good before
dd if=/dev/xvdb of=/dev/null bs=4096 count=1 skip=1024 iflag=direct || echo bad read
dd if=/dev/zero of=/dev/xvdb bs=4096 count=1 seek=1024 oflag=direct || echo bad write
dd if=/dev/xvdb of=/dev/null bs=4096 count=1 skip=1025 iflag=direct 2>/dev/null && echo good behind
echo end of holes'

# shellcheck disable=SC2016
trim='
blkdiscard -o 4194304 -l 8388608 /dev/xvdc && echo trimmed
echo "left $(dd if=/dev/xvdc bs=1M skip=4 count=8 iflag=direct 2>/dev/null | tr -d "\0" | wc -c)"
echo end of trim'

# shellcheck disable=SC2016
large='
cd /sys/block/xvde/queue
echo "blocks $(cat logical_block_size) $(cat physical_block_size)"
dd if=/tmp/a of=/dev/xvde bs=4096 count=256 seek=3 oflag=direct 2>/dev/null
dd if=/dev/xvde bs=4096 count=256 skip=3 iflag=direct 2>/dev/null | cmp - /tmp/a -n 1048576 && echo the same
cd /
echo end of large'

# Files one after the other, each safe before the next one begins; others come and go beside them.
# shellcheck disable=SC2016
files='
while read -r module; do
	insmod "/ext4/$module" 2>/dev/null
done </ext4/order
mount -t ext4 /dev/xvdd /mnt && echo mounted
i=0
while [ $i -lt 60 ]; do
	i=$((i + 1))
	dd if=/tmp/a of=/mnt/part bs=3000 count=$((i % 7 + 1)) conv=fsync 2>/dev/null
	mv /mnt/part /mnt/other$((i % 5))
	echo "file $i" | dd of=/mnt/f$(printf %03d $i) conv=fsync 2>/dev/null
done
umount /mnt && echo end of files
read -r go'

# shellcheck disable=SC2016
writers='
writer() {
	i=0
	while dd if=/tmp/a of=$1 bs=64k oflag=direct 2>/dev/null && dd if=$1 bs=64k count=48 iflag=direct 2>/dev/null | cmp - /tmp/a; do
		i=$((i + 1))
		echo "$1 round $i"
	done
	echo broken $1
}
writer /dev/xvda & writer /dev/xvdc & wait'

# with_ext4 FILE - the guest's first file system with what its kernel, which is dom0's, has as modules
with_ext4() {
	local module name
	mkdir "$scratch/ext4"
	for module in $(modprobe --show-depends ext4 | awk '$1 == "insmod" { print $2 }'); do
		name=$(basename "${module%.xz}")
		xz -dcf <"$module" >"$scratch/ext4/$name"
		echo "$name" >>"$scratch/ext4/order"
	done
	(cat /root/guest/initrd.gz; cd "$scratch" && find ext4 | cpio --quiet -o -H newc | gzip -1) >"$1"
}

stock_guest() {
	with_ext4 /run/blk/initrd.gz
	dmsetup create holes <<-END
		0 8192 linear /dev/ram1 0
		8192 8 error
		8200 8192 linear /dev/ram1 8200
	END
	head -c 16M /dev/urandom >/srv/file
	sync /srv/file
	truncate -s 8M /srv/large
	dmsetup create logged --table '0 65536 log-writes /dev/ram2 /dev/ram3'
	mkfs.ext4 -q -J size=4 -E lazy_itable_init=0,lazy_journal_init=0 /dev/mapper/logged
	dmsetup message logged 0 mark made
	# too long for a command line; a whole number of sectors
	printf '%-8191s\n' "$exercise$holes$trim$large$files$writers" >/srv/script
	zendo create "$(stock guest 'sh /dev/xvdf' 'ramdisk = "/run/blk/initrd.gz"' 'vcpus = 2' \
		'disk = ["phy:/dev/ram0,xvda,w", "phy:/dev/mapper/holes,xvdb,w", "file:/srv/file,xvdc,w",' \
		'"phy:/dev/mapper/logged,xvdd,w", "file:/srv/large,xvde,w,sector=4096,queues=1", "file:/srv/script,xvdf,r"]')"
}

# says TEXT... - each is a line of the console, to its end
says() {
	local text
	for text in "$@"; do
		console_has guest "^$text\$" || { echo "not said: $text"; kept guest | tail -n 60; return 1; }
	done
}

data_by_two_queues() {
	stock_guest
	expect_console guest 240 '^end of data'
	says 'queues 2 1'
	equal 'sum of the device' "$(kept guest | sed -n 's/^sum //p')" "$(sha256sum </dev/ram0 | cut -c1-64)"
	head -n 100 /sys/bus/hvback/devices/vbd-*-51712/statistics/*
	equal errors "$(stat_of errors)" 0
	equal unsupported "$(stat_of unsupported)" 0
	between 'sectors written' "$(stat_of wr_sect)" 10000 30000
	between flushes "$(stat_of f_req)" 1 100
	equal 'requests with a time' "$(stat_of latency_us | awk '{ for (i = 1; i <= NF; i++) n += $i; print n }')" \
		"$(($(stat_of rd_req) + $(stat_of wr_req) + $(stat_of f_req)))"
	xenstore-ls "/local/domain/$(zendo domid guest)/device/vbd/51712" | grep -F 'queue-1 ='
}

errors_are_told() {
	expect_console guest 120 '^end of holes'
	says 'good before' 'bad read' 'bad write' 'good behind'
	between errors "$(cat /sys/bus/hvback/devices/vbd-*-51728/statistics/errors)" 2 100
}

discards_punch_holes() {
	expect_console guest 120 '^end of trim'
	says trimmed 'left 0'
	between 'blocks less' $((32768 - $(stat -c %b /srv/file))) 16000 16400
	between discards "$(cat /sys/bus/hvback/devices/vbd-*-51744/statistics/ds_req)" 1 100
}

large_sectors() {
	expect_console guest 120 '^end of large'
	says 'blocks 4096 4096' 'the same'
}

# One of the states in which power may have gone: the journal makes it whole, and of the files each is there whose follower is.
look_at_cut() {
	local names
	echo "after entry $1"
	cp --sparse=always /run/blk/image /run/blk/cut
	whole_by_its_journal /run/blk/cut
	# at an early one there is none yet
	names=$(debugfs -R 'ls -p /' /run/blk/cut 2>/dev/null | cut -d/ -f6 | sed -n '/^f[0-9]/p' | sort)
	equal "files after entry $1" "$names" "$(seq -f 'f%03g' "$(wc -w <<<"$names")")"
}

replayed_cuts() {
	local entries flushes first at=0 cut
	expect_console guest 180 '^end of files'
	says mounted
	dmsetup message logged 0 mark end
	/root/replay /dev/ram3 list | tee "$scratch/log"
	read -r entries flushes <"$scratch/log"
	first=$(sed -n 's/^mark \([0-9]*\) made$/\1/p' "$scratch/log")
	grep -q '^mark [0-9]* end$' "$scratch/log"
	between flushes "$flushes" 60 100000
	truncate -s 32M /run/blk/image
	for cut in $(shuf -i "$first-$entries" -n 20 | sort -n) "$entries"; do
		/root/replay /dev/ram3 /run/blk/image "$at" "$cut"
		at=$cut
		look_at_cut "$cut"
	done
	cmp /run/blk/image /dev/ram2
	rm /run/blk/image /run/blk/cut
}

# rounds DISK - that its writer has made so far
rounds() {
	kept guest | sed -n "s|^$1 round ||p" | tail -n 1
}

module_is_loaded_again() {
	local i device file
	hears 120 '^/dev/xvda round 1\b' sh -c 'echo go | zendo console guest'
	expect_console guest 120 '^/dev/xvdc round 1\b'
	for ((i = 0; i < 3; i++)); do
		modprobe -r hvblkback
		device=$(rounds /dev/xvda) file=$(rounds /dev/xvdc)
		modprobe hvblkback
		journal_hears guest 120 "/dev/xvda round $((device + 2))\$"
		journal_hears guest 120 "/dev/xvdc round $((file + 2))\$"
	done
	refuses console_has guest '^broken'
	zendo destroy guest	# while it writes
	gone guest
	nothing_left
	dmsetup remove holes
	dmsetup remove logged
}

# check_with PROGRAM NAME COMMAND - skipped in a machine that has not the program: the image is kept small
check_with() {
	if command -v "$1" >/dev/null; then
		check "$2" "$3"
	else
		skip "$2" "$1 is not in this machine"
	fi
}

check 'hypervisor' systemctl start zendo
check 'targets' targets
check 'a device carries data, by every kind of request and of odd size' carries phy disk '' phy:/dev/mapper/small,xvda,w /dev/mapper/small
check 'the same for a 32-bit frontend' carries phy32 disk32 filled phy:/dev/mapper/small,xvda,w /dev/mapper/small
check 'the same on a file, past the page cache; discards punch holes' a_file
check 'the same on a file that cannot be passed by the page cache' a_file_of_the_page_cache
check 'the same on a file in memory' carries mem disk zeroes file:/run/blk/small,xvda,w /run/blk/small
check 'the same with sectors of 4096 bytes' carries large disk filled file:/srv/small,xvda,w,sector=4096 /srv/small
check 'a read-only disk is not written' read_only_is_kept
check 'a hostile ring closes its own device only, with a reason' hostile_ring
check "what was flushed is there after $cuts power cuts" power_cuts
check "a disk comes and goes $cycles times under load" attach_and_detach
check 'sixteen disks of one guest' sixteen_disks
check "$many guests with a disk" many_guests
check 'a guest that dies while its disk hangs: its pages come home later' a_target_that_hangs
check 'guests destroyed under load leave nothing' nothing_is_lost
check 'iops= and bw= are properties of the unit' rates_are_the_units
check "rates hold for what vCPUs' threads do, too" rates_hold_for_vcpus_threads
check_with lvcreate 'a thin volume that is written is cloned' a_volume_is_cloned
check_with mkfs.xfs 'a file is cloned' a_file_is_cloned
check 'what has no copies gets an overlay, when it is wanted' an_overlay_is_wanted
check 'two queues of a stock guest carry data' data_by_two_queues
check 'errors of the device reach it' errors_are_told
check 'its discards punch holes' discards_punch_holes
check 'its disk with sectors of 4096 bytes' large_sectors
check 'its ext4 is whole after 20 replayed power cuts' replayed_cuts
check 'the module is loaded again under a device and a file that it writes' module_is_loaded_again
check 'the hypervisor is clean' hypervisor_clean
check 'it stops' systemctl stop zendo
check 'the kernel has nothing to say' dmesg_clean
finish
