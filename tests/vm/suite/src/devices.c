// SPDX-License-Identifier: GPL-2.0-only
/*
 * devices DOMID PORT TEST: a backend on Debian's libxenevtchn and libxengnttab, for the guest tests/guests/granter.c. One test a run;
 * exit status 0 and 'good' at the end, or a line that says what was wrong.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xenevtchn.h>
#include <xengnttab.h>
#include <xen/grant_table.h>

enum command { NOTHING, SUM, FILL, FLAGS, WRITE_FLAGS, BALLOON, TOGGLE, PING, QUIT };

static xenevtchn_handle *events;
static xengnttab_handle *grants;
static uint32_t domid, remote;
static evtchn_port_t port;
static volatile uint32_t *words;

#define MUST(cond) do { if (!(cond)) errx(1, "line %d: %s (errno %d: %s)", __LINE__, #cond, errno, strerror(errno)); } while (0)
#define FAILS(call, wanted) do { errno = 0; MUST(!(call)); MUST(errno == (wanted)); } while (0)

static void await(evtchn_port_t wanted)
{
	struct pollfd p = { .fd = xenevtchn_fd(events), .events = POLLIN };

	MUST(poll(&p, 1, 30000) == 1);
	MUST(p.revents == POLLIN);
	MUST(xenevtchn_pending(events) == (int)wanted);
	MUST(xenevtchn_unmask(events, wanted) == 0);
}

static uint32_t tell(enum command command, uint32_t arg)
{
	uint32_t before = words[3];

	words[1] = arg;
	words[0] = command;
	MUST(xenevtchn_notify(events, port) == 0);
	do
		await(port);
	while (words[3] == before);
	return words[2];
}

static void *map(uint32_t ref, int prot)
{
	return xengnttab_map_grant_ref(grants, domid, ref, prot);
}

static void begin(void)
{
	events = xenevtchn_open(NULL, 0);
	grants = xengnttab_open(NULL, 0);
	MUST(events && grants);
	port = (evtchn_port_t)xenevtchn_bind_interdomain(events, domid, remote);
	MUST((int)port > 0);
	await(port);		/* binding raises it once */
	words = map(8, PROT_READ | PROT_WRITE);
	MUST(words);
}

static uint32_t sum_of(const uint8_t *p)
{
	uint32_t s = 0;

	for (int i = 0; i < 4096; i++)
		s += p[i];
	return s;
}

static void exchange(void)
{
	uint32_t refs[7] = { 9, 10, 11, 12, 13, 14, 15 };
	uint8_t *p = xengnttab_map_domain_grant_refs(grants, 7, domid, refs, PROT_READ | PROT_WRITE);
	int pipes[2];
	uint8_t buf[4096];

	MUST(p);
	tell(FILL, 7);
	for (int i = 0; i < 7; i++) {
		MUST(p[i * 4096] == 8 + i && p[i * 4096 + 4095] == 8 + i);
		memset(p + i * 4096, 100 + i, 4096);
		MUST(tell(SUM, i + 1) == sum_of(p + i * 4096));
		MUST(tell(FLAGS, 9 + i) == (GTF_permit_access | GTF_reading | GTF_writing));
	}
	/* system calls reach them as they do other memory */
	MUST(pipe(pipes) == 0);
	MUST(write(pipes[1], p + 4096, 4096) == 4096 && read(pipes[0], buf, 4096) == 4096);
	MUST(memcmp(buf, p + 4096, 4096) == 0);
	/* pins stay till the last page goes */
	MUST(munmap(p + 2 * 4096, 4096) == 0);
	MUST(tell(FLAGS, 11) == (GTF_permit_access | GTF_reading | GTF_writing));
	MUST(munmap(p, 2 * 4096) == 0 && munmap(p + 3 * 4096, 4 * 4096) == 0);
	for (int i = 0; i < 7; i++)
		MUST(tell(FLAGS, 9 + i) == GTF_permit_access);
	/* one page by itself, twice at once */
	p = map(9, PROT_READ);
	MUST(p && map(9, PROT_READ | PROT_WRITE));
	MUST(tell(FLAGS, 9) == (GTF_permit_access | GTF_reading | GTF_writing));
	MUST(xengnttab_unmap(grants, p, 1) == 0);
	MUST(tell(FLAGS, 9) == (GTF_permit_access | GTF_reading | GTF_writing));
}

