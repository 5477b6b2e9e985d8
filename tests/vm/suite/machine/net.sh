# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only

. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/neighbours.sh"
number=$1		# of tiny guests on one bridge

patience=200		# seconds for a boot of the stock kernel when the host is busy
bytes=4000000
declare -A domid

# Port 5001 keeps what it is sent and answers with the sum of it; port 7 is a shell for whoever has a command. A second interface asks for
# its address.
story='
printf "#!/bin/sh\ntee /tmp/file | sha256sum\n" >/bin/take
cat >/bin/leased <<"END"
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add $ip/$mask dev $interface
ip route add default via $router
echo nameserver $dns >/etc/resolv.conf
echo leased $ip from $serverid
END
chmod +x /bin/take /bin/leased
ip link set eth0 up
ip addr add ADDRESS/24 dev eth0
echo guest is up with $(ls /sys/class/net/eth0/queues | grep -c tx) queues
nc -ll -p 5001 -e /bin/take &
nc -ll -p 7 -e /bin/sh &
if ip link set eth1 up; then
	udhcpc -i eth1 -n -q -t 20 -x hostname:guest-$(hostname) -s /bin/leased
fi
wait
'

# The guest's initramfs, and /bin/xdp behind it
initramfs_with_xdp() {
	install -D /root/xdp "$scratch/tree/bin/xdp"
	(cat /root/guest/initrd.gz; cd "$scratch/tree"; find bin/xdp | cpio --quiet -o -H newc | gzip -1) >/root/xdp.gz
}

# begin NAME VCPUS ADDRESS VIF
begin() {
	zendo create "$(stock "$1" "hostname $1; ${story/ADDRESS/$3}" "vcpus = $2" "vif = [$4]" 'ramdisk = "/root/xdp.gz"')"
	domid[$1]=$(zendo domid "$1")
}

vif() {
	echo "vif${domid[$1]}.${2:-0}"
}

plug() {
	ip link set "$(vif "$1")" master br0 up
}

# in_guest ADDRESS COMMAND - by its port 7; what it prints
in_guest() {
	printf '%s\nexit\n' "$2" | timeout 120 socat -t 120 - "TCP:$1:7,retry=50,interval=0.2"
}

# counter NAME COUNTER - the sum of all queues
counter() {
	ethtool -S "$(vif "$1")" | awk -v name="_$2:" 'index($1, name) { sum += $2 } END { print sum + 0 }'
}

dom0_to_guest() {
	equal 'what came' "$(socat -t 60 - "TCP:${2:-$1}:5001,retry=50,interval=0.2" </tmp/file)" "$sum"
}

# The guest sends what it was sent last. It begins when socat says that it listens.
guest_to_dom0() {
	local log
	exec {log}< <(exec socat -d -d -u "${3:-TCP-LISTEN}:5002,reuseaddr" "CREATE:$scratch/came" 2>&1)
	grep -m 1 'listening on' <&"$log"
	in_guest "$1" "nc ${2:-10.9.0.1} 5002 </tmp/file"
	cat <&"$log"	# to its end
	equal 'what came' "$(sha256sum <"$scratch/came")" "$sum"
}

guest_to_guest() {
	equal 'what came' "$(in_guest 10.9.0.2 'nc 10.9.0.3 5001 </tmp/file')" "$sum"
}

# Each connection has a queue by its port: none of 4 is left out by all of 48 but once in 250,000 times.
all_queues() {
	local log queue
	exec {log}< <(exec socat -d -d TCP-LISTEN:5003,fork,reuseaddr 'SYSTEM:echo hello' 2>&1)
	grep -m 1 'listening on' <&"$log"
	equal answers "$(in_guest 10.9.0.2 'for i in $(seq 48); do nc 10.9.0.1 5003 </dev/null; done' | grep -c hello)" 48
	kill $!
	ethtool -S "$(vif a)" >"$scratch/queues"
	for queue in 0 1 2 3; do
		grep -E "q${queue}_rx_packets: [1-9]" "$scratch/queues"
		grep -E "q${queue}_tx_packets: [1-9]" "$scratch/queues"
	done
}

