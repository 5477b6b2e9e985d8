// SPDX-License-Identifier: GPL-2.0-only
/* Dom0: a few domains, each run by any CPU at any time, fed as it asks, and killed at any moment by whichever CPU comes to it. */
#include <pthread.h>
#include <sched.h>
#include "cpus.h"
#include "core/dom0.h"

static struct slot {
	pthread_mutex_t life;		/* who makes or kills the domain; others go on with it meanwhile */
	int id;				/* atomic; 0: there is none */
	uint32_t page[3 + 2 * VCPUS];	/* shared with the hypervisor */
	struct program program[VCPUS];
} slots[DOMAINS];

static int slot_id(const struct slot *s)
{
	return __atomic_load_n(&s->id, __ATOMIC_SEQ_CST);
}

domid_t some_domain(void)
{
	int id = slot_id(&slots[below(DOMAINS)]);

	return (domid_t)(id ? id : 1);
}

/* Found by what is fixed: the slot's domain, once another CPU may run it. */
struct program *program_of(const struct vcpu *v)
{
	for (int i = 0; i < DOMAINS; i++)
		if (slot_id(&slots[i]) == v->d->id)
			return &slots[i].program[v->id];
	return NULL;
}

static int64_t do_call(const char *name, uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct zendo_regs r = { .rax = nr, .rdi = a, .rsi = b, .rdx = c, .r10 = d };
	int64_t *out = record(name, a, b);

	dom0_call(this_cpu(), &r);
	*out = (int64_t)r.rax;
	if (this_cpu()->check.unasked)
		die("%s leaves a flush unasked for", name);
	if (this_cpu()->lock_ranks)
		die("%s leaves locks held: %x", name, this_cpu()->lock_ranks);
	if (__atomic_load_n(&check_failures, __ATOMIC_RELAXED))
		die("a check of the checking build failed, on some CPU, during %s on this one", name);
	return *out;
}
#define CALL(name, a, b, c, d)	do_call(#name, ZCALL_##name, (uint64_t)(a), (b), (c), (d))

/* ---- frames to a domain and back ---- */

static void give(int id, uint64_t gfn, uint32_t type)
{
	uint32_t f = frame_take(), list = frame_take();

	*(struct zendo_extent *)frame_mem(list) = (struct zendo_extent){ .hpa = frame_hpa(f), .gfn = gfn, .type = type };
	frame_owner_set(f, (uint16_t)id);
	if (CALL(DONATE, id, frame_hpa(list), 1, 0) != 1) {
		if (!frame_owner_clear(f, (uint16_t)id))
			die("a frame that was refused has come back as well");
		frame_put(f);
	}
	frame_put(list);
}

/* As many as it takes, but not for ever: it may be using them up as fast. */
static void give_tables(int id)
{
	for (int i = 0; i < 6 && CALL(GFN_PAGE, id, 0, 0, 0) > 0; i++) {
		uint32_t f = frame_take();

		frame_owner_set(f, (uint16_t)(id | OWNER_TABLE));
		if (CALL(GFN_PAGE, id, frame_hpa(f), 0, 0) >= 0)
			continue;
		/* A domain that has died since: who buried it may have found this one as well. */
		if (frame_owner_clear(f, (uint16_t)(id | OWNER_TABLE)))
			frame_put(f);
		return;
	}
}

static void take_returned(int id)
{
	uint32_t list = frame_take();
	uint64_t *hpas = frame_mem(list);
	int64_t n;

	while ((n = CALL(RETURNED, id, frame_hpa(list), 0, 0)) > 0) {
		for (int64_t i = 0; i < n; i++) {
			uint64_t f = (hpas[i] - RAM_BASE) >> PAGE_SHIFT;

			if (hpas[i] < RAM_BASE || f >= FRAMES || !frame_owner_clear((uint32_t)f, (uint16_t)id))
				die("d%d returns %lx, which it has not", id, hpas[i]);
			tally()->returned++;
			frame_put((uint32_t)f);
		}
	}
	frame_put(list);
}

/* ---- a domain's life ---- */

