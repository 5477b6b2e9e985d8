/* SPDX-License-Identifier: GPL-2.0-only */
/* What a guest may write into its tx ring, and what is made of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tx_chain.h"

#define ENTRIES	256

static union netif_tx_sring_entry ring[ENTRIES];
static struct hvn_tx_chain chain;
static unsigned nr;

static int begin(void **state)
{
	(void)state;
	memset(ring, 0xa5, sizeof(ring));
	memset(&chain, 0xa5, sizeof(chain));
	nr = 0;
	return 0;
}

static void request(uint16_t offset, uint16_t size, uint16_t flags)
{
	ring[nr].req = (struct netif_tx_request) {
		.gref = 1000 + nr, .offset = offset, .size = size, .flags = flags, .id = 100 + nr,
	};
	nr++;
}

static void extra(struct netif_extra_info x)
{
	memset(&ring[nr], 0, sizeof(ring[nr]));
	memcpy(&ring[nr], &x, sizeof(x));
	nr++;
}

static void gso(uint16_t size, uint8_t type, uint8_t flags)
{
	extra((struct netif_extra_info) { .type = XEN_NETIF_EXTRA_TYPE_GSO, .flags = flags, .u.gso = { .size = size, .type = type } });
}

static enum hvn_tx_verdict parse(void)
{
	return hvn_tx_parse(ring, ENTRIES - 1, 0, nr, &chain);
}

static void one_request_is_a_packet(void **state)
{
	(void)state;
	request(10, 1514, NETTXF_csum_blank | NETTXF_data_validated);
	request(0, 60, 0);
	assert_int_equal(parse(), HVN_TX_PACKET);
	assert_int_equal(chain.nr_entries, 1);
	assert_int_equal(chain.nr_slots, 1);
	assert_int_equal(chain.nr_extras, 0);
	assert_int_equal(chain.len, 1514);
	assert_int_equal(chain.flags, NETTXF_csum_blank | NETTXF_data_validated);
	assert_int_equal(chain.gso_size, 0);
	assert_int_equal(chain.slot[0].ref, 1000);
	assert_int_equal(chain.slot[0].offset, 10);
	assert_int_equal(chain.slot[0].len, 1514);
	assert_int_equal(chain.slot[0].id, 100);
	assert_null(chain.why);
}

static void the_first_size_is_the_packets(void **state)
{
	(void)state;
	request(96, 4000 + 4096 + 100, NETTXF_more_data | NETTXF_extra_info);
	gso(1448, XEN_NETIF_GSO_TYPE_TCPV4, 0);
	request(0, 4096, NETTXF_more_data);
	request(3996, 100, 0);
	assert_int_equal(parse(), HVN_TX_PACKET);
	assert_int_equal(chain.nr_entries, 4);
	assert_int_equal(chain.nr_slots, 3);
	assert_int_equal(chain.nr_extras, 1);
	assert_int_equal(chain.len, 8196);
	assert_int_equal(chain.slot[0].len, 4000);
	assert_int_equal(chain.slot[1].len, 4096);
	assert_int_equal(chain.slot[2].len, 100);
	assert_int_equal(chain.slot[2].id, 103);
	assert_int_equal(chain.gso_size, 1448);
	assert_int_equal(chain.gso_type, XEN_NETIF_GSO_TYPE_TCPV4);
}

static void a_chain_goes_round_the_ring(void **state)
{
	(void)state;
	nr = ENTRIES - 1;
	request(0, 200, NETTXF_more_data);
	nr = 0;
	request(0, 100, 0);
	assert_int_equal(hvn_tx_parse(ring, ENTRIES - 1, 0xffffffff, 2, &chain), HVN_TX_PACKET);
	assert_int_equal(chain.slot[0].id, 100 + ENTRIES - 1);
	assert_int_equal(chain.slot[1].id, 100);
	assert_int_equal(chain.slot[0].len, 100);
}

static void what_is_not_published_is_not_looked_at(void **state)
{
	(void)state;
	request(0, 200, NETTXF_more_data);
	assert_int_equal(parse(), HVN_TX_BROKEN);
	begin(state);
	request(0, 200, NETTXF_extra_info);
	assert_int_equal(parse(), HVN_TX_BROKEN);
	begin(state);
	request(0, 200, NETTXF_extra_info | NETTXF_more_data);
	gso(1000, XEN_NETIF_GSO_TYPE_TCPV6, 0);
	assert_int_equal(parse(), HVN_TX_BROKEN);
	assert_non_null(chain.why);
	assert_int_equal(hvn_tx_parse(ring, ENTRIES - 1, 0, 0, &chain), HVN_TX_BROKEN);
}

static void as_many_requests_as_the_header_says(void **state)
{
	unsigned i, n;

	(void)state;
	for (n = 1; n <= 40; n++) {
		begin(state);
		request(0, n * 100, n > 1 ? NETTXF_more_data : 0);
		for (i = 1; i < n; i++)
			request(0, 100, i + 1 < n ? NETTXF_more_data : 0);
		if (n <= XEN_NETIF_NR_SLOTS_MIN)
			assert_int_equal(parse(), HVN_TX_PACKET);
		else if (n <= HVN_TX_SLOTS_FATAL)
			assert_int_equal(parse(), HVN_TX_REFUSED);
		else
			assert_int_equal(parse(), HVN_TX_BROKEN);
		if (n <= HVN_TX_SLOTS_FATAL) {
			assert_int_equal(chain.nr_slots, n);
			assert_int_equal(chain.nr_entries, n);
			assert_int_equal(chain.slot[n - 1].id, 99 + n);
		}
	}
}

static void no_request_crosses_its_page(void **state)
{
	(void)state;
	request(4000, 96, 0);
	assert_int_equal(parse(), HVN_TX_PACKET);
	begin(state);
	request(4000, 97, 0);
	assert_int_equal(parse(), HVN_TX_BROKEN);
	begin(state);
	request(65535, 65535, 0);
	assert_int_equal(parse(), HVN_TX_BROKEN);
	begin(state);
	request(0, 5000, NETTXF_more_data);
	request(4096, 1, 0);
	assert_int_equal(parse(), HVN_TX_BROKEN);
	/* the first one's size is known only at the end: 4,097 bytes are left for it */
	begin(state);
	request(0, 4197, NETTXF_more_data);
	request(0, 100, 0);
	assert_int_equal(parse(), HVN_TX_BROKEN);
}

