/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table in which dom0 looks the guest's RAM up (struct zendo_gfn_root). Follows the nested table: who changes that one for RAM
 * prepares here first, and sets afterwards. Context of all: physmap lock held, except as said.
 */
#ifndef CORE_GFN_TABLE_H
#define CORE_GFN_TABLE_H

#include "core/domain.h"

/* At creation; @root 0: nothing is published. -XEN_ENOMEM, -XEN_EFAULT. No lock. */
int __must_check gfn_table_init(struct domain *d, hpa_t root);
/* Take a page of dom0's for the table, or none when @page is 0; returns how many more it takes, or -errno. No lock held. */
int64_t gfn_table_give(struct domain *d, hpa_t page);
/* Make gfn_table_set() of @g (or with @order 9: of the 512 from there) possible; what is published stays. -XEN_ENOMEM: pages. */
int __must_check gfn_table_prepare(struct domain *d, gfn_t g, unsigned int order);
/* Publish; INVALID_MFN: nothing is there any more, before the frame can go to anybody else. */
void gfn_table_set(struct domain *d, gfn_t g, unsigned int order, mfn_t m);
/* Let dom0's pages go, at most @budget in one call; true when none is left. Dying domain: no lock. */
bool gfn_table_free(struct domain *d, unsigned int budget);

#endif
