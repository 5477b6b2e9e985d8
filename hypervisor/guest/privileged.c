// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls for whoever runs the machine. A guest gets the answers that Xen 4.17 gives an unprivileged PVH guest, in Xen's order: the
 * header of the argument is read, its version looked at, then the caller's right. Nothing behind that is here.
 */
#define __XEN_TOOLS__ 1		/* the versions and command numbers below */
#include "guest/hypercall.h"
#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/platform.h>

#define DM_OP_MAX_BUFS	3	/* Xen's limit; no header names it */

/* domctl, sysctl and platform_op begin alike, in both layouts. */
struct op_head {
	uint32_t cmd, interface_version;
	domid_t	 domain;		/* domctl */
};
_Static_assert(offsetof(struct xen_domctl, domain) == offsetof(struct op_head, domain), "domctl.h");
_Static_assert(offsetof(struct xen_sysctl, interface_version) == offsetof(struct op_head, interface_version), "sysctl.h");
_Static_assert(offsetof(struct xen_platform_op, interface_version) == offsetof(struct op_head, interface_version), "platform.h");

static int64_t refuse(struct hcall *h, uint32_t version, struct op_head *ret)
{
	if (hcall_get(h, h->arg[0], ret, sizeof(*ret)))
		return -XEN_EFAULT;
	return ret->interface_version == version ? -XEN_EPERM : -XEN_EACCES;
}

int64_t hcall_platform_op(struct hcall *h)
{
	struct op_head o;

	return refuse(h, XENPF_INTERFACE_VERSION, &o);
}

int64_t hcall_sysctl(struct hcall *h)
{
	struct op_head o;

	return refuse(h, XEN_SYSCTL_INTERFACE_VERSION, &o);
}

/* Which other domains exist is none of a guest's business; dom0 does. */
int64_t hcall_domctl(struct hcall *h)
{
	struct op_head o;
	int64_t rc = refuse(h, XEN_DOMCTL_INTERFACE_VERSION, &o);

	if (rc == -XEN_EPERM && o.cmd != XEN_DOMCTL_createdomain && o.domain && o.domain != h->v->d->id)
		return -XEN_ESRCH;
	return rc;
}

int64_t hcall_dm_op(struct hcall *h)
{
	domid_t id = (domid_t)h->arg[0];
	uint32_t nr = (uint32_t)h->arg[1];
	char bufs[DM_OP_MAX_BUFS * 16];

	if (nr > DM_OP_MAX_BUFS)
		return -XEN_E2BIG;
	if (hcall_get(h, h->arg[2], bufs, nr * (h->wide ? 16 : 8)))
		return -XEN_EFAULT;
	return !id || is_self(h->v->d, id) ? -XEN_EPERM : -XEN_ESRCH;
}

int64_t hcall_hypfs_op(struct hcall *h)
{
	(void)h;
	return -XEN_EPERM;
}

/* No guest with a local APIC has it, whatever the command. */
int64_t hcall_xenpmu_op(struct hcall *h)
{
	(void)h;
	return -XEN_EOPNOTSUPP;
}
