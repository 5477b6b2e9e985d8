/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A verb of xl is a command of zendo with other options: those that mean something are passed on or done here, those that mean nothing
 * for a PVH guest are dropped, and those whose effect would be missed are refused with the reason. What zendo learns later is taken
 * from there: a verb is refused only as long as there is no such command.
 */
#include "xl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "runtime.h"

enum what {
	PASS,		/* as @text */
	DROP,
	DO,		/* remembered in struct call */
	REFUSE,		/* @text is the reason */
};

struct xl_option {
	char letter;
	const char *name;	/* long form, or NULL */
	bool has_value;
	enum what what;
	const char *text;
};

struct call;

struct verb {
	const char *name;
	int least;				/* arguments */
	const struct xl_option *options;	/* NULL = none */
	int (*run)(struct call *c);		/* NULL: zendo's command of the name */
	const char *reason;			/* it is refused, if zendo has no such command */
};

#define MAX_OPTIONS	16

/* What is to be run. @argv has room for all: each word of xl's becomes one at most, and there are the name, "--" and what a verb adds. */
struct call {
	const struct verb *verb;
	char **argv;
	int argc;
	char **rest;			/* arguments that are no options, in @argv */
	const char *value['z' + 1];	/* of options that are done, "" for those without one */
	bool dry_run;
};

#define NO_POOLS	"there are no CPU pools"
#define NO_MIGRATION	"saving and migration are not in this version"
#define NO_PCI		"passing devices through is not in this version"
#define NO_BALLOON	"the memory of a running guest cannot be changed in this version: set memory = in its definition"
#define NO_BACKEND	"there is no such backend in this version"
#define NO_SCHED	"Linux's scheduler runs vCPUs: systemctl set-property zendo-domain@NAME.service CPUWeight= CPUQuota="
#define NO_XSM		"there are no security labels"
#define NO_QEMU		"a PVH guest has no emulated devices and no device model"
#define NO_PSR		"cache and memory bandwidth are not divided in this version"

/* ---- options ----------------------------------------------------------------------------- */

static const struct xl_option create_options[] = {
	{ 'c', NULL, false, PASS, "-c" },
	{ 'p', NULL, false, PASS, "-p" },
	{ 'n', "dryrun", false, PASS, "-n" },
	{ 'F', NULL, false, DO, NULL },
	{ 'f', "defconfig", true, DO, NULL },
	{ 'd', NULL, false, DROP, NULL },
	{ 'e', NULL, false, DROP, NULL },
	{ 'q', "quiet", false, DROP, NULL },
	{ 'V', "vncviewer", false, REFUSE, NO_QEMU },
	{ 'A', "vncviewer-autopass", false, REFUSE, NO_QEMU },
	{}
};

static const struct xl_option list_options[] = {
	{ 'l', "long", false, DO, NULL },
	{ 'v', "verbose", false, PASS, "-v" },
	{ 'Z', "context", false, REFUSE, NO_XSM },
	{ 'c', "cpupool", false, REFUSE, NO_POOLS },
	{ 'n', "numa", false, REFUSE, "virtual NUMA is not in this version" },
	{}
};

static const struct xl_option destroy_options[] = {
	{ 'f', NULL, false, REFUSE, "Domain-0 is this machine" },
	{}
};

/* xl's -F presses the power button of a guest without drivers; zendo's would destroy it. */
static const struct xl_option shutdown_options[] = {
	{ 'a', "all", false, PASS, "-a" },
	{ 'w', "wait", false, PASS, "-w" },
	{ 'F', NULL, false, DROP, NULL },
	{}
};

static const struct xl_option reboot_options[] = {
	{ 'a', "all", false, PASS, "-a" },
	{ 'w', "wait", false, REFUSE, "a guest's reboot cannot be waited for; 'zendo events' tells of it" },
	{ 'F', NULL, false, DROP, NULL },
	{}
};

static const struct xl_option console_options[] = {
	{ 't', NULL, true, DO, NULL },
	{ 'n', NULL, true, DO, NULL },
	{ 'e', NULL, true, DO, NULL },
	{}
};

static const struct xl_option info_options[] = {
	{ 'n', "numa", false, REFUSE, "NUMA nodes are not looked at in this version" },
	{}
};

static const struct xl_option dmesg_options[] = {
	{ 'c', "clear", false, REFUSE, "the log cannot be cleared" },
	{}
};

static const struct xl_option uptime_options[] = {
	{ 's', "short", false, PASS, "-s" },
	{}
};

