// SPDX-License-Identifier: GPL-2.0-only
#include "core/domain.h"
#include "core/frame.h"
#include "core/log.h"
#include "core/pool.h"

/*
 * A record: bit 0 set = hpa of a page of 512 records (chunk refined), else
 *	owner 15:4, type 23:16, count 63:32.
 * Three levels: directory page -> page of 512 sections' addresses -> section page of 512 records (1 GiB).
 */
#define REC_REFINED	1ULL
#define MAX_COUNT	0xfffffff0U

static spinlock_t frame_lock = SPINLOCK_INIT(RANK_FRAME);
/* frame_lock, except that pages once linked stay: */
static uint64_t **directory[512];
static uint64_t owned[MAX_DOMAINS + 1];	/* last one: the hypervisor */
static uint64_t total;

static uint64_t encode(struct frame f)
{
	return (uint64_t)f.owner << 4 | (uint64_t)f.type << 16 | (uint64_t)f.count << 32;
}

static struct frame decode(uint64_t r)
{
	return (struct frame){ (r >> 4) & 0xfff, (r >> 16) & 0xff, (uint32_t)(r >> 32) };
}

static uint64_t *owned_by(uint16_t owner)
{
	return owner == OWNER_HV ? &owned[MAX_DOMAINS] : &owned[owner];
}

#define REC_NOT_RAM	encode((struct frame){ OWNER_HV - 1, FRAME_FREE, 1 })

/* The chunk's record, NULL outside of RAM sections. */
static uint64_t *chunk_record(mfn_t m)
{
	uint64_t chunk = m.v / CHUNK_FRAMES, section = chunk / 512;
	uint64_t **table;

	if (section / 512 >= 512)
		return NULL;
	table = directory[section / 512];
	if (!table || !table[section % 512])
		return NULL;
	return &table[section % 512][chunk % 512];
}

/* The record that speaks for @m now; *whole: it speaks for its chunk. */
static uint64_t *record(mfn_t m, bool *whole)
{
	uint64_t *r = chunk_record(m);

	*whole = true;
	if (!r)
		return NULL;
	if (*r & REC_REFINED) {
		*whole = false;
		r = (uint64_t *)pool_va(hpa(*r & PAGE_MASK)) + m.v % CHUNK_FRAMES;
	}
	return r;
}

/* @going_home: the frame becomes dom0's, which must work: it may use the reserve. */
static int refine(uint64_t *r, bool going_home)
{
	/* Guests can cause this: they must not eat what growing the pool itself needs. */
	uint64_t *page = going_home || pool_nr_free() > POOL_RESERVE ? pool_alloc(NULL) : NULL;

	if (!page)
		return -XEN_ENOMEM;
	for (int i = 0; i < CHUNK_FRAMES; i++)
		page[i] = *r;
	WRITE_ONCE(*r, pool_hpa(page).v | REC_REFINED);
	return 0;
}

/* A refined chunk whose records became equal and unheld needs no page any more. */
static void coarsen(uint64_t *r)
{
	uint64_t *page = pool_va(hpa(*r & PAGE_MASK));

	/* Chunks change hands frame by frame, in order: mostly the two ends tell. */
	if (page[0] != page[CHUNK_FRAMES - 1] || page[0] != page[CHUNK_FRAMES / 2])
		return;
	for (int i = 0; i < CHUNK_FRAMES; i++)
		if (page[i] != page[0] || decode(page[i]).count)
			return;
	WRITE_ONCE(*r, page[0]);
	pool_free(NULL, page);
}

static int add_section(uint64_t section)
{
	uint64_t ***dir = &directory[section / 512];

	if (section / 512 >= 512)
		return -XEN_ENOMEM;
	if (!*dir)
		*dir = pool_alloc(NULL);
	if (!*dir)
		return -XEN_ENOMEM;
	if (!(*dir)[section % 512]) {
		uint64_t *page = pool_alloc(NULL);

		if (!page)
			return -XEN_ENOMEM;
		for (int i = 0; i < 512; i++)
			page[i] = REC_NOT_RAM;
		(*dir)[section % 512] = page;
	}
	return 0;
}

static int add_range(uint64_t first, uint64_t end)
{
	uint64_t dom0 = encode((struct frame){ OWNER_DOM0, FRAME_FREE, 0 });

	for (uint64_t f = first; f < end;) {
		uint64_t *r;
		bool whole;
		int rc = add_section(f / CHUNK_FRAMES / 512);

		if (rc)
			return rc;
		r = record(mfn(f), &whole);
		if (whole && f % CHUNK_FRAMES == 0 && f + CHUNK_FRAMES <= end) {
			*r = dom0;
			f += CHUNK_FRAMES;
			total += CHUNK_FRAMES;
			owned[OWNER_DOM0] += CHUNK_FRAMES;
			continue;
		}
		if (whole && refine(r, true))
			return -XEN_ENOMEM;
		*record(mfn(f), &whole) = dom0;
		f++;
		total++;
		owned[OWNER_DOM0]++;
	}
	return 0;
}

