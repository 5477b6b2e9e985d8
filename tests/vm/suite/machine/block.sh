# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only

. "$(dirname "$0")/checks.sh"

# What stock guests do to /dev/xvda: odd pieces, some past their page cache, one at the very end; then it is read again.
# shellcheck disable=SC2016 # for the guest's shell
exercise='
set -e
d=/dev/xvda
n=$(($(cat /sys/block/xvda/size) * 512))
dd if=/dev/urandom of=/tmp/a bs=1M count=3 2>/dev/null
dd if=/tmp/a of=$d bs=1M conv=fsync 2>/dev/null
dd if=/tmp/a of=$d bs=512 count=100 seek=10001 oflag=direct 2>/dev/null
dd if=/tmp/a of=$d bs=3584 count=100 seek=2000 oflag=direct 2>/dev/null
dd if=/tmp/a of=$d bs=512 count=1 seek=$((n / 512 - 1)) oflag=direct 2>/dev/null
dd if=/tmp/a of=$d bs=1M count=2 seek=4 oflag=direct 2>/dev/null
sync
echo 3 >/proc/sys/vm/drop_caches
dd if=$d bs=1M iflag=direct 2>/dev/null | cmp - $d
echo "sum $(sha256sum <$d | cut -c1-64)"'

stat_of() {
	cat /sys/bus/hvback/devices/vbd-*-51712/statistics/"$1"
}

nothing_left() {
	equal 'devices' "$(ls /sys/bus/hvback/devices)" ''
	equal 'guest pages still held' "$(info pages_out)" 0
	refuses xenstore-ls /local/domain/0/backend/vbd/1
}

sum_of() {
	kept "$1" | sed -n 's/^sum //p'
}

