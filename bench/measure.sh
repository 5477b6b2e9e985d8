# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# For what bench/run measures in the dom0 machine: the lines that it reads.

world() {
	echo "WORLD $1"
}

now() {
	echo "${EPOCHREALTIME/./}"
}

# result NAME NUMBER... - the median, least and most of them
result() {
	local name=$1
	shift
	printf '%s\n' "$@" | sort -n | awk -v name="$name" '
		{ v[NR] = $1 }
		END { print "RESULT", name, v[int((NR + 1) / 2)], v[1], v[NR] }'
}

# timed COMMAND... - the microseconds it took are added to $times
timed() {
	local begin
	begin=$(now)
	"$@" >/dev/null
	times+=($(($(now) - begin)))
}
