# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# cycles.sh TINY STOCK - so many create and destroy cycles of each guest

. "$(dirname "$0")/checks.sh"
tiny=$1
stock=$2

# What must end where it began, one 'NAME NUMBER' per line. What guests say is in the journal, and the daemon keeps its files mapped: some
# 10 KiB a guest, until it takes new ones.
census() {
	journalctl --rotate --vacuum-size=1M >/dev/null 2>&1
	echo "available: $(mem_available)"
	awk '/^(Slab|SUnreclaim|PageTables|KernelStack):/ { print $1, $2 }' /proc/meminfo
	echo "processes: $(find /proc -maxdepth 1 -name '[0-9]*' 2>/dev/null | wc -l)"
	echo "files: $(cut -f 1 /proc/sys/fs/file-nr)"
	echo "domains: $(info domains)"
	echo "hypervisor: $(info hypervisor_kib)"
	echo "pool: $(($(info pool_kib) - $(info pool_free_kib)))"
	pages_are_home
	echo "folders: $(find /run/zendo/domains -mindepth 1 2>/dev/null | wc -l)"
	echo "cgroups: $(find /sys/fs/cgroup -type d | wc -l)"
	echo "failed: $(systemctl --failed --no-legend | wc -l)"
}

# compare BEFORE AFTER - slack is for what the system does by itself, in KiB or pieces
compare() {
	join "$1" "$2" | awk '
		BEGIN {
			# Two MiB and less were seen; a page lost with each of 200 guests shows in pool, slab and domains.
			slack["available:"] = 8192; slack["Slab:"] = 4096; slack["SUnreclaim:"] = 2048
			slack["PageTables:"] = 512; slack["KernelStack:"] = 256; slack["processes:"] = 6
			slack["files:"] = 96; slack["cgroups:"] = 2; slack["pool:"] = 16
		}
		{
			lost = $1 == "available:" ? $2 - $3 : $3 - $2
			wrong = lost > slack[$1] + 0
			printf "%-14s %10d %10d%s\n", $1, $2, $3, wrong ? "   <<< lost" : ""
			bad += wrong
		}
		END { exit bad > 0 }'
}

one_tiny() {
	zendo create "$tiny_file" "name=$1"
	zendo destroy "$1"
}

tiny_cycles() {
	local i
	for ((i = 0; i < tiny; i++)); do
		one_tiny tiny
	done
}

stock_cycles() {
	local i
	for ((i = 0; i < stock; i++)); do
		zendo create "$stock_file"
		# Every other one dies in the middle of its boot, the rest after it.
		if ((i % 2)); then
			expect_console stock 120 'zendo-guest: ready'
		fi
		zendo destroy stock
	done
}

nothing_is_lost() {
	census >"$scratch/after"
	compare "$scratch/before" "$scratch/after"
}

tiny_file=$(tiny tiny hello idle)
stock_file=$(stock stock)
check 'hypervisor' systemctl start zendo
# The first ones leave caches behind: unpacked kernel, slabs, journal.
zendo create "$stock_file"
zendo destroy stock
for i in 1 2 3 4 5 6 7 8 9 10; do
	one_tiny tiny
done
census >"$scratch/before"
check "$tiny create and destroy cycles of a tiny guest" tiny_cycles
check 'nothing is lost after the tiny ones' nothing_is_lost
check "$stock create and destroy cycles of a stock guest" stock_cycles
check 'nothing is lost after the stock ones' nothing_is_lost
sed 's/^/# /' "$scratch/check"
check 'memory that a guest gave up piece by piece can be given to it as a block' timeout 100 python3 -B /root/suite/blocks.py
check 'the hypervisor is clean' hypervisor_clean
check 'it stops' systemctl stop zendo
check 'the kernel has nothing to say' dmesg_clean
finish
