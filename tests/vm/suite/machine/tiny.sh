# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only

. "$(dirname "$0")/checks.sh"

# A program that judges itself: PASS or FAIL is its last word.
passes() {
	zendo create "$(tiny "$1" "$2" "$3" "${@:4}")"
	ended "$1" "${patience:-120}" || { kept "$1"; return 1; }
	kept "$1"
	console_has "$1" '^PASS'
	journal_of "$1" | grep 'shut down: poweroff'
	zendo info | grep check_failures
	equal 'failures the checking build found' "$(info check_failures)" 0
}

# kind_ends KIND OUTCOME
kind_ends() {
	local name=kind-$1 outcome=$2
	zendo create "$(tiny "$name" crash "kind=$1")"
	ended "$name" 60 || { kept "$name"; return 1; }
	journal_of "$name" >"$scratch/journal"
	cat "$scratch/journal"
	case $outcome in
	crashed)
		grep -E 'the guest has crashed on vCPU 0: |domain [0-9]+ shut down: crash|domain [0-9]+ crashed' "$scratch/journal"
		refuses grep 'still alive' "$scratch/journal"
		;;
	poweroff)
		# One of them closes its own console on the way.
		grep -E '^PASS|its console is closed' "$scratch/journal"
		grep 'shut down: poweroff' "$scratch/journal"
		;;
	*)
		grep -E '^PASS|crashed' "$scratch/journal"
		;;
	esac
}

# A guest that never ends by itself: dom0 works beside it, and it can be ended.
kind_runs() {
	local name=kind-$1 begin
	zendo create "$(tiny "$name" crash "kind=$1")"
	expect_console "$name" 30 'expect running'
	# Two scheduling periods and a few dozen processes of dom0 beside it.
	python3 -c 'import os; [os.waitpid(os.fork() or os._exit(0), 0) for _ in range(50)]'
	zendo list "$name"
	begin=$EPOCHSECONDS
	zendo destroy "$name"
	gone "$name"
	between 'seconds until it was gone' $((EPOCHSECONDS - begin)) 0 15
}

registers_are_told() {
	zendo create "$(tiny dead crash kind=jump 'on_crash = "preserve"')"
	journal_hears dead 30 'is kept for a look'
	zendo list dead | grep -E -- '---sc-'
	journal_of dead >"$scratch/journal"
	cat "$scratch/journal"
	grep -E 'the guest has crashed on vCPU 0: .*outside of its memory' "$scratch/journal"
	grep -E 'rip +0000000000[0-9a-f]{6} ' "$scratch/journal"
	grep -E 'cr3 +[0-9a-f]{16} +cr4' "$scratch/journal"
	grep -A 5 'last lines of its console' "$scratch/journal" | grep 'crash: jump'
	zendo list --json dead | jq -e '.[0].crash | contains("memory")'
	zendo destroy dead
	gone dead
}

# It wakes once a second.
neighbour_lives() {
	local before after
	exits() { zendo list --json neighbour | jq '.[0].exits'; }
	before=$(exits)
	let_guest_tick 3
	after=$(exits)
	[ "$after" -gt "$before" ] || { echo "exits: $before, then $after"; return 1; }
	equal 'crashes in its journal' "$(journal_of neighbour | grep -ci crash)" 0
}

# A whole life as programs see it; it is an ordinary user who listens.
events_are_told() {
	refuses timeout 10 zendo events --frobnicate
	setpriv --reuid=nobody zendo events --json >"$scratch/events" 2>"$scratch/listener" &
	listener=$!
	trap 'kill $listener; wait $listener || true' EXIT
	hears 20 'listening for events' tail -n +1 -F "$scratch/listener"
	zendo create -p "$(tiny told hello poweroff)"
	zendo unpause told
	ended told 30
	hears 10 '"destroyed"' tail -n +1 -F "$scratch/events"
	cat "$scratch/events"
	equal events "$(jq -r 'select(.name == "told") | .event' "$scratch/events" | tr '\n' ' ')" 'created running shutdown destroyed '
	equal reason "$(jq -r 'select(.event == "shutdown") | .reason' "$scratch/events")" poweroff
}

