#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 300
#
# The next Debian as dom0 and as guest: its kernel, systemd and compiler; in a soak also the newest kernel of its backports. Most of the time is
# the machine's image, made once.

. "$(dirname "$0")/lib/suite.sh"

for next in trixie ${ZENDO_SOAK:+trixie-backports}; do
	machine next --suite "$next" --timeout 900
done
