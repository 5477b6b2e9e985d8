# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# endure.sh CYCLES SECONDS [SEED] - interfaces come and go so many times; then so long under load with kills
#
# Stock guests a and b, each with a disk, talk TCP to each other and with dom0; what comes through is looked at. Tiny ones source and sink
# send as fast as they can, n1 answers, and its second interface comes and goes.

. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/neighbours.sh"
cycles=$1 seconds=$2 seed=${3:-$(date +%s)}

patience=200		# seconds for a boot of the stock kernel when the host is busy

story='
printf "#!/bin/sh\nsha256sum\n" >/bin/take
printf "#!/bin/sh\nread -r command\neval \"\$command\"\n" >/bin/obey
chmod +x /bin/take /bin/obey
ip link set eth0 up
ip addr add ADDRESS/24 dev eth0
nc -ll -p 5001 -e /bin/take &
nc -ll -p 7 -e /bin/obey &
echo guest is up
wait
'

# begin_stock NAME ADDRESS
begin_stock() {
	truncate -s 4M "/run/endure/$1"
	zendo create "$(stock "$1" "hostname $1; ${story/ADDRESS/$2}" 'vcpus = 2' 'vif = ["bridge=br0"]' "disk = [\"file:/run/endure/$1,xvda,w\"]")"
}

setup() {
	mkdir -p /run/endure
	ip link add br0 type bridge
	echo 1 >/proc/sys/net/ipv6/conf/br0/disable_ipv6
	ip addr add 10.9.0.1/24 dev br0
	ip link set br0 up
	bridge_for_tiny
	head -c 500000 /dev/urandom >/run/endure/file
	sum=$(sha256sum </run/endure/file)
}

begin_n1() {
	zendo create "$(tiny n1 net 'address=10.9.1.1 address1=10.9.1.101' 'vif = ["bridge=br2"]')"
	answers 10.9.1.1
}

# All of dom0's memory that is the kernel's own, in KiB
kernel_memory() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^(Slab|PageTables|KernelStack|Percpu|VmallocUsed):/ { kib += $2 } END { print kib }' /proc/meminfo
}

# ---- they come and go ----

# The interface answers; another one would have another address on the same wire.
one_cycle() {
	zendo network-attach n1 bridge=br2 devid=1
	front_is "/local/domain/$1/device/vif/1/state" 4
	answers 10.9.1.101
	zendo network-detach n1 1
	refuses ip link show "vif$1.1"
	refuses xenstore-read "/local/domain/0/backend/vif/$1/1/state"
}

come_and_go() {
	local i id before
	begin_n1
	id=$(zendo domid n1)
	one_cycle "$id"
	remains >"$scratch/before-cycles"
	before=$(kernel_memory)
	for ((i = 0; i < cycles; i++)); do
		one_cycle "$id"
	done
	diff "$scratch/before-cycles" <(remains)
	between "KiB of the kernel's memory that are lost" $(($(kernel_memory) - before)) -100000 4096
	answers 10.9.1.1
	end n1
	remains >"$scratch/before"
}

# ---- all at once ----

# Each load goes on until it is enough, and keeps count of what went well in a file of its name; what did not is a line behind that. A
# connection that cannot be made or has ended early is no fault: guests go on when their module is loaded again, with packets lost.

to_guest() {
	local got
	while [ ! -e "$scratch/enough" ]; do
		got=$(timeout 60 socat -t 60 - TCP:10.9.0.2:5001,connect-timeout=20 </run/endure/file) || continue
		tell to_guest "$got"
	done
}

from_guest_to_guest() {
	local got
	# the file gets there once, then goes on to b
	until [ -e "$scratch/enough" ] || timeout 60 sh -c '{ echo "head -c 500000 >/tmp/file"; cat /run/endure/file; } | socat -u - TCP:10.9.0.2:7'; do :; done
	while [ ! -e "$scratch/enough" ]; do
		got=$(echo 'nc 10.9.0.3 5001 </tmp/file' | timeout 60 socat -t 60 - TCP:10.9.0.2:7,connect-timeout=20) || continue
		tell from_guest_to_guest "$got"
	done
}

