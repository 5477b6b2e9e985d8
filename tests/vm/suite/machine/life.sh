# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Two boots: what domains do in the first, and that they are there again in the second.

. "$(dirname "$0")/checks.sh"

patience=120
dumps=/var/lib/zendo/dump

# defined NAME PROGRAM EXTRA [KEY=VALUE...] - a tiny guest with a definition in /etc/zendo
defined() {
	mv "$(tiny "$@")" "/etc/zendo/$1.cfg"
}

# ---- names -------------------------------------------------------------------------------

known_when_nothing_runs() {
	defined web hello idle 'vcpus = 2'
	defined 'db one' hello idle
	echo nonsense >/etc/zendo/bad.cfg
	zendo list --all >/root/list 2>/root/errors
	cat /root/list /root/errors
	grep -E '^web +- +4 +2 +------ +0\.0$' /root/list
	grep -E '^db one +- +4 +1 +------ +0\.0$' /root/list
	refuses grep Domain-0 /root/list
	grep '/etc/zendo/bad.cfg:1' /root/errors
	rm /etc/zendo/bad.cfg
	systemctl start zendo
	zendo list --all --json | jq -e 'map(.name) == ["Domain-0", "db one", "web"] and
		.[2].definition == "/etc/zendo/web.cfg" and .[2].enabled == false and (.[2] | has("domid") | not)'
	fails_with 3 "'web' is not running; 'zendo create web' starts it" zendo destroy web
}

started_by_name() {
	zendo create web
	zendo create 'db one'
	equal 'vCPUs' "$(zendo list --json web | jq '.[0].vcpus')" 2
	zendo list -a | grep -E '^web +[0-9]+ +4 +2 '
	equal 'lines' "$(zendo list -a | wc -l)" 4
	fails_with 3 "there is no domain 'wec'; did you mean 'web'?" zendo pause wec
}

# machinectl knows the one whose name a machine may have, asks its guest to power off as systemctl does, and forgets it with its unit.
machinectl_knows() {
	machinectl list --no-legend | tee /root/machines
	equal machines "$(awk '{ print $1, $2, $3 }' /root/machines)" 'web vm zendo'
	equal leader "$(machinectl show -p Leader --value web)" "$(zendo list --json web | jq '.[0].pid')"
	equal unit "$(machinectl show -p Unit --value web)" zendo-domain@web.service
	equal id "$(machinectl show -p Id --value web)" "$(zendo list --json web | jq -r '.[0].uuid' | tr -d -)"
	machinectl poweroff web
	journal_hears web 20 'asked to stop by signal 38 '
	zendo destroy web
	hears 20 '^Machine web terminated' journalctl -b -f -n all -o cat -u systemd-machined
	zendo create web
}

# gets QUOTA WEIGHT PERCENT - what the kernel was told of the domain's unit, and that its guest, which takes what it gets, has no more. Where
# nobody has a share of his own there are no files.
gets() {
	local group
	group=/sys/fs/cgroup$(systemctl show -P ControlGroup zendo-domain@greedy)
	equal quota "$(cat "$group/cpu.max" 2>/dev/null || echo max 100000)" "$1 100000"
	equal weight "$(cat "$group/cpu.weight" 2>/dev/null || echo 100)" "$2"
	between '% of a CPU' "$(zendo stat -i 3 -c 1 --json greedy | jq '.domains[0].cpu_percent | round')" 1 "$3"
}

# Of the definition, of an administrator while it runs, and not of the definition before.
shares_are_the_units() {
	zendo create "$(tiny greedy hello spin 'cap = 30' 'cpu_weight = 512')"
	gets 30000 200 33
	systemctl set-property --runtime zendo-domain@greedy CPUQuota=10% CPUWeight=50
	gets 10000 50 13
	zendo destroy greedy
	zendo create "$(tiny greedy hello spin)"
	gets max 100 105
	zendo destroy greedy
}

