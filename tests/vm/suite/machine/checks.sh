# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# For the scripts that run in the dom0 machine. Each check is one line for
# tests/run: 'ok NAME', 'not ok NAME: WHY' or 'skip NAME: WHY'. All else that is
# printed is log. A script ends with 'finish'; what ends without it has failed.

set -uo pipefail

guests=/usr/lib/zendo/guests
scratch=$(mktemp -d /run/suite.XXXXXX)

# check NAME COMMAND... - the command, often a function, in a subshell with
# errexit; what it prints is shown when it fails
check() {
	local name=$1 rc begin=$EPOCHREALTIME
	shift
	(set -e; "$@") >"$scratch/check" 2>&1 </dev/null
	rc=$?
	if [ $rc = 0 ]; then
		echo "ok $name"
	else
		echo "not ok $name: exit $rc"
		tail -n 60 "$scratch/check" | sed 's/^/    /'
	fi
	awk -v n="$name" -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { if (b - a > 1) printf "# %.1f s: %s\n", b - a, n }'
}

skip() {
	echo "skip $1: $2"
}

finish() {
	echo "# end of checks"
	exit 0
}

# hears [-n TIMES] SECONDS TEXT COMMAND... - the command prints lines with the text (extended regular expression) in time; it is
# ended then. Nothing is looked at again and again: the command is one that speaks when something happens.
hears() {
	local times=1 seconds text from teller found
	if [ "$1" = -n ]; then
		times=$2
		shift 2
	fi
	seconds=$1 text=$2
	shift 2
	exec {from}< <(exec timeout "$seconds" "$@" 2>&1)
	teller=$!
	found=$(grep -cE -m "$times" -- "$text" <&"$from") || true
	exec {from}<&-
	kill "$teller" 2>/dev/null || true
	[ "$found" = "$times" ] || { echo "not heard in $seconds s: '$text' from: $*"; return 1; }
}


# What the journal has and gets of a domain, its console included: TIMES as for hears
journal_hears() {
	local domain=$1
	shift
	hears "$@" journalctl -f -n all -o cat -u "zendo-domain@$domain"
}

# fails_with STATUS TEXT COMMAND... - it ends with this status and says this
# (extended regular expression) on standard error, in few lines
fails_with() {
	local want=$1 text=$2 rc=0
	shift 2
	"$@" 2>"$scratch/stderr" || rc=$?
	cat "$scratch/stderr"
	[ $rc = "$want" ] || { echo "exit $rc, not $want: $*"; return 1; }
	grep -qE -- "$text" "$scratch/stderr" || { echo "did not say '$text': $*"; return 1; }
	[ "$(wc -l <"$scratch/stderr")" -le 4 ] || { echo "said too much: $*"; return 1; }
}

# front_is PATH STATE - a frontend's node comes to it; an interface has its name in the guest when it is at 4
front_is() {
	local path=$1 state=$2
	hears 30 "^$state\$" sh -c "xenstore-watch '$path' | while read -r _; do xenstore-read '$path'; done"
}

# answers ADDRESS [COMMAND...] - behind a bridge or a port of one that are new, or an address that is; ping is run by the command. They forward when
# the kernel's link watch has seen their carrier, some tenths of a second later: what is sent before is lost, or an error, which would end ping -c.
answers() {
	hears -n 2 20 ' bytes from ' "${@:2}" ping -i 0.2 "$1"
}

# refuses COMMAND... - it must fail; '! command' would not end a function
refuses() {
	if "$@"; then
		echo "succeeded: $*"
		return 1
	fi
}

not_loaded() {
	if [ -d "/sys/module/$1" ]; then
		echo "module $1 is loaded"
		return 1
	fi
}

# equal WHAT GOT WANTED
equal() {
	[ "$2" = "$3" ] || { echo "$1: $2, not $3"; return 1; }
}

# between WHAT GOT LEAST MOST
between() {
	((${2} >= ${3} && ${2} <= ${4})) || { echo "$1: $2, not in $3..$4"; return 1; }
}

# What the kernel says when something is wrong with it.
dmesg_clean() {
	dmesg >>"$scratch/dmesg"
	refuses grep -E 'WARNING|BUG|Oops|general protection|Call Trace|RIP:|rcu.*stall|soft lockup|hard LOCKUP|blocked for more than|Marking clocksource|bad page|Bad page|unhandled|Unhandled' "$scratch/dmesg"
}

