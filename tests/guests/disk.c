// SPDX-License-Identifier: GPL-2.0-only
/*
 * disk: what a disk holds is what was written to it. The guest remembers of each sector which write was its last, and makes random
 * requests of every kind: many at once on stretches of their own, and large ones.
 *
 *	(nothing)	rounds of requests, refusals, the whole disk again, its CRC as cksum(1) has it
 *	mode=load	rounds without end; disks may be detached and attached again, and have kept what was on them
 *	mode=number	numbered blocks (numbered.h), flushes, says which numbers are safe, until there is an error
 *	mode=hold	connects, reads one sector, and is there
 */
#include "blkfront.h"
#include "numbered.h"

#define MOST_SECTORS	8192U		/* of a disk whose sectors are remembered */
#define SMALL_PAGES	(DATA_PAGES / RING_SLOTS)
#define POISON		0x5a
#define UNKNOWN		255		/* discarded, and what is read then is anybody's choice */

struct small {
	struct disk_request r;
	unsigned char what;		/* generation that it writes */
};

static struct disk disks[MOST_DISKS];
static unsigned char generation[MOST_DISKS][MOST_SECTORS];
static unsigned char last_generation[MOST_DISKS];
static struct small smalls[RING_SLOTS];
static struct disk_request request;
static bool zeroes;			/* what was discarded reads as zeros */
static unsigned int nr_disks;

/* ---- what is in a sector ---- */

static uint64_t first_word(unsigned int disk, uint32_t sector, unsigned char gen)
{
	return ((uint64_t)disk << 40 | (uint64_t)sector << 8 | gen) * 0x9e3779b97f4a7c15ULL;
}

static void fill_sector(void *to, unsigned int disk, uint32_t sector, unsigned char gen)
{
	uint64_t *p = to, word = first_word(disk, sector, gen);

	for (unsigned int i = 0; i < 64; i++)
		p[i] = gen ? word + i * 0xd1342543de82ef95ULL : 0;
}

static bool is_sector(const void *from, unsigned int disk, uint32_t sector, unsigned char gen)
{
	const uint64_t *p = from;
	uint64_t word = first_word(disk, sector, gen);

	for (unsigned int i = 0; gen != UNKNOWN && i < 64; i++)
		if (p[i] != (gen ? word + i * 0xd1342543de82ef95ULL : 0))
			return false;
	return true;
}

static unsigned char new_generation(struct disk *d)
{
	if (++last_generation[d->nr] == UNKNOWN)
		last_generation[d->nr] = 1;
	return last_generation[d->nr];
}

/* ---- segments ---- */

static unsigned int grain(const struct disk *d)
{
	return d->sector_size / 512;
}

static uint32_t nr_sectors(const struct disk_request *r)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < r->nr; i++)
		n += r->segment[i].last_sect - r->segment[i].first_sect + 1U;
	return n;
}

static unsigned char *segment_at(const struct disk_request *r, unsigned int i)
{
	return data_pages[r->segment[i].gref - PAGE_REF(0)] + 512 * r->segment[i].first_sect;
}

/* Odd pieces of the pages from @first on, as long as there is room for them. */
static void cut_pieces(const struct disk *d, struct disk_request *r, unsigned int first, unsigned int pages, unsigned int most)
{
	unsigned int g = grain(d), page, at, len;

	r->nr = 0;
	for (page = first; page < first + pages; page++) {
		for (at = 0; at < PAGE_SECTORS && r->nr < most; at += len) {
			len = g * (1 + random_below((PAGE_SECTORS - at) / g));
			if (r->nr && !random_below(4))
				continue;	/* a gap */
			r->segment[r->nr++] = (struct blkif_request_segment){ PAGE_REF(page), (uint8_t)at, (uint8_t)(at + len - 1) };
		}
	}
}

/* In [lo, hi), at its very end now and then. */
static void choose_place(const struct disk *d, struct disk_request *r, uint32_t lo, uint32_t hi)
{
	unsigned int g = grain(d);
	uint32_t room;

	while (nr_sectors(r) > hi - lo)
		r->nr--;
	room = (hi - lo - nr_sectors(r)) / g;
	r->sector = lo + g * (random_below(8) ? random_below(room + 1) : room);
}

/* ---- one request: made, and looked at when it is done ---- */