# What it was made from, not what its file says now; and as text that makes the same again.
shown_as_made() {
	zendo config check web
	sed -i 's/^vcpus = 2/vcpus = 3/' /etc/zendo/web.cfg
	zendo config show web >/root/shown
	grep -x 'vcpus = 2' /root/shown
	zendo config show --json /etc/zendo/web.cfg | jq -e '.vcpus == 3'
	zendo config show --json web | zendo config convert - | zendo config show - | diff - /root/shown
	fails_with 1 "'vcpus' is 999" zendo config check web vcpus=999
	fails_with 3 'no definition /etc/zendo/wab.cfg' zendo config show wab
	sed -i 's/^vcpus = 3/vcpus = 2/' /etc/zendo/web.cfg
}

enabled_and_not() {
	fails_with 3 'there is no definition /etc/zendo/wab.cfg' zendo enable wab
	defined odd hello idle
	sed -i 's/name = .*/name = "even"/' /etc/zendo/odd.cfg
	fails_with 1 "it defines the domain 'even', not 'odd'" zendo enable odd
	rm /etc/zendo/odd.cfg
	zendo enable web 'db one'
	equal state "$(systemctl is-enabled 'zendo-domain@db\x20one')" enabled
	equal 'enabled' "$(zendo list -a --json | jq '[.[].enabled | select(.)] | length')" 2
}

# A link is a wish without being enabled, and whoever disables is told of it.
link_in_auto() {
	ln -s '../db one.cfg' /etc/zendo/auto/10-db
	ln -s /etc/passwd /etc/zendo/auto/20-passwd
	fails_with 1 'remove /etc/zendo/auto/10-db' zendo disable 'db one'
	equal state "$(systemctl is-enabled 'zendo-domain@db\x20one')" enabled-runtime
	equal 'starts at boot' "$(zendo list -a --json | jq '[.[] | select(.enabled) | .name] | sort | join(" ")')" '"db one web"'
	test -L '/run/systemd/generator/multi-user.target.wants/zendo-domain@db\x20one.service'
	dmesg | grep -F 'zendo-generator: /etc/zendo/auto/20-passwd is ignored'
	rm /etc/zendo/auto/20-passwd
}

renamed() {
	fails_with 1 'cannot be renamed while it runs: it is the unit zendo-domain@web' zendo rename web www
	zendo destroy web
	zendo rename web www
	grep -Fx 'name = "www"' /etc/zendo/www.cfg
	equal state "$(systemctl is-enabled zendo-domain@www)" enabled
	refuses systemctl is-enabled zendo-domain@web
	fails_with 3 'there is no definition /etc/zendo/web.cfg' zendo rename web www
	zendo destroy 'db one'
	zendo rename 'db one' db
	equal link "$(readlink /etc/zendo/auto/10-db)" ../db.cfg
	zendo create www
}

# ---- as xl -------------------------------------------------------------------------------

# column NUMBER - the commands in that column of the table of docs/from-xl.md, one on a line
column() {
	awk -F ' *[|] *' -v n="$1" '$3 ~ /^`xl / { gsub("`", "", $n); print $n }' /root/from-xl.md
}

# Each row of the page, and nothing is left behind. A guest that was asked to shut down, and does not listen, is still there.
rows_of_page() {
	local command n=0
	rm -rf "$scratch/rows"
	mkdir "$scratch/rows"
	cd "$scratch/rows"
	cp "$(tiny web hello idle)" web.cfg
	while read -r command; do
		echo "== $command"
		bash -c "$command" </dev/null
		n=$((n + 1))
	done < <(column "$1")
	equal rows $n 20
	file_is_core web.core
	zendo list web | grep -e '--p---'
	equal vCPUs "$(zendo list --json web | jq '.[0].vcpus')" 2
	zendo destroy web
}

xl_by_page() {
	local folder
	folder=$(dirname "$(command -v zendo)")
	ln -s zendo "$folder/xl"
	ln -s zendo "$folder/xm"
	rows_of_page 3
}

