// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz-ioctl SEED SECONDS: random requests to /dev/hvpriv, to the domains and vCPUs that they make, and to the devices for their
 * events, their grants and what dom0 serves them with, where these can be opened. Half of the arguments are noise, half are valid ones
 * with a field changed, so that deep paths are reached too. LAUNCH and LEAVE are left out for root, who may do that. Whatever is answered
 * is fine; the kernel's log says whether all went well.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/evtchn.h>
#include <xen/gntdev.h>

#include <linux/hvback.h>
#include <linux/hvback_vbd.h>
#include <linux/hvback_vif.h>
#include <linux/hvnull.h>
#include <linux/hvpriv.h>

#define NR_FDS	16

enum kind { DEVICE, DOMAIN, VCPU, EVENTS, GRANTS, BACKENDS, NR_KINDS };

static const char *const kinds[] = { "device", "domain", "vCPU", "events", "grants", "backends" };
static const char *const nodes[] = {
	[DEVICE] = "/dev/hvpriv", [EVENTS] = "/dev/hvevtchn", [GRANTS] = "/dev/hvgntdev", [BACKENDS] = "/dev/hvback",
};

static struct {
	int fd;
	enum kind kind;
} slots[NR_FDS];

static uint64_t state;
static unsigned char *room;		/* followed by a page that is not there */
static size_t room_size;
static unsigned long nr_calls, nr_done, nr_by_kind[NR_KINDS], done_by_kind[NR_KINDS];
static unsigned long added, connected, refused;
static uint32_t last_domid, last_port;
static int target = -1;			/* of disks */

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static unsigned below(unsigned n)
{
	return (unsigned)(rnd() % n);
}

static uint64_t number(void)
{
	static const uint64_t edges[] = { 0, 1, 2, 0x7f, 0x80, 0xff, 511, 512, 513, 0xfff, 0x1000, 0x7fffffff, 0x80000000,
					  0xffffffff, 1ULL << 32, 1ULL << 36, 1ULL << 40, 1ULL << 47, 1ULL << 52,
					  INT64_MAX, UINT64_MAX, UINT64_MAX - 4095, 0xfee00, 0xfffff000 };

	switch (below(4)) {
	case 0:
		return rnd();
	case 1:
		return edges[below(sizeof(edges) / sizeof(edges[0]))];
	default:
		return below(64);
	}
}

static const unsigned long device_requests[] = {
	HVPRIV_GET_INFO, HVPRIV_LOG_READ, HVPRIV_TRACE_READ, HVPRIV_LIST, HVPRIV_CREATE_DOMAIN, HVPRIV_CREATE_DOMAIN,
	HVPRIV_LAUNCH, HVPRIV_LEAVE,
};
static const unsigned long domain_requests[] = {
	HVPRIV_DOM_ADD_MEMORY, HVPRIV_DOM_ADD_MEMORY, HVPRIV_DOM_SET_MEMMAP, HVPRIV_DOM_SET_PARAM, HVPRIV_DOM_GET_PARAM,
	HVPRIV_DOM_EVTCHN_ALLOC, HVPRIV_DOM_NOTIFY, HVPRIV_DOM_PAUSE, HVPRIV_DOM_UNPAUSE, HVPRIV_DOM_UNPAUSE, HVPRIV_DOM_KILL,
	HVPRIV_DOM_QUERY, HVPRIV_CREATE_VCPU, HVPRIV_CREATE_VCPU, HVPRIV_DOM_SEED_GRANT, HVPRIV_DOM_SEED_GRANT,
	HVPRIV_DOM_RENAME, HVPRIV_DOM_SET_POLICY, HVPRIV_DOM_LEND, HVPRIV_DOM_DIRTY, HVPRIV_DOM_DIRTY,
};
static const unsigned long vcpu_requests[] = {
	HVPRIV_VCPU_RUN, HVPRIV_VCPU_RUN, HVPRIV_VCPU_GET_STATE, HVPRIV_VCPU_SET_STATE, HVPRIV_VCPU_SET_STATE,
	HVPRIV_VCPU_GET_CRASH, HVPRIV_VCPU_KICK, HVPRIV_VCPU_QUERY, HVPRIV_VCPU_NMI, HVPRIV_VCPU_EXITS,
};

