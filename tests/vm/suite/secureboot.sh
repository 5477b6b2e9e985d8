#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 200
#
# A machine with Secure Boot: modules are refused until they are signed with a key that its owner has said yes to, as 'zendo doctor' has it; then
# all is as without.

. "$(dirname "$0")/lib/suite.sh"

parts=$("$suite/../secure-boot")
machine secureboot --secure-boot --enrol zendo123 --reboot-ok --copy "$parts/debs:/root/debs" --timeout 900 -- zendo123
