/* SPDX-License-Identifier: MIT */
/*
 * /dev/hvpriv: dom0's user space interface to Zendo.
 *
 * Three kinds of descriptor: the device itself, a domain (HVPRIV_CREATE_DOMAIN), a vCPU
 * (HVPRIV_CREATE_VCPU). Closing the last descriptor of a domain (its vCPUs' and its mappings'
 * count) destroys it and gives everything back. All of them are close-on-exec.
 *
 * Every struct's reserved fields must be zero (-EINVAL otherwise), every unknown flag is -EINVAL.
 * Errors common to all: -EFAULT bad pointer, -ENOTTY unknown request, -ENODEV hypervisor not
 * running (start it with HVPRIV_LAUNCH; as a user: systemctl start zendo).
 * docs/ioctls.md explains each request.
 */
#ifndef _UAPI_LINUX_HVPRIV_H
#define _UAPI_LINUX_HVPRIV_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define HVPRIV_API_VERSION	1
#define HVPRIV_NAME_LEN		64	/* with the NUL */
#define HVPRIV_MAGIC		0xB5

/* ---- the device ---------------------------------------------------------------------- */

#define HVPRIV_INFO_RUNNING	(1U << 0)	/* dom0 is under the hypervisor */
#define HVPRIV_INFO_CHECK	(1U << 1)	/* checking build */

/* HVPRIV_GET_INFO: works always; counters are 0 when not running. */
struct hvpriv_info {
	__u32 api_version;
	__u32 flags;			/* HVPRIV_INFO_* */
	__u32 abi_version;		/* module <-> hypervisor */
	__u32 nr_cpus_under;
	__u32 nr_domains;
	__u32 reserved0;
	__u64 hypervisor_bytes;		/* all memory taken from dom0 for the hypervisor itself */
	__u64 pool_pages, pool_free;	/* of it: hidden pool, 4 KiB pages */
	__u64 dom0_exits, guest_exits;
	__u64 dom0_hidden_writes;	/* writes of dom0 to hidden frames, refused */
	__u64 tsc_khz;
	__u64 max_hold_ns;		/* longest time interrupts were held off in the hypervisor */
	__u64 check_failures;
	__u64 pages_out;		/* guest pages that dom0 I/O still holds after their domain died */
	__u64 exits_by_kind[32];
	char  build[64];		/* of the hypervisor image */
	char  vendor[8];		/* "svm" or "vmx" */
	__u64 reserved[8];
};

/*
 * HVPRIV_LAUNCH (CAP_SYS_ADMIN): put all online CPUs under the hypervisor, all or none.
 * In: size of reason. Out: on failure a sentence with cause and remedy in reason.
 *	-EALREADY already running	-EBUSY SVME/VMXE is on (kvm loaded)
 *	-EOPNOTSUPP this machine cannot	-EKEYREJECTED image digest differs	-ENOENT no image
 */
struct hvpriv_launch {
	__u32 flags;			/* 0 */
	__u32 reserved0;
	char  reason[240];
	__u64 reserved[4];
};

/* HVPRIV_LEAVE (CAP_SYS_ADMIN): back to bare metal. -EBUSY while a domain exists. Same struct. */

/* HVPRIV_LOG_READ: hypervisor's log from a position. *pos is advanced; 0 bytes = nothing newer. */
struct hvpriv_log {
	__u64 pos;			/* in: where to start; out: where to go on */
	__u64 start;			/* out: position of the first byte returned (> pos in: some were lost) */
	__u64 buf;			/* user pointer */
	__u32 len;			/* in: size of buf; out: bytes */
	__u32 reserved;
};

/* HVPRIV_TRACE_READ: the trace ring of one CPU; same cursor as the log. */
struct hvpriv_trace {
	__u64 tsc;
	__u32 event;
	__u16 domid, vcpu;
	__u64 arg[2];
};
struct hvpriv_trace_read {
	__u32 cpu;
	__u32 nr;			/* in: room in buf, in records; out: records */
	__u64 pos, start;
	__u64 buf;			/* struct hvpriv_trace[] */
	__u64 reserved;
};

/* ---- domains ------------------------------------------------------------------------- */

