# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only

. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/hotplug-guests.sh"
. "$(dirname "$0")/hotplug-scripts.sh"

domid_of() {
	zendo domid "$1"
}

# A guest that answers pings until it is ended: net NAME ADDRESS [KEY=VALUE...]
net() {
	local name=$1 address=$2
	shift 2
	stock "$name" "ip link set eth0 up; ip addr add $address/24 dev eth0; echo up; cat /dev/hvc0 >/dev/null" "$@"
}

bridges() {
	ip link add br0 type bridge vlan_filtering 1
	ip addr add 10.9.0.1/24 dev br0
	ip link set br0 up
	ip link add br1 type bridge
	ip link set br1 mtu 1400 up
}

agent_pid() {
	systemctl show -P MainPID zendo-hotplug
}

# Nothing of devices is left anywhere.
nothing_left() {
	equal 'devices on the bus' "$(ls /sys/bus/hvback/devices)" ''
	equal 'backends in the store' "$(xenstore-list /local/domain/0/backend 2>/dev/null | while read -r class; do
		xenstore-list "/local/domain/0/backend/$class"; done)" ''
	equal 'interfaces of guests' "$(ip -o link | grep -c ': vif' || true)" 0
}

# bad TEXT KEY=VALUE... - create refuses with this, and nothing is left
bad() {
	local text=$1
	shift
	fails_with 1 "$text" zendo create "$(tiny bad hello '' "$@")"
	gone bad
	nothing_left
}

definitions_are_refused() {
	bad "bad.cfg:[0-9]+:8: 'vif': there is no bridge nix; there are: br[01], br[01]" 'vif = ["bridge=nix"]'
	bad "bad.cfg:[0-9]+:8: 'vif': lo is no bridge" 'vif = ["bridge=lo"]'
	bad "'vif': mtu=1500 is more than bridge br1 has, which is 1400" 'vif = ["bridge=br1,mtu=1500"]'
	bad "'vif': bridge br1 does not filter VLANs" 'vif = ["bridge=br1,vlan=5"]'
	bad "'vif': bad mac .*multicast" 'vif = ["mac=01:00:00:00:00:01"]'
	bad "bad.cfg:[0-9]+:9: 'disk': unknown vdev 'xyz'" 'disk = ["/srv/a,raw,xyz,w"]'
	bad "bad.cfg:[0-9]+:9: 'disk': xvda: /srv/nothing: No such file" 'disk = ["/srv/nothing,raw,xvda,w"]'
	bad "'disk': xvdb: /srv/odd has 1000 bytes" 'vif = ["bridge=br0"]' 'disk = ["/srv/odd,raw,xvdb,w"]'
	bad "another interface has this mac" 'vif = ["mac=00:16:3e:00:00:07", "mac=00:16:3e:00:00:07"]'
}

# Every disk is refused with who has it, before anything is made.
targets_in_use_are_refused() {
	local loop
	mkdir -p /srv/mnt
	truncate -s 32M /srv/disk
	loop=$(losetup -f --show /srv/disk)
	bad "/srv/disk: it is attached to $loop in dom0" 'disk = ["/srv/disk,raw,xvda,w"]'
	ln /srv/disk /srv/other
	bad "/srv/other: it is attached to $loop in dom0" 'disk = ["/srv/other,raw,xvda,w"]'
	mkfs.ext4 -q "$loop"
	mount "$loop" /srv/mnt
	bad "$loop: it is mounted on /srv/mnt in dom0" "disk = [\"phy:$loop,xvda,w\"]"
	bad "$loop: it is mounted on /srv/mnt in dom0" "disk = [\"phy:$loop,xvda,r\"]"
	umount /srv/mnt
	mkswap "$loop" >/dev/null
	swapon "$loop"
	bad "$loop: dom0 swaps to it" "disk = [\"phy:$loop,xvda,w\"]"
	swapoff "$loop"
	dmsetup create suite --table "0 8192 linear $loop 0"
	bad "$loop: it is part of dm-[0-9]+ .device mapper, 'suite'" "disk = [\"phy:$loop,xvda,w\"]"
	dmsetup remove suite
	losetup -d "$loop"
}

