/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * try: a small guest of what this machine has, its console, and the machine as it was before. A child does it; whatever
 * happens to that, its parent clears up.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "cli.h"
#include "create.h"
#include "definition_file.h"
#include "progress.h"
#include "runtime.h"
#include "small_guest.h"
#include "traces.h"
#include "try_output.h"
#include "unit.h"

#define NAME	"try"

struct try {
	const char *command, *kernel, *memory;
	bool timing, told;		/* @told: progress is shown */
	struct timespec begin;
	char nonce[17];
	char kernel_path[512], initrd[64];
};

static void step(const struct try *t, const char *what)
{
	struct timespec now;

	if (!t->told)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (t->timing)
		fprintf(stderr, "%6.2f s  %s\n", (double)(now.tv_sec - t->begin.tv_sec) +
			(double)(now.tv_nsec - t->begin.tv_nsec) / 1e9, what);
	else
		fprintf(stderr, "%s\n", what);
}

/* ---- what it is made of ---- */

static int find_kernel(struct try *t)
{
	static const char *const places[] = { "/boot/vmlinuz-%s", "/lib/modules/%s/vmlinuz" };
	struct utsname u;

	if (t->kernel) {
		(void)snprintf(t->kernel_path, sizeof(t->kernel_path), "%s", t->kernel);
		return EXIT_OK;
	}
	(void)uname(&u);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		(void)snprintf(t->kernel_path, sizeof(t->kernel_path), places[i], u.release);
		if (access(t->kernel_path, R_OK) == 0)
			return EXIT_OK;
	}
	return fail(EXIT_FAILED, "the running kernel's file /boot/vmlinuz-%s is not there: name another one by --kernel", u.release);
}

static const char init_script[] =
	"#!/bin/busybox sh\n"
	"/bin/busybox --install -s /bin\n"
	"export PATH=/bin HOME=/root TERM=%s\n"
	"mount -t devtmpfs dev /dev\n"
	"mount -t proc proc /proc\n"
	"mount -t sysfs sys /sys\n"
	"mount -t tmpfs tmp /tmp\n"
	"dmesg -n 1\n"
	"hostname " NAME "\n"
	"cd /root\n"
	"exec </dev/hvc0 >/dev/hvc0 2>&1\n"
	"if [ -e /command ]; then\n"
	"	stty -opost -echo\n"
	"	echo; echo 'zendo-try %s begin'\n"
	"	sh /command </dev/null\n"
	"	rc=$?\n"
	"	echo; echo \"zendo-try %s exit $rc\"\n"
	"else\n"
	"	echo; echo \"This is a guest of Zendo: Linux $(uname -r), $(free -m | awk '/^Mem/ { print $2 }') MiB. exit ends it.\"\n"
	"	setsid -c sh -l\n"
	"fi\n"
	"poweroff -f\n";

static const char *terminal_name(void)
{
	const char *term = getenv("TERM");

	/* it gets into a shell's script */
	return term && *term && strspn(term, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-+.") == strlen(term) ?
		term : "vt100";
}

static int write_initrd(struct try *t)
{
	_cleanup_free_ char *init = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	struct zendo_error e = {};
	int fd, r;

	if (asprintf(&init, init_script, terminal_name(), t->nonce, t->nonce) < 0)
		return fail(EXIT_FAILED, "out of memory");
	strcpy(t->initrd, "/run/zendo-try.XXXXXX");
	fd = mkostemp(t->initrd, O_CLOEXEC);
	if (fd < 0) {
		t->initrd[0] = '\0';
		return fail(EXIT_FAILED, "/run: %s", strerror(errno));
	}
	f = fdopen(fd, "w");
	if (!f)
		return close(fd), fail(EXIT_FAILED, "out of memory");
	r = small_guest_write(f, init, t->command, &e);
	if (r < 0)
		return fail_error(r, &e);
	return fflush(f) == 0 ? EXIT_OK : fail(EXIT_FAILED, "/run: %s", strerror(errno));
}

static int make_config(const struct try *t, struct zendo_config **ret)
{
	const char *const words[] = { "name=" NAME, t->kernel_path, t->initrd, t->memory, "vcpus=1", "on_reboot=destroy",
				      "extra=console=hvc0 quiet panic=-1" };
	static const char *const keys[] = { "", "kernel=", "ramdisk=", "memory=", "", "", "" };
	struct zendo_config_input in[sizeof(words) / sizeof(words[0])];
	char text[sizeof(words) / sizeof(words[0])][600];
	struct zendo_error e = {};
	int r;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		(void)snprintf(text[i], sizeof(text[i]), "%s%s", keys[i], words[i]);
		in[i] = (struct zendo_config_input) { "command line", text[i], strlen(text[i]), true };
	}
	r = zendo_config_parse(in, sizeof(words) / sizeof(words[0]), ret, &e);
	return r < 0 ? fail_error(r, &e) : EXIT_OK;
}

/* ---- the child: from nothing to the end of the guest ---- */

static int start_hypervisor(void)
{
	char why[1024] = "";
	int r;

	progress_begin();
	r = unit_start("zendo.service", progress_active() ? progress_status : NULL, NULL, why, sizeof(why));
	progress_end();
	if (r >= 0)
		return EXIT_OK;
	unit_reset_failed("zendo.service");
	return fail(EXIT_FAILED, "%s; 'zendo doctor' tells more", why);
}

