// SPDX-License-Identifier: GPL-2.0-only
/* The network device in dom0: what the stack and ethtool see. */
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/if_vlan.h>

#include "netback.h"

#define HVN_FEATURES	(NETIF_F_SG | NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM | NETIF_F_TSO | NETIF_F_TSO6)

/* ---- multicast control --------------------------------------------------------------------------- */

static unsigned int find_mcast(const struct hvn_vif *vif, const u8 *addr)
{
	unsigned int i;

	lockdep_assert_held(&vif->mcast_lock);
	for (i = 0; i < vif->nr_mcast; i++)
		if (ether_addr_equal_unaligned(vif->mcast[i], addr))
			break;
	return i;
}

/* The guest's order. False: no room. */
bool hvn_mcast_change(struct hvn_vif *vif, u8 op, const u8 *addr)
{
	bool ok = true;
	unsigned int i;

	spin_lock_bh(&vif->mcast_lock);
	i = find_mcast(vif, addr);
	if (op == XEN_NETIF_EXTRA_TYPE_MCAST_DEL && i < vif->nr_mcast)
		memcpy(vif->mcast[i], vif->mcast[--vif->nr_mcast], ETH_ALEN);
	if (op == XEN_NETIF_EXTRA_TYPE_MCAST_ADD && i == vif->nr_mcast) {
		ok = i < HVN_MCAST_MAX;
		if (ok)
			memcpy(vif->mcast[vif->nr_mcast++], addr, ETH_ALEN);
	}
	spin_unlock_bh(&vif->mcast_lock);
	return ok;
}

static bool is_wanted(struct hvn_vif *vif, const u8 *dest)
{
	bool wanted;

	if (!READ_ONCE(vif->mcast_control) || !is_multicast_ether_addr(dest) || is_broadcast_ether_addr(dest))
		return true;
	spin_lock(&vif->mcast_lock);
	wanted = find_mcast(vif, dest) < vif->nr_mcast;
	spin_unlock(&vif->mcast_lock);
	return wanted;
}

/* ---- the device ------------------------------------------------------------------------------------ */

static netdev_tx_t hvn_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct hvn_vif *vif = netdev_priv(dev);
	unsigned int id = skb_get_queue_mapping(skb);
	struct hvn_stats *st;
	struct hvn_queue *q;

	if (unlikely(id >= vif->max_queues))
		id = 0;
	st = &vif->stats[id];
	q = rcu_dereference_bh(vif->queue[id]);
	if (!q) {
		st->tx_dropped++;
		goto drop;
	}
	if (!is_wanted(vif, skb->data)) {
		st->tx_filtered++;
		goto drop;
	}
	if (!hvn_rx_queue(q, skb)) {
		st->tx_dropped++;
		goto drop;
	}
	return NETDEV_TX_OK;
drop:
	dev_kfree_skb_any(skb);
	return NETDEV_TX_OK;
}

static int hvn_open(struct net_device *dev)
{
	struct hvn_vif *vif = netdev_priv(dev);

	netif_tx_start_all_queues(dev);
	hvn_kick_all(vif);
	return 0;
}

static int hvn_stop(struct net_device *dev)
{
	netif_tx_stop_all_queues(dev);
	return 0;
}

static netdev_features_t hvn_fix_features(struct net_device *dev, netdev_features_t features)
{
	const struct hvn_vif *vif = netdev_priv(dev);

	if (!(vif->features & HVBACK_VIF_F_SG))
		features &= ~NETIF_F_SG;
	if (vif->conf.headroom)		/* an XDP program in the guest sees packets of one page only */
		features &= ~NETIF_F_SG;
	if (vif->features & HVBACK_VIF_F_NO_CSUM4)
		features &= ~NETIF_F_IP_CSUM;
	if (!(vif->features & HVBACK_VIF_F_CSUM6))
		features &= ~NETIF_F_IPV6_CSUM;
	if (!(vif->features & HVBACK_VIF_F_GSO4))
		features &= ~NETIF_F_TSO;
	if (!(vif->features & HVBACK_VIF_F_GSO6))
		features &= ~NETIF_F_TSO6;
	return features;	/* the kernel takes segmentation away where its checksum or pages are missing */
}

static void hvn_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *s)
{
	const struct hvn_vif *vif = netdev_priv(dev);
	const struct hvn_stats *st;
	unsigned int i;

	for (i = 0; i < vif->max_queues; i++) {
		st = &vif->stats[i];
		s->rx_packets += st->rx_packets;
		s->rx_bytes += st->rx_bytes;
		s->rx_errors += st->rx_refused + st->rx_grant_errors + st->rx_bad_offload;
		s->rx_dropped += st->rx_spoofed_mac + st->rx_spoofed_ip + st->rx_no_memory;
		s->tx_packets += st->tx_packets;
		s->tx_bytes += st->tx_bytes;
		s->tx_errors += st->tx_grant_errors;
		s->tx_dropped += st->tx_expired + st->tx_dropped;
	}
}

static const struct net_device_ops hvn_netdev_ops = {
	.ndo_open		= hvn_open,
	.ndo_stop		= hvn_stop,
	.ndo_start_xmit		= hvn_start_xmit,
	.ndo_fix_features	= hvn_fix_features,
	.ndo_get_stats64	= hvn_get_stats64,
	.ndo_set_mac_address	= eth_mac_addr,
	.ndo_validate_addr	= eth_validate_addr,
};

