// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a disk does, in sysfs: <device>/statistics/. Numbers are sums over its queues since the module took it.
 */
#include <linux/device.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "blkback.h"

/* @inflight is that of now. */
static void collect(struct device *dev, struct vbd_stats *sum, u32 *ret_inflight)
{
	struct vbd *vbd = dev_get_drvdata(dev);
	unsigned int i;

	mutex_lock(&vbd->lock);
	*sum = vbd->past;
	*ret_inflight = 0;
	for (i = 0; i < vbd->nr_rings; i++) {
		struct vbd_ring *ring = vbd->ring[i];

		spin_lock_irq(&ring->lock);
		vbd_stats_add(sum, &ring->stats);
		*ret_inflight += ring->inflight;
		spin_unlock_irq(&ring->lock);
	}
	mutex_unlock(&vbd->lock);
}

#define VBD_STAT(name, value)								\
static ssize_t name##_show(struct device *dev, struct device_attribute *attr, char *buf)	\
{											\
	struct vbd_stats s;								\
	u32 inflight;									\
											\
	collect(dev, &s, &inflight);							\
	return sysfs_emit(buf, "%llu\n", (unsigned long long)(value));			\
}											\
static DEVICE_ATTR_RO(name)

VBD_STAT(rd_req, s.requests[VBD_READ]);
VBD_STAT(wr_req, s.requests[VBD_WRITE]);
VBD_STAT(f_req, s.requests[VBD_FLUSH]);
VBD_STAT(ds_req, s.requests[VBD_DISCARD]);
VBD_STAT(other_req, s.requests[VBD_OTHER]);
VBD_STAT(rd_sect, s.sectors[VBD_READ]);
VBD_STAT(wr_sect, s.sectors[VBD_WRITE]);
VBD_STAT(ds_sect, s.sectors[VBD_DISCARD]);
VBD_STAT(errors, s.errors);
VBD_STAT(unsupported, s.unsupported);
VBD_STAT(bounced, s.bounced);
VBD_STAT(max_inflight, s.deepest);
VBD_STAT(inflight, inflight);

/* Slot i: how many took less than 2^i us, and not less than half of that; the last one: all others. */
static ssize_t latency_us_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vbd_stats s;
	unsigned int i;
	u32 inflight;
	int n = 0;

	collect(dev, &s, &inflight);
	for (i = 0; i < VBD_LATENCY_SLOTS; i++)
		n += sysfs_emit_at(buf, n, "%llu%c", s.latency[i], i == VBD_LATENCY_SLOTS - 1 ? '\n' : ' ');
	return n;
}
static DEVICE_ATTR_RO(latency_us);

static struct attribute *statistics[] = {
	&dev_attr_rd_req.attr,
	&dev_attr_wr_req.attr,
	&dev_attr_f_req.attr,
	&dev_attr_ds_req.attr,
	&dev_attr_other_req.attr,
	&dev_attr_rd_sect.attr,
	&dev_attr_wr_sect.attr,
	&dev_attr_ds_sect.attr,
	&dev_attr_errors.attr,
	&dev_attr_unsupported.attr,
	&dev_attr_bounced.attr,
	&dev_attr_max_inflight.attr,
	&dev_attr_inflight.attr,
	&dev_attr_latency_us.attr,
	NULL
};

static const struct attribute_group statistics_group = {
	.name = "statistics",
	.attrs = statistics,
};

const struct attribute_group *vbd_groups[] = {
	&statistics_group,
	NULL
};
