/* SPDX-License-Identifier: GPL-2.0-only */
/* Network interfaces: <xen/io/netif.h> names the nodes, <linux/hvback_vif.h> what the module knows of them. */
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

static void fill_rate(struct hvback_vif_conf *c, const struct zendo_vif *v)
{
	uint64_t burst = v->rate / USEC_PER_SEC * v->rate_interval_us + v->rate % USEC_PER_SEC * v->rate_interval_us / USEC_PER_SEC;

	if (!v->rate)
		return;
	c->rate_from = c->rate_to = v->rate;
	c->burst_from = c->burst_to = burst;
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

static int attach(int hvback, struct spec *s, struct zendo_error *e)
{
	const struct zendo_vif *v = s->vif;
	struct hvback_vif_conf conf = { .flags = v->promisc ? HVBACK_VIF_PROMISC : 0, .max_queues = v->queues };
	struct hvback_vif_info info = {};
	struct zendo_error why = {};
	struct plumb_bridge b;
	int r;

	if (v->script)
		return plumb_fail(v, e, -EOPNOTSUPP, "script=%s is not in this version: only vif-bridge, vif-route and vif-openvswitch are, "
				  "which are built in", v->script);
	r = plumb_find_bridge(v, &b, e);
	if (r < 0)
		return r;
	memcpy(conf.mac, s->mac, sizeof(conf.mac));
	(void)snprintf(conf.ifname, sizeof(conf.ifname), "%s", v->vifname);
	conf.mtu = v->mtu ? v->mtu : b.mtu;
	fill_ips(&conf, v);
	fill_rate(&conf, v);
	r = zendo_backend_add(hvback, &s->id, -1, &conf, sizeof(conf), &why);
	if (r < 0)
		return plumb_fail(v, e, r, "%s", why.text);
	r = zendo_backend_info(hvback, &s->id, &info, sizeof(info), &why);
	(void)snprintf(s->ifname, sizeof(s->ifname), "%.*s", (int)sizeof(s->ifname) - 1, info.ifname);
	if (r < 0)
		(void)plumb_fail(v, e, r, "%s", why.text);
	else
		r = plumb(s, &b, info.ifindex, e);
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

/* The interface went with the kernel's object, from its bridge and with its routes. */
static void detached(const struct hvback_id *id, bool wait)
{
	(void)id;
	if (wait)
		sweep();
	else
		sweep_later();
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

static void again_work(struct job *j)
{
	struct again *x = (struct again *)j;
	struct hvback_vif_info info = {};
	struct plumb_bridge b;

	x->r = zendo_backend_info(x->hvback, &x->spec.id, &info, sizeof(info), &x->e);
	(void)snprintf(x->spec.ifname, sizeof(x->spec.ifname), "%.*s", (int)sizeof(x->spec.ifname) - 1, info.ifname);
	if (x->r < 0 || is_up(x->spec.ifname))
		return;
	x->is_new = true;
	x->r = plumb_find_bridge(&x->vif, &b, &x->e);
	if (x->r >= 0)
		x->r = plumb(&x->spec, &b, info.ifindex, &x->e);
}

static void again_free(struct again *x)
{
	zendo_vif_clear(&x->vif);
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
	return r;
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

static int write_definition(struct agent *a, uint32_t tx, const struct zendo_vif *v, const char *back)
{
	char *text;
	int r = zendo_vif_format(v, false, &text);

	if (r < 0)
		return r;
	r = node_put_text(a, tx, back, "definition", text);
	free(text);
	return r;
}

static int write_features(struct agent *a, uint32_t tx, const char *back, const struct hvback_vif_info *info)
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
	int r = node_put(a, tx, back, "feature-rx-flip", 0);

	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]) && r >= 0; i++)
		if (info->features & nodes[i].bit)
			r = node_put(a, tx, back, nodes[i].node, 1);
	return r < 0 ? r : node_put(a, tx, back, "multi-queue-max-queues", info->max_queues);
}

static int write_nodes(struct agent *a, uint32_t tx, const struct spec *s, const char *front, const char *back)
{
	struct hvback_vif_info info;
	char mac[ZENDO_MAC_STRLEN];
	int r;

	r = zendo_backend_info(a->hvback, &s->id, &info, sizeof(info), NULL);
	if (r < 0)
		return r;
	(void)zendo_mac_format(s->mac, mac);
	if ((r = node_put_text(a, tx, front, "mac", mac)) < 0 ||
	    (r = node_put(a, tx, front, "handle", s->id.devid)) < 0 ||
	    (r = node_put(a, tx, front, "mtu", info.mtu)) < 0 ||
	    (r = node_put_text(a, tx, back, "mac", mac)) < 0 ||
	    (r = node_put(a, tx, back, "handle", s->id.devid)) < 0 ||
	    (r = node_put_text(a, tx, back, "vifname", s->ifname)) < 0 ||
	    (r = node_put_text(a, tx, back, "type", "vif")) < 0 ||
	    (r = write_definition(a, tx, s->vif, back)) < 0 ||
	    (*s->bridge && (r = node_put_text(a, tx, back, "bridge", s->bridge)) < 0))
		return r;
	return write_features(a, tx, back, &info);
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
	.detached = detached,
	.write_nodes = write_nodes,
	.info_size = sizeof(struct hvback_vif_info),
	.offered = offered,
	.set = set,
	.bound = bound,
	.found = bound,		/* it may have come again while there was no agent */
	.rebuilt = rebuilt,
};
