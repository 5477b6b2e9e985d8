# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# guest.sh SECONDS - how long a guest is under stress-ng

. "$(dirname "$0")/checks.sh"
seconds=${1:-60}

patience=120		# seconds for a boot of the stock kernel when the host is busy

# What the guest finds out about itself; each line that matters begins with a word of its own.
facts='
echo DATE=$(date +%s)
up() { cut -d. -f1 /proc/uptime; }
a=$(up); sleep 3; b=$(up)	# what is tested, not a wait for something
echo SLEPT=$((b - a))
dmesg | grep -E "WARNING|BUG|Call Trace|unstable|Marking clocksource|stalls? on CPU|lockup|segfault|unchecked MSR" >/tmp/bad
cat /tmp/bad
echo BAD=$(wc -l </tmp/bad)
ping -c 1 -W 5 127.0.0.1 >/dev/null && echo LOOPBACK=works
echo LO=$(cat /sys/class/net/lo/flags)
echo CLOCK=$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)
echo CPUS=$(nproc) TYPE=$(cat /sys/hypervisor/type)
echo AVX=$(grep -cw avx /proc/cpuinfo) SSE2=$(grep -cw sse2 /proc/cpuinfo)
'

# The same of one with several vCPUs. Without an invariant TSC (an emulated machine has none) Linux calls a TSC of several CPUs
# unstable, and is right. A timer for each CPU, all of which have ticked; IPIs for each CPU.
smp_facts='
dmesg | grep -E "WARNING|BUG|Call Trace|stalls? on CPU|lockup|segfault|unchecked MSR" >/tmp/bad
cat /tmp/bad /proc/interrupts
echo BAD=$(wc -l </tmp/bad)
echo FIFO=$(dmesg | grep -c "xen:events: Using FIFO-based ABI")
echo CPUS=$(nproc)
cd /sys/devices/system/cpu
echo PACKAGES=$(cat cpu*/topology/physical_package_id | sort -u | wc -l)
echo CORES=$(cat cpu*/topology/core_id | sort -u | wc -l)
echo THREADS=$(cat cpu*/topology/thread_siblings_list | sort -u | wc -l)
echo TIMERS=$(awk "/-virq +timer/ { n = \$NF; sub(/timer/, \"\", n); if (\$(n + 2) > 0) ticking++ } END { print ticking }" /proc/interrupts)
echo RESCHEDULES=$(grep -cE -e "-ipi +resched[0-9]+$" /proc/interrupts)
'

