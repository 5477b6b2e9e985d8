// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/hvgntdev: pages that guests grant to dom0, mapped by its programs, with the requests of Linux's <xen/gntdev.h>, so that
 * libxengnttab runs on it.
 *
 * MAP_GRANT_REF makes a record and gives it an offset, mmap() pins the grants of a whole record, the last munmap() lets them go.
 * The pages have references of their own: when the guest dies the mapping stays what it is, and nothing else can be mapped.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <xen/interface/xen.h>
#include <xen/interface/grant_table.h>
#include <uapi/xen/gntdev.h>

#include "compat/mm.h"
#include "gntdev.h"
#include "hvpriv_backend.h"
#include "local_port.h"
#include "main.h"

#define MAX_GRANTS	65536U
#define MAX_INDEX	BIT_ULL(32)	/* far from what vm_pgoff can hold */

static unsigned int gntdev_limit = MAX_GRANTS;
module_param(gntdev_limit, uint, 0644);
MODULE_PARM_DESC(gntdev_limit, "Most grants that one descriptor of /dev/hvgntdev may have mapped (default and maximum 65536)");

struct gnt_file {
	struct mutex lock;		/* all of it, and the maps; no user memory is touched under it */
	struct list_head maps;		/* by index */
	unsigned int nr_grants, max_grants;	/* of maps that exist, mapped or not */
};

/* Grants in a row of the same domain. */
struct gnt_run {
	struct hv_peer *peer;
	u32 first, nr;
};

struct gnt_map {
	struct gnt_file *file;
	struct list_head node;		/* file->maps, until UNMAP_GRANT_REF */
	refcount_t ref;			/* the list's and the mapping's */
	u64 index;			/* in pages */
	u32 count;
	unsigned int nr_vmas;		/* 0: not mapped, nothing pinned */
	bool writable;
	struct hv_grant *grants;
	struct gnt_run *runs;
	u32 nr_runs;

	/* SET_UNMAP_NOTIFY */
	u32 notify;			/* UNMAP_NOTIFY_* */
	u64 notify_byte;		/* from the start of the map */
	struct hv_local_port *notify_port;
};

/* ---- maps ---------------------------------------------------------------------------------- */

/* Context: the last reference, so no mapping. Under mmap_lock when the record went before the mapping. */
static void map_free(struct gnt_map *map)
{
	u32 i;

	if (map->notify_port) {
		hv_local_port_post(map->notify_port);
		hv_local_port_put(map->notify_port);
	}
	for (i = 0; i < map->nr_runs; i++)
		hv_peer_close(map->runs[i].peer);
	kvfree(map->runs);
	kvfree(map->grants);
	kfree(map);
}

static void map_put(struct gnt_map *map)
{
	struct gnt_file *f = map->file;

	lockdep_assert_held(&f->lock);
	if (!refcount_dec_and_test(&map->ref))
		return;
	f->nr_grants -= map->count;
	map_free(map);
}

/* Peers for the domains in @refs, which are grouped as they come. */
static int map_open_peers(struct gnt_map *map, const struct ioctl_gntdev_grant_ref *refs)
{
	struct gnt_run *run;
	u32 i, runs = 1;

	for (i = 1; i < map->count; i++)
		runs += refs[i].domid != refs[i - 1].domid;
	map->runs = kvcalloc(runs, sizeof(*map->runs), GFP_KERNEL_ACCOUNT);
	if (!map->runs)
		return -ENOMEM;
	for (i = 0; i < map->count; i++) {
		if (!i || refs[i].domid != refs[i - 1].domid) {
			run = &map->runs[map->nr_runs];
			run->peer = hv_peer_open(refs[i].domid, NULL, NULL);
			if (IS_ERR(run->peer))
				return PTR_ERR(run->peer);
			run->first = i;
			map->nr_runs++;
		}
		map->runs[map->nr_runs - 1].nr++;
		map->grants[i].ref = refs[i].ref;
	}
	return 0;
}

