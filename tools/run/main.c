/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * zendo-run: the process of one domain. zendo-run(8) is its manual.
 *
 * Stages, each with fewer rights than the one before:
 *	1 as root, with the system calls of syscalls.c: read configuration, kernel and ramdisk; open the device; make socket and terminal
 *	2 as user zendo, no capabilities: open the console's log, build the guest, run it
 * What the unit adds (capabilities, devices) stands in zendo-domain@.service.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include <systemd/sd-daemon.h>

#include "cgroup.h"
#include "device.h"
#include "dump.h"
#include "log.h"
#include "machine.h"
#include "privilege.h"
#include "runner.h"
#include "runtime.h"
#include "syscalls.h"

struct options {
	char name[HVPRIV_NAME_LEN];
	const char *config;	/* NULL: where runtime.h and then /etc say */
	bool paused;
};

static int usage(FILE *f, int status)
{
	fputs("usage: zendo-run {--instance INSTANCE | --name NAME} [--config FILE] [--paused]\n"
	      "Run one domain until it ends. Started by systemd as zendo-domain@INSTANCE.service;\n"
	      "people use zendo(1).\n\n"
	      "  --instance INSTANCE  the domain's name as units have it (\\xNN for odd bytes)\n"
	      "  --name NAME          the domain's name\n"
	      "  --config FILE        default: " ZENDO_RUNTIME_DIR "/INSTANCE/config,\n"
	      "                       then " ZENDO_ETC_DIR "/NAME.cfg\n"
	      "  --paused             build it, do not let it run\n"
	      "  --help\n\n"
	      "Exit status: 0 it ended as wished, 1 failure, 2 usage, 10 the guest crashed.\n", f);
	return status;
}

/* 0, or 1 + an exit status. */
static int parse_options(int argc, char **argv, struct options *o)
{
	enum { INSTANCE = 'i', NAME = 'n', CONFIG = 'c', PAUSED = 'p', HELP = 'h' };
	static const struct option long_options[] = {
		{ "instance", required_argument, NULL, INSTANCE },
		{ "name", required_argument, NULL, NAME },
		{ "config", required_argument, NULL, CONFIG },
		{ "paused", no_argument, NULL, PAUSED },
		{ "help", no_argument, NULL, HELP },
		{}
	};
	const char *why = "";
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0)
		switch (c) {
		case INSTANCE:
			if (zendo_instance_to_name(optarg, o->name, sizeof(o->name)) < 0) {
				fprintf(stderr, "zendo-run: '%s' is not the instance of a domain\n", optarg);
				return 1 + RUN_USAGE;
			}
			break;
		case NAME:
			if (!zendo_config_name_is_valid(optarg, &why)) {
				fprintf(stderr, "zendo-run: '%s' cannot be a domain's name: %s\n", optarg, why);
				return 1 + RUN_USAGE;
			}
			(void)snprintf(o->name, sizeof(o->name), "%s", optarg);
			break;
		case CONFIG:
			o->config = optarg;
			break;
		case PAUSED:
			o->paused = true;
			break;
		case HELP:
			return 1 + usage(stdout, RUN_OK);
		default:
			return 1 + usage(stderr, RUN_USAGE);
		}
	if (!o->name[0] || optind != argc)
		return 1 + usage(stderr, RUN_USAGE);
	return 0;
}

static int on_progress(void *userdata, uint64_t done, uint64_t total)
{
	static unsigned shown = 101;
	unsigned percent = total ? (unsigned)(done * 100 / total) : 0;

	(void)userdata;
	if (percent / 5 != shown / 5)
		(void)sd_notifyf(0, "STATUS=unpacking the kernel: %u%% of %u MiB", percent, (unsigned)(total >> 20));
	shown = percent;
	return 0;
}

static int load_definition(struct options *o, struct definition **ret, struct zendo_error *e)
{
	char path[ZENDO_RUNTIME_PATH_MAX], flag[ZENDO_RUNTIME_PATH_MAX];
	int r;

	if (o->config)
		return definition_load(o->config, o->name, on_progress, ret, e);
	if (zendo_runtime_path(o->name, "config", path) < 0 || zendo_runtime_path(o->name, "paused", flag) < 0)
		return zendo_error(e, -EINVAL, "'%s' cannot be a domain's name", o->name);
	o->paused |= access(flag, F_OK) == 0;
	if (access(path, F_OK) < 0)
		(void)snprintf(path, sizeof(path), ZENDO_ETC_DIR "/%s.cfg", o->name);
	r = definition_load(path, o->name, on_progress, ret, e);
	if (r == -ENOENT && access(path, F_OK) < 0)
		return zendo_error(e, r, "no definition of the domain '%s': there is no %s", o->name, path);
	return r;
}

static int open_device(const char *name, int *ret_fd, struct zendo_error *e)
{
	struct hvpriv_domain_info *all;
	size_t nr;
	int r;

	r = zendo_device_open(ret_fd);
	if (r < 0)
		return zendo_error(e, r, "%s", zendo_device_strerror(r));
	r = zendo_device_list(*ret_fd, &all, &nr);
	if (r < 0)
		return zendo_error(e, r, "%s", zendo_device_strerror(r));
	for (size_t i = 0; i < nr; i++)
		if (strcmp(all[i].name, name) == 0)
			r = zendo_error(e, -EEXIST, "a domain named '%s' exists already, with id %u", name,
					all[i].domid);
	free(all);
	return r;
}

