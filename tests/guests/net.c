// SPDX-License-Identifier: GPL-2.0-only
/*
 * net: a neighbour on a bridge. It answers ARP and ICMP echo, and then, one after the other:
 *
 *	address=A.B.C.D		of interface 0, in a subnet of 24 bits; address1= of interface 1
 *	peers=N			pings the hosts 1 to N of its subnet, itself not, each until it has answered
 *	flood=HOST		sends UDP to that host for ever, as fast as it goes, size=BYTES of IP each
 *	deaf			posts no pages any more once it floods, or once its peers have answered
 *
 * Interfaces may come and go all the time.
 */
#include "netfront.h"

#define HOSTS		256
#define PATIENCE	NSEC		/* until it asks again */
#define PING_BYTES	56
#define LEFT_FOR_ANSWERS 8		/* pages */
#define ETH_ARP		0x0806
#define ETH_IP		0x0800
#define ARP_REQUEST	1
#define ARP_REPLY	2
#define IP_ICMP		1
#define IP_UDP		17
#define ICMP_ECHO	8
#define ICMP_REPLY	0
#define DISCARD_PORT	9

struct eth {
	uint8_t to[6], from[6];
	uint16_t type;
} __attribute__((packed));

struct arp {
	struct eth eth;
	uint16_t hardware, protocol;
	uint8_t hardware_len, protocol_len;
	uint16_t op;
	uint8_t from_mac[6];
	uint32_t from;
	uint8_t to_mac[6];
	uint32_t to;
} __attribute__((packed));

struct ip {
	struct eth eth;
	uint8_t version_len, tos;
	uint16_t len, id, fragment;
	uint8_t ttl, protocol;
	uint16_t sum;
	uint32_t from, to;
} __attribute__((packed));

struct icmp {
	struct ip ip;
	uint8_t type, code;
	uint16_t sum, id, seq;
	unsigned char data[];
} __attribute__((packed));

struct udp {
	struct ip ip;
	uint16_t from, to, len, sum;
} __attribute__((packed));

static struct nic nics[MOST_NICS];
static uint32_t addresses[MOST_NICS];		/* as on the wire; 0: none */
static struct {
	bool known;
	uint8_t mac[6];
} neighbours[HOSTS];				/* of interface 0's subnet */
static unsigned char out[MOST_FRAME];
static unsigned int self, peers, answered, current;	/* hosts; 0: nobody */
static unsigned int flood_host, flood_bytes;
static uint64_t next_try;			/* ns */

static uint16_t net16(unsigned int v)
{
	return (uint16_t)(v << 8 | (v >> 8 & 255));
}

static unsigned int host_of(uint32_t address)
{
	return address >> 24;
}

static bool is_in_subnet(uint32_t address)
{
	return !((address ^ addresses[0]) & 0xffffff);
}

static uint32_t address_of(unsigned int host)
{
	return (addresses[0] & 0xffffff) | host << 24;
}

static uint32_t option_address(const char *name)
{
	const char *p = option(name);
	uint32_t a = 0, octet;

	for (unsigned int i = 0; p && i < 4; i++) {
		for (octet = 0; *p >= '0' && *p <= '9' && octet < 256; p++)
			octet = octet * 10 + (uint32_t)(*p - '0');
		if (octet > 255 || (i < 3 && *p++ != '.'))
			panic("%s= is no address", name);
		a |= octet << 8 * i;
	}
	return a;
}