static const unsigned long events_requests[] = {
	IOCTL_EVTCHN_BIND_INTERDOMAIN, IOCTL_EVTCHN_BIND_INTERDOMAIN, IOCTL_EVTCHN_BIND_VIRQ, IOCTL_EVTCHN_BIND_UNBOUND_PORT,
	IOCTL_EVTCHN_UNBIND, IOCTL_EVTCHN_NOTIFY, IOCTL_EVTCHN_NOTIFY, IOCTL_EVTCHN_RESET, IOCTL_EVTCHN_RESTRICT_DOMID,
};
static const unsigned long grants_requests[] = {
	IOCTL_GNTDEV_MAP_GRANT_REF, IOCTL_GNTDEV_MAP_GRANT_REF, IOCTL_GNTDEV_MAP_GRANT_REF, IOCTL_GNTDEV_UNMAP_GRANT_REF,
	IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, IOCTL_GNTDEV_SET_MAX_GRANTS, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, IOCTL_GNTDEV_GRANT_COPY,
	IOCTL_GNTDEV_GRANT_COPY,
};
static const unsigned long backends_requests[] = {
	HVBACK_ADD, HVBACK_ADD, HVBACK_CONNECT, HVBACK_CONNECT, HVBACK_DISCONNECT, HVBACK_REMOVE, HVBACK_SET, HVBACK_INFO, HVBACK_STATE,
};

#define PICK(a) ((a)[below(sizeof(a) / sizeof((a)[0]))])

static unsigned long pick_request(enum kind kind)
{
	if (below(16) == 0)
		return _IOC(below(4), kind == BACKENDS ? HVBACK_MAGIC : HVPRIV_MAGIC, below(256), below(512));
	if (below(16) == 0)
		kind = below(NR_KINDS);	/* one of another kind's */
	switch (kind) {
	case DEVICE:
		return PICK(device_requests);
	case DOMAIN:
		return PICK(domain_requests);
	case EVENTS:
		return PICK(events_requests);
	case GRANTS:
		return PICK(grants_requests);
	case BACKENDS:
		return PICK(backends_requests);
	default:
		return PICK(vcpu_requests);
	}
}

/* The last domain's, most of the time. */
static uint32_t some_domid(void)
{
	return below(4) ? last_domid : below(8);
}

static void plausible_grants(unsigned long request, void *p)
{
	struct ioctl_gntdev_map_grant_ref *map = p;
	struct ioctl_gntdev_unmap_notify *notify = p;
	struct ioctl_gntdev_grant_copy *copy = p;
	struct gntdev_grant_copy_segment *seg = (void *)room;

	switch (request) {
	case IOCTL_GNTDEV_MAP_GRANT_REF:
		map->count = 1;		/* more would be read behind the room */
		map->refs[0].domid = some_domid();
		map->refs[0].ref = below(4);
		break;
	case IOCTL_GNTDEV_UNMAP_GRANT_REF:
		((struct ioctl_gntdev_unmap_grant_ref *)p)->index = below(8) * 4096UL;
		((struct ioctl_gntdev_unmap_grant_ref *)p)->count = 1;
		break;
	case IOCTL_GNTDEV_SET_MAX_GRANTS:
		((struct ioctl_gntdev_set_max_grants *)p)->count = 8 + below(64);
		break;
	case IOCTL_GNTDEV_SET_UNMAP_NOTIFY:
		notify->index = below(8 * 4096);
		notify->action = below(4);
		notify->event_channel_port = last_port;
		break;
	case IOCTL_GNTDEV_GRANT_COPY:
		copy->count = below(4);
		copy->segments = seg;
		for (unsigned i = 0; i < 4; i++) {
			seg[i] = (struct gntdev_grant_copy_segment){ .len = (uint16_t)below(4096), .flags = (uint16_t)below(4) };
			seg[i].source.virt = seg[i].dest.virt = room + 65536;
			if (seg[i].flags & GNTCOPY_source_gref) {
				seg[i].source.foreign.ref = below(3);
				seg[i].source.foreign.domid = (domid_t)some_domid();
				seg[i].source.foreign.offset = (uint16_t)below(64);
			}
			if (seg[i].flags & GNTCOPY_dest_gref) {
				seg[i].dest.foreign.ref = below(3);
				seg[i].dest.foreign.domid = (domid_t)some_domid();
				seg[i].dest.foreign.offset = (uint16_t)below(64);
			}
		}
		break;
	}
}