check 'hypervisor' systemctl start zendo
check 'a neighbour' zendo create "$(tiny neighbour hello idle)"

check 'events of a life are told' events_are_told
check 'hello' passes hello hello ''
check 'spec32' passes spec32 spec32 ''
check 'bench' passes bench bench n=100
check 'timer ticks' passes ticks hello 'ticks=50 period_us=20000'
check '32 KiB of console output' passes flood hello 'flood=32'
check 'memory reads back' passes touch hello touch=28 'memory = 32'
two_with_registers() {
	zendo create "$(tiny regs2 regs 'seed=2 seconds=5')"
	passes regs1 regs 'seed=1 seconds=5'
	ended regs2 60
	console_has regs2 '^PASS'
}

check 'registers are kept, two guests at once' two_with_registers
for group in hypercalls memory time events cpu traps apic fifo; do
	check "abi: $group" passes "abi-$group" abi "only=$group"
done
check 'abi: a CPU with less' passes abi-less abi 'only=cpu less' 'cpuid = "host,avx=0,rdseed=0,smep=0"' 'msr_relaxed = 1'
check 'abi: table' passes abi-table abi 'only=table' 'vcpus = 2'
check '128 vCPUs start, wake each other and go down' passes smp128 smp '' 'vcpus = 128'
watchdog_bites() {
	zendo create "$(tiny dog abi only=watchdog)"
	ended dog 60 || { kept dog; return 1; }
	console_has dog '^ok watchdog'
	journal_of dog | grep 'shut down: watchdog'
}
check 'a watchdog ends its domain' watchdog_bites
# Each sleeps while the other one sends; the second has the next domid.
two_with_a_channel() {
	zendo create "$(tiny offers abi 'only=peer role=offer')"
	expect_console offers 30 'offers port'
	passes binds abi 'only=peer role=bind'
	ended offers 60 || { kept offers; return 1; }
	kept offers
	console_has offers '^PASS'
}
check 'events between two guests' two_with_a_channel
# One grants; the next one ends with a page mapped; the last one has a page mapped when the granter ends.
# Without a store: while its daemon has the ring a guest keeps version 1 (docs/limits.md).
three_with_grants() {
	systemctl stop zendo-hotplug.socket zendo-hotplug.service zendo-stored.socket zendo-stored.service
	zendo create "$(tiny grants abi 'only=grants role=grant')"
	expect_console grants 30 'grants to domains'
	passes holds abi 'only=grants role=hold'
	passes maps abi 'only=grants role=map'
	ended grants 60 || { kept grants; return 1; }
	kept grants
	console_has grants '^PASS'
	systemctl start zendo-stored.socket zendo-stored.service zendo-hotplug.socket zendo-hotplug.service
}
check 'grants between three guests' three_with_grants
# random_hypercalls COUNT - a seed for each day, which is told, when there are many
random_hypercalls() {
	local seed=1 patience=$((120 + $1 / 300))
	[ "$1" -le 20000 ] || seed=$(date +%y%m%d)
	echo "seed $seed"
	passes fuzz fuzz "seed=$seed count=$1"
}
check "random hypercalls" random_hypercalls "${1:-20000}"

check 'a crash is told with registers and reason' registers_are_told
zendo create "$(tiny kinds crash kind=list)"
ended kinds 30
check 'the kinds of crashes are listed' console_has kinds '^triple crashed'
while read -r kind outcome; do
	case $kind:$outcome in
	db-loop:*) skip "crash: $kind" 'aborts QEMU 7.2 by itself' ;;
	*:running) check "crash: $kind" kind_runs "$kind" ;;
	*) check "crash: $kind" kind_ends "$kind" "$outcome" ;;
	esac
done < <(kept kinds | grep -E '^[a-z0-9-]+ (crashed|poweroff|running|crashed\|poweroff)$')

check 'the neighbour has not noticed' neighbour_lives
check 'the neighbour goes' zendo destroy neighbour
check 'the hypervisor is clean' hypervisor_clean
check 'it stops' systemctl stop zendo
check 'the kernel has nothing to say' dmesg_clean
finish