# carries NAME DISK FILE - the guest's sum is dom0's
carries() {
	zendo create "$(stock "$1" "$exercise; cat /dev/hvc0 >/dev/null" "disk = [\"$2\"]")"
	expect_console "$1" 90 '^sum '
	equal "sum of $3" "$(sum_of "$1")" "$(sha256sum <"$3" | cut -c1-64)"
	head -n 100 /sys/bus/hvback/devices/vbd-*-51712/statistics/*
	equal errors "$(stat_of errors)" 0
	equal unsupported "$(stat_of unsupported)" 0
	equal inflight "$(stat_of inflight)" 0
	between 'sectors written' "$(stat_of wr_sect)" 10000 30000
	between flushes "$(stat_of f_req)" 1 100
	zendo destroy "$1"
	gone "$1"
	nothing_left
}

a_device() {
	modprobe brd rd_nr=2 rd_size=16384
	carries ram phy:/dev/ram0,xvda,w /dev/ram0
}

a_file() {
	truncate -s 16M /srv/file
	carries file file:/srv/file,xvda,w /srv/file
}

# tmpfs has no O_DIRECT here: every request waits in a lent thread.
a_file_in_memory() {
	mkdir -p /run/blk
	mount -t tmpfs tmpfs /run/blk
	truncate -s 16M /run/blk/file
	carries mem file:/run/blk/file,xvda,w /run/blk/file
}

discards_punch_holes() {
	local before
	head -c 16M /dev/urandom >/srv/file
	sync /srv/file
	before=$(stat -c %b /srv/file)
	zendo create "$(stock trim 'blkdiscard -o 4194304 -l 8388608 /dev/xvda && echo trimmed; dd if=/dev/xvda bs=1M skip=4 count=8 iflag=direct 2>/dev/null | tr -d "\0" | wc -c; echo end; cat /dev/hvc0 >/dev/null' \
		'disk = ["file:/srv/file,xvda,w"]')"
	expect_console trim 60 '^end'
	kept trim
	console_has trim '^trimmed'
	console_has trim '^0$'
	between 'blocks less' $((before - $(stat -c %b /srv/file))) 16000 16400
	between discards "$(stat_of ds_req)" 1 100
	zendo destroy trim
	nothing_left
}

read_only_is_kept() {
	dd if=/dev/urandom of=/srv/ro bs=1M count=1 status=none
	local before
	before=$(sha256sum </srv/ro)
	zendo create "$(stock ro 'cat /sys/block/xvda/ro; dd if=/tmp/x of=/dev/xvda bs=512 count=1 2>&1; echo end; cat /dev/hvc0 >/dev/null' \
		'disk = ["file:/srv/ro,xvda,r"]')"
	expect_console ro 60 '^end'
	console_has ro '^1$'
	equal sum "$(sha256sum </srv/ro)" "$before"
	zendo destroy ro
	nothing_left
}

# The middle of the device has no sectors that can be read or written.
errors_are_told() {
	dmsetup create holes <<-END
		0 8192 linear /dev/ram1 0
		8192 8 error
		8200 8192 linear /dev/ram1 8200
	END
	zendo create "$(stock holes 'dd if=/dev/xvda of=/dev/null bs=4096 count=1 skip=1023 iflag=direct 2>/dev/null && echo good before; dd if=/dev/xvda of=/dev/null bs=4096 count=1 skip=1024 iflag=direct || echo bad read; dd if=/dev/zero of=/dev/xvda bs=4096 count=1 seek=1024 oflag=direct || echo bad write; dd if=/dev/xvda of=/dev/null bs=4096 count=1 skip=1025 iflag=direct 2>/dev/null && echo good behind; echo end; cat /dev/hvc0 >/dev/null' \
		'disk = ["phy:/dev/mapper/holes,xvda,w"]')"
	expect_console holes 60 '^end'
	kept holes
	for text in 'good before' 'bad read' 'bad write' 'good behind'; do
		console_has holes "^$text"
	done
	between errors "$(stat_of errors)" 2 100
	zendo destroy holes
	nothing_left
	dmsetup remove holes
}

# shellcheck disable=SC2016
writer='
dd if=/dev/urandom of=/tmp/a bs=1M count=4 2>/dev/null
i=0
while dd if=/tmp/a of=/dev/xvda bs=64k oflag=direct 2>/dev/null && dd if=/dev/xvda bs=64k count=64 iflag=direct 2>/dev/null | cmp - /tmp/a; do
	i=$((i + 1))
	echo "round $i"
done
echo broken'

module_is_loaded_again() {
	local i rounds
	zendo create "$(stock writer "$writer" "disk = [\"$1\"]")"
	expect_console writer 60 '^round 1\b'
	for ((i = 0; i < 3; i++)); do
		modprobe -r hvblkback
		rounds=$(kept writer | grep -c '^round')
		modprobe hvblkback
		journal_hears writer 60 "round $((rounds + 2))\$"
	done
	refuses console_has writer '^broken'
	zendo destroy writer	# while it writes
	gone writer
	nothing_left
}

nothing_is_lost() {
	local before after i
	before=$(mem_available)
	for ((i = 0; i < 3; i++)); do
		zendo create "$(stock writer "$writer" 'disk = ["phy:/dev/ram0,xvda,w"]')"
		expect_console writer 60 '^round 1\b'
		zendo destroy writer
		gone writer
		nothing_left
	done
	after=$(mem_available)
	between 'KiB lost' $((before - after)) -65536 16384
}

check 'hypervisor' systemctl start zendo
mkdir -p /srv
check 'a device carries data' a_device
check 'a file carries data, past the page cache' a_file
check 'a file in memory carries data' a_file_in_memory
check 'discards punch holes' discards_punch_holes
check 'a read-only disk is not written' read_only_is_kept
check 'errors of the device reach the guest' errors_are_told
check 'the module is loaded again under a guest that writes to a device' module_is_loaded_again phy:/dev/ram0,xvda,w
check 'the same with a file' module_is_loaded_again file:/srv/file,xvda,w
check 'guests destroyed under load leave nothing' nothing_is_lost
check 'the hypervisor is clean' hypervisor_clean
check 'it stops' systemctl stop zendo
check 'the kernel has nothing to say' dmesg_clean
finish
