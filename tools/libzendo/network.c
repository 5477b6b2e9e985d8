/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "cleanup.h"
#include "config-option.h"

#define SUFFIX	".conf"

bool zendo_network_name_is_valid(const char *name, const char **ret_why)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	const char *why = NULL;

	if (!zendo_ifname_is_valid(name, ret_why))
		return false;
	if (strchr("-_.", *name))
		why = "it must begin with a letter or a digit";
	else if (name[strspn(name, letters)])
		why = "it may have letters, digits, '-', '_' and '.'";
	if (!why && (strcmp(name, "all") == 0 || strcmp(name, "default") == 0))
		why = "the kernel has settings of that name for all interfaces";
	if (why && ret_why)
		*ret_why = why;
	return !why;
}

/* ---- addresses ---- */

static uint32_t mask_of(unsigned prefix)
{
	return prefix ? ~0U << (32 - prefix) : 0;
}

bool zendo_network_overlap(uint32_t a, unsigned prefix_a, uint32_t b, unsigned prefix_b)
{
	return ((a ^ b) & mask_of(prefix_a < prefix_b ? prefix_a : prefix_b)) == 0;
}

static bool is_private(uint32_t subnet, unsigned prefix)
{
	static const struct {
		uint32_t subnet;
		unsigned prefix;
	} all[] = { { 0x0a000000, 8 }, { 0xac100000, 12 }, { 0xc0a80000, 16 } };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (prefix >= all[i].prefix && zendo_network_overlap(subnet, prefix, all[i].subnet, all[i].prefix))
			return true;
	return false;
}

/* ADDRESS/PREFIX; the address' bytes */
static bool split(int family, const char *text, void *addr, unsigned *prefix)
{
	const char *slash = strchr(text, '/');
	char copy[INET6_ADDRSTRLEN];
	uint64_t n;

	if (!slash || (size_t)(slash - text) >= sizeof(copy) || !option_number(slash + 1, 128, &n))
		return false;
	memcpy(copy, text, (size_t)(slash - text));
	copy[slash - text] = '\0';
	*prefix = (unsigned)n;
	return inet_pton(family, copy, addr) == 1;
}

int zendo_network_parse_subnet(const char *text, struct zendo_network *n, struct zendo_error *e)
{
	struct in_addr a;
	unsigned prefix;
	uint32_t subnet;

	if (!split(AF_INET, text, &a, &prefix))
		return zendo_error(e, -EINVAL, "subnet '%s' must look like 10.1.2.0/24", text);
	subnet = ntohl(a.s_addr);
	if (prefix < 16 || prefix > 28)
		return zendo_error(e, -EINVAL, "subnet '%s': the prefix must be 16 to 28", text);
	if (subnet & ~mask_of(prefix))
		return zendo_error(e, -EINVAL, "subnet '%s' has bits behind its prefix of %u", text, prefix);
	if (!is_private(subnet, prefix))
		return zendo_error(e, -EINVAL, "subnet '%s' is not of the private ones: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16", text);
	n->subnet = subnet;
	n->prefix = prefix;
	return 0;
}

int zendo_network_parse_ipv6(const char *text, struct zendo_network *n, struct zendo_error *e)
{
	static const uint8_t none[8];
	uint8_t addr[16];
	unsigned prefix;

	if (!split(AF_INET6, text, addr, &prefix) || prefix != 64)
		return zendo_error(e, -EINVAL, "IPv6 prefix '%s' must look like fd12:3456:789a:1::/64", text);
	if (memcmp(addr + 8, none, 8) != 0)
		return zendo_error(e, -EINVAL, "IPv6 prefix '%s' has bits behind its prefix of 64", text);
	if (addr[0] != 0xfd)
		return zendo_error(e, -EINVAL, "IPv6 prefix '%s' is not unique local: those begin with fd", text);
	memcpy(n->ipv6, addr, 16);
	n->has_ipv6 = true;
	return 0;
}

char *zendo_network_address(const struct zendo_network *n, uint32_t offset, char ret[static ZENDO_NETWORK_TEXT_MAX])
{
	const struct in_addr a = { htonl(n->subnet + offset) };

	(void)inet_ntop(AF_INET, &a, ret, ZENDO_NETWORK_TEXT_MAX);
	return ret;
}

char *zendo_network_subnet(const struct zendo_network *n, char ret[static ZENDO_NETWORK_TEXT_MAX])
{
	size_t len = strlen(zendo_network_address(n, 0, ret));

	(void)snprintf(ret + len, ZENDO_NETWORK_TEXT_MAX - len, "/%u", n->prefix);
	return ret;
}

char *zendo_network_ipv6(const struct zendo_network *n, char ret[static ZENDO_NETWORK_TEXT_MAX])
{
	(void)inet_ntop(AF_INET6, n->ipv6, ret, ZENDO_NETWORK_TEXT_MAX);
	return ret;
}

/* ---- definitions ---- */

void zendo_network_write(FILE *f, const struct zendo_network *n)
{
	char text[ZENDO_NETWORK_TEXT_MAX];

	fprintf(f, "# network %s of zendo's guests, see 'zendo net' in zendo(1)\nmode = nat\nsubnet = %s\n", n->name,
		zendo_network_subnet(n, text));
	if (n->has_ipv6)
		fprintf(f, "ipv6 = %s/64\n", zendo_network_ipv6(n, text));
}