static struct gnt_map *map_new(struct gnt_file *f, const struct ioctl_gntdev_grant_ref *refs, u32 count)
{
	struct gnt_map *map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	int r = -ENOMEM;

	if (!map)
		return ERR_PTR(r);
	map->file = f;
	map->count = count;
	refcount_set(&map->ref, 1);
	map->grants = kvcalloc(count, sizeof(*map->grants), GFP_KERNEL_ACCOUNT);
	if (map->grants)
		r = map_open_peers(map, refs);
	if (r) {
		map_free(map);
		return ERR_PTR(r);
	}
	return map;
}

/* At the lowest offset where it fits. */
static int map_enter(struct gnt_file *f, struct gnt_map *map)
{
	struct gnt_map *at;
	u64 index = 0;

	lockdep_assert_held(&f->lock);
	if (map->count > f->max_grants || f->nr_grants > f->max_grants - map->count)
		return -ENOSPC;
	list_for_each_entry(at, &f->maps, node) {
		if (at->index - index >= map->count)
			break;
		index = at->index + at->count;
	}
	if (index + map->count > MAX_INDEX)
		return -ENOSPC;
	map->index = index;
	list_add_tail(&map->node, &at->node);
	f->nr_grants += map->count;
	return 0;
}

static struct gnt_map *map_find(struct gnt_file *f, u64 index, u64 count)
{
	struct gnt_map *map;

	lockdep_assert_held(&f->lock);
	list_for_each_entry(map, &f->maps, node)
		if (map->index == index)
			return map->count == count ? map : NULL;
	return NULL;
}

/* All or none. */
static int map_pin(struct gnt_map *map, bool write)
{
	struct gnt_run *run;
	u32 i;
	int r;

	for (i = 0; i < map->count; i++)
		map->grants[i].write = write;
	for (i = 0; i < map->nr_runs; i++) {
		run = &map->runs[i];
		r = hv_grant_get(run->peer, &map->grants[run->first], run->nr);
		if (r)
			goto undo;
	}
	map->writable = write;
	return 0;

undo:
	while (i--) {
		run = &map->runs[i];
		hv_grant_put(run->peer, &map->grants[run->first], run->nr, false);
	}
	/* Not -EAGAIN: libxengnttab would ask again for ever. */
	return r == -EAGAIN ? -EIO : r;
}

/* The byte is cleared while the page is ours; the event says that it is not any more. */
static void map_unpin(struct gnt_map *map)
{
	struct page *page;
	u32 i;

	if ((map->notify & UNMAP_NOTIFY_CLEAR_BYTE) && map->writable) {
		page = map->grants[map->notify_byte >> PAGE_SHIFT].page;
		WRITE_ONCE(*(u8 *)(page_address(page) + offset_in_page(map->notify_byte)), 0);
		smp_wmb();	/* the byte before the grant's end, and the event */
	}
	for (i = 0; i < map->nr_runs; i++)
		hv_grant_put(map->runs[i].peer, &map->grants[map->runs[i].first], map->runs[i].nr, map->writable);
	if (map->notify_port) {
		hv_local_port_post(map->notify_port);
		hv_local_port_put(map->notify_port);
		map->notify_port = NULL;
	}
	map->notify = 0;
}

/* ---- mmap ---------------------------------------------------------------------------------- */

/* A mapping was split or moved. */
static void gnt_vm_open(struct vm_area_struct *vma)
{
	struct gnt_map *map = vma->vm_private_data;

	mutex_lock(&map->file->lock);
	map->nr_vmas++;
	mutex_unlock(&map->file->lock);
}

/* Its entries are gone from the page tables. */
static void gnt_vm_close(struct vm_area_struct *vma)
{
	struct gnt_map *map = vma->vm_private_data;
	struct gnt_file *f = map->file;

	mutex_lock(&f->lock);
	if (!--map->nr_vmas) {
		map_unpin(map);
		map_put(map);
	}
	mutex_unlock(&f->lock);
}

