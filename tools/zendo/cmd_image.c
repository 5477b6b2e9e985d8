/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * image: a first guest's disk, kernel and ramdisk, and its definition. A helper makes the parts in a folder of their own; they get their
 * names when all is made, the definition last. Whatever happens before, the folder goes and nothing is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "definition_file.h"
#include "definitions.h"
#include "doctor.h"
#include "image_plan.h"
#include "progress.h"

#define HELPER	"/usr/lib/zendo/zendo-image"
#define MIB	((uint64_t)1024 * 1024)

struct work {
	const struct image_plan *plan;
	char definition[256];		/* where it will be */
	char dir[64];			/* where it is made; "" = not there */
	char release[65];		/* of the kernel, for busybox */
};

/* ---- what can be known before anything is made ---- */

static int check_free_name(const struct image_plan *p, const char *definition)
{
	char path[IMAGE_PATH_MAX];

	if (access(definition, F_OK) == 0)
		return fail(EXIT_FAILED, "there is a domain '%s' already: %s", p->name, definition);
	if (definition_file_is_there(p->name))
		return fail(EXIT_FAILED, "a domain named '%s' is running", p->name);
	for (unsigned i = 0; i < image_plan_parts(p); i++) {
		image_path(p, (enum image_part)i, path);
		if (access(path, F_OK) == 0)
			return fail(EXIT_FAILED, "%s is there already", path);
	}
	return EXIT_OK;
}

static int check_programs(const struct image_plan *p)
{
	char packages[256] = "";
	const struct image_need *need;

	for (unsigned i = 0; (need = image_plan_need(p, i)); i++) {
		const size_t len = strlen(packages);

		if (*need->program == '/' ? access(need->program, R_OK) < 0 : !doctor_has_program(need->program))
			(void)snprintf(packages + len, sizeof(packages) - len, " %s", need->package);
	}
	return *packages ? fail(EXIT_FAILED, "not installed here: apt install%s", packages) : EXIT_OK;
}

static int check_kernel(struct work *w)
{
	struct utsname u;
	char path[128];

	(void)uname(&u);
	(void)snprintf(w->release, sizeof(w->release), "%s", u.release);
	(void)snprintf(path, sizeof(path), "/boot/vmlinuz-%s", u.release);
	if (w->plan->busybox && access(path, R_OK) < 0)
		return fail(EXIT_FAILED, "the running kernel's file %s is not there", path);
	return EXIT_OK;
}

/* Of what is there for us; 0 if that cannot be told. */
static uint64_t room(void)
{
	struct statvfs s;

	return statvfs(IMAGE_DIR, &s) < 0 ? 0 : (uint64_t)s.f_bavail * s.f_frsize;
}

static int check_room(const struct image_plan *p)
{
	const uint64_t want = image_plan_room(p), have = room();

	if (have < want)
		return fail(EXIT_FAILED, "making it takes %" PRIu64 " MiB in " IMAGE_DIR ", %" PRIu64 " MiB are free", want / MIB, have / MIB);
	return EXIT_OK;
}

static int check(struct work *w)
{
	int r;

	if (geteuid() != 0)
		return fail(EXIT_PERMISSION, "making an image needs root");
	if (zendo_definition_path(NULL, w->plan->name, w->definition, sizeof(w->definition)) < 0)
		return fail(EXIT_FAILED, "'%s' cannot be a domain's name", w->plan->name);
	r = check_free_name(w->plan, w->definition);
	if (r == EXIT_OK)
		r = check_programs(w->plan);
	if (r == EXIT_OK)
		r = check_kernel(w);
	return r == EXIT_OK ? check_room(w->plan) : r;
}

/* ---- the helper ---- */

static volatile sig_atomic_t helper;
static volatile sig_atomic_t interrupted;