static const struct xl_option detach_options[] = {
	{ 'f', "force", false, PASS, "-f" },
	{}
};

static const struct xl_option force_options[] = {
	{ 'f', "force", false, DROP, NULL },
	{ 'i', "ignore-host", false, DROP, NULL },
	{}
};

/* ---- verbs that are more than a command -------------------------------------------------- */

static int run_command(struct call *c, const char *name)
{
	const struct command *command = command_named(name);

	optind = 0;	/* glibc: start anew */
	opterr = 1;
	c->argv[0] = (char *)name;
	return command->run(c->argc, c->argv);
}

static int wait_for_end(const char *name)
{
	char *argv[] = { (char *)"wait", (char *)"--", (char *)name, NULL };

	optind = 0;
	return command_named("wait")->run(3, argv);
}

/* Whatever "name" it is created by, for -F; the command itself has said what is wrong. */
static const char *name_in(char **settings)
{
	for (char **s = settings; *s; s++)
		if (strncmp(*s, "name=", 5) == 0)
			return *s + 5;
	return NULL;
}

/*
 * With -f the file is no argument. /dev/null is how scripts say that all of it is on the command line, which is what zendo takes
 * without a file.
 */
static int run_create(struct call *c)
{
	const char *name;
	int r;

	if (c->value['F'] && !name_in(c->rest))
		return fail(EXIT_FAILED, "-F needs name=NAME on the command line; without -F, 'zendo wait NAME' does the same");
	if (c->value['f']) {
		memmove(c->rest + 1, c->rest, (size_t)(c->argc - (c->rest - c->argv) + 1) * sizeof(*c->rest));
		c->rest[0] = (char *)c->value['f'];
		c->argc++;
	}
	if (!*c->rest)
		return fail(EXIT_USAGE, "'xl create' needs a file");
	if (strcmp(*c->rest, "/dev/null") == 0) {
		memmove(c->rest, c->rest + 1, (size_t)(c->argc - (c->rest - c->argv)) * sizeof(*c->rest));
		c->argc--;
	}
	name = c->value['F'] ? name_in(c->rest) : NULL;
	r = run_command(c, "create");
	return r == EXIT_OK && name && !c->dry_run ? wait_for_end(name) : r;
}

static int run_list(struct call *c)
{
	return c->value['l'] ? xl_list_long(c->rest) : run_command(c, "list");
}

static int run_vm_list(struct call *c)
{
	(void)c;
	return xl_vm_list();
}

static int run_console(struct call *c)
{
	if (c->value['t'] && strcmp(c->value['t'], "pv") != 0)
		return fail(EXIT_FAILED, "-t %s: a PVH guest has no other console than pv", c->value['t']);
	if (c->value['n'] && strcmp(c->value['n'], "0") != 0)
		return fail(EXIT_FAILED, "-n %s: there is one console", c->value['n']);
	if (c->value['e'] && strcmp(c->value['e'], "^]") != 0)
		return fail(EXIT_FAILED, "-e %s: the key that leaves a console is ^]", c->value['e']);
	return run_command(c, "console");
}

/* Without a file xl writes below its own folder. */
static int run_dump_core(struct call *c)
{
	char path[ZENDO_RUNTIME_PATH_MAX], instance[ZENDO_INSTANCE_MAX], stamp[32];
	time_t now = time(NULL);
	struct tm tm;

	if (c->rest[1])
		return run_command(c, "dump-core");
	if (zendo_instance_from_name(c->rest[0], instance) < 0 && strspn(c->rest[0], "0123456789") != strlen(c->rest[0]))
		return fail(EXIT_NO_DOMAIN, "there is no domain '%s'", c->rest[0]);
	if (strspn(c->rest[0], "0123456789") == strlen(c->rest[0]) && strlen(c->rest[0]) < 12)
		strcpy(instance, c->rest[0]);
	if (!localtime_r(&now, &tm) || strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm) == 0)
		return fail(EXIT_FAILED, "cannot tell the time");
	if ((size_t)snprintf(path, sizeof(path), ZENDO_DUMP_DIR "/%s-%s.core", instance, stamp) >= sizeof(path))
		return fail(EXIT_FAILED, "give a file");
	c->rest[1] = path;
	c->rest[2] = NULL;
	c->argc++;
	return run_command(c, "dump-core");
}

