# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What dom0 does for devices that it serves, for bench/run, under -icount: with the backend that counts and its guest, and a stock guest
# whose interface comes and goes. 'RESULT' and 'BENCH' lines as in machine.sh.

. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/measure.sh"
set -e

# attach_and_connect NUMBER - until the guest's frontend is connected. A number that has just gone would be missed by a guest that has not
# run since.
attach_and_connect() {
	local front=/local/domain/$domid/device/vif/$1/state
	zendo network-attach stock bridge=br0 devid="$1"
	hears 60 '^4$' sh -c "xenstore-watch '$front' | while read -r _; do xenstore-read '$front'; done" || {
		zendo device list stock
		journalctl -o cat -u zendo-hotplug | tail -n 20
		return 1
	} >&2
}

systemctl is-system-running --wait >/dev/null || true
cd /root
# How many ticks an instruction is
world bare
grep -m 1 "^RESULT ticks_per_instruction" < <(./micro)
systemctl start zendo

world backend
for part in requests devices posts; do
	/root/backend_cost $part 200 | sed 's/^/BENCH /'
done

ip link add br0 type bridge
ip link set br0 up
zendo create "$(stock stock 'echo up; cat /dev/hvc0 >/dev/null')"
hears 600 '^up' zendo console -r stock
domid=$(zendo domid stock)
attach_and_connect 0
zendo network-detach stock 0
attach_times=() detach_times=()
for i in 1 2 3 4 5; do
	times=()
	timed attach_and_connect "$i"
	timed zendo network-detach stock "$i"
	attach_times+=("${times[0]}") detach_times+=("${times[1]}")
done
result attach_to_connected_us "${attach_times[@]}"
result detach_us "${detach_times[@]}"
zendo destroy stock
systemctl stop zendo
