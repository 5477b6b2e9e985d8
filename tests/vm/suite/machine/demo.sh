#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# demo.sh [stay] - what tests/demo shows in the dom0 machine. With 'stay' the
# guests are left running for who sits at the terminal.

set -euo pipefail
trap 'echo "demo: failed at: $BASH_COMMAND" >&2' ERR

begin=$EPOCHREALTIME
patience=180

title() {
	printf '\n== %s\n' "$*"
}

# Print a command as one would type it, then run it.
run() {
	printf '%s# %s\n' "$HOSTNAME" "$*"
	"$@"
}

# Without what a guest's shell asks of a terminal: ours would answer it.
screen() {
	zendo console -s "$1" | tr -d '\r' | sed 's/\x1b\[[0-9;]*[A-Za-z]//g'
}

# Follows the console, from its first line; a viewer that has nobody to print to goes by itself, and says so.
wait_for_text() {
	if ! grep -qE -m 1 "$2" < <(timeout $patience zendo console -r "$1" 2>/dev/null |
		sed -u 's/\r//; s/\x1b\[[0-9;]*[A-Za-z]//g' 2>/dev/null); then
		echo "demo: '$1' did not say '$2' in $patience s; its console:" >&2
		screen "$1" >&2
		return 1
	fi
}

type_into() {
	local keys
	keys=$(mktemp -u)
	mkfifo "$keys"
	zendo console "$1" <"$keys" &>/dev/null &
	exec 7>"$keys"
	printf '%s\n' "$2" >&7
	wait_for_text "$1" "$3"
	exec 7>&-
	kill $! 2>/dev/null || true
	wait $! 2>/dev/null || true
	rm "$keys"
}

title 'A stock Debian, on bare metal as far as it knows'
run uname -sr
run systemctl start zendo
title 'The same Linux, now dom0, in guest mode on each CPU'
run zendo info

title 'Two guests: the kernel as Debian packs it, and a small initramfs'
for name in alpha beta; do
	cat >"/root/$name.cfg" <<-END
		name = "$name"
		type = "pvh"
		kernel = "/root/guest/vmlinuz"
		ramdisk = "/root/guest/initrd.gz"
		memory = 128
		extra = "console=hvc0 quiet"
	END
done
run cat alpha.cfg
run zendo create alpha.cfg
run zendo create beta.cfg
for name in alpha beta; do
	wait_for_text $name 'zendo-guest: ready'
done
run zendo list

for name in alpha beta; do
	title "The console of $name"
	# shellcheck disable=SC2016 # for the guest
	type_into $name 'hostname '$name'; uname -sr; date; cat /sys/hypervisor/type; echo said by $(hostname)' "^said by $name"
	echo "$HOSTNAME# zendo console -s $name | tail -n 8"
	screen $name | tail -n 8
done

if [ "${1:-}" = stay ]; then
	title 'Yours'
	cat <<-'END'
		This is dom0's shell. Try:
		    zendo console alpha       a guest's shell; ^] leaves it
		    zendo list                zendo info        zendo dmesg
		    zendo create -c alpha.cfg name=gamma
		    zendo pause beta          zendo unpause beta        zendo destroy beta
		    journalctl -u zendo-domain@alpha
		    systemctl stop zendo      back to bare metal, when no guest runs
		'exit' ends the machine.
	END
	exit 0
fi

title 'The guests power off, Linux goes back to bare metal'
for name in alpha beta; do
	type_into $name 'poweroff -f' 'shut down: poweroff'
done
for name in alpha beta; do
	# 3: it is gone already, which is what we want to hear
	timeout 60 zendo wait $name 2>/dev/null || [ $? = 3 ]
done
run systemctl stop zendo
run journalctl -q --no-pager -o cat -k -g hvpriv:
if dmesg | grep -E 'WARNING|BUG|Oops'; then
	echo 'demo: the kernel has complained' >&2
	exit 1
fi
printf '\ndemo: dom0 and two stock guests ran; all of it took %.0f s.\n' \
	"$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')"