static void write_data(struct disk *d, struct small *s)
{
	uint32_t sector = (uint32_t)s->r.sector;

	s->what = new_generation(d);
	for (unsigned int i = 0; i < s->r.nr; i++)
		for (unsigned int n = 0; n <= (unsigned int)s->r.segment[i].last_sect - s->r.segment[i].first_sect; n++, sector++) {
			fill_sector(segment_at(&s->r, i) + 512 * n, d->nr, sector, s->what);
			generation[d->nr][sector] = s->what;
		}
}

static bool is_poison(const unsigned char *p, size_t n)
{
	while (n--)
		if (*p++ != POISON)
			return false;
	return true;
}

/* The sectors, and that nothing was written beside them: what was read is poisoned by the look. */
static void look_at_data(struct disk *d, struct small *s, unsigned int first, unsigned int pages)
{
	uint32_t sector = (uint32_t)s->r.sector;

	for (unsigned int i = 0; i < s->r.nr; i++)
		for (unsigned int n = 0; n <= (unsigned int)s->r.segment[i].last_sect - s->r.segment[i].first_sect; n++, sector++) {
			unsigned char *p = segment_at(&s->r, i) + 512 * n;

			if (!is_sector(p, d->nr, sector, generation[d->nr][sector]))
				panic("disk %u: sector %u is not that of write %u, segment %u of %u from sector %u on", d->vdev, sector,
				      generation[d->nr][sector], i, s->r.nr, (unsigned int)s->r.sector);
			memset(p, POISON, 512);
		}
	if (!is_poison(data_pages[first], pages * 4096))
		panic("disk %u: a read wrote beside its segments", d->vdev);
}

static void discard(struct disk *d, struct small *s, uint32_t lo, uint32_t hi)
{
	uint32_t g = d->granularity / 512, n;

	if (g < grain(d) || 2 * g > hi - lo)
		g = grain(d);
	lo = (lo + g - 1) / g * g;
	s->r.sector = lo;
	s->r.nr_sectors = g * (1 + random_below((hi - lo) / g));
	for (n = 0; n < s->r.nr_sectors; n++)
		generation[d->nr][lo + n] = zeroes ? 0 : UNKNOWN;
}

static unsigned char choose_operation(const struct disk *d)
{
	uint32_t n = random_below(100);

	if (d->readonly || n < 45)
		return BLKIF_OP_READ;
	if (n < 90 || !d->flush)
		return BLKIF_OP_WRITE;
	return n < 95 && d->discard ? BLKIF_OP_DISCARD : BLKIF_OP_FLUSH_DISKCACHE;
}

static void begin(struct disk *d, struct small *s, unsigned int first, unsigned int pages, uint32_t lo, uint32_t hi)
{
	unsigned int most = d->max_indirect ? d->max_indirect : BLKIF_MAX_SEGMENTS_PER_REQUEST;

	memset(&s->r, 0, sizeof(s->r));
	s->r.operation = choose_operation(d);
	memset(data_pages[first], POISON, pages * 4096);
	if (s->r.operation == BLKIF_OP_DISCARD) {
		discard(d, s, lo, hi);
	} else if (s->r.operation != BLKIF_OP_FLUSH_DISKCACHE || random_below(2)) {
		if (s->r.operation == BLKIF_OP_FLUSH_DISKCACHE || random_below(2))
			most = BLKIF_MAX_SEGMENTS_PER_REQUEST;
		cut_pieces(d, &s->r, first, pages, most);
		choose_place(d, &s->r, lo, hi);
		s->r.indirect = s->r.nr > BLKIF_MAX_SEGMENTS_PER_REQUEST ||
				(s->r.operation != BLKIF_OP_FLUSH_DISKCACHE && d->max_indirect && !random_below(4));
		if (s->r.operation != BLKIF_OP_READ)
			write_data(d, s);
	}
	disk_put(d, &s->r);
}

static void end(struct disk *d, struct small *s, unsigned int first, unsigned int pages)
{
	if (s->r.status != BLKIF_RSP_OKAY)
		panic("disk %u: operation %u of %u segments at %u ended with %d", d->vdev, s->r.operation, s->r.nr,
		      (unsigned int)s->r.sector, s->r.status);
	if (s->r.operation == BLKIF_OP_READ)
		look_at_data(d, s, first, pages);
}

