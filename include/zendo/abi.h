/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The contract between dom0's kernel (hvpriv.ko) and the hypervisor.
 *
 * Everything the two share is here: how the image is entered and left, dom0's calls, and the
 * pages both see. Neither side trusts what it reads from such a page: each field has one
 * writer, named beside it, and the reader copies it once and checks the copy.
 *
 * The guest interface is not here: that is Xen's public PVH ABI.
 */
#ifndef ZENDO_ABI_H
#define ZENDO_ABI_H

#ifdef __KERNEL__
#include <linux/types.h>
#elif !defined(__ASSEMBLER__)
#include <stdint.h>
#endif

/* Both sides are built from one tree; a mismatch is refused at launch, by name. */
#define ZENDO_ABI_VERSION	1
#define ZENDO_IMAGE_MAGIC	0x6f646e655a303148	/* "H10Zendo" */
#define ZENDO_CALL_MAGIC	0x5a454e44		/* returned by ZCALL_VERSION in bits 63:32 */

/*
 * 1. The hypervisor's own address space.
 *
 * The same addresses serve 4- and 5-level paging (they are canonical in both); the depth is
 * the one dom0 runs with, because it cannot be changed in long mode (and under SVM the nested
 * tables follow it: AMD APM vol. 2, 15.25.3).
 */
#define ZENDO_VA_IMAGE		0xffff800000000000	/* hypervisor.elf, 4 KiB pages, W^X */
#define ZENDO_VA_WINDOW		0xffff808000000000	/* filled by the hypervisor itself */
#define ZENDO_VA_DIRECT		0xffff810000000000	/* + hpa: hidden chunks, RW, NX, 2 MiB pages */
#define ZENDO_MAX_HPA		0x0000400000000000	/* 64 TiB: what the direct map has room for */

#define ZENDO_CHUNK_SHIFT	21
#define ZENDO_CHUNK_SIZE	(1ULL << ZENDO_CHUNK_SHIFT)
#define ZENDO_PERCPU_SIZE	32768			/* one area per possible CPU, aligned to its size */
#define ZENDO_MAX_CPUS		512
#define ZENDO_MAX_VCPUS		128			/* per domain */
#define ZENDO_MAX_CHUNKS	64			/* that launch can hand over */
#define ZENDO_MAX_RAM_RANGES	64

#ifndef __ASSEMBLER__

/*
 * 2. The image.
 *
 * hypervisor.elf is a static ELF64 linked at ZENDO_VA_IMAGE; the page at that address starts
 * with this header. hvpriv copies each PT_LOAD to chunk 0 at offset p_vaddr - ZENDO_VA_IMAGE, maps
 * it there with the segment's rights, fills the struct zendo_launch at launch_offset, and
 * refuses an image with a segment that is writable and executable, or with any relocation.
 */
struct zendo_image_header {
	uint64_t magic;			/* ZENDO_IMAGE_MAGIC */
	uint32_t abi_version;
	uint32_t flags;			/* ZENDO_IMAGE_CHECK */
	uint64_t entry;			/* virtual address, see zendo_entry_t */
	uint32_t image_size;		/* bytes from ZENDO_VA_IMAGE to the end of .bss, page aligned */
	uint32_t launch_offset;		/* of struct zendo_launch, in a writable segment */
	char	 build[64];		/* version string for people, NUL-terminated */
};
#define ZENDO_IMAGE_CHECK	1	/* the checking build */

/* Dom0's Linux keeps the TSC for its clock: constant, and the same on all CPUs, as far as it could find out. */
#define ZENDO_LAUNCH_TSC_STABLE	(1U << 0)
/* Tests only: the TSC counts instructions (an emulator's -icount), so no time passes while a CPU is not run. */
#define ZENDO_LAUNCH_ICOUNT	(1U << 1)

struct zendo_ram_range {
	uint64_t hpa, size;		/* 4 KiB aligned; RAM as firmware reported it */
};

/* How this machine's vendor is entered; hvpriv's trampoline and the image must agree. */
enum zendo_vendor {
	ZENDO_VENDOR_SVM = 1,
	ZENDO_VENDOR_VMX = 2,
};

