# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What bench/run measures in the dom0 machine, under -icount: the machine's clock
# counts instructions of everybody. Prints 'WORLD ...' and 'RESULT name median min max'.

. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/measure.sh"
set -e

stock_bench() {
	define "$1" "kernel = \"/root/guest/$2\"" 'ramdisk = "/root/initrd.gz"' "memory = $3" \
		"extra = \"console=hvc0 quiet${4:+ zt.cmd=$(base64 -w0 <<<"$4")}\""
}

until_console() {
	hears 600 "$2" zendo console -r "$1"
}

# Exits per second, five times over two seconds each
exits_per_second() {
	local rates
	mapfile -t rates < <(zendo stat -i 2 -c 5 --json "$1" | jq '.domains[0].per_second.exits | round')
	result "$2" "${rates[@]}"
}

systemctl is-system-running --wait >/dev/null || true
cd /root
# The stock initramfs and our program, one archive after the other.
mkdir -p add/bin
cp micro add/bin/
(cd add && find . | cpio --quiet -o -H newc | gzip -1) >add.gz
cat guest/initrd.gz add.gz >initrd.gz

world bare
./micro
systemctl start zendo
world dom0
before=$(info dom0_exits)
begin=$(now)
./micro
result dom0_exits_per_s $((($(info dom0_exits) - before) * 1000000 / ($(now) - begin)))

world guest
zendo create "$(stock_bench micro vmlinux 128 micro)"
until_console micro 'zendo-guest: exit'
kept micro | grep '^RESULT' || { kept micro; exit 1; }

world tiny
zendo create "$(tiny bench bench n=200 'vcpus = 2')"
ended bench 600
kept bench | sed -n 's/^\({.*}\)$/BENCH \1/p'
# Two guests that play ping-pong; the one that asks knows the other by its number.
zendo create "$(tiny answers bench 'role=answer n=200')"
zendo create "$(tiny asks bench 'role=ask n=200')"
ended asks 600
kept asks | sed -n 's/^\({.*}\)$/BENCH \1/p'
ended answers 60

world life
file=$(stock_bench life vmlinux 256)
create_times=() init_times=() destroy_times=()
for i in 1 2 3 4 5; do
	times=()
	timed zendo create -p "$file"
	create_times+=("${times[0]}")
	times=()
	if [ "$i" -le 3 ]; then
		zendo unpause life
		timed until_console life 'zendo-guest: ready'
		init_times+=($((times[0] + create_times[i - 1])))
	fi
	if [ "$i" = 3 ]; then
		zendo list --json life | jq -r '.[0] | "RESULT stock_kernel_kib \(.kernel_bytes / 1024 | floor) 0 0\nRESULT stock_hypervisor_kib \(.hypervisor_kib) 0 0"'
		awk '/^(Rss|Pss|Private_Dirty):/ { print "RESULT process_" tolower(substr($1, 1, length($1) - 1)) "_kib", $2, 0, 0 }' \
			"/proc/$(zendo list --json life | jq '.[0].pid')/smaps_rollup"
		exits_per_second life idle_exits_per_s
	fi
	times=()
	timed zendo destroy life
	destroy_times+=("${times[0]}")
	rm -f /var/lib/zendo/console/life.log*
done
result create_paused_us "${create_times[@]}"
result create_to_init_us "${init_times[@]}"
result destroy_us "${destroy_times[@]}"

file=$(stock_bench packed vmlinuz 256)
rm -rf /var/cache/zendo/kernels/*
times=()
timed zendo create -p "$file"
result create_paused_first_us "${times[0]}"
zendo destroy packed
times=()
for i in 1 2 3; do
	timed zendo create -p "$file"
	zendo destroy packed
done
result create_paused_cached_us "${times[@]}"

# shellcheck disable=SC2016 # for the guest
zendo create "$(stock_bench busy vmlinux 128 'while :; do i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done; done')"
until_console busy 'zendo-guest: ready'
exits_per_second busy busy_exits_per_s
zendo destroy busy
result hypervisor_kib "$(info hypervisor_kib)"
result hypervisor_used_kib $(($(info hypervisor_kib) - $(info pool_free_kib)))
result max_hold_us $(($(info max_hold_ns) / 1000))
zendo info --json | jq -r '"EXITS \(.exits_by_kind)"'
systemctl stop zendo
