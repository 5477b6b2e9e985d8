/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config-vif.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config-option.h"

#define DEFAULT_INTERVAL_US	50000	/* xl's */
#define MAX_INTERVAL_US		4000000000ULL

struct parser {
	struct zendo_vif *v;
	const struct zendo_error *at;
	struct zendo_error *e;
};

#define fail(p, r, ...) option_fail((p)->e, (r), (p)->at, __VA_ARGS__)

static int oom(struct parser *p)
{
	return zendo_error(p->e, -ENOMEM, "out of memory");
}

/* ---- addresses and names ---- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int zendo_mac_parse(const char *s, uint8_t ret[static 6], const char **ret_why)
{
	static const uint8_t none[6];
	const char *why = NULL;
	uint8_t mac[6] = {};

	for (unsigned i = 0; i < 6 && !why; i++, s += 3)
		if (hex(s[0]) < 0 || hex(s[1]) < 0 || s[2] != (i < 5 ? ':' : '\0'))
			why = "it must look like 00:16:3e:12:34:56";
		else
			mac[i] = (uint8_t)(hex(s[0]) << 4 | hex(s[1]));
	if (!why && mac[0] & 1)
		why = "its first byte is odd: that is a multicast address";
	if (!why && memcmp(mac, none, 6) == 0)
		why = "it is all zero";
	if (why) {
		if (ret_why)
			*ret_why = why;
		return -EINVAL;
	}
	memcpy(ret, mac, 6);
	return 0;
}

char *zendo_mac_format(const uint8_t mac[static 6], char ret[static ZENDO_MAC_STRLEN])
{
	(void)sprintf(ret, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return ret;
}

/* FNV-1a: spreads what little the UUIDs of one machine may differ by. */
void zendo_vif_make_mac(const uint8_t uuid[static 16], uint32_t devid, uint8_t ret[static 6])
{
	uint32_t h = 2166136261U;

	for (unsigned i = 0; i < 16; i++)
		h = (h ^ uuid[i]) * 16777619U;
	for (unsigned i = 0; i < 4; i++)
		h = (h ^ (uint8_t)(devid >> (8 * i))) * 16777619U;
	ret[0] = 0x00;
	ret[1] = 0x16;
	ret[2] = 0x3e;
	ret[3] = (uint8_t)((h >> 24) & 0x7f);	/* 00:16:3e:80... and up are left to who chooses by hand */
	ret[4] = (uint8_t)(h >> 16);
	ret[5] = (uint8_t)(h ^ h >> 8);
}

