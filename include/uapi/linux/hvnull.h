/* SPDX-License-Identifier: MIT */
/*
 * Class "null" of hvback devices: a ring that counts. It serves nothing; it is there to be tested with and to be copied from
 * (docs/backends.md). The ring is Xen's (DEFINE_RING_TYPES of <xen/io/ring.h>) of these two structs, one port for each queue.
 */
#ifndef _UAPI_LINUX_HVNULL_H
#define _UAPI_LINUX_HVNULL_H

#include <linux/types.h>

#define HVNULL_ECHO	0	/* value comes back */
#define HVNULL_SUM	1	/* value = sum of the bytes of ref[0] */
#define HVNULL_FILL	2	/* each byte of ref[0] = value */
#define HVNULL_COPY	3	/* ref[0] to ref[1], the same bytes of both pages */
#define HVNULL_LATER	4	/* as FILL, but ref[0] is held for value >> 8 us first, as a disk would; later than what comes behind it */

#define HVNULL_LATER_MAX_US	1000000

struct hvnull_request {
	__u32 op;			/* HVNULL_* */
	__u32 id;			/* comes back */
	__u32 ref[2];			/* grants to domain 0 */
	__u16 offset, len;		/* in the pages: offset + len <= 4096 */
	__u32 reserved;			/* 0 */
	__u64 value;
};

struct hvnull_response {
	__u32 id;
	__s32 status;			/* 0 or a negative error number */
	__u64 value;
};

/* Settings, and HVBACK_SET with what = HVNULL_SET_CONFIG. None: the defaults. */
struct hvnull_config {
	__u32 budget;			/* requests in one go; 0: as the module likes */
	__u32 flags;			/* HVNULL_*, from the next connection on */
};
#define HVNULL_PROMPT		(1U << 0)	/* vCPUs' threads may do the work, too */
#define HVNULL_SET_CONFIG	1

#define HVNULL_MAX_QUEUES	8

struct hvnull_info {
	__u32 max_queues;
	__u32 budget;
	__u64 requests, failed;		/* since the module serves the device */
	__u64 by_vcpu;			/* pieces of work that vCPUs' threads did */
};

#endif /* _UAPI_LINUX_HVNULL_H */
