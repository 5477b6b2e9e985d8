/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Domains and vCPUs as hvpriv knows them. Locks and lifetimes: docs/locking.md.
 */
#ifndef HVPRIV_DOMAIN_H
#define HVPRIV_DOMAIN_H

#include <linux/completion.h>
#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/rcuwait.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <uapi/linux/hvpriv.h>
#include <zendo/abi.h>

#include "workers.h"

struct eventfd_ctx;
struct file;
struct hv_dirty_map;
struct hv_domain;

/*
 * Memory of a domain, memory.c. Frames are donated in blocks of 2 MiB where that is possible and
 * singly elsewhere; each is found by host frame when it comes back. Where the guest has it now, the hypervisor's
 * table says (gfn_table.h).
 */
struct hv_memory {
	struct xarray pfn_blocks;	/* pfn >> 9 -> struct hv_block */
	struct xarray pfn_pages;	/* pfn -> HV_HERE, single ones */
	struct list_head table_pages;	/* of the gfn table, by page->lru: the hypervisor holds them */
	u64 nr_table;
	u64 nr_blocks, nr_single;
	u64 nr_ram;			/* 4 KiB frames of type RAM */
	u64 nr_frames;			/* all frames donated and not given up */
	u64 max_pages;
};

/*
 * Grants to dom0 that are in use, grant.c: by reference, a page for each 256 of them from the first use on.
 */
struct hv_active {
	struct page *page;		/* NULL: not in use; each pin has a reference of its own */
	u32 gfn;			/* where it was the guest's */
	u16 readers, writers;
};

#define HV_ACTIVE_PAGES	128

struct hv_grants {
	spinlock_t lock;		/* all of it, and ->grant_page->pinned; any context but NMI */
	struct hv_active *active[HV_ACTIVE_PAGES];
	u32 nr_pages;
	u32 version;			/* of the table, while anything is pinned */
	struct hv_dirty_map *dirty;	/* who lets go marks what was written; NULL: nobody asks. Changed under the domain's lock, too */
};

enum hv_end {
	HV_END_NONE,
	HV_END_SHUTDOWN,		/* the guest said so: end_code = SHUTDOWN_* */
	HV_END_CRASH,			/* it cannot go on: end_code = enum zendo_crash_reason */
	HV_END_KILLED,			/* HVPRIV_DOM_KILL */
};

/* A port that dom0 is bound to: of a domain's descriptor (eventfd) or of a peer (fn). */
struct hv_port {
	u32 port, handle;
	struct eventfd_ctx *eventfd;	/* or NULL */
	void (*fn)(void *arg);		/* or NULL */
	void *arg;
};

struct hv_vcpu {
	struct hv_domain *domain;
	u32 id;

	struct zendo_run_page *run;	/* shared with the hypervisor */
	struct zendo_posted_page *posted;

	/* held by the thread inside HVPRIV_VCPU_RUN; trylock, else -EBUSY */
	struct mutex run_lock;
	struct task_struct __rcu *task;	/* that thread; cleared before run_lock is released */

	/* by any, READ_ONCE/WRITE_ONCE: */
	bool kicked;			/* HVPRIV_VCPU_KICK: RUN returns -EINTR once */
	bool wake;			/* something happened since the last entry: do not sleep */
	bool sleeping;

	/* under run_lock: */
	struct hrtimer timer;
	int timer_cpu;			/* where it was started */
	struct hvpriv_run out;		/* what RUN answers */
	struct hv_idler idler;
	u64 halt_poll_ns;		/* current window, adaptive */
	u32 text_pos, text_len;		/* of run->io, not yet told to user space */
	u64 halts, interrupts, events_out;
	atomic64_t events_in;
};

struct hv_domain {
	struct kref ref;		/* descriptors: domain's and vCPUs' (mappings hold the first) */
	u32 domid;
	u32 max_vcpus;
	bool xapic;
	char name[HVPRIV_NAME_LEN];	/* written under domains_lock and name_lock, read under either */
	spinlock_t name_lock;
	u8 uuid[16];
	u64 created_ns;
	struct pid *owner;

	/* shared with the hypervisor, one page each */
	u16 *evt_hint;
	struct zendo_gfn_root *gfn_root;
	struct zendo_grant_page *grant_page;

	struct mutex lock;		/* memory, ports, vCPU creation */
	struct hv_memory mem;
	struct hv_vcpu *vcpu[ZENDO_MAX_VCPUS];	/* set once under lock; smp_load_acquire() */
	u32 nr_vcpus;			/* lock */
	struct xarray ports;		/* port -> struct hv_port of the descriptor, under lock; read under RCU */
	struct xarray handles;		/* handle -> struct hv_port, under lock; erased under event_lock, too */
	spinlock_t event_lock;		/* while somebody is told of an event */

	struct mutex peers_lock;
	struct list_head peers;		/* struct hv_peer */
	bool dying;			/* set once under peers_lock, lock and grants.lock: what is the domain's goes */
	refcount_t objects;		/* this struct: ours until the end, and each peer's */
	struct hv_grants grants;
	struct hv_workers workers;	/* peers may queue until the last one has closed */

