/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hvpriv.ko will give to backends in the kernel (hvblkback.ko, hvnetback.ko).
 *
 * IMPLEMENTED SO FAR: peers (but HV_DETACH_KEEP), grants (version 1, no dirty log), rings, events; /dev/hvevtchn and /dev/hvgntdev
 * stand on them. Workers and news are declarations, reviewed before the code behind them. What exists is exported (GPL).
 *
 * The rules that all of it follows:
 *
 *  - Nothing on the data path is a hypercall (architecture, decision 6). Getting a grant is a pin
 *    count, one compare-and-swap on the grant entry, a look-up in the domain's gfn table, a page
 *    reference and a second look-up. Raising an event is one bit and at most one IPI or wake-up.
 *  - A page lives as long as its reference count (F4). hv_grant_put() drops the backend's; a bio or skb
 *    may hold its own for longer, and then the page goes home later, counted as pages_out.
 *  - A guest may change what it granted at any time. Copy requests out of the ring once, check the copy,
 *    use the copy. Packet headers are copied before anything judges them (F27); a device that
 *    computes checksums over data in flight gets a bounce page (F26).
 *  - No peer keeps its domain alive. When the domain dies, gone() is called, and every call here
 *    returns -ESHUTDOWN from then on; hv_grant_put() and hv_event_unbind() still work.
 *  - Work is done by threads that the domain's runner lends (F28): its cgroup, its blkcg, its kill.
 *
 * Words are Xen's: grant reference, event channel port, gfn. Calls may sleep unless they say not.
 */
#ifndef HVPRIV_BACKEND_H
#define HVPRIV_BACKEND_H

#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/types.h>

struct hv_peer;
struct hv_event;
struct hv_workers;

/* ---- peers -------------------------------------------------------------------------------- */

/**
 * struct hv_peer_ops - what a backend is told about the domain it serves
 * @gone: The domain dies. Called once, in process context, before its memory is taken back; the
 *	backend stops its rings. It must touch no user memory. Grants it still holds delay only their own pages. No call with this
 *	peer but hv_grant_put(), hv_event_unbind(), hv_ring_unmap() and hv_peer_close() afterwards.
 */
struct hv_peer_ops {
	void (*gone)(struct hv_peer *peer, void *priv);
};

/**
 * hv_peer_open() - begin to serve a domain
 * @domid: the frontend's domain
 * @ops: callbacks, or NULL: the calls' -ESHUTDOWN is all it needs to know
 * @priv: given to them
 *
 * Return: the peer, or ERR_PTR: -ESRCH no such domain, -ESHUTDOWN it is dying.
 */
struct hv_peer *hv_peer_open(u32 domid, const struct hv_peer_ops *ops, void *priv);

/**
 * enum hv_detach - how a peer is given up
 * @HV_DETACH_CLOSE: ports are closed, as when the backend is gone for good
 * @HV_DETACH_KEEP: the module is reloaded under a live frontend (F29). Rings must be drained and every
 *	grant put before. Ports stay bound; what the guest signals meanwhile is delivered to the next
 *	hv_event_bind() of the same port. The next backend starts with req_cons = rsp_prod.
 */
enum hv_detach {
	HV_DETACH_CLOSE,
	HV_DETACH_KEEP,
};

/**
 * hv_peer_close() - serve the domain no more
 *
 * All grants, rings and events of @peer are released before. gone() is not running and will not run
 * when it returns.
 */
void hv_peer_close(struct hv_peer *peer, enum hv_detach how);

u32 hv_peer_domid(const struct hv_peer *peer);

/* ---- grants ---------------------------------------------------------------------------------- */

/**
 * struct hv_grant - one grant that is held
 * @page: the guest's page, with a reference; kernel address by kmap_local_page()
 * @ref: grant reference, set by the caller before hv_grant_get()
 * @write: wanted right, set by the caller; a read-only grant refuses it
 * @offset: first byte the guest granted (0 but for v2 sub-page grants)
 * @len: bytes from there
 *
 * Everything but @ref and @write is hvpriv's.
 */
struct hv_grant {
	struct page *page;
	u32 ref;
	bool write;
	u16 offset, len;
};

/**
 * hv_grant_get() - pin grants of a peer, without a hypercall
 * @peer: who granted
 * @g: @nr of them
 * @nr: 1 or more
 *
 * All or none. Does not sleep.
 *
 * Return: 0; -EINVAL a reference is out of range; -EACCES not granted to dom0, or read-only and
 * wanted for writing; -EAGAIN the guest changed the entry again and again (Xen's
 * GNTST_general_error); -ENXIO the granted gfn is no RAM; -EBUSY 65,535 pins of this reference; -ENOMEM; -ESHUTDOWN.
 */
int hv_grant_get(struct hv_peer *peer, struct hv_grant *g, unsigned int nr);