guest_pings() {
	zendo create "$(net web 10.9.0.2 'vif = ["bridge=br0,mac=00:16:3e:00:00:02"]')"
	expect_console web 60 '^up'
	ping -c 3 -i 0.2 -W 5 10.9.0.2
	equal 'frontend state' "$(zendo device list --json web | jq '.[0].frontend_state')" 4
	equal 'backend state' "$(zendo device list --json web | jq '.[0].backend_state')" 4
	zendo network-list web | grep -E '^0 +0 +00:16:3e:00:00:02 +[0-9]+ +4 +connected +vif[0-9]+\.0 +br0$'
	# udev has told others that it is ours
	udevadm info -q property "/sys/class/net/vif$(zendo domid web).0" | grep -x NM_UNMANAGED=1
}

# It is pinged meanwhile. Exits by their reason are counted where they happen, all of them when the vCPU comes out.
figures_are_told() {
	local from teller rc=0
	ping -i 0.1 -w 4 -q 10.9.0.2 &
	zendo stat --json -i 2 -c 1 web | tee /root/stat
	wait
	jq -e '.seconds > 1.9 and (.domains | length == 1) and (.domains[0] | .name == "web" and .cpu_percent > 0 and
		.per_second.exits > 0 and .exits_per_second.hypercall > 0 and .per_second.rx_packets >= 2 and .per_second.tx_bytes > 100)' /root/stat
	jq -e '.domains[0] | (.vcpu | length == 1) and (.vcpu[0] | .total.steal_ns >= 0 and ([.exits_total[]] | add) >= .total.exits) and
		(.net | length == 1) and .net[0].device == "vif-\(.domid)-0" and .disk == []' /root/stat
	zendo stat -vne | tee /root/stat
	grep -E '^Domain-0 +0 r----- +[0-9.]+ ' /root/stat
	grep -E '^web +[0-9]+ [rb-]' /root/stat
	grep -E '^  0 on [01] +[rb-]--' /root/stat
	grep -E '^  exits/s: [a-z0-9-]+ [0-9]' /root/stat
	zendo create --timing "$(tiny short hello idle)" 2>/root/timing
	sort -c -n /root/timing
	grep -E '^ +[0-9]+\.[0-9]{3} s  the definition is read$' /root/timing
	grep -E '^ +[0-9]+\.[0-9]{3} s  its unit is up$' /root/timing
	# it ends between two reports
	exec {from}< <(exec zendo stat -i 0.1 short 2>&1)
	teller=$!
	read -r _ <&"$from"
	zendo destroy short
	grep "'short' has ended" <&"$from"
	exec {from}<&-
	wait "$teller" || rc=$?
	equal status "$rc" 3
	fails_with 3 "there is no domain 'nobody'" zendo stat nobody
	fails_with 2 'not a time' zendo stat -i 0
}

# On a terminal that is made larger, while it is stopped and goes on, and what it leaves behind when it is ended by a key or a signal.
figures_are_told_live() {
	local terminal="timeout 200 python3 /root/suite/terminal.py"
	zendo top -b -i 2 -d 0.5 >/root/top
	equal reports "$(grep -c '^web ' /root/top)" 2
	grep -E '^zendo top - .* 1 domain: ' /root/top
	equal status "$($terminal 80x24 wait:web keys:h 'wait:Keys of' keys:x wait:web keys:v size:140x30 wait:RDSECT 'wait:0 on' \
		signal:TSTP stopped signal:CONT wait:RDSECT keys:q -- zendo top -d 0.5)" 'status 0'
	equal status "$($terminal 80x24 wait:web signal:TERM -- zendo top web)" 'status -15'
	fails_with 1 'this is no terminal' zendo top
}

# What the definition says of an interface is so on its bridge. The guest need not run.
settings_have_their_effect() {
	zendo create -p "$(tiny plain hello '' 'vif = ["bridge=br0,vlan=5,isolated=1,vifname=plain.lan", "", "bridge=br1"]')"
	bridge vlan show dev plain.lan
	bridge -j vlan show dev plain.lan | jq -e '.[0].vlans == [{"vlan": 5, "flags": ["PVID", "Egress Untagged"]}]'
	bridge -d -j link show dev plain.lan | jq -e '.[0].isolated'
	equal 'default bridge' "$(ip -o link show "vif$(domid_of plain).1" | grep -o 'master [^ ]*')" 'master zendo0'
	equal 'devices' "$(zendo network-list --json plain | jq length)" 3
	fails_with 1 'there is an interface plain.lan already' zendo network-attach plain bridge=br0 vifname=plain.lan
	equal 'devices after' "$(zendo network-list --json plain | jq length)" 3
	zendo destroy plain
	zendo net delete zendo0
}

