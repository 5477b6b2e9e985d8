/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One grant entry, which a guest may change while we look at it (xen/grant_table.h). Flags and domid are one word of 32 bits. Version 1:
 * our marks are among the flags, the frame is the next word. Version 2: our marks are in a word of their own, the frame is at byte 8. The
 * includer brings Xen's header; the host's unit tests run this very file.
 */
#ifndef HVPRIV_GRANT_ENTRY_H
#define HVPRIV_GRANT_ENTRY_H

#define HV_GRANT_TRIES	5	/* as often as Xen: a guest that writes all the time harms itself */

struct hv_grant_entry {
	u32 *word;
	u16 *status;		/* NULL: version 1 */
};

/* A whole page, to dom0. */
static inline bool hv_grant_permits(u32 word, bool write)
{
	return (word & (GTF_type_mask | GTF_sub_page)) == GTF_permit_access && !(word >> 16) && !(write && (word & GTF_readonly));
}

static inline int hv_grant_pin_v1(u32 *word, u32 use, bool write)
{
	u32 old;
	int i;

	for (i = 0; i < HV_GRANT_TRIES; i++) {
		old = READ_ONCE(*word);
		if (!hv_grant_permits(old, write))
			return -EACCES;
		if (cmpxchg(word, old, old | use) == old)
			return 0;
	}
	return -EAGAIN;
}

/* The guest clears its flags, then looks at our marks; we set those, full barrier, then look at the flags once more. */
static inline int hv_grant_pin_v2(const struct hv_grant_entry *e, u32 use, bool write)
{
	u16 before;

	if (!hv_grant_permits(READ_ONCE(*e->word), write))
		return -EACCES;
	before = __atomic_fetch_or(e->status, (u16)use, __ATOMIC_SEQ_CST);
	if (hv_grant_permits(READ_ONCE(*e->word), write))
		return 0;
	__atomic_fetch_and(e->status, (u16)~(use & ~before), __ATOMIC_SEQ_CST);
	return -EACCES;
}

/*
 * Say in the entry that dom0 uses it. The frame is to be read afterwards: what stands there then was granted.
 *
 * Return: 0; -EACCES: no grant of a whole page to dom0, or one for reading only; -EAGAIN: it changed each time.
 */
static inline int hv_grant_entry_pin(const struct hv_grant_entry *e, bool write)
{
	u32 use = GTF_reading | (write ? GTF_writing : 0);

	return e->status ? hv_grant_pin_v2(e, use, write) : hv_grant_pin_v1(e->word, use, write);
}

/* The last user of these kinds (GTF_reading, GTF_writing) is done. What else the guest wrote there stays. */
static inline void hv_grant_entry_unpin(const struct hv_grant_entry *e, u32 use)
{
	if (e->status)
		__atomic_fetch_and(e->status, (u16)~use, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(e->word, ~use, __ATOMIC_SEQ_CST);
}

static inline u64 hv_grant_entry_frame(const struct hv_grant_entry *e)
{
	return e->status ? READ_ONCE(*(u64 *)(e->word + 2)) : READ_ONCE(e->word[1]);
}

#endif /* HVPRIV_GRANT_ENTRY_H */
