#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 200
#
# The store: Debian's xenstore-utils in dom0, the stock kernel's xenbus and a
# client of ours in guests, a hostile guest, the daemon killed again and again,
# and what is left when domains end. A soak has 20 minutes of the hostile one.

. "$(dirname "$0")/lib/suite.sh"

seconds=1 words=
[ -z "${ZENDO_SOAK:-}" ] || seconds=1200 words="memory seed=$(date +%y%m%d)"
machine store --copy "$(program_with_store storec):/root/" --timeout $((1500 + 3 * seconds)) -- "$seconds" "$words"
