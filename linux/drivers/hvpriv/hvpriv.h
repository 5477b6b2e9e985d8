/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of hvpriv.ko share about the hypervisor itself: its image, its memory, its state.
 * Domains and vCPUs are in domain.h. Locks: docs/locking.md.
 */
#ifndef HVPRIV_H
#define HVPRIV_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include <uapi/linux/hvpriv.h>
#include <zendo/abi.h>

struct device;
struct page;

#define HV_MAX_SEGMENTS	8

/* One PT_LOAD, in bytes from ZENDO_VA_IMAGE, page aligned. */
struct hv_segment {
	u32 start, end;
	u32 flags;			/* PF_R, PF_W, PF_X */
};

/* The image as it lies in chunk 0. */
struct hv_image {
	u64 entry;
	u32 size;			/* page aligned */
	u32 flags;			/* ZENDO_IMAGE_* */
	u32 launch_offset;
	u32 nr_segments;
	struct hv_segment segment[HV_MAX_SEGMENTS];
	char build[64];
};

/* 2 MiB taken from dom0 and hidden. */
struct hv_chunk {
	struct list_head node;		/* hv.chunks */
	struct page *page;
};

enum hv_state {
	HV_OFF,				/* bare metal */
	HV_RUNNING,			/* every online CPU is under */
	HV_LOST,			/* left in an emergency, or a CPU did not come back: until reboot */
};

/* The hypervisor as this module knows it; one per machine. */
struct hv {
	struct mutex lock;		/* launch, leave, sleep; guards what follows */
	enum hv_state state;		/* written under lock, read anywhere by READ_ONCE */
	int cpuhp;			/* cpuhp state of hv_cpu_online(), 0 = none */
	u32 vendor;			/* enum zendo_vendor */
	u32 levels;
	u64 root_hpa;
	struct hv_image image;
	unsigned int nr_domains;	/* hv_hold() */
	char *reason;			/* where hv_refuse() writes, while launching */

	struct mutex pool_lock;		/* guards chunks; taken inside cpus_read_lock() */
	struct list_head chunks;
	unsigned int nr_chunks;

	u64 percpu_hpa[ZENDO_MAX_CPUS];	/* fixed while running */
};
extern struct hv hv;

static inline bool hv_running(void)
{
	return READ_ONCE(hv.state) == HV_RUNNING;
}

/* launch.c */
int hv_launch(char *reason);
int hv_leave(char *reason);
void hv_lost(void);
int hv_hold(void);
void hv_unhold(void);

/*
 * Say why launching (or leaving) does not work: a sentence with cause and remedy, to the log and
 * to who asked. The first sentence wins. Returns @err. Context: hv.lock held by the launcher.
 */
__printf(2, 3) int hv_refuse(int err, const char *fmt, ...);

/* refuse.c: may this machine launch? hv.lock held; sleeps. */
int hv_machine_check(void);
bool hv_kvm_loaded(void);

/* Turn kvm modules away while we are under. */
int hv_refuse_init(void);
void hv_refuse_exit(void);

/* image.c */
int hv_image_load(struct hv_image *img, void *dest, size_t room);

/* chunk.c */
struct hv_chunk *hv_chunk_alloc(void);
void hv_chunk_free(struct hv_chunk *c);
void hv_chunk_hide(struct hv_chunk *c);
void hv_chunk_show(struct hv_chunk *c);
u64 hv_chunk_hpa(const struct hv_chunk *c);

/* pagetable.c */
struct hv_pagetable {
	void *base;			/* chunk 0 in dom0's direct map */
	u32 next, end;			/* free part of it, for tables */
	u32 levels;
	u64 *pml4;
	u64 root_hpa;
};
int hv_pagetable_build(struct hv_pagetable *pt, const struct hv_image *img,
		       struct list_head *chunks, unsigned long trampoline);
unsigned int hv_pagetable_pages(unsigned int nr_chunks);

/* cpu.c */
int hv_cpus_enter(void);
int hv_cpus_leave(void);
void hv_cpu_leave_emergency(void);
bool hv_cpu_under(void);
unsigned int hv_nr_cpus_under(void);

/* pool.c: the hidden pool grows and shrinks while the hypervisor runs. */
int hv_pool_grow(unsigned int nr_chunks);
int hv_pool_ensure(unsigned int pages);
void hv_pool_shrink(void);
long hv_call_pool(unsigned long nr, u64 a, u64 b, u64 c, u64 d);

/* power.c */
int hv_power_init(void);
void hv_power_exit(void);

/* mce.c */
void hv_mce_init(void);
void hv_mce_exit(void);
void hv_emergency_on(void);
void hv_emergency_off(void);

/* stats.c */
int hv_ioctl_info(struct hvpriv_info __user *arg);
int hv_ioctl_log(struct hvpriv_log __user *arg);
int hv_ioctl_trace(struct hvpriv_trace_read __user *arg);

#endif /* HVPRIV_H */