/* CPU facts the hypervisor cannot see for itself, from Linux's boot_cpu_data (F19). */
#define ZENDO_BUG_SPECTRE_V2	(1U << 0)
#define ZENDO_BUG_RETBLEED	(1U << 1)
#define ZENDO_BUG_SRSO		(1U << 2)
#define ZENDO_BUG_MDS		(1U << 3)
#define ZENDO_BUG_L1TF		(1U << 4)
#define ZENDO_BUG_MMIO_STALE	(1U << 5)
#define ZENDO_BUG_BHI		(1U << 6)
#define ZENDO_MITIGATIONS_OFF	(1U << 31)	/* dom0 was booted with mitigations=off */

/*
 * Filled by hvpriv in the image before the first CPU enters; the hypervisor copies it at once
 * and checks the copy. All chunks are hidden from dom0 from the first VMRUN on.
 */
struct zendo_launch {
	uint32_t abi_version;
	uint32_t vendor;		/* enum zendo_vendor */
	uint32_t nr_cpus;		/* possible CPUs: per-CPU areas exist for [0, nr_cpus) */
	uint32_t levels;		/* 4 or 5: dom0's paging depth */
	uint64_t root_hpa;		/* hypervisor's top-level page table, in chunk 0 */
	uint64_t max_hpa;		/* end of the highest RAM range, <= ZENDO_MAX_HPA */
	uint64_t tsc_khz;
	uint64_t apic_hpa;		/* xAPIC page; unused when x2apic */
	uint32_t x2apic;		/* dom0's APICs are in x2APIC mode */
	uint32_t kick_vector;		/* Linux's RESCHEDULE_VECTOR (F22) */
	uint32_t bugs;			/* ZENDO_BUG_* */
	uint32_t serial_port;		/* 8250 I/O base of the debug port, 0 = none */
	uint64_t trampoline_va;		/* the page that is mapped, executable, in both worlds */
	uint64_t leave_va;		/* see "Leaving" below; inside the trampoline page */
	uint32_t nr_chunks;
	uint32_t nr_ram;
	/*
	 * chunk[0] holds the image at offset 0; from there on [used_offset, end) of chunk 0 and
	 * the whole of each other chunk are free, except the per-CPU areas:
	 */
	uint32_t used_offset;		/* page aligned; image and page tables lie below */
	uint32_t flags;			/* ZENDO_LAUNCH_* */
	uint64_t chunk[ZENDO_MAX_CHUNKS];
	uint64_t percpu_hpa[ZENDO_MAX_CPUS];	/* inside chunks, aligned to ZENDO_PERCPU_SIZE */
	struct zendo_ram_range ram[ZENDO_MAX_RAM_RANGES];
};

/* Descriptor register as LGDT/LIDT use it, without the packing. */
struct zendo_desc_ptr {
	uint64_t base;
	uint64_t limit;
};

/* attr: bits 0-7 type/S/DPL/P, 8-11 AVL/L/D/G, the form the VMCB has (APM vol. 2, appendix B) */
struct zendo_segment {
	uint16_t selector;
	uint16_t attr;
	uint32_t limit;
	uint64_t base;
};

enum zendo_seg { ZSEG_ES, ZSEG_CS, ZSEG_SS, ZSEG_DS, ZSEG_FS, ZSEG_GS, ZSEG_LDTR, ZSEG_TR, ZSEG_NR };

/*
 * 3. Entering.
 *
 * One CPU at a time, interrupts off, in hvpriv's trampoline page: dom0's state is captured here;
 * for SVM then EFER.SVME is set and CLGI done (an NMI must not meet a half-made world), CR4.PGE,
 * PCIDE, SMAP, SMEP, PKE, CET are cleared, CR3 = root_hpa, RSP = ZENDO_VA_DIRECT + percpu_hpa[cpu] +
 * ZENDO_PERCPU_SIZE, then a jump to entry with
 *	rdi = hpa of this record (4 KiB aligned, dom0's memory), rsi = cpu.
 * The CPU comes back at @rip/@rsp in guest mode with rax = 0, or out of the hypervisor by the
 * leave path with rax = -errno and nothing changed. RBX, RBP, R12-R15 are preserved either way;
 * DS and ES are null selectors afterwards: hvpriv reloads them.
 */