# What a socket of dom0 takes is copied by the kernel, then at once, and one in between is tried with the guest's pages again.
copied_at_once() {
	guest_to_dom0 10.9.0.2
	between 'tried with its pages' "$(counter a rx_zerocopy)" 1 100
	[ "$(counter a rx_zerocopy_copied)" -gt 0 ]
	[ "$(counter a rx_copied)" -gt 0 ]
}

large_packets() {
	ping -c 2 -i 0.2 -W 5 -s 60000 10.9.0.2
	in_guest 10.9.0.2 'ping -c 2 -s 60000 10.9.0.1' | grep ' 0% packet loss'
	in_guest 10.9.0.2 'ping -c 2 -s 60000 10.9.0.3' | grep ' 0% packet loss'
}

jumbo() {
	local name
	for name in a b; do
		ip link set "$(vif $name)" mtu 9000
	done
	in_guest 10.9.0.2 'ip link set eth0 mtu 9000'
	in_guest 10.9.0.3 'ip link set eth0 mtu 9000'
	ping -c 2 -i 0.2 -W 5 -M 'do' -s 8972 10.9.0.2
	in_guest 10.9.0.2 'ping -c 2 -s 8972 10.9.0.3' | grep ' 0% packet loss'
	guest_to_guest
}

# headroom_is BYTES - the agent has heard it, the kernel has it, and packets fit into one page
headroom_is() {
	local offload=off
	[ "$1" != 0 ] || offload=on
	front_is "/local/domain/0/backend/vif/${domid[a]}/0/state" 4
	equal node "$(xenstore-read "/local/domain/${domid[a]}/device/vif/0/xdp-headroom")" "$1"
	ethtool -k "$(vif a)" | grep "tcp-segmentation-offload: $offload"
}

# A program in the guest's frontend that drops each packet without 64 bytes of room before it. The module is loaded again under it.
xdp_has_headroom() {
	ethtool -k "$(vif a)" | grep 'tcp-segmentation-offload: on'
	in_guest 10.9.0.2 'xdp eth0 on' | grep -x 'xdp is on'
	headroom_is 256
	ping -c 2 -i 0.2 -W 5 -s 1400 10.9.0.2
	dom0_to_guest 10.9.0.2
	rmmod hvnetback
	modprobe hvnetback
	plug a
	plug b
	answers 10.9.0.2
	headroom_is 256
	in_guest 10.9.0.2 'xdp eth0 off' | grep -x 'xdp is off'
	headroom_is 0
	dom0_to_guest 10.9.0.2
}

six() {
	ip addr add fd00::1/64 dev br0 nodad
	in_guest 10.9.0.3 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad; ip addr add fd00::3/64 dev eth0'
	ping -c 2 -i 0.2 -W 10 fd00::3
	dom0_to_guest 10.9.0.3 '[fd00::3]'
	guest_to_dom0 10.9.0.3 fd00::1 TCP6-LISTEN
}

# second_interface SETTING... - one more for a, where it is eth1 and up
second_interface() {
	zendo network-attach a devid=2 "$@"
	front_is "/local/domain/${domid[a]}/device/vif/2/state" 4
	in_guest 10.9.0.2 'ip link set eth1 up && echo eth1'
}

# VLAN 20 of a bridge that filters: tagged for dom0, with the checksums left open; what is on the bridge's own VLAN is not to be seen.
in_a_vlan() {
	ip link add brv type bridge vlan_filtering 1
	ip addr add 10.21.0.1/24 dev brv
	bridge vlan add dev brv vid 20 self
	ip link add link brv name brv20 type vlan id 20
	ip addr add 10.20.0.1/24 dev brv20
	ip link set brv up
	ip link set brv20 up
	second_interface bridge=brv vlan=20 | grep eth1
	equal 'VLANs of its port' "$(bridge -j vlan show dev "$(vif a 2)" | jq -c '[.[].vlans[] | [.vlan, .flags]]')" \
		'[[20,["PVID","Egress Untagged"]]]'
	in_guest 10.9.0.2 'ip addr add 10.20.0.2/24 dev eth1; ip addr add 10.21.0.2/24 dev eth1; ping -c 1 -W 10 10.20.0.1; ping -c 1 -W 1 10.21.0.1' \
		>"$scratch/pings"
	grep -c ' 0% packet loss' "$scratch/pings"
	grep ' 100% packet loss' "$scratch/pings"
	dom0_to_guest 10.20.0.2
	guest_to_dom0 10.9.0.2 10.20.0.1
	zendo network-detach a 2
	ip link del brv
}

