# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Debian's archive, as the host's administrator told apt to reach it.

# host_sources SUITE - the host's own package sources, with the suite put in
# place of the host's: so no address of a server is written here, and a local
# mirror is honoured.
host_sources() {
	local host_suite format
	# shellcheck source=/dev/null
	host_suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	# shellcheck disable=SC2016 # the names are apt's
	format='$(CREATED_BY) $(ORIGIN) $(COMPONENT) $(RELEASE) $(REPO_URI)'
	apt-get indextargets --format "$format" |
		awk -v from="$host_suite" -v to="$1" '
			$1 == "Packages" && $2 == "Debian" && $3 == "main" &&
			($4 == from || $4 == from "-updates" || $4 == from "-security") {
				sub(from, to, $4)
				print "deb", $5, $4, $3
			}' | sort -u
}

# What the administrator told apt about reaching its servers.
host_apt_options() {
	apt-config dump |
		grep -E '^Acquire::(Check-Valid-Until|Check-Date|https?::Proxy) ' || true
}
