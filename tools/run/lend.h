/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads that work for the domain's devices in the kernel (HVPRIV_DOM_LEND): they are ours, so what its disks and networks cost is on the
 * bill of the domain's cgroup, and ends with it.
 */
#ifndef RUN_LEND_H
#define RUN_LEND_H

#include "cleanup.h"

struct lent;

/*
 * First at most one for each of @vcpus and each CPU, and LENT_FIRST; the kernel asks for more when all of them wait for disks, up to LENT_MOST.
 * Borrows @dom, which is to live longer.
 */
#define LENT_FIRST	4
#define LENT_MOST	32
int lent_start(int dom, unsigned vcpus, struct lent **ret);

/* Waits for their ends: the domain has been killed before, or ended by itself. NULL is fine. */
void lent_free(struct lent *l);

#endif