# a may send from 10.9.0.2 only, b from its MAC
lies_are_dropped() {
	local ip mac
	ip=$(counter a rx_spoofed_ip)
	in_guest 10.9.0.2 'ip addr add 10.9.0.99/24 dev eth0; ping -c 2 -i 0.2 -W 1 -I 10.9.0.99 10.9.0.1; ip addr del 10.9.0.99/24 dev eth0' |
		grep '100% packet loss'
	[ "$(counter a rx_spoofed_ip)" -gt "$ip" ]
	mac=$(counter b rx_spoofed_mac)
	in_guest 10.9.0.3 'link() { ip link set eth0 down; ip link set eth0 address $1; ip link set eth0 up; }
		link 00:16:3e:00:00:77; ping -c 2 -i 0.2 -W 1 10.9.0.1; link 00:16:3e:00:00:0b; echo back' | grep back
	[ "$(counter b rx_spoofed_mac)" -gt "$mac" ]
	ping -c 1 -W 10 10.9.0.3
}

# b does not read: what is sent to it is thrown away in the end, then it has no carrier, until it reads. a does not notice. The times
# are shortened here.
one_that_does_not_read() {
	local parameters=/sys/module/hvnetback/parameters device
	device=$(vif b)
	equal drain "$(cat $parameters/rx_drain_timeout_msecs)" 10000
	equal stall "$(cat $parameters/rx_stall_timeout_msecs)" 60000
	echo 1000 >$parameters/rx_drain_timeout_msecs
	echo 2000 >$parameters/rx_stall_timeout_msecs
	zendo pause b
	hears 60 "$device.*NO-CARRIER" sh -c "ip monitor link dev $device & exec ping -q -f -s 4000 10.9.0.3"
	in_guest 10.9.0.2 'ping -c 2 10.9.0.1' | grep ' 0% packet loss'
	[ "$(counter b tx_no_slots)" -gt 0 ]
	[ "$(counter b tx_expired)" -gt 0 ]
	equal stalls "$(counter b tx_stalls)" 1
	hears 60 "$device.*LOWER_UP" sh -c "ip monitor link dev $device & zendo unpause b; wait"
	echo 10000 >$parameters/rx_drain_timeout_msecs
	echo 60000 >$parameters/rx_stall_timeout_msecs
	ping -c 3 -i 0.2 -W 10 10.9.0.3
}

# ---- networks by 'zendo net' ----

# All that a network could leave behind
traces() {
	ip -o link | awk -F': ' '$2 !~ /^vif|^up0/ { print $2 }'
	ip -j route | jq -c '.[] | [.dst, .dev, .gateway]'
	nft list ruleset
	find /etc/zendo/networks /run/zendo/networks /var/lib/zendo/networks -type f ! -name .lock
	systemctl list-units --plain --no-legend 'zendo-net@*' | cut -d' ' -f1
	ls /etc/systemd/system/multi-user.target.wants
}

# A network that knows nothing of guests, and rules that are somebody's.
prepare_outside() {
	ip netns add outside
	ip link add up0 type veth peer name up1 netns outside
	ip addr add 203.0.113.1/24 dev up0
	ip link set up0 up
	ip -n outside addr add 203.0.113.2/24 dev up1
	ip -n outside link set up1 up
	ip -n outside route add 10.78.0.0/16 via 203.0.113.1
	nft 'table inet somebody { chain input { type filter hook input priority filter; policy accept; tcp dport 1 drop; }; }'
	traces >"$scratch/before"
}

# outside ADDRESS COMMAND - the command of b while somebody listens outside, who says whom he sees and takes what comes
outside() {
	local log
	exec {log}< <(exec ip netns exec outside socat -d -d TCP-LISTEN:5000,reuseaddr \
		'SYSTEM:echo I see $SOCAT_PEERADDR; wc -c' 2>&1)
	grep -m 1 'listening on' <&"$log" || return
	in_guest 10.9.0.3 "$1"
	cat <&"$log"
}

