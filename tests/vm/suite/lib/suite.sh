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

# program NAME [ARGUMENT...] - build src/NAME.c with these arguments for the compiler (libraries of the machine, more sources), or
# statically when there are none; prints where it is
program() {
	local source=$suite/src/$1.c target=$out/$1 arguments=("${@:2}") part new=
	[ ${#arguments[@]} -gt 0 ] || arguments=(-static)
	for part in "$source" "$suite/src"/*.h "$top"/tests/guests/*.h "$top"/include/uapi/linux/*.h "$top"/tools/libzendo/*.h "${arguments[@]}"; do
		[ ! -f "$part" ] || [ "$target" -nt "$part" ] || new=1
	done
	if [ -n "$new" ]; then
		gcc -std=gnu11 -O2 -D_GNU_SOURCE -Wall -Wextra -Werror -Wshadow \
			-I"$top/include/uapi" -o "$target.$$" "$source" "${arguments[@]}" >&2
		mv "$target.$$" "$target"
	fi
	echo "$target"
}

# program_with_libzendo NAME - the same with what makes and runs domains
program_with_libzendo() {
	local lib=$top/tools/libzendo
	program "$1" -I"$top/include" -I"$lib" "$lib"/{acpi,build,cache,device,elf-kernel,error,file,image,unpack}.c \
		-lgcrypt -llz4 -llzma -lz -lzstd
}

# program_with_store NAME [ARGUMENT...] - statically, with the client of the store
program_with_store() {
	local lib=$top/tools/libzendo
	program "$1" -static "${@:2}" -I"$lib" "$lib"/{error,store,store-again,store-ask}.c
}
