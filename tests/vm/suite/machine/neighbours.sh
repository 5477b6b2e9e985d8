# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck disable=SC2154 # scratch is of checks.sh
#
# For net.sh: many tiny guests on one bridge, a bridge that goes, and guests that die while others have pages of theirs.

# All that interfaces of guests could leave behind, but for memory. That a bridge without ports has no carrier, routes are told some time
# later, by the kernel's link watch. The route to an address of the link itself comes when nobody else was heard to have that, a second or two
# after its interface, and goes with it.
remains() {
	ip -o link | awk -F': ' '{ print $2 }'
	ls /sys/bus/hvback/devices
	ip -4 route show table all | sed 's/ linkdown//'
	ip -6 route show table all | sed 's/ linkdown//; /^local fe80:/d'
	ip neigh show proxy
	ip -6 neigh show proxy
	nft list ruleset
	xenstore-ls /local/domain/0/backend 2>/dev/null | wc -l
	xenstore-list /local/domain
	find /run/zendo -type f ! -name '*.lock' ! -name .lock | sort
	pages_are_home
}

# What the hypervisor keeps for domains, in KiB
pool_used() {
	echo $(($(info pool_kib) - $(info pool_free_kib)))
}

# end NAME... - and the agent has heard of the end of their interfaces
end() {
	local name ids=
	for name in "$@"; do
		ids+="|$(zendo domid "$name")"
	done
	zendo destroy "$@"
	hears -n $# 60 "^vif-(${ids#|})-0: gone" journalctl -f -n all -o cat -u zendo-hotplug
}

# A check that failed may have left its bridge: what comes next is not to fail with it
bridge_for_tiny() {
	ip link del br2 2>/dev/null || true
	ip link add br2 type bridge
	echo 1 >/proc/sys/net/ipv6/conf/br2/disable_ipv6
	ip addr add 10.9.1.254/24 dev br2
	ip link set br2 mtu 9000 up
}

# neighbours NUMBER - each pings all others, and nothing is left of them
neighbours() {
	local number=$1 i pool names=()
	bridge_for_tiny
	remains >"$scratch/before-neighbours"
	pool=$(pool_used)
	for ((i = 1; i <= number; i++)); do
		zendo create "$(tiny "n$i" net "address=10.9.1.$i peers=$number" 'vif = ["bridge=br2"]')"
		names+=("n$i")
	done
	for ((i = 1; i <= number; i++)); do
		expect_console "n$i" $((60 + number * 10)) "^$((number - 1)) of $((number - 1)) peers answered"
	done
	equal 'ports of the bridge' "$(ip -o link show master br2 | grep -c .)" "$number"
	ping -c 2 -i 0.2 -W 10 10.9.1.1
	end "${names[@]}"
	diff "$scratch/before-neighbours" <(remains)
	between 'KiB of the pool that are lost' $(($(pool_used) - pool)) -100000 16
	ip link del br2
}

# ---- faults ----

# tiny_counter NAME COUNTER
tiny_counter() {
	ethtool -S "vif$(zendo domid "$1").0" | awk -v name="_$2:" 'index($1, name) { sum += $2 } END { print sum + 0 }'
}

# source sends with its own pages to sink, as fast as it goes: begin_flood [OPTION-OF-SINK]
begin_flood() {
	bridge_for_tiny
	zendo create "$(tiny sink net "address=10.9.1.2 peers=1 $*" 'vif = ["bridge=br2"]')"
	zendo create "$(tiny source net 'address=10.9.1.1 peers=2 flood=2 size=4000' 'vif = ["bridge=br2"]')"
	expect_console sink 60 '^1 of 1 peers answered'
	expect_console source 60 '^floods'
}

# The bridge goes and comes again, and so do the guests' connections, which notice nothing else.
bridge_goes_under_load() {
	local name
	begin_flood
	for _ in 1 2; do
		ip link del br2
		bridge_for_tiny
		for name in source sink; do
			equal master "$(ip -o link show "vif$(zendo domid $name).0" | grep -o 'master [^ ]*')" ''
			ip link set "vif$(zendo domid $name).0" master br2
		done
		answers 10.9.1.1
		answers 10.9.1.2
	done
	[ "$(tiny_counter source rx_zerocopy)" -gt 0 ]
	end source sink
	ip link del br2
}

# Whoever sends to a guest that does not read goes on talking to others, and can go at any moment. Packets that have reached the sleeper's own
# queue are copied; those before it, in dom0's queue for that interface, are let go with it at the latest.
pages_in_the_queue_of_another() {
	begin_flood deaf
	expect_console sink 60 '^all pages of 0 are full'
	ping -c 2 -i 0.2 -W 10 10.9.1.1
	tc -s qdisc show dev "vif$(zendo domid sink).0"
	end source
	echo "pages_out $(info pages_out)"
	[ "$(tiny_counter sink tx_no_slots)" -gt 0 ]
	end sink
	pages_are_home
	ip link del br2
}