leased_address() {
	kept b | sed -n 's/^leased \([^ ]*\) from.*/\1/p'
}

first_network_makes_itself() {
	local text
	expect_console b $patience 'leased 10\.78\.0\.[0-9]+ from 10\.78\.0\.1'
	equal 'its network' "$(zendo net list --json | jq -c '.[] | [.name, .up, .autostart, .interfaces, .subnet]')" \
		'["zendo0",true,false,1,"10.78.0.0/24"]'
	equal bridge "$(ip -o link show "$(vif b 1)" | grep -o 'master [^ ]*')" 'master zendo0'
	text=$(outside 'nc 203.0.113.2 5000 </dev/null; nslookup guest-b')
	grep -x 'I see 203.0.113.1' <<<"$text"
	grep -E "Address.*[ :]$(leased_address)\$" <<<"$text"
	journalctl -o cat -u zendo-net@zendo0 | grep 'ip_forward was 0 and is 1 now'
}

# Guests are let out, nobody is let in; so it stays when the network is started again under them.
only_outwards() {
	local address
	address=$(leased_address)
	refuses ip netns exec outside socat -u "TCP:$address:7,connect-timeout=5" -
	in_guest "$address" 'echo dom0 is its neighbour' | grep neighbour
	systemctl restart zendo-net@zendo0
	systemctl reload zendo-net@zendo0
	outside 'nc 203.0.113.2 5000 </dev/null' | grep -x 'I see 203.0.113.1'
	refuses ip netns exec outside socat -u "TCP:$address:7,connect-timeout=5" -
}

networks_are_refused() {
	fails_with 1 'subnet 10.9.0.0/25 is taken: there is a route to 10.9.0.0/24 by br0' zendo net create lan --nat --subnet 10.9.0.0/25
	fails_with 1 'there is an interface br0 already' zendo net create br0 --nat
	fails_with 1 "guests are on network zendo0 .$(vif b 1)" zendo net delete zendo0
	fails_with 1 "there is no network 'lan'" zendo net delete lan
	fails_with 2 'say --nat' zendo net create lan
	mount --bind /dev/null /usr/sbin/nft
	fails_with 1 'there is no program nft: apt install nftables' zendo net create lan --nat
	umount /usr/sbin/nft
	equal networks "$(zendo net list --json | jq -c '[.[].name]')" '["zendo0"]'
	refuses ip link show lan
}

# An interface with nothing but what router advertisements say reaches another network by NAT.
only_six() {
	ip addr add 2001:db8:1::1/64 dev up0 nodad
	ip -n outside addr add 2001:db8:1::2/64 dev up1 nodad
	second_interface bridge=lan mac=00:16:3e:00:00:1a | grep eth1
	answers fd12:3456::216:3eff:fe00:1a
	in_guest 10.9.0.2 'ip addr show dev eth1; ping -c 2 fd12:3456::1; ping -c 2 2001:db8:1::2' >"$scratch/six"
	equal 'answers of both' "$(grep -c ' 0% packet loss' "$scratch/six")" 2
	refuses grep 'inet ' "$scratch/six"
	zendo network-detach a 2
	ip addr del 2001:db8:1::1/64 dev up0
}

network_of_ones_own() {
	zendo net create lan --nat --ipv6 fd12:3456::/64
	systemctl is-enabled zendo-net@lan
	ip -6 addr show dev lan | grep fd12:3456::1/64
	equal subnet "$(zendo net list --json | jq -r '.[] | select(.name == "lan") | .subnet')" 10.78.1.0/24
	only_six
	nft 'add chain inet somebody forward { type filter hook forward priority filter; policy drop; }'
	/usr/lib/zendo/zendo-net advise lan 2>&1 | grep 'chain forward of table inet somebody drops'
	nft 'delete chain inet somebody forward'
	zendo net delete lan
	refuses ip link show lan
}

# 40 kB/s, each way: 300 kB take 7 s less what a burst may be, and not for ever. Slow enough to be the limit in an emulated machine
# on a host that has other work: of 100 kB/s one was not.
rate_holds() {
	local begin device
	device=$(vif b 1)
	begin=$EPOCHREALTIME
	outside 'head -c 300000 /tmp/file | nc 203.0.113.2 5000' | grep -x 300000
	between 'ms from the guest' $((${EPOCHREALTIME/./} / 1000 - ${begin/./} / 1000)) 2500 60000
	ethtool -S "$device" | grep -E 'rx_throttled: [1-9]'
}

