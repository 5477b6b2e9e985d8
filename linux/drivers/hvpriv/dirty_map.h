/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which frames of a guest dom0 wrote (F24): a bit for each, in a map for each GiB in which there was memory when that began. Any number of
 * threads mark, one takes. The host's unit tests run this very file.
 */
#ifndef HVPRIV_DIRTY_MAP_H
#define HVPRIV_DIRTY_MAP_H

#define HV_DIRTY_GIBS		510		/* as zendo_gfn_root has them */
#define HV_DIRTY_GFNS		(1UL << 18)	/* of a GiB */
#define HV_DIRTY_WORDS		(HV_DIRTY_GFNS / 64)

struct hv_dirty_map {
	unsigned long *gib[HV_DIRTY_GIBS];
	bool beyond;				/* one was written that is in no map: it came later */
};

/* Whoever reads the page after the bit was taken sees what was written before. */
static inline void hv_dirty_mark(struct hv_dirty_map *m, u64 gfn)
{
	unsigned long *map = gfn / HV_DIRTY_GFNS < HV_DIRTY_GIBS ? m->gib[gfn / HV_DIRTY_GFNS] : NULL;

	if (!map) {
		WRITE_ONCE(m->beyond, true);
		return;
	}
	smp_mb__before_atomic();
	set_bit(gfn % HV_DIRTY_GFNS, map);
}

/* The bits of 64 frames from @gfn on, which is a multiple of 64; they are 0 then. */
static inline u64 hv_dirty_take(struct hv_dirty_map *m, u64 gfn)
{
	unsigned long *map = gfn / HV_DIRTY_GFNS < HV_DIRTY_GIBS ? m->gib[gfn / HV_DIRTY_GFNS] : NULL;

	return map && READ_ONCE(map[gfn % HV_DIRTY_GFNS / 64]) ? xchg(&map[gfn % HV_DIRTY_GFNS / 64], 0) : 0;
}

#endif /* HVPRIV_DIRTY_MAP_H */
