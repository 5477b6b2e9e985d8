# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only

. "$(dirname "$0")/checks.sh"

# What a refused command must not leave: domains, units, definitions, processes.
leftovers() {
	zendo list --json 2>/dev/null | jq -r '.[] | select(.domid > 0) | .name'
	systemctl list-units --all --no-legend 'zendo-domain@*'
	find /run/zendo/domains -mindepth 1
	pgrep -a zendo-run
	true
}

# refused STATUS TEXT COMMAND...
refused() {
	fails_with "$@"
	equal leftovers "$(leftovers)" ''
}

config() {
	define "$@"
}

unknown_key() {
	config bad 'kernel = "/root/guest/vmlinux"' 'memroy = 64' >/dev/null
	# Line 4 of the file; unknown keys may be a warning of an xl.cfg that works elsewhere, a misspelt one is not.
	refused 1 'bad\.cfg:4.*memroy.*memory' zendo create /root/bad.cfg
}

malformed() {
	config bad 'kernel = "/root/guest/vmlinux' 'memory = 64' >/dev/null
	refused 1 'bad\.cfg:3' zendo create /root/bad.cfg
}

not_a_number() {
	config bad 'kernel = "/root/guest/vmlinux"' 'memory = "much"' >/dev/null
	refused 1 'bad\.cfg:4.*memory' zendo create /root/bad.cfg
}

# out_of_range TEXT KEY=VALUE... - the fourth line is refused, with its place
out_of_range() {
	local text=$1
	shift
	config bad "kernel = \"$guests/hello.elf\"" "$@" 'memory = 4' >/dev/null
	refused 1 "^zendo: /root/bad\.cfg:4:[0-9]+: $text" zendo create /root/bad.cfg
}

numbers_out_of_range() {
	out_of_range "'vcpus' is 0, must be 1 to 128" 'vcpus = 0'
	out_of_range "'vcpus' is 129, must be 1 to 128" 'vcpus = 129'
	out_of_range "'cap' is -1, must be 0 to 409600 percent" 'cap = -1'
	out_of_range "'cap' is 500000, must be 0 to 409600 percent" 'cap = 500000'
	out_of_range "'cpu_weight' is 0, must be 1 to 65535" 'cpu_weight = 0'
}

cpus_that_are_not_there() {
	out_of_range "'cpus' names CPU 2, which is not there: online are 0-1" 'cpus = "0,2"'
	out_of_range "'cpus' names CPU 7, which is not there: online are 0-1" 'cpus = [ 7 ]'
	out_of_range "bad 'cpus': range ends before it begins" 'cpus = "1-0"'
	out_of_range "bad 'cpus': no CPU is left" 'cpus = "1,^1"'
}

# What xl has and this version has not is told, not done by halves.
not_in_this_version() {
	fails_with 1 "only 'nmi'" zendo trigger nobody power
	fails_with 1 'soft affinity' zendo vcpu-pin nobody 0 0 1
	fails_with 1 "this machine's CPUs" zendo vcpu-pin Domain-0 0 1
}