# On no bridge: found from outside, and gone with the interface
routed() {
	zendo network-attach a script=vif-route 'ip=10.77.0.2 fd77::2'
	equal routes "$(ip -j route show dev "$(vif a 1)" | jq -c '[.[].dst]') $(ip -6 -j route show fd77::2 | jq -r '.[].dev')" \
		"[\"10.77.0.2\"] $(vif a 1)"
	fails_with 1 'there is a route to 10.77.0.2 already' zendo network-attach b script=vif-route ip=10.77.0.2
	[ ! -e "/sys/class/net/$(vif b 2)" ]
	front_is "/local/domain/${domid[a]}/device/vif/1/state" 4
	in_guest 10.9.0.2 'ip link set eth1 up && ip addr add 10.77.0.2/32 dev eth1 && ip route add 203.0.113.0/24 dev eth1; echo set' | grep '^set'
	ip -n outside route add 10.77.0.2 via 203.0.113.1
	answers 10.77.0.2 ip netns exec outside
	in_guest 10.9.0.2 'ping -c 1 -W 10 203.0.113.1 && echo there' | grep '^there'
	zendo network-detach a 1
	equal routes "$(ip route show 10.77.0.2)$(ip -6 route show fd77::2)" ''
}

# Its programs are not in the machine: a bridge without them is refused with what is missing, and nothing is left.
openvswitch_is_refused() {
	modprobe openvswitch
	python3 "$(dirname "$0")/datapath.py" new ovsbr0
	fails_with 1 'ovsbr0 is one of Open vSwitch, and there is no program /usr/bin/ovs-vsctl: apt install openvswitch-switch' \
		zendo network-attach a bridge=ovsbr0:10:20
	fails_with 1 'script=vif-openvswitch, but bridge br0 is none of Open vSwitch' zendo network-attach a script=vif-openvswitch bridge=br0
	fails_with 1 'trunks need a bridge of Open vSwitch, which br0 is not' zendo network-attach a bridge=br0:10
	[ ! -e "/sys/class/net/$(vif a 1)" ]
	python3 "$(dirname "$0")/datapath.py" del ovsbr0
	modprobe -r openvswitch
}

nothing_of_networks_is_left() {
	zendo net delete zendo0
	diff "$scratch/before" <(traces)
	equal networks "$(zendo net list --json | jq length)" 0
}

reload() {
	rmmod hvnetback
	[ ! -e "/sys/class/net/$(vif a)" ]
	modprobe hvnetback
	plug a
	plug b
	answers 10.9.0.2
	guest_to_dom0 10.9.0.2
}

reload_under_load() {
	local flood
	ping -q -f -s 3000 10.9.0.2 &
	flood=$!
	for _ in 1 2 3; do
		ping -q -f -c 200 -w 10 10.9.0.3 || true
		rmmod hvnetback
		modprobe hvnetback
		plug a
		plug b
	done
	kill -INT $flood
	wait $flood || true
	answers 10.9.0.2
	dom0_to_guest 10.9.0.3
}

detach() {
	zendo network-detach a 0
	[ ! -e "/sys/class/net/$(vif a)" ]
	[ ! -e "/sys/bus/hvback/devices/vif-${domid[a]}-0" ]
	refuses xenstore-read "/local/domain/0/backend/vif/${domid[a]}/0/state"
}