	struct mutex pause_lock;	/* changes of pause_count, and what is told of them */
	atomic_t pause_count;		/* starts at 1 */
	spinlock_t end_lock;		/* end, end_code: set once, read by READ_ONCE */
	enum hv_end end;
	u32 end_code;

	struct work_struct destroy_work;
	struct completion destroyed;
	bool lost;			/* the hypervisor did not let it go */
};

/* domain.c */
int hv_domains_init(void);
void hv_domains_exit(void);
struct hv_domain *hv_domain_create(const struct hvpriv_create_domain *cd);
void hv_domain_info(struct hv_domain *d, struct hvpriv_domain_info *info);
struct hv_domain *hv_domain_find(u32 domid);
void hv_domains_lose_page(unsigned long pfn);
void hv_domain_drop(struct hv_domain *d);
u32 hv_domains_list(u32 first, struct hvpriv_domain_info *info, u32 room);
void hv_domain_put(struct hv_domain *d);
bool hv_domain_end(struct hv_domain *d, enum hv_end how, u32 code);
void hv_domain_kick_all(struct hv_domain *d);
struct hv_vcpu *hv_vcpu_named(u32 name);
int hv_domain_rename(struct hv_domain *d, const char *name);
void hv_domain_name(struct hv_domain *d, char ret[HVPRIV_NAME_LEN]);

/* domain_ioctl.c */
int hv_ioctl_create_domain(struct hvpriv_create_domain __user *arg);
int hv_ioctl_list(struct hvpriv_list __user *arg);

/* memory.c */
void hv_memory_init(struct hv_memory *m, u64 max_pages);
int hv_memory_add(struct hv_domain *d, struct hvpriv_add_memory *am);
int hv_memory_populate(struct hv_domain *d, u32 nr);
int hv_memory_returned(struct hv_domain *d);
bool hv_memory_has(struct hv_domain *d, unsigned long pfn);
int hv_memory_tables(struct hv_domain *d);
int hv_memory_grant_frame(struct hv_domain *d);
struct page *hv_memory_page(struct hv_domain *d, u64 gfn);
int hv_memory_mmap(struct hv_domain *d, struct vm_area_struct *vma);
int hv_memory_reclaim(struct hv_domain *d);
void hv_memory_free(struct hv_domain *d);
size_t hv_memory_overhead(const struct hv_domain *d);

/* pages_out.c: pages that somebody still holds after their domain died */
struct hv_page_batch {
	unsigned int nr;
	struct page *pages[31];
};

void hv_page_release(struct page *page);
void hv_page_release_batched(struct hv_page_batch *b, struct page *page);
void hv_pages_release(struct hv_page_batch *b);
bool hv_block_release(struct page *page, unsigned int order);
u64 hv_pages_out(void);
void hv_pages_out_look(void);
void hv_pages_out_exit(void);

/* grant.c */
void hv_grants_init(struct hv_grants *g);
void hv_grants_free(struct hv_grants *g);
int hv_grant_seed(struct hv_domain *d, const struct hvpriv_seed_grant *sg);

/* dirty.c */
int hv_dirty_ioctl(struct hv_domain *d, const struct hvpriv_dirty __user *arg);
void hv_dirty_free(struct hv_dirty_map *m);

/* peer.c */
void hv_peers_end(struct hv_domain *d);

/* evtchn.c */
int hv_evtchn_alloc(struct hv_domain *d, struct hvpriv_evtchn_alloc *ea);
int hv_evtchn_notify(struct hv_domain *d, u32 port);
void hv_evtchn_scan(struct hv_vcpu *v);
void hv_evtchn_close_all(struct hv_domain *d);

/* vcpu.c */
int hv_vcpu_create(struct hv_domain *d, const struct hvpriv_create_vcpu *cv);
void hv_vcpu_free(struct hv_vcpu *v);
void hv_vcpu_kick(struct hv_vcpu *v);
void hv_vcpus_park(unsigned int cpu);
u64 hv_vcpu_guest_ns(const struct hv_vcpu *v);

/* run.c */
int hv_vcpu_run(struct hv_vcpu *v);
void hv_vcpu_timer_init(struct hv_vcpu *v);
void hv_vcpu_timer_stop(struct hv_vcpu *v);

static inline u64 hv_vcpu_name(const struct hv_vcpu *v)
{
	return (u64)v->domain->domid << 16 | v->id;
}

/* vCPU @id, or NULL when there is none (yet). */
static inline struct hv_vcpu *hv_vcpu_at(const struct hv_domain *d, u32 id)
{
	/* pairs with vcpu_make(): who sees the pointer sees what it points to */
	return id < d->max_vcpus ? smp_load_acquire(&d->vcpu[id]) : NULL;
}

#define hv_for_each_vcpu(d, i, v)						\
	for ((i) = 0, (v) = hv_vcpu_at(d, 0); (i) < (d)->max_vcpus;		\
	     (i)++, (v) = hv_vcpu_at(d, i))					\
		if (!(v)) { } else

#endif /* HVPRIV_DOMAIN_H */
