// SPDX-License-Identifier: GPL-2.0-only
#include "arch/x86/x86.h"
#include "core/cpu.h"
#include "core/dom0.h"
#include "core/domain.h"
#include "core/frame.h"
#include "core/guest_mem.h"
#include "core/log.h"
#include "core/map.h"
#include "core/pool.h"
#include "guest/guest.h"

#define GIB	(1ULL << 30)
#define ALL	(NPT_READ | NPT_WRITE | NPT_EXEC)
#define MAX_HIDING 64

struct npt dom0_npt;

static uint8_t zero_page[PAGE_SIZE] __aligned(4096);	/* what dom0 reads in every hidden frame */
static uint64_t *zero_table;				/* 512 read-only leaves of it, shared by all hidden chunks */
static bool has_1g;

static spinlock_t hide_lock = SPINLOCK_INIT(RANK_DOMAIN);
/* hide_lock: */
static struct { hpa_t chunk; uint64_t epoch; } hiding[MAX_HIDING];
static uint32_t nr_hiding;
static uint64_t epoch = 1;	/* grows with every change of dom0's table; READ_ONCE elsewhere */

static int make_zero_table(void)
{
	mfn_t m = mfn((boot.chunk[0] + ((uint64_t)zero_page - ZENDO_VA_IMAGE)) >> PAGE_SHIFT);

	zero_table = pool_alloc(NULL);
	if (!zero_table)
		return -XEN_ENOMEM;
	for (int i = 0; i < CHUNK_FRAMES; i++)
		zero_table[i] = ops->npt_leaf(mfn_to_hpa(m), 1, NPT_READ);
	return 0;
}

/* 2 if all of [base, base + size) is RAM, 0 if none is, 1 if mixed. */
static int ram_share(uint64_t base, uint64_t size)
{
	for (uint32_t i = 0; i < boot.nr_ram; i++) {
		uint64_t s = boot.ram[i].hpa, e = s + boot.ram[i].size;

		if (base >= s && base + size <= e)
			return 2;
		if (base < e && s < base + size)
			return 1;
	}
	return 0;
}

/*
 * Identity entries of uniform memory type (F7): a leaf never spans an edge between RAM and anything else, and the first 2 MiB, where
 * fixed-range MTRRs rule, are 4 KiB pages.
 */
static int map_chunk(uint64_t base)
{
	int rc = 0;

	if (base && ram_share(base, ZENDO_CHUNK_SIZE) != 1)
		return npt_map(&dom0_npt, base, hpa(base), 2, ALL, true);
	for (uint64_t a = base; a < base + ZENDO_CHUNK_SIZE && !rc; a += PAGE_SIZE)
		rc = npt_map(&dom0_npt, a, hpa(a), 1, ALL, true);
	return rc;
}

static int map_gib(uint64_t base)
{
	int rc = 0;

	if (has_1g && base && ram_share(base, GIB) != 1)
		return npt_map(&dom0_npt, base, hpa(base), 3, ALL, true);
	for (uint64_t a = base; a < base + GIB && !rc; a += ZENDO_CHUNK_SIZE)
		rc = map_chunk(a);
	return rc;
}

int dom0_map_init(void)
{
	uint64_t end = ALIGN_UP(MAX(boot.max_hpa, 4 * GIB), GIB);
	uint32_t r[4];
	int rc = npt_init(&dom0_npt, NULL, (int)boot.levels);

	cpuid(0x80000001, 0, r);
	has_1g = r[3] & (1U << 26);
	if (!rc)
		rc = make_zero_table();
	for (uint64_t a = 0; a < end && !rc; a += GIB)
		rc = map_gib(a);
	for (uint32_t i = 0; i < boot.nr_chunks && !rc; i++) {
		rc = frame_give(hpa_to_mfn(hpa(boot.chunk[i])), 9, OWNER_DOM0, FRAME_FREE, OWNER_HV, FRAME_POOL);
		if (!rc)
			rc = npt_set_table(&dom0_npt, boot.chunk[i], pool_hpa(zero_table));
	}
	(void)debt_ask(&dom0_npt);	/* nobody has used the table yet, and the first entry flushes */
	return rc;
}

bool dom0_fault(struct cpu *c, uint64_t addr, bool write)
{
	struct npt_leaf l = npt_lookup(&dom0_npt, addr & PAGE_MASK);
	int rc;

	if (l.rights) {
		if (!write || (l.rights & NPT_WRITE)) {
			ops->flush_dom0(c);	/* an old translation: a chunk became visible again */
			return true;
		}
		c->hidden_writes++;
		if (c->hidden_writes <= 8)
			hv_log("CPU %u: dom0 wrote to hidden frame %lx", c->id, addr >> PAGE_SHIFT);
		return false;
	}
	/* No CPU has it, or no table says it: 4 levels would take it for an address 256 TiB lower. */
	if (addr >> host_features.maxphys || addr >= npt_end(&dom0_npt))
		return false;
	/* Above what launch knew: 64-bit BARs, hot-added memory. */
	rc = map_gib(addr & ~(GIB - 1));
	if (rc)
		hv_panic("no page left to map dom0's address %lx", addr);
	c->npt_fills++;
	return true;
}

uint64_t dom0_epoch(void)
{
	return READ_ONCE(epoch);
}

