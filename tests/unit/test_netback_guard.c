/* SPDX-License-Identifier: GPL-2.0-only */
/* Who may a guest say that it is? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "guard.h"

#define GUEST	0x00, 0x16, 0x3e, 0x12, 0x34, 0x56
#define OTHER	0x00, 0x16, 0x3e, 0xaa, 0xbb, 0xcc
#define ALL	0xff, 0xff, 0xff, 0xff, 0xff, 0xff

static struct hvn_guard g;
static uint8_t frame[512];
static unsigned len;

static int begin(void **state)
{
	static const uint8_t mac[] = { GUEST }, ip[] = { 10, 0, 0, 2 };
	static const uint8_t ip6[] = { 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2 };

	(void)state;
	memset(&g, 0, sizeof(g));
	memcpy(g.mac, mac, 6);
	memcpy(g.ipv4[0], ip, 4);
	memcpy(g.ipv6[0], ip6, 16);
	g.nr_ipv4 = 1;
	g.nr_ipv6 = 1;
	return 0;
}

static void add(const uint8_t *p, unsigned n)
{
	memcpy(frame + len, p, n);
	len += n;
}

#define ADD(...) do { const uint8_t bytes_[] = { __VA_ARGS__ }; add(bytes_, sizeof(bytes_)); } while (0)

static void zeros(unsigned n)
{
	memset(frame + len, 0, n);
	len += n;
}

static void ethernet(uint16_t type)
{
	len = 0;
	ADD(ALL, GUEST, type >> 8, type & 255);
}

static enum hvn_guard_verdict verdict(void)
{
	return hvn_guard(&g, frame, len);
}

static void ipv4(uint8_t last, uint8_t proto)
{
	ethernet(0x0800);
	ADD(0x45, 0, 0, 40, 0, 0, 0, 0, 64, proto, 0, 0, 10, 0, 0, last, 10, 0, 0, 1);
	zeros(20);
}

static void the_mac_is_the_guests(void **state)
{
	(void)state;
	g.nr_ipv4 = g.nr_ipv6 = 0;
	ethernet(0x1234);
	zeros(46);
	assert_int_equal(verdict(), HVN_GUARD_PASS);
	frame[11] ^= 1;
	assert_int_equal(verdict(), HVN_GUARD_MAC);
	g.promisc = true;
	assert_int_equal(verdict(), HVN_GUARD_PASS);
	len = 13;
	assert_int_equal(verdict(), HVN_GUARD_MAC);
}

static void arp(uint8_t last, bool other)
{
	ethernet(0x0806);
	ADD(0, 1, 8, 0, 6, 4, 0, 2);
	if (other)
		ADD(OTHER);
	else
		ADD(GUEST);
	ADD(10, 0, 0, last, ALL, 10, 0, 0, 1);
}

static void arp_tells_the_truth(void **state)
{
	(void)state;
	arp(2, false);
	assert_int_equal(verdict(), HVN_GUARD_PASS);
	arp(1, false);
	assert_int_equal(verdict(), HVN_GUARD_IP);
	arp(2, true);
	assert_int_equal(verdict(), HVN_GUARD_MAC);
	/* without a list the address is not looked at, the MAC is */
	g.nr_ipv4 = g.nr_ipv6 = 0;
	arp(1, false);
	assert_int_equal(verdict(), HVN_GUARD_PASS);
	arp(2, true);
	assert_int_equal(verdict(), HVN_GUARD_MAC);
	begin(state);
	arp(2, false);
	memset(frame + 28, 0, 4);	/* a probe */
	assert_int_equal(verdict(), HVN_GUARD_PASS);
	arp(2, false);
	len--;
	assert_int_equal(verdict(), HVN_GUARD_IP);
	arp(2, false);
	frame[14 + 5] = 16;		/* addresses of another length stand elsewhere */
	assert_int_equal(verdict(), HVN_GUARD_IP);
}

