/* SPDX-License-Identifier: GPL-2.0-only */
#include "domain.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/hvm/params.h>

#include "device.h"

#define PAGE_SIZE	4096ULL
#define MAX_WINDOWS	(ZENDO_IMAGE_MAX_SEGMENTS + 8)

/* Guest memory as the builder writes it: mapped as asked for, unmapped all together when it is done. */
struct windows {
	int dom;
	unsigned nr;
	struct {
		void *addr;
		size_t size;
	} w[MAX_WINDOWS];
};

static int window_add_memory(void *userdata, uint64_t gfn, uint64_t nr_pages, uint32_t flags)
{
	struct windows *ws = userdata;

	return zendo_device_add_memory(ws->dom, gfn, nr_pages, flags, NULL);
}

static void *window_ptr(void *userdata, uint64_t gpa, uint64_t len)
{
	struct windows *ws = userdata;
	uint64_t first = gpa / PAGE_SIZE, nr = (gpa + len + PAGE_SIZE - 1) / PAGE_SIZE - first;
	void *p;

	if (len == 0 || ws->nr == MAX_WINDOWS || zendo_device_map(ws->dom, first, nr, &p) < 0)
		return NULL;
	ws->w[ws->nr].addr = p;
	ws->w[ws->nr++].size = nr * PAGE_SIZE;
	return (char *)p + gpa % PAGE_SIZE;
}

static void windows_done(struct windows *ws)
{
	for (unsigned i = 0; i < ws->nr; i++)
		(void)munmap(ws->w[i].addr, ws->w[i].size);
}

static int create(struct domain *d, int device, const struct definition *def, struct zendo_error *e)
{
	const struct zendo_config *c = def->config;
	int r;

	r = zendo_device_create_domain(device, c->name, c->has_uuid ? c->uuid : NULL, def->plan.max_vcpus,
				       def->plan.max_pages, def->plan.flags, &d->fd, &d->domid);
	return r < 0 ? zendo_error(e, r, "cannot create the domain: %s", zendo_device_strerror(r)) : 0;
}

static int fill(struct domain *d, const struct definition *def, struct zendo_error *e)
{
	struct windows ws = { .dom = d->fd };
	const struct zendo_guest_mem mem = {
		.userdata = &ws,
		.add_memory = window_add_memory,
		.ptr = window_ptr,
	};
	int r;

	r = zendo_build_fill(&def->plan, &mem, e);
	windows_done(&ws);
	return r;
}

static int set_params(struct domain *d, const struct definition *def, struct zendo_error *e)
{
	const struct zendo_build_plan *plan = &def->plan;
	int r;

	r = zendo_device_set_policy(d->fd, &def->config->policy);
	if (r < 0)
		return zendo_error(e, r, "its policy, CPUID and quotas, is refused: %s", strerror(-r));

	r = zendo_device_set_memmap(d->fd, plan->memmap, plan->nr_memmap);
	if (r < 0)
		return zendo_error(e, r, "the memory map is refused: %s", strerror(-r));
	for (unsigned i = 0; i < plan->nr_params; i++) {
		r = zendo_device_set_param(d->fd, plan->params[i].index, plan->params[i].value);
		if (r < 0)
			return zendo_error(e, r, "parameter %u is refused: %s", plan->params[i].index, strerror(-r));
	}
	return 0;
}

static int connect_console(struct domain *d, uint64_t gfn, struct zendo_error *e)
{
	int r;

	d->console_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->console_event < 0)
		return zendo_error(e, -errno, "no event descriptor: %s", strerror(errno));
	r = zendo_device_map(d->fd, gfn, 1, &d->console_page);
	if (r >= 0)
		r = zendo_device_evtchn_alloc(d->fd, d->console_event, &d->console_port);
	if (r >= 0)
		r = zendo_device_set_param(d->fd, HVM_PARAM_CONSOLE_EVTCHN, d->console_port);
	if (r < 0)
		return zendo_error(e, r, "cannot connect the console: %s", strerror(-r));
	console_ring_init(&d->console, d->console_page);
	return 0;
}

/* As Xen's toolstack leaves them for daemons of dom0: both rings granted, and a port for the store. */
static int seed(struct domain *d, const struct zendo_build_plan *plan, struct zendo_error *e)
{
	int r;

	r = zendo_device_seed_grant(d->fd, GNTTAB_RESERVED_CONSOLE, plan->console_gfn);
	if (r >= 0)
		r = zendo_device_seed_grant(d->fd, GNTTAB_RESERVED_XENSTORE, plan->store_gfn);
	if (r >= 0)
		r = zendo_device_evtchn_offer(d->fd, &d->store_port);
	if (r >= 0 && plan->in.store)
		r = zendo_device_set_param(d->fd, HVM_PARAM_STORE_EVTCHN, d->store_port);
	return r < 0 ? zendo_error(e, r, "cannot prepare console and store for daemons: %s", strerror(-r)) : 0;
}

