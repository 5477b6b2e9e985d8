#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 150
#
# The frame for devices that dom0 serves, with the backend that counts: their life, modules that come and go, lent threads, guests that
# write wherever the backend looks, and ends at any moment.

. "$(dirname "$0")/lib/suite.sh"

factor=1
[ -z "${ZENDO_SOAK:-}" ] || factor=50

machine backend --copy "$(program_with_libzendo backend):/root/" \
	--copy "$(program_with_libzendo backend_ends):/root/" --copy "$(program_with_libzendo backend_frame):/root/" --timeout $((1200 * factor)) -- $factor
