/* SPDX-License-Identifier: GPL-2.0-only */
/* Disks: <xen/io/blkif.h> names the nodes, <linux/hvback_vbd.h> what the module knows of them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <linux/hvback_vbd.h>

#include "agent.h"
#include "claim.h"
#include "export.h"
#include "log.h"
#include "script.h"
#include "target.h"

static const struct frontend_feature features[] = {
	{ "feature-persistent", HVBACK_VBD_FE_PERSISTENT },
	{ "feature-large-sector-size", HVBACK_VBD_FE_LARGE_SECTOR },
	{}
};

static const struct frontend_layout layout = {
	.rings = { { "ring-ref", "event-channel" } },
	.nr_rings = 1,
	.order = "ring-page-order",
	.features = features,
};

/* A module whose information is not ours is found out here, not when the nodes are written. */
static int add(int hvback, const struct hvback_id *id, int target, const struct hvback_vbd_conf *conf, struct zendo_error *e)
{
	struct hvback_vbd_info info;
	int r = zendo_backend_add(hvback, id, target, conf, sizeof(*conf), e);

	if (r < 0)
		return r;
	r = zendo_backend_info(hvback, id, &info, sizeof(info), e);
	if (r < 0)
		(void)zendo_backend_remove(hvback, id);
	return r;
}

/* A name of the block device whose number the script wrote: the one it gave, or the kernel's. */
static int name_device(const struct hvback_id *id, dev_t dev, char *ret, size_t size)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	char line[128], uevent[64];
	struct stat st;

	if (script_read(id, "physical-device-path", &path) < 0)
		path = NULL;
	if (path && *path == '/' && strlen(path) < size && stat(path, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == dev) {
		(void)strcpy(ret, path);
		return 0;
	}
	(void)snprintf(uevent, sizeof(uevent), "/sys/dev/block/%u:%u/uevent", major(dev), minor(dev));
	f = fopen(uevent, "re");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "DEVNAME=", 8) == 0) {
			(void)snprintf(ret, size, "/dev/%.*s", (int)strcspn(line + 8, "\n"), line + 8);
			return 0;
		}
	return -ENOENT;
}

/* What the script made is opened as phy: would be. */
static int open_script_device(const struct spec *s, struct target *ret, struct zendo_error *e)
{
	struct zendo_disk device = *s->disk;
	_cleanup_free_ char *text = NULL;
	unsigned major_number, minor_number;
	char path[256], end;
	struct stat st;
	int r = script_read(&s->id, "physical-device", &text);
	dev_t dev;

	if (r < 0)
		return target_fail(s->disk, e, -EINVAL, "%s ended well, but wrote no physical-device (MAJOR:MINOR in hexadecimal) into the store",
				   s->script);
	if (sscanf(text, "%x:%x%c", &major_number, &minor_number, &end) != 2)
		return target_fail(s->disk, e, -EINVAL, "%s wrote physical-device '%.40s', which is not MAJOR:MINOR in hexadecimal", s->script, text);
	dev = makedev(major_number, minor_number);
	r = name_device(&s->id, dev, path, sizeof(path));
	if (r < 0)
		return target_fail(s->disk, e, -ENODEV, "%s wrote physical-device %.40s, but there is no block device %u:%u", s->script, text,
				   major_number, minor_number);
	device.target = path;
	device.script = NULL;
	device.must_be_block = true;
	r = target_open(&device, &s->id, s->domain, ret, e);
	if (r < 0 || (fstat(ret->fd, &st) == 0 && st.st_rdev == dev))
		return r;
	safe_close(ret->fd);
	claim_release(&s->id);
	return target_fail(s->disk, e, -ESTALE, "%s: it is another device now than %s wrote", path, s->script);
}

