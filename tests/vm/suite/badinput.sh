#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 240
#
# What cannot work is refused with a clear line and a status, and nothing is left
# behind; random requests to the device give errors.

. "$(dirname "$0")/lib/suite.sh"

seconds=20
[ -z "${ZENDO_SOAK:-}" ] || seconds=3600

machine badinput --timeout 900
machine fuzz-ioctl --copy "$(program fuzz-ioctl):/root/" --timeout $((seconds * 4 + 300)) -- $seconds
