/* SPDX-License-Identifier: GPL-2.0-only */
/* A domain's frames between dom0 and the guest, and the calls on domains' lives. For dom0_call.c. */
#ifndef CORE_DOMAIN_MEM_H
#define CORE_DOMAIN_MEM_H

#include "core/domain.h"

#define STOCK_MAX	250

/* One pool page: frames on their way to or from the guest. domain lock. */
struct domain_mem {
	uint32_t nr_stock, nr_returned;
	uint64_t stock[STOCK_MAX], returned[STOCK_MAX];
};

int64_t domain_create(const struct zendo_domain_create *c);
int domain_kill(struct domain *d);
int domain_free(struct domain *d);
int vcpu_create(struct domain *d, uint32_t id, uint64_t run, uint64_t posted);
uint32_t domain_count(void);

/* One extent each; see ZCALL_DONATE, ZCALL_RECLAIM. */
int domain_donate(struct domain *d, const struct zendo_extent *e);
int domain_reclaim(struct domain *d, const struct zendo_extent *e);
/* Up to @nr frames that the guest gave up become dom0's; returns how many. */
uint32_t domain_returned(struct domain *d, uint64_t *hpas, uint32_t nr);

/* VCPU_RUN, GET, SET. */
int64_t vcpu_run(struct vcpu *v);
int vcpu_get_state(struct vcpu *v, struct zendo_vcpu_state *s);
int vcpu_set_state(struct vcpu *v, const struct zendo_vcpu_state *s);

#endif
