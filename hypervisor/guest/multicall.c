// SPDX-License-Identifier: GPL-2.0-only
/*
 * multicall: a list of hypercalls. It does not nest. Progress is kept in the caller's registers
 * (list and count move on), so the instruction can restart at any entry; an entry that is itself
 * unfinished has its arguments written back first.
 */
#include "guest/hypercall.h"
#include "guest/compat.h"

#define BATCH	8	/* entries, each of which may be a full unit of work */

static int entry_get(struct hcall *h, uint64_t ptr, struct multicall_entry *e)
{
	struct compat_multicall_entry c;
	int rc;

	if (h->wide)
		return hcall_get(h, ptr, e, sizeof(*e));
	rc = hcall_get(h, ptr, &c, sizeof(c));
	if (rc)
		return rc;
	e->op = c.op;
	e->result = 0;
	for (int i = 0; i < 6; i++)
		e->args[i] = c.args[i];
	return 0;
}

static int entry_put(struct hcall *h, uint64_t ptr, const struct multicall_entry *e)
{
	struct compat_multicall_entry c = { (uint32_t)e->op, (uint32_t)e->result, { 0 } };

	if (h->wide)
		return hcall_put(h, ptr, e, sizeof(*e));
	for (int i = 0; i < 6; i++)
		c.args[i] = (uint32_t)e->args[i];
	return hcall_put(h, ptr, &c, sizeof(c));
}

/* One entry. @ret_done: it is finished and its result is stored. */
static int64_t run_entry(struct hcall *h, uint64_t ptr, bool *ret_done)
{
	struct hcall in = { .v = h->v, .wide = h->wide, .next = NEXT_RESUME };
	struct multicall_entry e;
	int64_t rc;

	*ret_done = false;
	if (entry_get(h, ptr, &e))
		return -XEN_EFAULT;
	memcpy(in.arg, e.args, sizeof(in.arg));
	rc = e.op == __HYPERVISOR_multicall ? -XEN_EINVAL : hcall_dispatch(&in, e.op);
	if (rc == -XEN_ENOMEM && !h->v->g.asked) {
		h->need_ram = in.need_ram;
		return rc;
	}
	h->v->g.asked = false;
	h->next = in.next;
	if (in.restart)
		memcpy(e.args, in.arg, sizeof(in.arg));
	else
		e.result = (xen_ulong_t)rc;
	if (entry_put(h, ptr, &e))
		return -XEN_EFAULT;
	*ret_done = !in.restart;
	return 0;
}

int64_t hcall_multicall(struct hcall *h)
{
	uint64_t size = h->wide ? sizeof(struct multicall_entry) : sizeof(struct compat_multicall_entry);

	for (int i = 0; i < BATCH && h->arg[1]; i++) {
		bool done;
		int64_t rc = run_entry(h, h->arg[0], &done);

		/* Missing pages: what came before is done, so the list goes on from this entry. */
		if (rc == -XEN_ENOMEM && i) {
			h->restart = true;
			return 0;
		}
		if (rc)
			return rc;
		if (done) {
			h->arg[0] += size;
			h->arg[1]--;
		}
		/* Something for dom0, or an unfinished entry: the rest comes after it. */
		if (h->next != NEXT_RESUME || !done || !h->v->told_dom0)
			break;
	}
	h->restart = h->arg[1] != 0;
	return 0;
}
