/* SPDX-License-Identifier: GPL-2.0-only */
/* Lives of domains and vCPUs. What guest/ and the vendor do at each step is counted here, not done. */
#include "fake_hv.h"
#include "core/check.h"
#include "core/domain_mem.h"
#include "core/guest_mem.h"
#include "core/npt.h"

#define BASE	(4 * GIB)
#define RUN	(8 * MIB)	/* dom0's pages: run, posted */
#define POSTED	(8 * MIB + PAGE_SIZE)

static const struct zendo_ram_range ram[] = { { 6 * MIB, 16 * MIB }, { BASE, 64 * MIB } };

static int domains, vcpus, archs, pages, kicks;		/* made and not undone */
static int domain_rc, vcpu_rc, arch_rc, posted_rc;	/* what their makers say */
static int unbind_steps, unbind_calls, vcpus_at_unbind;

int guest_domain_init(struct domain *d, const struct zendo_domain_create *c)
{
	(void)d;
	(void)c;
	domains += !domain_rc;
	return domain_rc;
}

/* Ports take a call or two; none is left with a vCPU that is gone. */
bool guest_domain_unbind(struct domain *d)
{
	for (uint32_t i = 0; i < d->max_vcpus; i++)
		vcpus_at_unbind += domain_vcpu(d, i) != NULL;
	return unbind_calls++ >= unbind_steps;
}

void guest_domain_destroy(struct domain *d)
{
	(void)d;
	domains--;
}

int guest_vcpu_init(struct vcpu *v)
{
	(void)v;
	vcpus += !vcpu_rc;
	return vcpu_rc;
}

void guest_vcpu_destroy(struct vcpu *v)
{
	(void)v;
	vcpus--;
}

static int arch_init(struct vcpu *v)
{
	(void)v;
	archs += !arch_rc;
	return arch_rc;
}

/* What another CPU does while this one frees @v. */
static void (*meanwhile)(struct vcpu *v);

static void arch_free(struct vcpu *v)
{
	archs--;
	if (meanwhile)
		meanwhile(v);
}

int dom0_page_map(hpa_t page, void **ret)
{
	if (page.v != RUN && page.v != POSTED)
		return -XEN_EFAULT;
	if (posted_rc && page.v == POSTED)
		return posted_rc;
	pages++;
	*ret = fake_mem(page.v);
	return 0;
}

void dom0_page_unmap(void *va)
{
	pages -= va != NULL;
}

void vcpu_kick(struct vcpu *v)
{
	(void)v;
	kicks++;
}

static struct vendor_ops domain_ops;
static uint32_t count_before;

static int start(void **state)
{
	domain_ops = *ops;
	domain_ops.vcpu_init = arch_init;
	domain_ops.vcpu_free = arch_free;
	ops = &domain_ops;
	return fake_hv_start(state) || frame_init(ram, ARRAY_SIZE(ram));
}

static int begin(void **state)
{
	domain_rc = vcpu_rc = arch_rc = kicks = 0;
	unbind_steps = unbind_calls = vcpus_at_unbind = 0;
	count_before = domain_count();
	return fake_hv_begin(state);
}

static int end(void **state)
{
	if (domains || vcpus || archs || pages || domain_count() != count_before) {
		print_error("left behind: %d domains, %d vCPUs, %d of the vendor's, %d shared pages\n", domains, vcpus, archs, pages);
		return -1;
	}
	return fake_hv_check(state);
}

static const struct zendo_domain_create sound = { .abi_version = ZENDO_ABI_VERSION, .max_vcpus = 3, .max_pages = 4096 };

/* Held, as for the length of a call. */
static struct domain *create(void)
{
	int64_t id = domain_create(&sound);

	assert_in_range(id, 1, MAX_DOMAINS - 1);
	return domain_get((domid_t)id);
}

static void kill_and_free(struct domain *d)
{
	int rc;

	while ((rc = domain_kill(d)) == ZENDO_KILL_MORE)
		;
	assert_int_equal(rc, 0);
	assert_int_equal(domain_free(d), 0);
}