# Forks, pipes, memory and the scheduler, more of it than there are vCPUs. What of the time went where stands before and behind it.
stress='
seconds=12
up() { cut -d. -f1 /proc/uptime; }
load() {
	while [ $(up) -lt $end ]; do
		dd if=/dev/zero bs=16k count=16 2>/dev/null | sha256sum | grep -qE "^[0-9a-f]{64}" || echo WRONG
		echo . >>/tmp/rounds.$1
	done
}
head -n 1 /proc/stat >/tmp/stat
begin=$(up); end=$((begin + seconds))
for i in 1 2 3 4 5 6 7 8; do load $i & done
wait
head -n 1 /proc/stat >>/tmp/stat
cat /tmp/stat
echo ROUNDS=$(cat /tmp/rounds.* | wc -l) BY=$(ls /tmp/rounds.* | wc -l)
# user, nice, system, idle, iowait, irq, softirq, steal: hundredths of a second of all CPUs
awk -v seconds=$(($(up) - begin)) "{ for (i = 2; i <= 9; i++) all[NR] += \$i; steal[NR] = \$9 }
	END { print \"STOLEN=\" int(100 * (steal[2] - steal[1]) / (all[2] - all[1]))
	      print \"ACCOUNTED=\" int(100 * (all[2] - all[1]) / (100 * 4 * seconds)) }" /tmp/stat
'

# The value of WORD=... on a console
fact() {
	kept "$1" | sed -n "s/^$2=//p" | head -n 1
}

boots_and_ends() {
	zendo create "$(stock first "$facts" 'kernel = "/root/guest/vmlinuz"' 'cpuid = "host,avx=0"')"
	expect_console first $patience 'zendo-guest: ready'
	expect_console first 60 '^DATE='
	date +%s >/root/date
	expect_console first 60 'zendo-guest: exit 0'
	ended first 30
}

# The stock kernel counts ticks until it takes its clock source, and on an emulated machine that is busy it misses some: seconds. A clock
# that was set wrongly is off by far more.
date_is_right() {
	local guest
	guest=$(fact first DATE)
	between 'seconds behind dom0' $(($(cat /root/date) - guest)) -1 10
}

sleep_is_right() {
	# a busy host wakes late, never early
	between 'seconds of a sleep of 3' "$(fact first SLEPT)" 3 8
}

nothing_bad_in_dmesg() {
	kept first
	equal 'lines' "$(fact first BAD)" 0
}

exit_reason_is_told() {
	journal_of first | grep 'shut down: poweroff'
	equal 'state of the unit' "$(systemctl is-active zendo-domain@first)" inactive
	equal 'result of the unit' "$(systemctl show -P Result zendo-domain@first)" success
}

journal_has_console() {
	journal_of first | grep 'zendo-guest: ready'
}

dead_console_is_kept() {
	zendo console first >/root/dead 2>/root/dead.err
	grep 'zendo-guest: exit 0' /root/dead
	grep 'not running' /root/dead.err
}

cache_is_used() {
	between 'unpacked kernels' "$(find /var/cache/zendo/kernels -type f | wc -l)" 1 2
}

two_are_created() {
	zendo create "$(stock one '' 'kernel = "/root/guest/vmlinuz"')"
	zendo create "$(stock two '' 'kernel = "/root/guest/vmlinuz"' 'vcpus = 2' 'cpus = [ "all", 0 ]')"
	expect_console one $patience 'zendo-guest: ready'
	expect_console two $patience 'zendo-guest: ready'
}

# Of the one process that reads what a guest says: user, capabilities, no way to more, and a filter of its own.
runner_has_few_rights() {
	local status
	status=/proc/$(zendo list --json one | jq '.[0].pid')/status
	cat "$status"
	equal user "$(awk '/^Uid:/ { print $3 }' "$status")" "$(id -u zendo)"
	equal capabilities "$(awk '/^CapEff:/ { print $2 }' "$status")" 0000000000000000
	equal 'no new privileges' "$(awk '/^NoNewPrivs:/ { print $2 }' "$status")" 1
	equal 'system calls filtered' "$(awk '/^Seccomp:/ { print $2 }' "$status")" 2
}

list_has_columns() {
	zendo list >/root/list
	cat /root/list
	head -n 1 /root/list | grep -E '^Name +ID +Mem VCPUs[[:space:]]+State[[:space:]]+Time\(s\)$'
	grep -E '^Domain-0 +0 +[0-9]+ +2 +r----- +[0-9]+\.[0-9]$' /root/list
	grep -E '^one +[0-9]+ +128 +1 +(r-|-b)---- +[0-9]+\.[0-9]$' /root/list
	grep -E '^two +[0-9]+ +128 +2 +(r-|-b)---- +[0-9]+\.[0-9]$' /root/list
}

list_json() {
	zendo list --json one >/root/list
	cat /root/list
	jq -e '.[0] | .name == "one" and .vcpus == 1 and .memory_kib > 130000 and .memory_kib <= .max_memory_kib' /root/list
	jq -e '.[0].domid == 0 and .[1].domid > 0' <(zendo list --json)
}

# A console with a program at both ends: attach NAME OPTION... gives fd 7 to
# type into and the file $scratch/screen
attach() {
	rm -f "$scratch/keys" "$scratch/screen"
	mkfifo "$scratch/keys"
	zendo console "$@" <"$scratch/keys" >"$scratch/screen" 2>&1 &
	viewer=$!
	exec 7>"$scratch/keys"
	# It is attached when the first line of what was kept is there.
	screen_says "${greeting:-zendo-guest: ready}"
}

detach() {
	exec 7>&-
	# It ends by itself when its domain has.
	kill "$viewer" 2>/dev/null || true
	wait "$viewer" || true
}

screen_says() {
	hears 20 "$1" tail -n +1 -F "$scratch/screen" || { cat "$scratch/screen"; return 1; }
}

typing_works() {
	attach one
	# shellcheck disable=SC2016 # for the guest
	echo 'echo sum $((40 + 2))' >&7
	screen_says '^sum 42'
	detach
}

# Seconds that the guest's clock is behind dom0's: ask_date WORD
ask_date() {
	local before
	before=$(date +%s)
	# shellcheck disable=SC2016 # for the guest
	echo "echo $1="'$(date +%s)' >&7
	screen_says "^$1=[0-9]+"
	behind=$((before - $(sed -n "s/^$1=\([0-9]*\).*/\1/p" "$scratch/screen")))
}

# A pause is no time that the guest does not see: its clock is as far behind as it was, but for the way there and back.
date_is_right_after_pause() {
	local first
	attach one
	ask_date NOW
	first=$behind
	zendo pause one
	let_guest_tick 5
	zendo unpause one
	ask_date LATER
	detach
	between 'more seconds behind than before the pause' $((behind - first)) -3 3
}

two_viewers() {
	attach one
	fails_with 1 'in use by process [0-9]+; .*--read-only.*--force' timeout 20 zendo console one
	zendo console -r one >"$scratch/onlooker" 2>&1 &
	onlooker=$!
	trap 'kill $onlooker; wait $onlooker || true' EXIT
	hears 20 'zendo-guest: ready' tail -n +1 -F "$scratch/onlooker"
	echo 'echo seen by $((1 + 1))' >&7
	screen_says '^seen by 2'
	hears 20 '^seen by 2' tail -n +1 -F "$scratch/onlooker"
	detach
}

# While paused it uses no time; afterwards it goes on.
pause_holds() {
	local before after
	zendo pause two
	zendo list two | grep -E -- '--p---'
	before=$(zendo list --json two | jq '.[0].cpu_ns')
	let_guest_tick 1
	after=$(zendo list --json two | jq '.[0].cpu_ns')
	equal 'time used while paused' "$after" "$before"
	zendo unpause two
	attach two
	echo 'echo back$((6 * 7))' >&7
	screen_says '^back42'
	detach
}

destroyed_at_once() {
	local begin=$EPOCHSECONDS
	zendo destroy two
	gone two
	between 'seconds' $((EPOCHSECONDS - begin)) 0 5
	exists one
}

# vcpu VCPU KEY - of guest two
vcpu() {
	zendo vcpu-list --json two | jq -r ".[$1].$2"
}

vcpu_list_has_columns() {
	zendo vcpu-list >/root/list
	cat /root/list
	head -n 1 /root/list | grep -E '^Name +ID +VCPU +CPU +State +Time\(s\) +Affinity \(Hard / Soft\)$'
	grep -E '^Domain-0 +0 +1 +1 +r-- +[0-9]+\.[0-9]  1 / all$' /root/list
	grep -E '^one +[0-9]+ +0 +[01] +(r-|-b)- +[0-9]+\.[0-9]  all / all$' /root/list
	grep -E '^two +[0-9]+ +0 +[01] +(r-|-b)- +[0-9]+\.[0-9]  all / all$' /root/list
	grep -E '^two +[0-9]+ +1 +0 +(r-|-b)- +[0-9]+\.[0-9]  0 / all$' /root/list
	equal lines "$(wc -l </root/list)" 6
	equal 'vCPUs by name' "$(zendo vcpu-list --json two | jq -c '[.[].vcpu]')" '[0,1]'
}

# It runs there: where a vCPU ran last is known when it has run once more.
runs_on() {
	local before thread
	before=$(vcpu 1 time_ns)
	until [ "$(vcpu 1 time_ns)" -gt "$before" ]; do
		let_guest_tick 1
	done
	equal "CPU of vCPU 1" "$(vcpu 1 cpu)" "$1"
	equal "CPUs of vCPU 1" "$(vcpu 1 cpus)" "$1"
	thread=$(grep -lx vcpu/1 "/proc/$(zendo list --json two | jq '.[0].pid')"/task/*/comm)
	grep "^Cpus_allowed_list:[[:space:]]*$1\$" "${thread%comm}status"
}

pin_moves_a_vcpu() {
	runs_on 0
	zendo vcpu-pin two 1 0-1,^0
	runs_on 1
	equal 'CPUs of vCPU 0' "$(vcpu 0 cpus)" all
	zendo vcpu-pin two all 0 all
	runs_on 0
	equal 'CPUs of vCPU 0' "$(vcpu 0 cpus)" 0
	zendo vcpu-pin two all - -
	equal 'CPUs of vCPU 0' "$(vcpu 0 cpus)" 0
	zendo vcpu-pin two all all
	equal 'CPUs of vCPU 0 and 1' "$(vcpu 0 cpus) $(vcpu 1 cpus)" 'all all'
}

nmi_arrives() {
	zendo trigger two nmi 1
	expect_console two 30 'NMI received for unknown reason .* on CPU 1'
	zendo trigger two nmi
	expect_console two 30 'NMI received for unknown reason .* on CPU 0'
}

# What the guest has online: online_is CPUS
online_is() {
	echo 'cat /sys/devices/system/cpu/online; echo asked $((1 + 1))' >&7
	screen_says "^$1[[:space:]]*$"
}

# With one CPU it says nothing of the others: that they went is seen from here, that they came is its own doing.
vcpus_come_and_go() {
	attach two
	zendo vcpu-set two 1
	until [ "$(vcpu 1 state)" = --p ]; do
		let_guest_tick 1
	done
	online_is 0
	equal 'vCPUs wanted' "$(zendo store read "/local/domain/$(zendo domid two)/cpu/1/availability")" offline
	# Its kernel tells of a CPU that is there again; what it runs then writes behind the prompt.
	# shellcheck disable=SC2016 # for the guest
	{
		echo 'echo "case \$ACTION\$DEVPATH in add*/cpu1) echo 1 >/sys\$DEVPATH/online; echo came \$((1 + 1));; esac" >/tmp/came'
		echo 'busybox uevent sh /tmp/came & echo listens $((1 + 1))'
	} >&7
	screen_says '^listens 2'
	zendo vcpu-set two 2
	screen_says 'came 2'
	online_is 0-1
	refuses test "$(vcpu 1 state)" = --p
	detach
}

