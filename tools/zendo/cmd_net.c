/* SPDX-License-Identifier: GPL-2.0-only */
/* net: networks of guests. The work is zendo-net's (tools/net), run here or by the unit of the network. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <json-c/json.h>

#include "cli.h"
#include "network.h"
#include "unit.h"

#define HELPER	"/usr/lib/zendo/zendo-net"

#define UNIT_MAX (sizeof("zendo-net@.service") + ZENDO_IFNAME_LEN)

static void unit_of(const char *name, char ret[static UNIT_MAX])
{
	(void)snprintf(ret, UNIT_MAX, "zendo-net@%.15s.service", name);
}

/* It says itself what went wrong. */
static int helper(const char *command, const char *name, const char *option, const char *option2)
{
	const char *argv[] = { HELPER, command, name, option ? option : option2, option ? option2 : NULL, NULL };
	int status, r;
	pid_t pid;

	r = posix_spawn(&pid, HELPER, NULL, NULL, (char *const *)argv, environ);
	if (r != 0)
		return fail(EXIT_FAILED, "cannot start " HELPER ": %s", strerror(r));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail(EXIT_FAILED, HELPER ": %s", strerror(errno));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? EXIT_OK : EXIT_FAILED;
}

static int check_root(void)
{
	return geteuid() == 0 ? EXIT_OK : fail(EXIT_PERMISSION, "networks are root's to make and to delete");
}

/* ---- what there is ---- */

static bool is_up(const char *name)
{
	struct zendo_network n;

	return zendo_network_load(ZENDO_NETWORK_RUN, name, &n, NULL) >= 0;
}

/* Interfaces on its bridge; @names (may be NULL) has room for some. */
static unsigned count_ports(const char *name, char *names, size_t size)
{
	char path[64];
	struct dirent *d;
	unsigned nr = 0;
	DIR *dir;

	if (names)
		*names = '\0';
	(void)snprintf(path, sizeof(path), "/sys/class/net/%.15s/brif", name);
	dir = opendir(path);
	if (!dir)
		return 0;
	while ((d = readdir(dir))) {
		size_t len = names ? strlen(names) : 0;

		if (d->d_name[0] == '.')
			continue;
		if (names)
			(void)snprintf(names + len, size - len, "%s%s", len ? ", " : "", d->d_name);
		nr++;
	}
	(void)closedir(dir);
	return nr;
}

/* ---- create ---- */

struct wish {
	char subnet[80], ipv6[80];
	bool nat, no_autostart;
};

static int read_flag(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");

	return f ? fgetc(f) : EOF;
}

static int start(const char *name)
{
	static const char *const flags[] = { "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding" };
	const int before[] = { read_flag(flags[0]), read_flag(flags[1]) };
	char unit[UNIT_MAX], why[1024];

	unit_of(name, unit);
	if (unit_start(unit, NULL, NULL, why, sizeof(why)) < 0)
		return fail(EXIT_FAILED, "%s", why);
	for (size_t i = 0; i < 2; i++)
		if (before[i] == '0' && read_flag(flags[i]) == '1')
			fprintf(stderr, "zendo: %s was 0 and is 1 now, so that guests are forwarded\n", flags[i]);
	return EXIT_OK;
}

static int say_created(const char *name)
{
	char subnet[ZENDO_NETWORK_TEXT_MAX], ipv6[ZENDO_NETWORK_TEXT_MAX];
	struct zendo_error e = {};
	struct zendo_network n;
	int r = zendo_network_load(ZENDO_NETWORK_ETC, name, &n, &e);

	if (r < 0)
		return fail_error(r, &e);
	printf("network %s: %s%s%s%s by NAT, for guests with vif = ['bridge=%s']\n", name, zendo_network_subnet(&n, subnet),
	       n.has_ipv6 ? " and " : "", n.has_ipv6 ? zendo_network_ipv6(&n, ipv6) : "", n.has_ipv6 ? "/64" : "", name);
	return EXIT_OK;
}

/* All of it, or nothing is left. */
static int create(const char *name, const struct wish *w)
{
	char unit[UNIT_MAX], why[1024];
	int r = helper("define", name, *w->subnet ? w->subnet : NULL, *w->ipv6 ? w->ipv6 : NULL);

	if (r != EXIT_OK)
		return r;
	unit_of(name, unit);
	r = start(name);
	if (r == EXIT_OK && !w->no_autostart && unit_set_enabled(unit, true, why, sizeof(why)) < 0)
		r = fail(EXIT_FAILED, "%s: %s", name, why);
	if (r != EXIT_OK) {
		(void)unit_stop(unit, why, sizeof(why));
		unit_reset_failed(unit);
		(void)helper("purge", name, NULL, NULL);
		return r;
	}
	(void)helper("advise", name, NULL, NULL);
	return say_created(name);
}

static int take_text(char *to, size_t size, const char *key, const char *value)
{
	return (size_t)snprintf(to, size, "%s=%s", key, value) < size ? EXIT_OK : fail(EXIT_USAGE, "--%s is too long", key);
}

