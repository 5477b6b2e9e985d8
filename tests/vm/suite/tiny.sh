#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 360
#
# Our own tiny guests: what they check of the ABI, and each way to go wrong. A
# guest that crashes is told with registers and reason; nobody else notices. A
# soak makes a million random hypercalls.

. "$(dirname "$0")/lib/suite.sh"

calls=20000
[ -z "${ZENDO_SOAK:-}" ] || calls=1000000

machine tiny --timeout $((900 + calls / 250)) -- $calls
