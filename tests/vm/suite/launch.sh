#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 480
#
# The running Linux goes under the hypervisor and comes back, with 1, 2 and 4
# CPUs, under load, while CPUs come and go; and is refused where it cannot.

. "$(dirname "$0")/lib/suite.sh"

cycles=20
[ -z "${ZENDO_SOAK:-}" ] || cycles=100

machine launch --cpus 2 --timeout 1200 -- $cycles
machine launch-count --cpus 1
machine launch-count --cpus 4
machine launch-refused --cpu max,-svm -- no-svm
machine launch-refused -- kvm