static void a_domain_is_found_from_creation_to_free(void **state)
{
	struct domain *d = create();
	domid_t id = d->id;

	(void)state;
	assert_int_equal(domain_count(), count_before + 1);
	assert_int_equal(d->state, DOMAIN_ALIVE);
	assert_int_equal(d->max_pages, 4096);
	assert_int_equal(d->max_pool_pages, 64 + 4096 / 256 + 16 * 3);
	assert_ptr_equal(domain_get(id), d);
	domain_put(d);
	kill_and_free(d);
	assert_null(domain_get(id));
}

static void what_is_no_domain_is_not_found(void **state)
{
	(void)state;
	assert_null(domain_get(0));		/* dom0 has no object */
	assert_null(domain_get(MAX_DOMAINS));
	assert_null(domain_get(0x7ff0));	/* DOMID_SELF */
	assert_null(domain_get(0xffff));
}

static void a_malformed_request_creates_nothing(void **state)
{
	struct zendo_domain_create c;

	(void)state;
#define refused(rc, change) do { c = sound; change; assert_int_equal(domain_create(&c), rc); } while (0)
	refused(-XEN_EINVAL, c.abi_version++);
	refused(-XEN_EINVAL, c.max_vcpus = 0);
	refused(-XEN_EINVAL, c.max_vcpus = ZENDO_MAX_VCPUS + 1);
	refused(-XEN_EINVAL, c.max_pages = 0);
	refused(-XEN_EINVAL, c.flags = 4);
	refused(-XEN_EOPNOTSUPP, c.flags = ZDOM_PROTECTED);
	for (size_t i = 0; i < ARRAY_SIZE(c.reserved); i++)
		refused(-XEN_EINVAL, c.reserved[i] = 1);
	refused(-XEN_ENOMEM, c.max_pool_pages = 1);	/* its own tables do not fit */
	refused(-XEN_ENOMEM, c.max_pool_pages = 2);
}

static void creation_that_fails_leaves_nothing(void **state)
{
	(void)state;
	domain_rc = -XEN_ENOMEM;
	assert_int_equal(domain_create(&sound), -XEN_ENOMEM);
	domain_rc = 0;
	/* its object is the hypervisor's, three pages are charged: not out of the last 16 */
	for (uint64_t left = 0; left < 20; left++) {
		fake_pool_drain(left);
		assert_int_equal(domain_create(&sound), -XEN_ENOMEM);
		fake_pool_refill();
	}
}

static void an_id_is_not_given_again_at_once(void **state)
{
	struct domain *d = create();
	domid_t id = d->id, next;

	(void)state;
	kill_and_free(d);
	d = create();
	next = d->id;
	kill_and_free(d);
	assert_int_not_equal(next, id);
}

/* The pool of this test has room for some 480 domains; so ids go round with one of them alive. */
static void ids_go_round_past_those_in_use(void **state)
{
	struct domain *stays = create();

	(void)state;
	for (int i = 0; i < 2 * MAX_DOMAINS; i++) {
		struct domain *d = create();

		assert_int_not_equal(d->id, stays->id);
		kill_and_free(d);
	}
	kill_and_free(stays);
}

static void vcpus_are_made_once_and_within_bounds(void **state)
{
	struct domain *d = create();

	(void)state;
	assert_int_equal(vcpu_create(d, 0, RUN, POSTED), 0);
	assert_int_equal(vcpu_create(d, 2, RUN, POSTED), 0);
	assert_int_equal(vcpu_create(d, 0, RUN, POSTED), -XEN_EEXIST);
	assert_int_equal(vcpu_create(d, 3, RUN, POSTED), -XEN_EINVAL);
	assert_int_equal(vcpu_create(d, UINT32_MAX, RUN, POSTED), -XEN_EINVAL);
	assert_non_null(domain_vcpu(d, 2));
	assert_int_equal(domain_vcpu(d, 2)->id, 2);
	assert_null(domain_vcpu(d, 1));
	assert_null(domain_vcpu(d, 3));
	assert_int_equal(pages, 4);
	kill_and_free(d);
}

