/* SPDX-License-Identifier: GPL-2.0-only */
/* hypervisor/lib and the lock. C's memory functions are the hypervisor's here: see core.mk. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/cpu.h"
#include "core/log.h"
#include "core/map.h"
#include "lib/lib.h"

struct cpu *this_cpu(void)
{
	return NULL;
}

void map_sync(struct cpu *c)
{
	(void)c;
}

void hv_panic(const char *fmt, ...)
{
	fail_msg("%s", fmt);
	abort();
}

/* ---- text ---- */

#define assert_text(want, ...) do { \
	char text_[200]; \
	assert_int_equal(hv_snprintf(text_, sizeof(text_), __VA_ARGS__), sizeof(want) - 1); \
	assert_string_equal(text_, want); \
} while (0)

/* Formats that the compiler would complain about. */
static int odd(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = hv_vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

static void numbers_are_written_in_their_base(void **state)
{
	(void)state;
	assert_text("0", "%d", 0);
	assert_text("2147483647 -2147483648", "%d %d", INT32_MAX, INT32_MIN);
	assert_text("4294967295", "%u", UINT32_MAX);
	assert_text("deadbeef", "%x", 0xdeadbeef);
	assert_text("9223372036854775807 -9223372036854775808", "%ld %ld", INT64_MAX, INT64_MIN);
	assert_text("18446744073709551615", "%lu", UINT64_MAX);
	assert_text("ffffffffffffffff 123456789abcdef", "%lx %llx", UINT64_MAX, 0x123456789abcdefULL);
	assert_text("42", "%zu", (size_t)42);
	assert_text("0000000000001234", "%p", (void *)0x1234);
}

static void width_pads_on_the_left(void **state)
{
	(void)state;
	assert_text("    7|  123|123456", "%5d|%5u|%5d", 7, 123, 123456);
	assert_text("00007|000ff", "%05d|%05x", 7, 0xff);
	assert_text("  -42|-0042", "%5d|%05d", -42, -42);
	assert_text("-0000000000000000001", "%020ld", -1L);
}

static void strings_and_characters_are_copied(void **state)
{
	char buf[16];

	(void)state;
	assert_text("a b% c", "%c %s%% %s", 'a', "b", "c");
	assert_text("ab   |", "%-5s|", "ab");
	assert_text("abcdef|", "%-5s|", "abcdef");
	assert_text("", "%s", "");
	odd(buf, sizeof(buf), "%s", NULL);
	assert_string_equal(buf, "(null)");
}

static void text_is_cut_at_the_end_of_the_buffer(void **state)
{
	char buf[8] = "1234567";

	(void)state;
	assert_int_equal(hv_snprintf(buf, 4, "%s", "abcdef"), 3);
	assert_string_equal(buf, "abc");
	assert_int_equal(buf[4], '5');
	assert_int_equal(hv_snprintf(buf, 4, "%08x", 0x12345678), 3);
	assert_string_equal(buf, "123");
	assert_int_equal(hv_snprintf(buf, 1, "x"), 0);
	assert_string_equal(buf, "");
	buf[0] = 'z';
	assert_int_equal(hv_snprintf(buf, 0, "x"), 0);
	assert_int_equal(buf[0], 'z');
}

static void an_unfinished_or_unknown_format_does_no_harm(void **state)
{
	static const char *const unfinished[] = { "ab%", "ab%-", "ab%0", "ab%5", "ab%l", "ab%-05ll" };
	char buf[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unfinished); i++) {
		assert_int_equal(odd(buf, sizeof(buf), unfinished[i], 1), 2);
		assert_string_equal(buf, "ab");
	}
	odd(buf, sizeof(buf), "%q|%d", 5);
	assert_string_equal(buf, "?|5");
}

/* ---- memory ---- */

#define SIZE	80
#define GUARD	16

static void fill(uint8_t *b)
{
	for (int i = 0; i < SIZE + 2 * GUARD; i++)
		b[i] = (uint8_t)(i * 7 + 1);
}

