// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests become bios on a block device, or reads and writes of a file. The pages are the guest's own: nothing is copied but where
 * the target computes over the data while the guest may still change it, or cannot take pieces as small as the guest's.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/falloc.h>
#include <linux/highmem.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "blkback.h"

static struct bio_set vbd_bios;

int vbd_io_init(void)
{
	return bioset_init(&vbd_bios, BIO_POOL_SIZE, 0, 0);
}

void vbd_io_exit(void)
{
	bioset_exit(&vbd_bios);
}

size_t vbd_io_size(unsigned int nr)
{
	return sizeof(struct vbd_io) + nr * (sizeof(struct bio_vec) + sizeof(struct hv_grant));
}

static bool is_write(const struct vbd_io *io)
{
	return io->kind != VBD_READ;
}

static u32 bytes_of(const struct vbd_io *io)
{
	return io->nr ? io->nr_sectors << VBD_SECTOR_SHIFT : 0;
}

/* ---- bounce pages ---- */

/* Between the guest's pieces and our pages, which are full but for the last. */
static void copy_bounce(struct vbd_io *io, bool to_guest)
{
	u32 done = 0, i, n, at, part;

	for (i = 0; i < io->nr; i++) {
		for (n = 0; n < io->bv[i].bv_len; n += part, done += part) {
			at = offset_in_page(done);
			part = min_t(u32, io->bv[i].bv_len - n, PAGE_SIZE - at);
			if (to_guest)
				memcpy_page(io->bv[i].bv_page, io->bv[i].bv_offset + n, io->bounce[done >> PAGE_SHIFT].bv_page, at,
					    part);
			else
				memcpy_page(io->bounce[done >> PAGE_SHIFT].bv_page, at, io->bv[i].bv_page, io->bv[i].bv_offset + n,
					    part);
		}
	}
}

static bool needs_bounce(const struct vbd_io *io)
{
	const struct vbd_target *t = &io->ring->vbd->target;
	u32 i;

	if (t->stable && is_write(io) && io->nr)
		return true;
	for (i = 0; i < io->nr; i++)
		if ((io->bv[i].bv_offset | io->bv[i].bv_len) & t->align_mask)
			return true;
	return false;
}

/* On the domain's bill as long as it has room there: one at its limit is to have its requests done, and not to be killed for them. */
static struct page *bounce_page(void)
{
	return alloc_page(GFP_NOIO | __GFP_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN) ?: alloc_page(GFP_NOIO | __GFP_NOFAIL);
}

/* Single pages and less: these do not fail, and VBD_INFLIGHT_SEGMENTS bounds them. */
static void make_bounce(struct vbd_io *io)
{
	u32 left = bytes_of(io), i, len;

	io->nr_bounce = DIV_ROUND_UP(left, PAGE_SIZE);
	io->bounce = kmalloc_array(io->nr_bounce, sizeof(*io->bounce), GFP_NOIO | __GFP_NOFAIL);
	for (i = 0; i < io->nr_bounce; i++, left -= len) {
		len = min_t(u32, left, PAGE_SIZE);
		bvec_set_page(&io->bounce[i], bounce_page(), len, 0);
	}
	if (is_write(io))
		copy_bounce(io, false);
}

static void end_bounce(struct vbd_io *io)
{
	u32 i;

	if (!io->bounce)
		return;
	if (!io->error && !is_write(io))
		copy_bounce(io, true);
	for (i = 0; i < io->nr_bounce; i++)
		__free_page(io->bounce[i].bv_page);
	kfree(io->bounce);
	io->bounce = NULL;
}

static const struct bio_vec *pieces(const struct vbd_io *io, u32 *ret_nr)
{
	*ret_nr = io->bounce ? io->nr_bounce : io->nr;
	return io->bounce ?: io->bv;
}

/* ---- the end of a request; any context ---- */

static int status_of(int error)
{
	if (!error)
		return BLKIF_RSP_OKAY;
	return error == -EOPNOTSUPP ? BLKIF_RSP_EOPNOTSUPP : BLKIF_RSP_ERROR;
}

static void end_io(struct vbd_io *io)
{
	end_bounce(io);
	/* Only writes that carry nothing, and discards, may be refused for good: a read that is not supported has failed. */
	if (io->nr && io->error == -EOPNOTSUPP)
		io->error = -EIO;
	vbd_ring_done(io, status_of(io->error));
}

/* ---- block devices ---- */

/*
 * What had to wait for a tag, or for a device that is halted, is begun anew by a thread that may. So is what may no longer be asked not
 * to wait: the table of a dm device can change under us.
 */
