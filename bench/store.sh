#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# store.sh - instructions of the store daemon for each request, counted by callgrind (needs valgrind; user space only): the
# difference of a run with twice as many requests.

set -euo pipefail
top=$(dirname "$(dirname "$(readlink -f "$0")")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

gcc -std=gnu11 -O2 -Wall -Wextra -Werror -o "$work/load" "$top/bench/store.c" -lxenstore

# count WHAT TIMES DAEMON... - instructions of the daemon's whole life
count() {
	local what=$1 times=$2 pid
	shift 2
	rm -rf "$work/run"
	mkdir "$work/run"
	export XENSTORED_PATH=$work/run/socket
	valgrind --tool=callgrind --callgrind-out-file="$work/out" "$@" >"$work/log" 2>&1 &
	pid=$!
	until "$work/load" nothing 0 2>/dev/null; do
		kill -0 "$pid" || { cat "$work/log"; return 1; }
	done
	"$work/load" "$what" "$times"
	kill "$pid"
	wait "$pid" || true
	sed -n 's/^summary: //p' "$work/out"
}

# per WHAT TIMES DAEMON... - for one
per() {
	local what=$1 times=$2 one two
	shift 2
	one=$(count "$what" "$times" "$@")
	two=$(count "$what" $((2 * times)) "$@")
	echo $(((two - one) / times))
}

# row NAME WHAT TIMES
row() {
	printf '%-34s %10s\n' "$1" \
		"$(per "$2" "$3" "$top/build/zendo-stored" --state "$work/run/state" --socket "$work/run/socket")"
}

printf '%-34s %10s\n' 'instructions of zendo-stored for' each
row 'read, 6 deep' read 2000
row 'write, 6 deep' write 2000
row 'list 2,000 names' list 20
row 'write that 1,000 watches hear' watch 20
