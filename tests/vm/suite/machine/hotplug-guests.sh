# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# For hotplug.sh: guests that have not looked yet, or never will, and modules that are not there.

# The guest has not run between the end of the one and the beginning of the next, and then ROUNDS times as fast as it
# goes: number_is_taken_again_at_once ROUNDS
number_is_taken_again_at_once() {
	local n id state rounds=$1
	zendo create "$(net quick 10.9.0.4 'vif = ["bridge=br0"]')"
	expect_console quick 60 '^up'
	id=$(domid_of quick) state=/local/domain/$(domid_of quick)/device/vif/1/state
	zendo network-attach quick bridge=br1
	front_is "$state" 4
	zendo pause quick
	zendo network-detach --force quick 1
	# held back until it has seen the end; or there at once, and never seen
	timeout 2 zendo network-attach quick bridge=br1 || equal 'exit of timeout' $? 124
	zendo unpause quick
	front_is "$state" 4
	for ((n = 0; n < rounds; n++)); do
		zendo network-detach quick 1
		zendo network-attach quick bridge=br1
	done
	front_is "$state" 4
	refuses xenstore-list "/local/domain/$id/device/zendo-look"
	answers 10.9.0.4
	zendo destroy quick
	nothing_left
}

# A guest that has no frontends: one line with what to do, and nothing left. With --wait 0, and when it is paused, it stays for later.
guest_without_a_driver() {
	local id
	truncate -s 1M /srv/deaf
	zendo create "$(tiny deaf hello idle)"
	id=$(domid_of deaf)
	fails_with 1 "vif-$id-0: nothing in the guest looked at it in 1 seconds, so it was taken away again: .*xen-netfront.*--wait 0" \
		zendo network-attach --wait 1 deaf bridge=br0
	fails_with 1 "vbd-$id-51712: nothing in the guest looked at it in 1 seconds.*xen-blkfront" zendo block-attach -w 1 deaf file:/srv/deaf xvda w
	nothing_left
	equal 'interfaces in the store' "$(xenstore-list "/local/domain/$id/device/vif")" ''
	fails_with 2 "must be a number of seconds" zendo network-attach --wait x deaf bridge=br0
	zendo network-attach --wait 0 deaf bridge=br0
	zendo pause deaf
	zendo block-attach deaf file:/srv/deaf xvda w
	equal devices "$(zendo device list --json deaf | jq length)" 2
	zendo destroy deaf
	nothing_left
}

# Not there, and of a kernel that is built otherwise: each class says what to ask, before anything is made.
modules_cannot_be_loaded() {
	local class module file
	truncate -s 1M /srv/deaf
	for class in vif vbd; do
		[ $class = vif ] && module=hvnetback || module=hvblkback
		modprobe -r $module
		file=$(modinfo -n $module)
		mv "$file" "$file.away"
		bad "no module serves devices of class $class: 'modprobe hvback:$class' says why" 'vif = ["bridge=br0"]' \
			'disk = ["file:/srv/deaf,xvda,w"]'
		sed 's/\(vermagic=[^ ]* \)SMP/\1SMQ/' "$file.away" >"$file"
		refuses cmp -s "$file" "$file.away"
		bad "no module serves devices of class $class: 'modprobe hvback:$class' says why" 'vif = ["bridge=br0"]' \
			'disk = ["file:/srv/deaf,xvda,w"]'
		fails_with 1 'Exec format error' modprobe "hvback:$class"
		mv "$file.away" "$file"
	done
	zendo create -p "$(tiny whole hello '' 'vif = ["bridge=br0"]' 'disk = ["file:/srv/deaf,xvda,w"]')"
	equal devices "$(zendo device list --json whole | jq length)" 2
	zendo destroy whole
	nothing_left
}

threads_for_devices() {
	cat /proc/"$(systemctl show -P MainPID "zendo-domain@$1")"/task/*/comm | grep -c '^device/' || true
}

# The first device of a domain that had none: its runner lends threads then. The next guest has it, too.
first_device_comes_late() {
	zendo create "$(stock late 'ip link show eth0 && echo has-eth0; echo up; cat /dev/hvc0 >/dev/null')"
	expect_console late 60 '^up'
	equal 'threads for devices' "$(threads_for_devices late)" 0
	zendo network-attach late bridge=br0
	between 'threads for devices' "$(threads_for_devices late)" 1 2
	front_is "/local/domain/$(domid_of late)/device/vif/0/state" 4
	refuses console_has late 'has-eth0'
	zendo sysrq late b
	expect_console late 90 '^has-eth0'
	zendo config show late | grep 'bridge=br0'
	zendo network-detach late 0
	zendo config show late >/root/late.shown
	refuses grep br0 /root/late.shown
	zendo destroy late
}