static int open_by_script(struct spec *s, struct target *ret, struct zendo_error *e)
{
	struct zendo_error why = {};
	int r = script_find(s->disk->script, "block", s->script, &why);

	if (r >= 0)
		r = script_start(s, NULL, &why);
	if (r < 0)
		return target_fail(s->disk, e, r, "%s", why.text);
	r = open_script_device(s, ret, e);
	if (r < 0)
		script_stop(&s->id);
	return r;
}

static int attach(int hvback, struct spec *s, struct zendo_error *e)
{
	const struct zendo_disk *d = s->disk;
	const struct hvback_vbd_conf conf = {
		.flags = (d->readonly ? HVBACK_VBD_READONLY : 0) | (d->cdrom ? HVBACK_VBD_CDROM | HVBACK_VBD_REMOVABLE : 0) |
			 (d->no_discard ? HVBACK_VBD_NO_DISCARD : 0),
		.sector_size = d->sector,
		.max_queues = d->queues,
	};
	struct zendo_error why = {};
	struct target t;
	int r;

	r = d->script ? open_by_script(s, &t, e) : target_open(d, &s->id, s->domain, &t, e);
	if (r < 0)
		return r;
	(void)claim_set_format(&t.set, s->claim);
	r = add(hvback, &s->id, t.fd, &conf, &why);
	safe_close(t.fd);
	if (r >= 0) {
		claim_settle(&s->id);
		export_settle(&s->id);
		return 0;
	}
	if (r != -EEXIST) {
		export_stop(&s->id);
		script_stop(&s->id);
		claim_release(&s->id);
	}
	return zendo_error_at(e, r, d->at.source, d->at.line, d->at.column, "'disk': %s: %s: %s", d->vdev, d->target, why.text);
}

static void detached(const struct hvback_id *id, bool wait)
{
	if (wait) {
		export_stop(id);
		script_stop(id);
	} else {
		export_stop_later(id);
		script_stop_later(id);
	}
	claim_release(id);
}

static int write_info(struct agent *a, uint32_t tx, const char *back, const struct hvback_vbd_info *info)
{
	const bool discard = info->features & HVBACK_VBD_DISCARD;
	const struct {
		const char *node;
		uint64_t value;
		bool wanted;
	} nodes[] = {
		{ "sectors", info->sectors, true },
		{ "sector-size", info->sector_size, true },
		{ "physical-sector-size", info->physical_sector_size, true },
		{ "info", info->info, true },
		{ "feature-flush-cache", !!(info->features & HVBACK_VBD_FLUSH), true },
		{ "feature-discard", discard, true },
		{ "discard-granularity", info->discard_granularity, discard },
		{ "discard-alignment", info->discard_alignment, discard },
		{ "discard-secure", !!(info->features & HVBACK_VBD_SECURE), discard },
		{ "feature-persistent", 1, info->features & HVBACK_VBD_OFFER_PERSISTENT },
		{ "feature-max-indirect-segments", info->max_segments, info->max_segments },
		{ "multi-queue-max-queues", info->max_queues, true },
		{ "max-ring-page-order", info->max_ring_order, true },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]) && r >= 0; i++)
		if (nodes[i].wanted)
			r = node_put(a->store, tx, back, nodes[i].node, nodes[i].value);
	return r;
}

static int write_wish(struct zendo_store *store, uint32_t tx, const struct spec *s, const char *back)
{
	const struct zendo_disk *d = s->disk;
	int r;

	if ((r = node_put_text(store, tx, back, "params", d->target)) < 0 ||
	    (r = node_put_text(store, tx, back, "dev", d->vdev)) < 0 ||
	    (r = node_put_text(store, tx, back, "mode", d->readonly ? "r" : "w")) < 0 ||
	    (r = node_put_text(store, tx, back, "type", "phy")) < 0 ||
	    (r = node_put_text(store, tx, back, "device-type", d->cdrom ? "cdrom" : "disk")) < 0 ||
	    (r = node_put(store, tx, back, "removable", d->cdrom)) < 0 ||
	    (r = node_put(store, tx, back, "bootable", 1)) < 0)
		return r;
	return node_put(store, tx, back, "discard-enable", !d->no_discard);
}

