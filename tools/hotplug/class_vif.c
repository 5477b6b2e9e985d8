/* SPDX-License-Identifier: GPL-2.0-only */
/* Network interfaces: <xen/io/netif.h> names the nodes, <linux/hvback_vif.h> what the module knows of them. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/hvback_vif.h>

#include "agent.h"
#include "job.h"
#include "log.h"
#include "plumb_ovs.h"
#include "plumb_proxy.h"
#include "script.h"

#define USEC_PER_SEC	1000000ULL

static const struct frontend_feature features[] = {
	{ "feature-sg", HVBACK_VIF_F_SG },
	{ "feature-gso-tcpv4", HVBACK_VIF_F_GSO4 },
	{ "feature-gso-tcpv6", HVBACK_VIF_F_GSO6 },
	{ "feature-no-csum-offload", HVBACK_VIF_F_NO_CSUM4 },
	{ "feature-ipv6-csum-offload", HVBACK_VIF_F_CSUM6 },
	{ "request-rx-copy", HVBACK_VIF_F_RX_COPY },
	{ "feature-rx-notify", HVBACK_VIF_F_RX_NOTIFY },
	{ "request-multicast-control", HVBACK_VIF_F_MCAST },
	{}
};

static const struct frontend_layout layout = {
	.rings = { { "tx-ring-ref", "event-channel-tx" }, { "rx-ring-ref", "event-channel-rx" } },
	.nr_rings = 2,
	.shared_port = "event-channel",
	.features = features,
	.setting = "xdp-headroom",
};

static void fill_ips(struct hvback_vif_conf *c, const struct zendo_vif *v)
{
	for (unsigned i = 0; i < v->nr_ips; i++)
		if (v->ips[i].family == AF_INET)
			memcpy(c->ipv4[c->nr_ipv4++], v->ips[i].addr, 4);
		else
			memcpy(c->ipv6[c->nr_ipv6++], v->ips[i].addr, 16);
}

/* Bytes of an interval. */
static uint64_t burst_of(const struct zendo_vif *v)
{
	return v->rate / USEC_PER_SEC * v->rate_interval_us + v->rate % USEC_PER_SEC * v->rate_interval_us / USEC_PER_SEC;
}

static void fill_rate(struct hvback_vif_conf *c, const struct zendo_vif *v)
{
	if (!v->rate)
		return;
	c->rate_from = c->rate_to = v->rate;
	c->burst_from = c->burst_to = burst_of(v);
}

_Static_assert(ZENDO_VIF_IPS_MAX <= HVBACK_VIF_MAX_ADDRS, "all addresses of a definition fit");

/* On its bridge, or to be found by its routes. */
static int plumb(const struct spec *s, const struct plumb_bridge *b, unsigned ifindex, struct zendo_error *e)
{
	char device[ZENDO_BACKEND_NAME_MAX], mac[ZENDO_MAC_STRLEN];
	int r = plumb_up(s->vif, b, ifindex, e);

	if (r >= 0 && b->openvswitch)
		r = plumb_ovs(s->vif, b->name, s->ifname, zendo_backend_name(&s->id, device), zendo_mac_format(s->mac, mac), e);
	if (r >= 0 && s->vif->routed)
		r = plumb_route(s->vif, s->ifname, ifindex, e);
	return r;
}

/* What is on interfaces of others or in databases does not go with the kernel's object. */
static void sweep(void)
{
	proxy_sweep();
	ovs_sweep();
}

/* As the kernel names it now, and what else it says. */
static int ask(int hvback, struct spec *s, struct hvback_vif_info *info, struct zendo_error *e)
{
	struct zendo_error why = {};
	int r = zendo_backend_info(hvback, &s->id, info, sizeof(*info), &why);

	(void)snprintf(s->ifname, sizeof(s->ifname), "%.*s", (int)sizeof(s->ifname) - 1, info->ifname);
	return r < 0 ? plumb_fail(s->vif, e, r, "%s", why.text) : 0;
}

/* A script may have given it another name. It is up then, as Xen's leave it. */
static int set_up(int hvback, struct spec *s, struct zendo_error *e)
{
	struct hvback_vif_info info = {};
	int r = ask(hvback, s, &info, e);

	return r < 0 ? r : plumb_up(s->vif, &(struct plumb_bridge) {}, info.ifindex, e);
}