# info KEY - a number or text of 'zendo info'
info() {
	zendo info --json | jq -r ".$1"
}

# KiB that programs could have. The kernel leaves out what its CPUs keep for the next one who asks, and that is up to its low
# watermark: 2 x 27 MiB in a machine of 2 GiB, which moved by 25 MiB between two looks.
mem_available() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^MemAvailable:/ { kib += $2 } / count:/ { kib += 4 * $2 } END { print kib }' /proc/meminfo /proc/zoneinfo
}

# Guest pages come home when the last one who holds them lets go: zendo-stored has a guest's ring until it has heard of its end, which
# nobody waits for.
pages_are_home() {
	local deadline=$((SECONDS + 20)) out
	while out=$(info pages_out) && [ "$out" != 0 ] && [ $SECONDS -lt $deadline ]; do
		:
	done
	equal 'guest pages still held' "$out" 0
}

hypervisor_clean() {
	equal 'failures the checking build found' "$(info check_failures)" 0
	equal 'writes to hidden frames' "$(info dom0_hidden_writes)" 0
	pages_are_home
	equal domains "$(info domains)" 0
}

# whole_by_its_journal DEVICE - an ext4 as a power cut left it. fsck replays the journal and ends files that have no name; it must have no more to
# say than that: what else it repairs by itself is told only in its words, not by its status.
whole_by_its_journal() {
	local rc=0
	e2fsck -fp "$1" >"$scratch/fsck" 2>&1 || rc=$?
	cat "$scratch/fsck"
	[ $rc -le 1 ] || { echo "e2fsck: exit $rc"; return 1; }
	refuses grep -vE ': (recovering journal|(Clearing|Truncating) orphaned inode .*|[0-9]+/[0-9]+ files .*)$' "$scratch/fsck"
}

# define NAME KEY=VALUE... - write a definition; the values are taken as they are, quotes included
define() {
	local name=$1
	shift
	{
		echo "name = \"$name\""
		echo 'type = "pvh"'
		printf '%s\n' "$@"
	} >"/root/$name.cfg"
	echo "/root/$name.cfg"
}

# A tiny guest of ours: tiny NAME PROGRAM EXTRA [KEY=VALUE...]
tiny() {
	local name=$1 program=$2 extra=$3
	shift 3
	define "$name" "kernel = \"$guests/$program.elf\"" 'memory = 4' "extra = \"$extra\"" "$@"
}

# The stock kernel; COMMAND is run by its init instead of a shell: stock NAME [COMMAND] [KEY=VALUE...]
stock() {
	local name=$1 command=${2:-} extra
	shift 2 || shift $#
	extra="console=hvc0 quiet"
	[ -z "$command" ] || extra+=" zt.cmd=$(base64 -w0 <<<"$command")"
	define "$name" 'kernel = "/root/guest/vmlinux"' 'ramdisk = "/root/guest/initrd.gz"' \
		'memory = 128' "extra = \"$extra\"" "$@"
}

kept() {
	zendo console -s "$1" 2>/dev/null | tr -d '\r'
}

# console_has NAME TEXT - the console's output so far has the text (extended regular expression)
console_has() {
	# all of it is read: a grep that ends at once leaves the others with nobody to write to
	[ "$(kept "$1" | grep -cE -- "$2")" != 0 ]
}

# expect_console NAME SECONDS TEXT - wait until the console has it, show the console if not
expect_console() {
	hears "$2" "$3" zendo console -r "$1" || {
		kept "$1" | tail -n 40
		return 1
	}
}

exists() {
	zendo list "$1" >/dev/null 2>&1
}

gone() {
	! exists "$1"
}

# ended NAME SECONDS - by itself, or it has already
ended() {
	local rc=0
	timeout "$2" zendo wait "$1" || rc=$?
	[ $rc = 0 ] || [ $rc = 3 ] || { echo "zendo wait $1: exit $rc"; return 1; }
	gone "$1"
}

# A guest lives for so many seconds by its own timer: time that passes here, told by an event.
let_guest_tick() {
	zendo create "$(tiny "clock$1" hello "ticks=$1 period_us=1000000")"
	ended "clock$1" $(($1 + 60))
}

journal_of() {
	journalctl --sync
	journalctl -o cat --no-pager -u "zendo-domain@$1"
}
