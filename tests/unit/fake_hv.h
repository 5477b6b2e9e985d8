/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hypervisor/core needs below it when it runs in a host process: hidden memory, mappings, locks that
 * notice a mistake, entry encoders of SVM, a panic that a test can expect.
 *
 * Host-physical memory is one arena of FAKE_RAM bytes: address = offset. Records may speak of frames far beyond; only memory
 * that is looked at must lie in it.
 *
 * State of the files under test stays from test to test: each test gives back what it took, and fake_hv_check()
 * as its teardown sees that no lock is held and no pool page is missing.
 */
#ifndef FAKE_HV_H
#define FAKE_HV_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/ops.h"
#include "core/cpu.h"
#include "core/domain.h"
#include "core/frame.h"
#include "core/log.h"
#include "core/pool.h"
#include "guest/guest.h"

#define MIB		(1ULL << 20)
#define GIB		(1ULL << 30)
#define FAKE_RAM	(160 * MIB)
#define FAKE_CPUS	3
/* Memory of the launch: chunk 0 has an image and per-CPU areas in it, chunk 1 is all free. */
#define FAKE_CHUNK0	(2 * MIB)
#define FAKE_CHUNK1	(4 * MIB)
#define FAKE_USED	0x40000U		/* image and page tables */
#define FAKE_PERCPU	(FAKE_CHUNK0 + 0x80000)
#define FAKE_POOL_PAGES	(1024 - FAKE_USED / PAGE_SIZE - FAKE_CPUS * ZENDO_PERCPU_SIZE / PAGE_SIZE)
/* The rest of the arena is nobody's until a test says so. */
#define FAKE_FREE	(6 * MIB)

extern struct cpu fake_cpus[FAKE_CPUS];
extern unsigned int fake_this_cpu;
extern struct paging_state fake_paging;		/* what ops->paging() says */
extern unsigned int fake_flushes;		/* calls of ops->flush_dom0() */
extern int fake_grant_rc;			/* what grant_add_frame() says */
extern bool fake_no_slot;			/* map_shared() has none left */

/* Arena, launch record, CPUs, pool. Group setup; fails the program when called twice. */
int fake_hv_start(void **state);
/* Setup: remember how many pool pages are free. Teardown: as many as then, no lock held, no shared slot in use. */
int fake_hv_begin(void **state);
int fake_hv_check(void **state);

void *fake_mem(uint64_t hpa);
/* A domain as core makes it, with @levels of nested tables, but without the guest's part; and its end. */
struct domain *fake_domain(domid_t id, int levels, uint64_t max_pages, uint32_t max_pool_pages);
void fake_domain_end(struct domain *d);

/* Take pool pages for the hypervisor until @left are free; give all of them back. */
void fake_pool_drain(uint64_t left);
void fake_pool_refill(void);

/* A generator whose sequence is the same on each run. */
uint64_t fake_random(uint64_t below);

/* @statement must end in hv_panic(), with @text in its message. Locks held then are let go. */
#define expect_panic(text, statement) do { \
	fake_panic_expected = true; \
	if (!setjmp(fake_panic_jump)) { \
		statement; \
		fake_panic_expected = false; \
		fail_msg("no panic: %s", #statement); \
	} \
	if (!strstr(fake_panic_text, text)) \
		fail_msg("panic says \"%s\", not \"%s\"", fake_panic_text, text); \
} while (0)

extern bool fake_panic_expected;
extern jmp_buf fake_panic_jump;
extern char fake_panic_text[256];

#define unit(test) cmocka_unit_test_setup_teardown(test, fake_hv_begin, fake_hv_check)

#endif