vcpus_of_a_domain() {
	zendo create "$(tiny pinned hello idle)"
	fails_with 1 'pinned: CPU 2 is not there, online are 0-1' zendo vcpu-pin pinned 0 0-2
	fails_with 1 "pinned: 2 vCPUs are not possible, its 'maxvcpus' allows 1 to 1" zendo vcpu-set pinned 2
	fails_with 1 "pinned: 0 vCPUs are not possible" zendo vcpu-set pinned 0
	fails_with 1 'pinned: 3 vCPUs are more than the 2 CPUs that are online; --ignore-host' zendo vcpu-set pinned 3
	fails_with 1 "allows 1 to 1" zendo vcpu-set -i pinned 3
	fails_with 2 "'x' is not a number of vCPUs" zendo vcpu-set pinned x
	fails_with 1 "this machine's CPUs" zendo vcpu-set Domain-0 1
	fails_with 1 "pinned: bad CPUs 'x': a CPU number expected" zendo vcpu-pin pinned 0 x
	fails_with 1 'pinned: there is no vCPU 1, the domain has 0 to 0' zendo vcpu-pin pinned 1 0
	fails_with 1 'pinned: there is no vCPU 9, the domain has 0 to 0' zendo trigger pinned nmi 9
	fails_with 2 "'-1' is not the number of a vCPU" zendo vcpu-pin -- pinned -1 0
	equal 'CPUs that it may use' "$(zendo vcpu-list --json pinned | jq -r '.[0].cpus')" all
	systemctl set-property --runtime zendo-domain@pinned AllowedCPUs=0
	fails_with 1 'the unit may not use all of CPUs 0-1: see its AllowedCPUs=' zendo vcpu-pin pinned all 0-1
	equal 'CPUs that it may use' "$(zendo vcpu-list --json pinned | jq -r '.[0].cpus')" 0
	zendo destroy pinned
	equal leftovers "$(leftovers)" ''
}

no_kernel_key() {
	config bad 'memory = 64' >/dev/null
	refused 1 'kernel' zendo create /root/bad.cfg
}

missing_kernel() {
	config bad 'kernel = "/root/nothing"' 'memory = 64' >/dev/null
	refused 1 '/root/nothing.*No such file' zendo create /root/bad.cfg
}

truncated_kernel() {
	head -c 3000000 /root/guest/vmlinuz >/root/truncated
	config bad 'kernel = "/root/truncated"' 'memory = 128' >/dev/null
	refused 1 '/root/truncated.*(truncated|short|ends|damaged)' zendo create /root/bad.cfg
	head -c 3000000 /root/guest/vmlinux >/root/truncated
	refused 1 '/root/truncated.*(truncated|short|ends|damaged|past|beyond|outside)' zendo create /root/bad.cfg
}

text_as_kernel() {
	config bad 'kernel = "/etc/passwd"' 'memory = 64' >/dev/null
	refused 1 '/etc/passwd.*(neither|not)' zendo create /root/bad.cfg
}

# An ELF program, but no kernel that a PVH start could enter.
kernel_without_note() {
	config bad 'kernel = "/bin/true"' 'memory = 64' >/dev/null
	refused 1 '/bin/true.*(note|XEN_ELFNOTE_PHYS32_ENTRY|PHYS32_ENTRY|ET_EXEC|executable)' zendo create /root/bad.cfg
	objcopy --remove-section=.note* /usr/lib/zendo/guests/hello.elf /root/noteless.elf
	config bad 'kernel = "/root/noteless.elf"' 'memory = 64' >/dev/null
	refused 1 'noteless.elf.*PHYS32_ENTRY' zendo create /root/bad.cfg
}

missing_ramdisk() {
	config bad 'kernel = "/root/guest/vmlinux"' 'ramdisk = "/root/nothing"' 'memory = 128' >/dev/null
	refused 1 '/root/nothing' zendo create /root/bad.cfg
}

too_much_memory() {
	local free
	config bad "kernel = \"$guests/hello.elf\"" 'memory = 100000' >/dev/null
	refused 1 "'bad' wants 100000 MiB of memory, [0-9]+ MiB are free" zendo create /root/bad.cfg
	free=$(sed -n 's/.*memory, \([0-9]*\) MiB are free.*/\1/p' "$scratch/stderr")
	between 'MiB said to be free' "$free" 1000 2048
}

too_little_memory() {
	config bad 'kernel = "/root/guest/vmlinux"' 'memory = 16' >/dev/null
	refused 1 'MiB' zendo create /root/bad.cfg
}

missing_definition() {
	refused 1 '/etc/zendo/nothing.cfg' zendo create nothing
	refused 1 'no definition /root/nothing.cfg' zendo create /root/nothing.cfg
}