# What scripts and Pacemaker's agent look at.
xl_for_scripts() {
	local file
	fails_with 1 "no domain 'front'" xl list front
	file=$(tiny wrong hello idle 'cpus = [ "0" ]' 'on_crash = "coredump-destroy"')
	xl create "$file" 'name="front"'
	xl list front | awk 'NR == 2 { print $3, $4 }' | grep -x '4 1'
	xl list | grep -E '^Domain-0 +0 '
	equal uuid "$(xl vm-list | awk '$3 == "front" { print $1 }')" "$(xl list -l front | jq -r '.[0].config.c_info.uuid')"
	equal id "$(xl list -l front | jq '.[0].domid')" "$(xm domid front)"
	xl list -l front | jq -e '.[0].config | .b_info.target_memkb == 4096 and .b_info.max_vcpus == 1 and .on_crash == "coredump_destroy"'
	# ours of libxl's JSON is the definition that it was made from, but for the UUID, which was made up
	diff <(xl list -l front | zendo config convert - | zendo config show - | grep -v ^uuid) <(zendo config show front)
	between 'MiB of the machine' "$(xl info | awk '/^total_memory/ { print $3 }')" 500 100000
	equal version "$(xl info | awk '/^xen_version/ { print $3 }')" 4.17.0-zendo
	fails_with 1 "'pci-attach' is not in this version" xl pci-attach front 00:00.0
	fails_with 1 'exists already' xl create "$file" 'name="front"'
	fails_with 2 'needs 1 argument' xl destroy
	xl destroy front
	fails_with 1 "no domain 'front'" xl domid front
}

# ---- by the library ----------------------------------------------------------------------

# The Python module calls each function of libzendo but its own closing ones.
by_the_library() {
	ldconfig
	tiny snake hello idle >/dev/null
	PYTHONPATH=/root/python timeout 120 python3 -B - <<'END'
import errno, os, stat, zendo
from zendo import EventKind as K

def fails(number, words, call, *arguments, **keys):
    try:
        call(*arguments, **keys)
    except zendo.ZendoError as e:
        assert e.errno == number and words in e.strerror, (e.errno, e.strerror)
    else:
        raise AssertionError(f"{call} did not fail")

with zendo.Events() as events, zendo.Session() as s:
    before = {d.name for d in s.domains()}
    d = s.create("/root/snake.cfg", paused=True, vcpus=2, memory=8)
    assert (d.name, d.vcpus, d.max_vcpus, d.shutdown) == ("snake", 2, 2, None), d
    assert d.memory_kib > 4096 and d.state & zendo.State.PAUSED and not d.is_running, d
    assert {x.name for x in s.domains()} == before | {"snake"}
    assert s.info().domains == len(before) + 1 and s.info().build
    s.unpause(d)
    s.unpause("snake")
    assert s.find(d.domid).is_running
    s.pause("snake")
    assert s.find("snake").state & zendo.State.PAUSED
    assert stat.S_ISCHR(os.stat(s.console("snake")).st_mode)
    assert os.readlink(f"/proc/{d.pid}/exe").endswith("zendo-run"), d.pid
    fails(errno.EIO, "exists already", s.create, "/root/snake.cfg")
    fails(errno.EINVAL, "unknown key 'memry'", s.create, "/root/snake.cfg", memry=3)
    fails(errno.ENOENT, "no domain 'nobody'", s.pause, "nobody")
    fails(errno.ENOENT, "no domain '4711'", s.destroy, 4711)
    s.unpause("snake")
    fails(errno.EINVAL, "snake: ", s.shutdown, "snake", "jump")
    s.destroy(d)
    fails(errno.ENOENT, "no domain", s.find, "snake")
    seen = []
    while not seen or seen[-1].kind != K.DESTROYED:
        event = events.next(timeout=20)
        assert event, seen
        if event.domid == d.domid:
            seen.append(event)
    kinds = [e.kind for e in seen]
    assert kinds[0] == K.CREATED and K.RUNNING in kinds and K.PAUSED in kinds, kinds
    assert all(e.name == "snake" for e in seen), seen
END
	gone snake
}

# The program in docs/ioctls.md, and nothing is left of its domain.
by_raw_requests() {
	sed -n '/^```python/,/^```/ { /^```/d; p }' /root/ioctls.md >/root/by-hand.py
	timeout 60 python3 -B /root/by-hand.py | tee /root/by-hand
	grep -E '^domain [0-9]+$' /root/by-hand
	grep -x 'hello from a guest' /root/by-hand
	grep -x 'shut down with 0' /root/by-hand
	gone by-hand
}

# ---- cores -------------------------------------------------------------------------------

cores() {
	find $dumps -name "$1-*.core"
}

