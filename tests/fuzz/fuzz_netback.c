/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest's tx ring, entry by entry, and the packets in it. What was found consistent must be. */
#include <stdlib.h>

#include "guard.h"
#include "tx_chain.h"

#define ENTRIES	256
#define ENTRY	sizeof(union netif_tx_sring_entry)

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_packet(const struct hvn_tx_chain *c)
{
	unsigned i, sum = 0;

	must(c->nr_slots >= 1 && c->nr_slots <= XEN_NETIF_NR_SLOTS_MIN);
	must(c->nr_entries == c->nr_slots + c->nr_extras);
	must(c->len >= HVN_ETH_HLEN && c->len <= 65535);
	must(!c->gso_size == !c->gso_type);
	for (i = 0; i < c->nr_slots; i++) {
		must(c->slot[i].len && c->slot[i].offset + c->slot[i].len <= HVN_SLOT_BYTES);
		sum += c->slot[i].len;
	}
	must(sum == c->len);
}

static void run_ring(const uint8_t *data, size_t size)
{
	union netif_tx_sring_entry *ring = calloc(ENTRIES, ENTRY);
	uint32_t left = size / ENTRY, cons = 0;
	struct hvn_tx_chain c;

	if (left > ENTRIES)
		left = ENTRIES;
	memcpy(ring, data, left * ENTRY);
	while (left) {
		switch (hvn_tx_parse(ring, ENTRIES - 1, cons, left, &c)) {
		case HVN_TX_PACKET:
			check_packet(&c);
			break;
		case HVN_TX_MCAST:
			must(c.nr_slots == 1 && c.nr_entries == 1 + c.nr_extras);
			break;
		case HVN_TX_REFUSED:
			must(c.why && c.nr_slots <= HVN_TX_SLOTS_FATAL && c.nr_entries == c.nr_slots + c.nr_extras);
			break;
		case HVN_TX_BROKEN:
			must(c.why != NULL);
			free(ring);
			return;
		}
		must(c.nr_entries >= 1 && c.nr_entries <= left);
		cons += c.nr_entries;
		left -= c.nr_entries;
	}
	free(ring);
}

/* In memory of its very size, so that a byte too far is seen. The first bytes say what is allowed. */
static void run_guard(const uint8_t *data, size_t size)
{
	struct hvn_guard g = { .mac = { 0, 0x16, 0x3e, 1, 2, 3 }, .ipv4 = { { 10, 0, 0, 2 } }, .ipv6 = { { 0xfd, 2 } } };
	uint8_t *p;

	if (size < 2)
		return;
	g.promisc = data[0] & 1;
	g.nr_ipv4 = data[0] >> 1 & 1;
	g.nr_ipv6 = data[0] >> 2 & 1;
	size--;
	p = malloc(size);
	memcpy(p, data + 1, size);
	if (size >= 14 && !(data[0] & 8))
		memcpy(p + 6, g.mac, 6);
	hvn_guard(&g, p, size);
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] & 0x80)
		run_guard(data + 1, size - 1);
	else
		run_ring(data + 1, size - 1);
	return 0;
}
