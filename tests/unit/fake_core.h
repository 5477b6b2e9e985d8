/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The seam under hypervisor/guest, as plain memory: one domain with a few vCPUs (two, for some tests), its RAM as an array, its
 * physical map as another, a pool that counts, a clock that stands still until told. Guest-linear addresses go through
 * a table of pages, so that neighbours in linear space need not be neighbours in physical space.
 */
#ifndef FAKE_CORE_H
#define FAKE_CORE_H

#include "core/domain.h"
#include "core/guest_mem.h"
#include "guest/guest.h"

#define FAKE_GFNS	4096		/* guest space: 16 MiB */
#define FAKE_RAM	512		/* frames of it with RAM at the start, linear space too */
#define FAKE_FRAMES	2048		/* frames that exist: RAM, stock, grant */
#define FAKE_POOL	640		/* pool pages that can be out at once */
#define FAKE_POOL_MFN	0x100000	/* their frame numbers start here */
#define FAKE_DOM0_PAGES	256

struct fake {
	struct domain *d, *other;
	unsigned char (*frame)[PAGE_SIZE];	/* by mfn */
	uint64_t nr_frames;			/* given out so far */
	struct p2m_entry p2m[FAKE_GFNS], other_p2m[FAKE_GFNS];
	bool granted[2][FAKE_GFNS];		/* this entry of p2m, other_p2m is a grant's */
	uint16_t other_ram[FAKE_GFNS];
	bool others[FAKE_FRAMES];		/* owned by the other domain */
	uint16_t pins[FAKE_FRAMES];
	uint16_t linear[FAKE_RAM];		/* linear page -> gfn */
	bool linear_hole[FAKE_RAM];
	uint16_t top;				/* linear page that the last one below 4 GiB is as well, 0 = it is a hole */
	void *pool[FAKE_POOL];
	uint32_t pool_used, pool_limit;
	void *dom0_page[FAKE_DOM0_PAGES];	/* by hpa >> 12, made on first use */
	uint64_t stock[64];
	uint32_t nr_stock;
	uint64_t returned[FAKE_FRAMES];
	uint32_t nr_returned;
	uint32_t flushes;
	uint32_t kicks[ZENDO_MAX_VCPUS], other_kicks[ZENDO_MAX_VCPUS];
	bool shutdown;				/* domain_shutdown() was called, with */
	uint32_t shutdown_code;
	bool dirty;				/* a frame was removed and no flush came yet */
	uint64_t tsc, tsc_khz;

	/* what the vendor table was asked to do */
	struct paging_state paging;
	struct zendo_sregs sregs;
	uint32_t skipped;			/* bytes, since fake_exit() */
	int injected;				/* vector of the last exception, -1 = none */
	bool injected_error;
	uint32_t error;
	uint64_t cr2;
	uint32_t guest_flushes;
	uint64_t cr4;
	uint64_t tsc_offset[ZENDO_MAX_VCPUS];
	struct { uint32_t msr; uint64_t val; } msr[32];
	uint32_t nr_msr;

	uint32_t locks_held;			/* bit per rank */
	bool cpu_all_ones;			/* host_cpuid: every bit set, to see what is hidden */
};
extern struct fake fake;
#define FAKE_MSR	0x1a2		/* the only one that the fake CPU has and the guest ABI has not */

static inline uint64_t fake_page(uint64_t linear)
{
	return fake.top && linear >> PAGE_SHIFT == 0xfffff ? fake.top : linear >> PAGE_SHIFT;
}

/* A fresh domain (id 7) with @vcpus vCPUs, vCPU 0 up; and the end of it, which checks that nothing is left. */
void fake_start(uint32_t vcpus);
void fake_stop(void);
/*
 * A second domain with @id and two vCPUs beside it; and its end (fake_stop() does it too). The lower half of its linear memory
 * is the first one's, for arguments of calls; the upper half is its own.
 */
void fake_start_other(domid_t id);
void fake_stop_other(void);
struct vcpu *fake_vcpu(uint32_t id);
struct p2m_entry *fake_p2m(const struct domain *d);

/* Linear memory of the guest; the address is also what hypercalls take. */
void *fake_va(uint64_t linear);
void fake_write(uint64_t linear, const void *buf, size_t len);
void fake_read(uint64_t linear, void *buf, size_t len);

/* A frame for grant_add_frame or the stock. */
mfn_t fake_new_frame(void);
void *fake_dom0_page(uint64_t hpa);

/* One hypercall as the guest makes it: until it is done, up to @max restarts. Result is RAX. */
int64_t fake_call(struct vcpu *v, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2);
/* The same once; what dom0 would see. */
enum exit_next fake_call_once(struct vcpu *v, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2);
/* An exit record of @len bytes; clears skipped and injected. */
struct exit_info fake_exit(enum exit_kind kind, uint8_t len);

/* Deterministic random numbers. */
void fake_seed(uint64_t s);
uint64_t fake_random(void);
static inline uint32_t fake_below(uint32_t n) { return (uint32_t)(fake_random() % n); }

#endif