static int create_vcpus(struct domain *d, const struct definition *def, struct zendo_error *e)
{
	int r = 0;

	d->vcpus = calloc(def->plan.max_vcpus, sizeof(*d->vcpus));
	if (!d->vcpus)
		return zendo_error(e, -ENOMEM, "out of memory");
	/* close-on-exec, and a full buffer holds back the vCPU that talks, not us */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, d->reports) < 0)
		return zendo_error(e, -errno, "no socket: %s", strerror(errno));
	for (unsigned i = 0; i < def->plan.max_vcpus && r >= 0; i++) {
		d->vcpus[i] = (struct vcpu) { .id = i, .fd = -EBADF, .report_fd = d->reports[1] };
		d->nr_vcpus++;
		r = zendo_device_create_vcpu(d->fd, i, &d->vcpus[i].fd);
	}
	if (r >= 0)
		r = zendo_device_vcpu_set_state(d->vcpus[0].fd, &def->plan.vcpu0);
	return r < 0 ? zendo_error(e, r, "cannot make vCPU %u: %s", d->nr_vcpus - 1, strerror(-r)) : 0;
}

static int start_vcpus(struct domain *d, const struct definition *def, struct zendo_error *e)
{
	for (unsigned i = 0; i < d->nr_vcpus; i++) {
		int r = vcpu_start(&d->vcpus[i], &def->cpus[i]);

		if (r == -EINVAL)
			return zendo_error(e, r, "vCPU %u may use none of its CPUs: they are offline, or not among the "
					   "unit's AllowedCPUs=", i);
		if (r < 0)
			return zendo_error(e, r, "cannot start vCPU %u: %s", i, strerror(-r));
	}
	return 0;
}

int domain_new(int device, const struct definition *def, struct domain **ret, struct zendo_error *e)
{
	_cleanup_(domain_freep) struct domain *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return zendo_error(e, -ENOMEM, "out of memory");
	*d = (struct domain) {
		.fd = -EBADF,
		.paused = true,
		.vcpus_wanted = def->config->vcpus,
		.reports = { -EBADF, -EBADF },
		.console_event = -EBADF,
	};
	if ((r = create(d, device, def, e)) < 0 ||
	    (r = fill(d, def, e)) < 0 ||
	    (r = set_params(d, def, e)) < 0 ||
	    (r = connect_console(d, def->plan.console_gfn, e)) < 0 ||
	    (r = seed(d, &def->plan, e)) < 0 ||
	    (r = create_vcpus(d, def, e)) < 0 ||
	    (r = def->store ? domain_tell_store(d, def, e) : 0) < 0 ||
	    (r = start_vcpus(d, def, e)) < 0)
		return r;
	*ret = TAKE_PTR(d);
	return 0;
}

int domain_pause(struct domain *d)
{
	int r = d->paused ? 0 : zendo_device_pause(d->fd);

	d->paused |= r >= 0;
	return r;
}

int domain_unpause(struct domain *d)
{
	int r = d->paused ? zendo_device_unpause(d->fd) : 0;

	d->paused &= r < 0;
	return r;
}

void domain_hold(struct domain *d)
{
	for (unsigned i = 0; i < d->nr_vcpus; i++)
		vcpu_stop(&d->vcpus[i]);
}

bool domain_threads_are_out(const struct domain *d)
{
	for (unsigned i = 0; i < d->nr_vcpus; i++)
		if (d->vcpus[i].started && !d->vcpus[i].reported)
			return false;
	return true;
}

int domain_go_on(struct domain *d, const struct definition *def, struct zendo_error *e)
{
	for (unsigned i = 0; i < d->nr_vcpus; i++)
		vcpu_join(&d->vcpus[i]);
	return start_vcpus(d, def, e);
}

void domain_stop(struct domain *d)
{
	for (unsigned i = 0; i < d->nr_vcpus; i++)
		vcpu_stop(&d->vcpus[i]);
	/* a thread blocked in its report gets an error; what was sent before can still be read */
	if (d->reports[0] >= 0)
		(void)shutdown(d->reports[0], SHUT_RDWR);
	for (unsigned i = 0; i < d->nr_vcpus; i++)
		vcpu_join(&d->vcpus[i]);
}

void domain_free(struct domain *d)
{
	if (!d)
		return;
	if (d->fd >= 0)
		(void)zendo_device_kill(d->fd);
	domain_stop(d);
	for (unsigned i = 0; i < d->nr_vcpus; i++)
		safe_close(d->vcpus[i].fd);
	free(d->vcpus);
	if (d->console_page)
		(void)munmap(d->console_page, PAGE_SIZE);
	safe_close(d->reports[0]);
	safe_close(d->reports[1]);
	safe_close(d->console_event);
	safe_close(d->fd);	/* the last one: the kernel takes everything back */
	free(d);
}
