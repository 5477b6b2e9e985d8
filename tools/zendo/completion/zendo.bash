# SPDX-License-Identifier: GPL-2.0-only
# bash completion for zendo(1)

_zendo_names()
{
	# names may hold blanks: one per line
	zendo list --json 2>/dev/null | sed -n 's/^ *"name": *"\(.*\)",\{0,1\}$/\1/p' | grep -vx 'Domain-0'
}

_zendo_defined()
{
	cd /etc/zendo 2>/dev/null && compgen -G '*.cfg' | sed 's/\.cfg$//'
}

_zendo()
{
	# prev is _init_completion's
	# shellcheck disable=SC2034
	local cur prev words cword command options
	_init_completion || return

	local commands='create list config console logs shutdown reboot sysrq destroy pause unpause wait dump-core enable disable clone rename store stat top vcpu-list vcpu-pin vcpu-set trigger domid domname uptime'
	commands+=' block-attach block-detach block-list block-resize network-attach network-detach network-list net device'
	commands+=' info dmesg events monitor doctor explain try image launch leave version help'
	if [ "$cword" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$commands --help --no-color --version" -- "$cur")
		return
	fi
	command=${words[1]}
	case $command in
	create) options='--console --paused --dry-run --timing' ;;
	clone) options='--dry-run --json --overlay' ;;
	list) options='--all --json --long --verbose' ;;
	config | vcpu-list | block-list | network-list | device | info | events | monitor | explain) options='--json' ;;
	stat) options='--count --disks --exits --interval --json --networks --vcpus' ;;
	top) options='--batch --delay --disks --exits --iterations --networks --sort --vbds --vcpus' ;;
	logs) options='--follow --lines --no-pager --output --since --until' ;;
	try) options='--command --kernel --memory --timing' ;;
	doctor) options='--json --kernel' ;;
	block-attach | network-attach) options='--wait' ;;
	block-detach | network-detach) options='--force --timeout' ;;
	uptime) options='--short' ;;
	net)
		case ${words[2]} in
		create) options='--nat --subnet --ipv6 --no-autostart' ;;
		list) options='--json' ;;
		delete) options='--force' ;;
		esac
		;;
	image) options='--suite --mirror --include --busybox --grub --size --format' ;;
	shutdown) options='--all --wait --timeout --force' ;;
	reboot) options='--all' ;;
	vcpu-set) options='--ignore-host' ;;
	console) options='--force --read-only --scrollback' ;;
	dmesg) options='--follow' ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options --help --no-color" -- "$cur")
		return
	fi
	case $command in
	create)
		_filedir
		mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$(_zendo_defined)" -- "$cur")
		;;
	config)
		if [ "$cword" -eq 2 ]; then
			mapfile -t COMPREPLY < <(compgen -W 'check show convert' -- "$cur")
		else
			_filedir
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$(_zendo_defined)" -- "$cur")
		fi
		;;
	enable | disable | rename | clone)
		mapfile -t COMPREPLY < <(compgen -W "$(_zendo_defined)" -- "$cur")
		;;
	store)
		[ "$cword" -ne 2 ] || mapfile -t COMPREPLY < <(compgen -W 'ls list read exists write rm chmod watch' -- "$cur")
		;;
	dump-core)
		if [ "$cword" -eq 2 ]; then
			mapfile -t COMPREPLY < <(compgen -W "$(_zendo_names)" -- "$cur")
		else
			_filedir
		fi
		;;
	list | stat | top | console | logs | shutdown | reboot | sysrq | destroy | pause | unpause | wait | vcpu-list | uptime)
		mapfile -t COMPREPLY < <(compgen -W "$(_zendo_names)" -- "$cur")
		;;
	net)
		case $cword${words[2]} in
		2*) mapfile -t COMPREPLY < <(compgen -W 'create list delete' -- "$cur") ;;
		*delete) mapfile -t COMPREPLY < <(cd /etc/zendo/networks 2>/dev/null && compgen -G "$cur*.conf" | sed 's/\.conf$//') ;;
		esac
		;;
	image)
		case ${words[cword - 1]} in
		image) mapfile -t COMPREPLY < <(compgen -W create -- "$cur") ;;
		--format) mapfile -t COMPREPLY < <(compgen -W 'raw qcow2' -- "$cur") ;;
		--suite) mapfile -t COMPREPLY < <(compgen -W 'bookworm trixie' -- "$cur") ;;
		esac
		;;
	device)
		case $cword in
		2) mapfile -t COMPREPLY < <(compgen -W list -- "$cur") ;;
		3) mapfile -t COMPREPLY < <(compgen -W "$(_zendo_names)" -- "$cur") ;;
		esac
		;;
	block-* | network-*)
		[ "$cword" != 2 ] || mapfile -t COMPREPLY < <(compgen -W "$(_zendo_names)" -- "$cur")
		;;
	vcpu-pin | vcpu-set | trigger | domid)
		case $command$cword in
		*2) mapfile -t COMPREPLY < <(compgen -W "$(_zendo_names)" -- "$cur") ;;
		vcpu-pin[3-5]) mapfile -t COMPREPLY < <(compgen -W all -- "$cur") ;;
		trigger3) mapfile -t COMPREPLY < <(compgen -W nmi -- "$cur") ;;
		trigger4) mapfile -t COMPREPLY < <(compgen -W all -- "$cur") ;;
		esac
		;;
	doctor)
		[[ ${COMP_WORDS[cword - 1]} != --kernel ]] || mapfile -t COMPREPLY < <(cd /lib/modules && compgen -G "$cur*")
		;;
	explain)
		mapfile -t COMPREPLY < <(compgen -W "$(zendo explain 2>/dev/null | sed 's/ .*//')" -- "$cur")
		;;
	help)
		mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur")
		;;
	esac
} && complete -F _zendo zendo