/* As many as the ring has slots, then one that uses every page. */
static void round_of(struct disk *d)
{
	uint32_t stretch = (uint32_t)d->sectors / RING_SLOTS, lo, i;

	for (i = 0; i < RING_SLOTS; i++)
		begin(d, &smalls[i], i * SMALL_PAGES, SMALL_PAGES, i * stretch, (i + 1) * stretch);
	disk_wait(d);
	for (i = 0; i < RING_SLOTS; i++)
		end(d, &smalls[i], i * SMALL_PAGES, SMALL_PAGES);
	lo = grain(d) * random_below((uint32_t)d->sectors / 4 / grain(d));
	begin(d, &smalls[0], 0, DATA_PAGES, lo, (uint32_t)d->sectors);
	disk_wait(d);
	end(d, &smalls[0], 0, DATA_PAGES);
	if (grants_in_use())
		panic("disk %u: %u grants are in use when all is answered", d->vdev, grants_in_use());
}

/* ---- what must be refused ---- */

static void expect(struct disk *d, const char *name, int status)
{
	int got = disk_do(d, &request);

	check(got == status, name, "status %d, wanted %d", got, status);
}

/* One page at the begin of the disk. */
static void sound(struct disk *d, uint8_t operation)
{
	memset(&request, 0, sizeof(request));
	request.operation = operation;
	request.nr = 1;
	request.segment[0] = (struct blkif_request_segment){ PAGE_REF(0), 0, PAGE_SECTORS - 1 };
	(void)d;
}

#define REFUSED(name, operation, change, status) do { sound(d, operation); change; expect(d, name, status); } while (0)

static void check_places(struct disk *d)
{
	REFUSED("behind-the-end", BLKIF_OP_READ, request.sector = d->sectors, BLKIF_RSP_ERROR);
	REFUSED("over-the-end", BLKIF_OP_READ, request.sector = d->sectors - grain(d); request.nr = 2;
		request.segment[1] = request.segment[0], BLKIF_RSP_ERROR);
	REFUSED("far-away", BLKIF_OP_READ, request.sector = ~0ULL, BLKIF_RSP_ERROR);
	REFUSED("far-away-negative", BLKIF_OP_READ, request.sector = 1ULL << 63, BLKIF_RSP_ERROR);
	if (grain(d) > 1)
		REFUSED("part-of-a-sector", BLKIF_OP_READ, request.sector = 1, BLKIF_RSP_ERROR);
}

static void check_segments(struct disk *d)
{
	REFUSED("no-segment", BLKIF_OP_READ, request.nr = 0, BLKIF_RSP_ERROR);
	REFUSED("twelve-segments", BLKIF_OP_READ, request.nr = 12, BLKIF_RSP_ERROR);
	REFUSED("ends-before-it-begins", BLKIF_OP_READ, request.segment[0].first_sect = 7; request.segment[0].last_sect = 6,
		BLKIF_RSP_ERROR);
	REFUSED("ends-outside-the-page", BLKIF_OP_READ, request.segment[0].last_sect = 8, BLKIF_RSP_ERROR);
	REFUSED("page-not-granted", BLKIF_OP_READ, request.segment[0].gref = NO_REF, BLKIF_RSP_ERROR);
	REFUSED("reference-past-the-table", BLKIF_OP_READ, request.segment[0].gref = 0xfffffff0, BLKIF_RSP_ERROR);
	grant(PAGE_REF(0), data_pages[0], GTF_permit_access | GTF_readonly);
	REFUSED("read-into-a-read-only-page", BLKIF_OP_READ, , BLKIF_RSP_ERROR);
	grant(PAGE_REF(0), data_pages[0], GTF_permit_access);
}

static void check_indirect(struct disk *d)
{
	if (!d->max_indirect) {
		REFUSED("indirect-not-offered", BLKIF_OP_READ, request.indirect = true, BLKIF_RSP_EOPNOTSUPP);
		return;
	}
	REFUSED("indirect-none", BLKIF_OP_READ, request.indirect = true; request.nr = 0, BLKIF_RSP_ERROR);
	REFUSED("indirect-too-many", BLKIF_OP_READ, request.indirect = true; request.nr = (uint16_t)(d->max_indirect + 1), BLKIF_RSP_ERROR);
	REFUSED("indirect-65535", BLKIF_OP_READ, request.indirect = true; request.nr = 65535, BLKIF_RSP_ERROR);
	REFUSED("indirect-page-not-granted", BLKIF_OP_READ, request.indirect = true; request.list_ref = NO_REF, BLKIF_RSP_ERROR);
	REFUSED("indirect-flush", BLKIF_OP_FLUSH_DISKCACHE, request.indirect = true, BLKIF_RSP_ERROR);
}