/**
 * hv_grant_put() - let grants go
 * @peer: who granted
 * @g: @nr of them, from hv_grant_get()
 * @nr: 1 or more
 * @written: whether anybody may have written through them, by CPU or device. While the domain is being
 *	saved or migrated this marks the pages dirty (F24): guest page tables know nothing of
 *	dom0's writes. Grants got without @write cannot have been.
 *
 * The entries' reading/writing bits are cleared when their last pin goes. Before the response is
 * produced, or the frontend finds its page still in use. Does not sleep; any context.
 */
void hv_grant_put(struct hv_peer *peer, struct hv_grant *g, unsigned int nr, bool written);

/**
 * struct hv_copy - one piece of a copy between a granted page and dom0's memory
 * @ref: grant reference
 * @offset: in the granted page
 * @len: bytes; offset + len <= 4096
 * @to_guest: direction; marks the page dirty
 * @page: dom0's page, or another guest's that is held (frag to frag, F27)
 * @page_offset: in @page
 * @result: 0 or as hv_grant_get(), set by hv_grant_copy()
 */
struct hv_copy {
	u32 ref;
	u16 offset, len;
	bool to_guest;
	struct page *page;
	u16 page_offset;
	s16 result;
};

/**
 * hv_grant_copy() - copy, holding each grant only as long as it takes
 *
 * Every piece is tried. Does not sleep. Return: number of pieces that failed.
 */
unsigned int hv_grant_copy(struct hv_peer *peer, struct hv_copy *c, unsigned int nr);

/* ---- rings ------------------------------------------------------------------------------------ */

#define HV_RING_MAX_PAGES	16

/**
 * struct hv_ring - shared ring pages, mapped one after the other
 * @va: kernel address
 * @nr: pages
 * @g: their grants, held for write
 *
 * Rings are always counted as dirty: they go out in the last round of a migration.
 */
struct hv_ring {
	void *va;
	unsigned int nr;
	struct hv_grant g[HV_RING_MAX_PAGES];
};

/**
 * hv_ring_map() - map a ring the frontend published
 * @refs: grant references in order
 * @nr: a power of two up to HV_RING_MAX_PAGES
 * @ring: filled on success
 *
 * Return: 0, or as hv_grant_get(), -ENOMEM.
 */
int hv_ring_map(struct hv_peer *peer, const u32 *refs, unsigned int nr, struct hv_ring *ring);
void hv_ring_unmap(struct hv_peer *peer, struct hv_ring *ring);

/* ---- events ------------------------------------------------------------------------------------ */

/**
 * hv_event_bind() - bind to a port that the guest offers to dom0
 * @port: the guest's port, from xenstore
 * @fn: called when the guest signals it, by the vCPU's thread, and once before this returns: the guest may have signalled when
 *	nobody heard. Under a spinlock: it must not sleep. Usually hv_work_queue().
 * @arg: given to it
 *
 * This one is a hypercall: ports are bound at connect time, not on the data path.
 *
 * Return: the event, or ERR_PTR: -EINVAL, -ENOSPC (2048 per domain), -ESHUTDOWN.
 */
struct hv_event *hv_event_bind(struct hv_peer *peer, u32 port, void (*fn)(void *arg), void *arg);

/* hv_event_unbind() - fn is not running and will not run when it returns. Not from @fn or gone(). */
void hv_event_unbind(struct hv_event *event);

/**
 * hv_event_post() - raise the port in the guest
 *
 * A bit in the posted page of the vCPU it is bound to; then one IPI if that runs, one wake-up if it
 * sleeps, nothing if the bit was set already. Any context but NMI.
 */
void hv_event_post(struct hv_event *event);

/* ---- workers ------------------------------------------------------------------------------------ */

/**
 * struct hv_work - something for a lent thread to do
 * @fn: the work; may sleep, must end when signal_pending()
 * @node: private
 *
 * Queued at most once at a time; may be queued again by its own @fn.
 */
struct hv_work {
	void (*fn)(struct hv_work *work);
	struct list_head node;
};

struct hv_workers *hv_workers_alloc(void);

/* hv_workers_free() - every lent thread has gone home, and what was queued has been done or dropped */
void hv_workers_free(struct hv_workers *w);

/**
 * hv_workers_lend() - the calling thread does work until it is no longer wanted
 *
 * Behind the backend device's HVBACK_WORK ioctl: the thread is zendo-run's, so what it does is on the
 * domain's bill and ends with it. Several threads may be lent at once.
 *
 * Return: 0 after hv_workers_stop(), -ERESTARTSYS on a signal.
 */
int hv_workers_lend(struct hv_workers *w);

/* hv_workers_stop() - send the lent threads home */
void hv_workers_stop(struct hv_workers *w);

/* hv_work_queue() - any context. Return: whether it was not queued already. */
bool hv_work_queue(struct hv_workers *w, struct hv_work *work);

/* ---- news ---------------------------------------------------------------------------------------- */

/**
 * hv_backend_event() - tell netlink's listeners: HVPRIV_CMD_ATTACHED or _DETACHED
 * @device: "vbd-<domid>-<devid>", "vif-<domid>-<devid>"
 */
void hv_backend_event(struct hv_peer *peer, bool attached, const char *device);

#endif /* HVPRIV_BACKEND_H */
