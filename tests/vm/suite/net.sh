#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 480
#
# Networks of guests: two stock kernels with Xen's netfront on a bridge, served
# by hvnetback.ko, with a little agent of the suite's own.

. "$(dirname "$0")/lib/suite.sh"

number=4	# of tiny guests on one bridge
timeout=2400
if [ -n "${ZENDO_SOAK:-}" ]; then
	number=64
	timeout=7200
fi
machine net --copy "$(program_with_store netagent -pthread):/root/" --copy "$(program xdp):/root/" --timeout $timeout -- $number
