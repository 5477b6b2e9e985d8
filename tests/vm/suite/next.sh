#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 300
#
# The next Debian as dom0 and as guest: its kernel, systemd and compiler. Most of the time is the machine's image, made once.

. "$(dirname "$0")/lib/suite.sh"

machine next --suite trixie --timeout 900
