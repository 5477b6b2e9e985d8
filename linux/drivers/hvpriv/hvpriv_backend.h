/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hvpriv.ko gives to backends in the kernel (hvblkback.ko, hvnetback.ko). docs/backends.md draws a device's life.
 *
 * Not yet: grants of parts of a page (version 2) are refused with -EACCES.
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

#include <linux/device.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/types.h>
#include <uapi/linux/hvback.h>

struct file;
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
 * hv_peer_close() - serve the domain no more
 *
 * All grants, rings and events of @peer are released before. gone() is not running and will not run
 * when it returns.
 */
void hv_peer_close(struct hv_peer *peer);

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
 * @written: whether anybody may have written through them, by CPU or device. While somebody asks (HVPRIV_DOM_DIRTY: the domain is being
 *	saved or migrated) this marks the pages dirty (F24): guest page tables know nothing of
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
 *	nobody heard. Under a spinlock: it must not sleep. Usually hv_work_queue(): a lent thread may be at that work before the
 *	caller has stored the event, so the work looks whether connect() is through, and connect() queues it at its end.
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
 * @fn: the work; may sleep
 * @prompt: it waits for nothing but memory when @by_vcpu says so: then the thread of the vCPU that signalled may do it. Set it before
 *	the work is queued for the first time
 * @by_vcpu: for @fn: the guest waits meanwhile
 * @left: private: to a vCPU's thread, no other was woken for it
 * @node: private
 * @state: private
 * @cpu: private
 *
 * Never runs on two threads at once. Queued while it runs it runs once more, behind what the domain's other devices have
 * queued: so a busy ring does a bounded piece, queues itself again and returns.
 */
struct hv_work {
	void (*fn)(struct hv_work *work);
	bool prompt, by_vcpu, left;
	struct list_head node;
	unsigned int state, cpu;
};

void hv_work_init(struct hv_work *work, void (*fn)(struct hv_work *work));

/*
 * hv_work_queue() - for the threads that the domain's runner lends (HVPRIV_DOM_LEND), or for the vCPU's that signalled (@prompt)
 *
 * So it is on the domain's bill: its cgroup, its blkcg, its kill (F28). Any context but NMI; not after the device's remove().
 */
void hv_work_queue(struct hv_workers *w, struct hv_work *work);

/*
 * hv_work_cancel() - @work is neither queued nor running when it returns. Sleeps. Not from its own fn.
 *
 * Who queues it meanwhile is not heard; afterwards it can be queued again, so before it is freed nobody may be left who does.
 */
void hv_work_cancel(struct hv_workers *w, struct hv_work *work);

/* ---- devices and drivers --------------------------------------------------------------------------- */

/**
 * struct hvback_device - a device of a guest, on the bus "hvback"
 * @dev: dev_name() is "vbd-1-51712"
 * @id: class, domain, number
 * @peer: whose grants and ports it uses
 * @workers: of the domain
 * @target: what is served, or NULL: held with its claim (O_EXCL) as long as the device exists
 * @conf: settings, as the class defines them; @conf_len bytes; a private copy
 * @conn: what the frontend published, valid from connect() until after disconnect(); a private copy
 *
 * The driver's data: dev_set_drvdata().
 */
struct hvback_device {
	struct device dev;
	struct hvback_id id;
	struct hv_peer *peer;
	struct hv_workers *workers;
	struct file *target;
	void *conf;
	u32 conf_len;
	const struct hvback_connection *conn;
};
#define to_hvback_device(d) container_of(d, struct hvback_device, dev)

struct hvback_connection {
	u32 nr_queues;			/* 1 to HVBACK_MAX_QUEUES */
	u32 protocol;			/* HVBACK_PROTO_* */
	u64 features;
	struct hvback_queue queue[];	/* nr_refs is 0 or a power of two up to HVBACK_MAX_RING_PAGES; the rest is not judged */
};

/**
 * struct hvback_driver - what serves a class; one per module
 * @class: "vbd"
 * @probe: the device is new, or the module is: look at @conf and @target. No frontend yet; connect() follows when there is one.
 * @remove: the opposite. A connected device was disconnected before.
 * @connect: map rings, bind ports, serve: all queues or none. A ring may be one that was served before (module reload): it starts
 *	with req_cons = rsp_prod.
 * @disconnect: stop, end what is in flight (requests already taken are answered where the guest lives), unbind, unmap. When it
 *	returns no grant of the guest is held but by pages in somebody else's bio or skb.
 * @set: change something (HVBACK_SET); may be NULL
 * @info: what goes into the store (HVBACK_INFO); @blob has HVBACK_BLOB_MAX zeroed bytes. Return: bytes, or -errno.
 *
 * All are called in process context, one at a time for each device, with no lock but the device's; they may sleep. On errors they
 * give a sentence for the user by hvback_reason(). The death of the domain is disconnect() and remove(), with every call here
 * answering -ESHUTDOWN and no thread lent any more.
 */
struct hvback_driver {
	struct device_driver driver;
	const char *class;
	int (*probe)(struct hvback_device *dev);
	void (*remove)(struct hvback_device *dev);
	int (*connect)(struct hvback_device *dev, const struct hvback_connection *conn);
	void (*disconnect)(struct hvback_device *dev);
	int (*set)(struct hvback_device *dev, u32 what, const void *blob, u32 len);
	int (*info)(struct hvback_device *dev, void *blob);
};

/* MODULE_ALIAS("hvback:vbd") in the module lets it be loaded on demand. */
int hvback_register(struct hvback_driver *drv, struct module *owner);
void hvback_unregister(struct hvback_driver *drv);

/* Why a callback fails: the first sentence that one says is what the user reads. Return: @err. Only inside callbacks. */
__printf(3, 4) int hvback_reason(struct hvback_device *dev, int err, const char *fmt, ...);

/**
 * hvback_broken() - the frontend broke the protocol
 *
 * The device stops by itself: disconnect() comes soon, from a worker of the kernel; state BROKEN, one line in the log, a uevent
 * with the reason. Any context but NMI; only the first one counts until the next connect().
 */
__printf(2, 3) void hvback_broken(struct hvback_device *dev, const char *fmt, ...);

#endif /* HVPRIV_BACKEND_H */