same_mac_is_refused() {
	bad_mac=$(tiny bad hello '' 'vif = ["bridge=br0,mac=00:16:3e:00:00:02"]')
	fails_with 1 "'vif': another domain has this mac" zendo create "$bad_mac"
	fails_with 1 'another domain has this mac' zendo network-attach web bridge=br0 mac=00:16:3e:00:00:02
}

attach_and_detach() {
	local n id
	id=$(domid_of web)
	for ((n = 0; n < 5; n++)); do
		zendo network-attach web bridge=br1
		front_is "/local/domain/$id/device/vif/1/state" 4
		equal bridge "$(ip -o link show "vif$id.1" | grep -o 'master [^ ]*')" 'master br1'
		equal mtu "$(cat "/sys/class/net/vif$id.1/mtu")" 1400
		zendo network-detach web 1
		refuses ip link show "vif$id.1"
		refuses xenstore-read "/local/domain/0/backend/vif/$id/1/state"
	done
	fails_with 1 'has no interface 1' zendo network-detach web 1
	fails_with 1 'no bridge nix' zendo network-attach web bridge=nix
	fails_with 3 "there is no domain 'nobody'" zendo network-attach nobody
}

agent_is_killed() {
	local n pid
	for ((n = 0; n < 5; n++)); do
		pid=$(agent_pid)
		kill -9 "$pid"
		ping -c 2 -i 0.2 -W 5 10.9.0.2
		zendo device list web | grep vif
		[ "$(agent_pid)" != "$pid" ]
	done
	attach_and_detach
}

store_is_killed() {
	local n
	for ((n = 0; n < 3; n++)); do
		kill -9 "$(systemctl show -P MainPID zendo-stored)"
		zendo network-attach web bridge=br1
		front_is "/local/domain/$(domid_of web)/device/vif/1/state" 4
		zendo network-detach web 1
	done
	ping -c 2 -i 0.2 -W 5 10.9.0.2
}

# asked_while_it_stops NODE COMMAND... - both units of the store are stopped while the agent is asked, and the agent with them: when NODE changes,
# or at once if there is none. Its first event says that it is watched.
asked_while_it_stops() {
	local rc=0 asked changes
	if [ -n "$1" ]; then
		exec {changes}< <(exec timeout 30 xenstore-watch -n 2 "$1")
		read -r _ <&"$changes"
	fi
	"${@:2}" 2>"$scratch/asked" &
	asked=$!
	if [ -n "$1" ]; then
		read -r _ <&"$changes" || true
		exec {changes}<&-
	fi
	systemctl stop zendo-stored.socket zendo-stored.service
	wait $asked || rc=$?
	cat "$scratch/asked"
	[ $rc = 0 ] || grep -E "zendo-hotplug (ended in the middle of it .'systemctl status|does not run)|has no interface" "$scratch/asked"
}

# Who asks next starts all of it again by its sockets, and finds the device there or gone. Another number each time: a guest may not have heard
# of the end of the last one.
store_is_stopped() {
	local n id node
	id=$(domid_of web)
	for n in 2 3 4; do
		case $n in
		2) node='' ;;
		3) node=/local/domain/0/backend/vif/$id/$n/state ;;
		4) node=/local/domain/$id/device/vif/$n/state ;;
		esac
		asked_while_it_stops "$node" zendo network-attach web bridge=br1 "devid=$n"
		zendo device list web | tee "$scratch/list"
		grep -q "^vif-$id-0 .* connected  *connected  *connected " "$scratch/list"
		if grep -q "^vif-$id-$n " "$scratch/list"; then
			front_is "/local/domain/$id/device/vif/$n/state" 4
			asked_while_it_stops "$node" zendo network-detach web "$n"
			zendo network-detach web "$n" 2>"$scratch/asked" || {
				cat "$scratch/asked"
				grep -q "has no interface $n" "$scratch/asked"
			}
		fi
		refuses ip link show "vif$id.$n"
		refuses xenstore-read "/local/domain/0/backend/vif/$id/$n/state"
		refuses xenstore-read "/local/domain/$id/device/vif/$n/state"
	done
	ping -c 2 -i 0.2 -W 5 10.9.0.2
}