/* xl does not wait for the guest. */
static int run_attach(struct call *c)
{
	_cleanup_free_ char **argv = calloc((size_t)c->argc + 3, sizeof(*argv));
	struct call call = { .argv = argv };

	if (!argv)
		return fail(EXIT_FAILED, "out of memory");
	argv[call.argc++] = c->argv[0];
	argv[call.argc++] = (char *)"--wait=0";
	argv[call.argc++] = (char *)"--";
	for (char **a = c->rest; *a; a++)
		argv[call.argc++] = *a;
	return run_command(&call, c->verb->name);
}

/* One after the other: xl takes several domains where zendo takes one. */
static int run_each(struct call *c)
{
	char *argv[] = { c->argv[0], (char *)"--", NULL, NULL };
	struct call one = { .argv = argv, .argc = 3 };
	int status = EXIT_OK, r;

	for (char **a = c->rest; *a; a++) {
		argv[2] = *a;
		r = run_command(&one, c->verb->name);
		if (status == EXIT_OK)
			status = r;
	}
	return status;
}

/* The version that guests are told; scripts look for it. */
#define XEN_MAJOR	"4"
#define XEN_MINOR	"17"
#define XEN_EXTRA	".0-zendo"

static int run_info(struct call *c)
{
	_cleanup_close_ int device = -EBADF;
	int r = open_running(&device);

	if (r == EXIT_OK)
		r = run_command(c, "info");
	if (r == EXIT_OK)
		fputs("xen_major              : " XEN_MAJOR "\n"
		      "xen_minor              : " XEN_MINOR "\n"
		      "xen_extra              : " XEN_EXTRA "\n"
		      "xen_version            : " XEN_MAJOR "." XEN_MINOR XEN_EXTRA "\n"
		      "xen_caps               : hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64\n"
		      "xen_pagesize           : 4096\n", stdout);
	return r;
}

/* ---- the table --------------------------------------------------------------------------- */

#define REFUSED(name, reason)	{ name, 0, NULL, NULL, reason }