static vm_fault_t gnt_fault(struct vm_fault *vmf)
{
	struct gnt_map *map = vmf->vma->vm_private_data;
	u64 i = vmf->pgoff - map->index;

	if (i >= map->count)
		return VM_FAULT_SIGBUS;
	/* Pinned for as long as there is a mapping. */
	vmf->page = map->grants[i].page;
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct gnt_vm_ops = {
	.open	= gnt_vm_open,
	.close	= gnt_vm_close,
	.fault	= gnt_fault,
};

static int gnt_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct gnt_file *f = file->private_data;
	struct gnt_map *map;
	int r;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	mutex_lock(&f->lock);
	map = map_find(f, vma->vm_pgoff, vma_pages(vma));
	if (!map)
		r = -EINVAL;
	else if (map->nr_vmas)
		r = -EBUSY;
	else
		r = map_pin(map, vma->vm_flags & VM_WRITE);
	if (!r) {
		map->nr_vmas = 1;
		refcount_inc(&map->ref);
		vma->vm_private_data = map;
	}
	mutex_unlock(&f->lock);
	if (r)
		return r;
	/* A child has no part in it, as under Xen; pinned for reading stays so. */
	hv_vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY);
	if (!(vma->vm_flags & VM_WRITE))
		hv_vm_flags_clear(vma, VM_MAYWRITE);
	vma->vm_ops = &gnt_vm_ops;
	return 0;
}

/* ---- requests ------------------------------------------------------------------------------ */

static int map_grant_ref(struct gnt_file *f, struct ioctl_gntdev_map_grant_ref __user *arg)
{
	struct ioctl_gntdev_grant_ref *refs;
	struct gnt_map *map;
	u64 index;
	u32 count;
	int r;

	if (get_user(count, &arg->count))
		return -EFAULT;
	if (!count || count > MAX_GRANTS)
		return -EINVAL;
	refs = vmemdup_user(arg->refs, count * sizeof(*refs));
	if (IS_ERR(refs))
		return PTR_ERR(refs);
	map = map_new(f, refs, count);
	kvfree(refs);
	if (IS_ERR(map))
		return PTR_ERR(map);
	mutex_lock(&f->lock);
	r = map_enter(f, map);
	index = map->index << PAGE_SHIFT;
	mutex_unlock(&f->lock);
	if (r) {
		map_free(map);
		return r;
	}
	/* Nobody was told of it when this fails: it goes with the descriptor. */
	return copy_to_user(&arg->index, &index, sizeof(index)) ? -EFAULT : 0;
}

static int unmap_grant_ref(struct gnt_file *f, const struct ioctl_gntdev_unmap_grant_ref __user *arg)
{
	struct ioctl_gntdev_unmap_grant_ref u;
	struct gnt_map *map = NULL;

	if (copy_from_user(&u, arg, sizeof(u)))
		return -EFAULT;
	mutex_lock(&f->lock);
	if (!offset_in_page(u.index))
		map = map_find(f, u.index >> PAGE_SHIFT, u.count);
	if (map) {
		list_del(&map->node);
		map_put(map);
	}
	mutex_unlock(&f->lock);
	return map ? 0 : -ENOENT;
}

static int offset_for_vaddr(struct file *file, struct ioctl_gntdev_get_offset_for_vaddr __user *arg)
{
	struct ioctl_gntdev_get_offset_for_vaddr o;
	struct vm_area_struct *vma;
	struct gnt_map *map;
	int r = -EINVAL;

	if (copy_from_user(&o, arg, sizeof(o)))
		return -EFAULT;
	mmap_read_lock(current->mm);
	vma = find_vma(current->mm, o.vaddr);
	if (vma && vma->vm_start <= o.vaddr && vma->vm_file == file && vma->vm_ops == &gnt_vm_ops) {
		map = vma->vm_private_data;
		o.offset = map->index << PAGE_SHIFT;
		o.count = map->count;
		r = 0;
	}
	mmap_read_unlock(current->mm);
	if (!r && copy_to_user(arg, &o, sizeof(o)))
		r = -EFAULT;
	return r;
}

