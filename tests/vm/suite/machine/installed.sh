# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A machine without Zendo, and its packages in /root/debs: installed, tried, lived with over a reboot, upgraded under a guest that runs,
# purged. Boot 0 is up to the reboot. 'whole' also has the daemons of the new version start anew, and then all of it. With a repository in
# /root/repository it is a fresh one before: without a compiler, headers and what else Zendo's packages bring with them.

. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/installed-guest.sh"

kernel=$(uname -r)

# ---- what the machine has ----------------------------------------------------------------

# Files, and where links lead; without what each system changes by itself and what dpkg, apt and ldconfig write down about themselves. udev's
# books have numbers that are others after a boot, and of links until it has nothing to do for some seconds; the links in /dev are looked at.
# Which keyboard or speaker is the first one is another one at another boot, too.
files() {
	find / -xdev \( -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache -o -path /var/log -o -path /var/lib/systemd -o -path /var/tmp \
		-o -path /tmp/systemd-private-\* -o -path /root -o -path /var/lib/zt \) -prune -o -printf '%p %l\n'
	find /dev /run -xdev \( -path /run/suite.\* -o -path /run/systemd/journal -o -path /run/udev -o -path /run/systemd/units \
		-o -path /dev/input \) -prune \
		-o -printf '%p %l\n'
}

# Rules, modules, units, interfaces, routes, programs that run. Who asks for rules has the kernel load what they are made of.
state() {
	! command -v nft >/dev/null || nft list ruleset | sed 's/^/rule /'
	lsmod | awk 'NR > 1 { print "module", $1 }'
	systemctl list-unit-files --plain --no-legend | awk '{ print "unit file", $1, $2 }'
	systemctl list-units --plain --no-legend --all --type service,socket,slice,target | awk '{ print "unit", $1, $3, $4 }'
	ip -o link | awk '{ print "link", $2 }'
	ip route | sed 's/^/route /'
	ps -e -o ppid=,comm= | awk '$1 != 2 { print "program", $2 }' | grep -vE ' (ps|awk|bash|sort|grep|diff|tee|.udev-worker.)$'
}

seen() {
	{ files; state; } | sort
}

# ---- install, doctor, try ----------------------------------------------------------------

repository=/root/repository

becomes_fresh() {
	local name
	# shellcheck disable=SC2046 # names
	apt purge --autoremove $(cat $repository/gone)
	echo "deb [trusted=yes] file:$repository ./" >/etc/apt/sources.list.d/local.list
	apt update
	for name in gcc make dkms openssl qemu-nbd dnsmasq nft busybox; do
		refuses command -v $name
	done
	[ ! -e "/lib/modules/$kernel/build" ]
}

