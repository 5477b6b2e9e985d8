#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 1300
#
# A machine that reboots, panics or starts another kernel while it is under the
# hypervisor: with the callback of crashing kernels, and without it.

. "$(dirname "$0")/lib/suite.sh"

common=(--reboot-ok --append 'crashkernel=256M' --mem 3072 --timeout 1500)

machine crash "${common[@]}" -- callback
machine crash "${common[@]}" -- no-callback