# Where the sockets cannot be had either, each command says what is down.
store_cannot_be_started() {
	local begin=$SECONDS
	systemctl mask --runtime zendo-stored.socket zendo-stored.service
	systemctl stop zendo-stored.socket zendo-stored.service
	fails_with 1 'zendo-hotplug ended in the middle of it|zendo-hotplug does not run' zendo network-attach web bridge=br1
	fails_with 1 'zendo-hotplug does not run, which serves devices: systemctl start zendo-hotplug' zendo network-detach web 0
	fails_with 1 'Unit zendo-stored.socket is masked' systemctl start zendo-hotplug
	between 'seconds that three commands take' $((SECONDS - begin)) 0 30
	systemctl unmask --runtime zendo-stored.socket zendo-stored.service
	systemctl start zendo-hotplug
	equal interfaces "$(zendo network-list --json web | jq length)" 1
	ping -c 2 -i 0.2 -W 5 10.9.0.2
}

# The guest's frontend stays connected, and its new interface is where the old one was; also when there was no agent meanwhile.
modules_are_reloaded() {
	local id plain
	id=$(domid_of web)
	zendo create -p "$(tiny plain hello '' 'vif = ["bridge=br0,vlan=5,isolated=1"]')"
	plain=$(domid_of plain)
	modprobe -r hvnetback
	refuses ip link show "vif$id.0"
	modprobe hvnetback
	hears -n 2 20 "^vif-($id|$plain)-0: its module came again, its interface is where it was" journalctl -f -n all -o cat -u zendo-hotplug
	answers 10.9.0.2
	bridge -j vlan show dev "vif$plain.0" | jq -e '.[0].vlans == [{"vlan": 5, "flags": ["PVID", "Egress Untagged"]}]'
	bridge -d -j link show dev "vif$plain.0" | jq -e '.[0].isolated'
	systemctl stop zendo-hotplug.socket zendo-hotplug.service
	modprobe -r hvnetback
	modprobe hvnetback
	systemctl start zendo-hotplug.socket zendo-hotplug.service
	hears -n 4 20 "^vif-($id|$plain)-0: its module came again" journalctl -f -n all -o cat -u zendo-hotplug
	answers 10.9.0.2
	zendo destroy plain
}

# threads_stand DOMAIN - all of its threads do
threads_stand() {
	equal FreezerState "$(systemctl show -P FreezerState "zendo-domain@$1")" frozen
}

# A domain that is frozen, and to which somebody sends: other guests are served, devices of both come and go, and it can be ended.
frozen_domain_holds_up_nobody() {
	local id flood
	zendo create "$(tiny still net 'address=10.9.0.8 peers=2' 'vif = ["bridge=br0"]')"
	id=$(domid_of still)
	ping -c 1 -W 20 10.9.0.8
	systemctl freeze zendo-domain@still
	threads_stand still
	ping -q -f -s 1400 10.9.0.8 &
	flood=$!
	ping -c 3 -i 0.2 -W 5 10.9.0.2
	zendo network-attach web bridge=br1
	front_is "/local/domain/$(domid_of web)/device/vif/1/state" 4
	zendo network-detach web 1
	fails_with 1 'does not let go' zendo network-detach --timeout 1 still 0
	zendo network-detach --force still 0
	refuses ip link show "vif$id.0"
	zendo network-attach still bridge=br0
	kill -INT $flood
	wait $flood || true
	ping -c 2 -i 0.2 -W 5 10.9.0.2
	threads_stand still
	journalctl -o cat -u zendo-hotplug | grep "the runner of 'still' lends no threads"
	systemctl kill -s KILL zendo-domain@still
	journal_hears still 30 'status=9/KILL'
	gone still
	hears 20 "vif-$id-0: gone" journalctl -f -n all -o cat -u zendo-hotplug
}

