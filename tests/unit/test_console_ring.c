/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <xen/io/console.h>

#include "console_ring.h"

static struct xencons_interface page;
static struct console_ring ring;

static int fresh_ring(void **state)
{
	(void)state;
	memset(&page, 0, sizeof(page));
	console_ring_init(&ring, &page);
	return 0;
}

/* The guest's half, as the kernel's hvc_xen does it. */
static void guest_writes(const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		page.out[MASK_XENCONS_IDX(page.out_prod++, page.out)] = data[i];
}

static size_t guest_reads(char *buf, size_t size)
{
	size_t n = 0;

	while (n < size && page.in_cons != page.in_prod)
		buf[n++] = page.in[MASK_XENCONS_IDX(page.in_cons++, page.in)];
	return n;
}

static void what_the_guest_writes_is_read_in_order(void **state)
{
	char buf[16];

	(void)state;
	guest_writes("hello", 5);
	assert_int_equal(console_ring_read(&ring, buf, 3), 3);
	assert_memory_equal(buf, "hel", 3);
	assert_int_equal(page.out_cons, 3);
	assert_int_equal(console_ring_read(&ring, buf, sizeof(buf)), 2);
	assert_memory_equal(buf, "lo", 2);
	assert_int_equal(console_ring_read(&ring, buf, sizeof(buf)), 0);
}

static void a_full_ring_is_read_across_its_end_and_the_wrap_of_the_index(void **state)
{
	char in[sizeof(page.out)], out[sizeof(page.out)];

	(void)state;
	page.out_cons = page.out_prod = ring.out_cons = UINT32_MAX - 100;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)(i * 7);
	guest_writes(in, sizeof(in));
	assert_int_equal(console_ring_read(&ring, out, sizeof(out)), sizeof(out));
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(page.out_cons, page.out_prod);
}

static void an_impossible_output_index_is_told_once_and_ends_the_ring(void **state)
{
	char buf[8];

	(void)state;
	page.out_prod = sizeof(page.out) + 1;
	assert_int_equal(console_ring_read(&ring, buf, sizeof(buf)), -EPROTO);
	assert_int_equal(page.out_cons, 0);
	page.out_prod = 1;
	assert_int_equal(console_ring_read(&ring, buf, sizeof(buf)), 0);
	assert_int_equal(console_ring_write(&ring, "x", 1), 0);
}

static void an_index_that_goes_back_is_impossible(void **state)
{
	char buf[8];

	(void)state;
	guest_writes("abc", 3);
	assert_int_equal(console_ring_read(&ring, buf, sizeof(buf)), 3);
	page.out_prod = 2;
	assert_int_equal(console_ring_read(&ring, buf, sizeof(buf)), -EPROTO);
}

static void our_indices_in_the_page_are_not_believed(void **state)
{
	char buf[8];

	(void)state;
	guest_writes("abc", 3);
	page.out_cons = 0xdeadbeef;
	assert_int_equal(console_ring_read(&ring, buf, sizeof(buf)), 3);
	assert_int_equal(page.out_cons, 3);
	page.in_prod = 0xdeadbeef;
	assert_int_equal(console_ring_write(&ring, "xy", 2), 2);
	assert_int_equal(page.in_prod, 2);
}

static void input_waits_for_room(void **state)
{
	char data[sizeof(page.in) + 10], buf[sizeof(data)];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 11);
	assert_int_equal(console_ring_write(&ring, data, sizeof(data)), sizeof(page.in));
	assert_int_equal(console_ring_write(&ring, data, 1), 0);
	assert_int_equal(guest_reads(buf, 4), 4);
	assert_int_equal(console_ring_write(&ring, data + sizeof(page.in), 10), 4);
	assert_int_equal(guest_reads(buf + 4, sizeof(buf)), sizeof(page.in));
	assert_memory_equal(buf, data, sizeof(page.in) + 4);
}

static void an_impossible_input_index_ends_the_ring(void **state)
{
	char buf[8];

	(void)state;
	page.in_cons = 1;	/* consumed what was never given */
	assert_int_equal(console_ring_write(&ring, "x", 1), -EPROTO);
	guest_writes("abc", 3);
	assert_int_equal(console_ring_read(&ring, buf, sizeof(buf)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_the_guest_writes_is_read_in_order, fresh_ring),
		cmocka_unit_test_setup(a_full_ring_is_read_across_its_end_and_the_wrap_of_the_index, fresh_ring),
		cmocka_unit_test_setup(an_impossible_output_index_is_told_once_and_ends_the_ring, fresh_ring),
		cmocka_unit_test_setup(an_index_that_goes_back_is_impossible, fresh_ring),
		cmocka_unit_test_setup(our_indices_in_the_page_are_not_believed, fresh_ring),
		cmocka_unit_test_setup(input_waits_for_room, fresh_ring),
		cmocka_unit_test_setup(an_impossible_input_index_ends_the_ring, fresh_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