names_and_ids() {
	local id
	id=$(zendo domid two)
	equal name "$(zendo domname "$id")" two
	equal 'name of 0' "$(zendo domname 0)" Domain-0
	zendo uptime >/root/list
	cat /root/list
	grep -E "^two +$id  ?[0-9]+:[0-9]{2}:[0-9]{2}$" /root/list
	grep -E '^Domain-0 +0 ' /root/list
	zendo uptime -s two | grep -E "^ [0-9:]{8} up  ?[0-9]+:[0-9]{2}, two \\($id\\)$"
	zendo list -v two | grep -E "^two .* $(zendo list --long two | jq -r '.[0].uuid')        - +-$"
}

# On its own reboot it is built anew, under its name, with another id.
reboots() {
	local before after
	before=$(zendo list --json one | jq '.[0].domid')
	attach one
	echo 'reboot -f' >&7
	journal_hears one -n 2 $patience '^zendo-guest: ready' || { kept one; return 1; }
	detach
	after=$(zendo list --json one | jq '.[0].domid')
	[ "$after" != "$before" ] || { echo "still domain $before"; return 1; }
}

powers_off_by_command() {
	attach one
	echo 'poweroff -f' >&7
	ended one 60
	detach
	journal_of one | grep 'shut down: poweroff'
}

