/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "xl.h"

#ifndef ZENDO_VERSION
#define ZENDO_VERSION "unversioned"
#endif

const struct command commands[] = {
	{ "create", "[-c] [-p] [-n] [-t] FILE|NAME [KEY=VALUE...]", "start a domain",
	  "  -c, --console   attach to its console, from the first byte\n"
	  "  -p, --paused    build it, do not let it run\n"
	  "  -n, --dry-run   check everything and print the definition, start nothing\n"
	  "  -t, --timing    print when what happened\n"
	  "FILE is a definition, see zendo.cfg(5); NAME stands for /etc/zendo/NAME.cfg.\n"
	  "KEY=VALUE replaces what the file says; a name that is no key is a variable for it.\n", cmd_create },
	{ "list", "[-a] [-v] [--json] [NAME|ID...]", "list domains",
	  "  -a, --all       also those that are defined and do not run\n"
	  "  -j, --json      more fields, for programs; also -l, --long\n"
	  "  -v, --verbose   UUID and reason of the shutdown, too\n"
	  "States: r running, b blocked (all vCPUs wait), p paused, s shut down,\n"
	  "fifth letter the reason (r reboot, s suspend, c crash, w watchdog), d dying.\n", cmd_list },
	{ "config", "check FILE|NAME [KEY=VALUE...] | show [--json] FILE|NAME | convert FILE", "look at definitions",
	  "  check           say what is wrong with one, and what has no effect in it\n"
	  "  show            print all of it with what is not written in it, as a definition;\n"
	  "                  of a domain that runs, what it was made from\n"
	  "  -j, --json      for programs\n"
	  "  convert         make one of a file of xl or of what 'xl list -l' printed\n"
	  "FILE may be - for standard input. Exit status: 0 it can be used, 1 it cannot.\n", cmd_config },
	{ "console", "[-f] [-r] [-s] NAME|ID", "attach to a domain's console; ^] leaves it",
	  "  -f, --force       take the typing over from who has it\n"
	  "  -r, --read-only   look on\n"
	  "  -s, --scrollback  print what was kept of it and leave; works for dead domains too\n", cmd_console },
	{ "logs", "[-f] [-n LINES] [--since TIME] [--until TIME] [-o FORMAT] [--no-pager] NAME|ID",
	  "what the journal has of a domain, dead or alive",
	  "  -f, --follow       go on with what comes\n"
	  "  -n, --lines LINES  only the last ones\n"
	  "  -S, --since TIME   as of journalctl(1), which prints it\n"
	  "  -U, --until TIME   likewise\n"
	  "  -o, --output FORMAT   likewise\n"
	  "  --no-pager         likewise\n"
	  "Its console is in it, as are the lines of systemd about it, and those of what\n"
	  "serves its images.\n", cmd_logs },
	{ "shutdown", "[-w [-t SECONDS]] [-F] -a|NAME|ID...", "ask guests to shut down",
	  "  -a, --all       all that run\n"
	  "  -w, --wait      until they are gone\n"
	  "  -t, --timeout SECONDS   but no longer, for all of them together\n"
	  "  -F, --force     destroy those that cannot be asked\n", cmd_shutdown },
	{ "reboot", "-a|NAME|ID...", "ask guests to reboot",
	  "  -a, --all       all that run\n", cmd_reboot },
	{ "sysrq", "NAME|ID KEY", "give a Linux guest a key of its magic SysRq", "", cmd_sysrq },
	{ "destroy", "NAME|ID...", "end domains at once", "", cmd_destroy },
	{ "pause", "NAME|ID...", "stop domains from running", "", cmd_pause },
	{ "unpause", "NAME|ID...", "let them run again", "", cmd_unpause },
	{ "wait", "NAME|ID...", "until domains are gone",
	  "A guest's reboot is not the end of its domain.\n", cmd_wait },
	{ "dump-core", "NAME|ID FILE", "write a domain's memory and registers to a file",
	  "An ELF core for crash(8) and gdb(1). The guest stands still meanwhile.\n", cmd_dump_core },
	{ "enable", "NAME...", "have domains started at boot",
	  "NAME is defined by /etc/zendo/NAME.cfg.\n", cmd_enable },
	{ "disable", "NAME...", "no more", "", cmd_disable },
	{ "stat", "[-dejnv] [-i SECONDS] [-c COUNT] [NAME|ID...]", "what domains use per second",
	  "  -i, --interval SECONDS  report again and again, each over this time\n"
	  "  -c, --count COUNT       so many reports; 1 over a second if neither is given\n"
	  "  -v, --vcpus     vCPUs, too\n"
	  "  -d, --disks     disks, too\n"
	  "  -n, --networks  network interfaces, too\n"
	  "  -e, --exits     exits by their reason\n"
	  "  -j, --json      everything, a line for each report\n", cmd_stat },
	{ "top", "[-benvx] [-d SECONDS] [-i COUNT] [-s COLUMN] [NAME|ID...]", "the same, live",
	  "  -b, --batch     print reports instead of a screen\n"
	  "  -d, --delay SECONDS     3 if not given\n"
	  "  -i, --iterations COUNT  end after so many\n"
	  "  -s, --sort COLUMN       CPU% if not given\n"
	  "  -v, --vcpus     vCPUs, too\n"
	  "  -n, --networks  network interfaces, too\n"
	  "  -x, --vbds      disks, too; also --disks\n"
	  "  -e, --exits     exits by their reason\n"
	  "The key h tells the keys. The first figures are since each domain is there.\n", cmd_top },
	{ "vcpu-list", "[--json] [NAME|ID...]", "list vCPUs",
	  "  -j, --json      for programs\n"
	  "States: r running, b blocked, p paused or not up. CPU is where it ran last,\n"
	  "the hard affinity where it may run.\n", cmd_vcpu_list },
	{ "vcpu-pin", "NAME|ID VCPU|all CPUS|all [all]", "choose the CPUs that a vCPU runs on",
	  "CPUS is a list as in cpus= of zendo.cfg(5): 0-3,^2.\n", cmd_vcpu_pin },
	{ "vcpu-set", "[-i] NAME|ID NUMBER", "ask a guest to have so many vCPUs online",
	  "  -i, --ignore-host   though the machine has fewer CPUs\n", cmd_vcpu_set },
	{ "trigger", "NAME|ID nmi [VCPU|all]", "send an NMI to a vCPU, the first if none is named", "", cmd_trigger },
	{ "block-attach", "[-w SECONDS] NAME|ID DISK...", "give a domain one more disk",
	  "  -w, --wait      how long the guest has to look at it, 30 if not given; then it is\n"
	  "                  taken away again. 0: it stays for later\n"
	  "DISK is as in disk= of zendo.cfg(5); several arguments are one text with\n"
	  "commas: phy:vg0/data xvdb w.\n", cmd_block_attach },
	{ "block-detach", "[-f] [-t SECONDS] NAME|ID VDEV", "take a disk away",
	  "  -f, --force     do not ask the guest\n"
	  "  -t, --timeout   how long the guest has to let go of it, 30 if not given\n", cmd_block_detach },
	{ "block-list", "[--json] NAME|ID", "list a domain's disks",
	  "  -j, --json      for programs\n", cmd_block_list },
	{ "block-resize", "NAME|ID VDEV", "tell a guest that its disk has another size",
	  "What the disk stands on is to be resized before.\n", cmd_block_resize },
	{ "network-attach", "[-w SECONDS] NAME|ID [KEY=VALUE...]", "give a domain one more network interface",
	  "  -w, --wait      how long the guest has to look at it, 30 if not given; then it is\n"
	  "                  taken away again. 0: it stays for later\n"
	  "Keys are those of vif= in zendo.cfg(5).\n", cmd_network_attach },
	{ "network-detach", "[-f] [-t SECONDS] NAME|ID DEVID|MAC", "take a network interface away",
	  "  -f, --force     do not ask the guest\n"
	  "  -t, --timeout   how long the guest has to let go of it, 30 if not given\n", cmd_network_detach },
	{ "network-list", "[--json] NAME|ID", "list a domain's network interfaces",
	  "  -j, --json      for programs\n", cmd_network_list },
	{ "net", "create|list|delete [ARGUMENT...]", "networks of guests, with addresses and the way outside",
	  "  create NAME --nat [--subnet A.B.C.0/24] [--ipv6 PREFIX::/64] [--no-autostart]\n"
	  "                        a bridge NAME whose guests get addresses by DHCP, and\n"
	  "                        reach what this machine reaches\n"
	  "  list [--json]         those there are\n"
	  "  delete [-f] NAME      with all that belongs to it; -f, --force: with guests on it\n"
	  "vif = [''] is on network zendo0, which makes itself.\n", cmd_net },
	{ "device", "list [--json] NAME|ID", "list all devices of a domain, and what each waits for",
	  "  -j, --json      for programs\n", cmd_device },
	{ "store", "ls|list|read|exists|write|rm|chmod|watch [ARGUMENT...]", "look into the domains' store",
	  "  ls [-f] [-p] [PATH]           all below it; -f whole paths, -p permissions\n"
	  "  list [-p] PATH                names of its children; -p whole paths\n"
	  "  read [-p] [-R] PATH...        values; -p after their paths, -R as they are also\n"
	  "                                on a terminal\n"
	  "  exists PATH...                status 1 when one is not there\n"
	  "  write PATH VALUE [...]        set them, all or none\n"
	  "  rm [-t] PATH...               with all below; -t and what is empty then above\n"
	  "  chmod [-r] [-u] PATH PERMISSION...  n0 r5: the owner's first; n, r, w or b and an\n"
	  "                                id; -r all below too, -u all above\n"
	  "  watch [-n TIMES] PATH...      print paths as they change\n", cmd_store },
	{ "domid", "NAME", "print a domain's id", "", cmd_domid },
	{ "domname", "ID", "print a domain's name", "", cmd_domname },
	{ "uptime", "[-s] [NAME|ID...]", "how long domains have been there",
	  "  -s, --short     with the time of day, as uptime(1) does\n", cmd_uptime },
	{ "clone", "[-n] [-j] [-o FOLDER] NAME NEW [KEY=VALUE...]", "define a domain like another one, with copies of its disks",
	  "  -n, --dry-run   say what would be done, and do nothing\n"
	  "  -j, --json      for programs\n"
	  "  -o, --overlay   qcow2 files here for disks that cannot be copied otherwise\n"
	  "Thin volumes of LVM are snapshot, files share their blocks (btrfs, XFS). Disks\n"
	  "that are only read are not copied. The clone has a uuid and addresses of its own.\n", cmd_clone },
	{ "rename", "NAME NEW", "call a definition and its domain otherwise",
	  "The domain must not be running. Whether it starts at boot stays as it is.\n", cmd_rename },
	{ "info", "[--json]", "about host and hypervisor",
	  "  -j, --json      for programs\n", cmd_info },
	{ "dmesg", "[-f]", "print the hypervisor's log",
	  "  -f, --follow    wait for more\n", cmd_dmesg },
	{ "events", "[--json]", "print what happens to domains, as it happens",
	  "  -j, --json      an object on each line, for programs\n"
	  "Columns: time, event, id, name, the reason of a shutdown.\n", cmd_events },
	{ "monitor", "[--json]", "the same as events", "  -j, --json      an object on each line, for programs\n", cmd_events },
	{ "doctor", "[--json] [--kernel VERSION]", "check what the hypervisor needs from this machine",
	  "  -j, --json      for programs\n"
	  "  -k, --kernel    whether the modules will build for this kernel, running or not\n"
	  "Exit status: 0 nothing stands in the way, 1 something does.\n", cmd_doctor },
	{ "try", "[-t] [-c COMMAND] [-k KERNEL] [-m MIB]", "start a small guest of what is here, and leave no trace",
	  "  -c, --command   run this in it instead of a shell; its status is ours\n"
	  "  -k, --kernel    another kernel than the running one\n"
	  "  -m, --memory    128 if not given\n"
	  "  -t, --timing    print when what happened\n"
	  "The guest is busybox on the running kernel. The hypervisor is started if it\n"
	  "does not run, and stopped again.\n", cmd_try },
	{ "explain", "[--json] [CODE]", "what a code in a message means, and what to do",
	  "  -j, --json      for programs\n"
	  "CODE is what stands in brackets at the end of a message, like Z0101; without one\n"
	  "all are listed.\n", cmd_explain },
	{ "image", "create NAME [OPTION...]", "make a first guest: disk, kernel, definition",
	  "  create NAME           Debian, in /var/lib/zendo, defined by /etc/zendo/NAME.cfg\n"
	  "  --suite SUITE         bookworm if not given\n"
	  "  --mirror ADDRESS      of Debian's archive\n"
	  "  --include PACKAGES    more packages, with commas\n"
	  "  --busybox             busybox and the running kernel instead of Debian\n"
	  "  --grub                Debian's kernel stays on the disk, started by GRUB\n"
	  "  --size SIZE           of its disk: 512M, 2G\n"
	  "  --format FORMAT       of its disk: raw, qcow2; raw if not given\n"
	  "Then: zendo create -c NAME. It is on network zendo0.\n", cmd_image },
	{ "launch", "", "put this Linux under the hypervisor (systemctl start zendo)", "", cmd_launch },
	{ "leave", "", "back to bare metal (systemctl stop zendo)", "", cmd_leave },
	{ "version", "", "print the version", "", cmd_version },
	{ "help", "[COMMAND]", "print this, or about a command", "", cmd_help },
	{}
};

