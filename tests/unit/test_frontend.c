/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frontend.h"

static const struct frontend_feature features[] = { { "feature-persistent", 1 }, { "feature-sg", 2 }, {} };
static const struct frontend_layout block = {
	.rings = { { "ring-ref", "event-channel" } }, .nr_rings = 1, .order = "ring-page-order", .features = features,
};
static const struct frontend_layout net = {
	.rings = { { "tx-ring-ref", "event-channel-tx" }, { "rx-ring-ref", "event-channel-rx" } },
	.nr_rings = 2, .shared_port = "event-channel", .features = features, .setting = "xdp-headroom",
};

/* Nodes as "name=value" lines. */
static int read_node(void *userdata, const char *node, char *buf, size_t size)
{
	const size_t len = strlen(node);

	for (const char *line = userdata; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t value = strcspn(line, "\n") - len - 1;

		if (strncmp(line, node, len) != 0 || line[len] != '=')
			continue;
		if (value >= size)
			return -E2BIG;
		memcpy(buf, line + len + 1, value);
		buf[value] = '\0';
		return 0;
	}
	return -ENOENT;
}

static struct frontend parse(const struct frontend_layout *l, const char *nodes)
{
	struct zendo_error e = {};
	struct frontend f = {};

	if (frontend_read(l, 4, 2, read_node, (void *)nodes, &f, &e) < 0)
		fail_msg("%s", e.text);
	return f;
}

static void refuse(const struct frontend_layout *l, const char *nodes, const char *words)
{
	struct zendo_error e = {};
	struct frontend f = {};

	assert_int_equal(frontend_read(l, 4, 2, read_node, (void *)nodes, &f, &e), -EINVAL);
	assert_null(f.queues);
	if (!strstr(e.text, words))
		fail_msg("'%s' not in '%s'", words, e.text);
}

static void a_plain_disk_is_read(void **state)
{
	struct frontend f = parse(&block, "ring-ref=8\nevent-channel=15\nprotocol=x86_64-abi\nfeature-persistent=1\n");

	(void)state;
	assert_int_equal(f.nr_queues, 1);
	assert_int_equal(f.protocol, HVBACK_PROTO_X86_64);
	assert_int_equal(f.features, 1);
	assert_int_equal(f.queues[0].nr_refs[0], 1);
	assert_int_equal(f.queues[0].ref[0][0], 8);
	assert_int_equal(f.queues[0].port[0], 15);
	assert_int_equal(f.queues[0].nr_refs[1], 0);
	free(f.queues);
}

static void several_queues_and_pages_are_read(void **state)
{
	struct frontend f = parse(&block, "multi-queue-num-queues=2\nring-page-order=1\nprotocol=x86_32-abi\n"
				  "queue-0/ring-ref0=1\nqueue-0/ring-ref1=2\nqueue-0/event-channel=3\n"
				  "queue-1/ring-ref0=4\nqueue-1/ring-ref1=5\nqueue-1/event-channel=6\n");

	(void)state;
	assert_int_equal(f.nr_queues, 2);
	assert_int_equal(f.protocol, HVBACK_PROTO_X86_32);
	assert_int_equal(f.queues[1].nr_refs[0], 2);
	assert_int_equal(f.queues[1].ref[0][1], 5);
	assert_int_equal(f.queues[1].port[0], 6);
	free(f.queues);
}

static void one_page_may_have_a_number(void **state)
{
	struct frontend f = parse(&block, "ring-ref0=7\nevent-channel=1\n");

	(void)state;
	assert_int_equal(f.queues[0].ref[0][0], 7);
	free(f.queues);
}

static void ports_of_a_network_are_two_or_one(void **state)
{
	struct frontend f = parse(&net, "tx-ring-ref=1\nrx-ring-ref=2\nevent-channel-tx=3\nevent-channel-rx=4\nfeature-sg=1\n"
				  "feature-persistent=0\n");

	(void)state;
	assert_int_equal(f.queues[0].ref[0][0], 1);
	assert_int_equal(f.queues[0].ref[1][0], 2);
	assert_int_equal(f.queues[0].port[0], 3);
	assert_int_equal(f.queues[0].port[1], 4);
	assert_int_equal(f.features, 2);
	assert_int_equal(f.setting, 0);
	free(f.queues);
	f = parse(&net, "tx-ring-ref=1\nrx-ring-ref=2\nevent-channel=9\nxdp-headroom=256\n");
	assert_int_equal(f.setting, 256);
	assert_int_equal(f.queues[0].port[0], 9);
	assert_int_equal(f.queues[0].port[1], 0);
	free(f.queues);
}

static void a_setting_is_read_alone(void **state)
{
	struct zendo_error e = {};
	uint32_t n = 1;

	(void)state;
	assert_int_equal(frontend_read_setting(&net, read_node, "", &n, &e), 0);
	assert_int_equal(n, 0);
	assert_int_equal(frontend_read_setting(&net, read_node, "xdp-headroom=512\n", &n, &e), 0);
	assert_int_equal(n, 512);
	assert_int_equal(frontend_read_setting(&net, read_node, "xdp-headroom=-1\n", &n, &e), -EINVAL);
	assert_int_equal(frontend_read_setting(&block, read_node, "xdp-headroom=512\n", &n, &e), 0);
	assert_int_equal(n, 0);
}

static void what_is_wrong_is_named(void **state)
{
	(void)state;
	refuse(&block, "", "'ring-ref0' is missing");
	refuse(&block, "ring-ref=8\n", "'event-channel' is missing");
	refuse(&block, "ring-ref=8\nevent-channel=0\n", "port 0");
	refuse(&block, "ring-ref=x\nevent-channel=1\n", "'ring-ref' is no number");
	refuse(&block, "ring-ref=\nevent-channel=1\n", "'ring-ref' is no number");
	refuse(&block, "ring-ref=4294967296\nevent-channel=1\n", "'ring-ref' is no number");
	refuse(&block, "ring-ref=-1\nevent-channel=1\n", "'ring-ref' is no number");
	refuse(&block, "ring-ref=00000000000000000000000000000000000001\nevent-channel=1\n", "'ring-ref' is too long");
	refuse(&block, "multi-queue-num-queues=5\n", "'multi-queue-num-queues' is 5, at most 4");
	refuse(&block, "multi-queue-num-queues=0\n", "is 0");
	refuse(&block, "ring-page-order=3\n", "'ring-page-order' is 3, at most 2");
	refuse(&block, "ring-page-order=1\nring-ref0=1\nevent-channel=1\n", "'ring-ref1' is missing");
	refuse(&block, "protocol=arm-abi\nring-ref=8\nevent-channel=1\n", "'protocol' is unknown");
	refuse(&block, "multi-queue-num-queues=2\nring-ref=8\nevent-channel=1\n", "'queue-0/ring-ref0' is missing");
	refuse(&net, "tx-ring-ref=1\nevent-channel=1\n", "'rx-ring-ref' is missing");
	refuse(&net, "tx-ring-ref=1\nrx-ring-ref=2\nevent-channel-tx=1\n", "'event-channel-rx' is missing");
	refuse(&net, "tx-ring-ref=1\nrx-ring-ref=2\n", "'event-channel' is missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_disk_is_read),
		cmocka_unit_test(several_queues_and_pages_are_read),
		cmocka_unit_test(one_page_may_have_a_number),
		cmocka_unit_test(ports_of_a_network_are_two_or_one),
		cmocka_unit_test(a_setting_is_read_alone),
		cmocka_unit_test(what_is_wrong_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
