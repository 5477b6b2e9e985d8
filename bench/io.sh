# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Disks and networks (arguments: disk, net) of a stock guest beside dom0's own, for bench/run, under -icount. The guest's load is fio and iperf3 of this
# machine, with their libraries. 'RESULT' lines as in machine.sh.

. "$(dirname "$0")/checks.sh"
set -e

load=$(dirname "$0")/io-load

# The stock initramfs, our load and what it runs, one archive after the other.
make_initrd() {
	local program library
	mkdir -p add/bin add/lib64 add/lib/x86_64-linux-gnu
	cp "$load" add/bin/io-load
	chmod +x add/bin/io-load
	for program in fio iperf3; do
		cp "$(command -v $program)" add/bin/
		ldd "$(command -v $program)" | grep -o '/[^ ]*' | while read -r library; do
			mkdir -p "add$(dirname "$library")"
			cp -L "$library" "add$library"
		done
	done
	(cd add && find . | cpio --quiet -o -H newc | gzip -1) >add.gz
	cat guest/initrd.gz add.gz >initrd.gz
}

guest_with() {
	local name=$1 command=$2
	shift 2
	define "$name" 'kernel = "/root/guest/vmlinux"' 'ramdisk = "/root/initrd.gz"' 'memory = 640' \
		"extra = \"console=hvc0 quiet zt.cmd=$(base64 -w0 <<<"$command")\"" "$@"
}

# counted DEPTH REQUESTS - sets $guest and $dom0: exits of a guest's whole life with that many 4 KiB reads
counted() {
	guest=$(info guest_exits) dom0=$(info dom0_exits)
	zendo create "$(guest_with count "fio --minimal --name=load --direct=1 --ioengine=libaio --filename=/dev/xvda --rw=randread --bs=4k --iodepth=$1 --number_ios=$2 >/dev/null" \
		'disk = ["phy:/dev/nullb0,xvda,w"]')"
	ended count 900
	guest=$(($(info guest_exits) - guest)) dom0=$(($(info dom0_exits) - dom0))
}

# results NAME - what a guest with a load has printed when it is through
results() {
	ended "$1" 900
	kept "$1" | grep '^RESULT' || { kept "$1" | tail -n 40; exit 1; }
}

disks() {
	local loop what name device depth guest_few dom0_few
	modprobe null_blk queue_mode=2 gb=1
	truncate -s 256M /run/disk
	loop=$(losetup --show -f /run/disk)

	echo 'WORLD io-dom0'
	sh "$load" disk /dev/nullb0 null
	sh "$load" disk "$loop" loop

	echo 'WORLD io-guest'
	for what in "null /dev/nullb0" "loop $loop"; do
		read -r name device <<<"$what"
		zendo create "$(guest_with "$name" "io-load disk /dev/xvda $name" "disk = [\"phy:$device,xvda,w\"]")"
		results "$name"
	done

	# What a request costs in exits is the difference of two lives.
	for depth in 1 32; do
		counted $depth 5000
		guest_few=$guest dom0_few=$dom0
		counted $depth 25000
		awk -v d=$depth -v g=$((guest - guest_few)) -v z=$((dom0 - dom0_few)) 'BEGIN {
			printf "RESULT null_4k_d%d_guest_exits %.3f 0 0\nRESULT null_4k_d%d_dom0_exits %.3f 0 0\n", d, g / 20000, d, z / 20000 }'
	done
	losetup -d "$loop"
	modprobe -r null_blk
}

# on_bridge NUMBER COMMAND - what a guest with that address runs
on_bridge() {
	echo "ip link set eth0 up; ip addr add 10.9.0.$1/24 dev eth0; $2"
}

networks() {
	ip link add br0 type bridge
	ip addr add 10.9.0.1/24 dev br0
	ip link set br0 up
	iperf3 -s -D
	echo 'WORLD io-dom0'
	sh "$load" net 127.0.0.1 dom0

	echo 'WORLD io-guest'
	zendo create "$(guest_with net "$(on_bridge 2 'io-load net 10.9.0.1 dom0')" 'vif = ["bridge=br0"]')"
	results net
	zendo create "$(guest_with server "$(on_bridge 3 'iperf3 -s --forceflush')" 'vif = ["bridge=br0"]')"
	expect_console server 300 'Server listening'
	zendo create "$(guest_with net "$(on_bridge 2 'io-load net 10.9.0.3 guest')" 'vif = ["bridge=br0"]')"
	results net
	zendo destroy server
}

systemctl is-system-running --wait >/dev/null || true
cd /root
make_initrd
systemctl start zendo
for half; do
	case $half in
	disk) disks ;;
	net) networks ;;
	esac
done
dmesg_clean
