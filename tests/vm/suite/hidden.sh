#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 90
#
# The hypervisor's frames are hidden from dom0: reads give zeros, writes fault
# and are counted, and nothing that a kernel does by itself trips over them.

. "$(dirname "$0")/lib/suite.sh"

module=$("$suite/lib/module" poke)
machine hidden --copy "$module:/root/"
