// SPDX-License-Identifier: GPL-2.0-only
/* Dom0's frames, and its allocator: the one that was freed last goes first, as Linux's does, so that a frame soon has another use. */
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include "cpus.h"
#include "core/frame.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t list[FRAMES], nr_free;	/* lock */
static uint16_t owners[FRAMES];		/* atomic */

static void fill(uint32_t f)
{
	uint64_t *p = frame_mem(f);

	for (int i = 0; i < 512; i++)
		p[i] = free_word(frame_hpa(f));
}

static int first_changed(uint32_t f)
{
	volatile uint64_t *p = frame_mem(f);

	for (int i = 0; i < 512; i++)
		if (p[i] != free_word(frame_hpa(f)))
			return i;
	return -1;
}

static void must_be_untouched(uint32_t f)
{
	int i = first_changed(f);

	if (i >= 0)
		die("dom0's free frame %lx was written: %lx at %x", frame_hpa(f), ((uint64_t *)frame_mem(f))[i], i * 8);
}

void frames_start(void)
{
	void *at = mmap((void *)RAM_BASE, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	struct zendo_ram_range ram = { RAM_BASE, RAM_SIZE };

	if (at != (void *)RAM_BASE)
		die("no memory at %llx", RAM_BASE);
	if (frame_init(&ram, 1))
		die("frame_init");
	for (uint32_t f = 0; f < FRAMES; f++) {
		fill(f);
		list[nr_free++] = (uint32_t)FRAMES - 1 - f;
	}
}

uint32_t frame_take(void)
{
	uint32_t f;

	pthread_mutex_lock(&lock);
	if (!nr_free)
		die("dom0 has no frame left: guests do not give them back");
	f = list[--nr_free];
	pthread_mutex_unlock(&lock);
	must_be_untouched(f);
	memset(frame_mem(f), 0, PAGE_SIZE);
	return f;
}

/* What dom0 may use again nobody holds, by the hypervisor's own books. */
static void must_be_dom0s(uint32_t f)
{
	struct frame r;

	if (!frame_get(hpa_to_mfn(hpa(frame_hpa(f))), &r) || r.owner != OWNER_DOM0 || r.type != FRAME_FREE || r.count)
		die("dom0 frees frame %lx: owner %x, type %u, held %u times", frame_hpa(f), r.owner, r.type, r.count);
}

void frame_put(uint32_t f)
{
	must_be_dom0s(f);
	fill(f);
	stall();
	must_be_untouched(f);
	pthread_mutex_lock(&lock);
	list[nr_free++] = f;
	if (one_in(4)) {
		uint32_t i = below(nr_free);

		list[nr_free - 1] = list[i];
		list[i] = f;
	}
	pthread_mutex_unlock(&lock);
}

void frame_owner_set(uint32_t f, uint16_t owner)
{
	__atomic_store_n(&owners[f], owner, __ATOMIC_SEQ_CST);
}

uint16_t frame_owner(uint32_t f)
{
	return __atomic_load_n(&owners[f], __ATOMIC_SEQ_CST);
}

bool frame_owner_clear(uint32_t f, uint16_t owner)
{
	return __atomic_compare_exchange_n(&owners[f], &owner, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

const char *frames_wrong(void)
{
	static char text[100];

	if (nr_free != FRAMES || frame_owned(OWNER_DOM0) != FRAMES || !frame_audit(OWNER_DOM0)) {
		snprintf(text, sizeof(text), "%u of %llu free, %lu dom0's by the hypervisor", nr_free, FRAMES, frame_owned(OWNER_DOM0));
		return text;
	}
	for (uint32_t f = 0; f < FRAMES; f++) {
		must_be_dom0s(f);
		must_be_untouched(f);
	}
	return NULL;
}