static int64_t create(const struct slot *s, uint32_t page)
{
	struct zendo_domain_create *c = frame_mem(page);
	int64_t id;

	*c = (struct zendo_domain_create){
		.abi_version = ZENDO_ABI_VERSION, .max_vcpus = VCPUS, .max_pages = GUEST_FRAMES + 32,
		.max_pool_pages = 60 + below(300), .wallclock_tsc = 1,
		.evt_hint_hpa = frame_hpa(s->page[0]), .gfn_table_hpa = frame_hpa(s->page[1]), .grant_hpa = frame_hpa(s->page[2]),
	};
	do
		id = CALL(DOMAIN_CREATE, frame_hpa(page), 0, 0, 0);
	while (id == -XEN_ENOMEM || id == -XEN_EFAULT);	/* no page of the pool, by chance */
	if (id <= 0)
		die("no domain: %ld", id);
	return id;
}

/* Some vCPUs may not be made, for want of pages; that is a guest, too. */
static void create_vcpus(const struct slot *s, int64_t id, uint32_t page)
{
	struct zendo_vcpu_state *state = frame_mem(page);

	memset(state, 0, PAGE_SIZE);
	state->up = 1;
	for (uint32_t i = 0; i < VCPUS; i++) {
		for (int n = 0; n < 50; n++)
			if (!CALL(VCPU_CREATE, id, i, frame_hpa(s->page[3 + 2 * i]), frame_hpa(s->page[4 + 2 * i])))
				break;
		(void)CALL(VCPU_SET, id << 16 | i, frame_hpa(page), 0, 0);
	}
}

static void make(struct slot *s)
{
	uint32_t page = frame_take();
	int64_t id;

	memset(s->program, 0, sizeof(s->program));
	for (size_t i = 0; i < ARRAY_SIZE(s->page); i++)
		s->page[i] = frame_take();
	id = create(s, page);
	for (uint64_t g = 0; g < GUEST_FRAMES; g++) {
		give_tables((int)id);
		give((int)id, g, ZEXT_RAM);
	}
	create_vcpus(s, id, page);
	frame_put(page);
	__atomic_store_n(&s->id, (int)id, __ATOMIC_SEQ_CST);
}

/* Every frame that the books have as the domain's. One that another CPU has just got by take_returned() is dom0's already. */
static void reclaim(int id)
{
	uint32_t list = frame_take();
	int64_t rc;

	for (uint32_t f = 0; f < FRAMES; f++) {
		uint16_t owner = frame_owner(f);

		if (owner == (id | OWNER_TABLE) && frame_owner_clear(f, owner))
			frame_put(f);
		if (owner != id)
			continue;
		*(struct zendo_extent *)frame_mem(list) = (struct zendo_extent){ .hpa = frame_hpa(f) };
		rc = CALL(RECLAIM, id, frame_hpa(list), 1, 0);
		if (rc == 1 && !frame_owner_clear(f, (uint16_t)id))
			die("frame %lx is reclaimed that was not d%d's", frame_hpa(f), id);
		if (rc == 1)
			frame_put(f);
		else if (rc != -XEN_EPERM && rc != -XEN_ENOMEM)
			die("frame %lx of d%d, which is dead, is not reclaimed: %ld", frame_hpa(f), id, rc);
	}
	frame_put(list);
}

static void bury(struct slot *s, int id)
{
	int64_t rc;

	while ((rc = CALL(DOMAIN_KILL, id, 0, 0, 0))) {
		if (rc != ZENDO_KILL_MORE && rc != -XEN_EAGAIN)
			die("d%d is not killed: %ld", id, rc);
		if (rc == -XEN_EAGAIN)
			sched_yield();
	}
	take_returned(id);
	reclaim(id);
	while ((rc = CALL(DOMAIN_FREE, id, 0, 0, 0))) {
		if (rc != -XEN_EAGAIN)
			die("d%d is not freed: %ld", id, rc);
		sched_yield();
	}
	for (size_t i = 0; i < ARRAY_SIZE(s->page); i++)
		frame_put(s->page[i]);
	__atomic_store_n(&s->id, 0, __ATOMIC_SEQ_CST);
}

/* One CPU does it. Others still come with calls, until the domain is gone. */
static void replace(struct slot *s)
{
	if (pthread_mutex_trylock(&s->life))
		return;
	bury(s, slot_id(s));
	count(&tally()->deaths);
	make(s);
	pthread_mutex_unlock(&s->life);
}