/* ---- devices that dom0 serves ---- */

static struct hvback_id some_device(void)
{
	static const char classes[][HVBACK_CLASS_LEN] = { "null", "null", "vbd", "vif", "nosuch" };
	struct hvback_id id = { .domid = some_domid(), .devid = below(3) };

	/* each unknown class is a modprobe */
	memcpy(id.class, classes[below(64) ? below(4) : 4], sizeof(id.class));
	return id;
}

/* Settings of that class, at the place for arguments that are pointed to. */
static uint32_t some_settings(const struct hvback_id *id, void *at)
{
	struct hvnull_config *null = at;
	struct hvback_vbd_conf *vbd = at;
	struct hvback_vif_conf *vif = at;

	memset(at, 0, 512);
	if (strcmp(id->class, "vbd") == 0) {
		vbd->flags = below(16);
		vbd->max_queues = below(4);
		return sizeof(*vbd);
	}
	if (strcmp(id->class, "vif") == 0) {
		memcpy(vif->mac, "\0\x16\x3e\1\2\3", 6);
		snprintf(vif->ifname, sizeof(vif->ifname), "fuzz%u", below(4));
		vif->max_queues = below(3);
		vif->flags = below(8);
		return sizeof(*vif);
	}
	null->budget = below(64);
	return sizeof(*null);
}

/* A seeded grant is the ring, most of the time. */
static void some_queues(struct hvback_queue *q, unsigned nr)
{
	memset(q, 0, nr * sizeof(*q));
	for (unsigned i = 0; i < nr; i++)
		for (unsigned ring = 0; ring < HVBACK_MAX_RINGS; ring++) {
			q[i].nr_refs[ring] = below(8) ? !ring || below(2) : below(HVBACK_MAX_RING_PAGES + 2);
			q[i].ref[ring][0] = below(3);
			q[i].port[ring] = below(8);
		}
}

static void plausible_backends(unsigned long request, void *p)
{
	struct hvback_connect *connect = p;
	struct hvback_blob *blob = p;
	struct hvback_add *add = p;

	switch (request) {
	case HVBACK_ADD:
		add->id = some_device();
		add->target = strcmp(add->id.class, "vbd") == 0 || !below(4) ? target : -1;
		add->conf = (uintptr_t)room;
		add->conf_len = some_settings(&add->id, room);
		break;
	case HVBACK_CONNECT:
		connect->id = some_device();
		connect->nr_queues = 1 + below(2);
		connect->queues = (uintptr_t)room;
		some_queues((void *)room, connect->nr_queues);
		break;
	case HVBACK_SET:
		blob->id = some_device();
		blob->what = below(5);
		blob->blob = (uintptr_t)room;
		blob->len = below(2) ? some_settings(&blob->id, room) : below(64);
		break;
	case HVBACK_INFO:
		blob->id = some_device();
		blob->blob = (uintptr_t)room;
		blob->len = below(512);
		break;
	case HVBACK_DISCONNECT:
	case HVBACK_REMOVE:
	case HVBACK_STATE:
		*(struct hvback_id *)p = some_device();
		break;
	}
}

static void count_backends(unsigned long request, int r)
{
	added += request == HVBACK_ADD && r == 0;
	connected += request == HVBACK_CONNECT && r == 0;
	refused += r < 0 && errno == EPERM;
}

