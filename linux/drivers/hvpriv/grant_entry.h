/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One grant entry of version 1, which a guest may change while we look at it: flags and domid are one word of 32 bits, the frame is
 * the next (xen/grant_table.h). The includer brings Xen's header; the host's unit tests run this very file.
 */
#ifndef HVPRIV_GRANT_ENTRY_H
#define HVPRIV_GRANT_ENTRY_H

#define HV_GRANT_TRIES	5	/* as often as Xen: a guest that writes all the time harms itself */

/*
 * Say in the entry that dom0 uses it. The frame is to be read afterwards: what stands there then was granted.
 *
 * Return: 0; -EACCES: no grant of a whole page to dom0, or one for reading only; -EAGAIN: it changed each time.
 */
static inline int hv_grant_entry_pin(u32 *entry, bool write)
{
	u32 use = GTF_reading | (write ? GTF_writing : 0), old;
	int i;

	for (i = 0; i < HV_GRANT_TRIES; i++) {
		old = READ_ONCE(entry[0]);
		if ((old & (GTF_type_mask | GTF_sub_page)) != GTF_permit_access || old >> 16)
			return -EACCES;
		if (write && (old & GTF_readonly))
			return -EACCES;
		if (cmpxchg(&entry[0], old, old | use) == old)
			return 0;
	}
	return -EAGAIN;
}

/* The last user of these kinds (GTF_reading, GTF_writing) is done. What else the guest wrote there stays. */
static inline void hv_grant_entry_unpin(u32 *entry, u32 use)
{
	__atomic_fetch_and(&entry[0], ~use, __ATOMIC_SEQ_CST);
}

#endif /* HVPRIV_GRANT_ENTRY_H */
