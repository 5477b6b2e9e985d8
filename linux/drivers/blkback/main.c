// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver of disks on the bus "hvback": settings, connections, infos. docs/block.md.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kdev_t.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "blkback.h"

#define CONF_FLAGS	(HVBACK_VBD_READONLY | HVBACK_VBD_CDROM | HVBACK_VBD_REMOVABLE | HVBACK_VBD_NO_DISCARD | HVBACK_VBD_PERSISTENT)
#define FE_FEATURES	(HVBACK_VBD_FE_PERSISTENT | HVBACK_VBD_FE_LARGE_SECTOR)

static_assert(VBD_WIRE_SEGMENTS == HVBACK_VBD_MAX_SEGMENTS);

static int take_limits(struct vbd *vbd)
{
	const struct hvback_vbd_conf *c = &vbd->conf;
	u32 segments = c->max_segments ?: HVBACK_VBD_MAX_SEGMENTS;

	vbd->max_queues = c->max_queues ?: min_t(u32, num_online_cpus(), HVBACK_MAX_QUEUES);
	vbd->max_ring_pages = c->max_ring_pages ?: HVBACK_MAX_RING_PAGES;
	if (vbd->max_queues > HVBACK_MAX_QUEUES)
		return hvback_reason(vbd->dev, -EINVAL, "at most %u queues, not %u", HVBACK_MAX_QUEUES, vbd->max_queues);
	if (!is_power_of_2(vbd->max_ring_pages) || vbd->max_ring_pages > HVBACK_MAX_RING_PAGES)
		return hvback_reason(vbd->dev, -EINVAL, "ring pages are a power of two up to %u, not %u", HVBACK_MAX_RING_PAGES,
				     vbd->max_ring_pages);
	if (segments < BLKIF_MAX_SEGMENTS_PER_REQUEST || segments > HVBACK_VBD_MAX_SEGMENTS)
		return hvback_reason(vbd->dev, -EINVAL, "segments are %u to %u, not %u", BLKIF_MAX_SEGMENTS_PER_REQUEST,
				     HVBACK_VBD_MAX_SEGMENTS, segments);
	vbd->limits.max_segments = segments;
	return 0;
}

static int take_conf(struct vbd *vbd)
{
	struct hvback_device *dev = vbd->dev;

	if (dev->conf_len != sizeof(vbd->conf))
		return hvback_reason(dev, -EINVAL, "settings of %u bytes, not %zu: tools of another version", dev->conf_len,
				     sizeof(vbd->conf));
	memcpy(&vbd->conf, dev->conf, sizeof(vbd->conf));
	if (memchr_inv(vbd->conf.reserved, 0, sizeof(vbd->conf.reserved)) || (vbd->conf.flags & ~CONF_FLAGS))
		return hvback_reason(dev, -EINVAL, "flags %#x are not known: tools of another version", vbd->conf.flags);
	vbd->limits.readonly = vbd->conf.flags & HVBACK_VBD_READONLY;
	return take_limits(vbd);
}

static int vbd_probe(struct hvback_device *dev)
{
	struct vbd *vbd;
	int r;

	vbd = kzalloc(sizeof(*vbd), GFP_KERNEL_ACCOUNT);
	if (!vbd)
		return -ENOMEM;
	vbd->dev = dev;
	mutex_init(&vbd->lock);
	r = take_conf(vbd);
	if (!r)
		r = vbd_target_open(vbd);
	if (r) {
		kfree(vbd);
		return r;
	}
	dev_set_drvdata(&dev->dev, vbd);
	return 0;
}

static void vbd_remove(struct hvback_device *dev)
{
	struct vbd *vbd = dev_get_drvdata(&dev->dev);

	vbd_target_close(vbd);
	dev_set_drvdata(&dev->dev, NULL);
	kfree(vbd);
}

/* ---- connections ---- */

static int check_queue(struct vbd *vbd, const struct hvback_queue *q, unsigned int index)
{
	if (!q->nr_refs[0] || q->nr_refs[0] > vbd->max_ring_pages || q->nr_refs[1])
		return hvback_reason(vbd->dev, -EINVAL, "queue %u: a ring of %u pages, 1 to %u are offered", index, q->nr_refs[0],
				     vbd->max_ring_pages);
	if (!q->port[0] || q->port[1])
		return hvback_reason(vbd->dev, -EINVAL, "queue %u: one event channel is needed", index);
	return 0;
}

static int check_connection(struct vbd *vbd, const struct hvback_connection *conn)
{
	unsigned int i;
	int r = 0;

	if (conn->nr_queues > vbd->max_queues)
		return hvback_reason(vbd->dev, -EINVAL, "%u queues, %u are offered", conn->nr_queues, vbd->max_queues);
	if (conn->protocol != HVBACK_PROTO_X86_64 && conn->protocol != HVBACK_PROTO_X86_32)
		return hvback_reason(vbd->dev, -EINVAL, "protocol %u is not known", conn->protocol);
	if (conn->features & ~FE_FEATURES)
		return hvback_reason(vbd->dev, -EINVAL, "features %#llx are not known: tools of another version", conn->features);
	for (i = 0; i < conn->nr_queues && !r; i++)
		r = check_queue(vbd, &conn->queue[i], i);
	return r;
}