/* Domain states, as HVPRIV_LIST and HVPRIV_DOM_QUERY tell them (any may be combined). */
#define HVPRIV_ST_RUNNING	(1U << 0)	/* a vCPU is on a CPU or wants one */
#define HVPRIV_ST_BLOCKED	(1U << 1)	/* all vCPUs wait for events */
#define HVPRIV_ST_PAUSED	(1U << 2)
#define HVPRIV_ST_SHUTDOWN	(1U << 3)	/* guest called SCHEDOP_shutdown: shutdown_code */
#define HVPRIV_ST_CRASHED	(1U << 4)	/* guest cannot go on: crash reason */
#define HVPRIV_ST_DYING		(1U << 5)	/* not told today: a domain that is taken apart is in no list */

struct hvpriv_domain_info {
	__u32 domid;
	__u32 state;			/* HVPRIV_ST_* */
	__u32 max_vcpus, nr_vcpus;
	__u32 shutdown_code;		/* SHUTDOWN_*, valid with ST_SHUTDOWN or ST_CRASHED (then 3) */
	__u32 crash_reason;		/* enum zendo_crash_reason */
	__u64 nr_pages;			/* 4 KiB frames of guest RAM it owns now */
	__u64 max_pages;
	__u64 pool_pages;		/* hidden pages charged to it */
	__u64 cpu_ns;			/* guest time of all vCPUs */
	__u64 exits;
	__u64 created_ns;		/* CLOCK_BOOTTIME */
	__u64 kernel_bytes;		/* dom0 kernel memory besides guest RAM */
	__s32 owner_pid;		/* who created it, in the caller's pid namespace */
	__u32 reserved0;
	__u8  uuid[16];
	char  name[HVPRIV_NAME_LEN];
	__u64 reserved[4];
};

/* HVPRIV_LIST: domains with domid >= first, in order. */
struct hvpriv_list {
	__u32 first;
	__u32 nr;			/* in: room in buf; out: filled */
	__u64 buf;			/* struct hvpriv_domain_info[] */
};

/*
 * HVPRIV_CREATE_DOMAIN -> domain fd.
 *	-EEXIST name taken	-EINVAL flags, max_vcpus, name (empty, '/', control characters)
 *	-ENOSPC no domid left	-ENOMEM
 */
#define HVPRIV_CREATE_XAPIC	(1U << 0)	/* vCPUs start in xAPIC mode, not x2APIC: for 32-bit kernels */
struct hvpriv_create_domain {
	__u32 flags;			/* HVPRIV_CREATE_* */
	__u32 max_vcpus;
	__u64 max_pages;
	__u32 domid;			/* out */
	__u32 reserved0;
	__u8  uuid[16];
	char  name[HVPRIV_NAME_LEN];
	__u64 reserved[4];
};

/*
 * On a domain fd:
 *
 * HVPRIV_DOM_ADD_MEMORY: allocate zeroed frames in the caller's memcg and give them to the guest
 * at [gfn, gfn + nr_pages). 2 MiB pages are used where gfn is aligned. A signal stops it: the
 * call returns -EINTR with nr_pages = pages done.
 *	-ENOMEM (nothing of the failed unit is kept; nr_pages = pages done)  -EEXIST gfn in use
 *	-E2BIG over max_pages
 * Guest memory is then mmap'ed at offset gfn << 12 of the domain fd, MAP_SHARED.
 */
#define HVPRIV_MEM_SPECIAL	(1U << 0)	/* not RAM of the guest's count: rings, tables */
struct hvpriv_add_memory {
	__u64 gfn;
	__u64 nr_pages;			/* in and out */
	__u32 flags;			/* HVPRIV_MEM_* */
	__u32 reserved;
};

/* HVPRIV_DOM_SET_MEMMAP: the map that XENMEM_memory_map tells. At most 126 entries. */
struct hvpriv_memmap_entry {
	__u64 addr, size;
	__u32 type, reserved;
};
struct hvpriv_set_memmap {
	__u32 nr, reserved;
	__u64 buf;			/* struct hvpriv_memmap_entry[] */
};

/* HVPRIV_DOM_SET_PARAM / GET_PARAM: HVM_PARAM_* of xen/hvm/params.h, with the toolstack's rights. */
struct hvpriv_param {
	__u32 index, reserved;
	__u64 value;
};

/*
 * HVPRIV_DOM_EVTCHN_ALLOC: make a port in the guest, bound to this descriptor (console, store).
 * When the guest signals it, the eventfd (if not -1) is written. HVPRIV_DOM_NOTIFY raises it in the guest.
 * With HVPRIV_EVTCHN_UNBOUND it is bound to nobody and offered to dom0, for /dev/hvevtchn; eventfd must be -1.
 */