static void check_operations(struct disk *d)
{
	REFUSED("unknown-operation", 200, , BLKIF_RSP_EOPNOTSUPP);
	REFUSED("barrier", BLKIF_OP_WRITE_BARRIER, , BLKIF_RSP_EOPNOTSUPP);
	if (d->readonly) {
		REFUSED("write-to-a-read-only-disk", BLKIF_OP_WRITE, , BLKIF_RSP_ERROR);
		REFUSED("discard-of-a-read-only-disk", BLKIF_OP_DISCARD, request.nr_sectors = grain(d), BLKIF_RSP_EOPNOTSUPP);
	}
	if (!d->discard)
		return;
	REFUSED("discard-nothing", BLKIF_OP_DISCARD, request.nr_sectors = 0, BLKIF_RSP_ERROR);
	REFUSED("discard-over-the-end", BLKIF_OP_DISCARD, request.nr_sectors = d->sectors + grain(d), BLKIF_RSP_ERROR);
	REFUSED("discard-around-the-world", BLKIF_OP_DISCARD, request.sector = grain(d); request.nr_sectors = 0 - (uint64_t)grain(d),
		BLKIF_RSP_ERROR);
}

/* ---- the whole disk ---- */

/* As POSIX has it for cksum: the length follows the data. */
static uint32_t crc(uint32_t sum, const unsigned char *p, size_t n)
{
	static uint32_t table[256];

	for (unsigned int i = 0; !table[255] && i < 256; i++) {
		uint32_t v = i << 24;

		for (unsigned int bit = 0; bit < 8; bit++)
			v = v << 1 ^ (v >> 31 ? 0x04c11db7 : 0);
		table[i] = v;
	}
	while (n--)
		sum = sum << 8 ^ table[sum >> 24 ^ *p++];
	return sum;
}

/* From @sector on, as much as fits in one request; a disk need not end with a whole page. */
static void ask_for(struct disk *d, uint32_t sector)
{
	uint32_t left = (uint32_t)d->sectors - sector, n;

	memset(&request, 0, sizeof(request));
	request.operation = BLKIF_OP_READ;
	request.sector = sector;
	for (; left && request.nr < BLKIF_MAX_SEGMENTS_PER_REQUEST; left -= n) {
		n = left < PAGE_SECTORS ? left : PAGE_SECTORS;
		request.segment[request.nr] = (struct blkif_request_segment){ PAGE_REF(request.nr), 0, (uint8_t)(n - 1) };
		request.nr++;
	}
}

static uint32_t read_all(struct disk *d)
{
	uint32_t sum = 0, sector;
	unsigned char byte;

	for (sector = 0; sector < d->sectors; sector += nr_sectors(&request)) {
		ask_for(d, sector);
		if (disk_do(d, &request))
			panic("disk %u: status %d at sector %u", d->vdev, request.status, sector);
		for (unsigned int i = 0; i < nr_sectors(&request); i++)
			if (!is_sector(data_pages[0] + 512 * i, d->nr, sector + i, generation[d->nr][sector + i]))
				panic("disk %u: sector %u is not that of write %u", d->vdev, sector + i, generation[d->nr][sector + i]);
		sum = crc(sum, data_pages[0], 512 * nr_sectors(&request));
	}
	for (uint64_t n = d->sectors * 512; n; n >>= 8) {
		byte = (unsigned char)n;
		sum = crc(sum, &byte, 1);
	}
	return ~sum;
}

/* ---- modes ---- */

static void connect_all(void)
{
	for (unsigned int i = 0; i < nr_disks; i++) {
		disk_begin(&disks[i], i);
		disk_connect(&disks[i]);
		if (disks[i].sectors > MOST_SECTORS || disks[i].sectors < RING_SLOTS * PAGE_SECTORS * SMALL_PAGES)
			panic("disk %u: %u sectors, %u to %u can be remembered", disks[i].vdev, (unsigned int)disks[i].sectors,
			      RING_SLOTS * PAGE_SECTORS * SMALL_PAGES, MOST_SECTORS);
		if (disks[i].readonly || option("filled"))
			memset(generation[i], UNKNOWN, MOST_SECTORS);
	}
}

