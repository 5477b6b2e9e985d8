#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 400
#
# The stock Debian kernel as a guest, from its vmlinuz: clock, console, end, 16
# vCPUs, load on 4, and what the tools do with it. The 32-bit one as well, and
# GRUB from Debian's package to its prompt, and to a kernel on a disk. One is
# under stress-ng for a minute, in a soak for ten.

. "$(dirname "$0")/lib/suite.sh"

# When one cannot be had, its check fails by itself.
options=()
guest32=$("$suite/../guest32") && options=(--copy "$guest32:/root/guest32")
grub=$("$suite/../grub") && options+=(--copy "$grub:/root/grub")
seconds=60
[ -z "${ZENDO_SOAK:-}" ] || seconds=600
machine guest --timeout $((2400 + 2 * seconds)) "${options[@]}" -- $seconds
