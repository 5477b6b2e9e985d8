# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What Debian's xenstore-utils do and say, with the store at $XENSTORED_PATH; the output is compared.

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
