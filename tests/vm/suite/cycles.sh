#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 900
#
# Guests come and go many times and in numbers; dom0 has afterwards what it had
# before.

. "$(dirname "$0")/lib/suite.sh"

if [ -n "${ZENDO_SOAK:-}" ]; then
	machine cycles --timeout 36000 -- 10000 100
	machine density-stock --mem 4096 --timeout 3600 -- 16
else
	machine cycles --timeout 1800 -- 200 10
fi
machine density --timeout 1200 -- 64
