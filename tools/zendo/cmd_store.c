/* SPDX-License-Identifier: GPL-2.0-only */
/* store: what stands in the domains' store, for those who have no xenstore-utils. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "store.h"

#define PATH_ROOM	3073		/* XENSTORE_ABS_PATH_MAX of <xen/io/xs_wire.h>, with the NUL */

/* ---- words ------------------------------------------------------------------------------- */

static int open_store(struct zendo_store **ret)
{
	int r = zendo_store_open(NULL, ret);

	if (r == -ENOENT || r == -ECONNREFUSED)
		return fail(EXIT_NOT_RUNNING, "the store daemon is not running: systemctl start zendo-stored");
	if (r == -EACCES || r == -EPERM)
		return fail(EXIT_PERMISSION, "the store is root's");
	return r < 0 ? fail(EXIT_FAILED, "cannot reach the store: %s", strerror(-r)) : EXIT_OK;
}

static int fail_store(const char *path, int r)
{
	static const struct {
		int error;
		const char *text;
	} errors[] = {
		{ ENOENT, "there is no such node" },
		{ EINVAL, "the store takes this for no path, no permission, or no value" },
		{ ENOSPC, "a quota of the store is used up; the journal of zendo-stored names it" },
		{ E2BIG, "longer than a message of the store can be" },
		{ ECONNRESET, "the store daemon has ended the connection" },
		{ EPIPE, "the store daemon has ended the connection" },
	};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].error == -r)
			return fail(EXIT_FAILED, "%s: %s", path, errors[i].text);
	return fail(r == -EACCES ? EXIT_PERMISSION : EXIT_FAILED, "%s: %s", path, strerror(-r));
}

/* A guest's bytes do nothing to a terminal, and each value is one line. As xenstore-ls has it, which leaves '"' alone. */
static void print_value(const char *s, size_t len, FILE *f)
{
	static const char plain[] = "\n\r\t\\", letter[] = "nrt\\";

	for (size_t i = 0; i < len; i++) {
		const char *special = s[i] ? strchr(plain, s[i]) : NULL;

		if (special)
			fprintf(f, "\\%c", letter[special - plain]);
		else if ((unsigned char)s[i] < 8)
			fprintf(f, "\\%03o", (unsigned char)s[i]);
		else if ((unsigned char)s[i] < ' ' || (unsigned char)s[i] > '~')
			fprintf(f, "\\x%02x", (unsigned char)s[i]);
		else
			fputc(s[i], f);
	}
}

/* ---- ls ---------------------------------------------------------------------------------- */

/* A folder whose children are being printed: they are names[next .. nr). */
struct level {
	char **names;
	size_t nr, next, path_len;
};

struct walk {
	struct zendo_store *store;
	uint32_t tx;
	char path[PATH_ROOM];
	struct level *levels;		/* as deep as a path can be; not by recursion, since guests choose how deep */
	size_t depth;
	bool full_paths, with_perms;
	const struct zendo_store_perm *perms;	/* not printed: all get these */
	size_t nr_perms;
};

static int print_perms(struct walk *w)
{
	_cleanup_free_ struct zendo_store_perm *perms = NULL;
	char text[16];
	size_t nr;
	int r = zendo_store_get_perms(w->store, 0, w->path, &perms, &nr);

	if (r < 0)
		return r;
	fputs("  (", stdout);
	for (size_t i = 0; i < nr; i++)
		printf("%s%s", i ? "," : "", zendo_store_format_perm(&perms[i], text));
	putchar(')');
	return 0;
}

static int print_node(struct walk *w, const char *name)
{
	_cleanup_free_ char *value = NULL;
	size_t len;
	int r = zendo_store_read(w->store, 0, w->path, &value, &len);

	if (r < 0)
		return r;
	if (w->full_paths)
		fputs(w->path, stdout);
	else
		printf("%*s%s", (int)w->depth - 1, "", name);
	fputs(" = \"", stdout);
	print_value(value, len, stdout);
	putchar('"');
	if (w->with_perms)
		r = print_perms(w);
	putchar('\n');
	return r;
}