static void put_pending(struct vbd_io *io)
{
	if (!atomic_dec_and_test(&io->pending))
		return;
	if (io->nowait && (io->error == -EAGAIN || io->error == -EOPNOTSUPP)) {
		io->error = 0;
		vbd_ring_defer(io);
	} else {
		end_io(io);
	}
}

static void bio_ended(struct bio *bio)
{
	struct vbd_io *io = bio->bi_private;

	if (bio->bi_status)
		cmpxchg(&io->error, 0, blk_status_to_errno(bio->bi_status));
	if (bio == &io->bio)
		bio_uninit(bio);
	else
		bio_put(bio);
	put_pending(io);
}

static blk_opf_t bio_operation(const struct vbd_io *io)
{
	blk_opf_t nowait = io->nowait ? REQ_NOWAIT : 0;

	switch (io->kind) {
	case VBD_READ:
		return REQ_OP_READ | nowait;
	case VBD_WRITE:
		return REQ_OP_WRITE | REQ_SYNC | REQ_IDLE | nowait;
	default:	/* a flush that carries data promises that for the data, too */
		return REQ_OP_WRITE | REQ_SYNC | REQ_PREFLUSH | (io->nr ? REQ_FUA : 0);
	}
}

/* The first one of a request, as a rule the only one, is part of it. */
static struct bio *new_bio(struct vbd_io *io, bool first)
{
	struct block_device *bdev = io->ring->vbd->target.bdev;
	struct bio *bio = &io->bio;

	if (first)
		bio_init(bio, bdev, NULL, 0, bio_operation(io));
	else
		bio = bio_alloc_bioset(bdev, 0, bio_operation(io), GFP_NOIO, &vbd_bios);
	bio->bi_private = io;
	bio->bi_end_io = bio_ended;
	atomic_inc(&io->pending);
	return bio;
}

/* As many of the @nr pieces as fit, one at least. They are not copied: they stay where they are (bio_iov_bvec_set() does the same). */
static u32 fill_bio(struct bio *bio, const struct bio_vec *bv, u32 nr, u32 most)
{
	u32 n = 0;

	do
		bio->bi_iter.bi_size += bv[n++].bv_len;
	while (n < nr && bio->bi_iter.bi_size + bv[n].bv_len <= most);
	bio->bi_io_vec = (struct bio_vec *)bv;
	bio->bi_vcnt = n;
	bio_set_flag(bio, BIO_CLONED);
	return n;
}

/*
 * Each bio is submitted before the next is made (bio_alloc_bioset()).
 *
 * @nowait: the kernel does not split bios that may not wait, but gives them back: none is larger than the device takes, then. Where it
 * would be split for another reason it comes back, and is begun anew.
 */
static void submit_bios(struct vbd_io *io, bool nowait)
{
	struct request_queue *q = bdev_get_queue(io->ring->vbd->target.bdev);
	u32 most = nowait ? queue_max_bytes(q) : U32_MAX, most_pieces = nowait ? queue_max_segments(q) : U32_MAX;
	u64 sector = io->nr ? io->sector : 0;
	const struct bio_vec *bv;
	struct bio *bio;
	u32 nr, n, i = 0;

	bv = pieces(io, &nr);
	io->nowait = nowait;
	atomic_set(&io->pending, 1);
	do {
		bio = new_bio(io, !i);
		bio->bi_iter.bi_sector = sector;
		n = nr ? fill_bio(bio, bv + i, min(nr - i, most_pieces), most) : 0;
		sector += bio_sectors(bio);
		submit_bio(bio);
		i += n;
	} while (i < nr);
	put_pending(io);
}

static int discard_disk(struct vbd_io *io)
{
	struct block_device *bdev = io->ring->vbd->target.bdev;

	if (io->secure)
		return blkdev_issue_secure_erase(bdev, io->sector, io->nr_sectors, GFP_NOIO);
	return blkdev_issue_discard(bdev, io->sector, io->nr_sectors, GFP_NOIO);
}

/* ---- files ---- */

static long transfer(struct vbd_io *io, struct iov_iter *iter)
{
	struct file *file = io->iocb.ki_filp;

	return is_write(io) ? file->f_op->write_iter(&io->iocb, iter) : file->f_op->read_iter(&io->iocb, iter);
}

/*
 * Asked not to wait it may also have done a part only (what the page cache had), or cannot be asked that at all: file systems go through the
 * page cache where a file cannot be passed by it (ext4 with data=journal), or for once.
 */