static void check_disk(struct disk *d, unsigned int rounds)
{
	for (unsigned int i = 0; i < rounds; i++)
		round_of(d);
	check(true, "data", "all was there");
	check_places(d);
	check_segments(d);
	check_indirect(d);
	check_operations(d);
	sound(d, BLKIF_OP_FLUSH_DISKCACHE);
	request.nr = 0;
	expect(d, "flush", d->flush ? BLKIF_RSP_OKAY : BLKIF_RSP_EOPNOTSUPP);
	printf("sum %u %u\n", d->vdev, read_all(d));
}

static void check_mode(void)
{
	connect_all();
	for (unsigned int i = 0; i < nr_disks; i++)
		check_disk(&disks[i], (unsigned int)option_number("rounds", 20));
}

/* One round of each that is there. Return: how many were. */
static unsigned int round_of_all(bool look)
{
	unsigned int ready = 0;

	for (unsigned int i = 0; i < nr_disks; i++) {
		if (look)
			disk_look(&disks[i]);
		if (disks[i].state != DISK_READY)
			continue;
		round_of(&disks[i]);
		ready++;
	}
	return ready;
}

static void load_mode(void)
{
	unsigned int done = 0, looked = 0, fired;

	connect_all();
	for (;;) {
		store_poll();
		fired = store_fired;
		if (round_of_all(fired != looked))
			printf("round %u\n", ++done);
		else if (fired == looked)
			store_wait();
		looked = fired;
	}
}

/* @n numbers from @first on, in flight together; the last one may carry the flush. Return: the first status that is not OKAY. */
static int write_numbers(struct disk *d, uint32_t first, unsigned int n, bool carry)
{
	struct disk_request *r;
	int status = 0;

	for (unsigned int i = 0; i < n; i++) {
		r = &smalls[i].r;
		memset(r, 0, sizeof(*r));
		r->operation = BLKIF_OP_WRITE;
		r->nr = 1;
		r->sector = (uint64_t)PAGE_SECTORS * numbered_place(first + i, (uint32_t)d->sectors / PAGE_SECTORS);
		r->segment[0] = (struct blkif_request_segment){ PAGE_REF(i), 0, PAGE_SECTORS - 1 };
		for (uint32_t part = 0; part < PAGE_SECTORS; part++)
			numbered_fill((void *)(data_pages[i] + 512 * part), first + i, part);
		/* A flush covers what was answered before it. */
		if (i == n - 1 && carry) {
			disk_wait(d);
			r->operation = BLKIF_OP_FLUSH_DISKCACHE;
		}
		disk_put(d, r);
	}
	disk_wait(d);
	for (unsigned int i = 0; i < n && !status; i++)
		status = smalls[i].r.status;
	return status;
}

static void number_mode(void)
{
	uint32_t number = 1, n;
	struct disk *d = &disks[0];
	bool carry;
	int status;

	disk_begin(d, 0);
	disk_connect(d);
	n = (uint32_t)d->sectors / PAGE_SECTORS;
	if (n < 2 * RING_SLOTS || n & (n - 1))
		panic("%u blocks, wanted a power of two", n);
	do {
		n = 1 + random_below(RING_SLOTS - 1);
		carry = random_below(2);
		status = write_numbers(d, number, n, carry);
		number += n;
		if (!status && !carry) {
			memset(&request, 0, sizeof(request));
			request.operation = BLKIF_OP_FLUSH_DISKCACHE;
			status = disk_do(d, &request);
		}
		if (!status)
			printf("flushed %u\n", number - 1);
	} while (!status);
	check(status == BLKIF_RSP_ERROR, "an-error-ends-it", "status %d", status);
	printf("written %u\n", number - 1);
}

static void hold_mode(void)
{
	connect_all();
	for (unsigned int i = 0; i < nr_disks; i++) {
		sound(&disks[i], BLKIF_OP_READ);
		expect(&disks[i], "read", BLKIF_RSP_OKAY);
	}
	printf("held\n");
	for (;;)
		store_wait();
}

void guest_main(void)
{
	if (!xen_base) {
		printf("no hypervisor\n");
		return;
	}
	front_init();
	random_state = option_number("seed", 1);
	zeroes = option("zeroes");
	nr_disks = (unsigned int)option_number("disks", 1);
	if (!nr_disks || nr_disks > MOST_DISKS)
		panic("disks=1 to %u", MOST_DISKS);
	if (option_is("mode", "load"))
		load_mode();
	else if (option_is("mode", "number"))
		number_mode();
	else if (option_is("mode", "hold"))
		hold_mode();
	else
		check_mode();
}
