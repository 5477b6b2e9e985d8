// SPDX-License-Identifier: GPL-2.0-only
/*
 * backend TEST [N]: devices of the class "null", driven by /dev/hvback, of guests that this program makes and runs itself
 * (tests/guests/nullfront.c). One test a run; exit status 0 and 'good' at the end, or a line that says what was wrong.
 */
#include <linux/netlink.h>
#include <sys/socket.h>
#include <time.h>

#include "backend_guest.h"

static void drain(struct guest *g)
{
	tell(g, DRAIN, 0);
	MUST(g->box->sent == g->box->answered);
	nothing_wrong(g);
}

/* ---- uevents ---- */

static int uevents_open(void)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	MUST(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

static bool has(const char *msg, ssize_t n, const char *field)
{
	size_t len = strlen(field);

	for (const char *p = msg; p < msg + n; p += strlen(p) + 1)
		if (strncmp(p, field, len) == 0)
			return true;
	return false;
}

/* The next one of our bus: its action, and a field of it. */
static void expect_uevent(int fd, const char *action, const char *field)
{
	char msg[8192];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	do {
		MUST(poll(&p, 1, 10000) == 1);
		n = recv(fd, msg, sizeof(msg) - 1, 0);
		MUST(n > 0);
		msg[n] = 0;
	} while (!has(msg, n, "SUBSYSTEM=hvback"));
	if (strncmp(msg, action, strlen(action)) || !has(msg, n, field))
		errx(1, "uevent '%s', wanted '%s' with '%s'", msg, action, field);
}

/* ---- tests ---- */

static void add_fails(struct hvback_add add, int wanted, const char *reason)
{
	FAILS(ioctl(hvback, HVBACK_ADD, &add), wanted);
	if (!strstr(add.reason, reason))
		errx(1, "reason '%s', wanted '%s'", add.reason, reason);
}

static void bad_adds(const struct guest *g)
{
	struct hvback_add good = { .id = id_of(g, 9), .target = -1 }, add;
	struct hvnull_config conf = { .budget = 5000 };
	int pipes[2];

	MUST(pipe(pipes) == 0);
	add = good, strcpy(add.id.class, "nosuch");
	add_fails(add, ENOENT, "no module serves devices of class nosuch");
	add = good, memcpy(add.id.class, "nullnull", 8);
	add_fails(add, EINVAL, "");
	add = good, strcpy(add.id.class, "Nul");
	add_fails(add, EINVAL, "");
	add = good, add.id.class[7] = 'x';
	add_fails(add, EINVAL, "");
	add = good, add.id.class[0] = 0;
	add_fails(add, EINVAL, "");
	add = good, add.id.domid = 4242;
	add_fails(add, ESRCH, "");
	add = good, add.id.domid = 0;
	add_fails(add, ESRCH, "");
	add = good, add.target = 999;
	add_fails(add, EBADF, "no open file");
	add = good, add.target = pipes[0];
	add_fails(add, EINVAL, "no open file");
	add = good, add.target = g->dom;
	add_fails(add, EINVAL, "no open file");
	add = good, add.target = -2;
	add_fails(add, EINVAL, "");
	add = good, add.conf_len = HVBACK_BLOB_MAX + 1;
	add_fails(add, EINVAL, "");
	add = good, add.conf_len = 8, add.conf = 8;
	add_fails(add, EFAULT, "");
	add = good, add.conf_len = 4, add.conf = (uintptr_t)&conf;
	add_fails(add, EINVAL, "settings");
	add = good, add.conf_len = sizeof(conf), add.conf = (uintptr_t)&conf;
	add_fails(add, EINVAL, "settings");
	add = good, add.reserved[1] = 1;
	add_fails(add, EINVAL, "");
	MUST(nr_devices() == 0);
	close(pipes[0]);
	close(pipes[1]);
}

static void bad_connects(struct guest *g)
{
	struct hvback_queue q[FRONT_QUEUES] = {};
	struct hvback_connect c = { .id = id_of(g, 1), .nr_queues = FRONT_QUEUES, .queues = (uintptr_t)q }, bad;

	for (unsigned i = 0; i < FRONT_QUEUES; i++)
		q[i] = (struct hvback_queue) { .nr_refs = { 1 }, .ref = { { g->box->queue[i].ref } }, .port = { g->box->queue[i].port } };
	bad = c, bad.nr_queues = 0;
	FAILS(ioctl(hvback, HVBACK_CONNECT, &bad), EINVAL);
	bad = c, bad.nr_queues = HVBACK_MAX_QUEUES + 1;
	FAILS(ioctl(hvback, HVBACK_CONNECT, &bad), EINVAL);
	bad = c, bad.protocol = 2;
	FAILS(ioctl(hvback, HVBACK_CONNECT, &bad), EINVAL);
	bad = c, bad.queues = 8;
	FAILS(ioctl(hvback, HVBACK_CONNECT, &bad), EFAULT);
	bad = c, bad.id.devid = 2;
	FAILS(ioctl(hvback, HVBACK_CONNECT, &bad), ENOENT);
	q[1].nr_refs[0] = 3;
	FAILS(ioctl(hvback, HVBACK_CONNECT, &c), EINVAL);
	q[1].nr_refs[0] = 32;
	FAILS(ioctl(hvback, HVBACK_CONNECT, &c), EINVAL);
	q[1].nr_refs[0] = 1;
	q[1].ref[0][0] = 400;
	FAILS(ioctl(hvback, HVBACK_CONNECT, &c), EACCES);
	MUST(strstr(c.reason, "queue 1: its ring cannot be mapped"));
	q[1].ref[0][0] = SOURCE_REF(0);
	FAILS(ioctl(hvback, HVBACK_CONNECT, &c), EACCES);
	q[1].ref[0][0] = UINT32_MAX;
	FAILS(ioctl(hvback, HVBACK_CONNECT, &c), EINVAL);
	q[1].ref[0][0] = g->box->queue[1].ref;
	q[1].port[0] = g->box->queue[0].port;
	FAILS(ioctl(hvback, HVBACK_CONNECT, &c), EINVAL);
	MUST(strstr(c.reason, "cannot be bound"));
	q[1].port[0] = UINT32_MAX;
	FAILS(ioctl(hvback, HVBACK_CONNECT, &c), EINVAL);
	MUST(dev_state(g, 1).state == HVBACK_ST_WAITING);
	MUST(tell(g, IN_USE, 0) == 0);
}

static void info_and_set(const struct guest *g, uint64_t requests)
{
	struct hvnull_info info = {};
	struct hvnull_config conf = { .budget = 7 };
	struct hvback_blob b = { .id = id_of(g, 1), .blob = (uintptr_t)&info, .len = sizeof(info) };

	MUST(ioctl(hvback, HVBACK_INFO, &b) == 0);
	MUST(b.len == sizeof(info) && info.max_queues == HVNULL_MAX_QUEUES && info.requests >= requests && !info.failed);
	info.budget = 77;
	b.len = 4;
	MUST(ioctl(hvback, HVBACK_INFO, &b) == 0 && b.len == sizeof(info) && info.budget == 77);
	b.what = 1;
	FAILS(ioctl(hvback, HVBACK_INFO, &b), EINVAL);
	b = (struct hvback_blob) { .id = id_of(g, 1), .what = HVNULL_SET_CONFIG, .blob = (uintptr_t)&conf, .len = sizeof(conf) };
	MUST(ioctl(hvback, HVBACK_SET, &b) == 0);
	b.what = 99;
	FAILS(ioctl(hvback, HVBACK_SET, &b), EINVAL);
	b.len = HVBACK_BLOB_MAX + 1;
	FAILS(ioctl(hvback, HVBACK_SET, &b), EINVAL);
	b = (struct hvback_blob) { .id = id_of(g, 1), .blob = (uintptr_t)&info, .len = sizeof(info) };
	MUST(ioctl(hvback, HVBACK_INFO, &b) == 0 && info.budget == 7);
}

static void life(void)
{
	int events = uevents_open();
	struct guest g;

	guest_start(&g, "life", 1, 2);
	bad_adds(&g);
	MUST(dev_add(&g, 1, -1) == 0);
	while (recv(events, (char[8192]) {}, 8192, MSG_DONTWAIT) > 0)
		;	/* modules, and devices that never came to be */
	FAILS(dev_add(&g, 1, -1), EEXIST);
	MUST(dev_state(&g, 1).state == HVBACK_ST_WAITING && dev_state(&g, 1).has_driver && nr_devices() == 1);
	tell(&g, OPEN, 0);
	bad_connects(&g);
	open_and_connect(&g, 1);
	expect_uevent(events, "change@", "HVBACK_STATE=connected");
	FAILS(dev_connect(&g, 1, NULL), EISCONN);
	MUST(tell(&g, IN_USE, 0) == FRONT_QUEUES);
	tell(&g, GO, 0);
	traffic(&g, 1000);
	info_and_set(&g, 500);
	traffic(&g, 1000);
	drain(&g);
	/* the same rings once more, then new ones */
	MUST(dev_simple(&g, 1, HVBACK_DISCONNECT) == 0);
	expect_uevent(events, "change@", "HVBACK_STATE=waiting");
	MUST(dev_simple(&g, 1, HVBACK_DISCONNECT) == 0);
	MUST(tell(&g, IN_USE, 0) == 0);
	MUST(dev_connect(&g, 1, NULL) == 0);
	expect_uevent(events, "change@", "HVBACK_STATE=connected");
	tell(&g, GO, 0);
	traffic(&g, 500);
	drain(&g);
	MUST(dev_simple(&g, 1, HVBACK_DISCONNECT) == 0);
	open_and_connect(&g, 1);
	tell(&g, GO, 0);
	traffic(&g, 500);
	/* in the middle of it: what was taken is answered */
	MUST(dev_simple(&g, 1, HVBACK_REMOVE) == 0);
	FAILS(dev_simple(&g, 1, HVBACK_REMOVE), ENOENT);
	FAILS(dev_simple(&g, 1, HVBACK_DISCONNECT), ENOENT);
	MUST(tell(&g, IN_USE, 0) == 0 && nr_devices() == 0);
	nothing_wrong(&g);
	expect_uevent(events, "change@", "HVBACK_STATE=waiting");
	expect_uevent(events, "change@", "HVBACK_STATE=connected");
	expect_uevent(events, "unbind@", "DEVPATH=/devices/hvback/null-");
	expect_uevent(events, "remove@", "MODALIAS=hvback:null");
	guest_end(&g);
	close(events);
}

/* Each request by itself, with what is wrong about it. */
static void try(struct guest *g, struct hvnull_request req, int status)
{
	g->box->req = req;
	tell(g, TRY, 0);
	if (g->box->rsp.status != status)
		errx(1, "op %u ref %u: %d, not %d", req.op, req.ref[0], g->box->rsp.status, status);
}

static void grants(void)
{
	static const uint32_t ops[] = { HVNULL_SUM, HVNULL_FILL, HVNULL_COPY, HVNULL_LATER };
	static const struct { uint16_t flags, domid; uint32_t gfn; int reading, writing; } entries[] = {
		{ 1, 0, SPARE_GPA / 4096, 0, 0 },
		{ 1 | 4, 0, SPARE_GPA / 4096, 0, -EACCES },	/* read-only */
		{ 0, 0, SPARE_GPA / 4096, -EACCES, -EACCES },
		{ 2, 0, SPARE_GPA / 4096, -EACCES, -EACCES },	/* a transfer */
		{ 3, 0, SPARE_GPA / 4096, -EACCES, -EACCES },
		{ 1 | 0x100, 0, SPARE_GPA / 4096, -EACCES, -EACCES },
		{ 1, 77, SPARE_GPA / 4096, -EACCES, -EACCES },
		{ 1, 0, 0xfffff0, -ENXIO, -ENXIO },		/* no memory */
		{ 1, 0, UINT32_MAX, -ENXIO, -ENXIO },
		{ 1 | 8 | 16, 0, SPARE_GPA / 4096, 0, 0 },	/* the guest's own lie about use */
	};
	struct guest g;

	guest_start(&g, "grants", 1, 1);
	MUST(dev_add(&g, 1, -1) == 0);
	open_and_connect(&g, 1);
	for (unsigned e = 0; e < sizeof(entries) / sizeof(entries[0]); e++)
		for (unsigned o = 0; o < sizeof(ops) / sizeof(ops[0]); o++) {
			g.box->flags = entries[e].flags;
			g.box->domid = entries[e].domid;
			g.box->gfn = entries[e].gfn;
			tell(&g, GRANT, SPARE_REF);
			try(&g, (struct hvnull_request) { .op = ops[o], .ref = { SPARE_REF, SPARE_REF }, .len = 100 },
			    ops[o] == HVNULL_SUM ? entries[e].reading : entries[e].writing);
			MUST((tell(&g, FLAGS, SPARE_REF) & ~24) == (entries[e].flags & ~24));
		}
	try(&g, (struct hvnull_request) { .op = HVNULL_SUM, .ref = { 512 * 64 }, .len = 1 }, -EINVAL);
	try(&g, (struct hvnull_request) { .op = HVNULL_SUM, .ref = { UINT32_MAX }, .len = 1 }, -EINVAL);
	try(&g, (struct hvnull_request) { .op = HVNULL_SUM, .ref = { SPARE_REF }, .offset = 4000, .len = 97 }, -EINVAL);
	try(&g, (struct hvnull_request) { .op = HVNULL_SUM, .ref = { SPARE_REF }, .offset = 65535, .len = 65535 }, -EINVAL);
	try(&g, (struct hvnull_request) { .op = HVNULL_LATER, .ref = { SPARE_REF }, .value = UINT64_MAX }, -EINVAL);
	try(&g, (struct hvnull_request) { .op = 5 }, -EOPNOTSUPP);
	try(&g, (struct hvnull_request) { .op = UINT32_MAX }, -EOPNOTSUPP);
	try(&g, (struct hvnull_request) { .reserved = 1 }, -EINVAL);
	MUST(tell(&g, IN_USE, 0) == FRONT_QUEUES);
	/* What was refused is not counted as in use, nor what was let go: then the guest may not change the table's version, else it may. */
	MUST(tell(&g, VERSION, *guest_options ? 1 : 2) == -EBUSY);
	MUST(dev_simple(&g, 1, HVBACK_DISCONNECT) == 0);
	MUST(tell(&g, VERSION, *guest_options ? 1 : 2) == 0);
	guest_end(&g);
	MUST(nr_devices() == 0);
}

static void broken(void)
{
	int events = uevents_open();
	struct guest g;

	guest_start(&g, "broken", 1, 1);
	MUST(dev_add(&g, 1, -1) == 0);
	expect_uevent(events, "add@", "HVBACK_STATE=waiting");
	expect_uevent(events, "bind@", "MODALIAS=hvback:null");
	for (uint32_t how = BREAK_FAR; how <= BREAK_BACK; how++) {
		open_and_connect(&g, 1);
		expect_uevent(events, "change@", "HVBACK_STATE=connected");
		tell(&g, BREAK, how);
		expect_uevent(events, "change@", "HVBACK_REASON=queue 0: ");
		MUST(dev_state(&g, 1).state == HVBACK_ST_BROKEN && strstr(dev_state(&g, 1).reason, "requests in a ring of 64"));
		MUST(tell(&g, IN_USE, 0) == 0);
		FAILS(dev_connect(&g, 1, NULL), EISCONN);
		MUST(dev_simple(&g, 1, HVBACK_DISCONNECT) == 0);
		expect_uevent(events, "change@", "HVBACK_STATE=waiting");
	}
	/* the backend's index is its own while it is connected; the next life believes what it finds, and that cannot be */
	open_and_connect(&g, 1);
	tell(&g, GO, 0);
	traffic(&g, 200);
	drain(&g);
	expect_uevent(events, "change@", "HVBACK_STATE=connected");
	MUST(dev_simple(&g, 1, HVBACK_DISCONNECT) == 0);
	expect_uevent(events, "change@", "HVBACK_STATE=waiting");
	tell(&g, BREAK, BREAK_RESPONSES);
	MUST(dev_connect(&g, 1, NULL) == 0);
	expect_uevent(events, "change@", "HVBACK_STATE=connected");
	expect_uevent(events, "change@", "HVBACK_STATE=broken");
	MUST(dev_simple(&g, 1, HVBACK_REMOVE) == 0);
	guest_end(&g);
	close(events);
}

/* The module goes and comes under a guest that keeps its rings full: nothing is lost, nothing comes twice. */
static void reload(void)
{
	struct guest g;

	guest_start(&g, "reload", 1, 2);
	MUST(dev_add(&g, 1, -1) == 0 && dev_add(&g, 2, -1) == 0);
	open_and_connect(&g, 1);
	tell(&g, GO, 0);
	for (unsigned long i = 0; i < rounds; i++) {
		traffic(&g, 100 + rnd() % 200);
		must_run("rmmod hvnullback");
		MUST(dev_state(&g, 1).state == HVBACK_ST_CONNECTED && !dev_state(&g, 1).has_driver);
		MUST(tell(&g, IN_USE, 0) == 0);
		FAILS(dev_connect(&g, 2, NULL), ENXIO);
		must_run("modprobe hvnullback");
		MUST(dev_state(&g, 1).has_driver && dev_state(&g, 2).has_driver);
		nothing_wrong(&g);
	}
	traffic(&g, 200);
	drain(&g);
	printf("%llu requests\n", (unsigned long long)g.box->sent);
	/* gone without a module, connected again without one, and broken when it comes */
	must_run("rmmod hvnullback");
	MUST(dev_simple(&g, 1, HVBACK_DISCONNECT) == 0 && dev_state(&g, 1).state == HVBACK_ST_WAITING);
	must_run("modprobe hvnullback");
	open_and_connect(&g, 1);
	must_run("rmmod hvnullback");
	g.box->flags = 0;
	tell(&g, GRANT, RING_REF(1));
	must_run("modprobe hvnullback");
	MUST(dev_state(&g, 1).state == HVBACK_ST_BROKEN && strstr(dev_state(&g, 1).reason, "its ring cannot be mapped"));
	must_run("rmmod hvnullback");
	guest_end(&g);
	MUST(nr_devices() == 0);
}

static int claimed(const char *path)
{
	int fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);

	MUST(fd >= 0);
	return fd;
}

