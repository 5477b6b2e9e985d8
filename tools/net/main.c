/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * zendo-net: makes and removes networks of guests, for 'zendo net' and zendo-net@.service. Not for people: options are few and come after
 * the name.
 *
 *	define NAME [subnet=A/P] [ipv6=P/64]	check, and write the definition
 *	up NAME, down NAME			what the unit does before and after its dnsmasq
 *	purge NAME [force]			all that is left, the definition last; force: with guests on it
 *	advise NAME				rules of others that will get in the way, on standard error
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <systemd/sd-daemon.h>

#include "net.h"

#define BARRIER_USEC	5000000ULL

static int fail(const char *name, const struct zendo_error *e)
{
	char text[1024];

	fprintf(stderr, "zendo: %s\n", zendo_error_format(e, text, sizeof(text)));
	(void)sd_notifyf(0, "STATUS=network %s: %s", name, text);
	(void)sd_notify_barrier(0, BARRIER_USEC);	/* of a process that is gone nobody knows whose it was */
	return EXIT_FAILURE;
}

/* systemd-tmpfiles has made them, but for who removed what was empty; what cannot be made fails where it is used. */
static void make_folders(void)
{
	static const char *const all[] = {
		"/run/zendo", ZENDO_NETWORK_RUN, "/etc/zendo", ZENDO_NETWORK_ETC, "/var/lib/zendo", ZENDO_NETWORK_LIB,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		(void)mkdir(all[i], 0755);
}

/* One at a time: the rules are those of all networks. */
static int lock(int *ret_fd, struct zendo_error *e)
{
	int fd;

	make_folders();
	fd = open(ZENDO_NETWORK_RUN "/.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) < 0) {
		safe_close(fd);
		return zendo_error(e, -errno, ZENDO_NETWORK_RUN "/.lock: %s", strerror(errno));
	}
	*ret_fd = fd;
	return 0;
}

/* ---- files ---- */

typedef void (*write_t)(FILE *f, const struct zendo_network *n);

/* Whoever reads it finds all of it, or what was there before. */
static int write_file(const char *dir, const struct zendo_network *n, const char *suffix, write_t write, struct zendo_error *e)
{
	char path[ZENDO_NETWORK_PATH_MAX], fresh[ZENDO_NETWORK_PATH_MAX];
	FILE *f;
	bool ok;

	zendo_network_path(dir, n->name, suffix, path);
	zendo_network_path(dir, n->name, "new", fresh);
	f = fopen(fresh, "we");
	if (!f)
		return zendo_error(e, -errno, "%s: %s", fresh, strerror(errno));
	write(f, n);
	ok = fflush(f) == 0 && fsync(fileno(f)) == 0;
	ok = fclose(f) == 0 && ok;
	if (ok && rename(fresh, path) == 0)
		return 0;
	(void)unlink(fresh);
	return zendo_error(e, -EIO, "%s cannot be written", path);
}

static void remove_file(const char *dir, const char *name, const char *suffix)
{
	char path[ZENDO_NETWORK_PATH_MAX];

	zendo_network_path(dir, name, suffix, path);
	(void)unlink(path);
}

static void remove_running(const char *name)
{
	remove_file(ZENDO_NETWORK_RUN, name, "conf");
	remove_file(ZENDO_NETWORK_RUN, name, "dnsmasq");
	remove_file(ZENDO_NETWORK_RUN, name, "pid");
}

/* ---- define ---- */

static int check_programs(struct zendo_error *e)
{
	int r = forward_check_program("nft", "nftables", e);

	return r < 0 ? r : forward_check_program("dnsmasq", "dnsmasq-base", e);
}

static int define(struct zendo_network *n, struct zendo_error *e)
{
	int r = check_programs(e);

	if (r >= 0)
		r = n->prefix ? routes_check(n, e) : routes_choose(n, e);
	return r < 0 ? r : write_file(ZENDO_NETWORK_ETC, n, "conf", zendo_network_write, e);
}

static int take_option(struct zendo_network *n, const char *option, struct zendo_error *e)
{
	if (strncmp(option, "subnet=", 7) == 0)
		return zendo_network_parse_subnet(option + 7, n, e);
	if (strncmp(option, "ipv6=", 5) == 0)
		return zendo_network_parse_ipv6(option + 5, n, e);
	return zendo_error(e, -EINVAL, "unknown option '%s'", option);
}

static int cmd_define(const char *name, char **options, struct zendo_error *e)
{
	struct zendo_network n = {}, other;
	int r = zendo_network_load(ZENDO_NETWORK_ETC, name, &other, e);

	if (r != -ENOENT)
		return r < 0 ? r : zendo_error(e, -EEXIST, "there is a network %s already", name);
	(void)snprintf(n.name, sizeof(n.name), "%s", name);
	r = 0;
	for (; *options && r >= 0; options++)
		r = take_option(&n, *options, e);
	return r < 0 ? r : define(&n, e);
}

/* ---- up and down ---- */

static int load(const char *name, struct zendo_network *ret, struct zendo_error *e)
{
	int r = zendo_network_load(ZENDO_NETWORK_ETC, name, ret, e);

	if (r != -ENOENT || strcmp(name, ZENDO_NETWORK_DEFAULT) != 0)
		return r;
	*ret = (struct zendo_network) { .name = ZENDO_NETWORK_DEFAULT };
	return define(ret, e);
}

/* Down again until the last step is done: rules are those of networks with a file in /run. */
static int bring_up(const struct zendo_network *n, struct zendo_error *e)
{
	int r = write_file(ZENDO_NETWORK_RUN, n, "conf", zendo_network_write, e);

	if (r >= 0)
		r = write_file(ZENDO_NETWORK_RUN, n, "dnsmasq", files_write_dnsmasq, e);
	if (r >= 0)
		r = forward_apply(e);
	return r < 0 ? r : forward_enable(n, e);
}

static void take_down(const char *name)
{
	struct zendo_error why = {};

	remove_running(name);
	if (forward_apply(&why) < 0)
		fprintf(stderr, "%s\n", why.text);
}

static int cmd_up(const char *name, char **options, struct zendo_error *e)
{
	struct zendo_error why = {};
	struct zendo_network n;
	char subnet[ZENDO_NETWORK_TEXT_MAX];
	bool made;
	int r = load(name, &n, e);

	(void)options;
	if (r >= 0)
		r = check_programs(e);
	if (r >= 0)
		r = routes_check(&n, e);
	if (r >= 0)
		r = link_make(&n, &made, e);
	if (r < 0)
		return r;
	r = bring_up(&n, e);
	if (r < 0) {
		take_down(name);
		if (made)
			(void)link_remove(name, false, &why);
		return r;
	}
	if (made)
		forward_warn(&n);
	(void)sd_notifyf(0, "STATUS=%s by NAT", zendo_network_subnet(&n, subnet));
	return 0;
}

/* Guests that are on the bridge keep each other; the next start takes it as it is. */
static int cmd_down(const char *name, char **options, struct zendo_error *e)
{
	int r;

	(void)options;
	take_down(name);
	r = link_remove(name, false, e);
	if (r == -EBUSY)
		fprintf(stderr, "%s; it stays\n", e->text);
	return r == -EBUSY ? 0 : r;
}

/* ---- the rest ---- */

static int cmd_purge(const char *name, char **options, struct zendo_error *e)
{
	bool force = *options && strcmp(*options, "force") == 0;
	int r = link_remove(name, force, e);

	if (r < 0)
		return r;
	take_down(name);
	remove_file(ZENDO_NETWORK_LIB, name, "leases");
	remove_file(ZENDO_NETWORK_ETC, name, "conf");
	return 0;
}

static int cmd_advise(const char *name, char **options, struct zendo_error *e)
{
	struct zendo_network n;
	int r = zendo_network_load(ZENDO_NETWORK_RUN, name, &n, e);

	(void)options;
	if (r >= 0)
		forward_warn(&n);
	return r;
}

static const struct {
	const char *name;
	int (*run)(const char *name, char **options, struct zendo_error *e);
} commands[] = {
	{ "define", cmd_define }, { "up", cmd_up }, { "down", cmd_down }, { "purge", cmd_purge }, { "advise", cmd_advise },
};

static int run(const char *command, const char *name, char **options)
{
	_cleanup_close_ int locked = -EBADF;
	struct zendo_error e = {};
	const char *why;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, command) != 0)
			continue;
		if (!zendo_network_name_is_valid(name, &why)) {
			(void)zendo_error(&e, -EINVAL, "'%s' cannot be a network's name: %s", name, why);
			return fail(name, &e);
		}
		if (lock(&locked, &e) < 0 || commands[i].run(name, options, &e) < 0)
			return fail(name, &e);
		return EXIT_SUCCESS;
	}
	fprintf(stderr, "zendo-net: see zendo(1), 'zendo net'\n");
	return 2;
}

int main(int argc, char **argv)
{
	(void)umask(0022);
	if (argc < 3) {
		fprintf(stderr, "zendo-net: see zendo(1), 'zendo net'\n");
		return 2;
	}
	return run(argv[1], argv[2], argv + 3);
}
