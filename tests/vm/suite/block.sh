#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 360
#
# Disks of stock guests: data both ways on a device and on files, discard, errors, a module that is loaded again under
# a guest that writes, a guest that is destroyed meanwhile.

. "$(dirname "$0")/lib/suite.sh"

machine block --timeout 900
