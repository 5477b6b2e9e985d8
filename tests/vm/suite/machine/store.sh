# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only

. "$(dirname "$0")/checks.sh"

patience=240		# seconds for a boot of the stock kernel when the host is busy
hostile_seconds=${1:-1}
hostile_words=${2:-}

# Each line begins with a word of its own. It waits for dom0 by watches, and dom0 for it by its console.
story='
chmod +x /bin/storec
dmesg | grep -iE "xenbus|xenstore|xen:.*timeout" >/tmp/bad; cat /tmp/bad
echo BAD=$(wc -l </tmp/bad)
echo BUS=$(ls -d /sys/bus/xen)
echo NAME=$(storec read name)
echo DOMID=$(storec read domid)
echo VM=$(storec read $(storec read vm)/name)
echo CPUS=$(storec read cpu/0/availability) $(storec read cpu/1/availability)
echo TARGET=$(storec read memory/target)
echo CONTROL=$(storec list control)
echo FEATURE=$(storec read control/feature-poweroff)
echo PERMS=$(storec perms name) $(storec perms data)
echo RENAME=$(storec write name other)
echo OUTSIDE=$(storec write /anything x)
echo UPSTAIRS=$(storec list /local/domain)
echo BACKEND=$(storec write /local/domain/0/backend/vbd/1 x)
echo SECRET=$(storec read /secret)
echo OWN=$(storec write data/own mine)$(storec read data/own)
echo FILLED=$(storec fill data/many)
storec rm data/many
case $(storec wait data/crowd) in
yes)
	echo CROWD=40
	read -r go
	storec crowd name 40
	;;
esac
storec write data/count 0
echo TOLD=$(storec wait data/go)
added=0
while [ "$(storec read data/stop)" = ENOENT ]; do
	storec add data/count 10 || echo FAILED
	added=$((added + 10))
done
echo COUNT=$(storec read data/count) OF=$added
echo AGAIN=$(storec wait data/more)
echo STILL=$(storec read data/own)
case $(storec wait data/end) in
reboot) reboot -f ;;
esac
cat /dev/hvc0 >/dev/null
'

# The guests' initramfs with the client in it: an archive behind the other
pack() {
	mkdir -p "$scratch/pack/bin"
	cp /root/storec "$scratch/pack/bin/"
	{
		cat /root/guest/initrd.gz
		cd "$scratch/pack"
		find . | cpio --quiet -o -H newc | gzip -1
	} >/root/guest/store.gz
}

# talker NAME - a guest that tells the story
talker() {
	zendo create "$(stock "$1" "$story" 'kernel = "/root/guest/vmlinuz"' 'ramdisk = "/root/guest/store.gz"' 'vcpus = 1' 'maxvcpus = 2' |
		only_last ramdisk)"
}

# A key that was given twice: the last one counts. Reads the name of the file, prints it.
only_last() {
	local file
	read -r file
	tac "$file" | awk -v key="$1" '$1 != key || !seen++' | tac >"$file.new"
	mv "$file.new" "$file"
	echo "$file"
}

domid() {
	zendo list --json "$1" | jq '.[0].domid'
}

# The last value of WORD=... on a console
fact() {
	kept "$1" | sed -n "s/^$2=//p" | tail -n 1
}

nodes() {
	xenstore-ls / | wc -l
}

# say NAME NODE VALUE - into its data
say() {
	xenstore-write "/local/domain/$(domid "$1")/data/$2" "$3"
}

comes_up() {
	systemctl start zendo
	systemctl start zendo-stored	# it is on its way already
	equal 'the daemon' "$(systemctl show -P SubState zendo-stored)" running
	xenstore-ls /
	equal 'the socket' "$(stat -c '%a %U %G' /run/zendo/store.sock)" '660 root zendo'
}

others_are_refused() {
	refuses timeout 20 setpriv --reuid nobody --regid nogroup --clear-groups xenstore-read /
	refuses timeout 20 setpriv --reuid zendo --regid zendo --clear-groups xenstore-read /
	xenstore-exists /
}