bad_names() {
	local name
	for name in a/b "$(printf 'a\tb')" "$(printf '%0100d' 0)" '' . ..; do
		config bad "kernel = \"$guests/hello.elf\"" 'memory = 4' >/dev/null
		fails_with 1 . zendo create /root/bad.cfg "name=$name" || { echo "name '$name'"; return 1; }
	done
	equal leftovers "$(leftovers)" ''
}

usage_errors() {
	fails_with 2 'usage: zendo create' zendo create
	fails_with 2 "did you mean 'list'" zendo lits
	fails_with 2 'usage: zendo pause' zendo pause
	fails_with 2 . zendo list --nonsense
	fails_with 2 "'word' is not KEY=VALUE" zendo create /root/bad.cfg word
}

no_such_domain() {
	local command
	for command in pause unpause shutdown reboot destroy console list vcpu-list uptime; do
		fails_with 3 "there is no domain 'nobody'" zendo $command nobody
		fails_with 3 'there is no domain with the id 4711' zendo $command 4711
	done
	fails_with 3 "there is no domain 'nobody'" zendo vcpu-pin nobody 0 0
	fails_with 3 "there is no domain 'nobody'" zendo vcpu-pin nobody 0 - all
	fails_with 3 "there is no domain 'nobody'" zendo trigger nobody nmi
	fails_with 3 "there is no domain 'nobody'" zendo domid nobody
	fails_with 3 "there is no domain 'nobody'" zendo sysrq nobody h
	fails_with 3 "there is no domain 'nobody'" zendo dump-core nobody /root/core
	fails_with 3 'there is no definition /etc/zendo/nobody.cfg' zendo rename nobody somebody
	fails_with 3 'there is no definition /etc/zendo/nobody.cfg' zendo enable nobody
	refuses test -e /root/core
	fails_with 3 'there is no domain with the id 4711' zendo domname 4711
}

# ends_while_asked NR COMMAND... - a runner goes, with its NR-th connection waiting for an answer
ends_while_asked() {
	local nr=$1 runner
	shift
	mkdir /run/zendo/domains/ending
	echo 'last words' >/var/lib/zendo/console/ending.log
	coproc python3 - <<-END
		import select, socket
		runner = socket.socket(socket.AF_UNIX)
		runner.bind("/run/zendo/domains/ending/control")
		runner.listen()
		print("listens", flush=True)
		for _ in range($nr):
		    select.select([runner], [], [])
		    last = runner.accept()[0]
		runner.close()
	END
	runner=$COPROC_PID
	read -r <&"${COPROC[0]}"
	"$@"
	wait "$runner"
	rm -r /run/zendo/domains/ending /var/lib/zendo/console/ending.log
}

asks_one_that_ends() {
	# It looks whether there is a runner first.
	ends_while_asked 2 zendo console -r ending >"$scratch/console" 2>"$scratch/stderr"
	grep '^last words$' "$scratch/console"
	grep 'is not running' "$scratch/stderr"
	ends_while_asked 1 fails_with 3 "the domain 'ending' has just ended" zendo pause ending
}

duplicate_name() {
	zendo create "$(tiny twin hello idle)"
	fails_with 1 "a domain named 'twin' exists already, with id" zendo create /root/twin.cfg
	zendo list twin
	zendo destroy twin
	equal leftovers "$(leftovers)" ''
}

# full FOLDER COMMAND... - with no room left in that folder
full() {
	local folder=$1
	shift
	mount -t tmpfs -o size=4k,mode="$(stat -c %a "$folder")",uid="$(stat -c %u "$folder")",gid="$(stat -c %g "$folder")" full "$folder"
	trap 'umount "$folder"' EXIT
	head -c 4096 /dev/zero >"$folder/fill"
	"$@"
	umount "$folder"
	trap - EXIT
}

disk_is_full() {
	local file
	file=$(tiny nowhere hello idle)
	full /run/zendo/domains fails_with 1 'nowhere.*No space left on device' zendo create "$file"
	equal leftovers "$(leftovers)" ''
}

