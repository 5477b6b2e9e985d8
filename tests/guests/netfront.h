/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small frontend for network interfaces (xen/io/netif.h): one queue, pages that are there and granted to dom0 from the start, data
 * copied into and out of them. Frames may have several pages.
 */
#ifndef GUEST_NETFRONT_H
#define GUEST_NETFRONT_H

#include "store.h"

#define xen_mb()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb()	__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb()	__atomic_thread_fence(__ATOMIC_RELEASE)
#include <xen/io/netif.h>
#include <xen/io/xenbus.h>

#define MOST_NICS	2
#define NIC_PAGES	64			/* each way */
#define MOST_FRAME	(3 * 4096)

struct nic {
	unsigned int nr;			/* its devid */
	enum { NIC_NONE, NIC_ASKED, NIC_READY } state;
	char back[96];				/* folder of the backend */
	uint8_t mac[6];
	evtchn_port_t port;
	struct netif_tx_front_ring tx;
	struct netif_rx_front_ring rx;
	bool deaf;				/* posts no pages for what comes */
	bool busy[NIC_PAGES];			/* pages that are being sent */
	unsigned int nr_busy;
	unsigned int frame_len;			/* so far, of the frame that is being put together */
	bool frame_more;			/* its next piece is to come */
	unsigned char frame[MOST_FRAME];
};

typedef void frame_fn(struct nic *n, const unsigned char *frame, unsigned int len);

extern volatile unsigned int nic_hits;		/* events of all interfaces so far */

void nics_init(void);				/* events, store, grants */
void nic_begin(struct nic *n, unsigned int nr);	/* it may not be there yet */
void nic_look(struct nic *n);			/* the next steps of the handshake that are possible */
bool nic_send(struct nic *n, const void *frame, unsigned int len);	/* false: no pages are free, or it is not connected */
void nic_reap(struct nic *n);			/* pages that were sent */
void nic_receive(struct nic *n, frame_fn *fn);	/* frames that are there */

#endif
