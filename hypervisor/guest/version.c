// SPDX-License-Identifier: GPL-2.0-only
/* xen_version: what we claim to be. Guests decide by the feature bits, not by the version. */
#include "guest/hypercall.h"
#include "guest/newer.h"
#include "guest/version.h"
#include <xen/version.h>

#define FEATURES ((1U << XENFEAT_writable_page_tables) | (1U << XENFEAT_auto_translated_physmap) | \
		  (1U << XENFEAT_hvm_callback_vector) | (1U << XENFEAT_hvm_safe_pvclock) | \
		  (1U << XENFEAT_not_direct_mapped) | (1U << XENFEAT_runstate_phys_area) | (1U << XENFEAT_vcpu_time_phys_area))

static int64_t put_text(struct hcall *h, const char *text, size_t room)
{
	char buf[XEN_CAPABILITIES_INFO_LEN] = { 0 };

	memcpy(buf, text, strlen(text));
	return hcall_put(h, h->arg[1], buf, room);
}

static int64_t compile_info(struct hcall *h)
{
	struct xen_compile_info i = { "gcc", "zendo", "", "" };

	return hcall_put(h, h->arg[1], &i, sizeof(i));
}

static int64_t get_features(struct hcall *h)
{
	struct xen_feature_info f;

	if (hcall_get(h, h->arg[1], &f, sizeof(f)))
		return -XEN_EFAULT;
	if (f.submap_idx >= XENFEAT_NR_SUBMAPS)
		return -XEN_EINVAL;
	f.submap = FEATURES;
	return hcall_put(h, h->arg[1], &f, sizeof(f));
}

static int64_t platform_parameters(struct hcall *h)
{
	uint64_t virt_start = 0;

	return hcall_put(h, h->arg[1], &virt_start, h->wide ? 8 : 4);
}

int64_t hcall_xen_version(struct hcall *h)
{
	switch ((uint32_t)h->arg[0]) {
	case XENVER_version:
		return XEN_VERSION;
	case XENVER_extraversion:
		return put_text(h, ".0-zendo", XEN_EXTRAVERSION_LEN);
	case XENVER_compile_info:
		return compile_info(h);
	case XENVER_capabilities:
		return put_text(h, "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ", XEN_CAPABILITIES_INFO_LEN);
	case XENVER_changeset:
		return put_text(h, "unavailable", XEN_CHANGESET_INFO_LEN);
	case XENVER_platform_parameters:
		return platform_parameters(h);
	case XENVER_get_features:
		return get_features(h);
	case XENVER_pagesize:
		return h->arg[1] ? -XEN_EINVAL : (int64_t)PAGE_SIZE;
	case XENVER_guest_handle:
		return hcall_put(h, h->arg[1], h->v->d->uuid, sizeof(h->v->d->uuid));
	case XENVER_commandline:
		return -XEN_EPERM;
	case XENVER_build_id:
		return -XEN_ENODATA;
	default:
		return -XEN_ENOSYS;
	}
}
