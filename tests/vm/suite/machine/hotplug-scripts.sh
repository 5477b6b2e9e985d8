# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# For hotplug.sh: scripts of vifs and disks, own ones and Xen's as Debian has them (/root/xen-scripts).

script_log=/run/script.log

# script NAME TEXT - for the shell, with what it was told and found in the log
script() {
	mkdir -p /etc/zendo/scripts
	cat >"/etc/zendo/scripts/$1" <<-END
		#!/bin/sh
		set -e
		there=-
		[ -z "\$vif" ] || { ip link show "\$vif" >/dev/null 2>&1 && there=there || there=gone; }
		echo "\$(basename "\$0") \$* \$XENBUS_TYPE \$XENBUS_PATH \$XENBUS_BASE_PATH \${vif:--} \$there" >>$script_log
		read_node() { xenstore-read "\$XENBUS_PATH/\$1"; }
		$2
	END
	chmod 755 "/etc/zendo/scripts/$1"
}

scripts() {
	# shellcheck disable=SC2016 # the script's
	script vif-own 'case $1 in
		online)
			[ "$(read_node script)" = "$0" ] && [ "$script" = "$0" ]
			ip link set "$vif" master "$(read_node bridge)" up
			xenstore-write "$XENBUS_PATH/hotplug-status" connected
			;;
		offline) ip link set "$vif" nomaster down 2>/dev/null || true ;;
		esac'
	# shellcheck disable=SC2016
	script block-own 'case $1 in
		add)
			dev=$(losetup -f --show "/srv/$(read_node params)")
			xenstore-write "$XENBUS_PATH/node" "$dev" "$XENBUS_PATH/physical-device" "$(stat -L -c %t:%T "$dev")"
			;;
		remove) losetup -d "$(read_node node)" ;;
		esac'
	# shellcheck disable=SC2016
	script block-fails 'xenstore-write "$XENBUS_PATH/hotplug-error" "no such share: $1"
		exit 3'
	# shellcheck disable=SC2016
	script block-hangs '[ "$1" = remove ] || exec sleep infinity'
	# shellcheck disable=SC2016
	script vif-hangs '[ "$1" = offline ] || exec sleep infinity'
	cp -r /root/xen-scripts/. /etc/zendo/scripts/
	mkdir -p /var/log/xen
}

# What was run since the last look, without numbers of domains
runs_were() {
	local log
	log=$(sed -E 's,(vif|vbd)/[0-9]+/,\1/N/,; s,vif[0-9]+\.,vifN.,' $script_log)
	: >$script_log
	equal 'what was run' "$log" "$1"
}

no_scripts_left() {
	nothing_left
	equal 'units of scripts' "$(systemctl list-units --all --plain --no-legend 'zendo-script-*')" ''
	equal 'loop devices' "$(losetup -l -n -O BACK-FILE | grep -c /srv/script || true)" 0
	equal 'folders of scripts' "$(ls /run/zendo/scripts 2>/dev/null)" ''
}

# Its devices have gone, and the scripts have undone theirs.
scripts_have_undone() {
	hears -n "$1" 30 "$2" journalctl -f -n all -o cat -u zendo-hotplug
	no_scripts_left
}

own_online='vif-own online type_if=vif vif backend/vif/N/0 backend vifN.0 there'
own_offline='vif-own offline type_if=vif vif backend/vif/N/0 backend vifN.0'
own_add='block-own add vbd backend/vbd/N/51712 backend - -'
own_remove='block-own remove vbd backend/vbd/N/51712 backend - -'

