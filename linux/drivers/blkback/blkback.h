/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hvblkback.ko: disks of guests. wire.c reads requests, ring.c takes and answers them, io.c does them, target.c knows what they are
 * done on, main.c is the driver, sysfs.c tells of it.
 */
#ifndef BLKBACK_H
#define BLKBACK_H

#include <linux/bio.h>
#include <linux/bvec.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <uapi/linux/hvback_vbd.h>

#include "../hvpriv/hvpriv_backend.h"
#include "wire.h"

#define VBD_SERVERS	4	/* threads of the domain that one ring may keep waiting for a file at once */
#define VBD_SMALL	BLKIF_MAX_SEGMENTS_PER_REQUEST	/* pieces of a request without an indirect page */
#define VBD_USUAL	32	/* most pieces of Linux's frontend, unless it is told otherwise */
#define VBD_INFLIGHT_SEGMENTS	4096	/* of one ring: pages pinned, and in the worst case bounced: 16 MiB */

/* Requests that took less than 2^i us are in slot i, the last one has all others. */
#define VBD_LATENCY_SLOTS	24

struct vbd_stats {
	u64 requests[VBD_NR_KINDS];
	u64 sectors[VBD_NR_KINDS];
	u64 errors;		/* answered with BLKIF_RSP_ERROR */
	u64 unsupported;	/* with BLKIF_RSP_EOPNOTSUPP */
	u64 bounced;
	u64 latency[VBD_LATENCY_SLOTS];
	u32 deepest;		/* most requests in flight */
};

struct vbd_target {
	struct file *file;
	struct block_device *bdev;	/* NULL: a file */
	bool direct;			/* a file, past the page cache */
	bool nowait;			/* it can say that it would have to wait */
	bool stable;			/* computes over data in flight: writes are copied first (F26) */
	u32 logical, physical;		/* bytes */
	u32 align_mask;			/* of a piece's address and length; else it is copied */
	u32 discard_granularity, discard_alignment;
};

/* Requests of a ring that are kept for the next ones, since making one on the domain's bill costs much: 32 KiB and 16 KiB at most. */
enum vbd_spare { VBD_SPARE_SMALL, VBD_SPARE_USUAL, VBD_NR_SPARE };

/* A request in flight. Freed with its answer, or kept. */
struct vbd_io {
	struct vbd_ring *ring;
	struct list_head node;		/* in ring->deferred */
	u64 id, sector, nr_sectors;
	ktime_t start;
	atomic_t pending;		/* bios, and who submits them */
	int error;			/* first one, -errno */
	u16 nr;				/* grants, and pieces in bv[] */
	u16 claimed;			/* of ring->inflight_segments */
	u16 nr_bounce;
	u8 operation, kind;
	u8 spare;			/* enum vbd_spare: with which it may be kept; VBD_NR_SPARE: with none */
	bool secure, reserved, nowait;
	struct bio_vec *bounce;		/* pages of ours that take the place of bv[], or NULL */
	struct hv_grant *grant;		/* behind bv[] */
	union {				/* from here on it is not zeroed */
		struct kiocb iocb;	/* of a file */
		struct bio bio;		/* of a block device, the first one */
	};
	struct bio_vec bv[];
};

struct vbd_ring {
	struct vbd *vbd;
	struct hv_ring shared;
	struct hv_event *event;
	struct hv_work work;		/* takes requests; one thread at a time */
	struct vbd_limits limits;	/* a copy, with what this frontend counts in */
	struct vbd_wire wire;		/* req_cons: the work's; answers: under the lock */
	bool broken;			/* the work's: takes no more */
	u8 slot[VBD_SLOT_BYTES];	/* the work's: the request at hand, its segments, their page */
	struct vbd_request request;
	struct vbd_segment segment[VBD_WIRE_SEGMENTS];
	struct page *segments;
	struct vbd_io *reserve;		/* so that one request can always go on */

	spinlock_t lock;		/* any context; all below */
	bool stop;			/* no work is queued any more */
	bool starved;			/* the work waits for an end */
	bool reserve_used;
	u32 inflight, inflight_segments;
	struct list_head spare[VBD_NR_SPARE];	/* by ->node */
	u32 nr_spare[VBD_NR_SPARE];
	struct list_head deferred;	/* for a thread that may wait */
	unsigned int next_server;
	struct vbd_stats stats;

	wait_queue_head_t wait;		/* vbd_ring_stop() */
	struct work_struct leftover;	/* serves what is deferred once it stops: threads may not be lent any more, and must not be
					 * the caller's, whose signals would be the guest's errors
					 */
	struct vbd_server {
		struct vbd_ring *ring;
		struct hv_work work;
	} server[VBD_SERVERS];
};

struct vbd {
	struct hvback_device *dev;
	struct hvback_vbd_conf conf;
	struct vbd_target target;
	struct vbd_limits limits;	/* ->sectors changes by HVBACK_VBD_SET_SIZE */
	u32 max_queues, max_ring_pages;
	struct mutex lock;		/* the rings: they come and go beside those who read sysfs */
	struct vbd_ring **ring;
	u32 nr_rings;
	struct vbd_stats past;		/* of rings that are gone */
};

/* target.c */
int vbd_target_open(struct vbd *vbd);
int vbd_target_size(struct vbd *vbd, u64 *ret_sectors);
void vbd_target_close(struct vbd *vbd);

/* ring.c */
struct vbd_ring *vbd_ring_create(struct vbd *vbd, const struct hvback_queue *queue, unsigned int index);
int vbd_ring_start(struct vbd_ring *ring, unsigned int index, u32 port);
void vbd_ring_stop(struct vbd_ring *ring);
void vbd_ring_destroy(struct vbd_ring *ring);
void vbd_ring_defer(struct vbd_io *io);
void vbd_ring_done(struct vbd_io *io, int status);
void vbd_stats_add(struct vbd_stats *to, const struct vbd_stats *from);

/* io.c */
int vbd_io_init(void);
void vbd_io_exit(void);
size_t vbd_io_size(unsigned int nr);
void vbd_io_begin(struct vbd_io *io);	/* may sleep only where memory is short */
void vbd_io_serve(struct vbd_io *io);	/* a deferred one; waits for the target */

/* sysfs.c */
extern const struct attribute_group *vbd_groups[];

#endif /* BLKBACK_H */