/* What is served is claimed as long as the device is there, and not a moment longer: the target is a block device. */
static void claim(void)
{
	const char *path = getenv("BLOCK");
	struct guest g;
	int fd;

	MUST(path);
	guest_start(&g, "claim", 1, 1);
	fd = claimed(path);
	MUST(dev_add(&g, 1, fd) == 0);
	close(fd);
	FAILS(open(path, O_RDWR | O_EXCL | O_CLOEXEC), EBUSY);
	MUST(dev_simple(&g, 1, HVBACK_REMOVE) == 0);
	/* a device that is refused lets it go, too */
	fd = claimed(path);
	MUST(dev_add(&g, 2, -1) == 0);
	FAILS(dev_add(&g, 2, fd), EEXIST);
	close(fd);
	fd = claimed(path);
	MUST(dev_add(&g, 3, fd) == 0);
	close(fd);
	FAILS(open(path, O_RDWR | O_EXCL | O_CLOEXEC), EBUSY);
	guest_end(&g);
	fd = claimed(path);
	FAILS(dev_add(&g, 1, fd), ESRCH);
	close(fd);
	close(claimed(path));
}

static volatile int lend_errno;

static void *lend_once(void *arg)
{
	int r;

	while ((r = ioctl(((struct guest *)arg)->dom, HVPRIV_DOM_LEND)) > 0)
		;	/* another one is wanted, and there is none */
	lend_errno = r < 0 ? errno : 0;
	return NULL;
}