only_root_attaches() {
	fails_with 5 'no permission' setpriv --reuid nobody --regid nogroup --clear-groups zendo network-attach web bridge=br0
	fails_with 5 'only root' setpriv --reuid nobody --regid zendo --clear-groups zendo network-attach web bridge=br0
	setpriv --reuid nobody --regid zendo --clear-groups zendo device list web | grep vif
}

runner_is_killed() {
	local id
	id=$(domid_of web)
	systemctl kill -s KILL --kill-whom=main zendo-domain@web
	journal_hears web 30 'status=9/KILL'
	gone web
	hears 20 "vif-$id-0: gone" journalctl -f -n all -o cat -u zendo-hotplug
	nothing_left
}

reboots_get_their_devices_again() {
	zendo create "$(stock again 'ip link show eth0 && echo has-eth0; reboot -f' 'vif = ["bridge=br0"]')"
	hears -n 2 180 'has-eth0' zendo console -r again || {
		kept again
		journal_of again | tail -n 20
		return 1
	}
	zendo destroy again
	nothing_left
}

# Written by the guest, read here; and the other way round on a disk that comes and goes.
disks_carry_data() {
	local id
	truncate -s 8M /srv/one
	truncate -s 4M /srv/two
	printf 'from dom0' | dd of=/srv/two conv=notrunc status=none
	zendo create "$(stock disk 'echo from-guest | dd of=/dev/xvda conv=fsync; echo written; while read -r line; do eval "$line"; done' \
		'disk = ["file:/srv/one,xvda,w"]')"
	expect_console disk 60 '^written'
	equal 'what the guest wrote' "$(head -c 10 /srv/one)" from-guest
	id=$(domid_of disk)
	zendo block-list disk | grep -E '^51712 +0 +[0-9]+ +4 +connected +xvda +w +/srv/one$'
	zendo stat --json -i 0.1 -c 1 disk | jq -e --arg name "vbd-$id-51712" '.domains[0].disk[0] | .device == $name and .total.wr_req > 0 and .total.wr_sect > 0'
	zendo block-attach disk file:/srv/two xvdb r
	front_is "/local/domain/$id/device/vbd/51728/state" 4
	fails_with 1 'xvdb: it is taken|51728 .* is taken' zendo block-attach disk file:/srv/two xvdb r
	fails_with 1 'xvdc: /srv/one: it is in use by domain' zendo block-attach disk file:/srv/one xvdc w
	truncate -s 16M /srv/one
	zendo block-resize disk xvda
	equal sectors "$(xenstore-read "/local/domain/0/backend/vbd/$id/51712/sectors")" 32768
	kill -9 "$(agent_pid)"
	zendo block-detach disk xvdb
	refuses xenstore-read "/local/domain/0/backend/vbd/$id/51728/state"
	zendo destroy disk
	nothing_left
}

# A disk that hangs has threads of its domain with it. Those that its other devices need are lent when they are asked for.
hung_disk_holds_up_no_other_device() {
	truncate -s 32M /srv/hung.fs
	mkfs.ext4 -q /srv/hung.fs
	mkdir -p /srv/hung
	mount -o loop /srv/hung.fs /srv/hung
	truncate -s 4M /srv/hung/disk
	zendo create "$(stock hung 'ip link set eth0 up; ip addr add 10.9.0.5/24 dev eth0; echo up; read -r go
		for i in 1 2 3 4 5 6; do (dd if=/dev/zero of=/dev/xvda bs=4k count=1 seek=$i oflag=direct 2>/dev/null && echo "written $i") & done
		echo asked; cat /dev/hvc0 >/dev/null' 'vif = ["bridge=br0"]' 'disk = ["file:/srv/hung/disk,xvda,w"]')"
	expect_console hung 60 '^up'
	ping -c 2 -i 0.2 -W 5 10.9.0.5
	fsfreeze -f /srv/hung
	trap 'fsfreeze -u /srv/hung' EXIT
	hears 30 '^asked' sh -c 'echo go | zendo console hung'
	ping -c 5 -i 0.2 -W 5 10.9.0.5
	zendo network-attach hung bridge=br1
	front_is "/local/domain/$(domid_of hung)/device/vif/1/state" 4
	refuses console_has hung '^written'
	fsfreeze -u /srv/hung
	trap - EXIT
	journal_hears hung -n 6 30 '^written'
	between 'threads for devices' "$(threads_for_devices hung)" 3 8
	zendo destroy hung
	umount /srv/hung
	rm /srv/hung.fs
	nothing_left
}

