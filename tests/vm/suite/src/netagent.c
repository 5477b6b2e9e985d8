/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netagent DOMID RUNNER-PID MAC QUEUES [IPV4 [RATE]] - what the agent does for one vif and no more, for tests of hvnetback.ko: makes the
 * device, speaks XenbusState for it, and lends threads by the runner's own domain descriptor. SIGTERM detaches it. SIGUSR1: the rings
 * of the frontend, which it maps as well, are filled with nonsense and connected again and again; then nothing is connected.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/hvback.h>
#include <linux/hvback_vif.h>
#include <linux/hvpriv.h>
#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/sys/gntdev.h>

#include "store.h"

/* XenbusState */
enum { INITIALISING = 1, INIT_WAIT = 2, CONNECTED = 4, CLOSING = 5, CLOSED = 6 };

static struct zendo_store *store;
static char front[100], back[100];
static struct hvback_id id = { .class = "vif" };
static int hvback;
static bool connected;

/* ---- the runner's domain descriptor ---- */

static int domain_fd(pid_t runner)
{
	char dir[64], path[400], link[64];
	int pidfd = syscall(SYS_pidfd_open, runner, 0);
	struct dirent *e;
	ssize_t n;
	DIR *d;

	snprintf(dir, sizeof(dir), "/proc/%d/fd", runner);
	d = opendir(dir);
	if (!d || pidfd < 0)
		err(1, "runner %d", runner);
	while ((e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		n = readlink(path, link, sizeof(link) - 1);
		if (n <= 0)
			continue;
		link[n] = '\0';
		if (strstr(link, "hvpriv-domain")) {
			closedir(d);
			return syscall(SYS_pidfd_getfd, pidfd, atoi(e->d_name), 0);
		}
	}
	errx(1, "runner %d has no domain", runner);
}

/* The domain's end closes the last descriptor but ours. */
static void *lend(void *fd)
{
	int r;

	while ((r = ioctl((int)(intptr_t)fd, HVPRIV_DOM_LEND, 0)) > 0)
		;	/* there are no more */
	if (r)
		err(1, "LEND");
	puts("the domain has ended");
	exit(0);
}

/* ---- the store ---- */

static void put(const char *dir, const char *node, const char *value)
{
	char path[200];
	int r;

	snprintf(path, sizeof(path), "%s/%s", dir, node);
	r = zendo_store_printf(store, 0, path, "%s", value);
	if (r < 0)
		errx(1, "%s: %s", path, strerror(-r));
}

static void put_number(const char *dir, const char *node, unsigned value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	put(dir, node, text);
}

/* 0: it is not there */
static uint64_t number(const char *dir, const char *node)
{
	char path[200];
	uint64_t v;

	snprintf(path, sizeof(path), "%s/%s", dir, node);
	return zendo_store_read_u64(store, 0, path, &v) < 0 ? 0 : v;
}

static void folder(const char *path, uint32_t owner, uint32_t reader)
{
	const struct zendo_store_perm perms[] = { { owner, ZENDO_STORE_NONE }, { reader, ZENDO_STORE_READ } };

	if (zendo_store_mkdir(store, 0, path) < 0 || zendo_store_set_perms(store, 0, path, perms, 2) < 0)
		errx(1, "%s", path);
}

static void offer(const char *mac)
{
	static const char *const nodes[] = {
		"feature-sg", "feature-gso-tcpv4", "feature-gso-tcpv6", "feature-ipv6-csum-offload", "feature-rx-copy",
		"feature-split-event-channels", "feature-multicast-control",
	};
	struct hvback_vif_info info;
	struct hvback_blob b = { .id = id, .len = sizeof(info), .blob = (uintptr_t)&info };
	unsigned i;

	if (ioctl(hvback, HVBACK_INFO, &b))
		err(1, "INFO: %s", b.reason);
	folder(back, 0, id.domid);
	folder(front, id.domid, 0);
	put(back, "frontend", front);
	put_number(back, "frontend-id", id.domid);
	put_number(back, "handle", 0);
	put(back, "mac", mac);
	for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		put_number(back, nodes[i], 1);
	put_number(back, "multi-queue-max-queues", info.max_queues);
	put_number(back, "online", 1);
	put_number(back, "state", INIT_WAIT);
	put(front, "backend", back);
	put_number(front, "backend-id", 0);
	put_number(front, "handle", 0);
	put(front, "mac", mac);
	put_number(front, "state", INITIALISING);
}

/* ---- the frontend ---- */

static uint64_t features(void)
{
	static const struct {
		const char *node;
		uint64_t bit;
	} nodes[] = {
		{ "feature-sg", HVBACK_VIF_F_SG },
		{ "feature-gso-tcpv4", HVBACK_VIF_F_GSO4 },
		{ "feature-gso-tcpv6", HVBACK_VIF_F_GSO6 },
		{ "feature-no-csum-offload", HVBACK_VIF_F_NO_CSUM4 },
		{ "feature-ipv6-csum-offload", HVBACK_VIF_F_CSUM6 },
		{ "request-rx-copy", HVBACK_VIF_F_RX_COPY },
		{ "feature-rx-notify", HVBACK_VIF_F_RX_NOTIFY },
		{ "request-multicast-control", HVBACK_VIF_F_MCAST },
	};
	uint64_t f = 0;
	unsigned i;

	for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		if (number(front, nodes[i].node))
			f |= nodes[i].bit;
	return f;
}

static void read_queues(struct hvback_queue *q, unsigned nr)
{
	char dir[150];
	unsigned i;

	for (i = 0; i < nr; i++) {
		snprintf(dir, sizeof(dir), nr > 1 ? "%s/queue-%u" : "%s", front, i);
		q[i].nr_refs[0] = q[i].nr_refs[1] = 1;
		q[i].ref[0][0] = number(dir, "tx-ring-ref");
		q[i].ref[1][0] = number(dir, "rx-ring-ref");
		q[i].port[0] = number(dir, "event-channel-tx") ?: number(dir, "event-channel");
		q[i].port[1] = number(dir, "event-channel-rx");
	}
}

static void connect_frontend(void)
{
	unsigned nr = number(front, "multi-queue-num-queues") ?: 1;
	struct hvback_queue *q = calloc(nr, sizeof(*q));
	struct hvback_connect c = { .id = id, .nr_queues = nr, .features = features(), .queues = (uintptr_t)q };

	read_queues(q, nr);
	if (ioctl(hvback, HVBACK_CONNECT, &c))
		err(1, "CONNECT: %s", c.reason);
	free(q);
	connected = true;
	printf("connected: %u queues, features %#llx\n", nr, (unsigned long long)c.features);
	put_number(back, "state", CONNECTED);
}

/* ---- a hostile frontend ---- */

#define ROUNDS	300

static uint32_t *map_ring(uint32_t ref)
{
	static int fd = -1;
	struct ioctl_gntdev_map_grant_ref m = { .count = 1, .refs = { { .domid = id.domid, .ref = ref } } };
	void *p;

	if (fd < 0)
		fd = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, IOCTL_GNTDEV_MAP_GRANT_REF, &m))
		err(1, "grant %u", ref);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, m.index);
	if (p == MAP_FAILED)
		err(1, "mmap of grant %u", ref);
	return p;
}