/* ---- ethtool --------------------------------------------------------------------------------------- */

#define STAT(name)	{ #name, offsetof(struct hvn_stats, name) }

static const struct {
	char name[ETH_GSTRING_LEN - 8];		/* room for "queue" and number */
	u16 offset;
} hvn_stat_rows[] = {
	STAT(rx_packets), STAT(rx_bytes), STAT(rx_zerocopy), STAT(rx_zerocopy_copied), STAT(rx_copied), STAT(rx_refused),
	STAT(rx_grant_errors), STAT(rx_spoofed_mac), STAT(rx_spoofed_ip), STAT(rx_bad_offload), STAT(rx_no_memory), STAT(rx_throttled),
	STAT(tx_packets), STAT(tx_bytes), STAT(tx_grant_errors), STAT(tx_no_slots), STAT(tx_expired), STAT(tx_dropped),
	STAT(tx_filtered), STAT(tx_throttled), STAT(tx_stalls),
};

static_assert(ARRAY_SIZE(hvn_stat_rows) * sizeof(u64) == sizeof(struct hvn_stats));

/* All under RTNL, as is who changes the number of queues: one request sees one number. */
static int hvn_get_sset_count(struct net_device *dev, int set)
{
	return set == ETH_SS_STATS ? dev->real_num_tx_queues * ARRAY_SIZE(hvn_stat_rows) : -EOPNOTSUPP;
}

static void hvn_get_strings(struct net_device *dev, u32 set, u8 *data)
{
	unsigned int i, k;

	if (set != ETH_SS_STATS)
		return;
	for (i = 0; i < dev->real_num_tx_queues; i++)
		for (k = 0; k < ARRAY_SIZE(hvn_stat_rows); k++)
			ethtool_sprintf(&data, "q%u_%s", i, hvn_stat_rows[k].name);
}

static void hvn_get_ethtool_stats(struct net_device *dev, struct ethtool_stats *stats, u64 *data)
{
	const struct hvn_vif *vif = netdev_priv(dev);
	unsigned int i, k;

	for (i = 0; i < dev->real_num_tx_queues; i++)
		for (k = 0; k < ARRAY_SIZE(hvn_stat_rows); k++)
			*data++ = *(const u64 *)((const char *)&vif->stats[i] + hvn_stat_rows[k].offset);
}

static void hvn_get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	const struct hvn_vif *vif = netdev_priv(dev);

	strscpy(info->driver, KBUILD_MODNAME, sizeof(info->driver));
	strscpy(info->bus_info, dev_name(&vif->hv->dev), sizeof(info->bus_info));
}

static const struct ethtool_ops hvn_ethtool_ops = {
	.get_drvinfo		= hvn_get_drvinfo,
	.get_link		= ethtool_op_get_link,
	.get_sset_count		= hvn_get_sset_count,
	.get_strings		= hvn_get_strings,
	.get_ethtool_stats	= hvn_get_ethtool_stats,
};

/* ---- life ------------------------------------------------------------------------------------------ */

struct net_device *hvn_netdev_alloc(struct hvback_device *hv, const struct hvback_vif_conf *conf, unsigned int max_queues)
{
	/* The highest address of all that a bridge might take for its own: it takes the lowest. The guest's is on the other end. */
	static const u8 addr[ETH_ALEN] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct net_device *dev;
	struct hvn_vif *vif;
	char name[IFNAMSIZ];

	if (conf->ifname[0])
		strscpy(name, conf->ifname, sizeof(name));
	else
		snprintf(name, sizeof(name), "vif%u.%u", hv->id.domid, hv->id.devid);
	dev = alloc_netdev_mqs(struct_size(vif, queue, max_queues), name, NET_NAME_USER, ether_setup, max_queues, max_queues);
	if (!dev)
		return NULL;
	vif = netdev_priv(dev);
	vif->hv = hv;
	vif->dev = dev;
	vif->max_queues = max_queues;
	spin_lock_init(&vif->mcast_lock);
	spin_lock_init(&vif->from.lock);
	spin_lock_init(&vif->to.lock);
	vif->features = HVBACK_VIF_F_ALL & ~HVBACK_VIF_F_NO_CSUM4;
	SET_NETDEV_DEV(dev, &hv->dev);
	dev->netdev_ops = &hvn_netdev_ops;
	dev->ethtool_ops = &hvn_ethtool_ops;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;		/* skbs wait in a list of ours */
	dev->priv_flags |= IFF_DISABLE_NETPOLL;		/* its locks are not for interrupts */
	dev->hw_features = HVN_FEATURES;
	dev->features = HVN_FEATURES | NETIF_F_RXCSUM;
	dev->min_mtu = HVN_MIN_MTU;
	dev->max_mtu = HVN_MAX_MTU;
	dev->mtu = conf->mtu ?: ETH_DATA_LEN;
	eth_hw_addr_set(dev, addr);
	dev->addr_assign_type = NET_ADDR_SET;	/* nobody is to be named after it */
	netif_carrier_off(dev);
	return dev;
}