# many_vcpus NAME VCPUS COMMAND [KEY=VALUE...]
many_vcpus() {
	zendo create "$(stock "$1" "$3$smp_facts" 'kernel = "/root/guest/vmlinuz"' "vcpus = $2" "${@:4}")"
	expect_console "$1" $patience 'zendo-guest: ready'
	expect_console "$1" $((patience + seconds)) 'zendo-guest: exit 0'
	ended "$1" 60
	kept "$1"
	equal 'lines' "$(fact "$1" BAD)" 0
	equal 'FIFO event channels' "$(fact "$1" FIFO)" 1
	equal 'CPUs' "$(fact "$1" CPUS)" "$2"
	equal 'packages' "$(fact "$1" PACKAGES)" 1
	equal 'cores' "$(fact "$1" CORES)" "$2"
	equal 'threads by core' "$(fact "$1" THREADS)" "$2"
	equal 'timers that tick' "$(fact "$1" TIMERS)" "$2"
	equal 'reschedule IPIs' "$(fact "$1" RESCHEDULES)" "$2"
	journal_of "$1" | grep 'shut down: poweroff'
}

# 32-bit Linux knows the local APIC by its page only: without it there is no second CPU, and none has a timer.
boots_32_bits() {
	many_vcpus i686 2 'echo MACHINE=$(uname -m)' 'kernel = "/root/guest32/vmlinuz"' 'ramdisk = "/root/guest32/initrd.gz"'
	equal 'machine' "$(fact i686 MACHINE)" i686
}