boots() {
	local word
	xenstore-write /secret 42
	xenstore-chmod /secret n0
	talker one
	talker two
	for word in one two; do
		expect_console $word $patience '^FILLED='
		kept $word
	done
}

xenbus_is_up() {
	equal 'complaints' "$(fact one BAD)" 0
	equal bus "$(fact one BUS)" /sys/bus/xen
	# Linux has written it: its handler of control/shutdown listens
	equal feature "$(fact one FEATURE)" 1
}

entries_are_right() {
	local id path
	id=$(domid one)
	path=/local/domain/$id
	xenstore-ls -fp "$path"
	equal 'what the guest sees' "$(fact one NAME) $(fact one DOMID) $(fact one VM) $(fact one CPUS) $(fact one TARGET)" \
		"one $id one online offline 131072"
	equal uuid "$(xenstore-read "$path/vm")" "/vm/$(zendo list --long one | jq -r '.[0].uuid')"
	equal 'uuid below /vm' "/vm/$(xenstore-read "$(xenstore-read "$path/vm")/uuid")" "$(xenstore-read "$path/vm")"
	equal console "$(xenstore-read "$path/console/type") $(xenstore-read "$path/console/limit")" 'xenconsoled 1048576'
	between 'port of the store' "$(xenstore-read "$path/store/port")" 1 4095
	equal 'ring of the store' "$(xenstore-read "$path/store/ring-ref")" $((0xfeffc))
	equal permissions "$(fact one PERMS)" "n0,r$id n$id"
	# all but what it may write is domain 0's
	xenstore-ls -fp "$path" | grep -F "(n$id" | sed -E "s,^$path/([^ ]*) .*,\1,; s,^(data|error|feature|drivers|attr)/.*,\1," |
		sort -u >"$scratch/own"
	cat "$scratch/own"
	equal 'what it may write' "$(xargs <"$scratch/own")" \
		"attr control/feature-poweroff control/feature-reboot control/feature-suspend control/shutdown control/sysrq data drivers error feature"
}

guest_is_held() {
	equal 'its own name' "$(fact one RENAME)" EACCES
	equal 'a node outside' "$(fact one OUTSIDE)" EACCES
	equal 'the list of domains' "$(fact one UPSTAIRS)" EACCES
	equal "a backend's node" "$(fact one BACKEND)" EACCES
	equal 'a secret' "$(fact one SECRET)" EACCES
	equal 'a node of its own' "$(fact one OWN)" mine
	equal 'end of its nodes' "$(fact one FILLED | cut -d' ' -f2)" ENOSPC
	between 'nodes it could make' "$(fact one FILLED | cut -d' ' -f1)" 900 1000
	journalctl --sync
	journalctl -o cat -u zendo-stored | grep "domain $(domid one) wants more than its quota 'nodes'"
}

# Linux says nothing of requests that it adds to a ring with unread ones, and of answers that it takes out of one that was not full. More at
# once than may wait for their answers are answered all the same.
a_crowd_is_answered() {
	local pid
	pid=$(daemon)
	say two crowd no
	say one crowd yes
	expect_console one 60 '^CROWD='
	kill -STOP "$pid"
	hears 20 '^asked' sh -c 'echo go | zendo console one'
	kill -CONT "$pid"
	expect_console one 60 '^answered 40'
}

daemon() {
	systemctl show -P MainPID zendo-stored
}

# KiB that the daemon has for itself
anon() {
	awk '/^RssAnon:/ { print $2 }' "/proc/$(daemon)/status"
}

counts_on() {
	timeout 120 xenstore-watch -n "$1" "/local/domain/$(domid "$2")/data/count" >/dev/null
}

count_of() {
	xenstore-read "/local/domain/$(domid "$1")/data/count"
}