/*
 * 64 bytes of indices, then 256 entries of 12 bytes (tx) or 8 (rx). References that are good now and then, sizes that fit now and then,
 * so that nonsense gets far.
 */
static void fill_ring(uint32_t *ring, unsigned words, const struct hvback_queue *q, unsigned round)
{
	static const uint32_t sizes[] = { 60, 64, 1514, 4096, 8000, 65535, 0, 13 };
	unsigned i;

	for (i = 0; i < 256; i++) {
		uint32_t *e = ring + 16 + i * words;

		e[0] = random() & 1 ? (uint32_t)random() : words == 3 ? q->ref[random() & 1][0] : (uint32_t)random();
		e[1] = random() & 1 ? q->ref[random() & 1][0] : (uint32_t)random();
		if (words == 3) {
			e[1] = (random() & 3) == 0 ? (uint32_t)random() : (random() & 15) << 16 | (random() & 0x7ff);
			e[2] = (random() & 3) == 0 ? (uint32_t)random() : sizes[random() & 7] << 16 | (random() & 255);
			if ((random() & 3) == 0)	/* an extra */
				e[0] = (random() & 7) | (random() & 1) << 8 | (random() % 1500) << 16;
		}
	}
	ring[2] = random();				/* rsp_prod */
	ring[0] = ring[2] + random() % 257;		/* req_prod */
	if (round % 16 == 15)
		ring[0] = random();
}

static bool is_broken(void)
{
	struct hvback_state s = { .id = id };

	if (ioctl(hvback, HVBACK_STATE, &s))
		err(1, "STATE");
	return s.state == HVBACK_ST_BROKEN;
}