# Its own numbered blocks, past the guest's page cache
disk_of_guest() {
	local got
	while [ ! -e "$scratch/enough" ]; do
		got=$(echo 'head -c 500000 /dev/urandom >/tmp/blocks; dd if=/tmp/blocks of=/dev/xvda bs=64k conv=fsync 2>/dev/null; echo 3 >/proc/sys/vm/drop_caches; cmp -n 500000 /tmp/blocks /dev/xvda && echo same' |
			timeout 60 socat -t 60 - TCP:10.9.0.3:7,connect-timeout=20) || continue
		case $got in
		same) tell disk_of_guest "$sum" ;;
		?*) tell disk_of_guest "$got" ;;
		esac
	done
}

# tell LOAD SUM - nothing at all is a connection that has ended
tell() {
	[ -n "$2" ] || return 0
	if [ "$2" = "$sum" ]; then
		echo ok >>"$scratch/load-$1"
	else
		echo "not the same: $2" >>"$scratch/load-$1"
	fi
}

kill_agent() {
	kill -9 "$(systemctl show -P MainPID zendo-hotplug)" || true
}

kill_store() {
	kill -9 "$(systemctl show -P MainPID zendo-stored)" || true
}

# Killed in the middle of an attach, it is there or not; then it goes.
kill_while_attached() {
	local asked
	zendo network-attach n1 bridge=br2 devid=1 2>"$scratch/asked" &
	asked=$!
	if ((RANDOM % 2)); then
		kill_agent
	else
		kill_store
	fi
	wait $asked || cat "$scratch/asked"
	zendo network-detach n1 1 2>"$scratch/asked" || grep 'has no interface 1' "$scratch/asked"
}

module_again() {
	modprobe -r "$1"
	modprobe "$1"
}

tiny_dies() {
	end n1
	begin_n1
}

disk_comes_and_goes() {
	truncate -s 1M /run/endure/more
	zendo block-attach a file:/run/endure/more xvdb r
	front_is "/local/domain/$(zendo domid a)/device/vbd/51728/state" 4
	zendo block-detach a xvdb
}

interface_comes_and_goes() {
	one_cycle "$(zendo domid n1)"
}

bridge_is_down() {
	ip link set br0 down
	ip link set br0 up
}

events=(kill_agent kill_store kill_while_attached kill_while_attached 'module_again hvnetback' 'module_again hvblkback' tiny_dies disk_comes_and_goes
	interface_comes_and_goes bridge_is_down)

all_at_once() {
	local loads=() load until n=0 what
	begin_n1
	begin_stock a 10.9.0.2
	begin_stock b 10.9.0.3
	zendo create "$(tiny sink net 'address=10.9.1.2 peers=1' 'vif = ["bridge=br2"]')"
	zendo create "$(tiny source net 'address=10.9.1.3 peers=2 flood=2 size=4000' 'vif = ["bridge=br2,rate=2MB/s"]')"
	expect_console a $patience '^guest is up'
	expect_console b $patience '^guest is up'
	for load in to_guest from_guest_to_guest disk_of_guest; do
		$load &
		loads+=($!)
	done
	RANDOM=$seed
	until=$((SECONDS + seconds))
	while [ $SECONDS -lt $until ]; do
		what=${events[RANDOM % ${#events[@]}]}
		echo "$SECONDS: $what"
		$what
		answers 10.9.0.2
		answers 10.9.0.3
		answers 10.9.1.1
		n=$((n + 1))
	done
	touch "$scratch/enough"
	wait "${loads[@]}"
	echo "seed $seed: $n events in $seconds s"
	for load in to_guest from_guest_to_guest disk_of_guest; do
		echo "$load: $(grep -c '^ok' "$scratch/load-$load")"
		refuses grep -v '^ok' "$scratch/load-$load"
		grep -q '^ok' "$scratch/load-$load"
	done
}

# After the last domain all is as it was at the beginning.
nothing_is_left() {
	end source sink n1 a b
	diff "$scratch/before" <(remains)
	equal 'units that failed' "$(systemctl --failed --plain --no-legend 'zendo*')" ''
}

check 'hypervisor' systemctl start zendo
setup
check "an interface comes and goes $cycles times" come_and_go
check "$seconds s under load, with kills" all_at_once
sed 's/^/# /' "$scratch/check"
check 'nothing is left' nothing_is_left
check 'the hypervisor is clean' hypervisor_clean
check 'it stops' systemctl stop zendo
check 'the kernel has nothing to say' dmesg_clean
finish
