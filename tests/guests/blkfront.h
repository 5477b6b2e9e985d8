/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small frontend for disks (xen/io/blkif.h). Pages for data are there from the start, and granted to dom0; whoever puts requests chooses
 * pages and sectors freely, wrong ones as well. In a 32-bit guest the ring has the layout of x86_32.
 */
#ifndef GUEST_BLKFRONT_H
#define GUEST_BLKFRONT_H

#include "store.h"

#define xen_mb()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb()	__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb()	__atomic_thread_fence(__ATOMIC_RELEASE)
#include <xen/io/blkif.h>
#include <xen/io/xenbus.h>

#define MOST_DISKS	16
#define DATA_PAGES	256
#define MOST_SEGMENTS	256
#define RING_SLOTS	32
#define PAGE_SECTORS	8

#define RING_REF(disk)	(8U + (disk))
#define PAGE_REF(page)	(32U + (page))
#define LIST_REF(slot)	(300U + (slot))		/* segments of an indirect request, one page for each slot */
#define NO_REF		400U			/* granted to nobody */

struct disk_request {
	uint8_t operation;			/* of an indirect one: what it carries */
	bool indirect, done;
	int16_t status;
	uint16_t nr;				/* as it is told; what there is to copy is copied */
	uint64_t sector, nr_sectors;		/* the latter of a discard */
	uint32_t list_ref;			/* 0: the slot's own */
	struct blkif_request_segment segment[MOST_SEGMENTS];
};

struct disk {
	unsigned int nr, vdev;
	enum { DISK_NONE, DISK_ASKED, DISK_READY } state;
	char back[96];				/* folder of the backend */
	evtchn_port_t port;
	struct blkif_front_ring ring;
	struct disk_request *slot[RING_SLOTS];
	unsigned int outstanding;
	uint64_t sectors;
	uint32_t sector_size, granularity;
	unsigned int max_indirect;		/* 0: none */
	bool flush, discard, readonly;
	const char *lie[2];			/* a node and what is written there instead; NULL: none */
};

extern unsigned char data_pages[DATA_PAGES][4096];
extern unsigned char ring_pages[MOST_DISKS][4096];
extern unsigned char list_pages[RING_SLOTS][4096];
extern volatile grant_entry_v1_t *grant_table;

void front_init(void);				/* events, store, grants */
void grant(uint32_t ref, const void *page, uint16_t flags);
unsigned int grants_in_use(void);		/* of data and lists */

void disk_begin(struct disk *d, unsigned int nr);	/* xvda + nr; it may not be there yet */
void disk_look(struct disk *d);			/* the next steps of the handshake that are possible; nothing may be in flight */
void disk_connect(struct disk *d);		/* until it is ready */
void disk_close(struct disk *d);
void disk_anew(struct disk *d);			/* after it was closed: from Initialising again */
unsigned int disk_back_state(struct disk *d);	/* 0: it is gone */

void disk_put(struct disk *d, struct disk_request *r);	/* waits for a slot */
void disk_reap(struct disk *d);			/* answers that are there */
void disk_wait(struct disk *d);			/* for all of them */
int  disk_do(struct disk *d, struct disk_request *r);	/* alone; its status */

#endif
