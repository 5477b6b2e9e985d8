#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 360
#
# Disks: data by every kind of request on devices and files, in both layouts and with large sectors; a hostile ring; power cuts; disks that come
# and go under load; clones; a stock guest with several, whose file system is replayed to moments of its life; a module that is loaded again.

. "$(dirname "$0")/lib/suite.sh"

lengths=(5 10 8 5)
timeout=1500
[ -z "${ZENDO_SOAK:-}" ] || { lengths=(100 100 64 3600) timeout=9000; }
machine block --copy "$(program numbered):/root/" --copy "$(program replay):/root/" --timeout "$timeout" -- "${lengths[@]}"
