#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 480
#
# Networks of guests: two stock kernels with Xen's netfront on a bridge, served
# by hvnetback.ko, with a little agent of the suite's own.

. "$(dirname "$0")/lib/suite.sh"

store=$top/tools/libzendo/store.c
if [ ! -e "$store" ]; then
	echo 'skip networks of guests: this tree has no store'
	exit 0
fi
agent=$out/netagent
gcc -std=gnu11 -O2 -D_GNU_SOURCE -Wall -Wextra -Werror -Wshadow -static -pthread \
	-I"$top/include/uapi" -I"$top/tools/libzendo" -o "$agent.$$" "$suite/src/netagent.c" "$store" >&2
mv "$agent.$$" "$agent"
number=4	# of tiny guests on one bridge
timeout=2400
if [ -n "${ZENDO_SOAK:-}" ]; then
	number=64
	timeout=7200
fi
machine net --copy "$agent:/root/" --copy "$(program xdp):/root/" --timeout $timeout -- $number