# Two guests count in transactions while a third one does what it should not. The daemon stays the same, small, and right.
hostile_guest_is_held() {
	local id pid before name quota vm
	local -A counts
	local quotas=(nodes node-size node-permissions watches transactions transaction-nodes outstanding
		outstanding-bytes)
	[[ $hostile_words != *memory* ]] || quotas+=(memory)
	for name in one two; do
		say $name go yes
		counts_on 4 $name
	done
	pid=$(daemon)
	before=$(anon)
	zendo create "$(tiny hostile storefuzz "seconds=$hostile_seconds second $hostile_words" 'vcpus = 2')"
	id=$(domid hostile)
	vm=$(xenstore-read "/local/domain/$id/vm")
	for name in one two; do
		counts[$name]=$(count_of $name)
	done
	ended hostile $((300 + 2 * hostile_seconds)) || { kept hostile; return 1; }
	kept hostile
	console_has hostile '^PASS'
	equal 'the daemon' "$(daemon)" "$pid"
	for name in one two; do
		between "what $name has counted meanwhile" $(($(count_of $name) - counts[$name])) 10 1000000
	done
	nothing_of "$id" "$vm"
	journalctl --sync
	journalctl -o cat -u zendo-stored -g "^domain $id " >"$scratch/told"
	cat "$scratch/told"
	for quota in "${quotas[@]}"; do
		grep -F "domain $id wants more than its quota '$quota'" "$scratch/told"
	done
	grep -F 'is not served until it reconnects' "$scratch/told"
	# one of each kind in 10 s, however often it was
	between lines "$(wc -l <"$scratch/told")" 9 $((10 * (6 + hostile_seconds / 10)))
	echo "# it has $before KiB, then $(anon)"
	between 'KiB more that the daemon has' $(($(anon) - before)) -100000 4096
}

# As much as a guest can ask for, by random; it is ended in the middle of it.
flood_ends() {
	local id vm begin
	zendo create "$(tiny flood storefuzz flood)"
	expect_console flood 60 '^flooding'
	id=$(domid flood)
	vm=$(xenstore-read "/local/domain/$id/vm")
	counts_on 3 two
	begin=$EPOCHREALTIME
	xenstore-read "/local/domain/$id/name"
	awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "# answered after %.0f ms\n", 1000 * (b - a) }'
	released zendo destroy flood
	nothing_of "$id" "$vm"
}

# The daemon is killed while two guests count in transactions; each of its lives answers something.
killed_while_guests_count() {
	local i name pid id
	id=$(domid one)
	for name in one two; do
		say $name go yes
	done
	for ((i = 0; i < 5; i++)); do
		pid=$(daemon)
		timeout 60 xenstore-watch -n 8 "/local/domain/$id/data/count"
		kill -KILL "$pid"
		xenstore-exists /
		refuses test "$(daemon)" = "$pid"
	done
	for name in one two; do
		say $name stop yes
		expect_console $name 120 '^COUNT='
		kept $name | grep -E '^COUNT=([0-9]+) OF=\1$'
		refuses console_has $name '^FAILED'
	done
}

# Its watch and what it wrote outlived the daemon, twice more.
watches_outlive_it() {
	systemctl kill -s KILL zendo-stored
	say one more yes
	expect_console one 60 '^STILL=mine'
	systemctl restart zendo-stored
	say two more yes
	expect_console two 60 '^STILL=mine'
}

nothing_of() {
	refuses xenstore-exists "/local/domain/$1"
	refuses xenstore-exists "$2"
	xenstore-ls -fp / >"$scratch/ls"
	refuses grep -E "[(,][nrwb]$1[,)]|domain/$1/" "$scratch/ls"
}

reboot_makes_new_entries() {
	local id vm
	id=$(domid two)
	vm=$(xenstore-read "/local/domain/$id/vm")
	say two end reboot
	journal_hears two -n 2 $patience '^FILLED='
	refuses test "$(domid two)" = "$id"
	refuses xenstore-exists "/local/domain/$id"
	equal 'new entries' "$(xenstore-read "/local/domain/$(domid two)/name")" two
	equal 'the same below /vm' "$(xenstore-read "$vm/name")" two
}