bool zendo_ifname_is_valid(const char *name, const char **ret_why)
{
	const char *why = NULL;

	if (!*name)
		why = "it is empty";
	else if (strlen(name) >= ZENDO_IFNAME_LEN)
		why = "it is longer than 15 characters";
	else if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		why = "it would name a directory";
	for (const char *c = name; *c && !why; c++)
		if (*c == '/' || *c == ':' || *c == '%' || *c == ',' || (unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
			why = "it has a character that names of interfaces cannot have";
	if (why && ret_why)
		*ret_why = why;
	return !why;
}

/* ---- values ---- */

static int set_mac(struct parser *p, const char *s)
{
	const char *why;

	if (zendo_mac_parse(s, p->v->mac, &why) < 0)
		return fail(p, -EINVAL, "'vif': bad mac '%s': %s", s, why);
	p->v->has_mac = true;
	return 0;
}

static int set_name(struct parser *p, const char *key, const char *s, char ret[static ZENDO_IFNAME_LEN])
{
	const char *why;

	if (!zendo_ifname_is_valid(s, &why))
		return fail(p, -EINVAL, "'vif': bad %s '%s': %s", key, s, why);
	(void)strcpy(ret, s);
	return 0;
}

static int add_trunk(struct parser *p, const char *s)
{
	uint64_t n;

	if (p->v->nr_trunks == ZENDO_VIF_TRUNKS_MAX)
		return fail(p, -EINVAL, "'vif': more than %d trunks of bridge", ZENDO_VIF_TRUNKS_MAX);
	if (!option_number(s, 4094, &n) || n < 1)
		return fail(p, -EINVAL, "'vif': a trunk of bridge is '%s', must be 1 to 4094", s);
	p->v->trunks[p->v->nr_trunks++] = (uint16_t)n;
	return 0;
}

/* Trunks as Xen's script vif-openvswitch takes them. */
static int set_bridge(struct parser *p, const char *s)
{
	_cleanup_free_ char *copy = strdup(s);
	char *next = copy ? strchr(copy, ':') : NULL, *word;
	int r;

	if (!copy)
		return oom(p);
	if (next)
		*next++ = '\0';
	p->v->nr_trunks = 0;
	r = set_name(p, "bridge", copy, p->v->bridge);
	while ((word = next) && r >= 0) {
		next = strchr(word, ':');
		if (next)
			*next++ = '\0';
		r = add_trunk(p, word);
	}
	return r;
}

static int set_vifname(struct parser *p, const char *s)
{
	return set_name(p, "vifname", s, p->v->vifname);
}

/* Xen's own scripts are built in. */
static bool is_script(const char *s, const char *name)
{
	static const char folder[] = "/etc/xen/scripts/";

	return strcmp(s, name) == 0 || (strncmp(s, folder, strlen(folder)) == 0 && strcmp(s + strlen(folder), name) == 0);
}

static int set_script(struct parser *p, const char *s)
{
	p->v->routed = is_script(s, "vif-route");
	p->v->openvswitch = is_script(s, "vif-openvswitch");
	if (p->v->routed || p->v->openvswitch || is_script(s, "vif-bridge")) {
		free(p->v->script);
		p->v->script = NULL;
		return 0;
	}
	if (!option_is_script(s))
		return fail(p, -EINVAL, "'vif': script '%s' must be an absolute path, or a name in /etc/zendo/scripts or /etc/xen/scripts", s);
	return option_string(&p->v->script, s) < 0 ? oom(p) : 0;
}

static int add_ip(struct parser *p, const char *s)
{
	struct zendo_vif_ip *ip = &p->v->ips[p->v->nr_ips];

	if (p->v->nr_ips == ZENDO_VIF_IPS_MAX)
		return fail(p, -EINVAL, "'vif': more than %d addresses in ip", ZENDO_VIF_IPS_MAX);
	ip->family = strchr(s, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(ip->family, s, ip->addr) != 1)
		return fail(p, -EINVAL, "'vif': ip '%s' is no address", s);
	p->v->nr_ips++;
	return 0;
}

static int set_ip(struct parser *p, const char *s)
{
	char *rest, *word, *copy = strdup(s);
	int r = 0;

	if (!copy)
		return oom(p);
	p->v->nr_ips = 0;
	for (word = strtok_r(copy, " \t", &rest); word && r >= 0; word = strtok_r(NULL, " \t", &rest))
		r = add_ip(p, word);
	free(copy);
	if (r >= 0 && p->v->nr_ips == 0)
		return fail(p, -EINVAL, "'vif': ip is empty");
	return r;
}

/* Digits at the start of *s, which moves behind them. */
static bool take_digits(const char **s, uint64_t *ret)
{
	size_t len = strspn(*s, "0123456789");
	char digits[20];

	if (len >= sizeof(digits))
		return false;
	memcpy(digits, *s, len);
	digits[len] = '\0';
	*s += len;
	return option_number(digits, UINT64_MAX, ret);
}

/* 10Mb/s, 250KB/s@20ms: decimal units, b for bits and B for bytes. */
static bool parse_rate(const char *s, uint64_t *ret_rate, uint64_t *ret_us)
{
	static const struct {
		const char *unit;
		uint64_t us;
	} times[] = { { "us", 1 }, { "ms", 1000 }, { "s", 1000000 } };
	uint64_t n, factor = 1, us = DEFAULT_INTERVAL_US;
	bool bits;

	if (!take_digits(&s, &n))
		return false;
	if (*s && strchr("KMG", *s))
		for (const char *k = "KMG"; factor *= 1000, *k != *s; k++)
			;
	if (factor > 1)
		s++;
	bits = *s == 'b';
	if ((*s != 'b' && *s != 'B') || strncmp(s + 1, "/s", 2) != 0 || n > UINT64_MAX / factor)
		return false;
	n = n * factor / (bits ? 8 : 1);
	s += 3;
	if (*s == '@') {
		size_t i = 0;

		s++;
		if (!take_digits(&s, &us))
			return false;
		while (i < 3 && strcmp(s, times[i].unit) != 0)
			i++;
		if (i == 3 || us == 0 || us > MAX_INTERVAL_US / times[i].us)
			return false;
		us *= times[i].us;
	} else if (*s) {
		return false;
	}
	*ret_rate = n;
	*ret_us = us;
	return n > 0;
}

static int set_rate(struct parser *p, const char *s)
{
	uint64_t rate, us;

	if (!parse_rate(s, &rate, &us))
		return fail(p, -EINVAL, "'vif': bad rate '%s': it must look like 10Mb/s, 250KB/s or 1Gb/s@20ms", s);
	p->v->rate = rate;
	p->v->rate_interval_us = (uint32_t)us;
	return 0;
}

static int set_number(struct parser *p, const char *key, const char *s, unsigned min, unsigned max, unsigned *ret)
{
	uint64_t n;

	if (!option_number(s, max, &n) || n < min)
		return fail(p, -EINVAL, "'vif': %s is '%s', must be %u to %u", key, s, min, max);
	*ret = (unsigned)n;
	return 0;
}

static int set_mtu(struct parser *p, const char *s)
{
	return set_number(p, "mtu", s, ZENDO_MTU_MIN, ZENDO_MTU_MAX, &p->v->mtu);
}

static int set_vlan(struct parser *p, const char *s)
{
	return set_number(p, "vlan", s, 1, 4094, &p->v->vlan);
}

static int set_queues(struct parser *p, const char *s)
{
	return set_number(p, "queues", s, 1, 128, &p->v->queues);
}

static int set_devid(struct parser *p, const char *s)
{
	p->v->has_devid = true;
	return set_number(p, "devid", s, 0, 65535, &p->v->devid);
}

static int set_bool(struct parser *p, const char *key, const char *s, bool *ret)
{
	if (strcmp(s, "0") != 0 && strcmp(s, "1") != 0)
		return fail(p, -EINVAL, "'vif': %s is '%s', must be 0 or 1", key, s);
	*ret = *s == '1';
	return 0;
}

static int set_isolated(struct parser *p, const char *s)
{
	return set_bool(p, "isolated", s, &p->v->isolated);
}

static int set_promisc(struct parser *p, const char *s)
{
	return set_bool(p, "promisc", s, &p->v->promisc);
}

static int set_type(struct parser *p, const char *s)
{
	if (strcmp(s, "vif") == 0)
		return 0;
	if (strcmp(s, "ioemu") == 0)
		return fail(p, -EOPNOTSUPP, "'vif': type=ioemu is not supported: there is no device model; leave it out");
	return fail(p, -EINVAL, "'vif': unknown type '%s'", s);
}

static int set_backend(struct parser *p, const char *s)
{
	if (strcmp(s, "0") != 0 && strcmp(s, "Domain-0") != 0)
		return fail(p, -EOPNOTSUPP, "'vif': backend is '%s', but networks are served by dom0 only", s);
	return 0;
}

static int set_at(struct parser *p, const char *s)
{
	return option_place(s, &p->v->at) < 0 ? fail(p, -EINVAL, "'vif': bad at='%s'", s) : 0;
}

static int set_gatewaydev(struct parser *p, const char *s)
{
	return set_name(p, "gatewaydev", s, p->v->gatewaydev);
}

static int refuse_model(struct parser *p, const char *s)
{
	return fail(p, -EOPNOTSUPP, "'vif': model=%s is not supported: no network card is emulated; leave it out", s);
}

static const struct {
	const char *key;
	int (*set)(struct parser *p, const char *value);
} keys[] = {
	{ "at", set_at },
	{ "backend", set_backend },
	{ "bridge", set_bridge },
	{ "devid", set_devid },
	{ "gatewaydev", set_gatewaydev },
	{ "ip", set_ip },
	{ "isolated", set_isolated },
	{ "mac", set_mac },
	{ "model", refuse_model },
	{ "mtu", set_mtu },
	{ "promisc", set_promisc },
	{ "queues", set_queues },
	{ "rate", set_rate },
	{ "script", set_script },
	{ "type", set_type },
	{ "vifname", set_vifname },
	{ "vlan", set_vlan },
};

static int take_part(struct parser *p, char *part)
{
	char *value = strchr(part, '=');

	if (!value)
		return fail(p, -EINVAL, "'vif': '%s' is not key=value", option_trim(part));
	*value++ = '\0';
	part = option_trim(part);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].key, part) == 0)
			return keys[i].set(p, option_trim(value));
	return fail(p, -EINVAL, "'vif': unknown key '%s'", part);
}

