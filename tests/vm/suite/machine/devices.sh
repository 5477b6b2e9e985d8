# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only

. "$(dirname "$0")/checks.sh"

# start NAME - a guest that grants; $domid and $port are its
start() {
	zendo create "$(tiny "$1" granter '')"
	expect_console "$1" 30 'offers port'
	kept "$1"
	refuses console_has "$1" '^not ok'
	find_it "$1"
}

find_it() {
	domid=$(zendo list --json "$1" | jq '.[0].domid')
	port=$(kept "$1" | sed -n 's/^offers port //p')
}

backend() {
	find_it granter
	timeout 60 /root/devices "$domid" "$port" "$1"
}

nodes_are_there() {
	udevadm settle
	ls -lL /dev/xen/
	equal hvpriv "$(stat -c '%a %U %G' /dev/hvpriv)" '660 root zendo'
	equal evtchn "$(stat -L -c '%a %U %G' /dev/xen/evtchn)" '600 root root'
	equal gntdev "$(stat -L -c '%a %U %G' /dev/xen/gntdev)" '600 root root'
	refuses setpriv --reuid nobody --regid nogroup --clear-groups cat /dev/xen/evtchn
}

nodes_are_gone() {
	udevadm settle
	refuses ls /dev/xen/evtchn /dev/xen/gntdev /dev/hvevtchn /dev/hvgntdev
}

# A program's standard input and output for one who waits in it: talk TEST
talk() {
	find_it granter
	coproc timeout 100 /root/devices "$domid" "$port" "$1"
	# shellcheck disable=SC2153 # coproc sets it; it is gone when the program is
	talker=$COPROC_PID
	grep -qm 1 mapped <&"${COPROC[0]}"
}

a_killed_program_lets_go() {
	talk keep
	pkill -KILL -P "$talker"
	wait "$talker" || true
	backend copy	# asks for the flags of the same grants
}

mappings_outlive_the_guest() {
	local out
	talk outlive
	exec {out}<&"${COPROC[0]}"
	zendo destroy granter
	gone granter
	between 'guest pages still held' "$(info pages_out)" 3 4
	echo go >&"${COPROC[1]}"
	grep -m 1 good <&"$out"
	wait "$talker"
}

pages_come_back() {
	let_guest_tick 1
	pages_are_home
}

# The backends here take the store's ring and port themselves.
without_a_store() {
	systemctl mask --runtime --quiet zendo-stored.service zendo-stored.socket
	systemctl start zendo
}

tells_of_the_store() {
	systemctl unmask --runtime --quiet zendo-stored.service zendo-stored.socket
	systemctl start zendo-stored.socket zendo-stored.service
	zendo create "$(tiny stored granter only-seeds)"
	ended stored 30
	systemctl stop zendo-stored.socket zendo-stored.service
	systemctl mask --runtime --quiet zendo-stored.service zendo-stored.socket
	kept stored
	console_has stored '^store pfn fef+c port [1-9]'
	console_has stored '^PASS'
}

nothing_is_lost() {
	local before after i
	before=$(mem_available)
	for ((i = 0; i < 4; i++)); do
		start granter
		talk outlive
		zendo destroy granter
		echo go >&"${COPROC[1]}"
		wait "$talker"
	done
	pages_come_back
	after=$(mem_available)
	echo "available: $before, then $after KiB"
	between 'KiB lost' $((before - after)) -65536 8192
	between 'pages of the pool in use' $((($(info pool_kib) - $(info pool_free_kib)) / 4)) 0 4096
}

# With a descriptor open the module stays, and the hypervisor goes.
stops_while_open() {
	exec 7<>/dev/xen/evtchn 8<>/dev/xen/gntdev
	systemctl stop zendo
	equal hypervisor "$(info hypervisor)" 'not running'
	ls /dev/hvevtchn /dev/hvgntdev
	systemctl start zendo
	equal 'CPUs under' "$(info cpus_under)" 2
}

check 'hypervisor' without_a_store
check 'the devices are there, for root alone' nodes_are_there
check 'a guest that grants' start granter
for test in seeds exchange bad overflow notified copy hostile; do
	check "backend: $test" backend "$test"
done
check 'a killed program lets go' a_killed_program_lets_go
check 'mappings outlive the guest' mappings_outlive_the_guest
check 'their pages come back' pages_come_back
check 'the guest is told of its store when there is a daemon' tells_of_the_store
check 'nothing is lost with four guests' nothing_is_lost
check 'it stops and starts while the devices are open' stops_while_open
check 'the hypervisor is clean' hypervisor_clean
check 'it stops' systemctl stop zendo
check 'the devices are gone' nodes_are_gone
check 'the kernel has nothing to say' dmesg_clean
finish