static int take(struct zendo_network *n, const char *key, const char *value, struct zendo_error *e)
{
	if (strcmp(key, "subnet") == 0)
		return zendo_network_parse_subnet(value, n, e);
	if (strcmp(key, "ipv6") == 0)
		return zendo_network_parse_ipv6(value, n, e);
	if (strcmp(key, "mode") != 0)
		return zendo_error(e, -EINVAL, "unknown key '%s'", key);
	if (strcmp(value, "nat") != 0)
		return zendo_error(e, -EOPNOTSUPP, "mode '%s' is not in this version, only nat is", value);
	return 0;
}

static int take_line(struct zendo_network *n, char *line, struct zendo_error *e)
{
	char *key = option_trim(line), *value;

	if (!*key || *key == '#')
		return 0;
	value = strchr(key, '=');
	if (!value)
		return zendo_error(e, -EINVAL, "'%s' is not KEY = VALUE", key);
	*value++ = '\0';
	return take(n, option_trim(key), option_trim(value), e);
}

int zendo_network_parse(FILE *f, const char *name, const char *source, struct zendo_network *ret, struct zendo_error *e)
{
	struct zendo_network n = {};
	struct zendo_error why = {};
	char line[256];
	unsigned nr;
	int r;

	(void)snprintf(n.name, sizeof(n.name), "%s", name);
	for (nr = 1; fgets(line, sizeof(line), f); nr++) {
		if (!strchr(line, '\n') && !feof(f))
			return zendo_error_at(e, -EINVAL, source, nr, 1, "the line is too long");
		line[strcspn(line, "\n")] = '\0';
		r = take_line(&n, line, &why);
		if (r < 0)
			return zendo_error_at(e, r, source, nr, 1, "%s", why.text);
	}
	if (ferror(f))
		return zendo_error_at(e, -EIO, source, 0, 0, "cannot be read");
	if (!n.prefix)
		return zendo_error_at(e, -EINVAL, source, 0, 0, "there is no subnet");
	*ret = n;
	return 0;
}

void zendo_network_path(const char *dir, const char *name, const char *suffix, char ret[static ZENDO_NETWORK_PATH_MAX])
{
	(void)snprintf(ret, ZENDO_NETWORK_PATH_MAX, "%s/%.15s.%s", dir, name, suffix);
}

int zendo_network_load(const char *dir, const char *name, struct zendo_network *ret, struct zendo_error *e)
{
	char path[PATH_MAX];
	_cleanup_fclose_ FILE *f = NULL;
	const char *why;

	if (!zendo_network_name_is_valid(name, &why))
		return zendo_error(e, -EINVAL, "'%s' cannot be a network's name: %s", name, why);
	(void)snprintf(path, sizeof(path), "%s/%s" SUFFIX, dir, name);
	f = fopen(path, "re");
	if (!f && errno == ENOENT)
		return zendo_error(e, -ENOENT, "there is no network '%s'", name);
	if (!f)
		return zendo_error(e, -errno, "%s: %s", path, strerror(errno));
	return zendo_network_parse(f, name, path, ret, e);
}

static int is_definition(const struct dirent *d)
{
	size_t len = strlen(d->d_name), suffix = strlen(SUFFIX);
	char name[ZENDO_IFNAME_LEN];

	if (len <= suffix || len - suffix >= sizeof(name) || strcmp(d->d_name + len - suffix, SUFFIX) != 0)
		return 0;
	(void)snprintf(name, sizeof(name), "%.*s", (int)(len - suffix), d->d_name);
	return zendo_network_name_is_valid(name, NULL);
}

static void load_all(const char *dir, struct dirent **entries, size_t nr, struct zendo_network *all, struct zendo_error *e)
{
	char *name;

	for (size_t i = 0; i < nr; i++) {
		name = all[i].name;
		(void)snprintf(name, ZENDO_IFNAME_LEN, "%.*s", (int)(strlen(entries[i]->d_name) - strlen(SUFFIX)), entries[i]->d_name);
		(void)zendo_network_load(dir, name, &all[i], e);
	}
}

int zendo_network_list(const char *dir, struct zendo_network **ret, size_t *ret_nr, struct zendo_error *e)
{
	_cleanup_free_ struct zendo_network *all = NULL;
	struct dirent **entries = NULL;
	int nr = scandir(dir, &entries, is_definition, alphasort), r = -ENOMEM;

	if (nr < 0 && errno != ENOENT)
		return zendo_error(e, -errno, "%s: %s", dir, strerror(errno));
	if (nr < 0)
		nr = 0;
	all = calloc((size_t)nr + 1, sizeof(*all));
	if (all) {
		load_all(dir, entries, (size_t)nr, all, e);
		r = 0;
	} else {
		(void)zendo_error(e, r, "out of memory");
	}
	for (int i = 0; i < nr; i++)
		free(entries[i]);
	free(entries);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(all);
	*ret_nr = (size_t)nr;
	return 0;
}