/* The works run when ports are bound; meanwhile an index jumps. Each round ends with a DISCONNECT, which waits for them. */
static void be_hostile(void)
{
	struct hvback_simple simple = { .id = id };
	unsigned i, refused = 0, broken = 0;
	unsigned nr = number(front, "multi-queue-num-queues") ?: 1;
	struct hvback_queue *q = calloc(nr, sizeof(*q));
	uint32_t *tx, *rx;

	read_queues(q, nr);
	tx = map_ring(q->ref[0][0]);
	rx = map_ring(q->ref[1][0]);
	connected = false;
	for (i = 0; i < ROUNDS; i++) {
		struct hvback_connect c = { .id = id, .nr_queues = 1, .features = HVBACK_VIF_F_ALL, .queues = (uintptr_t)q };

		if (ioctl(hvback, HVBACK_DISCONNECT, &simple))
			err(1, "DISCONNECT");
		fill_ring(tx, 3, q, i);
		fill_ring(rx, 2, q, i);
		if (ioctl(hvback, HVBACK_CONNECT, &c)) {
			refused++;
			continue;
		}
		if (i % 4 == 3)
			tx[0] = random();
		sched_yield();
		if (is_broken())
			broken++;
	}
	if (ioctl(hvback, HVBACK_DISCONNECT, &simple))
		err(1, "DISCONNECT");
	free(q);
	printf("hostile: %u rounds, %u refused, %u broken at once\n", i, refused, broken);
}

static void frontend_changed(void)
{
	struct hvback_simple simple = { .id = id };
	unsigned state = number(front, "state");

	if (state == CONNECTED && !connected)
		connect_frontend();
	if (state != CLOSING && state != CLOSED)
		return;
	if (connected && ioctl(hvback, HVBACK_DISCONNECT, &simple))
		err(1, "DISCONNECT");
	if (connected && state == CLOSING)
		put_number(back, "state", CLOSING);
	connected = false;
	if (state != CLOSED)
		return;
	put_number(back, "state", CLOSED);
	if (ioctl(hvback, HVBACK_REMOVE, &simple))
		err(1, "REMOVE");
	zendo_store_rm(store, 0, front);
	zendo_store_rm(store, 0, back);
	puts("detached");
	exit(0);
}

static void add_device(char **argv, int argc)
{
	struct hvback_vif_conf conf = { .max_queues = atoi(argv[4]) };
	struct hvback_add add = { .id = id, .target = -1, .conf_len = sizeof(conf), .conf = (uintptr_t)&conf };
	unsigned char *m = conf.mac;

	if (sscanf(argv[3], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", m, m + 1, m + 2, m + 3, m + 4, m + 5) != 6)
		errx(1, "no MAC address: %s", argv[3]);
	if (argc > 5)
		conf.nr_ipv4 = inet_pton(AF_INET, argv[5], conf.ipv4[0]);
	if (argc > 6)
		conf.rate_from = conf.rate_to = strtoull(argv[6], NULL, 10);
	if (ioctl(hvback, HVBACK_ADD, &add))
		err(1, "ADD: %s", add.reason);
}

static void serve(int signals)
{
	struct pollfd p[] = { { zendo_store_fd(store), POLLIN, 0 }, { signals, POLLIN, 0 } };
	struct signalfd_siginfo si;
	const char *token;
	char *path;

	for (;;) {
		if (poll(p, 2, -1) < 0)
			err(1, "poll");
		if (p[1].revents && read(signals, &si, sizeof(si)) > 0 && si.ssi_signo == SIGUSR1) {
			be_hostile();
		} else if (p[1].revents) {
			put_number(back, "online", 0);
			put_number(back, "state", CLOSING);
		}
		while (zendo_store_read_watch(store, &path, &token) > 0) {
			free(path);
			frontend_changed();
		}
	}
}

int main(int argc, char **argv)
{
	pthread_t thread;
	char state[120];
	sigset_t set;
	int fd, i;

	if (argc < 5)
		errx(2, "DOMID RUNNER-PID MAC QUEUES [IPV4 [RATE]]");
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	id.domid = atoi(argv[1]);
	snprintf(front, sizeof(front), "/local/domain/%u/device/vif/0", id.domid);
	snprintf(back, sizeof(back), "/local/domain/0/backend/vif/%u/0", id.domid);
	fd = domain_fd(atoi(argv[2]));
	hvback = open("/dev/hvback", O_RDWR | O_CLOEXEC);
	if (fd < 0 || hvback < 0 || zendo_store_open(NULL, &store) < 0)
		err(1, "domain %d, /dev/hvback %d, store", fd, hvback);
	for (i = 0; i < 2; i++)
		pthread_create(&thread, NULL, lend, (void *)(intptr_t)fd);
	add_device(argv, argc);
	snprintf(state, sizeof(state), "%s/state", front);
	offer(argv[3]);
	puts("offered");
	if (zendo_store_watch(store, state, "state") < 0)
		errx(1, "no watch");
	serve(signalfd(-1, &set, SFD_CLOEXEC));
}
