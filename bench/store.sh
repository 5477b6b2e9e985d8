#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# store.sh - instructions of zendo-stored and of Debian's xenstored for each request, counted by callgrind (needs valgrind; user space
# only): the difference of a run with twice as many requests.

set -euo pipefail
top=$(dirname "$(dirname "$(readlink -f "$0")")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

gcc -std=gnu11 -O2 -Wall -Wextra -Werror -o "$work/load" "$top/bench/store.c" -lxenstore

# zendo DIR, debian DIR - the daemon, counted, with its socket in DIR
zendo() {
	# shellcheck disable=SC2086 # words
	exec $under "$top/build/zendo-stored" --state "$1/state" --socket "$1/socket"
}

debian() {
	XENSTORED_UNDER=$under exec "$top/tests/stored/debian-xenstored" "$1"
}

# count DAEMON WHAT TIMES - instructions of the daemon's whole life
count() {
	local pid
	rm -rf "$work/run"
	mkdir "$work/run"
	export XENSTORED_PATH=$work/run/socket
	"$1" "$work/run" >"$work/log" 2>&1 &
	pid=$!
	until "$work/load" nothing 0 2>/dev/null; do
		kill -0 "$pid" 2>/dev/null && continue
		wait "$pid" || return
	done
	"$work/load" "$2" "$3"
	kill "$pid"
	wait "$pid" || true
	sed -n 's/^summary: //p' "$work/out"
}

# per DAEMON WHAT TIMES - for one; "-" if the daemon cannot be had
per() {
	local one two status=0
	one=$(count "$@") || status=$?
	if [ $status = 77 ]; then
		tail -n 1 "$work/log" >&2
		echo -
		return
	elif [ $status != 0 ]; then
		cat "$work/log" >&2
		return $status
	fi
	two=$(count "$1" "$2" $((2 * $3)))
	echo $(((two - one) / $3))
}

# row NAME WHAT TIMES
row() {
	printf '%-34s %14s %14s\n' "$1" "$(per zendo "$2" "$3")" "$(per debian "$2" "$3")"
}

under="valgrind --tool=callgrind --callgrind-out-file=$work/out"
printf '%-34s %14s %14s\n' 'instructions for each' zendo-stored "Debian's xenstored"
row 'read, 6 deep' read 2000
row 'write, 6 deep' write 2000
row 'list 2,000 names' list 20
row 'write that 1,000 watches hear' watch 20
row '100 clients that connect at once' connect 5
