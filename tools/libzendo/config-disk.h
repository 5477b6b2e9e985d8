/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One disk of disk = [...], in the syntax of xl-disk-configuration(5):
 *
 *	disk   = [ 'phy:vg0/web,xvda,w', '/srv/data.img,raw,xvdb,r', 'format=qcow2,vdev=xvdc,access=rw,target=/srv/c.qcow2' ]
 *
 * What stands without "=" is, in order, target, format, vdev and access; with a prefix like phy: there is no format. target= takes
 * all the rest. All is checked here but the target itself, which the one looks at who opens it.
 */
#ifndef ZENDO_CONFIG_DISK_H
#define ZENDO_CONFIG_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "cleanup.h"
#include "error.h"

#define ZENDO_DISKS_MAX		128	/* of one domain */
#define ZENDO_VDEV_LEN		16	/* with the NUL */
#define ZENDO_TARGET_MAX	1024	/* with the NUL */
#define ZENDO_QUEUES_MAX	128

enum zendo_disk_format {
	ZENDO_DISK_RAW,
	ZENDO_DISK_QCOW,
	ZENDO_DISK_QCOW2,
	ZENDO_DISK_QED,
	ZENDO_DISK_VHD,
	ZENDO_DISK_VHDX,
	ZENDO_DISK_VMDK,
	ZENDO_DISK_EMPTY,		/* a CD-ROM without a medium */
	ZENDO_DISK_FORMAT_NR,
};

struct zendo_disk {
	char *target;			/* absolute path, of another machine, or what script wants; NULL with ZENDO_DISK_EMPTY */
	enum zendo_disk_format format;
	bool must_be_block;		/* phy: */
	char vdev[ZENDO_VDEV_LEN];	/* as it was written */
	uint32_t devid;			/* its number in the store and for frontends */
	bool readonly;
	bool force;			/* w!: whoever else uses it */
	bool cdrom;
	bool no_discard;
	unsigned sector;		/* bytes, 0 = what suits the target */
	unsigned queues;		/* most of them, 0 = as many as suit */
	uint64_t iops, bandwidth;	/* requests and bytes a second, each of reads and of writes; 0 = as many as it can */
	char *script;			/* NULL = none; makes a block device of the target, which may be anything then */
	struct zendo_error at;		/* where it was written; no text */
};

/*
 * @at (may be NULL: no place) is where @text stands. -EINVAL, -EOPNOTSUPP with @e, which names the key; -ENOMEM. *ret is to be released
 * with zendo_disk_clear().
 */
int zendo_disk_parse(const char *text, const struct zendo_error *at, struct zendo_disk *ret, struct zendo_error *e);
void zendo_disk_clear(struct zendo_disk *d);

/* Text that is read back as the same disk, @place: with where it was written. The caller frees *ret. */
int zendo_disk_format(const struct zendo_disk *d, bool place, char **ret);

/* nbd://..., iscsi://... and the like: no file of this machine. */
bool zendo_disk_target_is_remote(const char *target);

const char *zendo_disk_format_name(enum zendo_disk_format f);

/*
 * The number of a virtual device by Xen's rules (xen-vbd-interface(7)): "xvda", "xvdaa3", "sda1", "hdc", "d2p3", or the number itself.
 * -EINVAL: none of these, -ERANGE: beyond what the numbering has.
 */
int zendo_vdev_number(const char *vdev, uint32_t *ret);

#endif