disk_unit() {
	echo "zendo-disk-vbd-$(domid_of "$1")-$2.service"
}

# Its unit has ended, and took all along.
served_no_more() {
	hears 60 "$1: (Deactivated successfully|Failed with result)" journalctl -f -n all -o cat -u "$1" -u init.scope
	nothing_left
	equal 'units of images' "$(systemctl list-units --all --plain --no-legend 'zendo-disk-*')" ''
	equal 'nbd devices in use' "$(ls -d /sys/block/nbd*/pid 2>/dev/null)" ''
	equal 'sockets of qemu-nbd' "$(ls /run/zendo/disks 2>/dev/null)" ''
}

# What is in an image, by its name and format.
sum_in() {
	qemu-img convert -f "$1" -O raw "$2" /srv/raw
	sha256sum </srv/raw | cut -c1-64
}

# An overlay is written by a stock guest, read by the next; qemu finds both files in order.
images_carry_data() {
	local unit sum image='/srv/over.qcow2,qcow2,xvda,w'
	qemu-img create -q -f qcow2 /srv/base.qcow2 4M
	qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 /srv/over.qcow2
	bad "/srv/over.qcow2 looks like a qcow2 image, not like a raw one: write format=qcow2" 'disk = ["file:/srv/over.qcow2,xvda,w"]'
	bad "/srv/odd does not look like a vhd image, but like raw: write format=raw" 'disk = ["/srv/odd,vhd,xvda,w"]'
	zendo create "$(stock image 'dd if=/dev/urandom of=/dev/xvda bs=1M count=3 oflag=direct; dd if=/dev/xvda of=/dev/xvda bs=512 count=7 seek=7001
		sync; echo "sum $(sha256sum </dev/xvda | cut -c1-64)"; cat /dev/hvc0 >/dev/null' "disk = [\"$image\"]")"
	expect_console image 120 '^sum '
	sum=$(kept image | sed -n 's/^sum //p')
	unit=$(disk_unit image 51712)
	systemctl show "$unit" | grep -E '^(Slice|BindsTo|Before|CapabilityBoundingSet|DeviceAllow|ExecStart|SystemCallFilter)='
	equal slice "$(systemctl show -P Slice "$unit")" zendo.slice
	equal 'bound to' "$(systemctl show -P BindsTo "$unit")" 'zendo-domain@image.service'
	fails_with 1 '/srv/base.qcow2: it is in use by domain [0-9]+ .vbd-[0-9]+-51712, reading' \
		zendo create "$(tiny bad hello '' 'disk = ["/srv/base.qcow2,qcow2,xvda,w"]')"
	fails_with 1 'keeps its size' zendo block-resize image xvda
	kill -9 "$(agent_pid)"
	fails_with 1 '/srv/over.qcow2: it is in use by domain' zendo block-attach image /srv/over.qcow2 qcow2 xvdb r
	zendo destroy image
	served_no_more "$unit"
	qemu-img check /srv/over.qcow2
	equal 'what the guest wrote' "$(sum_in qcow2 /srv/over.qcow2)" "$sum"
}

# The other formats come and go at run time; a server that is killed is an error to the guest, and leaves nothing.
images_come_and_go() {
	local kind id unit
	zendo create "$(stock again 'echo "sum $(sha256sum </dev/xvda | cut -c1-64)"; while read -r line; do eval "$line"; done' \
		'disk = ["/srv/over.qcow2,qcow2,xvda,r"]')"
	expect_console again 120 '^sum '
	equal 'what the next guest reads' "$(kept again | sed -n 's/^sum //p')" "$(sum_in qcow2 /srv/over.qcow2)"
	id=$(domid_of again)
	for kind in vhd:vpc vhdx:vhdx vmdk:vmdk; do
		qemu-img create -q -f "${kind#*:}" "/srv/image.${kind%:*}" 8M
		zendo block-attach again "/srv/image.${kind%:*}" "${kind%:*}" xvdb w
		front_is "/local/domain/$id/device/vbd/51728/state" 4
		zendo block-detach again xvdb
		refuses systemctl is-active "$(disk_unit again 51728)"
		qemu-img info "/srv/image.${kind%:*}"
	done
	unit=$(disk_unit again 51712)
	systemctl kill -s KILL "$unit"
	hears 30 "$unit: Failed with result" journalctl -f -n all -o cat -u "$unit" -u init.scope
	systemctl kill -s KILL --kill-whom=main zendo-domain@again
	gone again
	served_no_more "$unit"
	rm /srv/raw /srv/over.qcow2 /srv/base.qcow2 /srv/image.*
}

