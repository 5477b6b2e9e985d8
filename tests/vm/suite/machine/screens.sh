# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# For tests/screens: three guests and a paused one, and what the commands that look at them show on a terminal. Prints Markdown.

. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/installed-guest.sh"
set -eE
exec 3>&1 >/root/log 2>&1
trap 'echo "screens: failed at: $BASH_COMMAND" >&3; tail -n 60 /root/log >&3' ERR

block() {
	printf '\n```\n$ %s\n' "$*" >&3
	cat >&3
	printf '```\n' >&3
}

# title TEXT...
title() {
	printf '\n## %s\n' "$*" >&3
}

# told COMMAND... - what it prints
told() {
	"$@" </dev/null | block "$*"
}

# screen WIDTHxHEIGHT STEP... -- COMMAND... - what it shows last on such a terminal
screen() {
	local size=$1
	TERMINAL_LOG=/root/terminal timeout 200 python3 /root/suite/terminal.py "$@" | grep -x 'status 0'
	while [ "$1" != -- ]; do
		shift
	done
	shift
	python3 /root/suite/screen.py "$size" /root/terminal | block "$* # $size"
}

mkdir -p $kept_in
guest_rc+='
while cat /dev/xvda >/dev/null; do echo 1 >/proc/sys/vm/drop_caches; done &'
guest_is_made
guest_is_up 1
echo 'while :; do :; done &' >/root/rc
zendo image create db --busybox
debugfs -w -R 'write /root/rc /etc/rc' /var/lib/zendo/db.img
zendo create db vcpus=2 cap=60
journal_hears db 300 '^db: Linux '
zendo create "$(tiny batch hello idle)"
zendo create "$(tiny held hello idle)"
zendo pause held
ping -i 0.2 "$(cat $kept_in/address)" >/dev/null &

title 'zendo list'
told zendo list
told zendo list -v
told zendo vcpu-list

title 'zendo top'
screen 80x24 -- zendo top -d 2 -i 3
screen 80x24 wait:web 'keys:v' 'wait: on ' keys:e 'wait:exits/s' -- zendo top -d 2 -i 4
screen 80x24 wait:web keys:nb wait:vif -- zendo top -d 2 -i 4
screen 120x24 wait:web -- zendo top -d 2 -i 3
screen 80x24 wait:web keys:h 'wait:Keys of' -- zendo top -d 2 -i 3

title 'zendo stat'
told zendo stat -c 1 -i 5 web db

title 'Devices and networks'
told zendo device list web
told zendo block-list web
told zendo network-list web
told zendo net list

title 'zendo info'
told zendo info

title 'zendo doctor'
zendo doctor | block zendo doctor
kill %1
