/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reaching guest memory. Every access is checked and can fail; nothing of the guest stays mapped
 * except what guest_pin() holds.
 */
#ifndef CORE_GUEST_MEM_H
#define CORE_GUEST_MEM_H

#include "core/domain.h"

/* Guest-physical. -XEN_EFAULT when any byte is not backed by (writable) guest memory; may have copied a part. */
int __must_check gpa_read(struct domain *d, gpa_t addr, void *buf, size_t len);
int __must_check gpa_write(struct domain *d, gpa_t addr, const void *buf, size_t len);

/*
 * Guest-linear, by @v's current paging mode and page tables, with supervisor rights; page by page. @v is the caller's own
 * vCPU. Not atomic against other vCPUs: copy once, check the copy.
 */
int __must_check gva_read(struct vcpu *v, gva_t addr, void *buf, size_t len);
int __must_check gva_write(struct vcpu *v, gva_t addr, const void *buf, size_t len);
int __must_check gva_to_gpa(struct vcpu *v, gva_t addr, bool write, gpa_t *ret);
/*
 * The same with the rights an instruction of @v has now, for one byte. -XEN_EFAULT: a page fault with *ret_error; -XEN_EINVAL: not
 * canonical. Reserved bits of the tables are not looked at, accessed and dirty bits not set.
 */
int __must_check gva_access(struct vcpu *v, gva_t addr, bool write, gpa_t *ret, uint32_t *ret_error);

/*
 * A permanent host mapping of [addr, addr + len) inside one guest page (vcpu_info, time areas). The
 * frame stays owned while pinned: guest_unmap of it by the guest is refused with -XEN_EBUSY until then.
 */
int __must_check guest_pin(struct domain *d, gpa_t addr, size_t len, struct guest_pin *ret);
void guest_unpin(struct domain *d, struct guest_pin *p);

/*
 * The guest's physical map.
 * p2m_map: make @gfn show @mfn (4 KiB). The caller saw that @gfn is free (p2m_lookup) or removed it. -XEN_ENOMEM: pool.
 * p2m_unmap: remove; the frame that was there is returned (INVALID_MFN = nothing). No flush: caller does domain_flush_tlb().
 * Both under the physmap lock: dom0's gfn table follows.
 */
enum p2m_type { P2M_NONE, P2M_RAM, P2M_SPECIAL, P2M_GRANT, P2M_FOREIGN /* another domain's, by its grant */ };
struct p2m_entry {
	mfn_t		mfn;
	enum p2m_type	type;
	bool		writable;
};
struct p2m_entry p2m_lookup(struct domain *d, gfn_t g);
int __must_check p2m_map(struct domain *d, gfn_t g, mfn_t m, enum p2m_type type, bool writable);
mfn_t p2m_unmap(struct domain *d, gfn_t g, enum p2m_type *ret_type);
/*
 * A frame by a grant: of another domain, or the domain's own RAM a second time. Never executable, never seen by dom0's table. Whoever maps it
 * holds it until the flush after its removal; p2m_unmap() refuses it as long. Physmap lock.
 * map: -XEN_EEXIST, -XEN_ENOMEM, -XEN_EINVAL. unmap, replace: false when @g does not show @m.
 */
int __must_check p2m_map_grant(struct domain *d, gfn_t g, mfn_t m, bool writable);
bool p2m_unmap_grant(struct domain *d, gfn_t g, mfn_t m);
bool p2m_replace_grant(struct domain *d, gfn_t g, mfn_t m, mfn_t by);
/* Hold the RAM at @g of @d, which stays there meanwhile. Takes the physmap lock. -XEN_EFAULT: no (writable) RAM; as frame_hold(). */
int __must_check ram_hold(struct domain *d, gfn_t g, bool write, mfn_t *ret);
void ram_release(mfn_t m);
/* A look at a frame that the domain keeps (grant and status frames): until the next call of any accessor here. */
void *frame_look(mfn_t m);
/* Highest gfn that can be mapped at all (physical address width told to the guest). */
uint64_t p2m_max_gfn(const struct domain *d);

/*
 * RAM of the domain that its guest gave up (decrease_reservation, page replaced by a special one): goes to the returned list; dom0 fetches
 * it. And the stock dom0 filled for populate: INVALID_MFN when empty (then vcpu_need_pages()).
 */
void ram_return(struct domain *d, mfn_t m);
mfn_t ram_take(struct domain *d);
mfn_t grant_take(struct domain *d);	/* likewise, to become a grant frame */

/*
 * A permanent mapping of one page of dom0's own RAM that both sides use (run pages, posted pages, hints). -XEN_EFAULT: not dom0's;
 * -XEN_ENOMEM: no pool page, no slot. The frame is held: dom0 cannot donate it meanwhile.
 */
int __must_check dom0_page_map(hpa_t page, void **ret);
void dom0_page_unmap(void *va);

#endif