int frame_init(const struct zendo_ram_range *ram, uint32_t nr)
{
	int rc = 0;

	for (uint32_t i = 0; i < nr && !rc; i++)
		rc = add_range(ram[i].hpa >> PAGE_SHIFT, (ram[i].hpa + ram[i].size) >> PAGE_SHIFT);
	return rc;
}

bool frame_get(mfn_t m, struct frame *ret)
{
	uint64_t *r;
	bool whole, ok = false;

	spin_lock(&frame_lock);
	r = record(m, &whole);
	if (r && *r != REC_NOT_RAM) {
		*ret = decode(*r);
		ok = true;
	}
	spin_unlock(&frame_lock);
	return ok;
}

static int check_from(uint64_t r, uint16_t from, enum frame_type from_type)
{
	struct frame f = decode(r);

	if (r == REC_NOT_RAM || f.owner != from || f.type != from_type)
		return -XEN_EPERM;
	return f.count ? -XEN_EBUSY : 0;
}

static int give_one(mfn_t m, uint16_t from, enum frame_type from_type, uint64_t to)
{
	uint64_t *c = chunk_record(m), *r;
	bool whole;
	int rc;

	r = record(m, &whole);
	if (!r)
		return -XEN_EPERM;
	rc = check_from(*r, from, from_type);
	if (!rc && whole)
		rc = refine(c, decode(to).owner == OWNER_DOM0);
	if (rc)
		return rc;
	WRITE_ONCE(*record(m, &whole), to);
	coarsen(c);
	return 0;
}

static int give_chunk(mfn_t m, uint16_t from, enum frame_type from_type, uint64_t to)
{
	uint64_t *r = chunk_record(m);
	uint64_t *page;
	int rc = 0;

	if (!r)
		return -XEN_EPERM;
	if (!(*r & REC_REFINED)) {
		rc = check_from(*r, from, from_type);
		if (!rc)
			WRITE_ONCE(*r, to);
		return rc;
	}
	page = pool_va(hpa(*r & PAGE_MASK));
	for (int i = 0; i < CHUNK_FRAMES && !rc; i++)
		rc = check_from(page[i], from, from_type);
	if (rc)
		return rc;
	WRITE_ONCE(*r, to);
	pool_free(NULL, page);
	return 0;
}

int frame_give(mfn_t m, unsigned int order, uint16_t from, enum frame_type from_type,
	       uint16_t to, enum frame_type to_type)
{
	uint64_t rec = encode((struct frame){ to, to_type, 0 });
	int rc;

	if ((order && order != 9) || (order && m.v % CHUNK_FRAMES))
		return -XEN_EINVAL;
	spin_lock(&frame_lock);
	rc = order ? give_chunk(m, from, from_type, rec) : give_one(m, from, from_type, rec);
	if (!rc) {
		*owned_by(from) -= 1ULL << order;
		*owned_by(to) += 1ULL << order;
	}
	spin_unlock(&frame_lock);
	return rc;
}

int frame_hold(mfn_t m, uint16_t owner)
{
	struct frame f;
	uint64_t *r;
	bool whole;
	int rc = -XEN_EPERM;

	spin_lock(&frame_lock);
	r = record(m, &whole);
	f = decode(r ? *r : REC_NOT_RAM);
	/* A frame on its way to or from the guest goes on without asking who holds it. */
	if (f.owner != owner || (f.type != FRAME_RAM && f.type != FRAME_FREE))
		goto out;
	if (whole) {
		rc = refine(r, false);
		if (rc)
			goto out;
		r = record(m, &whole);
	}
	f = decode(*r);
	rc = -XEN_EBUSY;
	if (f.count >= MAX_COUNT)
		goto out;
	f.count++;
	WRITE_ONCE(*r, encode(f));
	rc = 0;
out:
	spin_unlock(&frame_lock);
	return rc;
}

void frame_release(mfn_t m)
{
	uint64_t *r, *c;
	struct frame f;
	bool whole;

	spin_lock(&frame_lock);
	c = chunk_record(m);
	r = record(m, &whole);
	ASSERT(r && !whole);
	f = decode(*r);
	ASSERT(f.count);
	f.count--;
	WRITE_ONCE(*r, encode(f));
	if (!f.count)
		coarsen(c);
	spin_unlock(&frame_lock);
}

uint64_t frame_owned(uint16_t owner)
{
	return READ_ONCE(*owned_by(owner));
}

uint64_t frame_total(void)
{
	return total;
}

static uint64_t count_chunk(uint64_t r, uint16_t owner)
{
	uint64_t n = 0, *page;

	if (!(r & REC_REFINED))
		return r != REC_NOT_RAM && decode(r).owner == owner ? CHUNK_FRAMES : 0;
	page = pool_va(hpa(r & PAGE_MASK));
	for (int i = 0; i < CHUNK_FRAMES; i++)
		n += page[i] != REC_NOT_RAM && decode(page[i]).owner == owner;
	return n;
}

bool frame_audit(uint16_t owner)
{
	uint64_t n = 0;

	spin_lock(&frame_lock);
	for (int i = 0; i < 512; i++)
		for (int j = 0; directory[i] && j < 512; j++)
			for (int k = 0; directory[i][j] && k < 512; k++)
				n += count_chunk(directory[i][j][k], owner);
	spin_unlock(&frame_lock);
	return n == *owned_by(owner);
}
