#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 480
#
# Interfaces and disks of guests for long: they come and go many times, then all loads at once while what serves them is killed again and
# again. A tenth of what a soak does: 1,000 times, and an hour.

. "$(dirname "$0")/lib/suite.sh"

cycles=100
seconds=180
if [ -n "${ZENDO_SOAK:-}" ]; then
	cycles=1000
	seconds=3600
fi
machine endure --timeout $((900 + 10 * cycles + 4 * seconds)) -- $cycles $seconds
