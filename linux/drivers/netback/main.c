// SPDX-License-Identifier: GPL-2.0-only
/*
 * hvnetback.ko: network interfaces of guests, class "vif" on the bus hvback. The network device is there as long as the module serves
 * the hvback device; it has a carrier while a frontend is connected.
 */
#include <linux/cpumask.h>
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "netback.h"

static_assert(HVBACK_VIF_MAX_ADDRS == HVN_GUARD_ADDRS);
static_assert(HVBACK_VIF_IFNAME == IFNAMSIZ);
static_assert(sizeof(struct hvback_vif_conf) <= HVBACK_BLOB_MAX);

static int check_headroom(struct hvback_device *hv, u32 headroom)
{
	if (headroom > HVBACK_VIF_MAX_HEADROOM)
		return hvback_reason(hv, -EINVAL, "xdp-headroom %u is more than %u", headroom, HVBACK_VIF_MAX_HEADROOM);
	return 0;
}

static int check_conf(struct hvback_device *hv, const struct hvback_vif_conf *c)
{
	if (c->reserved32 || memchr_inv(c->reserved, 0, sizeof(c->reserved)) || (c->flags & ~HVBACK_VIF_PROMISC))
		return hvback_reason(hv, -EINVAL, "unknown settings");
	if (!is_valid_ether_addr(c->mac))
		return hvback_reason(hv, -EINVAL, "%pM is no address of an interface", c->mac);
	if (strnlen(c->ifname, sizeof(c->ifname)) == sizeof(c->ifname) || (c->ifname[0] && !dev_valid_name(c->ifname)) ||
	    strchr(c->ifname, '%'))
		return hvback_reason(hv, -EINVAL, "not a name for an interface");
	if (c->mtu && (c->mtu < HVN_MIN_MTU || c->mtu > HVN_MAX_MTU))
		return hvback_reason(hv, -EINVAL, "mtu %u is not between %u and %u", c->mtu, HVN_MIN_MTU, HVN_MAX_MTU);
	if (c->max_queues > HVBACK_MAX_QUEUES)
		return hvback_reason(hv, -EINVAL, "%u queues, at most %u", c->max_queues, HVBACK_MAX_QUEUES);
	if (c->nr_ipv4 > HVBACK_VIF_MAX_ADDRS || c->nr_ipv6 > HVBACK_VIF_MAX_ADDRS)
		return hvback_reason(hv, -EINVAL, "more than %u addresses of a family", HVBACK_VIF_MAX_ADDRS);
	return check_headroom(hv, c->headroom);
}

/* ---- settings that may change while it runs ------------------------------------------------------- */

static int set_filter(struct hvn_vif *vif, const struct hvback_vif_conf *c)
{
	struct hvn_filter *f = kzalloc(sizeof(*f), GFP_KERNEL), *old;

	if (!f)
		return -ENOMEM;
	memcpy(f->guard.mac, c->mac, sizeof(f->guard.mac));
	f->guard.promisc = c->flags & HVBACK_VIF_PROMISC;
	f->guard.nr_ipv4 = c->nr_ipv4;
	f->guard.nr_ipv6 = c->nr_ipv6;
	memcpy(f->guard.ipv4, c->ipv4, sizeof(f->guard.ipv4));
	memcpy(f->guard.ipv6, c->ipv6, sizeof(f->guard.ipv6));
	old = rcu_replace_pointer(vif->filter, f, true);
	if (old)
		kfree_rcu(old, rcu);
	return 0;
}

static void set_limit(struct hvn_limit *l, u64 rate, u64 burst)
{
	spin_lock(&l->lock);
	hvn_bucket_init(&l->bucket, rate, burst, ktime_get_ns());
	spin_unlock(&l->lock);
}

static void apply_limits(struct hvn_vif *vif, const struct hvback_vif_conf *c)
{
	if (c->rate_from != vif->conf.rate_from || c->burst_from != vif->conf.burst_from)
		set_limit(&vif->from, c->rate_from, c->burst_from);
	if (c->rate_to != vif->conf.rate_to || c->burst_to != vif->conf.burst_to)
		set_limit(&vif->to, c->rate_to, c->burst_to);
}

static int change_mtu(struct hvn_vif *vif, const struct hvback_vif_conf *c)
{
	u32 mtu = c->mtu ?: ETH_DATA_LEN;
	int r;

	if (c->mtu == vif->conf.mtu)
		return 0;
	rtnl_lock();
	r = dev_set_mtu(vif->dev, mtu);
	rtnl_unlock();
	return r ? hvback_reason(vif->hv, r, "mtu %u was refused (%d)", mtu, r) : 0;
}

/* What a module that is loaded later finds: its frontend says nothing of it again. */
static int set_headroom(struct hvn_vif *vif, u32 headroom)
{
	struct hvback_vif_conf *kept = vif->hv->conf;
	int r = check_headroom(vif->hv, headroom);

	if (r)
		return r;
	kept->headroom = headroom;
	WRITE_ONCE(vif->conf.headroom, headroom);
	rtnl_lock();
	netdev_update_features(vif->dev);
	rtnl_unlock();
	return 0;
}