# What apt does by default, which the image's does not
install_packages() {
	apt -o APT::Install-Recommends=true install /root/debs/now/*.deb
}

# Of the key that DKMS made with the openssl that came along
modules_are_signed() {
	local module
	for module in hvpriv hvblkback hvnetback; do
		equal "signer of $module" "$(modinfo -F signer $module)" 'DKMS module signing key'
	done
	zendo doctor --kernel "$kernel" | grep 'the modules are signed with DKMS.s key'
}

installs() {
	# modules that were built beforehand are no part of the machine
	seen | grep -v '^/var/lib/dkms/zendo[/ ]' >$kept_in/before
	install_packages
	dkms status -m zendo -k "$kernel" | grep ': installed'
	equal enabled "$(systemctl is-enabled zendo.service)" disabled
	[ ! -e /dev/hvpriv ]
	not_loaded hvpriv
}

doctor() {
	zendo doctor >/root/doctor
	cat /root/doctor
	refuses grep -E ' (FAIL|fail)' /root/doctor
	zendo doctor --kernel "$kernel"
}

tried() {
	local before after rc=0
	seen >$kept_in/tried
	before=$(mem_available)
	zendo try -t -c 'echo this is $(uname -r); exit 7' >/root/said 2>/root/timing || rc=$?
	cat /root/said /root/timing
	equal status $rc 7
	equal said "$(cat /root/said)" "this is $kernel"
	after=$(mem_available)
	echo "$((before - after)) KiB less are available" >>/root/timing
	# what else runs takes some and gives some; a launch hides 2 MiB, and the guest has 128
	between 'KiB that are missing' $((before - after)) -100000 8000
	diff $kept_in/tried <(seen)
}

# ---- a guest with disk and network, and the machine boots again --------------------------

came_back() {
	guest_is_up 2
	systemctl is-active zendo
	guest_writes
}

# ---- upgrade under it --------------------------------------------------------------------

version_of_tools() {
	zendo version | grep -oE '[0-9]+\.[0-9.]+' | head -n 1
}

# One connection, kept open: what it is told before and after is told to the same shell.
upgrades() {
	local before after guest
	before=$(zendo list --json web | jq -c '.[] | [.domid, .pid]')
	info hypervisor_build
	coproc guest { exec socat - "TCP:$(cat $kept_in/address):7"; }
	ping -q -i 0.5 "$(cat $kept_in/address)" >$kept_in/ping &
	[ ! -e /root/dkms-next ] || mv /root/dkms-next/* /var/lib/dkms/zendo/
	apt install /root/debs/next/*.deb
	kill -INT $!
	wait $! || true
	cat $kept_in/ping
	echo 'echo still $(cat /boots)' >&"${guest[1]}"
	timeout 60 grep -m 1 -x "still 2" <&"${guest[0]}"
	after=$(zendo list --json web | jq -c '.[] | [.domid, .pid]')
	equal domain "$after" "$before"
	equal tools "$(version_of_tools)" 99.0.0
	info hypervisor_build | grep -F 0.1.0
	modinfo -F filename hvpriv
	dkms status -m zendo
	systemctl --no-pager --failed
	guest_writes
}

# size_is_told SECTORS COMMAND... - what comes as xvdb by it, by an event of the guest's kernel
size_is_told() {
	local line
	coproc guest { exec timeout 120 socat - "TCP:$(cat $kept_in/address):7"; }
	cat >&"${guest[1]}" <<-'END'
		echo 'case $ACTION$DEVNAME in addxvdb) cat /sys/block/xvdb/size; esac' >/tmp/told
		busybox uevent sh /tmp/told &
		echo listens
	END
	read -r line <&"${guest[0]}"
	equal 'first word' "$line" listens
	"${@:2}"
	read -r line <&"${guest[0]}"
	echo 'kill $!' >&"${guest[1]}"
	equal sectors "$line" "$1"
	kill $!
}

new_tools_with_old_hypervisor() {
	zendo doctor >/root/doctor
	cat /root/doctor
	zendo pause web
	zendo list web | grep -e --p---
	zendo unpause web
	zendo top -b -i 1
	truncate -s 16M /root/more.img
	size_is_told 32768 zendo block-attach web 'file:/root/more.img,xvdb,w'
	zendo block-list web
	zendo block-detach web xvdb
	zendo create "$(tiny new hello 'ticks=2 period_us=100000')"
	ended new 60
	console_has new PASS
}

# As after a crash of theirs: new programs, old modules.
daemons_start_anew() {
	systemctl restart zendo-stored zendo-hotplug
	guest_writes
	new_tools_with_old_hypervisor
}

next_takes_over() {
	zendo shutdown -w web
	systemctl stop zendo
	not_loaded hvpriv
	systemctl start zendo
	info hypervisor_build | grep -F 99.0.0
	zendo create web
	guest_is_up 3 2
}

# ---- the end -----------------------------------------------------------------------------

not_removed_under_it() {
	local rc=0
	apt purge zendo zendo-dkms >/root/removed 2>&1 || rc=$?
	cat /root/removed
	dpkg -l zendo zendo-dkms | tail -n 2
	[ $rc != 0 ]
	grep 'systemctl stop zendo-domain@web.service' /root/removed
	dkms status -m zendo
	modinfo -F filename hvpriv
	guest_writes
	dpkg --audit
}

# Of a machine that was fresh much else has come with the packages, and is not theirs.
not_of_others() {
	if [ -e $repository ]; then
		grep -v '^module' "$1" | grep -E 'zendo|/hv(priv|back|blkback|netback|evtchn|gntdev)|/dev/xen|xenstored|^(link|route|rule|program) '
	else
		grep -v '^module' "$1"
	fi
}

# What it made and what it was given stays. The kernel keeps what it has loaded by itself for bridges and rules.
purged() {
	zendo shutdown -w web
	apt purge zendo zendo-dkms
	find /etc/zendo /var/lib/zendo ! -type d | sort >/root/stays
	diff - /root/stays <<-END
		/etc/zendo/web.cfg
		/var/lib/zendo/web.img
		/var/lib/zendo/web.initrd
		/var/lib/zendo/web.vmlinuz
	END
	rm -r /etc/zendo /var/lib/zendo
	seen >/root/after
	diff <(not_of_others $kept_in/before) <(not_of_others /root/after)
	refuses grep -E '^module (hv|xen)' /root/after
}

case $ZT_BOOT in
0)
	mkdir -p $kept_in
	systemctl is-system-running --wait
	[ ! -e $repository ] || check 'a fresh machine has no compiler, no headers, no DKMS' becomes_fresh
	check 'the packages install, and DKMS builds the modules' installs
	[ ! -e $repository ] || check 'and signs them' modules_are_signed
	check 'the doctor is content' doctor
	check 'a guest is tried, and leaves no trace' tried
	sed 's/^/# /' /root/timing
	check 'a guest with disk and network is made' guest_is_made
	check 'it is up' guest_is_up 1
	sync
	systemctl reboot
	sleep infinity
	;;
*)
	check 'it is back after a boot, with what it wrote' came_back
	check 'an upgrade, and it goes on' upgrades
	check 'new programs with the hypervisor that runs' new_tools_with_old_hypervisor
	if [ "${1:-}" = whole ]; then
		check 'new daemons with it' daemons_start_anew
		check 'the new hypervisor takes over when the service starts anew' next_takes_over
	fi
	check 'the packages are not removed under a domain' not_removed_under_it
	check 'the kernel has nothing to say' dmesg_clean
	check 'a purge leaves nothing' purged
	check 'the kernel has nothing to say after it' dmesg_clean
	finish
	;;
esac
