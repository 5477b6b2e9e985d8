#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# budget: 90
#
# A second opinion on SVM: a mini dom0 and the tiny guests in Bochs, which saves the next RIP, keeps interrupt shadows, takes events as
# they are injected and looks at control blocks more strictly than QEMU does (docs/dom0-machine.md).

. "$(dirname "$0")/lib/suite.sh"

work=$out/bochs

# What Bochs has to say of a VMRUN or an exit that is wrong. To it a triple fault is a panic, a guest's as well, and so is the end; each
# intercepted port and exception is an error.
complaints() {
	grep -E 'VMRUN|SvmInjectEvents|SvmExit|PDPTR|>>PANIC<<|VMEXIT .* not in SVM' "$work/log" |
		grep -vE '3rd \([0-9]+\) exception with no resolution|soft power off'
}

# What later ones get wrong, and how they are started, is another matter.
if ! bochs --help 2>&1 | grep -F 'Bochs x86 Emulator 2.7' >/dev/null; then
	echo 'skip a mini dom0 in Bochs: there is no Bochs 2.7 here; make deps installs the one of bookworm'
	exit
fi
"$suite/../bochs/machine" "$work" | tee "$work.serial"
if ! grep -x '# end of checks' "$work.serial" >/dev/null; then
	echo 'not ok the checks in Bochs come to their end: see what it has said'
	tail -n 30 "$work/log" "$work/screen" | sed 's/^/    /'
elif complaints >"$work/complaints"; then
	echo "not ok Bochs has no complaint: $(wc -l <"$work/complaints") in its log"
	head -n 20 "$work/complaints" | sed 's/^/    /'
else
	echo 'ok Bochs has no complaint'
fi
