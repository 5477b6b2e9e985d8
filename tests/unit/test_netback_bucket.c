/* SPDX-License-Identifier: GPL-2.0-only */
/* A vif's rate limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bucket.h"

/* Send packets of @size as fast as it lets us for @seconds; bytes that went. */
static u64 send(struct hvn_bucket *b, u64 now, unsigned seconds, u32 size)
{
	u64 end = now + seconds * HVN_SECOND, bytes = 0, wait;

	while (now < end) {
		wait = hvn_bucket_wait(b, now);
		if (wait) {
			assert_true(wait <= HVN_SECOND);
			now += wait;
			continue;
		}
		hvn_bucket_take(b, size);
		bytes += size;
	}
	return bytes;
}

static void the_rate_holds(void **state)
{
	static const u64 rates[] = { 10000, 125000, 12500000, 1250000000ULL, 12500000000ULL };
	struct hvn_bucket b;
	unsigned i;
	u64 bytes;

	(void)state;
	for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		hvn_bucket_init(&b, rates[i], 0, 5);
		bytes = send(&b, 5, 20, 1514);
		assert_true(bytes <= rates[i] * 20 + (u64)b.burst + 2 * 1514);
		assert_true(bytes >= rates[i] * 20 - rates[i] / 50);
	}
}

static void none_is_no_limit(void **state)
{
	struct hvn_bucket b;
	unsigned i;

	(void)state;
	hvn_bucket_init(&b, 0, 0, 5);
	for (i = 0; i < 100000; i++) {
		assert_int_equal(hvn_bucket_wait(&b, 5), 0);
		hvn_bucket_take(&b, 65535);
	}
}

static void idle_time_saves_no_more_than_a_burst(void **state)
{
	struct hvn_bucket b;

	(void)state;
	hvn_bucket_init(&b, 1000000, 100000, 5);
	assert_int_equal(b.burst, 100000);
	assert_true(send(&b, 3600 * HVN_SECOND, 1, 1000) <= 1000000 + 100000 + 2000);
}

static void a_packet_larger_than_all_passes_and_is_paid_for(void **state)
{
	struct hvn_bucket b;
	u64 wait;

	(void)state;
	hvn_bucket_init(&b, 65536, 65536, 0);
	hvn_bucket_take(&b, 65535);
	assert_int_equal(hvn_bucket_wait(&b, 0), 0);
	hvn_bucket_take(&b, 65535);
	wait = hvn_bucket_wait(&b, 0);
	assert_true(wait > HVN_SECOND * 9 / 10);
	assert_int_equal(hvn_bucket_wait(&b, 2 * HVN_SECOND), 0);
}

static void absurd_rates_do_no_harm(void **state)
{
	struct hvn_bucket b;

	(void)state;
	hvn_bucket_init(&b, UINT64_MAX, UINT64_MAX, 0);
	assert_int_equal(hvn_bucket_wait(&b, UINT64_MAX / 2), 0);
	hvn_bucket_take(&b, 65535);
	assert_int_equal(hvn_bucket_wait(&b, UINT64_MAX / 2 + HVN_SECOND), 0);
	hvn_bucket_init(&b, 1, 1, 0);
	hvn_bucket_take(&b, 65536);
	assert_int_equal(hvn_bucket_wait(&b, 0), HVN_SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rate_holds),
		cmocka_unit_test(none_is_no_limit),
		cmocka_unit_test(idle_time_saves_no_more_than_a_burst),
		cmocka_unit_test(a_packet_larger_than_all_passes_and_is_paid_for),
		cmocka_unit_test(absurd_rates_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
