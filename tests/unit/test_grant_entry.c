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

typedef uint32_t u32;

/* The guest writes these words, one at each look, before our exchange. */
static u32 writes[8];
static unsigned nr_writes, next_write;

#define READ_ONCE(x)	(*(volatile u32 *)&(x))

static u32 cmpxchg(u32 *p, u32 old, u32 new)
{
	if (next_write < nr_writes)
		*p = writes[next_write++];
	__atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return old;
}

#include "../../linux/drivers/hvpriv/grant_entry.h"

static int begin(void **state)
{
	(void)state;
	nr_writes = next_write = 0;
	return 0;
}

static void a_grant_is_marked_as_it_is_used(void **state)
{
	u32 e[2] = { GTF_permit_access, 0x123 };

	(void)state;
	assert_int_equal(hv_grant_entry_pin(e, false), 0);
	assert_int_equal(e[0], GTF_permit_access | GTF_reading);
	assert_int_equal(hv_grant_entry_pin(e, true), 0);
	assert_int_equal(e[0], GTF_permit_access | GTF_reading | GTF_writing);
	hv_grant_entry_unpin(e, GTF_writing);
	assert_int_equal(e[0], GTF_permit_access | GTF_reading);
	/* what the guest wrote meanwhile stays */
	e[0] = 0xabcd0000 | GTF_accept_transfer | GTF_reading;
	hv_grant_entry_unpin(e, GTF_reading);
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

		assert_int_equal(hv_grant_entry_pin(e, false), -EACCES);
		assert_int_equal(hv_grant_entry_pin(e, true), -EACCES);
		assert_int_equal(e[0], words[i]);
	}
}

static void a_read_only_grant_is_not_written(void **state)
{
	u32 e[2] = { GTF_permit_access | GTF_readonly, 0 };

	(void)state;
	assert_int_equal(hv_grant_entry_pin(e, true), -EACCES);
	assert_int_equal(hv_grant_entry_pin(e, false), 0);
	assert_int_equal(e[0], GTF_permit_access | GTF_readonly | GTF_reading);
}

static void a_grant_taken_back_in_between_is_refused(void **state)
{
	u32 e[2] = { GTF_permit_access, 0 };

	(void)state;
	writes[0] = GTF_invalid;
	nr_writes = 1;
	assert_int_equal(hv_grant_entry_pin(e, true), -EACCES);
	assert_int_equal(e[0], GTF_invalid);
}

static void a_guest_that_writes_all_the_time_ends_it(void **state)
{
	u32 e[2] = { GTF_permit_access, 0 };

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		writes[i] = GTF_permit_access | (i % 2 ? 0 : GTF_PWT);
	nr_writes = 8;
	assert_int_equal(hv_grant_entry_pin(e, true), -EAGAIN);
	assert_int_equal(next_write, HV_GRANT_TRIES);
	assert_int_equal(e[0] & (GTF_reading | GTF_writing), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_grant_is_marked_as_it_is_used, begin),
		cmocka_unit_test_setup(what_is_not_granted_is_refused_and_left_alone, begin),
		cmocka_unit_test_setup(a_read_only_grant_is_not_written, begin),
		cmocka_unit_test_setup(a_grant_taken_back_in_between_is_refused, begin),
		cmocka_unit_test_setup(a_guest_that_writes_all_the_time_ends_it, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