struct zendo_cpu_launch {
	uint32_t cpu;			/* Linux's number */
	uint32_t apic_id;
	uint64_t rip, rsp, rflags;	/* where dom0 goes on; rflags has IF clear */
	uint64_t rbx, rbp, r12, r13, r14, r15;
	uint64_t cr0, cr2, cr3, cr4;
	uint64_t efer;			/* as before SVME was set */
	uint64_t dr6, dr7;
	uint64_t pat;
	uint64_t xcr0;			/* 0 when CR4.OSXSAVE is clear */
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t star, lstar, cstar, sfmask;
	uint64_t kernel_gs_base;
	struct zendo_desc_ptr gdt, idt;
	struct zendo_segment seg[ZSEG_NR];
};

/*
 * Leaving. The hypervisor loads dom0's GDT, IDT, TR, LDTR, FS, GS, syscall MSRs, CR0, DR7 and
 * callee-saved registers, then jumps (GIF=0, IF=0, still on its own page table) to leave_va with
 *	rdi = value for rax	rsi = cr4	r8 = cr3 (all bits)
 *	r9 = rsp		r10 = rip	r11 = rflags (IF clear)
 * The trampoline loads CR3 without PCID, CR4, CR3 whole, RSP, does STGI, clears EFER.SVME
 * (VMX: VMXOFF), RFLAGS, and jumps to rip.
 */

#endif /* !__ASSEMBLER__ */

/*
 * 4. Dom0's calls.
 *
 * VMMCALL (VMCALL) at CPL 0: rax = number, arguments in rdi, rsi, rdx, r10; the result is in
 * rax: >= 0, or -errno (Xen's numbers, which are Linux's). All other registers are preserved, except
 * as said at ZCALL_LEAVE. At CPL > 0 the instruction raises #UD in dom0.
 * Addresses are host-physical (dom0 is identity mapped). Structures lie inside one 4 KiB page of
 * dom0's own RAM, else -EFAULT. Work is bounded: a call that has more to do returns how far it
 * came, or -EAGAIN ("call again, interrupts have had their chance").
 */
#define ZCALL_BASE		0x5a450000
#define ZCALL_VERSION		(ZCALL_BASE + 0)  /* () -> CALL_MAGIC << 32 | abi version */
#define ZCALL_LEAVE		(ZCALL_BASE + 1)  /* (flags): this CPU to bare metal; rax, rcx, rdx, rsi, rdi, r8-r11 clobbered */
#define ZCALL_FLUSH		(ZCALL_BASE + 2)  /* (): flush dom0's nested TLB on this CPU; -> epoch now seen here */
#define ZCALL_POOL_ADD		(ZCALL_BASE + 3)  /* (hpa): start hiding a 2 MiB chunk -> epoch to reach */
#define ZCALL_POOL_COMMIT	(ZCALL_BASE + 4)  /* (hpa): every CPU passed the epoch: put it to use, else -EAGAIN */
#define ZCALL_POOL_TAKE		(ZCALL_BASE + 5)  /* () -> hpa of an empty chunk given back (visible again), -ENOENT */
#define ZCALL_STATS		(ZCALL_BASE + 6)  /* (hpa of struct zendo_stats) */
#define ZCALL_LOG_READ		(ZCALL_BASE + 7)  /* (pos, hpa, len <= 4096) -> bytes; see zendo_log */
#define ZCALL_TRACE_READ	(ZCALL_BASE + 8)  /* (cpu, pos, hpa, nr records) -> ZENDO_TRACE_ANSWER(): position of the first one, records */
#define ZENDO_TRACE_ANSWER(pos, nr)	((int64_t)((pos) << 8 | (nr)))
#define ZENDO_TRACE_POS(answer)		((uint64_t)(answer) >> 8)
#define ZENDO_TRACE_NR(answer)		((answer) & 0xff)