static bool must_wait(const struct vbd_io *io, long result)
{
	return io->nowait && (result == -EAGAIN || result == -EOPNOTSUPP || (result >= 0 && result != bytes_of(io)));
}

static void file_ended(struct kiocb *iocb, long result)
{
	struct vbd_io *io = container_of(iocb, struct vbd_io, iocb);

	if (is_write(io))
		kiocb_end_write(iocb);
	if (must_wait(io, result)) {
		vbd_ring_defer(io);	/* all of it anew */
		return;
	}
	/* Less than all: the file was cut under us, or its medium is full. */
	if (result != bytes_of(io))
		io->error = result < 0 ? result : -EIO;
	end_io(io);
}

static void prepare(struct vbd_io *io, struct iov_iter *iter)
{
	const struct bio_vec *bv;
	u32 nr;

	bv = pieces(io, &nr);
	iov_iter_bvec(iter, is_write(io) ? ITER_SOURCE : ITER_DEST, bv, nr, bytes_of(io));
	init_sync_kiocb(&io->iocb, io->ring->vbd->target.file);
	io->iocb.ki_pos = io->sector << VBD_SECTOR_SHIFT;
	if (is_write(io))
		io->iocb.ki_flags |= IOCB_WRITE;
}

/* Past the page cache: it ends by itself. @nowait: or comes back to be deferred. */
static void submit_file(struct vbd_io *io, bool nowait)
{
	struct iov_iter iter;
	long r;

	prepare(io, &iter);
	io->nowait = nowait;
	if (nowait)
		io->iocb.ki_flags |= IOCB_NOWAIT;
	io->iocb.ki_complete = file_ended;
	if (is_write(io)) {
		if (nowait) {
			if (!sb_start_write_trylock(file_inode(io->iocb.ki_filp)->i_sb)) {
				vbd_ring_defer(io);
				return;
			}
			/* As kiocb_start_write() does; file_ended() takes it back. */
			__sb_writers_release(file_inode(io->iocb.ki_filp)->i_sb, SB_FREEZE_WRITE);
		} else {
			kiocb_start_write(&io->iocb);
		}
	}
	r = transfer(io, &iter);
	if (r != -EIOCBQUEUED)
		file_ended(&io->iocb, r);
}

/* All of it, before it returns. */
static int transfer_all(struct vbd_io *io)
{
	struct iov_iter iter;
	long r = 0;

	prepare(io, &iter);
	if (is_write(io))
		kiocb_start_write(&io->iocb);
	while (iov_iter_count(&iter)) {
		r = transfer(io, &iter);
		if (r <= 0)
			break;
	}
	if (is_write(io))
		kiocb_end_write(&io->iocb);
	if (!iov_iter_count(&iter))
		return 0;
	return r < 0 ? r : -EIO;
}

static int discard_file(struct vbd_io *io)
{
	return vfs_fallocate(io->ring->vbd->target.file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			     io->sector << VBD_SECTOR_SHIFT, io->nr_sectors << VBD_SECTOR_SHIFT);
}

/* All that was answered before is on the medium when this returns; what it carries, too. */
static int flush_file(struct vbd_io *io)
{
	int r = io->nr ? transfer_all(io) : 0;

	return r ?: vfs_fsync_range(io->ring->vbd->target.file, 0, LLONG_MAX, 1);
}

/* ---- both ---- */

void vbd_io_serve(struct vbd_io *io)
{
	const struct vbd_target *t = &io->ring->vbd->target;

	if (t->bdev && io->kind != VBD_DISCARD) {
		submit_bios(io, false);
		return;
	}
	switch (io->kind) {
	case VBD_DISCARD:
		io->error = t->bdev ? discard_disk(io) : discard_file(io);
		break;
	case VBD_FLUSH:
		io->error = flush_file(io);
		break;
	default:
		if (t->direct) {
			submit_file(io, false);
			return;
		}
		io->error = transfer_all(io);
	}
	end_io(io);
}

void vbd_io_begin(struct vbd_io *io)
{
	const struct vbd_target *t = &io->ring->vbd->target;
	bool by_vcpu = io->ring->work.by_vcpu;

	if (needs_bounce(io))
		make_bounce(io);
	if (io->kind == VBD_DISCARD || (io->kind == VBD_FLUSH && by_vcpu))
		vbd_ring_defer(io);
	else if (t->bdev)
		submit_bios(io, by_vcpu);
	else if (t->nowait && io->kind != VBD_FLUSH)
		submit_file(io, true);
	else
		vbd_ring_defer(io);
}
