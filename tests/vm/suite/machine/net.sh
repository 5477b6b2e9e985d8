# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only

. "$(dirname "$0")/checks.sh"

patience=200		# seconds for a boot of the stock kernel when the host is busy
bytes=4000000
declare -A domid agent said

# The guest's device is there before it boots, so its driver has waited for it. Port 5001 keeps what it is sent and answers with the sum of it;
# port 7 is a shell for whoever has a command.
story='
printf "#!/bin/sh\ntee /tmp/file | sha256sum\n" >/bin/take
chmod +x /bin/take
ip link set eth0 up
ip addr add ADDRESS/24 dev eth0
echo guest is up with $(ls /sys/class/net/eth0/queues | grep -c tx) queues
nc -ll -p 5001 -e /bin/take &
nc -ll -p 7 -e /bin/sh
'

# begin NAME ADDRESS MAC QUEUES [AGENT-ARGUMENT...]
begin() {
	local name=$1 address=$2 mac=$3 queues=$4 runner from line
	shift 4
	zendo create -p "$(stock "$name" "${story/ADDRESS/$address}" 'vcpus = 2')" || return
	runner=$(systemctl show -P MainPID "zendo-domain@$name")
	domid[$name]=$(zendo list --json "$name" | jq '.[0].domid')
	mkfifo "$scratch/$name"
	/root/netagent "${domid[$name]}" "$runner" "$mac" "$queues" "$@" >"$scratch/$name" 2>&1 &
	agent[$name]=$!
	exec {from}<"$scratch/$name"
	said[$name]=$from
	read -r line <&"$from" && [ "$line" = offered ] || { echo "agent of $name: $line"; return 1; }
	plug "$name"
	zendo unpause "$name"
}

# The agent of NAME ends by itself
agent_ended() {
	timeout 30 tail --pid="${agent[$1]}" -f /dev/null
}

vif() {
	echo "vif${domid[$1]}.0"
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

large_packets() {
	ping -c 2 -W 5 -s 60000 10.9.0.2
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
	ping -c 2 -W 5 -M 'do' -s 8972 10.9.0.2
	in_guest 10.9.0.2 'ping -c 2 -s 8972 10.9.0.3' | grep ' 0% packet loss'
	guest_to_guest
}

six() {
	ip addr add fd00::1/64 dev br0 nodad
	in_guest 10.9.0.3 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad; ip addr add fd00::3/64 dev eth0'
	ping -c 2 -W 10 fd00::3
	dom0_to_guest 10.9.0.3 '[fd00::3]'
	guest_to_dom0 10.9.0.3 fd00::1 TCP6-LISTEN
}

# a may send from 10.9.0.2 only, b from its MAC
lies_are_dropped() {
	local ip mac
	ip=$(counter a rx_spoofed_ip)
	in_guest 10.9.0.2 'ip addr add 10.9.0.99/24 dev eth0; ping -c 2 -W 1 -I 10.9.0.99 10.9.0.1; ip addr del 10.9.0.99/24 dev eth0' |
		grep '100% packet loss'
	[ "$(counter a rx_spoofed_ip)" -gt "$ip" ]
	mac=$(counter b rx_spoofed_mac)
	in_guest 10.9.0.3 'link() { ip link set eth0 down; ip link set eth0 address $1; ip link set eth0 up; }
		link 00:16:3e:00:00:77; ping -c 2 -W 1 10.9.0.1; link 00:16:3e:00:00:0b; echo back' | grep back
	[ "$(counter b rx_spoofed_mac)" -gt "$mac" ]
	ping -c 1 -W 10 10.9.0.3
}

# b does not read: what is sent to it is thrown away in the end, and a does not notice
one_that_does_not_read() {
	zendo pause b
	ping -q -f -c 2000 -w 15 -s 4000 10.9.0.3 || true
	in_guest 10.9.0.2 'ping -c 3 -W 1 -s 8000 10.9.0.3; ping -c 3 10.9.0.1' | grep ' 0% packet loss'
	[ "$(counter b tx_no_slots)" -gt 0 ]
	zendo unpause b
	ping -c 3 -W 10 10.9.0.3
}

reload() {
	rmmod hvnetback
	[ ! -e "/sys/class/net/$(vif a)" ]
	modprobe hvnetback
	plug a
	plug b
	ping -c 2 -W 10 10.9.0.2
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
	ping -c 2 -W 10 10.9.0.2
	dom0_to_guest 10.9.0.3
}

detach() {
	kill "${agent[a]}"
	agent_ended a
	[ ! -e "/sys/class/net/$(vif a)" ]
	[ ! -e "/sys/bus/hvback/devices/vif-${domid[a]}-0" ]
}

# a's rings are filled with nonsense again and again, while somebody sends to it. It has no network then
hostile_rings() {
	local flood
	ip neigh replace 10.9.0.2 lladdr 00:16:3e:00:00:0a dev br0
	ping -q -f 10.9.0.2 &
	flood=$!
	kill -USR1 "${agent[a]}"
	grep -m 1 '^hostile: ' <&"${said[a]}"
	kill -INT $flood
	wait $flood || true
	ethtool -S "$(vif a)" | grep -v ': 0$'
	[ "$(counter a rx_refused)" -gt 0 ]
	[ "$(counter a rx_grant_errors)" -gt 0 ]
	ping -c 2 -W 10 10.9.0.3
}

dies_under_load() {
	local flood pages
	ping -q -f -s 3000 10.9.0.3 &
	flood=$!
	zendo destroy b
	agent_ended b
	kill -INT $flood
	wait $flood || true
	[ ! -e "/sys/class/net/$(vif b)" ]
	pages=$(zendo info | sed -n 's/^pages_out *: //p')
	equal pages_out "$pages" 0
}

begin_both() {
	ip link add br0 type bridge
	ip addr add 10.9.0.1/24 dev br0
	ip link set br0 up
	begin a 10.9.0.2 00:16:3e:00:00:0a 2 10.9.0.2
	begin b 10.9.0.3 00:16:3e:00:00:0b 1
	expect_console a $patience 'guest is up with 2 queues'
	expect_console b $patience 'guest is up with 1 queues'
}

quiet() {
	refuses grep -E 'BUG|WARNING|Oops|hung task|call trace' <(dmesg)
}

modprobe hvpriv
systemctl start zendo zendo-stored
head -c $bytes /dev/urandom >/tmp/file
sum=$(sha256sum </tmp/file)

begin_both || echo "not ok two guests with a network: they do not come up"
check 'dom0 and guests ping each other' ping -c 2 -W 10 10.9.0.2
check 'packets of 60,000 bytes in fragments, each way' large_packets
check 'TCP from dom0 to a guest' dom0_to_guest 10.9.0.2
check 'TCP from a guest to dom0' guest_to_dom0 10.9.0.2
check 'TCP from guest to guest over a bridge' guest_to_guest
check 'packets of 9,000 bytes' jumbo
check 'IPv6' six
check 'packets that lie about where they come from are dropped' lies_are_dropped
check 'a guest that does not read harms nobody' one_that_does_not_read
check 'the module is loaded again under connected guests' reload
check 'and under load' reload_under_load
for name in a b; do
	ethtool -S "$(vif $name)" | grep -v ': 0$'
done
check 'rings full of nonsense do no harm' hostile_rings
check 'detaching leaves nothing behind' detach
check 'a guest dies under load, nothing is left' dies_under_load
zendo destroy a
check 'the module goes' rmmod hvnetback
check 'the kernel has nothing to complain of' quiet
finish
