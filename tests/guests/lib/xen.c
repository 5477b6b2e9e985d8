// SPDX-License-Identifier: GPL-2.0-only
/* Finding Xen's interface and calling it. */
#include "guest.h"

uint32_t xen_base, xen_max_leaf;
bool cpu_is_amd;
hypercall_fn *hypercall_via = hypercall_vmcall;

void xen_init(void)
{
	uint32_t r[4], leaf;

	/* The instruction follows the vendor string, as Linux does it, not what the CPU might accept. */
	cpuid(0, 0, r);
	cpu_is_amd = (r[1] == 0x68747541 && r[3] == 0x69746e65 && r[2] == 0x444d4163) ||	/* AuthenticAMD */
		     (r[1] == 0x6f677948 && r[3] == 0x6e65476e && r[2] == 0x656e6975);	/* HygonGenuine */
	hypercall_via = cpu_is_amd ? hypercall_vmmcall : hypercall_vmcall;

	cpuid(1, 0, r);
	if (!(r[2] >> 31))
		return;
	for (leaf = 0x40000000; leaf < 0x40010000; leaf += 0x100) {
		cpuid(leaf, 0, r);
		if (r[1] == 0x566e6558 && r[2] == 0x65584d4d && r[3] == 0x4d4d566e && r[0] - leaf >= 2) {
			xen_base = leaf;
			xen_max_leaf = r[0];
			return;
		}
	}
}

bool hypercall_page_install(void)
{
	uint32_t r[4];

	cpuid(xen_base + 2, 0, r);
	if (r[0] < 1 || !wrmsr_safe(r[1], (uintptr_t)hypercall_page))
		return false;
	hypercall_via = hypercall_by_page;
	return true;
}

long hvm_param_get(unsigned int index, uint64_t *ret_value)
{
	struct xen_hvm_param p = { .domid = DOMID_SELF, .index = index };
	long r = hvm_op(HVMOP_get_param, &p);

	if (!r)
		*ret_value = p.value;
	return r;
}

long hvm_param_set(unsigned int index, uint64_t value)
{
	struct xen_hvm_param p = { .domid = DOMID_SELF, .index = index, .value = value };

	return hvm_op(HVMOP_set_param, &p);
}

long add_to_physmap(unsigned int space, unsigned long idx, xen_pfn_t gpfn)
{
	struct xen_add_to_physmap a = { .domid = DOMID_SELF, .space = space, .idx = idx, .gpfn = gpfn };

	return memory_op(XENMEM_add_to_physmap, &a);
}
