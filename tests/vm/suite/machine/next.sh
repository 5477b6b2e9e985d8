# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only

. "$(dirname "$0")/checks.sh"

# The console's lines are commands after a first report
story='
echo "kernel $(uname -r)"
dmesg | grep -q "Using FIFO-based ABI" && echo fifo events
echo "clock $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource), $(grep -c ^processor /proc/cpuinfo) CPUs"
dmesg | grep -E "WARNING|BUG|unstable|Call Trace" || echo nothing to complain of
dd if=/dev/urandom of=/dev/xvda bs=1M count=4 conv=fsync 2>/dev/null
echo "wrote $(head -c 4194304 /dev/xvda | sha256sum | cut -c1-64)"
ip link set eth0 up
ip addr add 10.9.0.2/24 dev eth0
echo up
while read -r line; do eval "$line"; done'

launch() {
	systemctl start zendo
	equal CPUs "$(info cpus_under)" "$(nproc)"
	zendo doctor
}

# Newer kernels leave a trace about it when kvm finds our callback in its place
kvm_is_turned_away() {
	refuses modprobe kvm_amd
	not_loaded kvm_amd
}

guest_is_up() {
	ip link add br0 type bridge
	ip addr add 10.9.0.1/24 dev br0
	ip link set br0 up
	truncate -s 64M /root/disk.img
	zendo create "$(stock web "$story" 'vcpus = 2' 'disk = ["file:/root/disk.img,xvda,w"]' 'vif = ["bridge=br0"]')"
	expect_console web 200 "^kernel $(uname -r | sed 's/+/[+]/g')"
	expect_console web 200 '^up'
}

guest_is_content() {
	expect_console web 1 '^fifo events'
	expect_console web 1 '^clock (tsc|xen), 2 CPUs'
	expect_console web 1 '^nothing to complain of'
}

data_is_there() {
	expect_console web 1 "^wrote $(head -c 4194304 /root/disk.img | sha256sum | cut -c1-64)"
}

network_carries() {
	answers 10.9.0.2
	ping -c 2 -i 0.2 -W 10 -s 20000 10.9.0.2
}

modules_come_again() {
	modprobe -r hvnetback hvblkback
	modprobe -a hvnetback hvblkback
	answers 10.9.0.2
	{
		echo '{"do":"console","mode":"write","scrollback":false}'
		echo 'dd if=/dev/xvda of=/dev/null bs=1M count=4 iflag=direct && echo read again'
	} | timeout 60 socat - UNIX-CONNECT:/run/zendo/domains/web/control
	expect_console web 60 '^read again'
}

check 'launch, and doctor finds nothing wrong' launch
check 'kvm_amd is turned away' kvm_is_turned_away
check 'a stock guest of the same kernel is up, with a disk and a network' guest_is_up
check 'it has FIFO events, a clock and both CPUs, and says no word of trouble' guest_is_content
check 'what it wrote is in the file' data_is_there
check 'packets and fragments' network_carries
check 'modules are loaded again under it' modules_come_again
check 'it goes' zendo destroy web
check 'the hypervisor is clean' hypervisor_clean
check 'the unit stops' systemctl stop zendo
check 'the kernel has nothing to say' dmesg_clean
finish
