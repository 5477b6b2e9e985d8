#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 360
#
# Disks: data by every kind of request on devices and files, in both layouts and with large sectors; a hostile ring; of stock guests: data,
# discard, errors, a module that is loaded again under a guest that writes, a guest that is destroyed meanwhile.

. "$(dirname "$0")/lib/suite.sh"

seconds=5
[ -z "${ZENDO_SOAK:-}" ] || seconds=3600
machine block --timeout $((seconds + 1500)) -- "$seconds"
