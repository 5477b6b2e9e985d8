# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# density.sh N - so many tiny guests at once

. "$(dirname "$0")/checks.sh"
number=$1

all_start() {
	local i
	for ((i = 1; i <= number; i++)); do
		zendo create "$file" "name=tiny$i"
	done
	equal domains "$(info domains)" "$number"
}

# Each has run and waits for its next second.
all_come_up() {
	local i
	for ((i = 1; i <= number; i++)); do
		expect_console "tiny$i" 60 '^ok memmap-has-ram'
	done
	equal running "$(zendo list | grep -cE '^tiny[0-9]+ .* (r-|-b)----')" "$number"
}

# Each wakes once a second.
all_go_on() {
	local before after
	exits() { zendo list --json | jq '[.[] | select(.domid > 0) | .exits] | add'; }
	before=$(exits)
	let_guest_tick 3
	after=$(exits)
	[ "$after" -gt $((before + number)) ] || { echo "exits: $before, then $after"; return 1; }
}

memory_per_guest() {
	local own process
	own=$(zendo list --json | jq '[.[] | select(.domid > 0) | .kernel_bytes / 1024 + .hypervisor_kib] | add / length | floor')
	process=$(for pid in $(zendo list --json | jq '.[] | select(.domid > 0) | .pid'); do
		awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup"
	done | awk '{ sum += $1 } END { print int(sum / NR) }')
	echo "per guest: $own KiB in the kernel, $process KiB in the process"
	between 'KiB in the kernel' "$own" 0 512
	between 'KiB in the process' "$process" 0 5000
}

all_stop() {
	# shellcheck disable=SC2046 # one word per domain
	zendo destroy $(zendo list --json | jq -r '.[] | select(.domid > 0) | .name')
	equal domains "$(info domains)" 0
}

file=$(tiny tiny hello idle)
check 'hypervisor' systemctl start zendo
check "$number tiny guests are created" all_start
check "$number tiny guests come up" all_come_up
check "$number tiny guests go on" all_go_on
check "the memory of each of $number guests" memory_per_guest
sed 's/^/# /' "$scratch/check"
check "$number tiny guests stop" all_stop
check 'the hypervisor is clean' hypervisor_clean
check 'it stops' systemctl stop zendo
check 'the kernel has nothing to say' dmesg_clean
finish