static void memory_functions_touch_their_bytes_and_no_others(void **state)
{
	uint8_t src[SIZE + 2 * GUARD], dst[SIZE + 2 * GUARD];

	(void)state;
	fill(src);
	for (size_t len = 0; len <= SIZE; len++)
		for (size_t off = 0; off < 8 && off + len <= SIZE; off++) {
			fill(dst);
			assert_ptr_equal(memset(dst + GUARD + off, 0x1e3, len), dst + GUARD + off);
			for (size_t i = 0; i < sizeof(dst); i++)
				assert_int_equal(dst[i], i >= GUARD + off && i < GUARD + off + len ? 0xe3 : src[i]);
			assert_ptr_equal(memcpy(dst + GUARD + off, src + 3, len), dst + GUARD + off);
			for (size_t i = 0; i < sizeof(dst); i++)
				assert_int_equal(dst[i], i >= GUARD + off && i < GUARD + off + len ?
						 src[3 + i - GUARD - off] : src[i]);
		}
}

static void memmove_copies_what_overlaps(void **state)
{
	uint8_t buf[SIZE + 2 * GUARD], old[SIZE + 2 * GUARD];

	(void)state;
	fill(old);
	for (size_t len = 0; len <= SIZE - 20; len++)
		for (size_t to = 0; to <= 20; to++) {
			size_t from = 10;

			fill(buf);
			assert_ptr_equal(memmove(buf + to, buf + from, len), buf + to);
			for (size_t i = 0; i < sizeof(buf); i++)
				assert_int_equal(buf[i], i >= to && i < to + len ? old[i - to + from] : old[i]);
		}
}

static void memcmp_says_which_is_greater(void **state)
{
	(void)state;
	assert_int_equal(memcmp("abc", "abd", 2), 0);
	assert_true(memcmp("abc", "abd", 3) < 0);
	assert_true(memcmp("\xff", "\x01", 1) > 0);
	assert_int_equal(memcmp("a", "b", 0), 0);
	assert_int_equal(strlen(""), 0);
	assert_int_equal(strlen("hello"), 5);
}

/* ---- bits and locks ---- */

static void bits_are_set_tested_and_cleared_one_by_one(void **state)
{
	uint64_t words[3] = { 0 };

	(void)state;
	for (unsigned int nr = 0; nr < 192; nr++) {
		assert_false(test_bit(nr, words));
		assert_false(test_and_set_bit(nr, words));
		assert_true(test_bit(nr, words));
		assert_true(test_and_set_bit(nr, words));
		assert_int_equal(words[nr / 64], 1ULL << (nr % 64));
		assert_true(test_and_clear_bit(nr, words));
		assert_false(test_and_clear_bit(nr, words));
		assert_int_equal(words[nr / 64], 0);
	}
}

static spinlock_t lock;
static uint64_t counter;

static void *count(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20000; i++) {
		spin_lock(&lock);
		counter++;
		spin_unlock(&lock);
		/* a ticket lock waits for its turn, so on few CPUs the others must run */
		sched_yield();
	}
	return NULL;
}

static void a_lock_is_had_by_one_at_a_time(void **state)
{
	pthread_t t[2];

	(void)state;
	spin_init(&lock, RANK_POOL);
	/* tickets wrap */
	lock.next = lock.owner = 65000;
	assert_false(spin_is_locked(&lock));
	spin_lock(&lock);
	assert_true(spin_is_locked(&lock));
	spin_unlock(&lock);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, count, NULL), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(counter, 40000);
	assert_false(spin_is_locked(&lock));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_written_in_their_base),
		cmocka_unit_test(width_pads_on_the_left),
		cmocka_unit_test(strings_and_characters_are_copied),
		cmocka_unit_test(text_is_cut_at_the_end_of_the_buffer),
		cmocka_unit_test(an_unfinished_or_unknown_format_does_no_harm),
		cmocka_unit_test(memory_functions_touch_their_bytes_and_no_others),
		cmocka_unit_test(memmove_copies_what_overlaps),
		cmocka_unit_test(memcmp_says_which_is_greater),
		cmocka_unit_test(bits_are_set_tested_and_cleared_one_by_one),
		cmocka_unit_test(a_lock_is_had_by_one_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