#define ZCALL_DOMAIN_CREATE	(ZCALL_BASE + 16) /* (hpa of struct zendo_domain_create) -> domid */
/* (domid) -> 0: no vCPU runs any more, no frame is mapped; ZENDO_KILL_MORE: a part is done, call again; -EAGAIN: one still runs */
#define ZCALL_DOMAIN_KILL	(ZCALL_BASE + 17)
#define ZENDO_KILL_MORE		1
#define ZCALL_DOMAIN_FREE	(ZCALL_BASE + 18) /* (domid): after KILL and RECLAIM of all; returns pool pages; bounded, -EAGAIN */
#define ZCALL_DONATE		(ZCALL_BASE + 19) /* (domid, hpa of struct zendo_extents, nr) -> entries done */
#define ZCALL_RECLAIM		(ZCALL_BASE + 20) /* (domid, hpa of struct zendo_extents, nr) -> entries done; dead domains only */
#define ZCALL_RETURNED		(ZCALL_BASE + 21) /* (domid, hpa of uint64_t[512]) -> frames the guest gave up, dom0's again */
#define ZCALL_DOMAIN_PARAM	(ZCALL_BASE + 22) /* (domid, HVM_PARAM_*, value, set?) -> value when !set */
#define ZCALL_DOMAIN_MEMMAP	(ZCALL_BASE + 23) /* (domid, hpa of struct zendo_memmap_entry[], nr): for XENMEM_memory_map */
#define ZCALL_DOMAIN_WALLCLOCK	(ZCALL_BASE + 24) /* (domid, ns since 1970 now, tsc now) */
#define ZCALL_DOMAIN_USE	(ZCALL_BASE + 25) /* (domid, 0: frames of RAM, 1: pool pages charged) -> how many now */
/* (domid, hpa): a page of dom0's for the gfn table, 0 = none -> how many more it takes. It is held until KILL is done. */
#define ZCALL_GFN_PAGE		(ZCALL_BASE + 26)
/* (domid, hpa of struct zendo_policy): what the guest sees of its CPU, and its quotas. Once there is a vCPU: -EBUSY */
#define ZCALL_DOMAIN_POLICY	(ZCALL_BASE + 27)

#define ZCALL_VCPU_CREATE	(ZCALL_BASE + 32) /* (domid, vcpu, run page hpa, posted pages hpa) */
#define ZCALL_VCPU_RUN		(ZCALL_BASE + 33) /* (domid << 16 | vcpu) -> enum zendo_run_reason */
#define ZCALL_VCPU_PARK		(ZCALL_BASE + 34) /* (domid << 16 | vcpu): unload from this CPU (VMX: VMCLEAR) */
#define ZCALL_VCPU_GET		(ZCALL_BASE + 35) /* (domid << 16 | vcpu, hpa of struct zendo_vcpu_state) */
#define ZCALL_VCPU_SET		(ZCALL_BASE + 36) /* (domid << 16 | vcpu, hpa of struct zendo_vcpu_state) */
#define ZCALL_VCPU_NMI		(ZCALL_BASE + 37) /* (domid << 16 | vcpu): an NMI; one that sleeps is woken by dom0 */

#define ZCALL_EVTCHN_ALLOC	(ZCALL_BASE + 48) /* (domid): a port bound to dom0 -> handle << 32 | port */
#define ZCALL_EVTCHN_BIND	(ZCALL_BASE + 49) /* (domid, port): a port the guest offers to dom0 -> handle << 32 | port */
#define ZCALL_EVTCHN_CLOSE	(ZCALL_BASE + 50) /* (domid, handle) */

#define ZCALL_LEAVE_EMERGENCY	1	/* with domains alive: crash and emergency reboot (F30) */

#ifndef __ASSEMBLER__

struct zendo_stats {
	uint64_t nr_cpus_under;
	uint64_t pool_chunks, pool_pages, pool_free;
	uint64_t nr_domains;
	uint64_t dom0_exits;		/* all CPUs */
	uint64_t dom0_hidden_writes;	/* writes of dom0 to hidden frames, refused with #GP */
	uint64_t dom0_npt_fills;	/* identity entries made on demand */
	uint64_t guest_exits;
	uint64_t max_gif0_tsc;		/* longest time in host mode with interrupts held off */
	uint64_t epoch;			/* of dom0's nested table */
	uint64_t image_flags;
	uint64_t check_failures;	/* checking build: the log says which, once each */
	uint64_t exits_by_kind[32];	/* of guests; names in docs/hypercalls.md */
};

/*
 * The log: bytes since launch, counted by a position that only grows. LOG_READ from a position that has
 * been overwritten starts at the oldest byte kept; the struct comes first, text follows.
 */
struct zendo_log {
	uint64_t start;			/* position of the first byte returned */
	uint64_t next;			/* position to ask for next */
};

struct zendo_trace {
	uint64_t tsc;
	uint32_t event;			/* enum trace_event of hypervisor/core/trace.h */
	uint16_t domid, vcpu;
	uint64_t arg[2];
};

/*
 * 5. Domains.
 */