/* Something that could be meant. */
static void plausible(unsigned long request, void *p, size_t size)
{
	static unsigned serial;
	struct hvpriv_create_domain *create = p;
	struct hvpriv_add_memory *memory = p;
	struct hvpriv_set_memmap *map = p;
	struct hvpriv_list *list = p;
	struct hvpriv_log *log = p;
	struct hvpriv_trace_read *trace = p;
	struct hvpriv_evtchn_alloc *port = p;
	struct hvpriv_dirty *dirty = p;
	struct hvpriv_param *param = p;
	struct hvpriv_vcpu_state *s = p;

	memset(p, 0, size);
	switch (request) {
	case HVPRIV_CREATE_DOMAIN:
		create->max_vcpus = 1 + below(2);
		create->flags = below(2) ? HVPRIV_CREATE_XAPIC : 0;
		create->max_pages = 64 + below(2048);
		snprintf(create->name, sizeof(create->name), "fuzz%u", serial++ % 6);
		break;
	case HVPRIV_DOM_ADD_MEMORY:
		memory->gfn = below(4) * 512;
		memory->nr_pages = 1 + below(600);
		break;
	case HVPRIV_DOM_SET_MEMMAP:
		map->nr = below(8);
		map->buf = (uintptr_t)room;
		break;
	case HVPRIV_LIST:
		list->nr = below(8);
		list->buf = (uintptr_t)room;
		break;
	case HVPRIV_LOG_READ:
		log->buf = (uintptr_t)room;
		log->len = below(4096);
		break;
	case HVPRIV_TRACE_READ:
		trace->buf = (uintptr_t)room;
		trace->nr = below(64);
		trace->cpu = below(3);
		break;
	case HVPRIV_DOM_EVTCHN_ALLOC:
		port->eventfd = -1;
		port->flags = below(2);
		break;
	case HVPRIV_DOM_DIRTY:
		dirty->op = below(4);
		if (dirty->op == HVPRIV_DIRTY_TAKE) {
			dirty->nr = 64 * below(8);
			dirty->first = 64 * below(32);
			dirty->bits = (uintptr_t)room;
		}
		break;
	case HVPRIV_DOM_SEED_GRANT:
		((struct hvpriv_seed_grant *)p)->ref = below(3);
		((struct hvpriv_seed_grant *)p)->gfn = below(1024);
		break;
	case IOCTL_EVTCHN_BIND_INTERDOMAIN:
		((struct ioctl_evtchn_bind_interdomain *)p)->remote_domain = some_domid();
		((struct ioctl_evtchn_bind_interdomain *)p)->remote_port = below(8);
		break;
	case IOCTL_EVTCHN_UNBIND:
	case IOCTL_EVTCHN_NOTIFY:
		((struct ioctl_evtchn_notify *)p)->port = last_port;
		break;
	case IOCTL_EVTCHN_RESTRICT_DOMID:
		((struct ioctl_evtchn_restrict_domid *)p)->domid = (domid_t)some_domid();
		break;
	case HVPRIV_DOM_SET_PARAM:
	case HVPRIV_DOM_GET_PARAM:
		param->index = below(48);
		param->value = number();
		break;
	case HVPRIV_DOM_NOTIFY:
		((struct hvpriv_notify *)p)->port = below(8);
		break;
	case HVPRIV_CREATE_VCPU:
		((struct hvpriv_create_vcpu *)p)->id = below(2);
		break;
	case HVPRIV_VCPU_SET_STATE:
		/* Flat 32-bit code, as PVH starts it. */
		s->cs = (struct hvpriv_segment){ .selector = 8, .attr = 0xc9b, .limit = ~0U };
		s->ds = s->es = s->ss = s->fs = s->gs = (struct hvpriv_segment){ .selector = 16, .attr = 0xc93, .limit = ~0U };
		s->tr = (struct hvpriv_segment){ .selector = 24, .attr = 0x8b, .limit = 0x67 };
		s->rip = below(1 << 21);
		s->rflags = 2;
		s->cr0 = 1;
		s->up = 1;
		break;
	}
}

