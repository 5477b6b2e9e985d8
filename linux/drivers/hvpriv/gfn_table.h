/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looking a guest's frame up in the table the hypervisor publishes (struct zendo_gfn_root). Without a lock; what was found may be gone
 * at once: who wants to use the page takes a reference and looks again. The host's unit tests run this very file.
 */
#ifndef HVPRIV_GFN_TABLE_H
#define HVPRIV_GFN_TABLE_H

#include <zendo/abi.h>

#define HV_GFN_ADDR	0x000ffffffffff000ULL

/* Host-physical address of the frame at @gfn | ZENDO_GFN_VALID, or 0. @at: where a page of the table is mapped. */
static inline uint64_t hv_gfn_find(const struct zendo_gfn_root *root, uint64_t gfn, const uint64_t *(*at)(uint64_t hpa))
{
	uint64_t e;

	if (gfn >= READ_ONCE(root->nr_gfns))
		return 0;
	e = READ_ONCE(root->entry[gfn >> 18]);
	if (!e)
		return 0;
	e = READ_ONCE(at(e & HV_GFN_ADDR)[(gfn >> 9) & 511]);
	if (!(e & ZENDO_GFN_VALID))
		return 0;
	if (e & ZENDO_GFN_BLOCK)
		return (e & HV_GFN_ADDR) + ((gfn & 511) << 12) + ZENDO_GFN_VALID;
	e = READ_ONCE(at(e & HV_GFN_ADDR)[gfn & 511]);
	return e & ZENDO_GFN_VALID ? e : 0;
}

/*
 * The same with a reference to the frame: 0, or what was found. Who takes a frame away takes it out of the table first, then looks at its
 * references; so either it sees ours, or we see it gone.
 *
 * @get: one more reference, unless there is none; what is there may be somebody else's by now. Orders what follows. @put: the opposite.
 */
static inline uint64_t hv_gfn_hold(const struct zendo_gfn_root *root, uint64_t gfn, const uint64_t *(*at)(uint64_t hpa),
				   bool (*get)(uint64_t e), void (*put)(uint64_t e))
{
	uint64_t e = hv_gfn_find(root, gfn, at);

	if (!e || !get(e))
		return 0;
	if (hv_gfn_find(root, gfn, at) == e)
		return e;
	put(e);
	return 0;
}

#endif