# What stood in the registers when it died, by the journal and by the core.
crashed_leaves_core() {
	local core rip
	zendo create "$(tiny fell crash kind=triple 'on_crash = "coredump-destroy"')"
	ended fell 60
	journal_of fell | tee /root/journal
	core=$(cores fell)
	equal 'cores' "$(wc -l <<<"$core")" 1
	grep -E "its core is $core: 4\\.[0-9] MiB, [0-3]\\.[0-9] MiB on disk\$" /root/journal
	between 'KiB on disk' "$(du -k "$core" | cut -f 1)" 4 3500
	equal owner "$(stat -c '%U %a' "$core")" 'zendo 640'
	rip=$(grep -oE 'rip +[0-9a-f]{16}' /root/journal | head -n 1 | awk '{ print $2 }')
	gdb -nx -batch -ex 'info registers rip' -ex 'x/s 0' -c "$core" >/root/gdb 2>&1
	cat /root/gdb
	grep -E "^rip +0x0*$(sed 's/^0*//' <<<"$rip") " /root/gdb
	equal 'result of the unit' "$(systemctl show -P Result zendo-domain@fell)" exit-code
}

restarts_with_core() {
	zendo create "$(tiny loop crash kind=triple 'on_crash = "coredump-restart"')"
	ended loop 90
	journal_of loop | grep '5 restarts within 60 seconds: it stays down'
	equal 'cores' "$(cores loop | wc -l)" 6
	rm $dumps/loop-*
}

full_disk_leaves_nothing() {
	mount -t tmpfs -o size=40k,uid=zendo,gid=zendo,mode=750 none $dumps
	zendo create "$(tiny full crash kind=triple 'on_crash = "coredump-destroy"')"
	ended full 60
	journal_of full | grep 'no core: No space left on device'
	equal 'files' "$(find $dumps -mindepth 1 | wc -l)" 0
	umount $dumps
}

# Its clock goes on; nothing is written over, and nothing is left of what is broken off.
core_of_running() {
	zendo create "$(tiny alive hello 'ticks=20 period_us=500000')"
	zendo dump-core alive /root/alive.core
	file_is_core /root/alive.core
	fails_with 1 'is there already' zendo dump-core alive /root/alive.core
	fails_with 1 'No such file' zendo dump-core alive /nowhere/core
	fails_with 3 'no domain' zendo dump-core nobody /root/nobody.core
	equal 'other files' "$(find /root -name '*.core' | wc -l)" 1
	zendo pause alive
	zendo dump-core alive /root/paused.core
	zendo list alive | grep -e --p---
	zendo unpause alive
	ended alive 90
	console_has alive PASS
}

file_is_core() {
	equal magic "$(od -An -tx1 -N 17 "$1" | tr -d ' \n')" 7f454c46020101000000000000000000""04
}

# ---- a stock guest -----------------------------------------------------------------------

# What Linux runs when it is told to power off or reboot; the initramfs of other suites has none and only says so.
pack_ends() {
	local word
	mkdir -p "$scratch/pack/sbin"
	for word in poweroff reboot; do
		printf '#!/bin/sh\nexec /bin/busybox %s -f\n' $word >"$scratch/pack/sbin/$word"
		chmod +x "$scratch/pack/sbin/$word"
	done
	{
		cat /root/guest/initrd.gz
		cd "$scratch/pack"
		find . | cpio --quiet -o -H newc | gzip -1
	} >/root/guest/ends.gz
}

# As they are installed, but for the guest: the machine's, with disks of nothing.
examples_run() {
	local examples=/usr/share/doc/zendo/examples guest=(kernel=/root/guest/vmlinux ramdisk=/root/guest/ends.gz memory=128)
	pack_ends
	truncate -s 16M /var/lib/zendo/{web,web1,common}.img
	ip link add br0 type bridge
	zendo create $examples/one.cfg name=one "${guest[@]}"
	zendo create $examples/many.cfg vmid=1 "${guest[@]}"
	expect_console one $patience 'zendo-guest: ready'
	equal 'disks of one' "$(zendo block-list --json one | jq -c '[.[].kernel]')" '["connected"]'
	equal 'its networks' "$(zendo network-list --json one | jq -c '[.[] | [.kernel, .bridge]]')" '[["connected","zendo0"]]'
	expect_console web1 $patience 'zendo-guest: ready'
	equal 'disks of many' "$(zendo block-list --json web1 | jq -c '[.[].kernel]')" '["connected","connected"]'
	equal 'its address' "$(zendo network-list --json web1 | jq -r '.[0].mac')" 00:16:3e:00:01:01
	zendo config check $examples/grub.cfg
	zendo destroy one web1
	ip link del br0
	rm /var/lib/zendo/{web,web1,common}.img
}

