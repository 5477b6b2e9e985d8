/* SPDX-License-Identifier: MIT */
/*
 * Disks on /dev/hvback: what the class "vbd" (hvblkback.ko) takes as settings, tells as infos and can change. docs/block.md explains
 * each; <xen/io/blkif.h> names the nodes of the store that they become.
 *
 * Sectors are 512 bytes everywhere here, whatever the disk's sector size.
 */
#ifndef _UAPI_LINUX_HVBACK_VBD_H
#define _UAPI_LINUX_HVBACK_VBD_H

#include <linux/types.h>

#define HVBACK_VBD_CLASS	"vbd"

#define HVBACK_VBD_MAX_SEGMENTS	256	/* of one request */

/* struct hvback_vbd_conf.flags */
#define HVBACK_VBD_READONLY	(1U << 0)	/* no writes, no discards, whatever the target allows */
#define HVBACK_VBD_CDROM	(1U << 1)	/* tell the guest so */
#define HVBACK_VBD_REMOVABLE	(1U << 2)
#define HVBACK_VBD_NO_DISCARD	(1U << 3)	/* "discard-enable" = 0 */
#define HVBACK_VBD_PERSISTENT	(1U << 4)	/* offer persistent grants: a frontend that takes them copies every byte */

/*
 * The conf of HVBACK_ADD, all of it. 0 in a number: what suits the target. The target must be a block device, opened with O_EXCL, or a
 * regular file, with O_DIRECT if it can; opened for writing too, but for READONLY.
 *	-EINVAL a size that does not suit the target, an unknown flag	-EROFS not open for writing
 *	-ENOTBLK neither a block device nor a regular file
 */
struct hvback_vbd_conf {
	__u32 flags;
	__u32 sector_size;		/* 512 to 4096, a power of two; 0: the target's logical block size, 512 for files if they can */
	__u32 physical_sector_size;	/* 0: the target's */
	__u32 max_queues;		/* 0: as many as dom0 has CPUs */
	__u32 max_ring_pages;		/* a power of two up to HVBACK_MAX_RING_PAGES; 0: that */
	__u32 max_segments;		/* of a request, 11 (no indirect ones) to HVBACK_VBD_MAX_SEGMENTS; 0: that */
	__u32 reserved[4];
};

/* Features that a frontend may have: struct hvback_connect.features */
#define HVBACK_VBD_FE_PERSISTENT	(1ULL << 0)	/* "feature-persistent" */
#define HVBACK_VBD_FE_LARGE_SECTOR	(1ULL << 1)	/* "feature-large-sector-size": it counts in sectors of sector_size bytes */

/* struct hvback_vbd_info.features */
#define HVBACK_VBD_FLUSH	(1U << 0)	/* "feature-flush-cache" */
#define HVBACK_VBD_DISCARD	(1U << 1)	/* "feature-discard" */
#define HVBACK_VBD_SECURE	(1U << 2)	/* "discard-secure" */
#define HVBACK_VBD_OFFER_PERSISTENT	(1U << 3)	/* "feature-persistent" */

/* HVBACK_INFO */
struct hvback_vbd_info {
	__u64 sectors;			/* "sectors"; for a frontend with LARGE_SECTOR: sectors * 512 / sector_size */
	__u32 sector_size;		/* "sector-size" */
	__u32 physical_sector_size;	/* "physical-sector-size" */
	__u32 info;			/* "info": VDISK_* */
	__u32 features;
	__u32 discard_granularity;	/* "discard-granularity", bytes */
	__u32 discard_alignment;	/* "discard-alignment", bytes */
	__u32 max_segments;		/* "feature-max-indirect-segments"; 0: leave the node out */
	__u32 max_queues;		/* "multi-queue-max-queues" */
	__u32 max_ring_order;		/* "max-ring-page-order" */
	__u32 major, minor;		/* "physical-device" in hexadecimal; 0, 0 for a file */
	__u32 reserved[5];
};

/* HVBACK_SET */
#define HVBACK_VBD_SET_SIZE	1	/* no blob: look at the target's size again; then INFO has it, and the frontend is to be told */

#endif /* _UAPI_LINUX_HVBACK_VBD_H */
