#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 180
#
# What a backend in user space stands on: grants and event channels of a guest, by
# Debian's libxenevtchn and libxengnttab, with a guest that does what it likes.

. "$(dirname "$0")/lib/suite.sh"

machine devices --copy "$(program devices -lxenevtchn -lxengnttab):/root/" --timeout 1500