static int run_script(int hvback, struct spec *s, struct zendo_error *e)
{
	struct zendo_error why = {};
	int r = script_start(s, s->ifname, &why);

	if (r < 0)
		return plumb_fail(s->vif, e, r, "%s", why.text);
	r = set_up(hvback, s, e);
	if (r < 0)
		script_stop(&s->id);
	return r;
}

static void fill_conf(struct hvback_vif_conf *c, const struct spec *s, const struct plumb_bridge *b)
{
	const struct zendo_vif *v = s->vif;

	memcpy(c->mac, s->mac, sizeof(c->mac));
	if (!v->script)		/* Xen's give it its name themselves, and refuse one that has it */
		(void)snprintf(c->ifname, sizeof(c->ifname), "%s", v->vifname);
	c->mtu = v->mtu ? v->mtu : b->mtu;
	fill_ips(c, v);
	fill_rate(c, v);
}

static int attach(int hvback, struct spec *s, struct zendo_error *e)
{
	const struct zendo_vif *v = s->vif;
	struct hvback_vif_conf conf = { .flags = v->promisc ? HVBACK_VIF_PROMISC : 0, .max_queues = v->queues };
	struct hvback_vif_info info = {};
	struct zendo_error why = {};
	struct plumb_bridge b = {};
	int r;

	r = v->script ? script_find(v->script, "vif-", s->script, &why) : plumb_find_bridge(v, &b, e);
	if (r < 0)
		return v->script ? plumb_fail(v, e, r, "%s", why.text) : r;
	fill_conf(&conf, s, &b);
	r = zendo_backend_add(hvback, &s->id, -1, &conf, sizeof(conf), &why);
	if (r < 0)
		return plumb_fail(v, e, r, "%s", why.text);
	r = ask(hvback, s, &info, e);
	if (r >= 0)
		r = v->script ? run_script(hvback, s, e) : plumb(s, &b, info.ifindex, e);
	if (r < 0) {
		(void)zendo_backend_remove(hvback, &s->id);
		sweep();
		return r;
	}
	(void)snprintf(s->bridge, sizeof(s->bridge), "%s", b.name);
	return 0;
}

static void sweep_work(struct job *j)
{
	(void)j;
	sweep();
}

static void sweep_done(struct job *j)
{
	free(j);
}

static void sweep_later(void)
{
	struct job *j = malloc(sizeof(*j));

	if (j)
		*j = (struct job) { .work = sweep_work, .done = sweep_done };
	if (!j || job_start(j) < 0) {
		free(j);
		sweep();	/* late, but done */
	}
}

/* Its script wants to find it. */
static void leave(const struct hvback_id *id)
{
	script_stop(id);
}

/* The interface went with the kernel's object, from its bridge and with its routes. */
static void detached(const struct hvback_id *id, bool wait)
{
	if (wait) {
		script_stop(id);
		sweep();
	} else {
		script_stop_later(id);
		sweep_later();
	}
}

/* Interfaces may have gone while there was no agent. */
static int rebuilt(void)
{
	sweep_later();
	return 0;
}

/* ---- a module that comes again makes the interface anew, on no bridge ---- */

struct again {
	struct job job;
	int hvback;
	struct spec spec;
	struct zendo_vif vif;
	char *domain;
	struct zendo_error e;
	bool is_new;
	int r;
};

/* Plumbed ones are up, and none is before. */
static bool is_up(const char *ifname)
{
	char path[64];
	_cleanup_fclose_ FILE *f = NULL;
	unsigned flags = 0;

	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/flags", ifname);
	f = fopen(path, "re");
	return f && fscanf(f, "%x", &flags) == 1 && flags & IFF_UP;
}

/* It has its first name again, which the script is told. */
static int run_script_again(struct again *x)
{
	struct zendo_error why = {};
	int r = script_find(x->vif.script, "vif-", x->spec.script, &why);

	if (r >= 0)
		r = script_again(&x->spec, x->spec.ifname, &why);
	return r < 0 ? plumb_fail(&x->vif, &x->e, r, "%s", why.text) : set_up(x->hvback, &x->spec, &x->e);
}