static void on_signal(int sig)
{
	(void)sig;
}

/* It may be just on its way into the call, which the signal does not end then. */
static void interrupt_and_join(pthread_t t)
{
	struct timespec soon;

	do {
		MUST(pthread_kill(t, SIGUSR1) == 0);
		MUST(clock_gettime(CLOCK_REALTIME, &soon) == 0);
		soon.tv_nsec += 1000000;
		if (soon.tv_nsec >= 1000000000) {
			soon.tv_sec++;
			soon.tv_nsec -= 1000000000;
		}
	} while (pthread_timedjoin_np(t, NULL, &soon) == ETIMEDOUT);
}

/* Nothing is answered while the guest, which has filled its rings, and we hear of each other so often. */
static bool stands_still(struct guest *g)
{
	uint64_t n = g->box->answered;

	for (unsigned i = 0; i < 200; i++)
		tell(g, IN_USE, 0);
	return g->box->answered == n;
}

/* Without a thread nothing is done; one that gets a signal goes home, and the next one goes on. */
static void lent(void)
{
	struct sigaction a = { .sa_handler = on_signal };
	struct guest g;
	pthread_t t;
	uint64_t n;

	MUST(sigaction(SIGUSR1, &a, NULL) == 0);
	guest_start(&g, "lent", 1, 0);
	MUST(dev_add(&g, 1, -1) == 0);
	open_and_connect(&g, 1);
	tell(&g, GO, 0);
	MUST(stands_still(&g));
	MUST(g.box->sent > 0 && g.box->answered == 0);
	for (unsigned i = 0; i < 20; i++) {
		MUST(pthread_create(&t, NULL, lend_once, &g) == 0);
		traffic(&g, 50);
		interrupt_and_join(t);
		MUST(lend_errno == EINTR);
	}
	/* the timers' requests land, as many as there were slots at the most; then all is quiet */
	for (n = 0; !stands_still(&g); n++)
		MUST(n < 1000);
	guest_lend(&g, MOST_LENT);
	traffic(&g, 1000);
	drain(&g);
	/* without any, a device can go all the same */
	guest_end(&g);
	guest_start(&g, "lent", 1, 0);
	MUST(dev_add(&g, 1, -1) == 0);
	open_and_connect(&g, 1);
	tell(&g, GO, 0);
	MUST(dev_simple(&g, 1, HVBACK_DISCONNECT) == 0);
	MUST(dev_connect(&g, 1, NULL) == 0);
	MUST(dev_simple(&g, 1, HVBACK_REMOVE) == 0);
	guest_end(&g);
}

