// SPDX-License-Identifier: GPL-2.0-only
#include "guest/hypercall.h"
#include "guest/event_channel.h"
#include "guest/guest.h"
#include "guest/lapic.h"
#include "guest/time.h"
#include <xen/trace.h>
#include <xen/hvm/hvm_op.h>

#define PARAM_READ	1
#define PARAM_WRITE	2
#define FIRST_VECTOR	16

/* What the guest may do with each parameter; dom0 may do everything. */
static const uint8_t guest_may[HVM_NR_PARAMS] = {
	[HVM_PARAM_CALLBACK_IRQ]	= PARAM_READ | PARAM_WRITE,
	[HVM_PARAM_STORE_PFN]		= PARAM_READ,
	[HVM_PARAM_STORE_EVTCHN]	= PARAM_READ | PARAM_WRITE,
	[HVM_PARAM_VM86_TSS]		= PARAM_READ | PARAM_WRITE,
	[HVM_PARAM_CONSOLE_PFN]		= PARAM_READ,
	[HVM_PARAM_CONSOLE_EVTCHN]	= PARAM_READ | PARAM_WRITE,
	[HVM_PARAM_VM_GENERATION_ID_ADDR] = PARAM_READ | PARAM_WRITE,
	[HVM_PARAM_ALTP2M]		= PARAM_READ,
	[HVM_PARAM_X87_FIP_WIDTH]	= PARAM_READ | PARAM_WRITE,
	[HVM_PARAM_VM86_TSS_SIZED]	= PARAM_READ | PARAM_WRITE,
};

/*
 * Type 2: a vector injected while the upcall byte is set (guest-abi 7.4 A). Other types name a GSI or INTx
 * line, which no PVH machine has: accepted without effect, guests that use per-vCPU vectors say "1".
 */
static void set_callback(struct domain *d, uint64_t value)
{
	uint8_t type = value >> 56;
	uint8_t vector = (uint8_t)value;

	WRITE_ONCE(d->g.callback_vector, type == HVM_PARAM_CALLBACK_TYPE_VECTOR && vector >= FIRST_VECTOR ? vector : 0);
	for (uint32_t i = 0; i < d->max_vcpus; i++)
		if (domain_vcpu(d, i) && upcall_pending(domain_vcpu(d, i)))
			vcpu_kick(domain_vcpu(d, i));
}

static void param_set(struct domain *d, uint32_t index, uint64_t value)
{
	WRITE_ONCE(d->g.param[index], value);
	if (index == HVM_PARAM_CALLBACK_IRQ)
		set_callback(d, value);
}

int64_t guest_param_call(struct domain *d, uint32_t index, uint64_t value, bool set)
{
	if (index >= HVM_NR_PARAMS)
		return -XEN_EINVAL;
	if (!set)
		return (int64_t)READ_ONCE(d->g.param[index]);
	param_set(d, index, value);
	return 0;
}

static int64_t param_op(struct hcall *h, uint8_t right)
{
	struct xen_hvm_param p;
	struct domain *d = h->v->d;
	int rc;

	if (hcall_get(h, h->arg[1], &p, sizeof(p)))
		return -XEN_EFAULT;
	if (p.index >= HVM_NR_PARAMS)
		return -XEN_EINVAL;
	rc = only_self(d, p.domid);
	if (rc)
		return rc;
	if (!(guest_may[p.index] & right))
		return -XEN_EPERM;
	if (right == PARAM_READ) {
		p.value = READ_ONCE(d->g.param[p.index]);
		return hcall_put(h, h->arg[1], &p, sizeof(p));
	}
	if (p.index == HVM_PARAM_CALLBACK_IRQ)
		guest_latch_width(d, h->wide);
	param_set(d, p.index, p.value);
	return 0;
}

static int64_t set_upcall_vector(struct hcall *h)
{
	struct xen_hvm_evtchn_upcall_vector a;
	struct vcpu *v;

	if (hcall_get(h, h->arg[1], &a, sizeof(a)))
		return -XEN_EFAULT;
	if (a.vector < FIRST_VECTOR)
		return -XEN_EINVAL;
	v = domain_vcpu(h->v->d, a.vcpu);
	if (!v)
		return -XEN_ENOENT;
	WRITE_ONCE(v->g.upcall_vector, a.vector);
	smp_mb();	/* with upcall_mark(): either it sees the vector or we see the byte */
	if (upcall_pending(v))
		lapic_post(v, a.vector);
	return 0;
}

static int64_t get_mem_type(struct hcall *h)
{
	struct xen_hvm_get_mem_type a;
	int rc;

	if (hcall_get(h, h->arg[1], &a, sizeof(a)))
		return -XEN_EFAULT;
	rc = only_self(h->v->d, a.domid);
	if (rc)
		return rc;
	a.mem_type = a.pfn <= p2m_max_gfn(h->v->d) && p2m_lookup(h->v->d, gfn(a.pfn)).type != P2M_NONE
		   ? HVMMEM_ram_rw : HVMMEM_mmio_dm;
	return hcall_put(h, h->arg[1], &a, sizeof(a));
}

/* A hint for shadow page tables: Xen refuses it, too, where it has nested paging. */
static int64_t pagetable_dying(struct hcall *h)
{
	struct xen_hvm_pagetable_dying a;

	if (hcall_get(h, h->arg[1], &a, sizeof(a)))
		return -XEN_EFAULT;
	return is_self(h->v->d, a.domid) ? -XEN_EINVAL : a.domid ? -XEN_ESRCH : -XEN_EOPNOTSUPP;
}

static int64_t get_time(struct hcall *h)
{
	struct xen_hvm_get_time a = { .now = time_now(h->v->d) };

	return hcall_put(h, h->arg[1], &a, sizeof(a));
}

/* Nobody traces a guest's own records: like a Xen whose trace buffers are off. */
static int64_t xentrace(struct hcall *h)
{
	struct xen_hvm_xentrace a;

	if (hcall_get(h, h->arg[1], &a, sizeof(a)))
		return -XEN_EFAULT;
	return a.extra_bytes > sizeof(a.extra) || (a.event & ~((1U << TRC_SUBCLS_SHIFT) - 1)) ? -XEN_EINVAL : 0;
}

int64_t hcall_hvm_op(struct hcall *h)
{
	switch (h->arg[0]) {
	case HVMOP_set_param:
		return param_op(h, PARAM_WRITE);
	case HVMOP_get_param:
		return param_op(h, PARAM_READ);
	case HVMOP_flush_tlbs:
		if (h->arg[1])
			return -XEN_EINVAL;
		domain_flush_tlb(h->v->d);
		return 0;
	case HVMOP_get_mem_type:
		return get_mem_type(h);
	case HVMOP_set_evtchn_upcall_vector:
		return set_upcall_vector(h);
	case HVMOP_pagetable_dying:
		return pagetable_dying(h);
	case HVMOP_get_time:
		return get_time(h);
	case HVMOP_xentrace:
		return xentrace(h);
	case HVMOP_guest_request_vm_event:	/* for a monitor; there is none */
		return h->arg[1] ? -XEN_EINVAL : 0;
	case HVMOP_altp2m:
		return -XEN_EOPNOTSUPP;
	default:
		return -XEN_ENOSYS;
	}
}