static void again_work(struct job *j)
{
	struct again *x = (struct again *)j;
	struct hvback_vif_info info = {};
	struct plumb_bridge b;

	x->r = ask(x->hvback, &x->spec, &info, &x->e);
	if (x->r < 0 || is_up(x->spec.ifname))
		return;
	x->is_new = true;
	if (x->vif.script) {
		x->r = run_script_again(x);
		return;
	}
	x->r = plumb_find_bridge(&x->vif, &b, &x->e);
	if (x->r >= 0)
		x->r = plumb(&x->spec, &b, info.ifindex, &x->e);
}

static void again_free(struct again *x)
{
	zendo_vif_clear(&x->vif);
	free(x->domain);
	free(x);
}

static void again_done(struct job *j)
{
	struct again *x = (struct again *)j;
	char name[ZENDO_BACKEND_NAME_MAX];

	(void)zendo_backend_name(&x->spec.id, name);
	if (x->r < 0)
		log_line(LOG_ERR, "%s: its module came again, but its interface is not where it was: %s", name, x->e.text);
	else if (x->is_new)
		log_line(LOG_INFO, "%s: its module came again, its interface is where it was", name);
	again_free(x);
}

static int read_definition(struct agent *a, const char *back, struct again *x)
{
	char path[2 * NODE_PATH_MAX], *text, *mac;
	int r;

	(void)snprintf(path, sizeof(path), "%s/definition", back);
	r = zendo_store_read(a->store, 0, path, &text, NULL);
	if (r < 0)
		return r;
	zendo_vif_clear(&x->vif);
	r = zendo_vif_parse(text, NULL, &x->vif, NULL);
	free(text);
	(void)snprintf(path, sizeof(path), "%s/mac", back);
	if (r < 0 || (r = zendo_store_read(a->store, 0, path, &mac, NULL)) < 0)
		return r;
	r = zendo_mac_parse(mac, x->spec.mac, NULL);
	free(mac);
	if (r < 0 || !x->vif.script)
		return r;
	/* whose unit the script's is bound to */
	free(x->domain);
	x->domain = NULL;
	(void)snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/name", x->spec.id.domid);
	r = zendo_store_read(a->store, 0, path, &x->domain, NULL);
	x->spec.domain = x->domain;
	return r == -ENOENT ? 0 : r;
}

static void bound(struct agent *a, const struct hvback_id *id, const char *back)
{
	struct again *x = calloc(1, sizeof(*x));
	int r = -ENOMEM;

	if (x) {
		*x = (struct again) { .job = { .work = again_work, .done = again_done }, .hvback = a->hvback, .spec = { .id = *id } };
		x->spec.vif = &x->vif;
		do
			r = read_definition(a, back, x);
		while (r < 0 && agent_store_again(a, r));
	}
	if (r < 0 || job_start(&x->job) < 0) {
		if (r != -ENOENT)	/* nodes are not there yet: it is being made */
			log_line(LOG_ERR, "%s: cannot be put where it was", back);
		if (x)
			again_free(x);
	}
}

static int write_definition(struct zendo_store *s, uint32_t tx, const struct zendo_vif *v, const char *back)
{
	char *text;
	int r = zendo_vif_format(v, false, &text);

	if (r < 0)
		return r;
	r = node_put_text(s, tx, back, "definition", text);
	free(text);
	return r;
}

static int write_features(struct zendo_store *s, uint32_t tx, const char *back, const struct hvback_vif_info *info)
{
	static const struct {
		const char *node;
		uint64_t bit;
	} nodes[] = {
		{ "feature-sg", HVBACK_VIF_F_SG },
		{ "feature-gso-tcpv4", HVBACK_VIF_F_GSO4 },
		{ "feature-gso-tcpv6", HVBACK_VIF_F_GSO6 },
		{ "feature-no-csum-offload", HVBACK_VIF_F_NO_CSUM4 },
		{ "feature-ipv6-csum-offload", HVBACK_VIF_F_CSUM6 },
		{ "feature-rx-copy", HVBACK_VIF_F_RX_COPY },
		{ "feature-multicast-control", HVBACK_VIF_F_MCAST },
		{ "feature-split-event-channels", HVBACK_VIF_F_SPLIT },
		{ "feature-xdp-headroom", HVBACK_VIF_F_XDP },
	};
	int r = node_put(s, tx, back, "feature-rx-flip", 0);

	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]) && r >= 0; i++)
		if (info->features & nodes[i].bit)
			r = node_put(s, tx, back, nodes[i].node, 1);
	return r < 0 ? r : node_put(s, tx, back, "multi-queue-max-queues", info->max_queues);
}

