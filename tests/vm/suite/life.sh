#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 300
#
# Domains that are known by name, start and stop with the machine, and what is
# left of those that crash.

. "$(dirname "$0")/lib/suite.sh"

machine life --reboot-ok --timeout 1500 --copy "$("$suite/../machined"):/usr" --copy "$top/docs/from-xl.md:/root/from-xl.md" --copy "$top/docs/ioctls.md:/root/ioctls.md" \
	--copy "$top/build/libzendo.so.1:/usr/lib/x86_64-linux-gnu/libzendo.so.1" --copy "$top/tools/python/zendo:/root/python/zendo"