static int write_nodes(struct agent *a, uint32_t tx, const struct spec *s, const char *front, const char *back)
{
	struct hvback_vbd_info info;
	char device[32];
	int r;

	r = zendo_backend_info(a->hvback, &s->id, &info, sizeof(info), NULL);
	if (r < 0)
		return r;
	(void)snprintf(device, sizeof(device), "%x:%x", info.major, info.minor);
	if ((r = node_put(a->store, tx, front, "virtual-device", s->id.devid)) < 0 ||
	    (r = node_put_text(a->store, tx, front, "device-type", s->disk->cdrom ? "cdrom" : "disk")) < 0 ||
	    (!info.major && (r = node_put_text(a->store, tx, back, "type", "file")) < 0) ||
	    (r = node_put_text(a->store, tx, back, "claim", s->claim)) < 0 ||
	    (info.major && (r = node_put_text(a->store, tx, back, "physical-device", device)) < 0))
		return r;
	return write_info(a, tx, back, &info);
}

static void offered(const union device_info *info, unsigned *ret_queues, unsigned *ret_order)
{
	*ret_queues = info->vbd.max_queues;
	*ret_order = info->vbd.max_ring_order;
}

/* Not in a transaction, which the guest could overtake again and again. */
static bool frontend_counts_large(struct agent *a, const struct hvback_id *id)
{
	char front[NODE_PATH_MAX], path[2 * NODE_PATH_MAX];
	uint64_t n;

	device_front_path(id, front);
	(void)snprintf(path, sizeof(path), "%s/feature-large-sector-size", front);
	return zendo_store_read_u64(a->store, 0, path, &n) >= 0 && n;
}

static int write_connected(struct agent *a, uint32_t tx, const struct hvback_id *id, const union device_info *device, const char *back)
{
	struct hvback_vbd_info info = device->vbd;

	if (info.sector_size > 512 && frontend_counts_large(a, id))
		info.sectors = info.sectors * 512 / info.sector_size;
	return write_info(a, tx, back, &info);
}

static int resize(int hvback, const struct hvback_id *id, struct zendo_error *e)
{
	if (export_has(id))
		return zendo_error(e, -EOPNOTSUPP, "an image keeps its size while it is in use: detach it, resize it by qemu-img, attach it");
	return zendo_backend_set(hvback, id, HVBACK_VBD_SET_SIZE, NULL, 0, e);
}

static void found(struct agent *a, const struct hvback_id *id, const char *back)
{
	char path[2 * NODE_PATH_MAX], *text = NULL, *mode = NULL;
	struct claim_set set;

	(void)snprintf(path, sizeof(path), "%s/claim", back);
	if (zendo_store_read(a->store, 0, path, &text, NULL) < 0)
		return;
	(void)snprintf(path, sizeof(path), "%s/mode", back);
	if (zendo_store_read(a->store, 0, path, &mode, NULL) >= 0 && claim_set_parse(text, *mode == 'r', &set) >= 0)
		(void)claim_take_set(&set, id, true, NULL, NULL);
	claim_settle(id);
	free(text);
	free(mode);
}

static int rebuilt(void)
{
	struct zendo_error e = {};

	if (export_rebuild(&e) < 0)
		log_line(LOG_ERR, "images from before cannot be found: %s", e.text);
	return 0;	/* all other disks need no unit */
}

const struct device_class class_vbd = {
	.name = "vbd",
	.device_type = "disk",
	.layout = &layout,
	.attach = attach,
	.detached = detached,
	.write_wish = write_wish,
	.write_nodes = write_nodes,
	.info_size = sizeof(struct hvback_vbd_info),
	.offered = offered,
	.write_connected = write_connected,
	.resize = resize,
	.found = found,
	.rebuilt = rebuilt,
};