/* What scripts of Xen's tree and others look for, as libxl writes it. */
static int write_for_script(struct zendo_store *store, uint32_t tx, const struct zendo_vif *v, const char *back)
{
	char text[INET6_ADDRSTRLEN * ZENDO_VIF_IPS_MAX] = "", address[INET6_ADDRSTRLEN];
	size_t len = 0;
	int r = 0;

	for (unsigned i = 0; i < v->nr_ips; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "",
					inet_ntop(v->ips[i].family, v->ips[i].addr, address, sizeof(address)));
	if (len)
		r = node_put_text(store, tx, back, "ip", text);
	len = (size_t)snprintf(text, sizeof(text), "%s", v->bridge);
	for (unsigned i = 0; i < v->nr_trunks; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, ":%u", v->trunks[i]);
	if (r >= 0 && *v->bridge)
		r = node_put_text(store, tx, back, "bridge", text);
	if (r >= 0 && *v->vifname)
		r = node_put_text(store, tx, back, "vifname", v->vifname);
	if (r >= 0 && *v->gatewaydev)
		r = node_put_text(store, tx, back, "gatewaydev", v->gatewaydev);
	if (r >= 0 && v->mtu)
		r = node_put(store, tx, back, "mtu", v->mtu);
	if (r >= 0 && v->vlan)
		r = node_put(store, tx, back, "vlan", v->vlan);
	if (r < 0 || !v->rate)
		return r;
	(void)snprintf(text, sizeof(text), "%" PRIu64 ",%" PRIu32, burst_of(v), v->rate_interval_us);
	return node_put_text(store, tx, back, "rate", text);
}

static int write_wish(struct zendo_store *store, uint32_t tx, const struct spec *s, const char *back)
{
	char mac[ZENDO_MAC_STRLEN];
	int r;

	if ((r = node_put_text(store, tx, back, "mac", zendo_mac_format(s->mac, mac))) < 0 ||
	    (r = node_put(store, tx, back, "handle", s->id.devid)) < 0 ||
	    (r = node_put_text(store, tx, back, "type", "vif")) < 0 ||
	    (r = write_definition(store, tx, s->vif, back)) < 0)
		return r;
	return s->vif->script ? write_for_script(store, tx, s->vif, back) : 0;
}

static int write_nodes(struct agent *a, uint32_t tx, const struct spec *s, const char *front, const char *back)
{
	struct hvback_vif_info info;
	char mac[ZENDO_MAC_STRLEN];
	int r;

	r = zendo_backend_info(a->hvback, &s->id, &info, sizeof(info), NULL);
	if (r < 0)
		return r;
	if ((r = node_put_text(a->store, tx, front, "mac", zendo_mac_format(s->mac, mac))) < 0 ||
	    (r = node_put(a->store, tx, front, "handle", s->id.devid)) < 0 ||
	    (r = node_put(a->store, tx, front, "mtu", info.mtu)) < 0 ||
	    (!s->vif->script && (r = node_put_text(a->store, tx, back, "vifname", s->ifname)) < 0) ||
	    (*s->bridge && (r = node_put_text(a->store, tx, back, "bridge", s->bridge)) < 0))
		return r;
	return write_features(a->store, tx, back, &info);
}

/* A module from before an upgrade does not know it, and was not told to offer it. */
static int set(int hvback, const struct hvback_id *id, const union device_info *info, uint32_t setting, struct zendo_error *e)
{
	if (!(info->vif.features & HVBACK_VIF_F_XDP))
		return setting ? zendo_error(e, -EOPNOTSUPP, "'xdp-headroom' was not offered") : 0;
	return zendo_backend_set(hvback, id, HVBACK_VIF_SET_HEADROOM, &setting, sizeof(setting), e);
}

static void offered(const union device_info *info, unsigned *ret_queues, unsigned *ret_order)
{
	*ret_queues = info->vif.max_queues;
	*ret_order = 0;
}

const struct device_class class_vif = {
	.name = "vif",
	.device_type = "interface",
	.layout = &layout,
	.attach = attach,
	.leave = leave,
	.detached = detached,
	.write_wish = write_wish,
	.write_nodes = write_nodes,
	.info_size = sizeof(struct hvback_vif_info),
	.offered = offered,
	.set = set,
	.bound = bound,
	.found = bound,		/* it may have come again while there was no agent */
	.rebuilt = rebuilt,
};