/* A guest with a second vCPU that writes wherever the backend looks, while it is connected again and again. */
static void hostile(void)
{
	unsigned long breaks = 0, connects = 0, refused = 0;
	struct hvback_state s;
	struct guest g;

	guest_start(&g, "hostile", 2, 2);
	MUST(dev_add(&g, 1, -1) == 0);
	/* how often it breaks its ring is chance */
	for (unsigned long i = 0; i < rounds || (!breaks && i < 8 * rounds); i++) {
		tell(&g, SCRIBBLE, 0);
		tell(&g, OPEN, 0);
		tell(&g, GO, 0);
		tell(&g, SCRIBBLE, 1 + i % 15);
		if (dev_connect(&g, 1, NULL) == 0)
			connects++;
		else
			refused++;
		(void)await_answers(&g, 1 + rnd() % 200, 5 + (int)(rnd() % 20));	/* it may be served no more */
		s = dev_state(&g, 1);
		breaks += s.state == HVBACK_ST_BROKEN;
		MUST(dev_simple(&g, 1, HVBACK_DISCONNECT) == 0);
	}
	tell(&g, SCRIBBLE, 0);
	printf("%lu connected, %lu broken, %lu refused, %llu sent, %llu answered, %llu scribbled\n", connects, breaks, refused,
	       (unsigned long long)g.box->sent, (unsigned long long)g.box->answered, (unsigned long long)g.box->scribbled);
	MUST(connects > rounds / 2 && breaks > 0 && g.box->answered > rounds);
	/* and it is served as before; until it opens anew it counts what was written into its rings */
	tell(&g, OPEN, 0);
	g.box->wrong = 0;
	g.box->sent = g.box->answered = 0;
	open_and_connect(&g, 1);
	tell(&g, GO, 0);
	traffic(&g, 500);
	drain(&g);
	guest_end(&g);
	MUST(nr_devices() == 0);
}

/* The same for a guest whose table is of version 2, which has its marks elsewhere: each entry, all requests, module reload, and hostile. */
static void version2(void)
{
	guest_options = " v2";
	grants();
	reload();
	rounds *= 8;
	hostile();
}

static const struct test tests[] = {
	{ "life", life }, { "grants", grants }, { "broken", broken }, { "reload", reload }, { "claim", claim }, { "lent", lent },
	{ "hostile", hostile }, { "version2", version2 },
	{}
};

int main(int argc, char **argv)
{
	return run_test(tests, argc, argv);
}
