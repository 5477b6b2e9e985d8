#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 400
#
# The agent for devices: definitions, attach and detach with a stock guest, who uses a target in dom0,
# agent and store killed under a guest that pings.

. "$(dirname "$0")/lib/suite.sh"

machine hotplug --timeout 1500