static void bad(void)
{
	uint32_t refs[2] = { 9, 17 };
	xenevtchn_handle *other = xenevtchn_open(NULL, 0);
	void *p;

	FAILS(map(16, PROT_READ | PROT_WRITE), EACCES);
	p = map(16, PROT_READ);
	MUST(p);
	FAILS(mprotect(p, 4096, PROT_READ | PROT_WRITE) == 0, EACCES);
	MUST(tell(FLAGS, 16) == (GTF_permit_access | GTF_readonly | GTF_reading));
	FAILS(map(17, PROT_READ), EACCES);
	FAILS(map(18, PROT_READ), ENXIO);
	MUST(tell(FLAGS, 18) == GTF_permit_access);
	FAILS(map(100, PROT_READ), EACCES);
	FAILS(map(512 * 64, PROT_READ), EINVAL);
	FAILS(map(UINT32_MAX, PROT_READ), EINVAL);
	FAILS(xengnttab_map_domain_grant_refs(grants, 2, domid, refs, PROT_READ), EACCES);
	MUST(tell(FLAGS, 9) == GTF_permit_access);
	FAILS(xengnttab_map_grant_ref(grants, 4242, 8, PROT_READ), ESRCH);
	FAILS(xengnttab_map_grant_ref(grants, 0, 8, PROT_READ), ESRCH);
	MUST(xengnttab_set_max_grants(grants, 3) == 0);
	FAILS(xengnttab_map_domain_grant_refs(grants, 2, domid, (uint32_t[]){ 9, 10 }, PROT_READ), ENOSPC);
	FAILS(xengnttab_set_max_grants(grants, 1 << 20) == 0, EINVAL);

	FAILS(xenevtchn_bind_interdomain(events, domid, remote) >= 0, EINVAL);
	FAILS(xenevtchn_bind_interdomain(events, domid, 1000) >= 0, EINVAL);
	FAILS(xenevtchn_bind_interdomain(events, domid, UINT32_MAX) >= 0, EINVAL);
	FAILS(xenevtchn_bind_interdomain(events, 4242, remote) >= 0, ESRCH);
	FAILS(xenevtchn_bind_virq(events, 3) >= 0, EOPNOTSUPP);
	FAILS(xenevtchn_bind_unbound_port(events, domid) >= 0, EOPNOTSUPP);
	FAILS(xenevtchn_notify(other, port) == 0, ENOTCONN);
	FAILS(xenevtchn_unbind(other, port) == 0, ENOTCONN);
	MUST(xenevtchn_unmask(other, port) == 0);
	MUST(xenevtchn_restrict(other, (domid_t)(domid + 1)) == 0);
	FAILS(xenevtchn_bind_interdomain(other, domid, remote) >= 0, EACCES);
	FAILS(xenevtchn_restrict(other, (domid_t)domid) == 0, EACCES);
	xenevtchn_close(other);
	/* unbound, it can be bound again */
	MUST(xenevtchn_unbind(events, port) == 0);
	FAILS(xenevtchn_notify(events, port) == 0, ENOTCONN);
	port = (evtchn_port_t)xenevtchn_bind_interdomain(events, domid, remote);
	MUST((int)port > 0);
	await(port);
	tell(PING, 0);
}

/* Written back but never read: each event takes a place of the ring's 64. */
static void overflow(void)
{
	struct pollfd p = { .fd = xenevtchn_fd(events), .events = POLLIN };
	uint32_t buf[256], before;
	int i;

	for (i = 0; i < 300; i++) {
		before = words[3];
		words[0] = PING;
		MUST(xenevtchn_notify(events, port) == 0);
		while (words[3] == before)
			;
		MUST(xenevtchn_unmask(events, port) == 0);
		MUST(poll(&p, 1, 30000) == 1);
		if (p.revents & POLLERR)
			break;
	}
	MUST(i >= 60 && i < 300);
	FAILS(read(p.fd, buf, sizeof(buf)) > 0, EFBIG);
	MUST(ioctl(p.fd, 'E' << 8 | 5) == 0);	/* IOCTL_EVTCHN_RESET */
	MUST(fcntl(p.fd, F_SETFL, O_NONBLOCK) == 0);
	FAILS(read(p.fd, buf, sizeof(buf)) > 0, EAGAIN);
	MUST(read(p.fd, buf, 3) == 0);
	MUST(xenevtchn_unmask(events, port) == 0);
	tell(PING, 0);
}

static void notified(void)
{
	uint8_t *p = xengnttab_map_grant_ref_notify(grants, domid, 9, PROT_READ | PROT_WRITE, 100, port);
	uint32_t sum;

	MUST(p);
	memset(p, 1, 4096);
	sum = tell(SUM, 1);
	MUST(sum == 4096);
	MUST(xengnttab_unmap(grants, p, 1) == 0);
	MUST(tell(SUM, 1) == 4095);
	FAILS(xengnttab_map_grant_ref_notify(grants, domid, 9, PROT_READ | PROT_WRITE, 100, 99999), EINVAL);
}