# times_said TEXT JOURNAL-OPTION... - so far
times_said() {
	journalctl --sync
	journalctl -o cat --no-pager "${@:2}" | grep -cE "$1" || true
}

# A server of an image is killed at moments of an attach, and of a detach: the device is there or not, with a reason, and nothing else of it.
servers_are_killed_on_the_way() {
	local n unit id attach rc text from seen attached=0
	qemu-img create -q -f qcow2 /srv/way.qcow2 4M
	zendo create "$(stock way 'echo up; while read -r line; do eval "$line"; done')"
	expect_console way 60 '^up'
	unit=$(disk_unit way 51728) id=$(domid_of way)
	# What is heard on the way: the server is started, the kernel's device has a size, the agent is done.
	for n in 1 2 3; do
		case $n in
		1) text="^Starting $unit" from=(-u "$unit" -u init.scope) ;;
		2) text='nbd[0-9]+: detected capacity change from 0 to 8192' from=(-k) ;;
		3) text="^vbd-$id-51728: attached" from=(-u zendo-hotplug) ;;
		esac
		seen=$(times_said "$text" "${from[@]}")
		zendo block-attach way /srv/way.qcow2 qcow2 xvdb w 2>"$scratch/attach" &
		attach=$!
		hears -n $((seen + 1)) 60 "$text" journalctl -f -n all -o cat "${from[@]}"
		systemctl kill -s KILL "$unit" || true
		rc=0
		wait $attach || rc=$?
		cat "$scratch/attach"
		if [ $rc != 0 ]; then
			grep -E "'disk': xvdb: /srv/way.qcow2: (qemu-nbd does not serve it .*|.* has ended (again|before its device was opened)): journalctl|: it has no size" \
				"$scratch/attach"
		else
			attached=$((attached + 1))
			zendo block-detach way xvdb
		fi
		served_no_more "$unit"
	done
	echo "$attached of 3 were attached"
	[ $attached -gt 0 ]
	# The same while it is to end by itself
	zendo block-attach way /srv/way.qcow2 qcow2 xvdb w
	text="^Stopping $unit"
	seen=$(times_said "$text" -u "$unit" -u init.scope)
	zendo block-detach way xvdb &
	attach=$!
	hears -n $((seen + 1)) 60 "$text" journalctl -f -n all -o cat -u "$unit" -u init.scope
	systemctl kill -s KILL "$unit" || true
	wait $attach
	served_no_more "$unit"
}

# Under its guest: errors, and it goes as any other; it can be had again, and nothing of it is lost but what was not flushed.
a_server_is_killed_under_its_guest() {
	local unit again
	unit=$(disk_unit way 51744) again=$(disk_unit way 51760)
	zendo block-attach way /srv/way.qcow2 qcow2 xvdc w
	front_is "/local/domain/$(domid_of way)/device/vbd/51744/state" 4
	hears 30 '^written' sh -c 'echo "echo lasting | dd of=/dev/xvdc conv=fsync && echo written" | zendo console way'
	systemctl kill -s KILL "$unit"
	hears 30 "$unit: Failed with result" journalctl -f -n all -o cat -u "$unit" -u init.scope
	hears 30 '^no more' sh -c 'echo "dd if=/dev/xvdc of=/dev/null bs=4096 count=1 skip=9 iflag=direct || echo no more" | zendo console way'
	zendo block-detach way xvdc
	served_no_more "$unit"
	qemu-img check /srv/way.qcow2
	equal 'what the guest had flushed' "$(qemu-img convert -O raw /srv/way.qcow2 /srv/raw && head -c 7 /srv/raw)" lasting
	zendo block-attach way /srv/way.qcow2 qcow2 xvdd w
	front_is "/local/domain/$(domid_of way)/device/vbd/51760/state" 4
	hears 30 '^lasting' sh -c 'echo "head -n 1 /dev/xvdd" | zendo console way'
	zendo destroy way
	served_no_more "$again"
	rm /srv/raw /srv/way.qcow2
}