static void the_parts_are_no_larger_than_the_packet(void **state)
{
	(void)state;
	request(0, 100, NETTXF_more_data);
	request(0, 101, 0);
	assert_int_equal(parse(), HVN_TX_BROKEN);
	begin(state);
	request(0, 300, NETTXF_more_data);
	request(0, 200, NETTXF_more_data);
	request(0, 101, 0);
	assert_int_equal(parse(), HVN_TX_BROKEN);
}

static void a_short_packet_is_refused(void **state)
{
	(void)state;
	request(0, 13, 0);
	assert_int_equal(parse(), HVN_TX_REFUSED);
	begin(state);
	request(0, 0, 0);
	assert_int_equal(parse(), HVN_TX_REFUSED);
	assert_int_equal(chain.nr_slots, 1);
	/* nothing is left for the first one */
	begin(state);
	request(0, 100, NETTXF_more_data);
	request(0, 100, 0);
	assert_int_equal(parse(), HVN_TX_REFUSED);
	assert_int_equal(chain.nr_entries, 2);
	/* an empty piece in the middle */
	begin(state);
	request(0, 100, NETTXF_more_data);
	request(0, 0, NETTXF_more_data);
	request(0, 50, 0);
	assert_int_equal(parse(), HVN_TX_REFUSED);
	assert_int_equal(chain.nr_slots, 3);
	begin(state);
	request(0, 14, 0);
	assert_int_equal(parse(), HVN_TX_PACKET);
}

static void lies_about_segments_break_the_ring(void **state)
{
	(void)state;
	request(0, 1000, NETTXF_extra_info);
	gso(0, XEN_NETIF_GSO_TYPE_TCPV4, 0);
	assert_int_equal(parse(), HVN_TX_BROKEN);
	begin(state);
	request(0, 1000, NETTXF_extra_info);
	gso(500, XEN_NETIF_GSO_TYPE_NONE, 0);
	assert_int_equal(parse(), HVN_TX_BROKEN);
	begin(state);
	request(0, 1000, NETTXF_extra_info);
	gso(500, 3, 0);
	assert_int_equal(parse(), HVN_TX_BROKEN);
	begin(state);
	request(0, 1000, NETTXF_extra_info);
	gso(500, XEN_NETIF_GSO_TYPE_TCPV4, XEN_NETIF_EXTRA_FLAG_MORE);
	gso(400, XEN_NETIF_GSO_TYPE_TCPV4, 0);
	assert_int_equal(parse(), HVN_TX_BROKEN);
}