/* All rings: stopped first, then what they counted is kept, then they go. */
static void drop_rings(struct vbd *vbd)
{
	unsigned int i;

	for (i = 0; i < vbd->nr_rings; i++)
		vbd_ring_stop(vbd->ring[i]);
	mutex_lock(&vbd->lock);
	for (i = 0; i < vbd->nr_rings; i++) {
		vbd_stats_add(&vbd->past, &vbd->ring[i]->stats);
		vbd_ring_destroy(vbd->ring[i]);
	}
	kfree(vbd->ring);
	vbd->ring = NULL;
	vbd->nr_rings = 0;
	mutex_unlock(&vbd->lock);
}

static int make_rings(struct vbd *vbd, const struct hvback_connection *conn)
{
	struct vbd_ring **rings, *ring;
	unsigned int i;

	rings = kcalloc(conn->nr_queues, sizeof(*rings), GFP_KERNEL_ACCOUNT);
	if (!rings)
		return -ENOMEM;
	mutex_lock(&vbd->lock);
	vbd->ring = rings;
	mutex_unlock(&vbd->lock);
	for (i = 0; i < conn->nr_queues; i++) {
		ring = vbd_ring_create(vbd, &conn->queue[i], i);
		if (IS_ERR(ring))
			return PTR_ERR(ring);
		mutex_lock(&vbd->lock);
		vbd->ring[vbd->nr_rings++] = ring;
		mutex_unlock(&vbd->lock);
	}
	return 0;
}

static int vbd_connect(struct hvback_device *dev, const struct hvback_connection *conn)
{
	struct vbd *vbd = dev_get_drvdata(&dev->dev);
	unsigned int i;
	int r;

	r = check_connection(vbd, conn);
	if (r)
		return r;
	r = make_rings(vbd, conn);
	for (i = 0; i < vbd->nr_rings && !r; i++)
		r = vbd_ring_start(vbd->ring[i], i, conn->queue[i].port[0]);
	if (r)
		drop_rings(vbd);
	return r;
}

static void vbd_disconnect(struct hvback_device *dev)
{
	drop_rings(dev_get_drvdata(&dev->dev));
}

/* ---- changes and infos ---- */

static int set_size(struct vbd *vbd)
{
	unsigned int i;
	u64 sectors;
	int r;

	r = vbd_target_size(vbd, &sectors);
	if (r)
		return r;
	WRITE_ONCE(vbd->limits.sectors, sectors);
	for (i = 0; i < vbd->nr_rings; i++)
		WRITE_ONCE(vbd->ring[i]->limits.sectors, sectors);
	return 0;
}

static int vbd_set(struct hvback_device *dev, u32 what, const void *blob, u32 len)
{
	switch (what) {
	case HVBACK_VBD_SET_SIZE:
		if (len)
			return -EINVAL;
		return set_size(dev_get_drvdata(&dev->dev));
	default:
		return hvback_reason(dev, -EINVAL, "a disk has no setting %u", what);
	}
}

static int vbd_info(struct hvback_device *dev, void *blob)
{
	const struct vbd *vbd = dev_get_drvdata(&dev->dev);
	const struct vbd_limits *l = &vbd->limits;
	const u32 flags = vbd->conf.flags;
	struct hvback_vbd_info *info = blob;

	info->sectors = l->sectors;
	info->sector_size = l->sector_size;
	info->physical_sector_size = vbd->target.physical;
	info->info = (l->readonly ? VDISK_READONLY : 0) | (flags & HVBACK_VBD_CDROM ? VDISK_CDROM : 0) |
		     (flags & HVBACK_VBD_REMOVABLE ? VDISK_REMOVABLE : 0);
	info->features = (l->flush ? HVBACK_VBD_FLUSH : 0) | (l->discard ? HVBACK_VBD_DISCARD : 0) |
			 (l->secure ? HVBACK_VBD_SECURE : 0) | (flags & HVBACK_VBD_PERSISTENT ? HVBACK_VBD_OFFER_PERSISTENT : 0);
	if (l->discard) {
		info->discard_granularity = vbd->target.discard_granularity;
		info->discard_alignment = vbd->target.discard_alignment;
	}
	info->max_segments = l->max_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST ? l->max_segments : 0;
	info->max_queues = vbd->max_queues;
	info->max_ring_order = ilog2(vbd->max_ring_pages);
	if (vbd->target.bdev) {
		info->major = MAJOR(vbd->target.bdev->bd_dev);
		info->minor = MINOR(vbd->target.bdev->bd_dev);
	}
	return sizeof(*info);
}

static struct hvback_driver vbd_driver = {
	.driver = {
		.name = "hvblkback",
		.dev_groups = vbd_groups,
	},
	.class = HVBACK_VBD_CLASS,
	.probe = vbd_probe,
	.remove = vbd_remove,
	.connect = vbd_connect,
	.disconnect = vbd_disconnect,
	.set = vbd_set,
	.info = vbd_info,
};

static int __init blkback_init(void)
{
	int r;

	r = vbd_io_init();
	if (r)
		return r;
	r = hvback_register(&vbd_driver, THIS_MODULE);
	if (r)
		vbd_io_exit();
	return r;
}

static void __exit blkback_exit(void)
{
	hvback_unregister(&vbd_driver);
	vbd_io_exit();
}

module_init(blkback_init);
module_exit(blkback_exit);

MODULE_DESCRIPTION("Disks of Zendo's guests");
MODULE_LICENSE("GPL");
MODULE_ALIAS("hvback:vbd");