static int run_guest(const struct try *t, const struct traces *before, const struct zendo_config *c)
{
	_cleanup_close_ int fd = -EBADF;
	int r = EXIT_OK;

	if (!before->running) {
		step(t, "starting the hypervisor");
		r = start_hypervisor();
	}
	if (r == EXIT_OK) {
		step(t, "making the guest");
		r = create_domain(c, true);
	}
	if (r == EXIT_OK) {
		step(t, "starting it");
		r = create_console(c, false, &fd);
	}
	if (r != EXIT_OK)
		return r;
	if (!t->command)
		return attach_run(fd, NAME, true);
	r = try_output_wait(fd, t->nonce);
	if (r == EXIT_OK) {
		step(t, "the command runs");
		r = try_output_copy(fd, t->nonce, STDOUT_FILENO);
	} else {
		r = fail(EXIT_FAILED, "the guest has ended before its command began; journalctl -u zendo-domain@" NAME " has its console");
	}
	return r;
}

/* ---- the parent ---- */

static volatile sig_atomic_t child;

static void pass_on(int sig)
{
	if (child > 0)
		(void)kill(child, sig);
}

static void end_guest(void)
{
	_cleanup_close_ int fd = -EBADF;
	char name[HVPRIV_NAME_LEN], unit[ZENDO_RUNTIME_PATH_MAX], why[512];

	if (has_runner(NAME) && connect_domain(NAME, &fd, name) == EXIT_OK)
		(void)ask(fd, name, "destroy", NULL);
	if (zendo_unit_name(NAME, unit) < 0)
		return;
	(void)unit_stop(unit, why, sizeof(why));
	unit_reset_failed(unit);
	definition_file_remove(NAME);
}

static int wait_for_child(void)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ^C goes to the child as well, from the terminal; the other signals are for both when they are for us. */
static int in_child(const struct try *t, const struct traces *before, const struct zendo_config *c)
{
	struct sigaction forward = { .sa_handler = pass_on }, ignore = { .sa_handler = SIG_IGN };

	(void)fflush(NULL);
	child = fork();
	if (child < 0)
		return fail(EXIT_FAILED, "fork: %s", strerror(errno));
	if (child == 0) {
		int r = run_guest(t, before, c);

		(void)fflush(NULL);
		_exit(r);
	}
	(void)sigaction(SIGTERM, &forward, NULL);
	(void)sigaction(SIGHUP, &forward, NULL);
	(void)sigaction(SIGINT, &ignore, NULL);
	return wait_for_child();
}

static int parse_arguments(int argc, char **argv, struct try *t)
{
	static const struct option options[] = {
		{ "command", required_argument, NULL, 'c' },
		{ "kernel", required_argument, NULL, 'k' },
		{ "memory", required_argument, NULL, 'm' },
		{ "timing", no_argument, NULL, 't' },
		{}
	};
	int c;

	t->memory = "128";
	while ((c = getopt_long(argc, argv, "c:k:m:t", options, NULL)) >= 0)
		switch (c) {
		case 'c':
			t->command = optarg;
			break;
		case 'k':
			t->kernel = optarg;
			break;
		case 'm':
			t->memory = optarg;
			break;
		case 't':
			t->timing = true;
			break;
		default:
			return usage(argv[0]);
		}
	t->told = t->timing || isatty(STDERR_FILENO);
	return optind == argc ? EXIT_OK : usage(argv[0]);
}

/* What needs no hypervisor is checked before there is one. */
static int prepare(struct try *t, struct zendo_config **ret)
{
	unsigned char random[8];
	int r;

	if (geteuid() != 0)
		return fail(EXIT_PERMISSION, "trying needs root");
	if (has_runner(NAME) || definition_file_is_there(NAME))
		return fail(EXIT_FAILED, "a domain named '" NAME "' is there already");
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return fail(EXIT_FAILED, "no random numbers: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(random); i++)
		(void)snprintf(t->nonce + 2 * i, 3, "%02x", random[i]);
	r = find_kernel(t);
	if (r == EXIT_OK)
		r = write_initrd(t);
	return r == EXIT_OK ? make_config(t, ret) : r;
}

int cmd_try(int argc, char **argv)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;
	_cleanup_(traces_clear) struct traces before = { .nr = 0 };
	struct try t = {};
	int r, cleared;

	(void)clock_gettime(CLOCK_MONOTONIC, &t.begin);
	r = parse_arguments(argc, argv, &t);
	if (r != EXIT_OK)
		return r;
	r = prepare(&t, &c);
	if (r == EXIT_OK && traces_look(&before) < 0)
		r = fail(EXIT_FAILED, "out of memory");
	if (r == EXIT_OK) {
		r = in_child(&t, &before, c);
		step(&t, "clearing up");
		end_guest();
		cleared = traces_restore(&before, NAME);
		r = r == EXIT_OK ? cleared : r;
		step(&t, "done: the machine is as it was");
	}
	if (t.initrd[0])
		(void)unlink(t.initrd);
	return r;
}
