# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# launch-refused.sh no-svm|kvm - refusals say why and what helps, and leave nothing behind

. "$(dirname "$0")/checks.sh"

unit_says() {
	refuses systemctl start zendo
	equal 'state of the unit' "$(systemctl is-active zendo)" failed
	systemctl show -P StatusText zendo | grep -E "$1"
	not_loaded hvpriv
	systemctl reset-failed zendo
}

tool_says() {
	modprobe hvpriv
	fails_with 1 "$1" zendo launch
	equal hypervisor "$(info hypervisor)" 'not running'
	modprobe -r hvpriv
}

doctor_says() {
	local rc=0
	zendo doctor >"$scratch/doctor" 2>&1 || rc=$?
	cat "$scratch/doctor"
	equal 'exit status' $rc 1
	grep -E "$1" "$scratch/doctor"
}

# Changed after the module was built: an image that was tampered with, or another version's.
wrong_digest() {
	local image=/lib/firmware/zendo/hypervisor.elf
	cp $image "$scratch/hypervisor.elf"
	printf x >>$image
	tool_says 'SHA-256|digest'
	cp "$scratch/hypervisor.elf" $image
}

no_image() {
	local image=/lib/firmware/zendo/hypervisor.elf
	mv $image "$scratch/hypervisor.elf"
	tool_says 'hypervisor.elf'
	mv "$scratch/hypervisor.elf" $image
}

# Linux 6.1 sets EFER.SVME while a virtual machine exists. KVM_CREATE_VM alone makes one.
with_kvm_machine() {
	modprobe kvm_amd
	python3 -c '
import fcntl, sys, time
kvm = open("/dev/kvm", "rb+", buffering=0)
vm = fcntl.ioctl(kvm, 0xAE01, 0)
print("ready", flush=True)
sys.stdin.read()
' < <(sleep infinity) >"$scratch/kvm" &
	vm=$!
	trap 'kill $vm; wait $vm || true' EXIT
	hears 20 ready tail -n +1 -F "$scratch/kvm"
	"$@"
}

# As with Secure Boot and a key that the firmware does not know; it cannot be switched off again.
signature_wanted() {
	zendo doctor >"$scratch/doctor" || true
	grep -E '^OK +signatures' "$scratch/doctor"
	echo 1 >/sys/module/module/parameters/sig_enforce
	refuses systemctl start zendo
	journalctl -b -u zendo | grep 'Key was rejected by service'
	not_loaded hvpriv
	systemctl reset-failed zendo
	zendo doctor >"$scratch/doctor" || true
	cat "$scratch/doctor"
	grep -A 1 -E '^WARN +signatures +the kernel takes signed modules only, and DKMS has no key' "$scratch/doctor" | grep -E '^ +remedy: .*openssl'
}

case $1 in
no-svm)
	check 'without SVM the unit says so' unit_says 'no SVM'
	check 'without SVM the tool says so' tool_says 'no SVM .*: enable nested virtualisation'
	check 'without SVM doctor says so' doctor_says '(FAIL|NO|BAD).*virtualisation'
	check 'a module that is not signed, where one must be, is refused, and doctor says what helps' signature_wanted
	;;
kvm)
	check 'an image with another digest is refused' wrong_digest
	check 'a missing image is named' no_image
	check 'a KVM guest keeps us out' with_kvm_machine tool_says 'SVM is in use already .*modprobe -r kvm_amd'
	check 'a KVM guest keeps the unit out' with_kvm_machine unit_says 'SVM is in use'
	check 'kvm_amd goes' modprobe -r kvm_amd
	check 'then it launches' systemctl start zendo
	check 'and leaves' systemctl stop zendo
	;;
esac
check "$1: the kernel has nothing to say" dmesg_clean
finish