stock_guest_is_up() {
	local file
	file=$(stock good '' 'on_crash = "rename-restart"')
	sed -i 's,/root/guest/initrd.gz,/root/guest/ends.gz,' "$file"
	mv "$file" /etc/zendo/good.cfg
	zendo create good
	expect_console good $patience 'zendo-guest: ready'
}

# once_more COMMAND... - after it the guest boots again
once_more() {
	local before
	before=$(journal_of good | grep -c '^zendo-guest: ready')
	"$@"
	journal_hears good -n $((before + 1)) $patience '^zendo-guest: ready'
}

# Somebody in the place of the store's daemon takes three questions and dies with them in hand; the fourth comes to the daemon.
store_loses_three() {
	python3 -c '
import os, socket
path = "/run/zendo/store.sock"
os.rename(path, path + ".real")
with socket.socket(socket.AF_UNIX) as thief:
    thief.bind(path)
    os.chmod(path, 0o666)
    thief.listen()
    print("ready", flush=True)
    for n in range(3):
        question = thief.accept()[0]
        question.recv(1)
        if n == 2:
            os.rename(path + ".real", path)
        question.close()
' >"$scratch/thief" &
	hears 20 ready tail -n +1 -F "$scratch/thief"
}

asked_again() {
	store_loses_three
	zendo sysrq good h
	expect_console good 30 'sysrq: HELP'
	wait
}

reboots_when_asked() {
	once_more zendo reboot good
	journal_of good | grep 'shut down: reboot'
}

type_crash() {
	{ echo '{"do":"console","mode":"write","scrollback":false}'; echo 'echo c >/proc/sysrq-trigger'; } |
		timeout 60 socat - UNIX-CONNECT:/run/zendo/domains/good/control >/root/typed &
}

crashed_is_kept() {
	once_more type_crash
	journal_of good | grep "is 'good-1' now and kept for a look"
	zendo list | tee /root/list
	grep -E '^good-1 +[0-9]+ +128 +1 +---sc- ' /root/list
	grep -E '^good +[0-9]+ +128 +1 +(r-|-b)---- ' /root/list
}

kept_has_core() {
	fails_with 1 "'good-1' has ended and is only kept for a look by 'good'" zendo pause good-1
	zendo dump-core good-1 /root/good.core
	file_is_core /root/good.core
	# its panic is in its memory, and what tells crash(8) its layout in a note
	grep -aq 'sysrq triggered crash' /root/good.core
	head -c 16384 /root/good.core | grep -aq VMCOREINFO
	rm /root/good.core
	zendo destroy good-1
	gone good-1
	exists good
}

# ---- graceful ends -----------------------------------------------------------------------

shuts_down_when_asked() {
	local begin=$EPOCHREALTIME
	fails_with 1 '"key" is one printable character' zendo sysrq good help
	zendo shutdown -w -t 60 good
	awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "gone after %.1f s\n", b - a }' | tee /root/shutdown
	gone good
	journal_of good | grep 'shut down: poweroff'
}

# It never looks at its store.
deaf_one_is_not_waited_for() {
	local begin
	zendo create "$(tiny deaf hello idle)"
	fails_with 1 "'deaf' has not shut down within 1 seconds; 'zendo destroy deaf' ends it" zendo shutdown -w -t 1 deaf
	zendo pause deaf
	fails_with 1 'it is paused and does not hear' zendo shutdown deaf
	zendo unpause deaf
	begin=$EPOCHSECONDS
	systemctl stop zendo-domain@deaf
	between seconds $((EPOCHSECONDS - begin)) 9 40
	journal_of deaf | grep 'does not listen for a shutdown: it is destroyed'
	equal 'result of the unit' "$(systemctl show -P Result zendo-domain@deaf)" success
	zendo create "$(tiny deaf hello idle)" -p
	begin=$EPOCHSECONDS
	systemctl stop zendo-domain@deaf
	between seconds $((EPOCHSECONDS - begin)) 0 8
	zendo destroy www
	zendo create "$(tiny deaf hello idle)" -p
	zendo shutdown --all --force --wait
	gone deaf
}