const struct command *command_named(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static const char *nearest_command(const char *name)
{
	const char *best = NULL;
	unsigned least = 3;

	for (const struct command *c = commands; c->name; c++) {
		unsigned d = edit_distance(name, c->name);

		if (d < least) {
			least = d;
			best = c->name;
		}
	}
	return best;
}

static void print_usage(FILE *f, const struct command *c)
{
	fprintf(f, "usage: zendo %s%s%s\n", c->name, *c->arguments ? " " : "", c->arguments);
}

int usage(const char *name)
{
	print_usage(stderr, command_named(name));
	fprintf(stderr, "'zendo help %s' tells more\n", name);
	return EXIT_USAGE;
}

static int help_of(const struct command *c)
{
	print_usage(stdout, c);
	printf("%s\n%s%s", c->summary, *c->help ? "\n" : "", c->help);
	return EXIT_OK;
}

static void overview(FILE *f)
{
	fputs("usage: zendo COMMAND [ARGUMENT...]\n\n", f);
	for (const struct command *c = commands; c->name; c++)
		fprintf(f, "  %-14s  %s\n", c->name, c->summary);
	fputs("\n'zendo help COMMAND' tells more, zendo(1) everything. With --no-color there are\n"
	      "no colours; only logs has any.\n", f);
}

static int unknown_command(const char *name)
{
	const char *nearest = nearest_command(name);

	if (nearest)
		return fail(EXIT_USAGE, "there is no command '%s'; did you mean '%s'?", name, nearest);
	return fail(EXIT_USAGE, "there is no command '%s'; see 'zendo help'", name);
}

int cmd_help(int argc, char **argv)
{
	const struct command *c;

	if (argc > 2)
		return usage("help");
	if (argc < 2) {
		overview(stdout);
		return EXIT_OK;
	}
	c = command_named(argv[1]);
	return c ? help_of(c) : unknown_command(argv[1]);
}

int cmd_version(int argc, char **argv)
{
	int r = plain_arguments(argc, argv, 0, 0);

	if (r == EXIT_OK)
		puts("zendo " ZENDO_VERSION);
	return r;
}

static bool asks_for_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

/* Ours has no colours; what is run for us, like journalctl, knows this. */
static int take_no_color(int argc, char **argv)
{
	int n = 1;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			memmove(argv + n, argv + i, (size_t)(argc - i + 1) * sizeof(*argv));
			return n + argc - i;
		}
		if (strcmp(argv[i], "--no-color") == 0)
			(void)setenv("SYSTEMD_COLORS", "0", 1);
		else
			argv[n++] = argv[i];
	}
	argv[n] = NULL;
	return n;
}

int main(int argc, char **argv)
{
	const struct command *c;

	if (argc > 0 && xl_is_called(argv[0]))
		return xl_main(argc, argv);
	argc = take_no_color(argc, argv);
	if (argc < 2) {
		overview(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		argv[1] = (char *)"help";
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		argv[1] = (char *)"version";
	c = command_named(argv[1]);
	if (!c)
		return unknown_command(argv[1]);
	if (asks_for_help(argc - 1, argv + 1))
		return help_of(c);
	return c->run(argc - 1, argv + 1);
}