# An agent of the suite's own serves a third guest. Then its rings are filled with nonsense again and again, while somebody sends to it;
# nothing is connected after that.
hostile_rings() {
	local flood said agent
	zendo create "$(stock c 'echo c is up; cat /dev/hvc0 >/dev/null')"
	domid[c]=$(zendo domid c)
	systemctl stop zendo-hotplug.socket zendo-hotplug.service
	exec {said}< <(exec /root/netagent "${domid[c]}" "$(systemctl show -P MainPID zendo-domain@c)" 00:16:3e:00:00:0c 1 10.9.0.4 2>&1)
	agent=$!
	grep -m 1 '^offered' <&"$said"
	plug c
	expect_console c $patience '^c is up'
	grep -m 1 '^connected: ' <&"$said"
	ip neigh replace 10.9.0.4 lladdr 00:16:3e:00:00:0c dev br0
	ping -q -f 10.9.0.4 &
	flood=$!
	kill -USR1 $agent
	grep -m 1 '^hostile: ' <&"$said"
	kill -INT $flood
	wait $flood || true
	ethtool -S "$(vif c)" | grep -v ': 0$'
	[ "$(counter c rx_refused)" -gt 0 ]
	[ "$(counter c rx_grant_errors)" -gt 0 ]
	kill $agent
	grep -m 1 '^detached' <&"$said"
	[ ! -e "/sys/class/net/$(vif c)" ]
	zendo destroy c
	systemctl start zendo-hotplug.socket zendo-hotplug
	ping -c 2 -i 0.2 -W 10 10.9.0.3
}

dies_under_load() {
	local flood
	ping -q -f -s 3000 10.9.0.3 &
	flood=$!
	zendo destroy b
	hears 30 "vif-${domid[b]}-1: gone" journalctl -f -n all -o cat -u zendo-hotplug
	kill -INT $flood
	wait $flood || true
	[ ! -e "/sys/class/net/$(vif b)" ]
	pages_are_home
}

begin_both() {
	initramfs_with_xdp
	ip link add br0 type bridge
	ip addr add 10.9.0.1/24 dev br0
	ip link set br0 up
	prepare_outside
	begin a 4 10.9.0.2 '"bridge=br0,mac=00:16:3e:00:00:0a,queues=4,ip=10.9.0.2"'
	begin b 2 10.9.0.3 '"bridge=br0,mac=00:16:3e:00:00:0b,queues=1", "rate=40KB/s"'
	expect_console a $patience 'guest is up with 4 queues'
	expect_console b $patience 'guest is up with 1 queues'
}

quiet() {
	refuses grep -E 'BUG|WARNING|Oops|hung task|call trace' <(dmesg)
}

systemctl start zendo
head -c $bytes /dev/urandom >/tmp/file
sum=$(sha256sum </tmp/file)

begin_both || echo "not ok two guests with a network: they do not come up"
check 'dom0 and guests ping each other' ping -c 2 -i 0.2 -W 10 10.9.0.2
check 'packets of 60,000 bytes in fragments, each way' large_packets
check 'all four queues of a guest are in use' all_queues
check 'TCP from dom0 to a guest' dom0_to_guest 10.9.0.2
check 'TCP from a guest to dom0' copied_at_once
check 'TCP from guest to guest over a bridge' guest_to_guest
check 'a program in the guest has room before packets' xdp_has_headroom
check 'packets of 9,000 bytes' jumbo
check 'IPv6' six
check 'a guest in a VLAN' in_a_vlan
check 'packets that lie about where they come from are dropped' lies_are_dropped
check 'a guest that does not read harms nobody' one_that_does_not_read
check 'a guest is on zendo0, with an address by DHCP, and reaches another network by NAT' first_network_makes_itself
check 'nobody reaches the guest from there, also after a restart' only_outwards
check 'networks that cannot be are refused, and leave nothing' networks_are_refused
check 'a network of one'"'"'s own, with a guest that has IPv6 only' network_of_ones_own
check 'rate=' rate_holds
check 'an interface that is routed' routed
check 'a bridge of Open vSwitch without its programs is refused' openvswitch_is_refused
check "$number tiny guests on one bridge ping each other, nothing is left of them" neighbours "$number"
check 'a bridge goes and comes under load' bridge_goes_under_load
check 'a guest dies while another one that does not read has its packets' pages_in_the_queue_of_another
check 'the module is loaded again under connected guests' reload
check 'and under load' reload_under_load
for name in a b; do
	ethtool -S "$(vif $name)" | grep -v ': 0$'
done
check 'detaching leaves nothing behind' detach
check 'rings full of nonsense do no harm' hostile_rings
check 'a guest dies under load, nothing is left' dies_under_load
check 'a network that is deleted leaves no link, rule, route or file' nothing_of_networks_is_left
zendo destroy a
check 'the module goes' rmmod hvnetback
check 'the kernel has nothing to complain of' quiet
finish