#define HVPRIV_EVTCHN_UNBOUND	(1U << 0)
struct hvpriv_evtchn_alloc {
	__u32 port;			/* out */
	__s32 eventfd;			/* -1 = none */
	__u32 flags;			/* HVPRIV_EVTCHN_* */
	__u32 reserved;			/* 0 */
};
struct hvpriv_notify {
	__u32 port, reserved;
};

/*
 * HVPRIV_DOM_SEED_GRANT: write a grant of @gfn to dom0 into an entry that Xen reserves for the maker of a domain (GNTTAB_RESERVED_*),
 * so that a console or store daemon maps the ring before the guest runs. The first makes the table's first frame.
 *	-EBUSY there is a vCPU already	-EINVAL ref is not reserved, gfn has more than 32 bits
 */
struct hvpriv_seed_grant {
	__u32 ref, reserved;
	__u64 gfn;
};

/*
 * HVPRIV_DOM_SET_POLICY: what the guest sees of its CPU less than all that there is. @hide[i] is feature word i of Xen's
 * <xen/arch-x86/cpufeatureset.h>: XEN_X86_FEATURE_x is bit x % 32 of word x / 32. A set bit reads as 0. The last call counts.
 *	-EBUSY there is a vCPU already	-EINVAL a flag, a quota out of range
 */
#define HVPRIV_POLICY_WORDS		16
#define HVPRIV_POLICY_MSR_RELAXED	(1U << 0)	/* unknown MSRs that this CPU has: 0, writes ignored; else #GP */
struct hvpriv_policy {
	__u32 flags;			/* HVPRIV_POLICY_* */
	__u32 reserved;
	__u32 hide[HVPRIV_POLICY_WORDS];
	/* Quotas, 0 = the most there can be: */
	__u32 max_grant_frames;		/* <= HVPRIV_POLICY_GRANT_FRAMES */
	__u32 max_maptrack_frames;	/* <= HVPRIV_POLICY_MAPTRACK_FRAMES, of 256 mappings of others' grants */
	__u32 max_event_channels;	/* highest port; those of HVPRIV_DOM_EVTCHN_ALLOC count */
	__u32 reserved2;
};
#define HVPRIV_POLICY_GRANT_FRAMES	64
#define HVPRIV_POLICY_MAPTRACK_FRAMES	256

/* HVPRIV_DOM_PAUSE / UNPAUSE (no argument): counted; a domain starts paused once. */
/* HVPRIV_DOM_KILL (no argument): as if the guest had shut down with SHUTDOWN_poweroff; vCPUs return. */

/*
 * HVPRIV_DOM_LEND (no argument): the calling thread works for the domain's devices until the domain is stopped or a signal comes;
 * what it does is on its own bill (cgroup, blkcg). Several threads may be lent.
 *	0 the domain has ended (HVPRIV_DOM_KILL, or the guest's own end); -EINTR; 1 all the others are at work: lend one more, then this one again
 */

/*
 * HVPRIV_DOM_RENAME: another name from now on.
 *	-EEXIST name taken, also by this domain itself	-EINVAL name (as HVPRIV_CREATE_DOMAIN)
 */
struct hvpriv_rename {
	char  name[HVPRIV_NAME_LEN];
	__u64 reserved[2];
};

/*
 * HVPRIV_DOM_DIRTY: which frames dom0 wrote through grants: backends, and programs that mapped them. A frame is marked when it is let
 * go, so the last TAKE comes when the domain's devices are disconnected. What is written through this descriptor's own mappings is not in it:
 * who mapped knows. Bit i of @bits, which has a multiple of 64 of them, is frame @first + i.
 *	BEGIN	all bits are 0, for the memory that there is now
 *	TAKE	the bits, which are 0 then; @first and @nr are multiples of 64, @nr is at most 32768
 *	END
 *	-ENOENT it was not begun	-EOVERFLOW one was written that came later, where no memory was: BEGIN again, and take all for dirty
 */
#define HVPRIV_DIRTY_BEGIN	0
#define HVPRIV_DIRTY_TAKE	1
#define HVPRIV_DIRTY_END	2
struct hvpriv_dirty {
	__u32 op;			/* HVPRIV_DIRTY_*; all below is for TAKE, else 0 */
	__u32 nr;
	__u64 first;
	__u64 bits;			/* pointer */
};