# Four that are always busy share two CPUs: half of their time is stolen at least. An emulated dom0 takes a lot for itself, and ticks that
# come late are not made up for, so there is more of the one and less of the sum; nothing may be counted twice.
time_is_accounted() {
	kept four
	refuses console_has four WRONG
	equal 'loads that got somewhere' "$(kept four | sed -n 's/^ROUNDS=.* BY=//p')" 8
	between 'per cent that were stolen' "$(fact four STOLEN)" 35 98
	between 'per cent that stand somewhere' "$(fact four ACCOUNTED)" 40 110
}

# initramfs_with FILE PROGRAM... - the guest's initramfs, and behind it programs of this machine with what they are linked to
initramfs_with() {
	local file=$1 part tree=$scratch/tree
	shift
	for part in "$@" $(ldd "$@" | grep -oE '/[^ ]+ ' | sort -u); do
		mkdir -p "$tree/$(dirname "$part")"
		cp -Lu "$part" "$tree/$part"
	done
	(cat /root/guest/initrd.gz; cd "$tree"; find . | cpio --quiet -o -H newc | gzip -1) >"$file"
	rm -r "$tree"
}

# When a CPU stood: was that in dom0 as well, and did the hypervisor hold it?
who_stood() {
	[ $? != 0 ] || return 0
	kept strained | grep -E -A 12 'soft lockup|rcu.*stall' | tail -n 26
	echo 'dom0:'
	dmesg | grep -E -A 12 'soft lockup|rcu.*stall' | tail -n 26
	zendo dmesg | grep 'held off' | tail -n 4
}

# Four vCPUs on two CPUs, processes, threads, timers and memory that come and go, each many times a second.
endures() {
	trap who_stood EXIT
	local programs=(/usr/bin/stress-ng /usr/bin/lscpu)
	initramfs_with /root/stress.gz "${programs[@]}"
	# shellcheck disable=SC2016 # for the guest
	many_vcpus strained 4 'PATH=$PATH:/usr/bin
	stress-ng --temp-path /tmp --metrics-brief --verify --oomable -t '"$seconds"' \
		--cpu 4 --vm 2 --vm-bytes 32M --timer 2 --switch 2 --fork 2 2>&1
	echo STRESSED=$?
	LC_ALL=C lscpu | tr -s " "
	echo CALLS=$(awk "/-ipi +callfunc[0-9]+\$/ { n = \$NF; sub(/callfunc/, \"\", n); if (\$(n + 2) > 0) called++ } END { print called + 0 }" /proc/interrupts)
	' 'ramdisk = "/root/stress.gz"' 'memory = 320'
	equal 'status of stress-ng' "$(fact strained STRESSED)" 0
	equal 'vCPUs that others called functions on' "$(fact strained CALLS)" 4
	console_has strained '^CPU\(s\): 4'
	console_has strained '^Thread\(s\) per core: 1'
	console_has strained '^Core\(s\) per socket: 4'
	console_has strained '^Hypervisor vendor: Xen'
}

# disk_with_menu FILE MENU [PART...] - an ext4 disk as a distribution's guest has it, without a partition table
disk_with_menu() {
	local tree=$scratch/disk part
	mkdir -p "$tree/boot/grub"
	for part in "${@:3}"; do
		cp -L "$part" "$tree/boot/"
	done
	echo "$2" >"$tree/boot/grub/grub.cfg"
	truncate -s 48M "$1"
	mkfs.ext4 -q -d "$tree" "$1"
	rm -r "$tree"
}

