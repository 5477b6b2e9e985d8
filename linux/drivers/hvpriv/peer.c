// SPDX-License-Identifier: GPL-2.0-only
/*
 * Peers: who serves a domain from dom0 without keeping it alive. When the domain is destroyed each is told once; from then on
 * nothing of the domain but struct hv_domain itself is touched by them, and that stays until the last one has closed.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/slab.h>

#include "domain.h"
#include "hvpriv_backend.h"
#include "peer.h"

struct hv_peer *hv_peer_open(u32 domid, const struct hv_peer_ops *ops, void *priv)
{
	struct hv_peer *peer;
	struct hv_domain *d;
	int r = 0;

	peer = kzalloc(sizeof(*peer), GFP_KERNEL_ACCOUNT);
	if (!peer)
		return ERR_PTR(-ENOMEM);
	d = hv_domain_find(domid);
	if (!d) {
		kfree(peer);
		return ERR_PTR(-ESRCH);
	}
	peer->domain = d;
	peer->ops = ops;
	peer->priv = priv;
	mutex_lock(&d->peers_lock);
	if (d->dying)
		r = -ESHUTDOWN;
	else
		list_add_tail(&peer->node, &d->peers);
	mutex_unlock(&d->peers_lock);
	if (r) {
		hv_domain_drop(d);
		kfree(peer);
		return ERR_PTR(r);
	}
	return peer;
}
EXPORT_SYMBOL_GPL(hv_peer_open);

void hv_peer_close(struct hv_peer *peer)
{
	struct hv_domain *d = peer->domain;

	mutex_lock(&d->peers_lock);
	list_del(&peer->node);
	mutex_unlock(&d->peers_lock);
	hv_domain_drop(d);
	kfree(peer);
}
EXPORT_SYMBOL_GPL(hv_peer_close);

u32 hv_peer_domid(const struct hv_peer *peer)
{
	return peer->domain->domid;
}
EXPORT_SYMBOL_GPL(hv_peer_domid);

/*
 * The domain is being destroyed: from here on every call of its peers fails. Each of the three locks is held by somebody who looked
 * at ->dying and goes on; who looks without one (hv_event_post()) is waited for by domain_destroy().
 */
void hv_peers_end(struct hv_domain *d)
{
	struct hv_peer *peer;

	mutex_lock(&d->peers_lock);
	mutex_lock(&d->lock);
	spin_lock_irq(&d->grants.lock);
	WRITE_ONCE(d->dying, true);
	spin_unlock_irq(&d->grants.lock);
	mutex_unlock(&d->lock);
	list_for_each_entry(peer, &d->peers, node)
		if (peer->ops && peer->ops->gone)
			peer->ops->gone(peer, peer->priv);
	mutex_unlock(&d->peers_lock);
}
