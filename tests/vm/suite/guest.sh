#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 300
#
# The stock Debian kernel as a guest, from its vmlinuz: clock, console, end, 16
# vCPUs, load on 4, and what the tools do with it.

. "$(dirname "$0")/lib/suite.sh"

machine guest --timeout 900