static int net_create(int argc, char **argv)
{
	static const struct option options[] = {
		{ "nat", no_argument, NULL, 'n' },
		{ "subnet", required_argument, NULL, 's' },
		{ "ipv6", required_argument, NULL, '6' },
		{ "no-autostart", no_argument, NULL, 'a' },
		{}
	};
	struct wish w = {};
	int c, r = EXIT_OK;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
		if (c == 'n')
			w.nat = true;
		else if (c == 'a')
			w.no_autostart = true;
		else if (c == 's' || c == '6')
			r |= c == 's' ? take_text(w.subnet, sizeof(w.subnet), "subnet", optarg)
				      : take_text(w.ipv6, sizeof(w.ipv6), "ipv6", optarg);
		else
			return usage("net");
	if (r != EXIT_OK || argc - optind != 1)
		return r != EXIT_OK ? r : usage("net");
	if (!w.nat)
		return fail(EXIT_USAGE, "say --nat: there is no other kind of network in this version; bridges of your own need no 'zendo net'");
	r = check_root();
	return r == EXIT_OK ? create(argv[optind], &w) : r;
}

/* ---- list ---- */

static struct json_object *describe(const struct zendo_network *n)
{
	struct json_object *o = json_object_new_object();
	char unit[UNIT_MAX], text[ZENDO_NETWORK_TEXT_MAX];

	unit_of(n->name, unit);
	(void)json_object_object_add(o, "name", json_object_new_string(n->name));
	(void)json_object_object_add(o, "up", json_object_new_boolean(is_up(n->name)));
	(void)json_object_object_add(o, "autostart", json_object_new_boolean(unit_is_enabled(unit, false)));
	(void)json_object_object_add(o, "interfaces", json_object_new_int64(count_ports(n->name, NULL, 0)));
	if (!n->prefix)
		return o;
	(void)json_object_object_add(o, "mode", json_object_new_string("nat"));
	(void)json_object_object_add(o, "subnet", json_object_new_string(zendo_network_subnet(n, text)));
	(void)json_object_object_add(o, "address", json_object_new_string(zendo_network_address(n, 1, text)));
	if (n->has_ipv6)
		(void)json_object_object_add(o, "ipv6_prefix", json_object_new_string(zendo_network_ipv6(n, text)));
	return o;
}

static const char *text_of(struct json_object *o, const char *key)
{
	const char *s = json_object_get_string(json_object_object_get(o, key));

	return s ? s : "-";
}

static bool is_true(struct json_object *o, const char *key)
{
	return json_object_get_boolean(json_object_object_get(o, key));
}

static void print_line(struct json_object *o)
{
	printf("%-15s %-5s %-9s %-10" PRId64 " %-18s %s\n", text_of(o, "name"), is_true(o, "up") ? "up" : "down",
	       is_true(o, "autostart") ? "yes" : "no", json_object_get_int64(json_object_object_get(o, "interfaces")),
	       text_of(o, "subnet"), text_of(o, "ipv6_prefix"));
}

static int net_list(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, {} };
	_cleanup_free_ struct zendo_network *all = NULL;
	struct json_object *list;
	struct zendo_error e = {};
	bool json = false;
	size_t nr = 0;
	int c, r;

	while ((c = getopt_long(argc, argv, "j", options, NULL)) >= 0)
		if (c == 'j')
			json = true;
		else
			return usage("net");
	if (optind != argc)
		return usage("net");
	r = zendo_network_list(ZENDO_NETWORK_ETC, &all, &nr, &e);
	if (r < 0)
		return fail_error(r, &e);
	list = json_object_new_array();
	for (size_t i = 0; i < nr; i++)
		(void)json_object_array_add(list, describe(&all[i]));
	c = *e.text ? fail_error(-EINVAL, &e) : EXIT_OK;
	if (json)
		return print_json(list) != EXIT_OK ? EXIT_FAILED : c;
	puts("Name            State Autostart Interfaces Subnet             IPv6");
	for (size_t i = 0; i < nr; i++)
		print_line(json_object_array_get_idx(list, i));
	json_object_put(list);
	return c;
}

/* ---- delete ---- */

static int delete(const char *name, bool force)
{
	char unit[UNIT_MAX], why[1024], ports[200];
	struct zendo_error e = {};
	struct zendo_network n;
	int r = zendo_network_load(ZENDO_NETWORK_ETC, name, &n, &e);

	/* one that cannot be read can be deleted */
	if (r == -ENOENT || !zendo_network_name_is_valid(name, NULL))
		return fail(EXIT_FAILED, "%s", e.text);
	if (!force && count_ports(name, ports, sizeof(ports)))
		return fail(EXIT_FAILED, "guests are on network %s (%s); --force takes it from them", name, ports);
	unit_of(name, unit);
	if (unit_stop(unit, why, sizeof(why)) < 0)
		return fail(EXIT_FAILED, "%s", why);
	unit_reset_failed(unit);
	if (unit_set_enabled(unit, false, why, sizeof(why)) < 0)
		return fail(EXIT_FAILED, "%s: %s", name, why);
	return helper("purge", name, force ? "force" : NULL, NULL);
}

static int net_delete(int argc, char **argv)
{
	static const struct option options[] = { { "force", no_argument, NULL, 'f' }, {} };
	bool force = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "f", options, NULL)) >= 0)
		if (c == 'f')
			force = true;
		else
			return usage("net");
	if (argc - optind != 1)
		return usage("net");
	r = check_root();
	return r == EXIT_OK ? delete(argv[optind], force) : r;
}

int cmd_net(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} all[] = { { "create", net_create }, { "list", net_list }, { "delete", net_delete } };

	for (size_t i = 0; argc > 1 && i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i].name, argv[1]) == 0)
			return all[i].run(argc - 1, argv + 1);
	return usage("net");
}
