# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# launch.sh CYCLES - two CPUs: under and back again, idle, under load, with CPUs going offline

. "$(dirname "$0")/checks.sh"
cycles=$1

start_and_stop() {
	systemctl start zendo
	equal 'CPUs under' "$(info cpus_under)" 2
	equal build "$(info hypervisor_build | grep -c -- -check)" 1
	systemctl stop zendo
	[ ! -e /dev/hvpriv ]
	not_loaded hvpriv
}

# All that 'zendo try' could leave behind.
traces() {
	lsmod | grep -E '^(hv|xen)' || true
	{ find /run/zendo /run/systemd/transient /var/lib/zendo /etc/zendo /tmp /dev/xen /dev/hv* 2>/dev/null || true; } | sort
	ip -o link | cut -d: -f2
	systemctl list-units --plain --no-legend --all 'zendo*' | awk '{ print $1, $3 }'
}

# It starts the hypervisor for itself, and stops it.
a_guest_to_try() {
	local rc=0
	traces >"$scratch/before"
	zendo try -c 'uname -r; exit 7' >"$scratch/said" || rc=$?
	equal status $rc 7
	equal output "$(cat "$scratch/said")" "$(uname -r)"
	diff "$scratch/before" <(traces)
}

second_launch() {
	systemctl start zendo
	systemctl start zendo
	zendo launch | grep 'running already'
	equal 'CPUs under' "$(info cpus_under)" 2
}

# A second one that is not told "already" by the tool: the request itself.
second_request() {
	python3 - <<-'END'
		import errno, fcntl, struct
		# HVPRIV_LAUNCH: flags, reserved0, reason, reserved
		request = 0xc0000000 | 280 << 16 | 0xb5 << 8 | 1
		with open("/dev/hvpriv") as device:
		    try:
		        fcntl.ioctl(device, request, bytearray(struct.pack("II240s32s", 0, 0, b"", b"")))
		    except OSError as e:
		        assert e.errno == errno.EALREADY, e
		    else:
		        raise SystemExit("the second launch succeeded")
	END
}

svm_is_not_offered() {
	refuses modprobe kvm_amd
	not_loaded kvm_amd
	dmesg | grep 'hvpriv: kvm_amd is turned away: .*systemctl stop zendo'
	equal 'CPUs under' "$(info cpus_under)" 2
}

cpus_come_and_go() {
	local i
	for i in $(seq 50); do
		echo 0 >/sys/devices/system/cpu/cpu1/online
		[ $((i % 10)) != 1 ] || equal 'CPUs under' "$(info cpus_under)" 1
		echo 1 >/sys/devices/system/cpu/cpu1/online
		[ $((i % 10)) != 1 ] || equal 'CPUs under' "$(info cpus_under)" 2
	done
	equal 'CPUs under' "$(info cpus_under)" 2
}

# One CPU offline at launch comes under when it comes online.
offline_at_launch() {
	systemctl stop zendo
	echo 0 >/sys/devices/system/cpu/cpu1/online
	systemctl start zendo
	equal 'CPUs under' "$(info cpus_under)" 1
	echo 1 >/sys/devices/system/cpu/cpu1/online
	equal 'CPUs under' "$(info cpus_under)" 2
}

counters_are_clean() {
	hypervisor_clean
	zendo dmesg
	refuses grep -iE 'panic|failed|bug' <(zendo dmesg)
}

cycles_under_load() {
	local i
	# Nice, so that the CPUs are never idle and our own steps are quick all the same.
	nice -n 15 stress-ng -q --cpu 1 --fork 1 --vm 1 --vm-bytes 64M --switch 1 --timer 1 --timeout 0 &
	load=$!
	trap 'kill $load 2>/dev/null || true; wait $load || true' EXIT
	for i in $(seq "$cycles"); do
		zendo launch
		equal 'CPUs under' "$(info cpus_under)" 2
		# Something must happen while under: the timer ticks, tasks are switched.
		python3 -c 'import os; [os.waitpid(os.fork() or os._exit(0), 0) for _ in range(20)]'
		equal 'failures the checking build found' "$(info check_failures)" 0
		zendo leave
		equal hypervisor "$(info hypervisor)" 'not running'
	done
	kill -0 $load
}

# Whatever a launch takes is given back.
memory_comes_back() {
	local i round before after
	systemctl start zendo
	systemctl stop zendo
	# Eight launches hide 16 MiB. What else runs moves by some and settles: a leak would show in each round.
	for round in 1 2 3; do
		before=$(mem_available)
		for i in 1 2 3 4 5 6 7 8; do
			systemctl start zendo
			systemctl stop zendo
		done
		after=$(mem_available)
		echo "# round $round: $((before - after)) KiB are missing"
		[ $((before - after)) -ge 6000 ] || return 0
	done
	return 1
}

check 'start and stop' start_and_stop
check 'start and stop once more' start_and_stop
check 'a guest to try leaves no trace' a_guest_to_try
check 'a second launch changes nothing' second_launch
check 'a second launch request is refused' second_request
check 'kvm_amd is refused while under' svm_is_not_offered
check 'a CPU goes offline and online 50 times' cpus_come_and_go
check 'a CPU that was offline at launch comes under' offline_at_launch
check 'the counters are clean' counters_are_clean
check 'the unit stops' systemctl stop zendo
modprobe hvpriv
check "$cycles launches and leaves under load" cycles_under_load
modprobe -r hvpriv
check 'memory comes back' memory_comes_back
check 'the kernel has nothing to say' dmesg_clean
check 'kvm_amd loads afterwards' modprobe kvm_amd
finish