struct zendo_domain_create {
	uint32_t abi_version;
	uint32_t max_vcpus;		/* 1..ZENDO_MAX_VCPUS */
	uint64_t max_pages;		/* 4 KiB frames of RAM it may own, ring pages included; grant frames come on top */
	uint32_t max_pool_pages;	/* hidden pages it may be charged for, 0 = 64 + max_pages / 256 + 16 * max_vcpus */
	uint32_t flags;			/* ZDOM_* */
	uint64_t wallclock_ns;		/* UTC now, and the TSC at that instant */
	uint64_t wallclock_tsc;
	uint8_t  uuid[16];
	uint64_t evt_hint_hpa;		/* dom0's page, written by the hypervisor: uint16_t vcpu[handle], 2048 handles */
	uint64_t gfn_table_hpa;		/* dom0's page, written by the hypervisor: struct zendo_gfn_root (F4) */
	uint64_t grant_hpa;		/* dom0's page, struct zendo_grant_page */
	uint64_t reserved[4];		/* 0 */
};
#define ZDOM_PROTECTED		1	/* refused with -EOPNOTSUPP in this version */
#define ZDOM_XAPIC		2	/* vCPUs start in xAPIC mode: 32-bit kernels that know no other */

/*
 * What a domain sees of its CPU less than all that Zendo shows, and may have less than there can be. hide[i] is feature word i of
 * Xen's <xen/arch-x86/cpufeatureset.h>: XEN_X86_FEATURE_x is bit x % 32 of word x / 32. A bit that is set is not seen; one that nobody
 * sees may be set, too.
 */
#define ZENDO_POLICY_WORDS	16
struct zendo_policy {
	uint32_t flags;			/* ZPOLICY_* */
	uint32_t reserved;		/* 0 */
	uint32_t hide[ZENDO_POLICY_WORDS];
	/* Quotas, 0 = the most there can be; more of the first two is -EINVAL. */
	uint32_t max_grant_frames;
	uint32_t max_maptrack_frames;	/* of 256 grants of others that it maps */
	uint32_t max_event_channels;	/* the highest port it gets; those that dom0 makes in it count */
	uint32_t reserved2;		/* 0 */
};
#define ZPOLICY_MSR_RELAXED	1	/* MSRs that Zendo does not know read as 0 and ignore writes, if this CPU has them */

/*
 * Frames handed over. The frame's content is dom0's doing (it zeroes them). Type RAM counts as the
 * guest's memory; the others are RAM that firmware tables call reserved.
 */
struct zendo_extent {
	uint64_t hpa;			/* aligned to its order */
	uint64_t gfn;			/* likewise */
	uint32_t order;			/* 0 or 9 */
	uint32_t type;			/* enum zendo_extent_type */
};
enum zendo_extent_type {
	ZEXT_RAM = 0,
	ZEXT_POPULATE = 1,		/* answers ZRUN_NEED_PAGES: no gfn, goes to the domain's stock */
	ZEXT_GRANT = 2,			/* grant frame: no gfn; mapped by the guest's add_to_physmap */
};
struct zendo_extents {
	struct zendo_extent e[128];	/* 3 KiB: always inside one page */
};

struct zendo_memmap_entry {
	uint64_t addr, size;
	uint32_t type, reserved;	/* E820 type; 0 */
};

/*
 * The domain's gfn table, for dom0 to look frames of RAM up without a call (F4): root -> tables of 512 entries of 2 MiB -> where
 * such a chunk is not contiguous, a page of 512 leaves. Written by the hypervisor only, with single 8-byte stores; it never reads
 * the table back, so dom0 spoils at most what it sees itself. Pages below the root come by ZCALL_GFN_PAGE; dom0 fills up what
 * is missing before DONATE and at ZRUN_NEED_PAGES.
 *	entry: 0 = nothing; VALID | BLOCK and hpa of contiguous 2 MiB; VALID and hpa of a page of leaves
 *	leaf:  0 = nothing; VALID and hpa
 * Special pages (shared_info, grant frames) are not in it. An entry is cleared before its frame comes by ZCALL_RETURNED: who
 * looks up, gets a reference to the page, and finds the same entry again has a page that was the guest's meanwhile.
 */
#define ZENDO_GFN_VALID	1
#define ZENDO_GFN_BLOCK	2
struct zendo_gfn_root {
	uint64_t generation;		/* grows with every removal */
	uint64_t nr_gfns;		/* gfns at or above it are not in the table */
	uint64_t entry[510];		/* hpa of tables of 512 entries: 1 GiB of guest space each */
};

