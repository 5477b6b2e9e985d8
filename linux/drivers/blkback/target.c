// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a disk is made of: a block device, or a regular file. Both were opened by the agent, who gives the descriptor and with it the
 * claim; here they are only looked at.
 */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/magic.h>

#include "blkback.h"

static void look_at_bdev(struct vbd_target *t, struct block_device *bdev)
{
	t->logical = bdev_logical_block_size(bdev);
	t->physical = bdev_physical_block_size(bdev);
	t->align_mask = max_t(u32, t->logical, bdev_dma_alignment(bdev) + 1) - 1;
}

/* nbd and its like: there is a tag at once, and then the driver waits for its socket. */
static bool may_block(struct request_queue *q)
{
	return queue_is_mq(q) && (q->tag_set->flags & BLK_MQ_F_BLOCKING);
}

static int look_at_disk(struct vbd *vbd)
{
	struct vbd_target *t = &vbd->target;

	t->bdev = I_BDEV(t->file->f_mapping->host);
	if (bdev_is_zoned(t->bdev))
		return hvback_reason(vbd->dev, -EINVAL, "a zoned device must be written in order: not served");
	if (bdev_read_only(t->bdev) && !vbd->limits.readonly)
		return hvback_reason(vbd->dev, -EROFS, "the device is read-only");
	look_at_bdev(t, t->bdev);
	t->stable = bdev_stable_writes(t->bdev);
	t->nowait = bdev_nowait(t->bdev) && !may_block(bdev_get_queue(t->bdev));
	if (bdev_max_discard_sectors(t->bdev)) {
		vbd->limits.discard = true;
		vbd->limits.secure = bdev_max_secure_erase_sectors(t->bdev);
		t->discard_granularity = bdev_discard_granularity(t->bdev);
		t->discard_alignment = bdev_discard_alignment(t->bdev);
	}
	/* What dom0 wrote through its page cache is there before the guest reads past it. */
	return sync_blockdev(t->bdev);
}

static int look_at_file(struct vbd *vbd)
{
	struct vbd_target *t = &vbd->target;
	struct inode *inode = file_inode(t->file);
	struct super_block *sb = inode->i_sb;

	if (IS_SWAPFILE(inode))
		return hvback_reason(vbd->dev, -EBUSY, "the file is in use for swap");
	if (!t->file->f_op->read_iter || (!vbd->limits.readonly && !t->file->f_op->write_iter))
		return hvback_reason(vbd->dev, -EINVAL, "its file system cannot be served from: %s", sb->s_type->name);
	t->direct = t->file->f_flags & O_DIRECT;
	t->nowait = t->direct && (t->file->f_mode & FMODE_NOWAIT);
	t->logical = 1U << VBD_SECTOR_SHIFT;
	t->physical = sb->s_blocksize;
	if (t->direct) {
		t->align_mask = t->logical - 1;
		if (sb->s_bdev)
			look_at_bdev(t, sb->s_bdev);
		/* btrfs has checksums of what it writes and does not say so (before 6.15 it does not copy either). */
		t->stable = (sb->s_iflags & SB_I_STABLE_WRITES) || sb->s_magic == BTRFS_SUPER_MAGIC;
	}
	if (t->file->f_op->fallocate) {
		vbd->limits.discard = true;
		t->discard_granularity = sb->s_blocksize;
	}
	return 0;
}

/* The guest's sectors: as asked, or as the target has them. */
static int choose_sizes(struct vbd *vbd)
{
	struct vbd_target *t = &vbd->target;
	u32 size = vbd->conf.sector_size ?: t->logical;

	if (t->logical > PAGE_SIZE)
		return hvback_reason(vbd->dev, -EINVAL, "blocks of %u bytes are more than a page", t->logical);
	if (!is_power_of_2(size) || size < 1U << VBD_SECTOR_SHIFT || size > PAGE_SIZE)
		return hvback_reason(vbd->dev, -EINVAL, "a sector has 512, 1024, 2048 or 4096 bytes, not %u", size);
	if (size < t->logical)
		return hvback_reason(vbd->dev, -EINVAL, "sectors of %u bytes are less than the target's blocks of %u", size,
				     t->logical);
	if (vbd->conf.physical_sector_size)
		t->physical = vbd->conf.physical_sector_size;
	t->physical = max(t->physical, size);
	if (!is_power_of_2(t->physical))
		return hvback_reason(vbd->dev, -EINVAL, "a physical sector of %u bytes is no power of two", t->physical);
	t->discard_granularity = max(t->discard_granularity, size);
	vbd->limits.sector_size = size;
	return 0;
}

int vbd_target_size(struct vbd *vbd, u64 *ret_sectors)
{
	struct vbd_target *t = &vbd->target;
	u64 bytes = t->bdev ? bdev_nr_bytes(t->bdev) : i_size_read(file_inode(t->file));

	if (!bytes)
		return hvback_reason(vbd->dev, -EINVAL, "it has no size");
	if (bytes & (vbd->limits.sector_size - 1))
		return hvback_reason(vbd->dev, -EINVAL, "its %llu bytes are no multiple of the sector of %u", bytes,
				     vbd->limits.sector_size);
	*ret_sectors = bytes >> VBD_SECTOR_SHIFT;
	return 0;
}

int vbd_target_open(struct vbd *vbd)
{
	struct vbd_target *t = &vbd->target;
	umode_t mode;
	int r;

	t->file = vbd->dev->target;
	if (!t->file)
		return hvback_reason(vbd->dev, -EINVAL, "a disk needs a target");
	if (!(t->file->f_mode & FMODE_READ) || (!vbd->limits.readonly && !(t->file->f_mode & FMODE_WRITE)))
		return hvback_reason(vbd->dev, -EROFS, "it was not opened for %s", vbd->limits.readonly ? "reading" : "writing");
	mode = t->file->f_mapping->host->i_mode;
	if (S_ISBLK(mode))
		r = look_at_disk(vbd);
	else if (S_ISREG(mode))
		r = look_at_file(vbd);
	else
		r = hvback_reason(vbd->dev, -ENOTBLK, "it is neither a block device nor a regular file");
	if (r)
		return r;
	r = choose_sizes(vbd);
	if (r)
		return r;
	/* Devices change their cache while they are used (lvconvert, write_cache in sysfs): a guest must not be told that it need not flush. */
	vbd->limits.flush = !vbd->limits.readonly;
	if (vbd->limits.readonly || (vbd->conf.flags & HVBACK_VBD_NO_DISCARD)) {
		vbd->limits.discard = false;
		vbd->limits.secure = false;
	}
	return vbd_target_size(vbd, &vbd->limits.sectors);
}

/* What the guest wrote went past dom0's page cache: what was read into it before is old. */
void vbd_target_close(struct vbd *vbd)
{
	if (vbd->target.bdev && !vbd->limits.readonly)
		invalidate_bdev(vbd->target.bdev);
}