# Dead ones, too: what they said, what was said of them, and what served their images; not what anybody says in their name.
journal_of_the_dead() {
	logger --journald <<-END
		MESSAGE=forged
		ZENDO_DOMAIN=image
	END
	journalctl --sync
	gone image
	zendo logs --no-pager -o cat image | tee /root/logs | grep '^sum '
	grep 'Started .*Zendo domain image' /root/logs
	refuses grep forged /root/logs
	equal lines "$(zendo logs --no-pager -o cat -n 2 image | wc -l)" 2
	zendo logs --no-pager nobody | grep 'No entries'
}

stops_while_asked() {
	systemctl stop zendo-hotplug.service zendo-hotplug.socket
	fails_with 1 'zendo-hotplug does not run' zendo create "$(tiny bad hello '' 'vif = ["bridge=br0"]')"
	systemctl start zendo-hotplug
	nothing_left
}

check 'hypervisor' systemctl start zendo
check 'bridges' bridges
check 'test files' sh -c 'mkdir -p /srv && truncate -s 1000 /srv/odd'
check 'bad definitions are refused whole, with line and key' definitions_are_refused
check 'targets that dom0 uses are refused with who does' targets_in_use_are_refused
check 'a number that is taken again at once' number_is_taken_again_at_once "${1:-10}"
check 'a guest without a driver' guest_without_a_driver
check 'modules that cannot be loaded' modules_cannot_be_loaded
check 'scripts are put there' scripts
check 'a guest lives on what own scripts made' scripts_serve_a_guest
check "a guest lives on what Xen's scripts made" scripts_of_xen_serve_a_guest
check 'scripts undo while there is no agent' scripts_undo_without_an_agent
check 'scripts that are missing, open to others, or fail' scripts_that_are_no_good
check 'scripts that hang, and the agent killed in one' scripts_that_hang
check 'a stock guest has its network' guest_pings
check 'figures of a domain, its vCPU, its interface' figures_are_told
check 'figures live' figures_are_told_live
check 'VLAN, isolation, name and default bridge' settings_have_their_effect
check 'an address that is taken is refused' same_mac_is_refused
check 'attach and detach' attach_and_detach
check 'the first device comes late' first_device_comes_late
check 'a domain that is frozen holds up nobody' frozen_domain_holds_up_nobody
check 'a module that comes again has its interfaces where they were' modules_are_reloaded
check 'only root attaches, the group looks' only_root_attaches
check 'the agent is killed under a guest that pings' agent_is_killed
check 'the store is killed between attach and detach' store_is_killed
check 'the store is stopped with its socket during attach and detach' store_is_stopped
check 'without the store commands say what does not run' store_cannot_be_started
check 'a runner that is killed leaves nothing' runner_is_killed
check 'a guest that reboots gets its devices again' reboots_get_their_devices_again
if modinfo hvblkback >/dev/null 2>&1; then
	check 'disks carry data, come, go and grow' disks_carry_data
	check 'a disk that hangs holds up no other device of its domain' hung_disk_holds_up_no_other_device
	check 'images carry data, and are left in order' images_carry_data
	check 'images of each format come and go, and may lose their server' images_come_and_go
	check 'servers of images are killed during attach and detach' servers_are_killed_on_the_way
	check 'the server of an image is killed under its guest' a_server_is_killed_under_its_guest
else
	skip 'disks carry data, come, go and grow' 'there is no module hvblkback'
fi
check 'the journal of a domain that is gone' journal_of_the_dead
check 'without the agent a domain with devices does not start' stops_while_asked
check 'the hypervisor is clean' hypervisor_clean
check 'it stops' systemctl stop zendo
check 'the kernel has nothing to say' dmesg_clean
finish
