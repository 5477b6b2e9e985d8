#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 330
#
# Our own tiny guests: what they check of the ABI, and each way to go wrong. A
# guest that crashes is told with registers and reason; nobody else notices.

. "$(dirname "$0")/lib/suite.sh"

machine tiny --timeout 900
