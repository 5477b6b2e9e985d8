# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What Debian's xenstore-utils do and say, with the store at $XENSTORED_PATH; the output is compared with utils.expected and with what
# they say with Debian's xenstored. Each of the package's commands is here, and each of its options.

say() {
	echo "\$ ${*@Q}"
	"$@" 2>&1 || echo "status $?"
}

say xenstore-write /t/a hello /t/b 'x y' /t/c ''
say xenstore-read /t/a /t/b /t/c
say xenstore-read -p /t/a
say xenstore-read /t/none
say xenstore-list /t
say xenstore-list -p /t
say xenstore-list /t/none
say xenstore-exists /t/a
say xenstore-exists /t/none
say xenstore-write /t/raw '\x01\xff\n'
say xenstore-read /t/raw
say xenstore-read -R /t/raw
say xenstore-chmod /t/a n0 r5 b6
say xenstore-chmod -r /t n1 w7
say xenstore-chmod /t/none n0
say xenstore-chmod /t/a x0
say xenstore-ls
say xenstore-ls -f
say xenstore-ls -fp /t
say xenstore-ls -p /t
say xenstore-ls /t/none
say xenstore-write -s
say xenstore-write '/t/bad path' 1
say xenstore-write /t//a 1
say xenstore-write relative 1
say xenstore-read /local/domain/0/relative
say xenstore-rm /t/a
say xenstore-rm /t/a
say xenstore-rm /t/none/below
say xenstore-rm -t /t/b
say xenstore-ls -f
say xenstore-rm /t
say xenstore-rm /local
# each by itself, and by its name as an argument
say xenstore-write -s /s/a 1 /s/b 2 /s/c 3
say xenstore-read -s /s/a /s/none /s/b
say xenstore write /s/d 4
say xenstore read -p /s/d /s/a
say xenstore exists -s /s/a /s/d
say xenstore-exists /s/a /s/none
say xenstore-exists -p /s/a
say xenstore-list -s -p /s /s/a
say xenstore-ls -s -f /s
say xenstore-chmod -s /s/a r3
say xenstore-chmod -u /s/a/deep b4
say xenstore-write /s/a/deep/er 5
say xenstore-chmod -u /s/a/deep/er n0 b4
say xenstore-chmod -r /s/a n0 w2 n3
say xenstore-ls -fp /s
say xenstore-chmod /s/b n0 r1 r2 r3 r4 r5 r6 r7 r8
say xenstore-ls -fp /s/b
say xenstore-chmod /s q
say xenstore-write -R /s/raw '\x41'
say xenstore-read /s/raw
say xenstore-write /s/empty '' /s/quote '"' /s/backslash '\\'
say xenstore-ls -f /s
say xenstore-write /s/odd
say xenstore-exists ''
say xenstore-write / root
say xenstore-read /
say xenstore-write / ''
say xenstore-write "/s/$(printf 'n%.0s' {1..300})" long
say xenstore-write "/$(printf 'n%.0s' {1..3100})" 'too long'
say xenstore-read "$(printf 'n%.0s' {1..2100})"
say xenstore-rm /
say xenstore-rm -s /s/b /s/c
say xenstore-rm -t /s/a/deep/er
say xenstore-list /s
say xenstore-rm /s
for path in / /none @releaseDomain relative bad//path; do
	say xenstore-exists "$path"
	say xenstore-read "$path"
	say xenstore-list "$path"
	say xenstore-ls "$path"
	say xenstore-ls -p "$path"
done
for command in chmod exists list read rm watch write; do
	say xenstore-$command
	say xenstore-$command -Z
done
say xenstore
say xenstore none /
say xenstore-watch -n 1 @introduceDomain
say xenstore-watch -n 1 @noneDomain
say xenstore-watch -n 1 /bad//path
say xenstore-watch -n 2 /one /two
coproc watch { xenstore-watch -n 4 /w; }
exec 5<&"${watch[0]}"	# bash closes its own as soon as the watcher has said all
# the first event: it watches from here on
read -r line <&5 && echo "event $line"
for step in 'write /w/a/b 1' 'chmod /w/a n0' 'rm /w'; do
	# shellcheck disable=SC2086 # words
	xenstore $step
	read -r line <&5 && echo "event $line"
done
say xenstore-ls -f