/* With a script of the user's the bridge is that one's affair, and what only the bridge does is not done. */
static int check_script(struct parser *p)
{
	const struct zendo_vif *v = p->v;

	if (*v->gatewaydev && !v->script)
		return fail(p, -EOPNOTSUPP, "'vif': gatewaydev is for scripts of your own (script=); else name the bridge with bridge=");
	if (v->script && v->isolated)
		return fail(p, -EOPNOTSUPP, "'vif': isolated= is not done with script=: the script puts the interface where it is to be");
	return 0;
}

static int check_routed(struct parser *p)
{
	const struct zendo_vif *v = p->v;

	if (!v->routed)
		return 0;
	if (!v->nr_ips)
		return fail(p, -EINVAL, "'vif': script=vif-route needs ip=, the addresses that are routed to the guest");
	if (*v->bridge || v->vlan || v->isolated)
		return fail(p, -EINVAL, "'vif': %s= has no meaning with script=vif-route, which uses no bridge",
			    *v->bridge ? "bridge" : v->vlan ? "vlan" : "isolated");
	return 0;
}

int zendo_vif_parse(const char *text, const struct zendo_error *at, struct zendo_vif *ret, struct zendo_error *e)
{
	_cleanup_(zendo_vif_clear) struct zendo_vif v = {};
	struct parser p = { .v = &v, .at = at, .e = e };
	_cleanup_free_ char *copy = strdup(text);
	char *next;
	int r;

	if (!copy)
		return oom(&p);
	if (at)
		v.at = *at;
	for (char *part = copy; part; part = next) {
		next = strchr(part, ',');
		if (next)
			*next++ = '\0';
		if (!*option_trim(part))
			continue;
		r = take_part(&p, part);
		if (r < 0)
			return r;
	}
	r = check_routed(&p);
	if (r >= 0)
		r = check_script(&p);
	if (r < 0)
		return r;
	*ret = v;
	memset(&v, 0, sizeof(v));
	return 0;
}