/* ---- vCPUs ---------------------------------------------------------------------------- */

/* HVPRIV_CREATE_VCPU -> vCPU fd. vCPU 0 starts as set by SET_STATE; the others wait for SIPI. */
struct hvpriv_create_vcpu {
	__u32 id;
	__u32 flags;			/* 0 */
};

/* Architectural state; layout of struct zendo_vcpu_state with fixed offsets. attr is the packed VMCB form. */
struct hvpriv_segment {
	__u16 selector, attr;
	__u32 limit;
	__u64 base;
};
struct hvpriv_vcpu_state {
	__u64 rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	__u64 r8, r9, r10, r11, r12, r13, r14, r15;
	__u64 rip, rflags;
	struct hvpriv_segment es, cs, ss, ds, fs, gs, ldtr, tr;
	__u64 gdt_base, gdt_limit, idt_base, idt_limit;
	__u64 cr0, cr2, cr3, cr4, efer, dr6, dr7;
	__u64 star, lstar, cstar, sfmask, kernel_gs_base;
	__u64 sysenter_cs, sysenter_esp, sysenter_eip;
	__u64 pat, tsc_aux, xcr0, tsc;
	__u32 up, reserved0;
};

#define HVPRIV_EXIT_SHUTDOWN	1	/* code */
#define HVPRIV_EXIT_CRASH	2	/* code = enum zendo_crash_reason; see HVPRIV_VCPU_GET_CRASH */
#define HVPRIV_EXIT_TEXT	3	/* text[0, len): the guest's console_io or debug port output */
#define HVPRIV_EXIT_KILLED	4	/* HVPRIV_DOM_KILL, or the domain is dying */

/*
 * HVPRIV_VCPU_RUN: run until something for user space happens. A signal makes it return -EINTR
 * (or restart, by the signal's own rules); while paused it sleeps, killable and freezable. One thread at a time
 * (-EBUSY); several calls may come from different threads.
 */
struct hvpriv_run {
	__u32 exit;			/* out: HVPRIV_EXIT_* */
	__u32 code;
	__u32 len;
	__u32 reserved;
	char  text[2032];
};

struct hvpriv_crash {
	__u32 reason, exit_kind;
	__u64 exit_code, info1, info2;
	struct hvpriv_vcpu_state state;
};

/* The guest stopped it by HLT with interrupts off, as Linux does with a CPU that goes offline: only an NMI or INIT ends that. */
#define HVPRIV_BLOCKED_PARKED	2
struct hvpriv_vcpu_info {
	__u64 guest_ns, exits, halts, interrupts, events_in, events_out;
	__u32 blocked, up;		/* 0 or 1; blocked also HVPRIV_BLOCKED_PARKED */
	__u32 cpu, reserved0;
	__u64 reserved[4];
};

/* HVPRIV_VCPU_EXITS: exits of this vCPU by their reason; the index is that of hvpriv_info.exits_by_kind. */
struct hvpriv_vcpu_exits {
	__u64 by_kind[32];
};

#define HVPRIV_GET_INFO		_IOR(HVPRIV_MAGIC, 0x00, struct hvpriv_info)
#define HVPRIV_LAUNCH		_IOWR(HVPRIV_MAGIC, 0x01, struct hvpriv_launch)
#define HVPRIV_LEAVE		_IOWR(HVPRIV_MAGIC, 0x02, struct hvpriv_launch)
#define HVPRIV_LOG_READ		_IOWR(HVPRIV_MAGIC, 0x03, struct hvpriv_log)
#define HVPRIV_TRACE_READ	_IOWR(HVPRIV_MAGIC, 0x04, struct hvpriv_trace_read)
#define HVPRIV_LIST		_IOWR(HVPRIV_MAGIC, 0x05, struct hvpriv_list)
#define HVPRIV_CREATE_DOMAIN	_IOWR(HVPRIV_MAGIC, 0x06, struct hvpriv_create_domain)

