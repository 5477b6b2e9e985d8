# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# For the scripts of tests/vm/suite: they run on the host, start machines, and
# what they print goes to tests/run. A line '# budget: SECONDS' in a script says
# what it may cost on two idle cores.

set -euo pipefail

suite=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
top=$(readlink -f "$suite/../../..")
out=${ZENDO_TEST_OUT:-$top/build/tests}
mkdir -p "$out"

# machine NAME [DOM0-OPTION...] [-- ARGUMENT...] - run machine/NAME.sh in a dom0 machine
machine() {
	local name=$1 options=()
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	[ $# = 0 ] || shift
	"$suite/../dom0" --copy "$suite/machine:/root/suite" "${options[@]}" \
		-- bash "/root/suite/$name.sh" "$@"
}

# program NAME [-lLIBRARY...] - build src/NAME.c, statically when it needs no libraries of the machine; prints where it is
program() {
	local source=$suite/src/$1.c target=$out/$1 libraries=("${@:2}")
	[ ${#libraries[@]} -gt 0 ] || libraries=(-static)
	if [ ! "$target" -nt "$source" ] || [ ! "$target" -nt "$top/include/uapi/linux/hvpriv.h" ]; then
		gcc -std=gnu11 -O2 -D_GNU_SOURCE -Wall -Wextra -Werror -Wshadow \
			-I"$top/include/uapi" -o "$target.$$" "$source" "${libraries[@]}" >&2
		mv "$target.$$" "$target"
	fi
	echo "$target"
}