static void a_vcpu_that_cannot_be_made_leaves_nothing(void **state)
{
	struct domain *d = create();
	uint32_t charged = d->pool_pages;

	(void)state;
	assert_int_equal(vcpu_create(d, 0, RUN + 1, POSTED), -XEN_EFAULT);
	assert_int_equal(vcpu_create(d, 0, RUN, 0), -XEN_EFAULT);
	posted_rc = -XEN_ENOMEM;	/* hvpriv gets the pool another chunk then */
	assert_int_equal(vcpu_create(d, 0, RUN, POSTED), -XEN_ENOMEM);
	posted_rc = 0;
	arch_rc = -XEN_ENOMEM;
	assert_int_equal(vcpu_create(d, 0, RUN, POSTED), -XEN_ENOMEM);
	arch_rc = 0;
	vcpu_rc = -XEN_ENOMEM;
	assert_int_equal(vcpu_create(d, 0, RUN, POSTED), -XEN_ENOMEM);
	vcpu_rc = 0;
	d->max_pool_pages = charged;
	assert_int_equal(vcpu_create(d, 0, RUN, POSTED), -XEN_ENOMEM);
	assert_int_equal(d->pool_pages, charged);
	assert_int_equal(pages + archs + vcpus, 0);
	assert_null(domain_vcpu(d, 0));
	d->max_pool_pages = 200;
	assert_int_equal(vcpu_create(d, 0, RUN, POSTED), 0);
	kill_and_free(d);
	assert_int_equal(archs, 0);
}

static void killing_waits_for_every_vcpu(void **state)
{
	struct domain *d = create();

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(vcpu_create(d, i, RUN, POSTED), 0);
	d->vcpu[1]->busy = true;
	assert_int_equal(domain_kill(d), -XEN_EAGAIN);
	assert_int_equal(domain_kill(d), -XEN_EAGAIN);
	assert_true(kicks >= 2);
	assert_int_equal(vcpus, 3);
	assert_int_equal(domains, 1);
	assert_int_equal(d->state, DOMAIN_DYING);
	assert_int_equal(vcpu_create(d, 0, RUN, POSTED), -XEN_EINVAL);
	assert_int_equal(domain_free(d), -XEN_EBUSY);
	d->vcpu[1]->busy = false;
	kill_and_free(d);
}

static void ports_are_closed_before_vcpus_go(void **state)
{
	struct domain *d = create();

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(vcpu_create(d, i, RUN, POSTED), 0);
	unbind_steps = 2;
	kill_and_free(d);
	assert_int_equal(unbind_calls, 3);
	assert_int_equal(vcpus_at_unbind, 9);
}

static void kill_too(struct vcpu *v)
{
	struct domain *d = domain_get(v->d->id);
	int before = kicks;

	assert_int_equal(domain_kill(d), -XEN_EAGAIN);
	assert_int_equal(kicks, before);	/* it may be gone by now */
	domain_put(d);
}

static void of_two_who_kill_only_one_touches_vcpus(void **state)
{
	struct domain *d = create();

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(vcpu_create(d, i, RUN, POSTED), 0);
	meanwhile = kill_too;
	kill_and_free(d);
	meanwhile = NULL;
}

