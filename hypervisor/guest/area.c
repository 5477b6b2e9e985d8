// SPDX-License-Identifier: GPL-2.0-only
#include "guest/area.h"
#include "core/guest_mem.h"

void area_write(const struct guest_area *a, size_t at, const void *img, size_t len)
{
	const char *from = img;

	if (at < a->split)
		memcpy((char *)a->pin[0].va + at, from + at, MIN(len, a->split - at));
	if (at + len > a->split) {
		size_t rest = MAX(at, (size_t)a->split);

		memcpy((char *)a->pin[1].va + (rest - a->split), from + rest, at + len - rest);
	}
}

static int pin_linear(struct vcpu *caller, struct domain *d, gva_t addr, size_t size, struct guest_area *a)
{
	gpa_t g;
	int rc;

	a->split = (uint32_t)MIN(size, PAGE_SIZE - (addr.v & ~PAGE_MASK));
	if (gva_to_gpa(caller, addr, true, &g))
		return -XEN_EFAULT;
	rc = guest_pin(d, g, a->split, &a->pin[0]);
	if (rc || a->split == size)
		return rc;
	if (gva_to_gpa(caller, gva(addr.v + a->split), true, &g))
		rc = -XEN_EFAULT;
	else
		rc = guest_pin(d, g, size - a->split, &a->pin[1]);
	if (rc)
		guest_unpin(d, &a->pin[0]);
	return rc;
}

static int pin_physical(struct domain *d, gpa_t addr, size_t size, struct guest_area *a)
{
	int rc;

	if (size > PAGE_SIZE - (addr.v & ~PAGE_MASK) || !IS_ALIGNED(addr.v, d->g.compat ? 4 : 8))
		return -XEN_ENXIO;
	if (gpa_to_gfn(addr).v > p2m_max_gfn(d))
		return -XEN_EINVAL;
	a->split = (uint32_t)size;
	rc = guest_pin(d, addr, size, &a->pin[0]);
	return rc == -XEN_EFAULT ? -XEN_EINVAL : rc;
}

static void unpin(struct domain *d, struct guest_area *a)
{
	guest_unpin(d, &a->pin[0]);
	guest_unpin(d, &a->pin[1]);
}

int area_register(struct vcpu *caller, struct vcpu *v, struct guest_area a[2], enum guest_area_kind kind, uint64_t addr,
		  size_t size, void (*write)(struct vcpu *v))
{
	struct guest_area new = { 0 }, old;
	int rc = 0;

	if (kind == AREA_LINEAR && addr)
		rc = pin_linear(caller, v->d, gva(addr), size, &new);
	else if (kind == AREA_PHYSICAL && ~addr)
		rc = pin_physical(v->d, gpa(addr), size, &new);
	if (rc)
		return rc;
	spin_lock(&v->d->g.evt.lock);
	old = a[kind];
	a[kind] = new;
	write(v);
	spin_unlock(&v->d->g.evt.lock);
	unpin(v->d, &old);
	return 0;
}

void area_end(struct domain *d, struct guest_area a[2])
{
	unpin(d, &a[AREA_LINEAR]);
	unpin(d, &a[AREA_PHYSICAL]);
}
