# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# secureboot.sh PASSWORD - before and after the owner has said yes to the key, with the password, where the firmware asks

. "$(dirname "$0")/checks.sh"
password=$1

key=/var/lib/dkms/mok

# The line of doctor's about signatures, and its remedy
signatures() {
	zendo doctor | grep -A 1 ' signatures ' || true
}

locked_down() {
	grep -F '[integrity]' /sys/kernel/security/lockdown
	mokutil --sb-state | grep '^SecureBoot enabled'
}

unsigned() {
	signatures | grep '^WARN .*signed modules only (lockdown), and DKMS has no key'
	refuses systemctl start zendo
	journalctl -u zendo -o cat | grep "could not insert 'hvpriv': Key was rejected by service"
	systemctl show -P StatusText zendo | grep '^cannot launch: the module is not loaded: .*zendo doctor'
}

# The key and the signatures as DKMS makes them
sign() {
	local module sign_file
	sign_file=$(echo /usr/lib/linux-kbuild-*/scripts/sign-file)
	openssl req -new -x509 -nodes -days 36500 -subj '/CN=DKMS module signing key' -newkey rsa:2048 -keyout $key.key -outform DER -out $key.pub
	signatures | grep '^WARN .*, and hvpriv is not signed'
	for module in "/lib/modules/$(uname -r)"/updates/zendo/*.ko; do
		"$sign_file" sha512 $key.key $key.pub "$module"
	done
	signatures | grep "^WARN .*, and the firmware does not know DKMS's key"
	refuses systemctl start zendo
}

# What doctor says is done; a person types the password twice.
ask_owner() {
	local command
	command=$(signatures | grep -o 'mokutil --import [^ ,;]*')
	printf '%s\n%s\n' "$password" "$password" | $command
	mokutil --list-new | grep 'CN=DKMS module signing key'
}

enrolled() {
	grep -F '[integrity]' /sys/kernel/security/lockdown
	{ mokutil --test-key $key.pub || true; } | grep 'is already enrolled'	# its status is 1 then
	signatures | grep "^OK .*signed modules only, and DKMS's key is known"
}

guests_run() {
	equal 'CPUs under' "$(info cpus_under)" 2
	zendo try -c 'uname -r' | grep "^$(uname -r)"
}

case $ZT_BOOT in
0)
	check 'tools of a machine with Secure Boot are installed' dpkg -i /root/debs/*.deb
	check 'the kernel is locked down' locked_down
	check 'modules that are not signed are refused' unsigned
	check 'signed with a key that nobody knows they are, too' sign
	check 'the owner is asked to know it, as doctor says' ask_owner
	sync
	systemctl reboot
	sleep infinity
	;;
1)
	check 'the firmware knows the key' enrolled
	check 'hypervisor' systemctl start zendo
	check 'a guest to try runs' guests_run
	check 'the hypervisor is clean' hypervisor_clean
	check 'it stops' systemctl stop zendo
	check 'the kernel has nothing to say' dmesg_clean
	;;
esac
finish