#define HVPRIV_DOM_ADD_MEMORY	_IOWR(HVPRIV_MAGIC, 0x20, struct hvpriv_add_memory)
#define HVPRIV_DOM_SET_MEMMAP	_IOW(HVPRIV_MAGIC, 0x21, struct hvpriv_set_memmap)
#define HVPRIV_DOM_SET_PARAM	_IOW(HVPRIV_MAGIC, 0x22, struct hvpriv_param)
#define HVPRIV_DOM_GET_PARAM	_IOWR(HVPRIV_MAGIC, 0x23, struct hvpriv_param)
#define HVPRIV_DOM_EVTCHN_ALLOC	_IOWR(HVPRIV_MAGIC, 0x24, struct hvpriv_evtchn_alloc)
#define HVPRIV_DOM_NOTIFY	_IOW(HVPRIV_MAGIC, 0x25, struct hvpriv_notify)
#define HVPRIV_DOM_PAUSE	_IO(HVPRIV_MAGIC, 0x26)
#define HVPRIV_DOM_UNPAUSE	_IO(HVPRIV_MAGIC, 0x27)
#define HVPRIV_DOM_KILL		_IO(HVPRIV_MAGIC, 0x28)
#define HVPRIV_DOM_QUERY	_IOR(HVPRIV_MAGIC, 0x29, struct hvpriv_domain_info)
#define HVPRIV_CREATE_VCPU	_IOW(HVPRIV_MAGIC, 0x2a, struct hvpriv_create_vcpu)
#define HVPRIV_DOM_SEED_GRANT	_IOW(HVPRIV_MAGIC, 0x2b, struct hvpriv_seed_grant)
#define HVPRIV_DOM_LEND		_IO(HVPRIV_MAGIC, 0x2c)
#define HVPRIV_DOM_RENAME	_IOW(HVPRIV_MAGIC, 0x2d, struct hvpriv_rename)
#define HVPRIV_DOM_SET_POLICY	_IOW(HVPRIV_MAGIC, 0x2e, struct hvpriv_policy)
#define HVPRIV_DOM_DIRTY	_IOW(HVPRIV_MAGIC, 0x2f, struct hvpriv_dirty)

#define HVPRIV_VCPU_RUN		_IOR(HVPRIV_MAGIC, 0x40, struct hvpriv_run)
#define HVPRIV_VCPU_GET_STATE	_IOR(HVPRIV_MAGIC, 0x41, struct hvpriv_vcpu_state)
#define HVPRIV_VCPU_SET_STATE	_IOW(HVPRIV_MAGIC, 0x42, struct hvpriv_vcpu_state)
#define HVPRIV_VCPU_GET_CRASH	_IOR(HVPRIV_MAGIC, 0x43, struct hvpriv_crash)
#define HVPRIV_VCPU_KICK	_IO(HVPRIV_MAGIC, 0x44)	/* make RUN return -EINTR once */
#define HVPRIV_VCPU_QUERY	_IOR(HVPRIV_MAGIC, 0x45, struct hvpriv_vcpu_info)
#define HVPRIV_VCPU_NMI		_IO(HVPRIV_MAGIC, 0x46)	/* an NMI for the guest; -EINVAL: this vCPU is not up */
#define HVPRIV_VCPU_EXITS	_IOR(HVPRIV_MAGIC, 0x47, struct hvpriv_vcpu_exits)

/* ---- generic netlink ------------------------------------------------------------------- */

#define HVPRIV_GENL_NAME	"hvpriv"
#define HVPRIV_GENL_GROUP	"events"
#define HVPRIV_GENL_VERSION	1

enum {
	HVPRIV_CMD_UNSPEC,
	HVPRIV_CMD_CREATED,
	HVPRIV_CMD_RUNNING,
	HVPRIV_CMD_PAUSED,
	HVPRIV_CMD_SHUTDOWN,
	HVPRIV_CMD_DESTROYED,
	HVPRIV_CMD_ATTACHED,
	HVPRIV_CMD_DETACHED,
	HVPRIV_CMD_RENAMED,		/* HVPRIV_A_NAME is the new one */
};
enum {
	HVPRIV_A_UNSPEC,
	HVPRIV_A_DOMID,			/* u32 */
	HVPRIV_A_NAME,			/* string */
	HVPRIV_A_CODE,			/* u32: shutdown code */
	HVPRIV_A_DEVICE,		/* string: vbd-1-51712 */
	__HVPRIV_A_MAX,
};
#define HVPRIV_A_MAX (__HVPRIV_A_MAX - 1)

#endif /* _UAPI_LINUX_HVPRIV_H */