/* RFC 1071; the sum is the same in each byte order. */
static uint16_t checksum(const unsigned char *p, unsigned int len)
{
	uint32_t sum = 0;

	for (unsigned int i = 0; i < len; i++)
		sum += (uint32_t)p[i] << (i & 1 ? 8 : 0);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* ---- what it sends ---- */

static void fill_eth(struct eth *e, const struct nic *n, const uint8_t to[6], unsigned int type)
{
	memcpy(e->to, to, 6);
	memcpy(e->from, n->mac, 6);
	e->type = net16(type);
}

/* @bytes: the whole of IP */
static void fill_ip(struct ip *ip, const struct nic *n, const uint8_t mac[6], uint32_t to, unsigned int protocol, unsigned int bytes)
{
	fill_eth(&ip->eth, n, mac, ETH_IP);
	ip->version_len = 0x45;
	ip->tos = 0;
	ip->len = net16(bytes);
	ip->id = ip->fragment = 0;
	ip->ttl = 64;
	ip->protocol = (uint8_t)protocol;
	ip->sum = 0;
	ip->from = addresses[n->nr];
	ip->to = to;
	ip->sum = checksum((unsigned char *)ip + sizeof(ip->eth), sizeof(*ip) - sizeof(ip->eth));
}

static void send_arp(struct nic *n, unsigned int op, const uint8_t mac[6], uint32_t to)
{
	static const uint8_t nobody[6], all[6] = { 255, 255, 255, 255, 255, 255 };
	struct arp a = { .hardware = net16(1), .protocol = net16(ETH_IP), .hardware_len = 6, .protocol_len = 4, .op = net16(op) };

	fill_eth(&a.eth, n, mac ? mac : all, ETH_ARP);
	memcpy(a.from_mac, n->mac, 6);
	a.from = addresses[n->nr];
	memcpy(a.to_mac, mac ? mac : nobody, 6);
	a.to = to;
	(void)nic_send(n, &a, sizeof(a));
}

static void send_ping(struct nic *n, unsigned int host)
{
	struct icmp *p = (void *)out;

	fill_ip(&p->ip, n, neighbours[host].mac, address_of(host), IP_ICMP, sizeof(*p) - sizeof(struct eth) + PING_BYTES);
	p->type = ICMP_ECHO;
	p->code = 0;
	p->sum = 0;
	p->id = net16(self);
	p->seq = net16(host);
	for (unsigned int i = 0; i < PING_BYTES; i++)
		p->data[i] = (unsigned char)(self + host + i);
	p->sum = checksum(&p->type, sizeof(*p) - sizeof(p->ip) + PING_BYTES);
	(void)nic_send(n, out, sizeof(*p) + PING_BYTES);
}

/* Whoever it wants something of next: its address first. What gets lost is sent again after a while. */
static void ask(struct nic *n)
{
	if (!current || n->state != NIC_READY)
		return;
	if (!neighbours[current].known)
		send_arp(n, ARP_REQUEST, NULL, address_of(current));
	else
		send_ping(n, current);
	next_try = clock_ns() + PATIENCE;
	if (timer_set(next_try))
		panic("no timer");
}

static void flood(struct nic *n)
{
	struct udp *u = (void *)out;

	if (!flood_host || current || !neighbours[flood_host].known)
		return;
	fill_ip(&u->ip, n, neighbours[flood_host].mac, address_of(flood_host), IP_UDP, flood_bytes);
	u->from = u->to = net16(DISCARD_PORT);
	u->len = net16(flood_bytes - (sizeof(u->ip) - sizeof(struct eth)));
	u->sum = 0;
	while (NIC_PAGES - n->nr_busy > LEFT_FOR_ANSWERS && nic_send(n, out, sizeof(struct eth) + flood_bytes))
		;
}

/* ---- one after the other ---- */

static void next_peer(void)
{
	unsigned int wanted = self <= peers ? peers - 1 : peers;

	if (answered < wanted) {
		do
			current = current % peers + 1;
		while (current == self);
		return;
	}
	if (current || peers)
		printf("%u of %u peers answered\n", answered, wanted);
	peers = 0;
	current = flood_host && !neighbours[flood_host].known ? flood_host : 0;
	if (current)
		return;
	if (flood_host)
		printf("floods\n");
	nics[0].deaf = option("deaf") != NULL;
}

static void begin(void)
{
	self = host_of(addresses[0]);
	peers = (unsigned int)option_number("peers", 0);
	flood_host = (unsigned int)option_number("flood", 0);
	flood_bytes = (unsigned int)option_number("size", 1500);
	if (peers >= HOSTS - 1 || flood_host >= HOSTS - 1 || flood_bytes < sizeof(struct udp) || flood_bytes > MOST_FRAME - sizeof(struct eth))
		panic("peers= or flood= up to %u, size= up to %u", HOSTS - 2, (unsigned int)(MOST_FRAME - sizeof(struct eth)));
	current = self <= peers ? self : 0;	/* the first one it asks is its next */
	next_peer();
}

/* ---- what comes ---- */

static void take_arp(struct nic *n, const struct arp *a, unsigned int len)
{
	unsigned int host = host_of(a->from);

	if (len < sizeof(*a) || a->protocol != net16(ETH_IP) || a->hardware_len != 6 || a->protocol_len != 4)
		return;
	if (n == &nics[0] && is_in_subnet(a->from) && host) {
		memcpy(neighbours[host].mac, a->from_mac, 6);
		neighbours[host].known = true;
	}
	if (a->op == net16(ARP_REQUEST) && addresses[n->nr] && a->to == addresses[n->nr])
		send_arp(n, ARP_REPLY, a->from_mac, a->from);
	if (a->op != net16(ARP_REPLY) || host != current)
		return;
	if (!peers)
		next_peer();
	else
		ask(n);
}

static void take_reply(struct nic *n, const struct icmp *p, unsigned int bytes)
{
	unsigned int host = host_of(p->ip.from);

	if (n != &nics[0] || !peers || host != current || p->id != net16(self) || p->seq != net16(host))
		return;
	for (unsigned int i = 0; i < PING_BYTES; i++)
		if (bytes != PING_BYTES || p->data[i] != (unsigned char)(self + host + i))
			panic("host %u answers something else", host);
	answered++;
	next_peer();
	ask(n);
}

static void take_echo(struct nic *n, const struct icmp *p, unsigned int len)
{
	struct icmp *r = (void *)out;

	memcpy(out, p, len);
	fill_ip(&r->ip, n, p->ip.eth.from, p->ip.from, IP_ICMP, len - sizeof(struct eth));
	r->type = ICMP_REPLY;
	r->sum = 0;
	r->sum = checksum(&r->type, len - sizeof(r->ip));
	(void)nic_send(n, out, len);
}

/* Options and fragments it does not know. Behind IP's end there may be padding. */
static void take_ip(struct nic *n, const struct icmp *p, unsigned int len)
{
	unsigned int bytes = net16(p->ip.len) + sizeof(struct eth);

	if (len < sizeof(*p) || bytes < sizeof(*p) || bytes > len || p->ip.version_len != 0x45 || p->ip.protocol != IP_ICMP ||
	    p->ip.fragment & ~net16(0x4000) || p->ip.to != addresses[n->nr])
		return;
	if (checksum((const unsigned char *)&p->type, bytes - sizeof(p->ip)))
		panic("interface %u: a wrong checksum from host %u", n->nr, host_of(p->ip.from));
	if (p->type == ICMP_ECHO)
		take_echo(n, p, bytes);
	else if (p->type == ICMP_REPLY)
		take_reply(n, p, bytes - sizeof(*p));
}

static void take_frame(struct nic *n, const unsigned char *frame, unsigned int len)
{
	const struct eth *e = (const void *)frame;

	if (len >= sizeof(*e) && e->type == net16(ETH_ARP))
		take_arp(n, (const void *)frame, len);
	else if (len >= sizeof(*e) && e->type == net16(ETH_IP))
		take_ip(n, (const void *)frame, len);
}

/* ---- all of it ---- */

static void work_on(struct nic *n)
{
	nic_reap(n);
	nic_receive(n, take_frame);
	if (n != &nics[0] || n->state != NIC_READY)
		return;
	flood(n);
	if (current && clock_ns() >= next_try)
		ask(n);
}

void guest_main(void)
{
	unsigned int hits, fired, looked = 0;
	unsigned long ticks;

	if (!xen_base) {
		printf("no hypervisor\n");
		return;
	}
	addresses[0] = option_address("address");
	addresses[1] = option_address("address1");
	nics_init();
	for (unsigned int i = 0; i < MOST_NICS; i++) {
		nic_begin(&nics[i], i);
		nic_look(&nics[i]);
	}
	begin();
	for (;;) {
		hits = nic_hits;
		ticks = nr_timer_events;
		store_poll();
		fired = store_fired;
		for (unsigned int i = 0; fired != looked && i < MOST_NICS; i++)
			nic_look(&nics[i]);
		looked = fired;		/* what fired while it looked is looked at next */
		for (unsigned int i = 0; i < MOST_NICS; i++)
			work_on(&nics[i]);
		sleep_for(hits != nic_hits || ticks != nr_timer_events || looked != store_fired || store_pending());
	}
}