int64_t dom0_hide_chunk(hpa_t chunk)
{
	int64_t rc = -XEN_ENOSPC;

	if (chunk.v % ZENDO_CHUNK_SIZE || chunk.v >= ZENDO_MAX_HPA)
		return -XEN_EINVAL;
	spin_lock(&hide_lock);
	if (nr_hiding == MAX_HIDING)
		goto out;
	rc = frame_give(hpa_to_mfn(chunk), 9, OWNER_DOM0, FRAME_FREE, OWNER_HV, FRAME_HIDING);
	if (rc)
		goto out;
	rc = npt_set_table(&dom0_npt, chunk.v, pool_hpa(zero_table));
	if (rc) {
		rc = frame_give(hpa_to_mfn(chunk), 9, OWNER_HV, FRAME_HIDING, OWNER_DOM0, FRAME_FREE) ?: -XEN_ENOMEM;
		goto out;
	}
	WRITE_ONCE(epoch, epoch + 1);
	(void)debt_ask(&dom0_npt);	/* by the epoch; each CPU's FLUSH call answers */
	hiding[nr_hiding].chunk = chunk;
	hiding[nr_hiding++].epoch = epoch;
	rc = (int64_t)epoch;
out:
	spin_unlock(&hide_lock);
	return rc;
}

/* Every CPU that runs dom0 has flushed since @e: checked, not trusted. */
static bool all_passed(uint64_t e)
{
	for (uint32_t i = 0; i < boot.nr_cpus; i++) {
		struct cpu *c = cpu_by_id(i);

		if (c && __atomic_load_n(&c->under, __ATOMIC_SEQ_CST) && __atomic_load_n(&c->epoch, __ATOMIC_SEQ_CST) < e)
			return false;
	}
	return true;
}

int dom0_commit_chunk(hpa_t chunk)
{
	int rc = -XEN_ENOENT;

	spin_lock(&hide_lock);
	for (uint32_t i = 0; i < nr_hiding; i++) {
		if (hiding[i].chunk.v != chunk.v)
			continue;
		rc = -XEN_EAGAIN;
		if (!all_passed(hiding[i].epoch))
			break;
		rc = map_direct(chunk);
		if (!rc && !pool_add_chunk(chunk))
			rc = -XEN_ENOSPC;
		if (!rc)
			rc = frame_give(hpa_to_mfn(chunk), 9, OWNER_HV, FRAME_HIDING, OWNER_HV, FRAME_POOL);
		if (!rc) {
			debt_dom0_due(hiding[i].epoch);
			hiding[i] = hiding[--nr_hiding];
		}
		break;
	}
	spin_unlock(&hide_lock);
	return rc;
}

int64_t dom0_unhide_chunk(void)
{
	hpa_t chunk;
	int64_t rc;

	if (!pool_remove_chunk(&chunk))
		return -XEN_ENOENT;
	/* Free pages hold nothing but the links of the free list. */
	for (uint64_t off = 0; off < ZENDO_CHUNK_SIZE; off += PAGE_SIZE)
		*(uint64_t *)pool_va(hpa(chunk.v + off)) = 0;
	spin_lock(&hide_lock);
	rc = frame_give(hpa_to_mfn(chunk), 9, OWNER_HV, FRAME_POOL, OWNER_DOM0, FRAME_FREE);
	if (!rc)
		rc = npt_map(&dom0_npt, chunk.v, chunk, 2, ALL, true);
	WRITE_ONCE(epoch, epoch + 1);
	(void)debt_ask(&dom0_npt);	/* by the epoch; each CPU's FLUSH call answers */
	spin_unlock(&hide_lock);
	return rc ? rc : (int64_t)chunk.v;
}

static int dom0_copy(uint64_t addr, void *buf, size_t len, bool write)
{
	struct frame f;
	char *va;

	if (!len || len > PAGE_SIZE - (addr & ~PAGE_MASK) || addr >= ZENDO_MAX_HPA)
		return -XEN_EFAULT;
	if (!frame_get(hpa_to_mfn(hpa(addr)), &f) || f.owner != OWNER_DOM0)
		return -XEN_EFAULT;
	va = (char *)map_window(WINDOW_DOM0, hpa_to_mfn(hpa(addr))) + (addr & ~PAGE_MASK);
	if (write)
		memcpy(va, buf, len);
	else
		memcpy(buf, va, len);
	return 0;
}

int dom0_read(uint64_t addr, void *buf, size_t len)
{
	return dom0_copy(addr, buf, len, false);
}

int dom0_write(uint64_t addr, const void *buf, size_t len)
{
	return dom0_copy(addr, (void *)(uintptr_t)buf, len, true);
}

int dom0_page_map(hpa_t page, void **ret)
{
	int rc;

	if (page.v % PAGE_SIZE || page.v >= ZENDO_MAX_HPA)
		return -XEN_EFAULT;
	rc = frame_hold(hpa_to_mfn(page), OWNER_DOM0);
	if (rc)
		return rc == -XEN_EPERM ? -XEN_EFAULT : rc;
	*ret = map_shared(hpa_to_mfn(page));
	if (*ret)
		return 0;
	frame_release(hpa_to_mfn(page));
	return -XEN_ENOMEM;
}

void dom0_page_unmap(void *va)
{
	mfn_t m;

	if (!va)
		return;
	m = map_shared_mfn(va);
	map_shared_free(va);
	frame_release(m);
}
