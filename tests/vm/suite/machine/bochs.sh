# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# In the mini dom0 of tests/vm/bochs, which has neither systemd nor a store: zendo-run is the whole of a domain.

. "$(dirname "$0")/checks.sh"
release=$1

# jq takes 180 million instructions to begin.
info() {
	zendo info --json | sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p"
}

# The runner says what the guest does, each line behind its name.
runs() {
	local name=$1
	shift
	/usr/lib/zendo/zendo-run --name "$name" --config "$(tiny "$name" "$@")" >"$scratch/$name" 2>&1
}

said() {
	cat "$scratch/$1"
	grep -E "^$1: $2" "$scratch/$1" >/dev/null
}

no_failures() {
	equal 'failures the checking build found' "$(info check_failures)" 0
}

passes() {
	local rc=0
	runs "$@" || rc=$?
	said "$1" PASS
	equal status $rc 0
	no_failures
}

goes_under() {
	insmod "/lib/modules/$release/updates/zendo/hvpriv.ko" serial=0xe9
	zendo launch
	equal 'CPUs under' "$(info cpus_under)" 1
	zendo info
	zendo dmesg
}

# kind_ends KIND OUTCOME
kind_ends() {
	local name=$1 outcome=$2 rc=0
	runs "$name" crash "kind=$1" || rc=$?
	cat "$scratch/$name"
	case $outcome:$rc in
	crashed:10)
		refuses grep 'still alive' "$scratch/$name"
		;;
	poweroff:0 | 'crashed|poweroff:0')
		grep -E "^$name: PASS|its console is closed" "$scratch/$name"
		;;
	'crashed|poweroff:10') ;;
	*)
		echo "exit $rc, not $outcome"
		return 1
		;;
	esac
	no_failures
}

# A guest that never ends: dom0 has its interrupts and its turn, and whoever ends the runner has ended the guest.
kind_runs() {
	local name=$1 before after runner
	mkfifo "$scratch/$name"
	/usr/lib/zendo/zendo-run --name "$name" --config "$(tiny "$name" crash "kind=$1")" >"$scratch/$name" 2>&1 &
	runner=$!
	exec 3<"$scratch/$name"
	timeout 30 grep -m 1 "^$name: .*expect running" <&3
	before=$(info guest_exits)
	for _ in 1 2 3 4 5; do date >/dev/null; done
	after=$(info guest_exits)
	[ "$after" -gt "$before" ] || { echo "exits: $before, then $after"; return 1; }
	kill -9 $runner
	wait $runner || true
	equal domains "$(info domains)" 0
	no_failures
}

two_with_registers() {
	runs regs2 regs 'bochs seed=2 seconds=2' &
	passes regs1 regs 'bochs seed=1 seconds=2'
	wait $!
	said regs2 PASS
}

check 'the kernel goes under' goes_under
check 'hello' passes hello hello ''
check '32 bits' passes spec32 spec32 'ticks=10'
check 'timer ticks' passes ticks hello 'ticks=50 period_us=20000'
check 'memory reads back' passes touch hello touch=28 'memory = 32'
check 'registers are kept, two guests at once' two_with_registers
for group in hypercalls memory time events cpu traps apic fifo; do
	check "abi: $group" passes "abi-$group" abi "only=$group silicon bochs"
done
check 'vCPUs start, wake each other and go down' passes smp smp '' 'vcpus = 8'
check 'random hypercalls' passes fuzz fuzz 'seed=1 count=5000'
runs kinds crash kind=list
endless=
while read -r kind outcome; do
	case $kind:$outcome in
	mov-ss:*) skip 'crash: mov-ss' 'Bochs forgets a debug trap that MOV SS holds back when there is an exit' ;;
	upcall-storm:* | console-storm:* | timer-storm:*) check "crash: $kind" kind_runs "$kind" ;;
	*:running) endless+=" $kind" ;;
	*) check "crash: $kind" kind_ends "$kind" "$outcome" ;;
	esac
done < <(sed -n 's/^kinds: //p' "$scratch/kinds" | grep -E '^[a-z0-9-]+ (crashed|poweroff|running|crashed\|poweroff)$')
skip "crash:$endless" 'Bochs holds back the interrupts of the host when VMRUN loads IF=0'
check 'the hypervisor is clean' hypervisor_clean
check 'it leaves' zendo leave
check 'its module goes' rmmod hvpriv
check 'the kernel has nothing to say' dmesg_clean
finish
