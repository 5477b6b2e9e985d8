# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# density-stock.sh N - so many stock guests of 128 MiB at once

. "$(dirname "$0")/checks.sh"
number=$1

all_start() {
	local i
	for ((i = 1; i <= number; i++)); do
		zendo create "$file" "name=stock$i"
	done
}

all_come_up() {
	local i
	for ((i = 1; i <= number; i++)); do
		expect_console "stock$i" 900 'zendo-guest: ready'
	done
	equal running "$(zendo list | grep -cE '^stock[0-9]+ +[0-9]+ +128 .* (r-|-b)----')" "$number"
}

all_stop() {
	# shellcheck disable=SC2046 # one word per domain
	zendo destroy $(zendo list --json | jq -r '.[] | select(.domid > 0) | .name')
	equal domains "$(info domains)" 0
}

file=$(stock stock)
check 'hypervisor' systemctl start zendo
check "$number stock guests are created" all_start
check "$number stock guests come up" all_come_up
check "$number stock guests stop" all_stop
check 'the hypervisor is clean' hypervisor_clean
check 'it stops' systemctl stop zendo
check 'the kernel has nothing to say' dmesg_clean
finish