# GRUB's own image reads menu, kernel and initramfs from the disk; the kernel is entered by its old way, and still knows what it runs on.
# A request for each 4 KiB, each of which is waited for: 9 MiB take a minute on an emulated machine.
grub_boots() {
	# shellcheck disable=SC2016 # for the guest
	disk_with_menu /root/menu.img "set timeout=0
	menuentry disk {
		linux /boot/vmlinuz console=hvc0 quiet by=grub zt.cmd=$(base64 -w0 <<<'cat /proc/cmdline; echo DISK=$(cat /sys/block/xvda/size); echo CPUS=$(nproc) TYPE=$(cat /sys/hypervisor/guest_type)')
		initrd /boot/initrd.gz
	}" /root/guest/vmlinuz /root/guest/initrd.gz
	zendo create "$(define menu 'kernel = "/root/grub/grub.bin"' 'memory = 192' 'vcpus = 2' 'disk = ["file:/root/menu.img,xvda,w"]')"
	expect_console menu 400 'zendo-guest: exit 0'
	ended menu 60
	kept menu
	console_has menu '^BOOT_IMAGE=/boot/vmlinuz .* by=grub'
	equal 'sectors' "$(fact menu DISK)" $((48 * 2048))
	console_has menu '^CPUS=2 TYPE=PVH'
	journal_of menu | grep 'shut down: poweroff'
}

# With a menu that has no entries there is its prompt: keys arrive, and it answers.
grub_has_a_prompt() {
	# shellcheck disable=SC2016 # for GRUB
	disk_with_menu /root/prompt.img 'echo "menu of $grub_platform on $root"'
	zendo create "$(define prompt 'kernel = "/root/grub/grub.bin"' 'memory = 64' 'disk = ["file:/root/prompt.img,xvda,w"]')"
	expect_console prompt 60 'GNU GRUB'
	console_has prompt 'menu of xen_pvh on xen/xvda'
	greeting='GNU GRUB' attach prompt
	echo 'set' >&7
	screen_says 'grub_platform=xen_pvh'
	detach
	zendo destroy prompt
	gone prompt
}

check 'hypervisor' systemctl start zendo
check 'a stock vmlinuz boots, runs a command and powers off' boots_and_ends
check 'its date is right' date_is_right
check 'its sleep is right' sleep_is_right
check 'its clock source is the hypervisor or the TSC' console_has first '^CLOCK=(xen|tsc)'
check 'its loopback network works' console_has first '^LOOPBACK=works'
check 'it knows that Xen is below' console_has first '^CPUS=1 TYPE=xen'
check 'a feature that is hidden is not in its cpuinfo' console_has first '^AVX=0 SSE2=1'
check 'its kernel has nothing to say' nothing_bad_in_dmesg
check 'the reason of its end is told' exit_reason_is_told
check 'the journal has its console' journal_has_console
check 'a dead guest has its console still' dead_console_is_kept
check 'the unpacked kernel is kept' cache_is_used
check 'two guests run at once' two_are_created
check 'the process of a guest has few rights' runner_has_few_rights
check 'list prints the columns of xl' list_has_columns
check 'list prints JSON' list_json
check 'vcpu-list prints the columns of xl' vcpu_list_has_columns
check 'a vCPU goes where it is pinned' pin_moves_a_vcpu
check 'an NMI arrives at the vCPU it is for' nmi_arrives
check 'vCPUs go away and come back' vcpus_come_and_go
check 'names, ids and uptimes' names_and_ids
check 'typing reaches the guest' typing_works
check 'several may look, one types' two_viewers
check 'a paused guest stands still and goes on' pause_holds
check 'the date is right after a pause' date_is_right_after_pause
check 'destroy ends one guest only' destroyed_at_once
check 'a guest reboots' reboots
check 'poweroff ends the domain' powers_off_by_command
check '16 vCPUs on 2 CPUs' many_vcpus sixteen 16 ''
check '4 vCPUs under load' many_vcpus four 4 "$stress"
check 'stolen time is told' time_is_accounted
check 'a stock 32-bit kernel with 2 vCPUs' boots_32_bits
check 'GRUB reads a menu from a disk and has its prompt on the console' grub_has_a_prompt
check 'GRUB boots a kernel from a disk' grub_boots
check "4 vCPUs under stress-ng for $seconds s" endures
check 'the hypervisor is clean' hypervisor_clean
check 'it stops' systemctl stop zendo
check 'the kernel has nothing to say' dmesg_clean
finish