static int push(struct walk *w)
{
	struct level *grown = reallocarray(w->levels, w->depth + 1, sizeof(*grown));
	struct level *l;
	int r;

	if (!grown)
		return -ENOMEM;
	w->levels = grown;
	l = &grown[w->depth];
	*l = (struct level) { .path_len = strlen(w->path) };
	r = zendo_store_list(w->store, w->tx, w->path, &l->names, &l->nr);
	w->depth += r >= 0;
	return r;
}

static void pop(struct walk *w)
{
	struct level *l = &w->levels[--w->depth];

	free(l->names);
	w->path[l->path_len] = '\0';
}

/* A node that goes while we look is no failure: it is not there. */
static int walk(struct walk *w)
{
	int r = push(w);

	while (r >= 0 && w->depth > 0) {
		struct level *l = &w->levels[w->depth - 1];
		const char *name;
		int n;

		w->path[l->path_len] = '\0';
		if (l->next == l->nr) {
			pop(w);
			continue;
		}
		name = l->names[l->next++];
		n = snprintf(w->path + l->path_len, sizeof(w->path) - l->path_len, "%s%s",
			     l->path_len > 0 && w->path[l->path_len - 1] == '/' ? "" : "/", name);
		if (n < 0 || (size_t)n >= sizeof(w->path) - l->path_len)
			return -E2BIG;
		r = w->perms ? zendo_store_set_perms(w->store, w->tx, w->path, w->perms, w->nr_perms) : print_node(w, name);
		if (r >= 0)
			r = push(w);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

static void end_walk(struct walk *w)
{
	while (w->depth > 0)
		pop(w);
	free(w->levels);
}

static int store_ls(struct zendo_store *s, int argc, char **argv)
{
	struct walk w = { .store = s };
	int c, r;

	while ((c = getopt(argc, argv, "fp")) >= 0)
		if (c == 'f')
			w.full_paths = true;
		else if (c == 'p')
			w.with_perms = true;
		else
			return usage("store");
	if (argc - optind > 1)
		return usage("store");
	if (optind < argc && strlen(argv[optind]) >= sizeof(w.path))
		return fail_store(argv[optind], -E2BIG);
	strcpy(w.path, optind < argc ? argv[optind] : "/");
	/* "/a/" is "/a" */
	for (size_t len = strlen(w.path); len > 1 && w.path[len - 1] == '/'; len--)
		w.path[len - 1] = '\0';
	r = walk(&w);
	if (r < 0)
		r = fail_store(w.path, r);
	end_walk(&w);
	return r;
}

/* ---- the others -------------------------------------------------------------------------- */

/* Which of @letters were given, as bits of their places; -1: another one. What follows them begins at optind. */
static int flags_of(int argc, char **argv, const char *letters)
{
	int c, flags = 0;

	while ((c = getopt(argc, argv, letters)) >= 0) {
		const char *letter = strchr(letters, c);

		if (!letter)
			return -1;
		flags |= 1 << (letter - letters);
	}
	return flags;
}

static int store_list(struct zendo_store *s, int argc, char **argv)
{
	_cleanup_free_ char **names = NULL;
	const char *path;
	size_t nr;
	int r, whole = flags_of(argc, argv, "p");

	if (whole < 0 || optind + 1 != argc)
		return usage("store");
	path = argv[optind];
	r = zendo_store_list(s, 0, path, &names, &nr);
	if (r < 0)
		return fail_store(path, r);
	for (size_t i = 0; i < nr; i++)
		printf("%s%s%s\n", whole ? path : "", whole && strcmp(path, "/") != 0 ? "/" : "", names[i]);
	return EXIT_OK;
}

enum { READ_PATHS = 1, READ_RAW = 2 };

/* The value as it is, as a program wants it; on a terminal as ls has it. */
static int store_read(struct zendo_store *s, int argc, char **argv)
{
	int flags = flags_of(argc, argv, "pR");

	if (flags < 0 || optind == argc)
		return usage("store");
	for (int i = optind; i < argc; i++) {
		_cleanup_free_ char *value = NULL;
		size_t len;
		int r = zendo_store_read(s, 0, argv[i], &value, &len);

		if (r < 0)
			return fail_store(argv[i], r);
		if (flags & READ_PATHS)
			printf("%s: ", argv[i]);
		if (isatty(STDOUT_FILENO) && !(flags & READ_RAW))
			print_value(value, len, stdout);
		else
			(void)fwrite(value, 1, len, stdout);
		putchar('\n');
	}
	return EXIT_OK;
}

/* By the status alone: 0 all are there, 1 one is not. */
static int store_exists(struct zendo_store *s, int argc, char **argv)
{
	if (flags_of(argc, argv, "") < 0 || optind == argc)
		return usage("store");
	for (int i = optind; i < argc; i++) {
		_cleanup_free_ char *value = NULL;
		int r = zendo_store_read(s, 0, argv[i], &value, NULL);

		if (r < 0)
			return r == -ENOENT ? EXIT_FAILED : fail_store(argv[i], r);
	}
	return EXIT_OK;
}

/* What is done in one transaction: all or nothing. */
struct changes {
	char **argv;
	int argc;
	const char *failed;		/* the path */
	int flags;
	const struct zendo_store_perm *perms;
	size_t nr_perms;
};

static int write_pairs(struct zendo_store *s, uint32_t tx, void *userdata)
{
	struct changes *c = userdata;
	int r = 0;

	for (int i = 0; i + 1 < c->argc && r >= 0; i += 2) {
		c->failed = c->argv[i];
		r = zendo_store_write(s, tx, c->argv[i], c->argv[i + 1], strlen(c->argv[i + 1]));
	}
	return r;
}

static int store_write(struct zendo_store *s, int argc, char **argv)
{
	struct changes c = {};
	int r;

	if (flags_of(argc, argv, "") < 0 || optind == argc || (argc - optind) % 2 != 0)
		return usage("store");
	c.argv = argv + optind;
	c.argc = argc - optind;
	r = zendo_store_transaction(s, write_pairs, &c);
	return r < 0 ? fail_store(c.failed, r) : EXIT_OK;
}

/* "/a/b" becomes "/a". False: there is nothing above it but the root. */
static bool go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return false;
	*slash = '\0';
	return true;
}

/* What is above and has neither children nor a value. */
static int remove_empty(struct zendo_store *s, uint32_t tx, const char *path)
{
	_cleanup_free_ char *above = strdup(path);

	if (!above)
		return -ENOMEM;
	while (go_up(above)) {
		_cleanup_free_ char *value = NULL;
		_cleanup_free_ char **names = NULL;
		size_t len, nr = 0;
		int r = zendo_store_read(s, tx, above, &value, &len);

		if (r >= 0)
			r = zendo_store_list(s, tx, above, &names, &nr);
		if (r < 0 || len > 0 || nr > 0)
			return r;
		r = zendo_store_rm(s, tx, above);
		if (r < 0)
			return r;
	}
	return 0;
}

static int remove_all(struct zendo_store *s, uint32_t tx, void *userdata)
{
	struct changes *c = userdata;
	int r = 0;

	for (int i = 0; i < c->argc && r >= 0; i++) {
		c->failed = c->argv[i];
		r = zendo_store_rm(s, tx, c->argv[i]);
		if (r >= 0 && c->flags)
			r = remove_empty(s, tx, c->argv[i]);
	}
	return r;
}

static int store_rm(struct zendo_store *s, int argc, char **argv)
{
	struct changes c = { .flags = flags_of(argc, argv, "t") };
	int r;

	if (c.flags < 0 || optind == argc)
		return usage("store");
	c.argv = argv + optind;
	c.argc = argc - optind;
	r = zendo_store_transaction(s, remove_all, &c);
	return r < 0 ? fail_store(c.failed, r) : EXIT_OK;
}

enum { CHMOD_BELOW = 1, CHMOD_ABOVE = 2 };

static int chmod_below(struct zendo_store *s, uint32_t tx, const struct changes *c)
{
	struct walk w = { .store = s, .tx = tx, .perms = c->perms, .nr_perms = c->nr_perms };
	int r;

	strcpy(w.path, c->argv[0]);
	r = walk(&w);
	end_walk(&w);
	return r;
}

static int chmod_above(struct zendo_store *s, uint32_t tx, const struct changes *c)
{
	_cleanup_free_ char *above = strdup(c->argv[0]);
	int r = above ? 0 : -ENOMEM;

	while (r >= 0 && go_up(above))
		r = zendo_store_set_perms(s, tx, above, c->perms, c->nr_perms);
	return r;
}

static int chmod_all(struct zendo_store *s, uint32_t tx, void *userdata)
{
	struct changes *c = userdata;
	int r = zendo_store_set_perms(s, tx, c->argv[0], c->perms, c->nr_perms);

	c->failed = c->argv[0];
	if (r >= 0 && c->flags & CHMOD_BELOW)
		r = chmod_below(s, tx, c);
	if (r >= 0 && c->flags & CHMOD_ABOVE)
		r = chmod_above(s, tx, c);
	return r;
}

static int store_chmod(struct zendo_store *s, int argc, char **argv)
{
	_cleanup_free_ struct zendo_store_perm *perms = NULL;
	struct changes c = { .flags = flags_of(argc, argv, "ru") };
	int r;

	if (c.flags < 0 || argc - optind < 2)
		return usage("store");
	c.argv = argv + optind;
	if (strlen(c.argv[0]) >= PATH_ROOM)
		return fail_store(c.argv[0], -E2BIG);
	c.nr_perms = (size_t)(argc - optind - 1);
	perms = calloc(c.nr_perms, sizeof(*perms));
	if (!perms)
		return fail(EXIT_FAILED, "out of memory");
	for (size_t i = 0; i < c.nr_perms; i++)
		if (zendo_store_parse_perm(c.argv[1 + i], &perms[i]) < 0)
			return fail(EXIT_USAGE, "'%s' is no permission: n, r, w or b and a domain's id", c.argv[1 + i]);
	c.perms = perms;
	r = zendo_store_transaction(s, chmod_all, &c);
	return r < 0 ? fail_store(c.failed, r) : EXIT_OK;
}

/* Paths as they change, one on a line; each is told once at the beginning, as the store has it. */
static int store_watch(struct zendo_store *s, int argc, char **argv)
{
	struct pollfd p = { .fd = zendo_store_fd(s), .events = POLLIN };
	unsigned long left = 0;
	int c, r;

	while ((c = getopt(argc, argv, "n:")) >= 0)
		if (c != 'n' || (left = strtoul(optarg, NULL, 10)) == 0)
			return usage("store");
	if (optind == argc)
		return usage("store");
	for (int i = optind; i < argc; i++) {
		r = zendo_store_watch(s, argv[i], argv[i]);
		if (r < 0)
			return fail_store(argv[i], r);
	}
	for (;;) {
		_cleanup_free_ char *path = NULL;
		const char *token;

		r = zendo_store_read_watch(s, &path, &token);
		if (r < 0)
			return fail_store(argv[optind], r);
		if (r == 0) {
			(void)fflush(stdout);
			if (poll(&p, 1, -1) < 0 && errno != EINTR)
				return fail(EXIT_FAILED, "poll: %s", strerror(errno));
			continue;
		}
		puts(path);
		if (left > 0 && --left == 0)
			return EXIT_OK;
	}
}

static const struct {
	const char *name;
	int (*run)(struct zendo_store *s, int argc, char **argv);
} verbs[] = {
	{ "ls", store_ls }, { "list", store_list }, { "read", store_read }, { "exists", store_exists }, { "write", store_write },
	{ "rm", store_rm }, { "chmod", store_chmod }, { "watch", store_watch },
};

int cmd_store(int argc, char **argv)
{
	_cleanup_(zendo_store_closep) struct zendo_store *s = NULL;
	int r;

	if (argc < 2)
		return usage(argv[0]);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, argv[1]) != 0)
			continue;
		r = open_store(&s);
		return r == EXIT_OK ? verbs[i].run(s, argc - 1, argv + 1) : r;
	}
	return usage(argv[0]);
}