# hears the end of a domain by @releaseDomain: released COMMAND...
released() {
	local watcher
	coproc exec timeout 60 xenstore-watch -n 2 @releaseDomain
	# shellcheck disable=SC2153 # coproc sets it
	watcher=$COPROC_PID
	grep -qm 1 releaseDomain <&"${COPROC[0]}"
	"$@"
	wait "$watcher"
}

destroy_leaves_nothing() {
	local id vm
	id=$(domid one)
	vm=$(xenstore-read "/local/domain/$id/vm")
	released zendo destroy one
	nothing_of "$id" "$vm"
}

# 'zendo wait' has status 1 for a runner that was killed
killed_runner_leaves_nothing() {
	local id vm
	id=$(domid two)
	vm=$(xenstore-read "/local/domain/$id/vm")
	released kill -KILL "$(zendo list --json two | jq '.[0].pid')"
	nothing_of "$id" "$vm"
}

# What ended while the daemon was not there is found by the next one, which the first client starts.
ends_unseen() {
	local id vm
	zendo create -p "$(tiny unseen hello '')"
	id=$(domid unseen)
	vm=$(xenstore-read "/local/domain/$id/vm")
	equal name "$(xenstore-read "$vm/name")" unseen
	systemctl stop zendo-stored.service
	zendo destroy unseen
	nothing_of "$id" "$vm"
}

many_come_and_go() {
	local i before
	before=$(nodes)
	for ((i = 0; i < 12; i++)); do
		zendo create -p "$(tiny "many$i" hello '')"
	done
	between 'nodes of twelve' $(($(nodes) - before)) 240 720
	for ((i = 0; i < 12; i++)); do
		zendo destroy "many$i"
	done
	equal nodes "$(nodes)" "$before"
}

# The agent for devices would connect again and again, until systemd gives the socket up.
without_it_no_domain() {
	systemctl stop zendo-hotplug.socket zendo-hotplug.service
	systemctl mask --runtime --quiet zendo-stored.service
	systemctl stop zendo-stored.service
	fails_with 1 'store' timeout 100 zendo create "$(tiny lost hello '')"
	systemctl unmask --runtime --quiet zendo-stored.service
	gone lost
	systemctl start zendo-stored.socket zendo-stored.service
	xenstore-exists /
}

stops_with_it() {
	systemctl stop zendo
	equal 'the daemon' "$(systemctl is-active zendo-stored.service)" inactive
	equal 'the sockets' "$(systemctl is-active zendo-stored.socket)" inactive
	refuses ls /run/zendo/store.sock
	fails_with 4 'systemctl start zendo-stored' zendo store ls
}

check 'the initramfs has a client' pack
check 'the store comes up with the hypervisor' comes_up
check 'it is for root alone' others_are_refused
check 'two stock guests with a store' boots
check "a stock kernel's xenbus comes up" xenbus_is_up
check 'a guest has the entries it should' entries_are_right
check 'a guest reaches nothing else' guest_is_held
check 'many who ask at once are all answered' a_crowd_is_answered
check 'a hostile guest is held while others count' hostile_guest_is_held
check 'a guest that floods is ended in the middle' flood_ends
check 'the daemon is killed while guests count' killed_while_guests_count
check 'watches and values outlive the daemon' watches_outlive_it
check 'a reboot makes new entries' reboot_makes_new_entries
check 'destroy leaves no entry' destroy_leaves_nothing
check 'a killed runner leaves no entry' killed_runner_leaves_nothing
check 'an end that nobody saw leaves no entry' ends_unseen
check 'twelve come and go' many_come_and_go
check 'without the daemon no domain is made' without_it_no_domain
check 'the hypervisor is clean' hypervisor_clean
check 'it stops with the hypervisor' stops_with_it
check 'the kernel has nothing to say' dmesg_clean
finish
