#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 335
#
# The stock Debian kernel as a guest, from its vmlinuz: clock, console, end, 16
# vCPUs, load on 4, and what the tools do with it. The 32-bit one as well.

. "$(dirname "$0")/lib/suite.sh"

# When it cannot be had, that check fails by itself.
options=()
guest32=$("$suite/../guest32") && options=(--copy "$guest32:/root/guest32")
machine guest --timeout 1500 "${options[@]}"