void dom0_start(void)
{
	for (int i = 0; i < DOMAINS; i++) {
		pthread_mutex_init(&slots[i].life, NULL);
		make(&slots[i]);
	}
}

void dom0_end(void)
{
	for (int i = 0; i < DOMAINS; i++)
		bury(&slots[i], slot_id(&slots[i]));
}

/* ---- what a CPU of dom0 does ---- */

static void set_up_again(uint64_t name)
{
	uint32_t page = frame_take();

	((struct zendo_vcpu_state *)frame_mem(page))->up = 1;
	(void)CALL(VCPU_SET, name, frame_hpa(page), 0, 0);
	frame_put(page);
}

static void look(uint64_t name)
{
	uint32_t page = frame_take();

	(void)CALL(VCPU_GET, name, frame_hpa(page), 0, 0);
	(void)CALL(STATS, frame_hpa(page), 0, 0, 0);
	(void)CALL(DOMAIN_USE, name >> 16, 1, 0, 0);
	frame_put(page);
}

/* What it asks for and little more, so that what it gave away soon comes back. The page may have got another use by now. */
static void feed(int id, const struct zendo_run_page *page)
{
	uint32_t nr = READ_ONCE(page->hyp.need_ram);

	give_tables(id);
	for (uint32_t i = MIN(nr, 8) + below(3); i; i--)
		give(id, 0, ZEXT_POPULATE);
}

static void run(struct slot *s, int id)
{
	uint64_t name = (uint64_t)id << 16 | below(VCPUS);
	int64_t reason = CALL(VCPU_RUN, name, 0, 0, 0);

	tally()->runs[reason >= 0 && reason < ZRUN_NR ? reason : ZRUN_NR]++;
	switch (reason) {
	case ZRUN_NEED_PAGES:
		feed(id, frame_mem(s->page[3 + 2 * (name & 0xffff)]));
		break;
	case ZRUN_RETURNED:
		take_returned(id);
		/* To be at hand when the guest wants it back; likely the very frame. */
		if (one_in(2))
			give(id, 0, ZEXT_POPULATE);
		break;
	case ZRUN_POLL:
	case ZRUN_HALT:
		if (one_in(2))
			(void)CALL(VCPU_NMI, name, 0, 0, 0);
		break;
	case ZRUN_DOWN:
		if (one_in(10))
			set_up_again(name);
		break;
	case ZRUN_SHUTDOWN:
	case ZRUN_CRASH:
	case -XEN_ESRCH:	/* another CPU has begun to kill it */
		replace(s);
		break;
	default:
		break;
	}
}

void dom0_step(void)
{
	struct slot *s = &slots[below(DOMAINS)];
	int id = slot_id(s);
	uint32_t what = below(2000);

	if (!id)
		give_way();	/* another CPU is at it */
	else if (what < 1850)
		run(s, id);
	else if (what < 1870)
		(void)CALL(EVTCHN_ALLOC, id, 0, 0, 0);
	else if (what < 1900)
		(void)CALL(EVTCHN_BIND, id, below(40), 0, 0);
	else if (what < 1920)
		(void)CALL(EVTCHN_CLOSE, id, below(40), 0, 0);
	else if (what < 1930)
		(void)CALL(VCPU_NMI, (uint64_t)id << 16 | below(VCPUS), 0, 0, 0);
	else if (what < 1934)
		give(id, busy_gfn(), ZEXT_RAM);
	else if (what < 1936)
		give(id, 0, ZEXT_GRANT);
	else if (what < 1970)
		take_returned(id);
	else if (what < 1980)
		give_tables(id);
	else if (what < 1990)
		look((uint64_t)id << 16 | below(VCPUS));
	else if (what < 1995)
		(void)CALL(DOMAIN_WALLCLOCK, id, chance(), host_tsc(), 0);
	else if (what < 1996 && one_in(2))
		(void)CALL(DOMAIN_KILL, id, 0, 0, 0);	/* and the rest by whoever finds it so */
	else if (what >= 1998 && one_in(2))
		replace(s);
}