# A stock guest on what scripts made, with both kinds; its agent is killed, and its module comes again.
scripts_serve_a_guest() {
	local id
	truncate -s 4M /srv/script.img
	zendo create "$(net own 10.9.0.7 'vif = ["script=vif-own,bridge=br0"]' 'disk = ["vdev=xvda,script=block-own,target=script.img"]')"
	expect_console own 60 '^up'
	answers 10.9.0.7
	runs_were "$own_add"$'\n'"$own_online"
	id=$(domid_of own)
	equal slice "$(systemctl show -P Slice "zendo-script-vif-$id-0")" zendo.slice
	equal 'bound to' "$(systemctl show -P BindsTo "zendo-script-vbd-$id-51712")" 'zendo-domain@own.service'
	zendo network-list own | grep -E " vif$id\.0 +br0$"
	equal target "$(xenstore-read "/local/domain/0/backend/vbd/$id/51712/params")" script.img
	fails_with 1 "/srv/script.img: it is (in use by domain $id|attached to /dev/loop)" \
		zendo create "$(tiny bad hello '' 'disk = ["file:/srv/script.img,xvda,w"]')"
	kill -9 "$(agent_pid)"
	zendo network-detach own 0
	runs_were "$own_offline there"
	zendo network-attach own script=vif-own bridge=br0
	front_is "/local/domain/$id/device/vif/0/state" 4
	runs_were "$own_online"
	modprobe -r hvnetback
	modprobe hvnetback
	hears 20 "^vif-$id-0: its module came again" journalctl -f -n all -o cat -u zendo-hotplug
	runs_were "$own_offline there"$'\n'"$own_online"
	equal bridge "$(ip -o link show "vif$id.0" | grep -o 'master [^ ]*')" 'master br0'
	zendo destroy own
	scripts_have_undone 3 "^v[bi][df]-$id-(0|51712): gone"
	equal 'what was run' "$(sort $script_log | cut -d' ' -f1-2)" $'block-own remove\nvif-own offline'
	: >$script_log
}

# Xen's own, unchanged: the interface gets its name from the script, the file its loop device.
scripts_of_xen_serve_a_guest() {
	local id
	truncate -s 4M /srv/script.img
	zendo create "$(stock xen 'ip link set eth0 up; ip addr add 10.9.0.6/24 dev eth0; echo from-guest | dd of=/dev/xvda conv=fsync; echo up
		cat /dev/hvc0 >/dev/null' 'vif = ["script=/etc/zendo/scripts/vif-bridge,bridge=br0,vifname=xen.lan"]' \
		'disk = ["vdev=xvda,script=/etc/zendo/scripts/block,target=/srv/script.img"]')"
	expect_console xen 60 '^up'
	answers 10.9.0.6
	id=$(domid_of xen)
	equal bridge "$(ip -o link show xen.lan | grep -o 'master [^ ]*')" 'master br0'
	zendo network-list xen | grep -E ' xen.lan +br0$'
	refuses ip link show "vif$id.0"
	equal 'loop devices' "$(losetup -l -n -O BACK-FILE | grep -c /srv/script.img)" 1
	fails_with 1 "xvdb: .*(is loopback-mounted through|in use by domain $id)" \
		zendo block-attach xen vdev=xvdb,script=/etc/zendo/scripts/block,target=/srv/script.img
	zendo network-detach xen 0
	refuses ip link show xen.lan
	systemctl kill -s KILL --kill-whom=main zendo-domain@xen
	journal_hears xen 30 'status=9/KILL'
	gone xen
	scripts_have_undone 2 "^v[bi][df]-$id-(0|51712): gone"
	equal 'what the guest wrote' "$(head -c 10 /srv/script.img)" from-guest
	tail -n 5 /var/log/xen/xen-hotplug.log
}