void zendo_vif_clear(struct zendo_vif *v)
{
	free(v->script);
	memset(v, 0, sizeof(*v));
}

/* ---- text ---- */

static void write_rate(FILE *f, const struct zendo_vif *v)
{
	fprintf(f, ",rate=%" PRIu64 "B/s@%" PRIu32 "us", v->rate, v->rate_interval_us);
}

static void write_ips(FILE *f, const struct zendo_vif *v)
{
	char text[INET6_ADDRSTRLEN];

	for (unsigned i = 0; i < v->nr_ips; i++)
		fprintf(f, "%s%s", i ? " " : ",ip=", inet_ntop(v->ips[i].family, v->ips[i].addr, text, sizeof(text)));
}

static void write_bridge(FILE *f, const struct zendo_vif *v)
{
	fprintf(f, ",bridge=%s", v->bridge);
	for (unsigned i = 0; i < v->nr_trunks; i++)
		fprintf(f, ":%u", v->trunks[i]);
}

int zendo_vif_format(const struct zendo_vif *v, bool place, char **ret)
{
	_cleanup_free_ char *text = NULL;
	char mac[ZENDO_MAC_STRLEN];
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	fprintf(f, "devid=%" PRIu32, v->devid);
	if (v->has_mac)
		fprintf(f, ",mac=%s", zendo_mac_format(v->mac, mac));
	if (*v->bridge)
		write_bridge(f, v);
	if (*v->vifname)
		fprintf(f, ",vifname=%s", v->vifname);
	write_ips(f, v);
	if (v->rate)
		write_rate(f, v);
	if (v->mtu)
		fprintf(f, ",mtu=%u", v->mtu);
	if (v->vlan)
		fprintf(f, ",vlan=%u", v->vlan);
	if (v->queues)
		fprintf(f, ",queues=%u", v->queues);
	if (v->isolated)
		fputs(",isolated=1", f);
	if (v->promisc)
		fputs(",promisc=1", f);
	if (v->routed)
		fputs(",script=vif-route", f);
	if (v->openvswitch)
		fputs(",script=vif-openvswitch", f);
	if (v->script)
		fprintf(f, ",script=%s", v->script);
	if (*v->gatewaydev)
		fprintf(f, ",gatewaydev=%s", v->gatewaydev);
	if (place && v->at.line && !strchr(v->at.source, ','))
		fprintf(f, ",at=%s:%u:%u", v->at.source, v->at.line, v->at.column);
	if (fclose(f) != 0)
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	return 0;
}