/* It and all it has started: the group is its own, so that a terminal's ^C comes here first, and once. */
static void end_helper(int sig)
{
	interrupted = sig;
	if (helper > 0)
		(void)kill(-helper, SIGTERM);
}

static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction a = { .sa_handler = end_helper, .sa_flags = SA_RESTART };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)sigaction(signals[i], &a, NULL);
}

static void run_helper(const struct work *w, int out, int log)
{
	char *argv[1 + IMAGE_WORDS] = { (char *)HELPER };

	(void)setpgid(0, 0);
	(void)dup2(out, STDOUT_FILENO);
	(void)dup2(log, STDERR_FILENO);
	if (image_plan_words(w->plan, w->dir, w->release, argv + 1) >= 0)
		(void)execv(HELPER, argv);
	dprintf(STDERR_FILENO, "cannot start " HELPER ": %s\n", strerror(errno));
	_exit(127);
}

/* To its end, that is until nobody is left who might write to the folder: all that the helper starts has the pipe's end. */
static void follow(FILE *said)
{
	char line[256];
	const char *text;
	int percent;

	progress_begin();
	while (fgets(line, sizeof(line), said)) {
		line[strcspn(line, "\n")] = '\0';
		percent = image_parse_progress(line, &text);
		if (percent >= 0)
			progress_percent(text, (unsigned)percent);
	}
	progress_end();
}

/* The last lines of what was said; a full disk is told from all of it. */
static int tell_failure(FILE *log)
{
	char line[512], last[8][512] = {};
	unsigned nr = 0;
	bool full = false;

	rewind(log);
	while (fgets(line, sizeof(line), log)) {
		full |= strstr(line, "No space left on device") != NULL;
		(void)snprintf(last[nr++ % 8], sizeof(last[0]), "%s", line);
	}
	for (unsigned i = nr > 8 ? nr - 8 : 0; i < nr; i++)
		fprintf(stderr, "    %s", last[i % 8]);
	return full ? fail(EXIT_FAILED, "the file system of " IMAGE_DIR ", or the image's own, is full: %" PRIu64 " MiB are free", room() / MIB)
		    : fail(EXIT_FAILED, "the image could not be made; the lines above say why");
}

static int make_parts(const struct work *w)
{
	_cleanup_fclose_ FILE *said = NULL, *log = tmpfile();
	int ends[2], status = 0;

	if (!log || pipe2(ends, O_CLOEXEC) < 0)
		return fail(EXIT_FAILED, "no temporary file or pipe: %s", strerror(errno));
	(void)fflush(NULL);
	helper = fork();
	if (helper == 0)
		run_helper(w, ends[1], fileno(log));
	(void)close(ends[1]);
	if (helper < 0)
		return (void)close(ends[0]), fail(EXIT_FAILED, "fork: %s", strerror(errno));
	(void)setpgid(helper, helper);	/* whoever is first */
	if (interrupted)
		end_helper(interrupted);
	said = fdopen(ends[0], "r");
	if (said)
		follow(said);
	while (waitpid(helper, &status, 0) < 0 && errno == EINTR)
		;
	helper = 0;
	if (interrupted)
		return fail(EXIT_FAILED, "interrupted; nothing was made");
	return status == 0 && said ? EXIT_OK : tell_failure(log);
}

/* ---- names for what was made ---- */

static void take_back(const struct image_plan *p, unsigned nr)
{
	char path[IMAGE_PATH_MAX];

	for (unsigned i = 0; i < nr; i++) {
		image_path(p, (enum image_part)i, path);
		(void)unlink(path);
	}
}

/* Never over a file that came meanwhile. Whole or not at all: by another name first. */
static int give_definition(const struct work *w)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[300];
	int fd, r = 0;

	(void)snprintf(path, sizeof(path), "%s.XXXXXX", w->definition);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	f = fdopen(fd, "w");
	if (!f) {
		(void)close(fd);
		r = -ENOMEM;
	} else {
		image_plan_write_definition(f, w->plan);
		if (fflush(f) != 0 || fchmod(fd, 0644) < 0 || fsync(fd) < 0 || link(path, w->definition) < 0)
			r = -errno;
	}
	(void)unlink(path);
	return r;
}