# The domain ends while there is no agent: systemd has the scripts undo, and the next agent finds that.
scripts_undo_without_an_agent() {
	local id
	zendo create -p "$(tiny alone hello '' 'vif = ["script=vif-own,bridge=br0"]' 'disk = ["vdev=xvda,script=block-own,target=script.img"]')"
	id=$(domid_of alone)
	: >$script_log
	systemctl stop zendo-hotplug.socket zendo-hotplug.service
	zendo destroy alone
	hears -n 2 30 "^Stopped zendo-script-v[bi][df]-$id-(0|51712)" journalctl -f -n all -o cat -u init.scope
	equal 'what was run' "$(sort $script_log | cut -d' ' -f1-2)" $'block-own remove\nvif-own offline'
	systemctl start zendo-hotplug.socket zendo-hotplug.service
	scripts_have_undone 2 "^v[bi][df]-$id-(0|51712): its nodes were left behind"
	: >$script_log
}

scripts_that_are_no_good() {
	local own='"vdev=xvda,script=block-own,target=script.img"'
	bad "'disk': xvda: there is no script block-none; there are: /etc/zendo/scripts/block, .*block-own" \
		'disk = ["vdev=xvda,script=block-none,target=x"]'
	bad "'vif': there is no script vif-none; there are: .*vif-own" 'vif = ["script=vif-none"]'
	runs_were ''
	bad "bad.cfg:[0-9]+:[0-9]+: 'disk': xvdb: /etc/zendo/scripts/block-fails: no such share: add .exit status 3" \
		"disk = [$own, \"vdev=xvdb,script=block-fails,target=x\"]"
	runs_were "$own_add
block-fails add vbd backend/vbd/N/51728 backend - -
block-fails remove vbd backend/vbd/N/51728 backend - -
$own_remove"
	chmod o+w /etc/zendo/scripts/vif-own
	bad "'vif': /etc/zendo/scripts/vif-own may be written by others than root" 'vif = ["script=vif-own,bridge=br0"]'
	chmod o-w /etc/zendo/scripts/vif-own
	bad "'vif': /etc/zendo/scripts/vif-own: exit status [0-9]+: journalctl -u zendo-script-vif-[0-9]+-0" 'vif = ["script=vif-own"]'
	no_scripts_left
	: >$script_log
}

# Each may take its time, which is 40 seconds if nothing else is said.
scripts_that_hang() {
	local create seen
	mkdir -p /run/systemd/system/zendo-hotplug.service.d
	printf '[Service]\nEnvironment=ZENDO_SCRIPT_SECONDS=2\n' >/run/systemd/system/zendo-hotplug.service.d/scripts.conf
	systemctl daemon-reload
	systemctl restart zendo-hotplug
	bad "'vif': /etc/zendo/scripts/vif-hangs: it was not done in 2 seconds, and was killed" 'vif = ["script=vif-hangs"]'
	bad "'disk': xvda: /etc/zendo/scripts/block-hangs: it was not done in 2 seconds, and was killed" \
		'disk = ["vdev=xvda,script=block-hangs,target=x"]'
	rm /run/systemd/system/zendo-hotplug.service.d/scripts.conf
	systemctl daemon-reload
	systemctl restart zendo-hotplug
	no_scripts_left
	: >$script_log
	# the agent is killed meanwhile: the runner asks the next one, which undoes first
	zendo create "$(tiny bad hello '' 'disk = ["vdev=xvda,script=block-hangs,target=x"]')" &
	create=$!
	hears 30 'block-hangs add' tail -n +1 -F $script_log
	kill -9 "$(agent_pid)"
	hears 30 'block-hangs add' tail -n +3 -f $script_log
	# and the domain is ended meanwhile; its runner waits for the agent, so it hears of nothing else
	seen=$(times_said 'block-hangs: it was stopped, as its domain ended' -u zendo-hotplug)
	systemctl kill -s KILL zendo-domain@bad
	refuses wait $create
	gone bad
	hears -n $((seen + 1)) 30 'block-hangs: it was stopped, as its domain ended' journalctl -f -n all -o cat -u zendo-hotplug
	no_scripts_left
	equal 'what was run' "$(cut -d' ' -f1-2 $script_log)" $'block-hangs add\nblock-hangs remove\nblock-hangs add\nblock-hangs remove'
}
