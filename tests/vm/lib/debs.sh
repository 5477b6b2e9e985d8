# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Single packages of Debian's archive, for guests: nothing of them is run on this
# host, nor is it told to its dpkg. The caller has sourced archive.sh, set $images
# and $suite, and says who it is by its name.

self=$(basename "$0")

# configure_apt ARCHITECTURE - apt as on such a host with nothing installed, below $work/apt
configure_apt() {
	mkdir -p "$work"/apt/{lists,archives}/partial
	# shellcheck disable=SC2154 # the caller's
	host_sources "$suite" >"$work/apt/sources.list"
	if [ ! -s "$work/apt/sources.list" ]; then
		echo "$self: apt knows no Debian archive here; is this host Debian, and was 'apt-get update' run?" >&2
		return 1
	fi
	cat >"$work/apt/apt.conf" <<-EOT
		APT::Architecture "$1";
		APT::Architectures "";
		APT::Architectures:: "$1";
		APT::Sandbox::User "root";
		Dir::State::Lists "$work/apt/lists";
		Dir::State::status "/dev/null";
		Dir::Cache "$work/apt";
		Dir::Etc::SourceParts "/dev/null";
		Dir::Etc::SourceList "$work/apt/sources.list";
	EOT
	host_apt_options >>"$work/apt/apt.conf"
	export APT_CONFIG=$work/apt/apt.conf
	# A point release has what is wanted, so an index of updates that cannot be had now stops nothing.
	apt-get -qq update || echo "$self: going on with the indexes that there are" >&2
}

# fetch PACKAGE... - unpack them below $work/tree
fetch() {
	local deb
	(cd "$work" && apt-get -qq download "$@")
	for deb in "$work"/*.deb; do
		dpkg-deb -x "$deb" "$work/tree"
	done
}

# made_once FOLDER COMMAND... - print the folder; if it is not there yet, the command makes it in $made, with $work to use
made_once() {
	local target=$1
	shift
	# shellcheck disable=SC2154 # the caller's
	mkdir -p "$images"
	if [ ! -e "$target" ]; then
		exec 9>"$images/lock-$self"
		flock 9
		if [ ! -e "$target" ]; then
			# Not local: the trap runs when this has returned.
			work=$(mktemp -d)
			trap 'rm -rf "$work"' EXIT
			made=$target.tmp
			rm -rf "$made"
			mkdir "$made"
			"$@" >&2
			mv "$made" "$target"
		fi
	fi
	echo "$target"
}
