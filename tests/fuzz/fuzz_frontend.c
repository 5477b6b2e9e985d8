/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest publishes for a device: the first byte chooses the class, the rest is lines NODE=VALUE. What is accepted must fit the contract
 * of HVBACK_CONNECT.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "frontend.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct frontend_feature features[] = { { "feature-persistent", 1 }, { "feature-sg", 2 }, { NULL, 0 } };
static const struct frontend_layout block = {
	.rings = { { "ring-ref", "event-channel" } }, .nr_rings = 1, .order = "ring-page-order", .features = features,
};
static const struct frontend_layout net = {
	.rings = { { "tx-ring-ref", "event-channel-tx" }, { "rx-ring-ref", "event-channel-rx" } },
	.nr_rings = 2, .shared_port = "event-channel", .features = features,
};

static int read_node(void *userdata, const char *node, char *buf, size_t size)
{
	const size_t len = strlen(node);

	for (const char *line = userdata; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t all = strcspn(line, "\n");

		if (all < len + 1 || strncmp(line, node, len) != 0 || line[len] != '=')
			continue;
		if (all - len - 1 >= size)
			return -E2BIG;
		memcpy(buf, line + len + 1, all - len - 1);
		buf[all - len - 1] = '\0';
		return 0;
	}
	return -ENOENT;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zendo_error e = { .line = 0 };
	struct frontend f;
	bool is_net;
	char *nodes;

	if (size < 1)
		return 0;
	is_net = data[0] == 'n';
	nodes = strndup((const char *)data + 1, size - 1);
	if (!nodes)
		return 0;
	if (frontend_read(is_net ? &net : &block, 8, 4, read_node, nodes, &f, &e) < 0) {
		if (!e.text[0])
			abort();
		free(nodes);
		return 0;
	}
	if (f.nr_queues < 1 || f.nr_queues > 8 || f.protocol > HVBACK_PROTO_X86_32)
		abort();
	for (unsigned i = 0; i < f.nr_queues; i++)
		for (unsigned k = 0; k < HVBACK_MAX_RINGS; k++) {
			uint32_t nr = f.queues[i].nr_refs[k];

			if (nr > HVBACK_MAX_RING_PAGES || nr & (nr - 1) || !nr == (k == 0 || is_net) || !f.queues[i].port[0])
				abort();
		}
	free(f.queues);
	free(nodes);
	return 0;
}