static int give_names(const struct work *w)
{
	char from[128], to[IMAGE_PATH_MAX];
	unsigned nr;
	int r = 0;

	for (nr = 0; nr < image_plan_parts(w->plan); nr++) {
		(void)snprintf(from, sizeof(from), "%s/%s", w->dir, image_part_names[nr]);
		image_path(w->plan, (enum image_part)nr, to);
		if (chmod(from, nr == IMAGE_DISK ? 0600 : 0644) < 0 || link(from, to) < 0) {
			r = fail(EXIT_FAILED, "%s: %s", to, strerror(errno));
			break;
		}
	}
	if (r == EXIT_OK) {
		r = interrupted ? -EINTR : give_definition(w);
		r = r < 0 ? fail(EXIT_FAILED, "%s: %s", w->definition, strerror(-r)) : EXIT_OK;
	}
	if (r != EXIT_OK)
		take_back(w->plan, nr);
	return r;
}

/* It is ours, below a name that nobody else makes; what is mounted in it is not visible here, and would not be gone into. */
static void remove_folder(struct work *w)
{
	const char *argv[] = { "rm", "-rf", "--one-file-system", "--", w->dir, NULL };
	pid_t pid;

	if (!*w->dir || posix_spawn(&pid, "/bin/rm", NULL, NULL, (char *const *)argv, environ) != 0)
		return;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	w->dir[0] = '\0';
}

static int make(struct work *w)
{
	int r;

	strcpy(w->dir, IMAGE_DIR "/.image-XXXXXX");
	if (!mkdtemp(w->dir)) {
		w->dir[0] = '\0';
		return fail(EXIT_FAILED, IMAGE_DIR ": %s", strerror(errno));
	}
	r = make_parts(w);
	if (r == EXIT_OK)
		r = give_names(w);
	remove_folder(w);
	return r;
}

static int image_create(int argc, char **argv)
{
	static const struct option options[] = {
		{ "suite", required_argument, NULL, 's' },
		{ "size", required_argument, NULL, 'S' },
		{ "format", required_argument, NULL, 'f' },
		{ "mirror", required_argument, NULL, 'm' },
		{ "include", required_argument, NULL, 'i' },
		{ "busybox", no_argument, NULL, 'b' },
		{ "grub", no_argument, NULL, 'g' },
		{}
	};
	const char *size = NULL, *format = "raw";
	struct image_plan p = {};
	struct work w = { .plan = &p };
	struct zendo_error e = {};
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
		if (c == 's')
			p.suite = optarg;
		else if (c == 'S')
			size = optarg;
		else if (c == 'f')
			format = optarg;
		else if (c == 'm')
			p.mirror = optarg;
		else if (c == 'i')
			p.include = optarg;
		else if (c == 'b')
			p.busybox = true;
		else if (c == 'g')
			p.grub = true;
		else
			return usage("image");
	if (argc - optind != 1)
		return usage("image");
	p.qcow2 = strcmp(format, "qcow2") == 0;
	if (!p.qcow2 && strcmp(format, "raw") != 0)
		return fail(EXIT_USAGE, "--format is raw or qcow2, not '%s'", format);
	if (image_plan_make(&p, argv[optind], size, &e) < 0)
		return fail(EXIT_USAGE, "%s", e.text);
	catch_signals();
	r = check(&w);
	if (r == EXIT_OK)
		r = make(&w);
	if (r == EXIT_OK)
		printf("%s: root has no password on its console; start it with\n\tzendo create -c %s\n", w.definition, p.name);
	return r;
}

int cmd_image(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "create") == 0)
		return image_create(argc - 1, argv + 1);
	return usage(argv[0]);
}
