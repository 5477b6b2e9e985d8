// SPDX-License-Identifier: GPL-2.0-only
/* memory_op: what changes no physical map. The map of RAM that a guest is told, counts, and what is refused. */
#define __XEN_TOOLS__ 1	/* names of commands that are refused */
#include "guest/hypercall.h"
#include "guest/compat.h"
#include "guest/guest.h"
#include <xen/hvm/e820.h>
#include <xen/memory.h>

struct e820_entry {
	uint64_t addr, size;
	uint32_t type;
} __packed;	/* as XENMEM_memory_map has it */
_Static_assert(sizeof(struct e820_entry) == 20, "guest-abi 5.2");

/* ---- memory map ---- */

static int get_map(struct hcall *h, uint64_t ptr, uint32_t *ret_nr, uint64_t *ret_buffer)
{
	struct xen_memory_map m;
	struct compat_memory_map c;

	if (h->wide) {
		if (hcall_get(h, ptr, &m, sizeof(m)))
			return -XEN_EFAULT;
		*ret_nr = m.nr_entries;
		*ret_buffer = (uint64_t)m.buffer.p;
		return 0;
	}
	if (hcall_get(h, ptr, &c, sizeof(c)))
		return -XEN_EFAULT;
	*ret_nr = c.nr_entries;
	*ret_buffer = c.buffer;
	return 0;
}

static int64_t memory_map(struct hcall *h)
{
	struct domain *d = h->v->d;
	uint64_t buffer;
	uint32_t nr;

	if (get_map(h, h->arg[1], &nr, &buffer))
		return -XEN_EFAULT;
	if (!d->g.nr_memmap)
		return -XEN_ENOSYS;
	nr = MIN(nr, READ_ONCE(d->g.nr_memmap));
	for (uint32_t i = 0; i < nr; i++) {
		struct e820_entry e = { d->g.memmap[i].addr, d->g.memmap[i].size, d->g.memmap[i].type };

		if (hcall_put(h, buffer + i * sizeof(e), &e, sizeof(e)))
			return -XEN_EFAULT;
	}
	/* nr_entries is the first field of both layouts. */
	return hcall_put(h, h->arg[1], &nr, sizeof(nr));
}

/* A boot loader hands its edited map to the next kernel this way. */
static int64_t set_memory_map(struct hcall *h)
{
	struct domain *d = h->v->d;
	uint64_t map = h->arg[1] + (h->wide ? offsetof(struct xen_foreign_memory_map, map)
					    : offsetof(struct compat_foreign_memory_map, map));
	uint64_t buffer;
	uint32_t nr;
	domid_t id;
	int rc;

	if (hcall_get(h, h->arg[1], &id, sizeof(id)) || get_map(h, map, &nr, &buffer))
		return -XEN_EFAULT;
	if (nr > MEMMAP_MAX)
		return -XEN_EINVAL;
	rc = only_self(d, id);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < nr; i++) {
		struct e820_entry e;

		if (hcall_get(h, buffer + i * sizeof(e), &e, sizeof(e)))
			return -XEN_EFAULT;
		d->g.memmap[i] = (struct zendo_memmap_entry){ e.addr, e.size, e.type, 0 };
	}
	WRITE_ONCE(d->g.nr_memmap, nr);
	return 0;
}

int guest_memmap_set(struct domain *d, const struct zendo_memmap_entry *e, uint32_t nr)
{
	if (nr > MEMMAP_MAX)
		return -XEN_EINVAL;
	memcpy(d->g.memmap, e, nr * sizeof(*e));
	WRITE_ONCE(d->g.nr_memmap, nr);
	return 0;
}

/* ---- counts ---- */

static int64_t highest_ram_gfn(const struct domain *d)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < d->g.nr_memmap; i++) {
		const struct zendo_memmap_entry *e = &d->g.memmap[i];

		if (e->type == 1 && e->size && e->addr + e->size > end)
			end = e->addr + e->size;
	}
	return end ? (int64_t)((end - 1) >> PAGE_SHIFT) : -XEN_ENOSYS;
}

static int64_t reservation(struct hcall *h, uint32_t cmd)
{
	struct domain *d = h->v->d;
	domid_t id;
	int rc;

	if (hcall_get(h, h->arg[1], &id, sizeof(id)))
		return -XEN_EFAULT;
	rc = only_self(d, id);
	if (rc)
		return rc;
	switch (cmd) {
	case XENMEM_current_reservation:
		return (int64_t)READ_ONCE(d->nr_pages);
	case XENMEM_maximum_reservation:
		return (int64_t)d->max_pages;
	default:
		return highest_ram_gfn(d);
	}
}

/* No domain has virtual NUMA nodes. */
static int64_t get_vnumainfo(struct hcall *h)
{
	struct { domid_t domid; uint16_t pad; } a;	/* the first fields of both layouts */
	int rc;

	if (hcall_get(h, h->arg[1], &a, sizeof(a)))
		return -XEN_EFAULT;
	if (a.pad)
		return -XEN_EINVAL;
	rc = only_self(h->v->d, a.domid);
	return rc ? rc : -XEN_EOPNOTSUPP;
}

/* Of one's own or another's: these are the toolstack's. */
static int64_t pod_target(struct hcall *h)
{
	domid_t id;

	if (hcall_get(h, h->arg[1] + offsetof(struct xen_pod_target, domid), &id, sizeof(id)))
		return -XEN_EFAULT;
	return is_self(h->v->d, id) || !id ? -XEN_EPERM : -XEN_ESRCH;
}

int64_t memory_query(struct hcall *h, uint32_t cmd)
{
	switch (cmd) {
	case XENMEM_memory_map:
		return memory_map(h);
	case XENMEM_set_memory_map:
		return set_memory_map(h);
	case XENMEM_maximum_ram_page:	/* the host's, in Xen; how much RAM there is tells a guest nothing it needs */
		return (int64_t)p2m_max_gfn(h->v->d);
	case XENMEM_current_reservation:
	case XENMEM_maximum_reservation:
	case XENMEM_maximum_gpfn:
		return reservation(h, cmd);
	case XENMEM_get_vnumainfo:
		return get_vnumainfo(h);
	case XENMEM_set_pod_target:
	case XENMEM_get_pod_target:
		return pod_target(h);
	case XENMEM_access_op:		/* of another domain, never of one's own */
		return -XEN_EPERM;
	case XENMEM_acquire_resource:	/* not with nested paging, as long as Xen counts no references there */
		return -XEN_EACCES;
	default:
		return -XEN_ENOSYS;
	}
}
