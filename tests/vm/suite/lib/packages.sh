# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# For the tests of the Debian packages.

top=$(readlink -f "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../../..")
packages=$top/build/tests/packages

# The packages of this checkout in $packages/deb; those that are there when they are of the same sources. Two suites want them, and one
# makes them.
make_packages() {
	local new=$packages.new lock
	mkdir -p "${packages%/*}"
	exec {lock}>"$packages.lock"
	flock "$lock"
	make_packages_locked || return
	exec {lock}>&-
}

make_packages_locked() {
	rm -rf "$new"
	make -s -C "$top" dist O="${new#"$top"/}"
	if compgen -G "$packages/deb/zendo-dkms_*.deb" >/dev/null && cmp -s "$new"/zendo-*.tar.xz "$packages"/zendo-*.tar.xz; then
		rm -r "$new"
		return
	fi
	make -s -C "$top" deb O="${new#"$top"/}" || return
	rm -rf "$packages"
	mv "$new" "$packages"
}

# The same sources as a version that is newer than any, in $packages/next/deb: what an upgrade brings. After make_packages.
make_next_packages() {
	local work
	[ ! -e "$packages/next" ] || return 0
	work=$(mktemp -d)
	tar -xf "$packages"/zendo-*.tar.xz -C "$work" --strip-components=1
	sed -i 's/^VERSION := .*/VERSION := 99.0.0/' "$work/Makefile"
	sed -i '1s/([^)]*)/(99.0.0)/' "$work/debian/changelog"
	DEB_BUILD_OPTIONS=noautodbgsym make -s -C "$work" deb O=result && mv "$work/result" "$packages/next"
	rm -r "$work"
	[ -e "$packages/next" ]
}

# in_tree IMAGE KEEP SCRIPT... - run lib/packages-in-tree with these arguments in IMAGE's tree, the packages in /debs, and what the
# folder $more has in /more. What it changes goes with it, or is left below KEEP when that is not empty.
in_tree() {
	local tree=$1/tree keep=$2 scratch rc=0
	scratch=$(mktemp -d)
	mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
	# In a mount namespace of its own: nothing is left mounted, whatever happens.
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount --pid --fork --propagation private sh -euc '
		mount -t overlay zendo -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
		mount --bind /dev "$2/root/dev"
		mount -t proc proc "$2/root/proc"
		mount -t tmpfs tmp "$2/root/tmp"
		mkdir "$2/root/debs" "$2/root/more"
		mount --bind "$4" "$2/root/debs"
		[ -z "$5" ] || mount --bind "$5" "$2/root/more"
		cp "$3" "$(command -v openssl)" "$2/root/tmp/"
		root=$2/root
		shift 5
		chroot "$root" bash /tmp/packages-in-tree "$@"' \
		tree "$tree" "$scratch" "$top/tests/vm/suite/lib/packages-in-tree" "$packages/deb" "${more:-}" "${@:3}" </dev/null || rc=$?
	if [ "$keep" ]; then
		rm -rf "$keep"
		# what was deleted is a device there, and unpacking must not see the mount points
		find "$scratch/upper" -type c -delete
		rm -rf "$scratch/upper"/{dev,proc,tmp,debs,more,run}
		mv "$scratch/upper" "$keep"
	fi
	rm -rf "$scratch"
	return $rc
}
