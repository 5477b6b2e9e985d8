#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 90
#
# The build that ships: what 'make demo' shows without a terminal, and one tiny
# guest that checks the ABI.

. "$(dirname "$0")/lib/suite.sh"

rc=0
"$top/tests/demo" </dev/null >"$out/demo.log" 2>&1 || rc=$?
cat "$out/demo.log"
if [ $rc != 0 ]; then
	echo "not ok make demo: exit $rc"
elif ! grep -q '^said by beta' "$out/demo.log"; then
	echo 'not ok make demo: no word of the second guest'
elif ! grep -qE '^hypervisor_check +: no' "$out/demo.log"; then
	echo 'not ok make demo: it is not the build that ships'
else
	echo 'ok make demo'
fi
