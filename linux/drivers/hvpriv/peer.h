/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVPRIV_PEER_H
#define HVPRIV_PEER_H

#include <linux/list.h>

struct hv_domain;
struct hv_peer_ops;

struct hv_peer {
	struct hv_domain *domain;
	const struct hv_peer_ops *ops;	/* or NULL: need not be told */
	void *priv;
	struct list_head node;		/* domain->peers */
};

#endif /* HVPRIV_PEER_H */