# One that is well behaved and two that are deaf are left to the machine's shutdown; the first leans on one of the others.
left_to_the_machine() {
	mkdir /etc/systemd/system/zendo-domain@good.service.d
	printf '[Unit]\nAfter=zendo-domain@www.service\n' >/etc/systemd/system/zendo-domain@good.service.d/order.conf
	systemctl daemon-reload
	zendo create www
	zendo create db
	zendo create good
	expect_console good $patience 'zendo-guest: ready'
}

line_of() {
	grep -nx -m 1 "$1" "$scratch/stops" | cut -d: -f1
}

stopped_with_the_machine() {
	local name
	journalctl -b -1 -o short-monotonic --no-pager -u 'zendo-domain@*' | tail -n 40
	journalctl -b -1 -o cat --no-pager -u zendo-domain@good | grep 'shut down: poweroff'
	for name in www db; do
		journalctl -b -1 -o cat --no-pager -u zendo-domain@$name | grep 'does not listen for a shutdown: it is destroyed'
	done
	# in reverse order where there is one, else at the same time
	journalctl -b -1 -o cat --no-pager -u 'zendo-domain@*' | grep -oE '^Stopp(ing|ed) zendo-domain@(good|www|db)' >"$scratch/stops"
	cat "$scratch/stops"
	[ "$(line_of 'Stopped zendo-domain@good')" -lt "$(line_of 'Stopping zendo-domain@www')" ]
	[ "$(line_of 'Stopping zendo-domain@db')" -lt "$(line_of 'Stopped zendo-domain@good')" ]
	# the hypervisor goes after the last of them
	journalctl -b -1 -o short-monotonic --no-pager -u zendo.service | tail -n 10
	journalctl -b -1 -o cat --no-pager -u zendo.service -u zendo-domain@www | tail -n 4 | grep 'Stopping zendo.service'
	refuses journalctl -b -1 -o cat --no-pager -g 'zendo leave.*failed|Killing process .*zendo-run'
}

# The store knows domains: without that nobody can ask them.
can_ask() {
	zendo create "$(tiny asked hello idle)"
	! zendo shutdown asked 2>&1 | grep 'there was no store when it was started'
	zendo destroy asked
}

# ---- the store by hand -------------------------------------------------------------------

# As Debian's programs have it, where both say the same.
store_by_hand() {
	local watcher
	zendo store write /by/hand one /by/hand/two $'2\t"\001\x1b[0m\xff' /by/other ''
	equal value "$(zendo store read /by/hand)" one
	diff <(zendo store ls /by) <(xenstore-ls /by)
	diff <(zendo store ls -f /by) <(xenstore-ls -f /by)
	diff <(zendo store list /by) <(xenstore-list /by)
	diff <(zendo store list -p /by) <(xenstore-list -p /by)
	diff <(zendo store read -p /by/hand /by/other) <(xenstore-read -p /by/hand /by/other)
	zendo store chmod /by/hand n0 r1
	zendo store ls -p /by | grep -F 'hand = "one"  (n0,r1)'
	fails_with 1 '/by/none: there is no such node' zendo store read /by/none
	fails_with 2 "'x1' is no permission" zendo store chmod /by/hand x1
	# the same with both, one after the other
	zendo store write /by/far/below/x 1 /by/far/y 2
	zendo store chmod -r /by/far n0 r2
	zendo store chmod -u /by/far/below n0 w3
	xenstore-ls -fp /by >"$scratch/ours"
	xenstore-chmod -r /by n0
	xenstore-chmod -r /by/far n0 r2
	xenstore-chmod -u /by/far/below n0 w3
	xenstore-chmod /by/hand n0 r1
	xenstore-ls -fp /by | diff "$scratch/ours" -
	zendo store exists /by/far/y /by/hand
	zendo store rm -t /by/far/below/x
	refuses zendo store exists /by/far/below
	fails_with 1 '/none/x: there is no such node' zendo store rm /by/far/y /none/x
	zendo store exists /by/far/y
	fails_with 2 'usage: zendo store' zendo store rm -q /by/far/y
	zendo store watch -n 2 /by/other >/root/watched &
	watcher=$!
	hears 20 '^/by/other$' tail -n +1 -F /root/watched
	zendo store rm /by/other
	wait $watcher
	equal 'lines' "$(sort -u /root/watched)" /by/other
	zendo store rm /by
	fails_with 1 '/by: there is no such node' zendo store ls /by
}

