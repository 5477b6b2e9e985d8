# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# For machines that Zendo's packages are installed in: a guest with disk and network, and what it wrote.

kept_in=/root/kept	# over a boot, what was seen before
patience=300
export DEBIAN_FRONTEND=noninteractive
export SYSTEMD_BUS_TIMEOUT=5min	# listing all units takes more than the usual 25 s on a busy host

apt() {
	apt-get -q -y -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# It counts its boots, and has a shell for whoever connects.
guest_rc='n=$(cat /boots 2>/dev/null || echo 0)
echo $((n + 1)) >/boots
nc -ll -p 7 -e /bin/sh &'

guest_is_made() {
	systemctl enable --now zendo
	zendo image create web --busybox
	echo "$guest_rc" >/root/rc
	debugfs -w -R 'write /root/rc /etc/rc' /var/lib/zendo/web.img
	zendo create web
	zendo enable web
}

# What there is to see of a guest that was not heard of
guest_is_where() {
	zendo list
	zendo device list web
	zendo top -b -i 1 -v -e
	systemctl --no-pager list-jobs
	journalctl -b -o short-monotonic --no-pager -u zendo -u 'zendo-domain@*' -u 'zendo-net@*' -u zendo-hotplug -u zendo-stored | tail -n 40
	ip -br addr
}

# guest_is_up N [TIMES] - for the Nth time, and the TIMES-th (1) since this machine's boot: so often its line is in the journal of that. A
# journal that is followed was seen to leave out the boot before.
guest_is_up() {
	hears -n "${2:-1}" $patience '^web: Linux .*, 10\.78\.0\.[0-9]+/' journalctl -b -f -n all -o cat -u zendo-domain@web || {
		guest_is_where
		return 1
	}
	journal_of web | sed -n 's,^web: Linux .*\, \(10[0-9.]*\)/.*,\1,p' | tail -n 1 >$kept_in/address
	equal boots "$(in_guest 'cat /boots')" "$1"
	ping -c 2 -W 10 "$(cat $kept_in/address)"
}

# in_guest COMMAND - what it prints
in_guest() {
	printf '%s\nexit\n' "$1" | timeout 120 socat -t 120 - "TCP:$(cat $kept_in/address):7,retry=300,interval=0.2"
}

# What it wrote the last time is on its disk, and it goes on writing.
guest_writes() {
	local beat
	beat=$(cat $kept_in/beat 2>/dev/null || echo 0)
	equal 'what it wrote' "$(in_guest 'echo 3 >/proc/sys/vm/drop_caches; cat /beat 2>/dev/null || echo 0')" "$beat"
	in_guest "echo $((beat + 1)) >/beat; sync"
	echo $((beat + 1)) >$kept_in/beat
}