static int set_conf(struct hvn_vif *vif, struct hvback_vif_conf *c)
{
	struct hvback_device *hv = vif->hv;
	int r;

	c->headroom = vif->conf.headroom;
	r = check_conf(hv, c);
	if (r)
		return r;
	if (!ether_addr_equal_unaligned(c->mac, vif->conf.mac) || strcmp(c->ifname, vif->conf.ifname) ||
	    c->max_queues != vif->conf.max_queues)
		return hvback_reason(hv, -EINVAL, "address, name and number of queues stay as they are");
	r = change_mtu(vif, c);
	if (!r)
		r = set_filter(vif, c);
	if (r)
		return r;
	apply_limits(vif, c);
	vif->conf = *c;
	memcpy(hv->conf, c, sizeof(*c));	/* the same length: what a module that is loaded later finds */
	hvn_kick_all(vif);
	return 0;
}

static int hvn_set(struct hvback_device *hv, u32 what, const void *blob, u32 len)
{
	struct hvn_vif *vif = netdev_priv(dev_get_drvdata(&hv->dev));
	struct hvback_vif_conf c;
	u32 headroom;

	if (what == HVBACK_VIF_SET_CONF && len == sizeof(c)) {
		memcpy(&c, blob, sizeof(c));
		return set_conf(vif, &c);
	}
	if (what == HVBACK_VIF_SET_HEADROOM && len == sizeof(headroom)) {
		memcpy(&headroom, blob, sizeof(headroom));
		return set_headroom(vif, headroom);
	}
	return hvback_reason(hv, -EINVAL, "unknown setting %u of %u bytes", what, len);
}

static int hvn_info(struct hvback_device *hv, void *blob)
{
	struct net_device *dev = dev_get_drvdata(&hv->dev);
	struct hvn_vif *vif = netdev_priv(dev);
	struct hvback_vif_info *info = blob;

	info->features = HVBACK_VIF_F_SG | HVBACK_VIF_F_GSO4 | HVBACK_VIF_F_GSO6 | HVBACK_VIF_F_CSUM6 | HVBACK_VIF_F_RX_COPY |
			 HVBACK_VIF_F_MCAST | HVBACK_VIF_F_SPLIT | HVBACK_VIF_F_XDP;
	info->max_queues = vif->max_queues;
	rtnl_lock();
	info->mtu = dev->mtu;
	info->ifindex = dev->ifindex;
	strscpy(info->ifname, dev->name, sizeof(info->ifname));
	rtnl_unlock();
	return sizeof(*info);
}

/* ---- life ------------------------------------------------------------------------------------------- */

static void free_vif(struct hvn_vif *vif)
{
	kfree(rcu_dereference_protected(vif->filter, true));
	kvfree(vif->stats);
	free_netdev(vif->dev);
}

static int register_vif(struct hvn_vif *vif)
{
	int r = register_netdev(vif->dev);

	if (r == -EEXIST)
		hvback_reason(vif->hv, r, "there is an interface %s already", vif->dev->name);
	return r;
}

static int hvn_probe(struct hvback_device *hv)
{
	const struct hvback_vif_conf *c = hv->conf;
	unsigned int max_queues;
	struct net_device *dev;
	struct hvn_vif *vif;
	int r;

	if (hv->conf_len != sizeof(*c))
		return hvback_reason(hv, -EINVAL, "settings of %u bytes, not %zu: tools of another version", hv->conf_len, sizeof(*c));
	r = check_conf(hv, c);
	if (r)
		return r;
	max_queues = c->max_queues ?: min_t(unsigned int, num_online_cpus(), HVBACK_MAX_QUEUES);
	dev = hvn_netdev_alloc(hv, c, max_queues);
	if (!dev)
		return -ENOMEM;
	vif = netdev_priv(dev);
	vif->conf = *c;
	set_limit(&vif->from, c->rate_from, c->burst_from);
	set_limit(&vif->to, c->rate_to, c->burst_to);
	vif->stats = kvcalloc(max_queues, sizeof(*vif->stats), GFP_KERNEL_ACCOUNT);
	r = vif->stats ? set_filter(vif, c) : -ENOMEM;
	if (!r)
		r = register_vif(vif);
	if (r)
		free_vif(vif);
	else
		dev_set_drvdata(&hv->dev, dev);
	return r;
}

static void hvn_remove(struct hvback_device *hv)
{
	struct net_device *dev = dev_get_drvdata(&hv->dev);

	unregister_netdev(dev);
	dev_set_drvdata(&hv->dev, NULL);
	free_vif(netdev_priv(dev));
}

static int hvn_driver_connect(struct hvback_device *hv, const struct hvback_connection *conn)
{
	return hvn_connect(netdev_priv(dev_get_drvdata(&hv->dev)), conn);
}

static void hvn_driver_disconnect(struct hvback_device *hv)
{
	hvn_disconnect(netdev_priv(dev_get_drvdata(&hv->dev)));
}

static struct hvback_driver hvn_driver = {
	.driver.name	= KBUILD_MODNAME,
	.class		= "vif",
	.probe		= hvn_probe,
	.remove		= hvn_remove,
	.connect	= hvn_driver_connect,
	.disconnect	= hvn_driver_disconnect,
	.set		= hvn_set,
	.info		= hvn_info,
};

static int __init hvn_init(void)
{
	return hvback_register(&hvn_driver, THIS_MODULE);
}

static void __exit hvn_exit(void)
{
	hvback_unregister(&hvn_driver);
	hvn_wait_for_queues();
}

module_init(hvn_init);
module_exit(hvn_exit);
MODULE_ALIAS("hvback:vif");
MODULE_DESCRIPTION("Network interfaces of Zendo's guests");
MODULE_LICENSE("GPL");