/* Pin counts that the hypervisor must see before it switches, resets or shrinks a grant table (F23). */
struct zendo_grant_page {
	uint32_t version;		/* hypervisor: 1 or 2; 0 = in the middle of a switch */
	uint32_t nr_frames;		/* hypervisor */
	uint64_t frame_hpa[64];		/* hypervisor: grant frames as dom0 donated them */
	uint64_t status_hpa[32];	/* hypervisor: v2 status frames */
	uint64_t pinned;		/* dom0: grants it has mapped or is copying from, all refs */
};

/*
 * 6. vCPUs: the run page (one 4 KiB page of dom0's, two halves by writer) and the posted pages.
 *
 * hvpriv runs a vCPU so, interrupts off (F12):
 *	mode = IN_GUEST; smp_mb(); if (posted || request || signal || need_resched) back out;
 *	VCPU_RUN; mode = OUT;
 * A sender posts its bit, smp_mb(), then sends Linux's reschedule IPI to @cpu if mode is IN_GUEST, else
 * wakes the thread if it sleeps. With the barrier on both sides one of the two sees the other.
 */
enum zendo_vcpu_mode { ZMODE_OUT = 0, ZMODE_IN_GUEST = 1 };

enum zendo_run_reason {
	ZRUN_INTR = 0,		/* a physical interrupt waits for dom0: enable interrupts, run again */
	ZRUN_EVENT,		/* ports bound to dom0 were signalled: scan out[] of the posted pages */
	ZRUN_HALT,		/* nothing to do until an event or hyp.deadline_tsc (0 = none) */
	ZRUN_DEADLINE,		/* hyp.deadline_tsc is earlier than dom0.armed_tsc: arm it, run again */
	ZRUN_YIELD,		/* the guest gives its slice away: schedule, run again */
	ZRUN_POLL,		/* like HALT: SCHEDOP_poll, woken by any post or the deadline */
	ZRUN_NEED_PAGES,	/* hyp.need_pool pool pages, hyp.need_ram frames are wanted; the instruction restarts */
	ZRUN_LOADED_ON,		/* state sits in CPU hyp.loaded_cpu: PARK there, run again (VMX) */
	ZRUN_MCE,		/* a machine check hit the guest: hand it to Linux */
	ZRUN_SHUTDOWN,		/* the guest called SCHEDOP_shutdown: hyp.shutdown_code; all its vCPUs stop */
	ZRUN_CRASH,		/* the guest cannot go on: hyp.crash */
	ZRUN_IO,		/* hyp.io has something for user space (text for the domain's log) */
	ZRUN_DOWN,		/* vCPU is not up (waits for SIPI or VCPUOP_up) */
	ZRUN_RETURNED,		/* frames wait in ZCALL_RETURNED */
	ZRUN_NR
};

enum zendo_crash_reason {
	ZCRASH_NONE, ZCRASH_TRIPLE_FAULT, ZCRASH_NO_MEMORY_THERE, ZCRASH_INVALID_STATE,
	ZCRASH_BAD_EXIT, ZCRASH_OUT_OF_QUOTA, ZCRASH_GUEST_SAID_SO, ZCRASH_APIC_ACCESS, ZCRASH_BAD_MEMORY, ZCRASH_NR
};

struct zendo_regs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
};

struct zendo_sregs {
	struct zendo_segment seg[ZSEG_NR];
	struct zendo_desc_ptr gdt, idt;
	uint64_t cr0, cr2, cr3, cr4, efer;
	uint64_t dr6, dr7;
};

struct zendo_crash {
	uint32_t reason;		/* enum zendo_crash_reason */
	uint32_t exit_kind;		/* enum exit_kind of the hypervisor, for people */
	uint64_t exit_code, info1, info2;
	struct zendo_regs regs;
	struct zendo_sregs sregs;
};

#define ZIO_TEXT	1		/* data[0, len): console_io or debug port output */

/* What dom0 writes. */
struct zendo_run_dom0 {
	uint32_t mode;			/* enum zendo_vcpu_mode */
	uint32_t cpu;			/* Linux CPU it runs on, valid when IN_GUEST */
	uint64_t armed_tsc;		/* hvpriv's timer looks no later than this; ~0 = not armed */
	uint32_t paused;		/* informative */
	uint32_t reserved;
};