static void ipv4_comes_from_a_listed_address(void **state)
{
	(void)state;
	ipv4(2, 6);
	assert_int_equal(verdict(), HVN_GUARD_PASS);
	ipv4(3, 6);
	assert_int_equal(verdict(), HVN_GUARD_IP);
	ipv4(2, 6);
	frame[14] = 0x65;
	assert_int_equal(verdict(), HVN_GUARD_IP);
	ipv4(2, 6);
	len = 14 + 19;
	assert_int_equal(verdict(), HVN_GUARD_IP);
}

static void nobody_may_ask_for_an_address(void **state)
{
	(void)state;
	ipv4(2, 17);
	memset(frame + 14 + 12, 0, 4);
	assert_int_equal(verdict(), HVN_GUARD_IP);
	frame[34 + 1] = 68;
	frame[34 + 3] = 67;
	assert_int_equal(verdict(), HVN_GUARD_PASS);
	frame[14 + 6] = 0x20;	/* a fragment */
	assert_int_equal(verdict(), HVN_GUARD_IP);
	frame[14 + 6] = 0;
	frame[14] = 0x4f;	/* its header ends behind what there is */
	len = 14 + 40;
	assert_int_equal(verdict(), HVN_GUARD_IP);
}

static void vlan_tags_hide_nothing(void **state)
{
	unsigned tags, i;

	(void)state;
	for (tags = 1; tags <= 3; tags++) {
		len = 0;
		ADD(ALL, GUEST);
		for (i = 0; i < tags; i++)
			ADD(0x81, 0, 0, 5);
		ADD(8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1);
		assert_int_equal(verdict(), tags <= 2 ? HVN_GUARD_PASS : HVN_GUARD_IP);
		frame[len - 5] = 3;
		assert_int_equal(verdict(), HVN_GUARD_IP);
	}
}

static void other_protocols_need_no_list(void **state)
{
	(void)state;
	ethernet(0x88cc);
	zeros(46);
	assert_int_equal(verdict(), HVN_GUARD_IP);
	g.nr_ipv4 = g.nr_ipv6 = 0;
	assert_int_equal(verdict(), HVN_GUARD_PASS);
}

static const uint8_t own6[] = { 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2 };
static const uint8_t other6[] = { 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 };
static const uint8_t link6[] = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x02, 0x16, 0x3e, 0xff, 0xfe, 0x12, 0x34, 0x56 };
static const uint8_t router6[] = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 };
static const uint8_t none6[16];

static void ipv6(const uint8_t *from, uint8_t next, uint16_t bytes)
{
	ethernet(0x86dd);
	ADD(0x60, 0, 0, 0, bytes >> 8, bytes & 255, next, 255);
	add(from, 16);
	add(other6, 16);
}

static void ipv6_comes_from_a_listed_address(void **state)
{
	(void)state;
	ipv6(own6, 6, 20);
	zeros(20);
	assert_int_equal(verdict(), HVN_GUARD_PASS);
	ipv6(other6, 6, 20);
	zeros(20);
	assert_int_equal(verdict(), HVN_GUARD_IP);
	ipv6(link6, 17, 20);
	zeros(20);
	assert_int_equal(verdict(), HVN_GUARD_PASS);
	ipv6(router6, 17, 20);
	zeros(20);
	assert_int_equal(verdict(), HVN_GUARD_IP);
	ipv6(none6, 17, 20);
	zeros(20);
	assert_int_equal(verdict(), HVN_GUARD_IP);
}

static void neighbour(uint8_t type, const uint8_t *target, bool lie)
{
	ADD(type, 0, 0, 0, 0x20, 0, 0, 0);
	add(target, 16);
	ADD(type == 136 ? 2 : 1, 1);
	if (lie)
		ADD(OTHER);
	else
		ADD(GUEST);
}

