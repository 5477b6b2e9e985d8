#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 400
#
# The agent for devices: definitions, attach and detach with a stock guest, who uses a target in dom0,
# agent and store killed under a guest that pings; scripts, Xen's among them.

. "$(dirname "$0")/lib/suite.sh"

# Linux's netfront keeps a MiB each time (docs/limits.md), and the guest has 128
rounds=10
[ -z "${ZENDO_SOAK:-}" ] || rounds=35

machine hotplug --copy "$("$suite/../xen-scripts"):/root/xen-scripts" --timeout 1500 -- $rounds