static const struct verb verbs[] = {
	{ "create", 0, create_options, run_create, NULL },
	{ "list", 0, list_options, run_list, NULL },
	{ "vm-list", 0, NULL, run_vm_list, NULL },
	{ "destroy", 1, destroy_options, NULL, NULL },
	{ "shutdown", 0, shutdown_options, NULL, NULL },
	{ "reboot", 0, reboot_options, NULL, NULL },
	{ "pause", 1, NULL, NULL, NULL },
	{ "unpause", 1, NULL, NULL, NULL },
	{ "console", 1, console_options, run_console, NULL },
	{ "dump-core", 1, NULL, run_dump_core, NULL },
	{ "domid", 1, NULL, NULL, NULL },
	{ "domname", 1, NULL, NULL, NULL },
	{ "rename", 2, NULL, NULL, NULL },
	{ "sysrq", 2, NULL, NULL, NULL },
	{ "trigger", 2, NULL, NULL, NULL },
	{ "vcpu-list", 0, NULL, NULL, NULL },
	{ "vcpu-pin", 3, force_options, NULL, NULL },
	{ "vcpu-set", 2, force_options, NULL, NULL },
	{ "block-attach", 2, NULL, run_attach, NULL },
	{ "block-detach", 2, detach_options, NULL, NULL },
	{ "block-list", 1, NULL, run_each, NULL },
	{ "network-attach", 1, NULL, run_attach, NULL },
	{ "network-detach", 2, detach_options, NULL, NULL },
	{ "network-list", 1, NULL, run_each, NULL },
	{ "info", 0, info_options, run_info, NULL },
	{ "dmesg", 0, dmesg_options, NULL, NULL },
	{ "uptime", 0, uptime_options, NULL, NULL },
	{ "top", 0, NULL, NULL, NULL },

	REFUSED("mem-set", NO_BALLOON),
	REFUSED("mem-max", NO_BALLOON),
	REFUSED("button-press", "a PVH guest has no buttons; 'shutdown' asks it"),
	REFUSED("config-update", "a domain that reboots keeps its definition; change the file and create it anew"),
	REFUSED("save", NO_MIGRATION),
	REFUSED("restore", NO_MIGRATION),
	REFUSED("migrate", NO_MIGRATION),
	REFUSED("migrate-receive", NO_MIGRATION),
	REFUSED("suspend", NO_MIGRATION),
	REFUSED("resume", NO_MIGRATION),
	REFUSED("remus", NO_MIGRATION),
	REFUSED("pci-attach", NO_PCI),
	REFUSED("pci-detach", NO_PCI),
	REFUSED("pci-list", NO_PCI),
	REFUSED("pci-assignable-add", NO_PCI),
	REFUSED("pci-assignable-remove", NO_PCI),
	REFUSED("pci-assignable-list", NO_PCI),
	REFUSED("cd-insert", "a disk's medium cannot be changed; detach it and attach another"),
	REFUSED("cd-eject", "a disk's medium cannot be changed; detach it"),
	REFUSED("vncviewer", NO_QEMU),
	REFUSED("qemu-monitor-command", NO_QEMU),
	REFUSED("debug-keys", "'zendo dmesg' has the hypervisor's log; it takes no keys"),
	REFUSED("set-parameters", "there are no parameters that can be changed while it runs"),
	REFUSED("sharing", "there is no memory sharing"),
	REFUSED("claims", "memory is taken before the domain exists"),
	REFUSED("sched-credit", NO_SCHED),
	REFUSED("sched-credit2", NO_SCHED),
	REFUSED("sched-rtds", NO_SCHED),
	REFUSED("cpupool-create", NO_POOLS),
	REFUSED("cpupool-list", NO_POOLS),
	REFUSED("cpupool-destroy", NO_POOLS),
	REFUSED("cpupool-rename", NO_POOLS),
	REFUSED("cpupool-cpu-add", NO_POOLS),
	REFUSED("cpupool-cpu-remove", NO_POOLS),
	REFUSED("cpupool-migrate", NO_POOLS),
	REFUSED("cpupool-numa-split", NO_POOLS),
	REFUSED("getenforce", NO_XSM),
	REFUSED("setenforce", NO_XSM),
	REFUSED("loadpolicy", NO_XSM),
	REFUSED("devd", "zendo-hotplug.service looks after devices"),
	REFUSED("channel-list", NO_BACKEND),
	REFUSED("vtpm-attach", NO_BACKEND),
	REFUSED("vtpm-list", NO_BACKEND),
	REFUSED("vtpm-detach", NO_BACKEND),
	REFUSED("vkb-attach", NO_BACKEND),
	REFUSED("vkb-list", NO_BACKEND),
	REFUSED("vkb-detach", NO_BACKEND),
	REFUSED("vdispl-attach", NO_BACKEND),
	REFUSED("vdispl-list", NO_BACKEND),
	REFUSED("vdispl-detach", NO_BACKEND),
	REFUSED("vsnd-attach", NO_BACKEND),
	REFUSED("vsnd-list", NO_BACKEND),
	REFUSED("vsnd-detach", NO_BACKEND),
	REFUSED("usbctrl-attach", NO_BACKEND),
	REFUSED("usbctrl-detach", NO_BACKEND),
	REFUSED("usbdev-attach", NO_BACKEND),
	REFUSED("usbdev-detach", NO_BACKEND),
	REFUSED("usb-list", NO_BACKEND),
	REFUSED("psr-hwinfo", NO_PSR),
	REFUSED("psr-cmt-attach", NO_PSR),
	REFUSED("psr-cmt-detach", NO_PSR),
	REFUSED("psr-cmt-show", NO_PSR),
	REFUSED("psr-cat-set", NO_PSR),
	REFUSED("psr-cat-show", NO_PSR),
	REFUSED("psr-mba-set", NO_PSR),
	REFUSED("psr-mba-show", NO_PSR),
	REFUSED("dt-overlay", "it is for ARM"),
	REFUSED("xenstore-quota-get", "the limits of the store are fixed in this version"),
	REFUSED("xenstore-quota-set", "the limits of the store are fixed in this version"),
};

#define NR_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static bool is_there(const struct verb *v)
{
	return !v->reason || command_named(v->name);
}

/* As xl has it: the beginning of a name is enough if there is one such name. */
static const struct verb *find_verb(const char *name)
{
	const struct verb *found = NULL;
	const size_t len = strlen(name);
	unsigned n = 0;

	for (size_t i = 0; i < NR_VERBS; i++) {
		if (strncmp(verbs[i].name, name, len) != 0)
			continue;
		if (verbs[i].name[len] == '\0')
			return &verbs[i];
		found = &verbs[i];
		n++;
	}
	return n == 1 ? found : NULL;
}

static void overview(FILE *f)
{
	fprintf(f, "usage: %s [-fNtTv] VERB [ARGUMENT...]\n\nThe verbs of Xen's xl, done by zendo(1):\n\n", program_name);
	for (size_t i = 0; i < NR_VERBS; i++)
		if (is_there(&verbs[i]))
			fprintf(f, "  %s\n", verbs[i].name);
	fputs("\nAll others of xl are refused with the reason.\n", f);
}

