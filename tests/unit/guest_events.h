/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of event channels share: a domain of four vCPUs and short forms of its calls. */
#ifndef GUEST_EVENTS_H
#define GUEST_EVENTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fake_core.h"
#include "guest/compat.h"
#include "guest/event_channel.h"
#include <xen/hvm/hvm_op.h>
#include <xen/sched.h>
#define ARG	0x10ffc		/* across a page */
#define VECTOR	0xf3

static __attribute__((unused)) int start(void **state) { (void)state; fake_start(4); return 0; }
static __attribute__((unused)) int stop(void **state) { (void)state; fake_stop(); return 0; }

static __attribute__((unused)) struct shared_info *shared(void)
{
	return fake.d->g.shared;
}

static __attribute__((unused)) int64_t evtchn(struct vcpu *v, uint32_t cmd, void *arg, size_t len)
{
	int64_t rc;

	fake_write(ARG, arg, len);
	rc = fake_call(v, __HYPERVISOR_event_channel_op, cmd, ARG, 0);
	fake_read(ARG, arg, len);
	return rc;
}
#define EVTCHN(v, op, arg) evtchn(v, EVTCHNOP_##op, arg, sizeof(*(arg)))

static __attribute__((unused)) uint32_t bind_ipi(uint32_t vcpu)
{
	struct evtchn_bind_ipi a = { .vcpu = vcpu };

	assert_int_equal(EVTCHN(fake_vcpu(0), bind_ipi, &a), 0);
	return a.port;
}

static __attribute__((unused)) uint32_t bind_virq(uint32_t virq, uint32_t vcpu)
{
	struct evtchn_bind_virq a = { .virq = virq, .vcpu = vcpu };

	assert_int_equal(EVTCHN(fake_vcpu(0), bind_virq, &a), 0);
	return a.port;
}

static __attribute__((unused)) uint32_t alloc_unbound(domid_t remote)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = remote };

	assert_int_equal(EVTCHN(fake_vcpu(0), alloc_unbound, &a), 0);
	return a.port;
}

static __attribute__((unused)) int64_t send_port(struct vcpu *v, uint32_t port)
{
	struct evtchn_send a = { port };

	return EVTCHN(v, send, &a);
}

static __attribute__((unused)) int64_t close_port(uint32_t port)
{
	struct evtchn_close a = { port };

	return EVTCHN(fake_vcpu(0), close, &a);
}

static __attribute__((unused)) struct evtchn_status status(uint32_t port)
{
	struct evtchn_status s = { .dom = DOMID_SELF, .port = port };

	assert_int_equal(EVTCHN(fake_vcpu(0), status, &s), 0);
	return s;
}

static __attribute__((unused)) void set_callback(void)
{
	assert_int_equal(guest_param_call(fake.d, HVM_PARAM_CALLBACK_IRQ, 2ULL << 56 | VECTOR, true), 0);
}

static __attribute__((unused)) void post_in(uint32_t vcpu, uint32_t handle)
{
	struct zendo_posted *in = &fake_vcpu(vcpu)->posted->in;

	test_and_set_bit(handle, in->word);
	test_and_set_bit(handle / 64, &in->summary);
}

static __attribute__((unused)) bool taken_out(uint32_t vcpu, uint32_t handle)
{
	struct zendo_posted *out = &fake_vcpu(vcpu)->posted->out;

	return test_and_clear_bit(handle, out->word) && test_and_clear_bit(handle / 64, &out->summary);
}

static __attribute__((unused)) int64_t register_info(struct vcpu *caller, uint32_t vcpu, uint64_t gfn_, uint32_t offset)
{
	struct vcpu_register_vcpu_info a = { .mfn = gfn_, .offset = offset };

	fake_write(ARG, &a, sizeof(a));
	return fake_call(caller, __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, vcpu, ARG);
}

#endif
