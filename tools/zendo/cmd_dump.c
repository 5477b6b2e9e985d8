/* SPDX-License-Identifier: GPL-2.0-only */
/* dump-core: the runner writes, to a file that is opened here with the rights of who asks. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <json-c/json.h>

#include "cli.h"
#include "control.h"
#include "file.h"
#include "progress.h"
#include "runtime.h"
#include "unit.h"

/* Where FILE is, and a folder to make it in. */
static int open_file(const char *path, int *ret_fd)
{
	char folder[PATH_MAX];
	char *slash;
	int r;

	if (access(path, F_OK) == 0)
		return fail(EXIT_FAILED, "%s is there already", path);
	(void)snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	r = file_create_unnamed(AT_FDCWD, slash ? folder : ".", 0600, ret_fd);
	if (r == -EOPNOTSUPP)
		return fail(EXIT_FAILED, "the file system of %s cannot keep a file that is not finished: take another one", path);
	return r < 0 ? fail(r == -EACCES ? EXIT_PERMISSION : EXIT_FAILED, "%s: %s", path, strerror(-r)) : EXIT_OK;
}

/* A process that shows how far the runner is, as it says to systemd; 0 where nobody looks. */
static pid_t show_progress(const char *name)
{
	char unit[ZENDO_RUNTIME_PATH_MAX];
	const pid_t parent = getpid();
	pid_t pid;

	progress_begin();
	if (!progress_active() || zendo_unit_name(name, unit) < 0)
		return 0;
	pid = fork();
	if (pid != 0)
		return pid;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent)
		unit_follow_status(unit, progress_status, NULL);
	_exit(0);
}

static void end_progress(pid_t pid)
{
	if (pid > 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	progress_end();
}

static int ask_dump(int fd, const struct target *t, int file, struct json_object **ret)
{
	struct json_object *request = json_object_new_object(), *answer = NULL;
	int r, status = EXIT_OK;
	pid_t progress;

	if (!request)
		return fail(EXIT_FAILED, "out of memory");
	(void)json_object_object_add(request, "do", json_object_new_string("dump"));
	if (t->is_kept)
		(void)json_object_object_add(request, "domid", json_object_new_int64(t->domid));
	progress = show_progress(t->runner);
	r = zendo_control_request_with(fd, request, file, &answer);
	end_progress(progress);
	json_object_put(request);
	if (r < 0)
		return no_answer(t->runner, r);
	if (!json_object_get_boolean(json_object_object_get(answer, "ok"))) {
		status = fail(EXIT_FAILED, "%s: %s", t->name, json_object_get_string(json_object_object_get(answer, "text")));
		json_object_put(answer);
		return status;
	}
	*ret = answer;
	return EXIT_OK;
}

static double mib_of(struct json_object *answer, const char *key)
{
	return (double)json_object_get_int64(json_object_object_get(answer, key)) / 1048576;
}

int cmd_dump_core(int argc, char **argv)
{
	_cleanup_close_ int fd = -EBADF, file = -EBADF;
	struct json_object *answer = NULL;
	const char *path;
	struct target t;
	int r = plain_arguments(argc, argv, 2, 2);

	if (r != EXIT_OK)
		return r;
	path = argv[optind + 1];
	r = connect_target(argv[optind], &fd, &t);
	if (r == EXIT_OK)
		r = open_file(path, &file);
	if (r == EXIT_OK)
		r = ask_dump(fd, &t, file, &answer);
	if (r != EXIT_OK)
		return r;
	r = file_give_name(file, AT_FDCWD, path);
	if (r < 0)
		r = fail(EXIT_FAILED, "%s: %s", path, strerror(-r));
	else
		printf("%s: %.1f MiB, %.1f MiB on disk\n", path, mib_of(answer, "size"), mib_of(answer, "stored"));
	json_object_put(answer);
	return r;
}