/* ---- arguments --------------------------------------------------------------------------- */

static const struct xl_option *find_option(const struct verb *v, int letter)
{
	for (const struct xl_option *o = v->options; o && o->letter; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

static void make_getopt(const struct verb *v, char letters[static 3 * MAX_OPTIONS], struct option names[static MAX_OPTIONS])
{
	size_t n = 0;

	for (const struct xl_option *o = v->options; o && o->letter; o++) {
		*letters++ = o->letter;
		if (o->has_value)
			*letters++ = ':';
		if (o->name)
			names[n++] = (struct option) { o->name, o->has_value ? required_argument : no_argument, NULL, o->letter };
	}
	*letters = '\0';
	names[n] = (struct option) {};
}

static int take_options(struct call *c, int argc, char **argv)
{
	char letters[3 * MAX_OPTIONS];
	struct option names[MAX_OPTIONS];
	const struct xl_option *o;
	int letter;

	make_getopt(c->verb, letters, names);
	optind = 0;
	opterr = 0;
	while ((letter = getopt_long(argc, argv, letters, names, NULL)) >= 0) {
		o = find_option(c->verb, letter);
		if (!o)
			return fail(EXIT_USAGE, "option '%s' of '%s' is not known, or lacks its value", argv[optind - 1], c->verb->name);
		if (o->what == REFUSE)
			return fail(EXIT_FAILED, "option -%c of '%s' is not in this version: %s", letter, c->verb->name, o->text);
		if (o->what == PASS)
			c->argv[c->argc++] = (char *)o->text;
		else if (o->what == DO)
			c->value[letter] = o->has_value ? optarg : "";
	}
	return EXIT_OK;
}

static int call_verb(struct call *c, int argc, char **argv)
{
	int r = take_options(c, argc, argv);

	if (r != EXIT_OK)
		return r;
	if (argc - optind < c->verb->least)
		return fail(EXIT_USAGE, "'%s' needs %d argument%s or more", c->verb->name, c->verb->least, c->verb->least == 1 ? "" : "s");
	if (c->dry_run)
		c->argv[c->argc++] = (char *)"-n";
	c->argv[c->argc++] = (char *)"--";
	c->rest = &c->argv[c->argc];
	for (int i = optind; i < argc; i++)
		c->argv[c->argc++] = argv[i];
	return c->verb->run ? c->verb->run(c) : run_command(c, c->verb->name);
}

static int xl_run(const char *name, int argc, char **argv, bool dry_run)
{
	_cleanup_free_ char **words = calloc((size_t)argc + 8, sizeof(*words));
	struct call c = { .verb = find_verb(name), .argv = words, .argc = 1, .dry_run = dry_run };

	if (!words)
		return fail(EXIT_FAILED, "out of memory");
	if (!c.verb)
		return fail(EXIT_FAILED, "there is no '%s', or more than one verb that begins so; see '%s help'", name, program_name);
	if (!is_there(c.verb))
		return fail(EXIT_FAILED, "'%s' is not in this version: %s", c.verb->name, c.verb->reason);
	if (dry_run && c.verb->run != run_create)
		return fail(EXIT_FAILED, "'%s' does not implement -N", c.verb->name);
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
			overview(stdout);
			return EXIT_OK;
		}
	c.argv[0] = (char *)c.verb->name;
	return call_verb(&c, argc, argv);
}

/* Scripts tell success, failure and wrong usage from each other, not more. */
static int xl_status(int r)
{
	return r == EXIT_OK || r == EXIT_USAGE ? r : EXIT_FAILED;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool xl_is_called(const char *argv0)
{
	const char *base = base_name(argv0);

	return strcmp(base, "xl") == 0 || strcmp(base, "xm") == 0;
}

int xl_main(int argc, char **argv)
{
	bool dry_run = false;
	int c;

	program_name = base_name(argv[0]);
	opterr = 0;
	while ((c = getopt(argc, argv, "+vftTN")) >= 0)
		if (c == 'N')
			dry_run = true;
		else if (c == '?')
			return fail(EXIT_FAILED, "unknown option '%s'", argv[optind - 1]);
	if (!argv[optind]) {
		overview(stderr);
		return EXIT_FAILED;
	}
	if (strcmp(argv[optind], "help") == 0) {
		overview(stdout);
		return EXIT_OK;
	}
	argc -= optind;
	argv += optind;
	return xl_status(xl_run(argv[0], argc, argv, dry_run));
}
