/* SPDX-License-Identifier: GPL-2.0-only */
/* Grant table: the frames, for add_to_physmap. grant_add_frame() is in guest.h. */
#ifndef GUEST_GRANT_TABLE_H
#define GUEST_GRANT_TABLE_H

#include "core/domain.h"

int __must_check grant_init(struct domain *d, hpa_t page);
void grant_destroy(struct domain *d);
/*
 * Make frame @idx be there; -XEN_ENOMEM with h->need_ram: ask dom0 and come again. -XEN_EINVAL: beyond the maximum.
 * Context: physmap lock held, so only one vCPU grows the table.
 */
struct hcall;
int __must_check grant_grow(struct hcall *h, uint64_t idx);
/* Frame @idx; INVALID_MFN when there is none. */
mfn_t grant_frame(struct domain *d, uint64_t idx);

#endif