# ---- the machine goes and comes ----------------------------------------------------------

comes_back() {
	local name
	for name in www db; do
		hears 60 "domain [0-9]+ runs" journalctl -b -f -n all -o cat -u "zendo-domain@$name"
		exists $name
	done
}

# What a boot does, by one word
target_brings_them_all() {
	local name
	zendo pause www db
	systemctl stop zendo
	refuses systemctl is-active zendo.target
	systemctl start zendo.target
	for name in www db; do
		hears -n 2 60 "domain [0-9]+ runs" journalctl -b -f -n all -o cat -u "zendo-domain@$name"
	done
	systemctl is-active zendo.target
}

# As after an upgrade. Who is paused does not hear, and is not waited for.
restarts_under_domains() {
	local name
	zendo pause www db
	systemctl restart zendo
	for name in www db; do
		hears -n 3 60 "domain [0-9]+ runs" journalctl -b -f -n all -o cat -u "zendo-domain@$name"
	done
	systemctl is-active zendo.target
}

case $ZT_BOOT in
0)
	check 'definitions are known when nothing runs' known_when_nothing_runs
	check 'they are started by name' started_by_name
	check 'machinectl knows them' machinectl_knows
	check 'cap= and cpu_weight= are properties of the unit, which act at once' shares_are_the_units
	check 'the definition of a running domain is shown' shown_as_made
	check 'enable and disable' enabled_and_not
	check 'a link in auto starts a domain' link_in_auto
	check 'a definition is renamed, a running domain is not' renamed
	check 'twenty tasks as zendo' rows_of_page 4
	check 'twenty tasks as xl' xl_by_page
	check 'xl for scripts' xl_for_scripts
	check 'domains by the library' by_the_library
	check 'a domain by raw requests' by_raw_requests
	check 'a guest that crashes leaves a core that gdb reads' crashed_leaves_core
	check 'it leaves one at each restart, until it stays down' restarts_with_core
	check 'a full disk leaves none, and no half one' full_disk_leaves_nothing
	check 'the core of a running guest, which goes on' core_of_running
	check 'the store by hand, as by xenstore-utils' store_by_hand
	(set -e; can_ask) >/dev/null 2>&1 && touch /root/can-ask
	check 'the examples run' examples_run
	check 'a stock guest is up' stock_guest_is_up
	[ ! -e /root/can-ask ] || check 'it is asked once more when the store dies meanwhile' asked_again
	[ ! -e /root/can-ask ] || check 'it reboots when it is asked' reboots_when_asked
	check 'it crashes and is kept beside the next one' crashed_is_kept
	check 'and can be looked at and removed' kept_has_core
	if [ -e /root/can-ask ]; then
		check 'it shuts down when it is asked' shuts_down_when_asked
		sed 's/^/# /' /root/shutdown
		check 'one that does not listen is not waited for' deaf_one_is_not_waited_for
		check 'three are left to the shutdown of the machine' left_to_the_machine
	else
		skip 'guests are asked to shut down' 'domains have no entries in a store'
	fi
	check 'the kernel has nothing to say before the reboot' dmesg_clean
	sync
	systemctl reboot
	sleep infinity
	;;
*)
	[ ! -e /root/can-ask ] || check 'all were stopped with the machine, as they could be' stopped_with_the_machine
	check 'enabled and linked domains come back with the machine' comes_back
	check 'and with zendo.target' target_brings_them_all
	check 'and with the hypervisor, when that starts anew' restarts_under_domains
	check 'they are stopped' zendo destroy www db
	check 'the hypervisor is clean' hypervisor_clean
	check 'it stops' systemctl stop zendo
	check 'the kernel has nothing to say' dmesg_clean
	finish
	;;
esac