static void neighbours_are_told_the_truth(void **state)
{
	(void)state;
	ipv6(own6, 58, 32);
	neighbour(136, own6, false);
	assert_int_equal(verdict(), HVN_GUARD_PASS);
	ipv6(own6, 58, 32);
	neighbour(136, own6, true);
	assert_int_equal(verdict(), HVN_GUARD_IP);
	ipv6(own6, 58, 32);
	neighbour(136, router6, false);
	assert_int_equal(verdict(), HVN_GUARD_IP);
	ipv6(own6, 58, 32);
	neighbour(135, other6, false);
	assert_int_equal(verdict(), HVN_GUARD_PASS);
	ipv6(own6, 58, 32);
	neighbour(135, other6, true);
	assert_int_equal(verdict(), HVN_GUARD_IP);
	/* advertisements of routers, redirects */
	ipv6(link6, 58, 32);
	neighbour(134, other6, false);
	assert_int_equal(verdict(), HVN_GUARD_IP);
	ipv6(link6, 58, 32);
	neighbour(137, other6, false);
	assert_int_equal(verdict(), HVN_GUARD_IP);
	/* more than we see */
	ipv6(own6, 58, 40);
	neighbour(135, other6, false);
	assert_int_equal(verdict(), HVN_GUARD_IP);
	/* echo is none of this */
	ipv6(own6, 58, 32);
	neighbour(128, other6, true);
	assert_int_equal(verdict(), HVN_GUARD_PASS);
}

static void headers_hide_nothing(void **state)
{
	unsigned n, i;

	(void)state;
	for (n = 1; n < 12; n++) {
		ipv6(own6, 60, 8 * n + 32);
		for (i = 1; i < n; i++)
			ADD(60, 0, 1, 4, 0, 0, 0, 0);
		ADD(58, 0, 1, 4, 0, 0, 0, 0);
		neighbour(136, other6, false);
		assert_int_equal(verdict(), HVN_GUARD_IP);
	}
	ipv6(own6, 44, 40);		/* the first of fragments */
	ADD(58, 0, 0, 1, 0, 0, 0, 0);
	neighbour(136, other6, false);
	assert_int_equal(verdict(), HVN_GUARD_IP);
	ipv6(own6, 44, 40);		/* a later one */
	ADD(58, 0, 0, 0x18, 0, 0, 0, 0);
	zeros(32);
	assert_int_equal(verdict(), HVN_GUARD_PASS);
	ipv6(own6, 0, 300);		/* a header that ends behind what we see */
	ADD(58, 30, 0, 0, 0, 0, 0, 0);
	zeros(100);
	assert_int_equal(verdict(), HVN_GUARD_IP);
}

static void nobody_may_look_for_its_address(void **state)
{
	(void)state;
	ipv6(none6, 58, 24);
	ADD(135, 0, 0, 0, 0, 0, 0, 0);
	add(own6, 16);
	assert_int_equal(verdict(), HVN_GUARD_PASS);
	ipv6(none6, 58, 24);
	ADD(136, 0, 0, 0, 0, 0, 0, 0);
	add(own6, 16);
	assert_int_equal(verdict(), HVN_GUARD_IP);
	ipv6(none6, 0, 16 + 20);	/* a report of a listener */
	ADD(58, 0, 5, 2, 0, 0, 1, 0, 143, 0, 0, 0, 0, 0, 0, 1);
	zeros(20);
	assert_int_equal(verdict(), HVN_GUARD_PASS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_mac_is_the_guests, begin),
		cmocka_unit_test_setup(arp_tells_the_truth, begin),
		cmocka_unit_test_setup(ipv4_comes_from_a_listed_address, begin),
		cmocka_unit_test_setup(nobody_may_ask_for_an_address, begin),
		cmocka_unit_test_setup(vlan_tags_hide_nothing, begin),
		cmocka_unit_test_setup(other_protocols_need_no_list, begin),
		cmocka_unit_test_setup(ipv6_comes_from_a_listed_address, begin),
		cmocka_unit_test_setup(neighbours_are_told_the_truth, begin),
		cmocka_unit_test_setup(headers_hide_nothing, begin),
		cmocka_unit_test_setup(nobody_may_look_for_its_address, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
