/* SPDX-License-Identifier: GPL-2.0-only */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "attach.h"
#include "cli.h"
#include "control.h"
#include "runtime.h"

static int copy_file(const char *path)
{
	/* the folder is the runner's, who is not root */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char buf[65536];
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (fwrite(buf, 1, (size_t)n, stdout) != (size_t)n)
			return -EIO;
	return n < 0 ? -errno : 0;
}

/* What the files have of it: the older one first. -ENOENT: nothing was ever kept. */
static int print_kept(const char *name)
{
	char path[ZENDO_RUNTIME_PATH_MAX], old[ZENDO_RUNTIME_PATH_MAX + 2];
	int r, older;

	r = zendo_console_log_path(name, path);
	if (r < 0)
		return -ENOENT;
	(void)snprintf(old, sizeof(old), "%s.1", path);
	older = copy_file(old);
	r = copy_file(path);
	if (r == -ENOENT && older >= 0)
		r = 0;
	(void)fflush(stdout);
	return r;
}

static int scrollback(const char *what)
{
	_cleanup_close_ int fd = -EBADF;
	char name[HVPRIV_NAME_LEN];
	int r = print_kept(what);

	if (r == -ENOENT && connect_domain(what, &fd, name) == EXIT_OK)
		r = print_kept(name);	/* it was an id */
	else if (r == -ENOENT)
		return EXIT_NO_DOMAIN;	/* connect_domain() has said it */
	if (r < 0)
		return fail(r == -EACCES ? EXIT_PERMISSION : EXIT_FAILED, "the console's log of '%s': %s", what,
			    strerror(-r));
	return EXIT_OK;
}

/* A dead guest's output is still there. */
static int show_dead(const char *name)
{
	int r = print_kept(name);

	if (r >= 0)
		return fail(EXIT_OK, "the domain '%s' is not running; this is what was kept of its console", name);
	return r;
}

static int attach(const char *what, const char *mode)
{
	_cleanup_close_ int fd = -EBADF;
	char name[HVPRIV_NAME_LEN];
	int r = connect_domain(what, &fd, name);

	if (r == EXIT_OK)
		r = attach_request(fd, name, mode);
	return r == EXIT_OK ? attach_run(fd, name, strcmp(mode, "read") != 0) : r;
}

int cmd_console(int argc, char **argv)
{
	static const struct option options[] = {
		{ "force", no_argument, NULL, 'f' },
		{ "read-only", no_argument, NULL, 'r' },
		{ "scrollback", no_argument, NULL, 's' },
		{}
	};
	const char *mode = "write";
	bool kept = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "frs", options, NULL)) >= 0)
		switch (c) {
		case 'f':
			mode = "force";
			break;
		case 'r':
			mode = "read";
			break;
		case 's':
			kept = true;
			break;
		default:
			return usage(argv[0]);
		}
	if (argc - optind != 1)
		return usage(argv[0]);
	if (kept)
		return scrollback(argv[optind]);
	if (!has_runner(argv[optind]) && show_dead(argv[optind]) == EXIT_OK)
		return EXIT_OK;
	r = attach(argv[optind], mode);
	/* it may have ended while we asked */
	return r == EXIT_NO_DOMAIN && show_dead(argv[optind]) == EXIT_OK ? EXIT_OK : r;
}