static void extras_end(void **state)
{
	unsigned i;

	(void)state;
	request(0, 1000, NETTXF_extra_info);
	for (i = 0; i < 200; i++)
		extra((struct netif_extra_info) { .type = XEN_NETIF_EXTRA_TYPE_HASH, .flags = XEN_NETIF_EXTRA_FLAG_MORE });
	assert_int_equal(parse(), HVN_TX_BROKEN);
	assert_true(chain.nr_entries <= XEN_NETIF_EXTRA_TYPE_MAX);
	begin(state);
	request(0, 1000, NETTXF_extra_info);
	extra((struct netif_extra_info) { .type = XEN_NETIF_EXTRA_TYPE_NONE });
	assert_int_equal(parse(), HVN_TX_BROKEN);
	begin(state);
	request(0, 1000, NETTXF_extra_info);
	extra((struct netif_extra_info) { .type = 200 });
	assert_int_equal(parse(), HVN_TX_BROKEN);
}

static void a_hash_is_skipped(void **state)
{
	(void)state;
	request(0, 1000, NETTXF_extra_info);
	extra((struct netif_extra_info) { .type = XEN_NETIF_EXTRA_TYPE_HASH, .flags = XEN_NETIF_EXTRA_FLAG_MORE });
	gso(500, XEN_NETIF_GSO_TYPE_TCPV6, 0);
	assert_int_equal(parse(), HVN_TX_PACKET);
	assert_int_equal(chain.nr_extras, 2);
	assert_int_equal(chain.nr_entries, 3);
	assert_int_equal(chain.gso_type, XEN_NETIF_GSO_TYPE_TCPV6);
}

static void multicast_orders_are_no_packets(void **state)
{
	static const uint8_t addr[6] = { 1, 0, 0x5e, 1, 2, 3 };
	struct netif_extra_info x = { .type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD };

	(void)state;
	memcpy(x.u.mcast.addr, addr, 6);
	request(0, 0, NETTXF_extra_info);
	extra(x);
	assert_int_equal(parse(), HVN_TX_MCAST);
	assert_int_equal(chain.mcast_op, XEN_NETIF_EXTRA_TYPE_MCAST_ADD);
	assert_memory_equal(chain.mcast, addr, 6);
	assert_int_equal(chain.nr_slots, 1);
	assert_int_equal(chain.nr_extras, 1);
	assert_int_equal(chain.slot[0].id, 100);
	/* with data behind it */
	begin(state);
	request(0, 0, NETTXF_extra_info | NETTXF_more_data);
	extra(x);
	request(0, 100, 0);
	assert_int_equal(parse(), HVN_TX_BROKEN);
	/* two at once */
	begin(state);
	request(0, 0, NETTXF_extra_info);
	x.flags = XEN_NETIF_EXTRA_FLAG_MORE;
	extra(x);
	x.flags = 0;
	extra(x);
	assert_int_equal(parse(), HVN_TX_BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_request_is_a_packet, begin),
		cmocka_unit_test_setup(the_first_size_is_the_packets, begin),
		cmocka_unit_test_setup(a_chain_goes_round_the_ring, begin),
		cmocka_unit_test_setup(what_is_not_published_is_not_looked_at, begin),
		cmocka_unit_test_setup(as_many_requests_as_the_header_says, begin),
		cmocka_unit_test_setup(no_request_crosses_its_page, begin),
		cmocka_unit_test_setup(the_parts_are_no_larger_than_the_packet, begin),
		cmocka_unit_test_setup(a_short_packet_is_refused, begin),
		cmocka_unit_test_setup(lies_about_segments_break_the_ring, begin),
		cmocka_unit_test_setup(extras_end, begin),
		cmocka_unit_test_setup(a_hash_is_skipped, begin),
		cmocka_unit_test_setup(multicast_orders_are_no_packets, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