static int set_max_grants(struct gnt_file *f, const struct ioctl_gntdev_set_max_grants __user *arg)
{
	struct ioctl_gntdev_set_max_grants m;

	if (copy_from_user(&m, arg, sizeof(m)))
		return -EFAULT;
	if (m.count > min(READ_ONCE(gntdev_limit), MAX_GRANTS))
		return -EINVAL;
	mutex_lock(&f->lock);
	f->max_grants = m.count;
	mutex_unlock(&f->lock);
	return 0;
}

static struct gnt_map *map_around(struct gnt_file *f, u64 page)
{
	struct gnt_map *map;

	lockdep_assert_held(&f->lock);
	list_for_each_entry(map, &f->maps, node)
		if (page - map->index < map->count)
			return map;
	return NULL;
}

static int set_unmap_notify(struct gnt_file *f, const struct ioctl_gntdev_unmap_notify __user *arg)
{
	struct hv_local_port *port = NULL;
	struct ioctl_gntdev_unmap_notify n;
	struct gnt_map *map;
	int r = 0;

	if (copy_from_user(&n, arg, sizeof(n)))
		return -EFAULT;
	if (n.action & ~(u32)(UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT))
		return -EINVAL;
	if (n.action & UNMAP_NOTIFY_SEND_EVENT) {
		port = hv_local_port_get(n.event_channel_port);
		if (!port)
			return -EINVAL;
	}
	mutex_lock(&f->lock);
	map = map_around(f, n.index >> PAGE_SHIFT);
	if (!map) {
		r = -ENOENT;
	} else if ((n.action & UNMAP_NOTIFY_CLEAR_BYTE) && map->nr_vmas && !map->writable) {
		r = -EINVAL;
	} else {
		swap(map->notify_port, port);
		map->notify = n.action;
		map->notify_byte = n.index - (map->index << PAGE_SHIFT);
	}
	mutex_unlock(&f->lock);
	if (port)
		hv_local_port_put(port);
	return r;
}

static long gnt_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct gnt_file *f = file->private_data;
	void __user *p = (void __user *)arg;

	switch (cmd) {
	case IOCTL_GNTDEV_MAP_GRANT_REF:
		return map_grant_ref(f, p);
	case IOCTL_GNTDEV_UNMAP_GRANT_REF:
		return unmap_grant_ref(f, p);
	case IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR:
		return offset_for_vaddr(file, p);
	case IOCTL_GNTDEV_SET_MAX_GRANTS:
		return set_max_grants(f, p);
	case IOCTL_GNTDEV_SET_UNMAP_NOTIFY:
		return set_unmap_notify(f, p);
	case IOCTL_GNTDEV_GRANT_COPY:
		return hv_gntdev_copy(p);
	}
	return -ENOTTY;		/* DMA buffers among them */
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static int gnt_open(struct inode *inode, struct file *file)
{
	struct gnt_file *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);

	if (!f)
		return -ENOMEM;
	mutex_init(&f->lock);
	INIT_LIST_HEAD(&f->maps);
	f->max_grants = min(READ_ONCE(gntdev_limit), MAX_GRANTS);
	file->private_data = f;
	return 0;
}

/* Each mapping holds the file, so none is left. */
static int gnt_release(struct inode *inode, struct file *file)
{
	struct gnt_file *f = file->private_data;
	struct gnt_map *map, *next;

	mutex_lock(&f->lock);
	list_for_each_entry_safe(map, next, &f->maps, node) {
		list_del(&map->node);
		map_put(map);
	}
	mutex_unlock(&f->lock);
	kfree(f);
	return 0;
}

static const struct file_operations gnt_fops = {
	.owner		= THIS_MODULE,
	.open		= gnt_open,
	.release	= gnt_release,
	.llseek		= noop_llseek,
	.mmap		= gnt_mmap,
	.unlocked_ioctl	= gnt_ioctl,
};

struct miscdevice hv_gntdev_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "hvgntdev",
	.fops	= &gnt_fops,
	.mode	= 0600,
};