/* At the end of the room, so that a byte too many faults. */
static void *make_argument(unsigned long request, size_t size)
{
	unsigned char *p = room + room_size - size;
	size_t i;

	switch (below(8)) {
	case 0:
		return (void *)(uintptr_t)number();
	case 1:
		return room + room_size - size / 2;
	case 2:
		for (i = 0; i + 8 <= size; i += 8) {
			uint64_t v = number();

			memcpy(p + i, &v, 8);
		}
		return p;
	}
	plausible(request, p, size);
	plausible_grants(request, p);
	plausible_backends(request, p);
	if (size >= 4 && below(2)) {
		uint32_t v = (uint32_t)number();

		memcpy(p + below((unsigned)(size / 4)) * 4, &v, 4);
	}
	return p;
}

static void keep(int fd, enum kind kind)
{
	unsigned i = 1 + below(NR_FDS - 1);

	if (slots[i].fd > 0)
		close(slots[i].fd);
	slots[i].fd = fd;
	slots[i].kind = kind;
}

/* Memory of a guest is mapped, written and sometimes left mapped when its descriptor is closed. */
static void map_some(int fd, enum kind kind)
{
	unsigned pages = kind == GRANTS ? 2 : 600;
	size_t size = (1 + below(pages)) * 4096UL;
	void *p = mmap(NULL, size, below(8) ? PROT_READ | PROT_WRITE : PROT_READ | PROT_EXEC,
		       below(8) ? MAP_SHARED : MAP_PRIVATE, fd, (off_t)(below(2 * pages) * 4096UL));

	if (p == MAP_FAILED)
		return;
	if (kind == GRANTS)
		done_by_kind[GRANTS]++;
	if (below(2))
		madvise(p, size, (int)below(22));
	munmap(p, below(4) ? size : 4096);
}

/* Some bytes either way; a descriptor for events does not block. */
static void read_or_write(int fd)
{
	uint32_t ports[8] = { last_port, below(16), (uint32_t)number() };

	if (below(2))
		(void)!read(fd, below(8) ? (void *)ports : (void *)(uintptr_t)number(), below(40));
	else
		(void)!write(fd, below(8) ? (void *)ports : (void *)(uintptr_t)number(), below(40));
}

/*
 * A domain with memory, rings that are granted and ports that are offered, a device, a connection, now and then: what comes later finds it.
 * An ordinary user gets as far as the domain.
 */
static void make_device(void)
{
	struct hvpriv_create_domain create = { .max_vcpus = 1, .max_pages = 2048, .name = "served" };
	struct hvpriv_add_memory memory = { .nr_pages = 512 };
	struct hvback_queue queue = { .nr_refs = { 1 }, .ref = { { 1 } } };
	struct hvback_connect connect = { .id = { .class = "null" }, .nr_queues = 1, .queues = (uintptr_t)&queue };
	struct hvback_add add = { .id = { .class = "null" }, .target = -1 };
	struct hvpriv_evtchn_alloc port = { .eventfd = -1, .flags = HVPRIV_EVTCHN_UNBOUND };
	int fd = ioctl(slots[0].fd, HVPRIV_CREATE_DOMAIN, &create), back;

	if (fd < 0)
		return;		/* there is one */
	last_domid = add.id.domid = connect.id.domid = create.domid;
	keep(fd, DOMAIN);
	(void)ioctl(fd, HVPRIV_DOM_ADD_MEMORY, &memory);
	for (uint32_t ref = 0; ref < 3; ref++) {
		struct hvpriv_seed_grant grant = { .ref = ref, .gfn = ref + 1 };

		(void)ioctl(fd, HVPRIV_DOM_SEED_GRANT, &grant);
	}
	(void)ioctl(fd, HVPRIV_DOM_EVTCHN_ALLOC, &port);
	queue.port[0] = port.port;
	back = open(nodes[BACKENDS], O_RDWR | O_CLOEXEC);
	if (back < 0)
		return;
	count_backends(HVBACK_ADD, ioctl(back, HVBACK_ADD, &add));
	count_backends(HVBACK_CONNECT, ioctl(back, HVBACK_CONNECT, &connect));
	keep(back, BACKENDS);
}