static void copy(void)
{
	uint8_t local[8192];
	xengnttab_grant_copy_segment_t s[] = {
		{ .source.virt = local + 4000, .dest.foreign = { 9, 50, (domid_t)domid }, .len = 200, .flags = GNTCOPY_dest_gref },
		{ .source.foreign = { 9, 50, (domid_t)domid }, .dest.foreign = { 10, 1000, (domid_t)domid }, .len = 200,
		  .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref },
		{ .source.foreign = { 10, 1000, (domid_t)domid }, .dest.virt = local, .len = 200, .flags = GNTCOPY_source_gref },
		{ .source.virt = local, .dest.foreign = { 16, 0, (domid_t)domid }, .len = 1, .flags = GNTCOPY_dest_gref },
		{ .source.foreign = { 99, 0, (domid_t)domid }, .dest.virt = local, .len = 1, .flags = GNTCOPY_source_gref },
		{ .source.foreign = { 9, 0, 4242 }, .dest.virt = local, .len = 1, .flags = GNTCOPY_source_gref },
	};

	memset(local, 0, sizeof(local));
	memset(local + 4000, 77, 200);
	MUST(xengnttab_grant_copy(grants, 6, s) == 0);
	MUST(!s[0].status && !s[1].status && !s[2].status);
	MUST(memcmp(local, local + 4000, 200) == 0);
	MUST(s[3].status == GNTST_permission_denied && s[4].status == GNTST_permission_denied);
	MUST(s[5].status == GNTST_bad_domain);
	MUST(tell(FLAGS, 9) == GTF_permit_access && tell(FLAGS, 10) == GTF_permit_access);
	s[0].dest.foreign.offset = 4000;
	FAILS(xengnttab_grant_copy(grants, 1, s) == 0, EINVAL);
	s[2].dest.virt = (void *)16;
	FAILS(xengnttab_grant_copy(grants, 1, &s[2]) == 0, EFAULT);
	MUST(tell(FLAGS, 10) == GTF_permit_access);
}

/* The guest writes the entry as fast as it can while it is mapped and unmapped; and gives a mapped page away. */
static void hostile(void)
{
	unsigned done = 0, refused = 0;
	uint32_t before = words[3];
	uint8_t *p;

	words[1] = 9;
	words[0] = TOGGLE;
	MUST(xenevtchn_notify(events, port) == 0);
	while (words[3] == before) {
		p = map(9, PROT_READ | PROT_WRITE);
		if (p) {
			p[0] = 1;
			MUST(xengnttab_unmap(grants, p, 1) == 0);
			done++;
		} else {
			MUST(errno == EACCES || errno == EIO);
			refused++;
		}
	}
	await(port);
	printf("%u mapped, %u refused\n", done, refused);
	MUST(tell(FLAGS, 9) == GTF_permit_access);
	p = map(15, PROT_READ | PROT_WRITE);
	MUST(p);
	memset(p, 5, 4096);
	MUST(tell(BALLOON, 7) == 1);
	MUST(sum_of(p) == 5 * 4096);
	memset(p, 6, 4096);
	MUST(map(15, PROT_READ));	/* while it is pinned it is the same page */
	MUST(xengnttab_close(grants) == 0);
	MUST(munmap(p, 4096) == 0);
	grants = xengnttab_open(NULL, 0);
}

/* Mapped when the guest is destroyed: a line for the script, then one from it. */
static void outlive(void)
{
	uint32_t refs[3] = { 9, 10, 11 };
	uint8_t *p = xengnttab_map_domain_grant_refs(grants, 3, domid, refs, PROT_READ | PROT_WRITE);
	char line[16];

	MUST(p);
	memset(p, 42, 3 * 4096);
	printf("mapped\n");
	fflush(stdout);
	MUST(fgets(line, sizeof(line), stdin));
	MUST(sum_of(p + 4096) == 42 * 4096);
	memset(p, 43, 3 * 4096);
	MUST(sum_of(p + 2 * 4096) == 43 * 4096);
	FAILS(map(12, PROT_READ), ESRCH);
	MUST(xenevtchn_notify(events, port) == 0);
	FAILS(xenevtchn_bind_interdomain(events, domid, remote) >= 0, ESRCH);
	MUST(xengnttab_unmap(grants, p, 3) == 0);
	MUST(xenevtchn_unbind(events, port) == 0);
}

/* As a console or store daemon finds the rings. */
static void seeds(void)
{
	volatile uint32_t *console = map(GNTTAB_RESERVED_CONSOLE, PROT_READ | PROT_WRITE);
	volatile uint32_t *store = map(GNTTAB_RESERVED_XENSTORE, PROT_READ | PROT_WRITE);

	MUST(console && store);
	MUST(console[(1024 + 2048 + 12) / 4] > 0);	/* out_prod: it has printed */
	MUST(store[512] == 0);
}

static void keep(void)
{
	MUST(map(9, PROT_READ | PROT_WRITE));
	printf("mapped\n");
	fflush(stdout);
	pause();
}

static void quit(void)
{
	tell(QUIT, 0);
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "exchange", exchange }, { "bad", bad }, { "overflow", overflow }, { "notified", notified }, { "copy", copy },
	{ "hostile", hostile }, { "outlive", outlive }, { "seeds", seeds }, { "keep", keep }, { "quit", quit },
};

int main(int argc, char **argv)
{
	if (argc != 4)
		errx(2, "usage: devices DOMID PORT TEST");
	domid = (uint32_t)strtoul(argv[1], NULL, 0);
	remote = (uint32_t)strtoul(argv[2], NULL, 0);
	begin();
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (strcmp(tests[i].name, argv[3]) == 0) {
			tests[i].run();
			printf("good\n");
			return 0;
		}
	errx(2, "no test '%s'", argv[3]);
}