/* What the hypervisor writes. */
struct zendo_run_hyp {
	uint64_t deadline_tsc;		/* host TSC of the next timer event, 0 = none */
	uint64_t guest_tsc;		/* TSC cycles spent in guest mode so far */
	uint64_t exits;
	uint32_t need_pool, need_ram;
	uint32_t loaded_cpu;
	uint32_t shutdown_code;		/* SHUTDOWN_* of xen/sched.h */
	uint32_t io_kind, io_len;
	uint8_t  blocked, up;
	uint8_t  parked;		/* blocked in HLT with interrupts off: only an NMI or INIT ends it */
	uint8_t  pad[5];
	uint64_t exits_by_kind[32];	/* as in struct zendo_stats. Read again here to count on: dom0 can only mislead itself */
	struct zendo_crash crash;
};

#define ZENDO_RUN_IO_SIZE	2048
struct zendo_run_page {
	struct zendo_run_dom0 dom0;
	uint8_t pad0[128 - sizeof(struct zendo_run_dom0)];
	struct zendo_run_hyp hyp;
	uint8_t pad1[2048 - 128 - sizeof(struct zendo_run_hyp)];
	uint8_t io[ZENDO_RUN_IO_SIZE];	/* hypervisor */
};

/*
 * Posted events (F21). Bits are handles, given when a port is bound to dom0; both directions
 * have the same shape. To post: set the bit in word[], then the word's bit in summary[]; both atomically.
 * To take: clear the summary bit first, then exchange the word with 0.
 */
#define ZENDO_MAX_HANDLES	2048	/* per domain; one more is -ENOSPC */
#define ZENDO_MAX_PEERS		(ZENDO_MAX_VCPUS + 1)	/* one event wakes its target and who polls for it */
struct zendo_posted {
	uint64_t summary;		/* bit i: word[i] may be non-zero */
	uint64_t reserved[7];
	uint64_t word[32];
	uint64_t pad[24];
};

struct zendo_posted_page {
	struct zendo_posted in;		/* dom0 sets, hypervisor takes: events for the guest */
	struct zendo_posted out;	/* hypervisor sets, dom0 takes: events from the guest */
	/*
	 * Hypervisor sets, dom0 takes after each run of this vCPU, whatever the reason: vCPUs of the same
	 * domain that have become runnable and may sleep in dom0.
	 */
	uint64_t wake[ZENDO_MAX_VCPUS / 64];
	/*
	 * The same for vCPUs of other domains, by name (domid << 16 | vcpu), the first nr_peers. The hypervisor writes during
	 * VCPU_RUN only and starts anew with each; dom0 takes between two runs and sets nr_peers to 0.
	 */
	uint32_t nr_peers;
	uint32_t peer[ZENDO_MAX_PEERS];
	uint8_t pad[4096 - 2 * sizeof(struct zendo_posted) - ZENDO_MAX_VCPUS / 8 - 4 * (ZENDO_MAX_PEERS + 1)];
};

/*
 * A vCPU's architectural state but for that of its FPU: to start it, to look at it, later to save it.
 * VCPU_SET takes it only from a vCPU that is not running; unsupported bits are refused with -EINVAL.
 */
struct zendo_vcpu_state {
	struct zendo_regs regs;
	struct zendo_sregs sregs;
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t pat, tsc_aux;
	uint64_t xcr0;			/* VCPU_SET: 0 = stays as it is */
	uint64_t tsc;			/* VCPU_GET: at the time of the call; VCPU_SET does not look at it */
	uint32_t up;			/* 0 = waits for SIPI */
	uint32_t reserved;
};

#ifdef __cplusplus
#define ZENDO_ASSERT_SIZE(t, n) static_assert(sizeof(t) == (n), #t)
#else
#define ZENDO_ASSERT_SIZE(t, n) _Static_assert(sizeof(t) == (n), #t)
#endif
ZENDO_ASSERT_SIZE(struct zendo_run_page, 4096);
ZENDO_ASSERT_SIZE(struct zendo_posted_page, 4096);
ZENDO_ASSERT_SIZE(struct zendo_gfn_root, 4096);
ZENDO_ASSERT_SIZE(struct zendo_extents, 3072);

#endif /* !__ASSEMBLER__ */
#endif /* ZENDO_ABI_H */
