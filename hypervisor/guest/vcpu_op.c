// SPDX-License-Identifier: GPL-2.0-only
#include "guest/hypercall.h"
#include "guest/event_channel.h"
#include "guest/guest.h"
#include "guest/lapic.h"
#include "guest/newer.h"
#include "guest/time.h"
#include "guest/vcpu_start.h"

#define MIN_PERIOD_NS	1000000		/* as Xen, both */
#define MAX_PERIOD_NS	(~0ULL >> 2)

static int64_t op_up(struct vcpu *v)
{
	if (!READ_ONCE(v->g.was_up) && !READ_ONCE(v->g.start.ready))
		return -XEN_EINVAL;	/* it has no state to run with */
	if (__atomic_exchange_n(&v->up, true, __ATOMIC_SEQ_CST))
		return 0;
	vcpu_kick(v);
	return 0;
}

static int64_t op_down(struct hcall *h, struct vcpu *v)
{
	WRITE_ONCE(v->up, false);
	vcpu_kick(v);
	if (poweroff_if_all_parked(v->d))
		hcall_to_dom0(h, ZRUN_SHUTDOWN);
	else if (v == h->v)
		hcall_to_dom0(h, ZRUN_DOWN);
	return 0;
}

static int64_t get_runstate(struct hcall *h, struct vcpu *v)
{
	union runstate_image r;
	size_t size = runstate_get(v, !h->wide, &r);

	return hcall_put(h, h->arg[2], &r, size);
}

typedef int area_fn(struct vcpu *caller, struct vcpu *v, enum guest_area_kind kind, uint64_t addr);

/* The struct around an address has 8 bytes, of which a 32-bit caller fills 4 with a linear one. */
static int64_t register_area(struct hcall *h, struct vcpu *v, area_fn *reg, enum guest_area_kind kind)
{
	uint64_t a = 0;

	if (hcall_get(h, h->arg[2], &a, h->wide || kind == AREA_PHYSICAL ? 8 : 4))
		return -XEN_EFAULT;
	return reg(h->v, v, kind, a);
}

static int64_t register_info(struct hcall *h, struct vcpu *v)
{
	struct vcpu_register_vcpu_info a;

	if (hcall_get(h, h->arg[2], &a, sizeof(a)))
		return -XEN_EFAULT;
	return vcpu_info_register(h->v, v, gfn(a.mfn), a.offset);
}

static int64_t set_singleshot(struct hcall *h, struct vcpu *v)
{
	struct vcpu_set_singleshot_timer a = { 0 };

	if (v != h->v)
		return -XEN_EINVAL;
	if (hcall_get(h, h->arg[2], &a, 12))	/* what both layouts have */
		return -XEN_EFAULT;
	/* VCPU_SSHOTTMR_future is a wish; a past time is raised at once. */
	time_set_singleshot(v, a.timeout_abs_ns);
	return 0;
}

static int64_t stop_singleshot(struct hcall *h, struct vcpu *v)
{
	if (v != h->v)
		return -XEN_EINVAL;
	v->g.singleshot_tsc = 0;
	return 0;
}

static int64_t set_periodic(struct hcall *h, struct vcpu *v)
{
	struct vcpu_set_periodic_timer a;

	if (hcall_get(h, h->arg[2], &a, sizeof(a)))
		return -XEN_EFAULT;
	if (a.period_ns < MIN_PERIOD_NS || a.period_ns > MAX_PERIOD_NS)
		return -XEN_EINVAL;
	time_set_periodic(v, a.period_ns);
	if (v != h->v)
		vcpu_kick(v);
	return 0;
}

int64_t hcall_vcpu_op(struct hcall *h)
{
	struct vcpu *v = domain_vcpu(h->v->d, (uint32_t)h->arg[1]);

	if (!v)
		return -XEN_ENOENT;
	switch ((uint32_t)h->arg[0]) {
	case VCPUOP_initialise:
		return vcpu_initialise(h, v);
	case VCPUOP_up:
		return op_up(v);
	case VCPUOP_down:
		return op_down(h, v);
	case VCPUOP_is_up:
		return READ_ONCE(v->up);
	case VCPUOP_get_runstate_info:
		return get_runstate(h, v);
	case VCPUOP_register_runstate_memory_area:
		return register_area(h, v, runstate_register_area, AREA_LINEAR);
	case VCPUOP_register_runstate_phys_area:
		return register_area(h, v, runstate_register_area, AREA_PHYSICAL);
	case VCPUOP_set_periodic_timer:
		return set_periodic(h, v);
	case VCPUOP_stop_periodic_timer:
		time_set_periodic(v, 0);
		return 0;
	case VCPUOP_set_singleshot_timer:
		return set_singleshot(h, v);
	case VCPUOP_stop_singleshot_timer:
		return stop_singleshot(h, v);
	case VCPUOP_register_vcpu_info:
		return register_info(h, v);
	case VCPUOP_send_nmi:
		if (h->arg[2])
			return -XEN_EINVAL;
		nmi_post(v);
		return 0;
	case VCPUOP_register_vcpu_time_memory_area:
		return register_area(h, v, time_register_area, AREA_LINEAR);
	case VCPUOP_register_vcpu_time_phys_area:
		return register_area(h, v, time_register_area, AREA_PHYSICAL);
	case VCPUOP_get_physid:		/* for dom0's vCPUs, where they are pinned */
		return -XEN_EINVAL;
	default:
		return -XEN_ENOSYS;
	}
}
