# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# crash.sh callback|no-callback - one shutdown per boot, its result is looked at in the next

. "$(dirname "$0")/checks.sh"
how=$1

kernel=/boot/vmlinuz-$(uname -r)
initrd=/boot/zt-initrd.gz

# Under the hypervisor, with a guest that runs, as a machine in use would be.
under() {
	if [ "$how" = no-callback ]; then
		echo 'options hvpriv emergency_leave=0' >/etc/modprobe.d/zz-test.conf
	fi
	systemctl start zendo
	[ "$how" = callback ] || equal emergency_leave "$(cat /sys/module/hvpriv/parameters/emergency_leave)" N
	equal 'CPUs under' "$(info cpus_under)" 2
	zendo create "$(tiny beside hello idle)"
}

load_crash_kernel() {
	kexec -s -p "$kernel" --initrd="$initrd" --append="$(cat /proc/cmdline) nr_cpus=1 reset_devices"
	equal 'crash kernel loaded' "$(cat /sys/kernel/kexec_crash_loaded)" 1
}

crash_now() {
	sync
	echo c >/proc/sysrq-trigger
	sleep infinity
}

works() {
	equal CPUs "$(nproc)" 2
	systemctl is-system-running --wait || true
	systemctl start zendo
	equal 'CPUs under' "$(info cpus_under)" 2
	systemctl stop zendo
}

case $ZT_BOOT in
0)
	check "$how: under, before a reboot" under
	sync
	systemctl reboot
	sleep infinity
	;;
1)
	check "$how: a reboot leads to a machine that works" works
	check "$how: under, before a panic with a crash kernel" under
	check "$how: a crash kernel is loaded" load_crash_kernel
	crash_now
	;;
2)
	check "$how: the crash kernel runs and sees the memory" test -s /proc/vmcore
	sync
	reboot -f
	sleep infinity
	;;
3)
	check "$how: a reboot of the crash kernel leads to a machine that works" works
	check "$how: under, before kexec" under
	kexec -s -l "$kernel" --initrd="$initrd" --append="$(cat /proc/cmdline) zt.kexec"
	sync
	systemctl kexec
	sleep infinity
	;;
4)
	check "$how: another kernel was started" grep -w zt.kexec /proc/cmdline
	check "$how: it works and launches" works
	check "$how: under, before a panic without a crash kernel" under
	crash_now
	;;
*)
	check "$how: a panic leads to a machine that works" works
	check "$how: the kernel has nothing to say" dmesg_clean
	finish
	;;
esac