static void reopen(enum kind kind)
{
	int fd = open(nodes[kind], O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		keep(fd, kind);
}

/* RUN sleeps while a domain is paused: the timer's signal ends that. */
static void on_alarm(int sig)
{
	(void)sig;
}

static void step(int root)
{
	unsigned i = below(NR_FDS);
	unsigned long request;
	size_t size;
	void *p;
	int r;

	if (slots[i].fd <= 0)
		i = 0;
	if (i && below(40) == 0) {
		close(slots[i].fd);
		slots[i].fd = 0;
		return;
	}
	if (i && below(slots[i].kind == GRANTS ? 3 : 20) == 0)
		map_some(slots[i].fd, slots[i].kind);
	if (slots[i].kind == EVENTS && below(4) == 0)
		read_or_write(slots[i].fd);
	if (below(30) == 0)
		reopen(EVENTS + below(3));
	if (below(200) == 0)
		make_device();
	request = pick_request(slots[i].kind);
	if (root && _IOC_TYPE(request) == HVPRIV_MAGIC &&
	    (_IOC_NR(request) == _IOC_NR(HVPRIV_LAUNCH) ||
	     _IOC_NR(request) == _IOC_NR(HVPRIV_LEAVE)))
		return;
	size = _IOC_SIZE(request);
	p = make_argument(request, size);
	r = ioctl(slots[i].fd, request, p);
	nr_calls++;
	nr_by_kind[slots[i].kind]++;
	if (_IOC_TYPE(request) == HVBACK_MAGIC)
		count_backends(request, r);
	if (r < 0)
		return;
	nr_done++;
	done_by_kind[slots[i].kind]++;
	if (request == HVPRIV_CREATE_DOMAIN) {
		last_domid = ((struct hvpriv_create_domain *)p)->domid;
		keep(r, DOMAIN);
	} else if (request == IOCTL_EVTCHN_BIND_INTERDOMAIN) {
		last_port = (uint32_t)r;
	} else if (request == HVPRIV_CREATE_VCPU) {
		keep(r, VCPU);
	}
}

int main(int argc, char **argv)
{
	struct sigaction alarm_action = { .sa_handler = on_alarm };
	timer_t timer;
	struct itimerspec often = { .it_interval.tv_nsec = 5000000, .it_value.tv_nsec = 5000000 };
	time_t end;

	if (argc != 3)
		errx(2, "usage: fuzz-ioctl SEED SECONDS");
	state = strtoull(argv[1], NULL, 0) * 0x9e3779b97f4a7c15 + 1;
	end = time(NULL) + atol(argv[2]);
	slots[0].fd = open(nodes[DEVICE], O_RDWR | O_CLOEXEC);
	if (slots[0].fd < 0)
		err(1, "%s", nodes[DEVICE]);
	room_size = 1 << 20;
	room = mmap(NULL, room_size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED || munmap(room + room_size, 4096))
		err(1, "mmap");
	target = memfd_create("target", MFD_CLOEXEC);
	if (target < 0 || ftruncate(target, 1 << 20))
		err(1, "memfd");
	sigaction(SIGALRM, &alarm_action, NULL);
	if (timer_create(CLOCK_MONOTONIC, NULL, &timer) || timer_settime(timer, 0, &often, NULL))
		err(1, "timer");
	while (time(NULL) < end)
		step(geteuid() == 0);
	printf("%lu calls, %lu succeeded:", nr_calls, nr_done);
	for (unsigned i = 0; i < NR_KINDS; i++)
		printf(" %s %lu of %lu", kinds[i], done_by_kind[i], nr_by_kind[i]);
	printf("; devices added %lu, connected %lu, refused %lu\n", added, connected, refused);
	if (geteuid() != 0 && done_by_kind[BACKENDS])
		errx(1, "devices are for root alone");
	return 0;
}
