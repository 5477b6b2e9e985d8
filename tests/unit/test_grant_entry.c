/* SPDX-License-Identifier: GPL-2.0-only */
/* How hvpriv marks a guest's grant entry, with a guest that changes it in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include <xen/xen.h>
#include <xen/grant_table.h>

typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* The guest writes these words, one at each look, before our exchange. */
static u32 writes[8];
static unsigned nr_writes, next_write;

/* Version 2 has no exchange: the guest writes before the look at a word of its own. */
static u32 *second_look;

static void look(const void *p)
{
	if (p == second_look && next_write < nr_writes)
		*second_look = writes[next_write++];
}

#define READ_ONCE(x)	({ look(&(x)); *(volatile __typeof__(x) *)&(x); })

static u32 cmpxchg(u32 *p, u32 old, u32 new)
{
	if (next_write < nr_writes)
		*p = writes[next_write++];
	__atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return old;
}

#include "../../linux/drivers/hvpriv/grant_entry.h"

#define V1(e)	(&(struct hv_grant_entry) { .word = (e) })

static int begin(void **state)
{
	(void)state;
	nr_writes = next_write = 0;
	second_look = NULL;
	return 0;
}

static void a_grant_is_marked_as_it_is_used(void **state)
{
	u32 e[2] = { GTF_permit_access, 0x123 };

	(void)state;
	assert_int_equal(hv_grant_entry_pin(V1(e), false), 0);
	assert_int_equal(e[0], GTF_permit_access | GTF_reading);
	assert_int_equal(hv_grant_entry_pin(V1(e), true), 0);
	assert_int_equal(e[0], GTF_permit_access | GTF_reading | GTF_writing);
	hv_grant_entry_unpin(V1(e), GTF_writing);
	assert_int_equal(e[0], GTF_permit_access | GTF_reading);
	/* what the guest wrote meanwhile stays */
	e[0] = 0xabcd0000 | GTF_accept_transfer | GTF_reading;
	hv_grant_entry_unpin(V1(e), GTF_reading);
	assert_int_equal(e[0], 0xabcd0000 | GTF_accept_transfer);
	assert_int_equal(e[1], 0x123);
}

static void what_is_not_granted_is_refused_and_left_alone(void **state)
{
	static const u32 words[] = {
		GTF_invalid, GTF_accept_transfer, GTF_transitive, GTF_permit_access | GTF_sub_page,
		GTF_permit_access | 1U << 16, GTF_permit_access | 0x7ff0U << 16,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		u32 e[2] = { words[i], 0 };

		assert_int_equal(hv_grant_entry_pin(V1(e), false), -EACCES);
		assert_int_equal(hv_grant_entry_pin(V1(e), true), -EACCES);
		assert_int_equal(e[0], words[i]);
	}
}

static void a_read_only_grant_is_not_written(void **state)
{
	u32 e[2] = { GTF_permit_access | GTF_readonly, 0 };

	(void)state;
	assert_int_equal(hv_grant_entry_pin(V1(e), true), -EACCES);
	assert_int_equal(hv_grant_entry_pin(V1(e), false), 0);
	assert_int_equal(e[0], GTF_permit_access | GTF_readonly | GTF_reading);
}

static void a_grant_taken_back_in_between_is_refused(void **state)
{
	u32 e[2] = { GTF_permit_access, 0 };

	(void)state;
	writes[0] = GTF_invalid;
	nr_writes = 1;
	assert_int_equal(hv_grant_entry_pin(V1(e), true), -EACCES);
	assert_int_equal(e[0], GTF_invalid);
}

static void a_guest_that_writes_all_the_time_ends_it(void **state)
{
	u32 e[2] = { GTF_permit_access, 0 };

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		writes[i] = GTF_permit_access | (i % 2 ? 0 : GTF_PWT);
	nr_writes = 8;
	assert_int_equal(hv_grant_entry_pin(V1(e), true), -EAGAIN);
	assert_int_equal(next_write, HV_GRANT_TRIES);
	assert_int_equal(e[0] & (GTF_reading | GTF_writing), 0);
}

/* ---- version 2 ---- */

struct v2 {
	_Alignas(8) u32 word[4];
	u16 status;
};
#define V2(v)	(&(struct hv_grant_entry) { .word = (v)->word, .status = &(v)->status })

static void version_2_has_its_marks_elsewhere(void **state)
{
	struct v2 v = { .word = { GTF_permit_access, 0, 0x89abcdef, 0x1 } };

	(void)state;
	assert_true(hv_grant_entry_frame(V2(&v)) == 0x189abcdefULL);
	assert_int_equal(hv_grant_entry_pin(V2(&v), false), 0);
	assert_int_equal(v.status, GTF_reading);
	assert_int_equal(hv_grant_entry_pin(V2(&v), true), 0);
	assert_int_equal(v.status, GTF_reading | GTF_writing);
	hv_grant_entry_unpin(V2(&v), GTF_writing);
	assert_int_equal(v.status, GTF_reading);
	hv_grant_entry_unpin(V2(&v), GTF_reading);
	assert_int_equal(v.status, 0);
	assert_int_equal(v.word[0], GTF_permit_access);
}

static void version_2_refuses_the_same(void **state)
{
	static const u32 words[] = {
		GTF_invalid, GTF_accept_transfer, GTF_transitive, GTF_permit_access | GTF_sub_page, GTF_permit_access | 1U << 16,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct v2 v = { .word = { words[i] } };

		assert_int_equal(hv_grant_entry_pin(V2(&v), false), -EACCES);
		assert_int_equal(hv_grant_entry_pin(V2(&v), true), -EACCES);
		assert_int_equal(v.status, 0);
	}
	struct v2 v = { .word = { GTF_permit_access | GTF_readonly } };

	assert_int_equal(hv_grant_entry_pin(V2(&v), true), -EACCES);
	assert_int_equal(hv_grant_entry_pin(V2(&v), false), 0);
}

/* Between our two looks; who reads it already goes on. */
static void version_2_taken_back_in_between(void **state)
{
	struct v2 v = { .word = { GTF_permit_access } };

	(void)state;
	assert_int_equal(hv_grant_entry_pin(V2(&v), false), 0);
	second_look = v.word;
	writes[0] = GTF_permit_access;
	writes[1] = GTF_invalid;
	nr_writes = 2;
	assert_int_equal(hv_grant_entry_pin(V2(&v), true), -EACCES);
	assert_int_equal(next_write, 2);
	assert_int_equal(v.status, GTF_reading);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_grant_is_marked_as_it_is_used, begin),
		cmocka_unit_test_setup(what_is_not_granted_is_refused_and_left_alone, begin),
		cmocka_unit_test_setup(a_read_only_grant_is_not_written, begin),
		cmocka_unit_test_setup(a_grant_taken_back_in_between_is_refused, begin),
		cmocka_unit_test_setup(a_guest_that_writes_all_the_time_ends_it, begin),
		cmocka_unit_test_setup(version_2_has_its_marks_elsewhere, begin),
		cmocka_unit_test_setup(version_2_refuses_the_same, begin),
		cmocka_unit_test_setup(version_2_taken_back_in_between, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
