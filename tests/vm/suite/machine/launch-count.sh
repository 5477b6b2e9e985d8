# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# However many CPUs the machine has: all come under, all come back.

. "$(dirname "$0")/checks.sh"
cpus=$(nproc)

all_under() {
	systemctl start zendo
	equal 'CPUs under' "$(info cpus_under)" "$cpus"
	zendo doctor
}

each_works() {
	local i
	for i in $(seq 0 $((cpus - 1))); do
		taskset -c "$i" sh -c 'i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); done; exec true'
	done
	equal 'failures the checking build found' "$(info check_failures)" 0
}

check "$cpus CPU(s) come under" all_under
check "$cpus CPU(s) work" each_works
check "$cpus CPU(s) come back" systemctl stop zendo
check "$cpus CPU(s): the kernel has nothing to say" dmesg_clean
finish