/* The first stage: all that needs root. */
struct prepared {
	struct definition *def;
	struct console *console;
	struct control *control;
	sd_event *event;
	int device;
	int dump_folder;
};

static void prepared_done(struct prepared *p)
{
	control_free(p->control);
	console_free(p->console);
	definition_free(p->def);
	sd_event_unref(p->event);
	safe_close(p->device);
	safe_close(p->dump_folder);
}

static int prepare(struct options *o, const struct privilege *user, struct prepared *p, struct zendo_error *e)
{
	char path[ZENDO_RUNTIME_PATH_MAX];
	const gid_t gid = user->gid;
	int r;

	r = open_device(o->name, &p->device, e);
	if (r < 0)
		return r;
	r = load_definition(o, &p->def, e);
	if (r < 0)
		return r;
	r = definition_check_memory(p->def, e);
	if (r < 0)
		return r;
	r = zendo_runtime_path(o->name, "", path);
	if (r >= 0 && mkdir(path, 0750) < 0 && errno != EEXIST)
		return zendo_error(e, -errno, "cannot make %s: %s", path, strerror(errno));
	/* another start of the domain: what was attached before is not in its definition */
	if (r >= 0 && zendo_runtime_path(o->name, ZENDO_RUNTIME_DEVICES, path) >= 0 && unlink(path) < 0 && errno != ENOENT)
		return zendo_error(e, -errno, "cannot remove %s: %s", path, strerror(errno));
	if (r >= 0)
		r = sd_event_default(&p->event);
	if (r >= 0)
		r = control_new(o->name, gid, &p->control);
	if (r >= 0)
		r = console_new(p->event, &p->console);
	if (r >= 0)
		r = zendo_runtime_path(o->name, "console", path);
	if (r >= 0)
		r = console_open_terminal(p->console, path, gid);
	if (r >= 0 && gid != (gid_t)-1 && zendo_runtime_path(o->name, "", path) >= 0 &&
	    (chown(path, (uid_t)-1, gid) < 0 || chmod(path, 0750) < 0))
		r = -errno;
	if (r < 0)
		return zendo_error(e, r, "cannot set up %s: %s", path, strerror(-r));
	r = dump_open_folder(user->has_user ? user->uid : (uid_t)-1, gid, &p->dump_folder);
	if (r < 0)
		log_message(LOG_WARNING, "no cores can be written to " ZENDO_DUMP_DIR ": %s, ignoring", strerror(-r));
	return 0;
}

static int drop(const struct privilege *privilege, struct zendo_error *e)
{
	int r = privilege_drop(privilege);

	if (r == -ENOENT) {
		if (geteuid() == 0)
			log_message(LOG_WARNING, "there is no user '%s': running on as root", PRIVILEGE_USER);
		return 0;
	}
	return r < 0 ? zendo_error(e, r, "cannot drop privileges: %s", strerror(-r)) : 0;
}

static void open_console_log(struct prepared *p, const char *name)
{
	char path[ZENDO_RUNTIME_PATH_MAX];
	int r = zendo_console_log_path(name, path);

	if (r >= 0)
		r = console_open_log(p->console, path);
	if (r < 0)
		log_message(LOG_WARNING, "the console is not kept in %s: %s, ignoring", path, strerror(-r));
}

static int run(struct options *o, struct prepared *p, struct zendo_error *e)
{
	_cleanup_(runner_freep) struct runner *runner = NULL;
	struct privilege privilege;
	int r;

	privilege_look_up(&privilege);
	r = prepare(o, &privilege, p, e);
	if (r < 0)
		return r;
	cgroup_apply(p->def->config);
	machine_register(p->def->config);
	r = drop(&privilege, e);
	if (r < 0)
		return r;
	open_console_log(p, o->name);
	r = runner_new(p->event, p->device, p->dump_folder, p->def, p->console, &runner);
	if (r >= 0)
		r = runner_serve(runner, p->control);
	if (r < 0)
		return zendo_error(e, r, "cannot set up the event loop: %s", strerror(-r));
	r = runner_start(runner, o->paused, e);
	return r < 0 ? r : runner_loop(runner);
}

int main(int argc, char **argv)
{
	struct prepared p = { .device = -EBADF, .dump_folder = -EBADF };
	struct zendo_error e = {};
	struct options o = {};
	sigset_t mask;
	int r;

	r = parse_options(argc, argv, &o);
	if (r > 0)
		return r - 1;
	log_set_domain(o.name);
	r = syscalls_restrict();
	if (r < 0)
		log_message(LOG_WARNING, "this kernel filters no system calls: %s, ignoring", strerror(-r));

	/* for sd-event; and what a reader that goes away does is seen at the write */
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGTERM);
	(void)sigaddset(&mask, SIGINT);
	(void)sigaddset(&mask, SIGPIPE);
	(void)sigaddset(&mask, MACHINE_POWEROFF);
	(void)sigprocmask(SIG_BLOCK, &mask, NULL);
	(void)umask(0027);

	r = run(&o, &p, &e);
	if (r < 0)
		log_fatal(&e);
	prepared_done(&p);
	return r < 0 ? RUN_FAILURE : r;
}
