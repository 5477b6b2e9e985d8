/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How hvpriv marks a guest's grant entry, by threads, under ThreadSanitizer: a guest that grants, takes back as Linux does, and then
 * uses the page for itself; backends that pin and use it meanwhile. What the sanitizer sees as a race is a page in two hands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <xen/xen.h>
#include <xen/grant_table.h>

typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* As x86 loads. */
#define READ_ONCE(x)	__atomic_load_n(&(x), __ATOMIC_ACQUIRE)

static u32 cmpxchg(u32 *p, u32 old, u32 new)
{
	__atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return old;
}

#include "../../linux/drivers/hvpriv/grant_entry.h"

#define NR_BACKENDS	3
#define ROUNDS		3000

static _Alignas(8) u32 entry[4];
static u16 status;
static bool v2;
static uint64_t pages[2][NR_BACKENDS];	/* plain memory: each backend has its word of a page, the guest all of them */
static uint64_t hits[NR_BACKENDS];
static bool over;

/* As grant.c counts. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned readers, writers;
static u32 pinned_frame;

static struct hv_grant_entry ours(void)
{
	return (struct hv_grant_entry) { .word = entry, .status = v2 ? &status : NULL };
}

static int pin(bool write, u32 *ret)
{
	struct hv_grant_entry e = ours();
	int r = 0;

	pthread_mutex_lock(&lock);
	if (!writers && (write || !readers))
		r = hv_grant_entry_pin(&e, write);
	if (!r) {
		if (!readers && !writers)
			pinned_frame = (u32)hv_grant_entry_frame(&e);
		*ret = pinned_frame;
		*(write ? &writers : &readers) += 1;
	}
	pthread_mutex_unlock(&lock);
	return r;
}

static void unpin(bool write)
{
	struct hv_grant_entry e = ours();
	u32 use = 0;

	pthread_mutex_lock(&lock);
	if (write && !--writers)
		use |= GTF_writing;
	if (!write)
		readers--;
	if (!readers && !writers)
		use |= GTF_reading;
	if (use)
		hv_grant_entry_unpin(&e, use);
	pthread_mutex_unlock(&lock);
}

static void *backend(void *arg)
{
	size_t me = (size_t)arg;
	uint64_t seen = 0;
	unsigned i;
	u32 frame;

	for (i = 0; !__atomic_load_n(&over, __ATOMIC_RELAXED); i++) {
		bool write = i % 3;

		if (pin(write, &frame)) {
			sched_yield();
			continue;
		}
		if (write) {
			pages[frame][me]++;
			hits[me]++;
		} else {
			seen += pages[frame][me];
		}
		unpin(write);
	}
	return (void *)(uintptr_t)(seen & 1);
}

/* Xen's rules: taken back only while nobody uses it; or taken back, and waited for who uses it. */
static void take_back(void)
{
	if (v2) {
		__atomic_exchange_n(&entry[0], GTF_invalid, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&status, __ATOMIC_SEQ_CST))
			sched_yield();
		return;
	}
	while (cmpxchg(&entry[0], GTF_permit_access, GTF_invalid) != GTF_permit_access)
		sched_yield();
}

static void a_page_is_in_one_hand(void **state)
{
	pthread_t t[NR_BACKENDS];
	uint64_t sum = 0, all = 0;
	unsigned i, j;

	v2 = *state;
	memset(entry, 0, sizeof(entry));
	memset(pages, 0, sizeof(pages));
	memset(hits, 0, sizeof(hits));
	over = false;
	for (i = 0; i < NR_BACKENDS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, backend, (void *)(size_t)i), 0);
	for (i = 0; i < ROUNDS; i++) {
		for (j = 0; j < NR_BACKENDS; j++)
			pages[i & 1][j] = 0;
		if (v2)
			__atomic_store_n((u64 *)&entry[2], i & 1, __ATOMIC_RELAXED);
		else
			__atomic_store_n(&entry[1], i & 1, __ATOMIC_RELAXED);
		__atomic_store_n(&entry[0], GTF_permit_access, __ATOMIC_SEQ_CST);
		if (i % 4 == 0)
			sched_yield();
		take_back();
		for (j = 0; j < NR_BACKENDS; j++) {
			sum += pages[i & 1][j];
			pages[i & 1][j] = 1000;
		}
	}
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	for (i = 0; i < NR_BACKENDS; i++) {
		pthread_join(t[i], NULL);
		all += hits[i];
	}
	assert_true(all > 0);
	assert_int_equal(sum, all);	/* each write was to a page that was granted then */
	assert_int_equal(entry[0], GTF_invalid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_in_one_hand),
		{ "version_2", a_page_is_in_one_hand, NULL, NULL, &v2 },
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