static void killing_goes_in_bounded_steps(void **state)
{
	struct domain *d = create();
	uint64_t tables, tables_before, steps = 0;

	(void)state;
	for (uint64_t i = 0; i < 90; i++)
		assert_int_equal(npt_map(d->npt, i * ZENDO_CHUNK_SIZE, hpa(BASE), 1, NPT_READ, false), 0);
	tables = tables_before = d->npt->nr_tables;
	for (; domain_kill(d) == ZENDO_KILL_MORE; steps++) {
		assert_true(tables - d->npt->nr_tables <= 4);
		tables = d->npt->nr_tables;
	}
	/* its ports, the guest's other parts and dom0's table go by themselves */
	assert_int_equal(steps, 3 + (tables_before - 1) / 4);
	assert_int_equal(domains, 0);
	assert_int_equal(domain_kill(d), 0);	/* once more does no harm */
	assert_int_equal(domains, 0);
	/* dead but not free: nothing is mapped, nothing faults */
	assert_int_equal(npt_lookup(d->npt, 0).rights, 0);
	assert_int_equal(domain_free(d), 0);
}

static void a_domain_with_frames_or_users_is_not_freed(void **state)
{
	struct domain *d = create();
	mfn_t m = hpa_to_mfn(hpa(BASE));

	(void)state;
	assert_int_equal(domain_free(d), -XEN_EBUSY);		/* alive */
	assert_int_equal(frame_give(m, 0, OWNER_DOM0, FRAME_FREE, d->id, FRAME_RAM), 0);
	while (domain_kill(d))
		;
	assert_int_equal(domain_free(d), -XEN_EBUSY);		/* a frame */
	assert_int_equal(frame_give(m, 0, d->id, FRAME_RAM, OWNER_DOM0, FRAME_FREE), 0);
	assert_ptr_equal(domain_get(d->id), d);
	assert_int_equal(domain_free(d), -XEN_EAGAIN);		/* another call */
	domain_put(d);
	assert_int_equal(domain_free(d), 0);
}

static void a_page_still_charged_is_our_mistake(void **state)
{
	struct domain *d = create();
	void *page = pool_alloc(d);

	(void)state;
	while (domain_kill(d))
		;
	assert_int_equal(domain_free(d), 0);
	assert_int_equal(check_failures, 1);
	check_failures = 0;
	pool_free(NULL, page);
}

static void shutdown_keeps_its_first_code_and_wakes_all(void **state)
{
	struct domain *d = create();

	(void)state;
	assert_int_equal(vcpu_create(d, 0, RUN, POSTED), 0);
	assert_int_equal(vcpu_create(d, 2, RUN, POSTED), 0);
	domain_shutdown(d, 2);
	assert_int_equal(kicks, 2);
	domain_shutdown(d, 3);
	assert_true(d->shutdown);
	assert_int_equal(d->shutdown, 2 + 1);
	d->shutdown = 0;
	d->shutdown_said = 5 + 1;
	domain_shutdown(d, 3);
	assert_int_equal(d->shutdown, 5 + 1);
	kill_and_free(d);
}

static void letting_go_twice_is_our_mistake(void **state)
{
	struct domain *d = create();

	(void)state;
	domain_put(d);
	expect_panic("d->refs", domain_put(d));
	assert_ptr_equal(domain_get(d->id), d);
	kill_and_free(d);
}

#define domain_unit(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		domain_unit(a_domain_is_found_from_creation_to_free),
		domain_unit(what_is_no_domain_is_not_found),
		domain_unit(a_malformed_request_creates_nothing),
		domain_unit(creation_that_fails_leaves_nothing),
		domain_unit(an_id_is_not_given_again_at_once),
		domain_unit(ids_go_round_past_those_in_use),
		domain_unit(vcpus_are_made_once_and_within_bounds),
		domain_unit(a_vcpu_that_cannot_be_made_leaves_nothing),
		domain_unit(killing_waits_for_every_vcpu),
		domain_unit(ports_are_closed_before_vcpus_go),
		domain_unit(of_two_who_kill_only_one_touches_vcpus),
		domain_unit(killing_goes_in_bounded_steps),
		domain_unit(a_domain_with_frames_or_users_is_not_freed),
		domain_unit(a_page_still_charged_is_our_mistake),
		domain_unit(shutdown_keeps_its_first_code_and_wakes_all),
		domain_unit(letting_go_twice_is_our_mistake),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