# What is printed is kept by the journal, too.
console_is_full() {
	zendo create "$1"
	ended mute 60
	journal_of mute | grep PASS
}

log_is_full() {
	full /var/lib/zendo/console console_is_full "$(tiny mute hello 'ticks=2 period_us=100000')"
	equal leftovers "$(leftovers)" ''
}

# As an ordinary user.
ordinary() {
	setpriv --reuid nobody --regid nogroup --clear-groups "$@"
}

no_permission() {
	fails_with 5 'permission|root' ordinary zendo list
	fails_with 5 'permission|root' ordinary zendo create "$(tiny mine hello idle)"
	fails_with 5 'permission|root' ordinary zendo launch
	fails_with 5 'permission|root' ordinary zendo leave
	equal 'CPUs under' "$(info cpus_under)" 2
	zendo create "$(tiny theirs hello idle)"
	fails_with 5 'permission|root' ordinary zendo destroy theirs
	fails_with 5 'permission|root' ordinary zendo console theirs
	exists theirs
	zendo destroy theirs
}

leave_while_busy() {
	zendo create "$(tiny busy hello idle)"
	fails_with 1 'domain' zendo leave
	exists busy
	equal 'CPUs under' "$(info cpus_under)" 2
	zendo destroy busy
}

not_running() {
	refused 4 'systemctl start zendo' zendo list
	refused 4 'systemctl start zendo' zendo create "$(tiny none hello '')"
	refused 4 'systemctl start zendo' zendo pause none
	refused 4 'systemctl start zendo' zendo dmesg
	zendo info | grep '^hypervisor *: not running'
}

# A killed runner takes its domain along, and says so.
killed_runner() {
	zendo create "$(tiny victim hello idle)"
	kill -KILL "$(zendo list --json victim | jq '.[0].pid')"
	journal_hears victim 20 "Failed with result .signal."
	gone victim
	equal 'result of the unit' "$(systemctl show -P Result zendo-domain@victim)" signal
	systemctl reset-failed
	equal leftovers "$(leftovers)" ''
	zendo create /root/victim.cfg
	zendo destroy victim
}

memory_is_back() {
	hypervisor_clean
}

check 'not running: it says what to do' not_running
check 'hypervisor' systemctl start zendo
check 'an unknown key is named with its line and the nearest' unknown_key
check 'a malformed line is named' malformed
check 'a word for a number is refused' not_a_number
check 'numbers out of range are refused with their range' numbers_out_of_range
check 'CPUs that are not there are named' cpus_that_are_not_there
check 'what this version has not is refused with the reason' not_in_this_version
check 'a vCPU goes nowhere where there is no CPU for it' vcpus_of_a_domain
check 'a definition without kernel is refused' no_kernel_key
check 'a missing kernel is named' missing_kernel
check 'a truncated kernel is refused' truncated_kernel
check 'a text is no kernel' text_as_kernel
check 'a kernel without the PVH note: the note is named' kernel_without_note
check 'a missing ramdisk is named' missing_ramdisk
check 'more memory than there is: what is free is said' too_much_memory
check 'too little memory for the kernel is refused' too_little_memory
check 'a missing definition is named' missing_definition
check 'bad names are refused' bad_names
check 'usage errors' usage_errors
check 'a domain that is not there' no_such_domain
check 'a domain that ends while it is asked' asks_one_that_ends
check 'a name that is taken' duplicate_name
check 'a domain that there is no room to start is refused' disk_is_full
check 'no room for what a console prints: the domain does not mind' log_is_full
check 'no permission' no_permission
check 'no leave while a domain runs' leave_while_busy
check 'a killed runner leaves nothing' killed_runner
check 'the hypervisor is clean' memory_is_back
check 'it stops' systemctl stop zendo
check 'the kernel has nothing to say' dmesg_clean
finish
