/* SPDX-License-Identifier: GPL-2.0-only */
#include "core_file.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#include "cleanup.h"

#define PAGE		4096ULL
#define VMCOREINFO_MAX	4096		/* Linux keeps its own in one page, VMCOREINFO_BYTES of <linux/crash_core.h> */

/* What the "QEMU" note holds; crash(8) and elf2dmp know it in this form. */
struct qemu_segment {
	uint32_t selector, limit, flags, pad;
	uint64_t base;
};
struct qemu_cpu {
	uint32_t version, size;
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
	struct qemu_segment cs, ds, es, fs, gs, ss, ldt, tr, gdt, idt;
	uint64_t cr[5];
	uint64_t kernel_gs_base;
};
_Static_assert(sizeof(struct elf_prstatus) == 336, "x86-64's prstatus");
_Static_assert(sizeof(struct qemu_cpu) == 440, "no holes in it");

/* A note: header, name and contents, each of a multiple of four bytes. */
#define NOTE_SIZE(name, size)	(sizeof(Elf64_Nhdr) + (sizeof(name) + 3) / 4 * 4 + ((size) + 3) / 4 * 4)

struct writer {
	int fd;
	const struct core_image *c;
	struct core_result result;
	uint64_t done, total;		/* bytes of RAM */

	char *head;			/* all in front of the first page of RAM */
	size_t head_size;
	size_t notes, notes_len;	/* where in it the notes are, and how much of that is used */
	uint64_t notes_room;
};

/* ---- headers and notes ------------------------------------------------------------------- */

static void add_note(struct writer *w, const char *name, size_t name_size, uint32_t type, const void *desc, size_t size)
{
	const Elf64_Nhdr h = { .n_namesz = (uint32_t)name_size, .n_descsz = (uint32_t)size, .n_type = type };
	char *p = w->head + w->notes + w->notes_len;

	memcpy(p, &h, sizeof(h));
	p += sizeof(h);
	memcpy(p, name, name_size);
	p += (name_size + 3) / 4 * 4;
	memcpy(p, desc, size);
	p += (size + 3) / 4 * 4;
	w->notes_len = (size_t)(p - w->head) - w->notes;
}

static void add_prstatus(struct writer *w, const struct core_vcpu *v)
{
	const struct hvpriv_vcpu_state *s = &v->state;
	const struct user_regs_struct regs = {
		.r15 = s->r15, .r14 = s->r14, .r13 = s->r13, .r12 = s->r12, .rbp = s->rbp, .rbx = s->rbx,
		.r11 = s->r11, .r10 = s->r10, .r9 = s->r9, .r8 = s->r8, .rax = s->rax, .rcx = s->rcx, .rdx = s->rdx,
		.rsi = s->rsi, .rdi = s->rdi, .orig_rax = s->rax, .rip = s->rip, .cs = s->cs.selector,
		.eflags = s->rflags, .rsp = s->rsp, .ss = s->ss.selector, .fs_base = s->fs.base, .gs_base = s->gs.base,
		.ds = s->ds.selector, .es = s->es.selector, .fs = s->fs.selector, .gs = s->gs.selector,
	};
	/* a thread of gdb; it takes 0 for no process */
	struct elf_prstatus p = { .pr_pid = (int)v->id + 1 };

	_Static_assert(sizeof(regs) == sizeof(p.pr_reg), "the registers of prstatus");
	memcpy(&p.pr_reg, &regs, sizeof(regs));
	add_note(w, "CORE", sizeof("CORE"), NT_PRSTATUS, &p, sizeof(p));
}

/* QEMU keeps attributes where a descriptor has them: type, S, DPL, P from bit 8, AVL, L, D, G from bit 20. */
static struct qemu_segment qemu_segment(const struct hvpriv_segment *s)
{
	return (struct qemu_segment) {
		.selector = s->selector, .limit = s->limit, .base = s->base,
		.flags = (uint32_t)(s->attr & 0xff) << 8 | (uint32_t)(s->attr & 0xf00) << 12,
	};
}

static void add_qemu(struct writer *w, const struct core_vcpu *v)
{
	const struct hvpriv_vcpu_state *s = &v->state;
	const struct qemu_cpu q = {
		.version = 1, .size = sizeof(q),
		.rax = s->rax, .rbx = s->rbx, .rcx = s->rcx, .rdx = s->rdx, .rsi = s->rsi, .rdi = s->rdi,
		.rsp = s->rsp, .rbp = s->rbp, .r8 = s->r8, .r9 = s->r9, .r10 = s->r10, .r11 = s->r11,
		.r12 = s->r12, .r13 = s->r13, .r14 = s->r14, .r15 = s->r15, .rip = s->rip, .rflags = s->rflags,
		.cs = qemu_segment(&s->cs), .ds = qemu_segment(&s->ds), .es = qemu_segment(&s->es),
		.fs = qemu_segment(&s->fs), .gs = qemu_segment(&s->gs), .ss = qemu_segment(&s->ss),
		.ldt = qemu_segment(&s->ldtr), .tr = qemu_segment(&s->tr),
		.gdt = { .limit = (uint32_t)s->gdt_limit, .base = s->gdt_base },
		.idt = { .limit = (uint32_t)s->idt_limit, .base = s->idt_base },
		.cr = { s->cr0, 0, s->cr2, s->cr3, s->cr4 },
		.kernel_gs_base = s->kernel_gs_base,
	};

	add_note(w, "QEMU", sizeof("QEMU"), 0, &q, sizeof(q));
}

/* Headers, and notes but for what is found on the way; programs expect all of it in front of the pages. */
static int make_head(struct writer *w)
{
	const struct core_image *c = w->c;
	size_t size;

	if (c->nr_ranges == 0 || c->nr_ranges > CORE_MAX_RANGES)
		return -EINVAL;
	w->notes = sizeof(Elf64_Ehdr) + (c->nr_ranges + 1) * sizeof(Elf64_Phdr);
	w->notes_room = c->nr_vcpus * (NOTE_SIZE("CORE", sizeof(struct elf_prstatus)) + NOTE_SIZE("QEMU", sizeof(struct qemu_cpu))) +
			NOTE_SIZE("VMCOREINFO", VMCOREINFO_MAX);
	size = w->notes + w->notes_room;
	w->head_size = (size + PAGE - 1) / PAGE * PAGE;
	w->head = calloc(1, w->head_size);
	if (!w->head)
		return -ENOMEM;
	for (unsigned i = 0; i < c->nr_vcpus; i++) {
		add_prstatus(w, &c->vcpus[i]);
		add_qemu(w, &c->vcpus[i]);
	}
	return 0;
}

static void fill_headers(struct writer *w)
{
	const struct core_image *c = w->c;
	Elf64_Phdr *ph = (Elf64_Phdr *)(void *)(w->head + sizeof(Elf64_Ehdr));
	uint64_t offset = w->head_size;
	const Elf64_Ehdr eh = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT, ELFOSABI_NONE },
		.e_type = ET_CORE, .e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_phoff = sizeof(eh),
		.e_ehsize = sizeof(eh), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = (Elf64_Half)(c->nr_ranges + 1),
	};

	memcpy(w->head, &eh, sizeof(eh));
	*ph++ = (Elf64_Phdr) { .p_type = PT_NOTE, .p_offset = w->notes, .p_filesz = w->notes_len, .p_memsz = w->notes_len };
	for (unsigned i = 0; i < c->nr_ranges; i++) {
		const struct core_range *r = &c->ranges[i];

		*ph++ = (Elf64_Phdr) {
			.p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X, .p_offset = offset, .p_vaddr = r->start,
			.p_paddr = r->start, .p_filesz = r->size, .p_memsz = r->size,
			/* p_align is 0 as in /proc/vmcore: with another, crash(8) takes it for a dump of netdump's and falls over the QEMU notes */
		};
		offset += r->size;
	}
	w->result.size = offset;
}

/* ---- pages ------------------------------------------------------------------------------- */

static int write_at(struct writer *w, const void *buf, size_t size, uint64_t offset)
{
	const char *p = buf;

	w->result.stored += size;
	while (size > 0) {
		ssize_t n = pwrite(w->fd, p, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

static bool is_zero(const char *page)
{
	uint64_t first;

	memcpy(&first, page, sizeof(first));
	return first == 0 && memcmp(page, page + sizeof(first), PAGE - sizeof(first)) == 0;
}

/*
 * Linux keeps this note, which tells crash(8) its layout, at the beginning of a page of its own. It is the guest's to write: what
 * it says of its length is bounded, and what is in it is copied and not looked at.
 */
static void look_for_vmcoreinfo(struct writer *w, const char *page)
{
	static const char name[] = "VMCOREINFO", begins[] = "OSRELEASE=";
	const size_t at = sizeof(Elf64_Nhdr) + (sizeof(name) + 3) / 4 * 4;
	Elf64_Nhdr h;

	if (w->result.vmcoreinfo || memcmp(page + sizeof(h), name, sizeof(name)) != 0)
		return;
	memcpy(&h, page, sizeof(h));
	if (h.n_namesz != sizeof(name) || h.n_type != 0 || h.n_descsz < sizeof(begins) || h.n_descsz > PAGE - at ||
	    memcmp(page + at, begins, sizeof(begins) - 1) != 0)
		return;
	add_note(w, name, sizeof(name), 0, page + at, h.n_descsz);
	w->result.vmcoreinfo = true;
}

/* Runs of pages that are not zero. */
static int write_pages(struct writer *w, const char *mem, uint64_t len, uint64_t offset)
{
	uint64_t from = 0, at;
	int r = 0;

	for (at = 0; at < len && r >= 0; at += PAGE) {
		if (is_zero(mem + at)) {
			if (from < at)
				r = write_at(w, mem + from, at - from, offset + from);
			from = at + PAGE;
		} else {
			look_for_vmcoreinfo(w, mem + at);
		}
	}
	return r >= 0 && from < len ? write_at(w, mem + from, len - from, offset + from) : r;
}

static int write_each_page(struct writer *w, uint64_t gpa, uint64_t len, uint64_t offset)
{
	const void *mem;
	int r;

	for (uint64_t at = 0; at < len; at += PAGE) {
		r = w->c->map(w->c->userdata, gpa + at, PAGE, &mem);
		if (r == -ENXIO) {
			w->result.absent_pages++;
			continue;
		}
		if (r >= 0)
			r = write_pages(w, mem, PAGE, offset + at);
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_range(struct writer *w, const struct core_range *range, uint64_t offset)
{
	const struct core_image *c = w->c;
	const void *mem;
	int r;

	for (uint64_t at = 0; at < range->size;) {
		uint64_t gpa = range->start + at, len = CORE_WINDOW - gpa % CORE_WINDOW;

		if (len > range->size - at)
			len = range->size - at;
		if (c->cancel && atomic_load(c->cancel))
			return -ECANCELED;
		r = c->map(c->userdata, gpa, len, &mem);
		if (r >= 0)
			r = write_pages(w, mem, len, offset + at);
		else if (r == -ENXIO)
			r = write_each_page(w, gpa, len, offset + at);
		if (r < 0)
			return r;
		at += len;
		w->done += len;
		if (c->progress)
			c->progress(c->userdata, w->done, w->total);
	}
	return 0;
}

static int write_all(struct writer *w)
{
	const struct core_image *c = w->c;
	uint64_t offset;
	int r = make_head(w);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < c->nr_ranges; i++)
		w->total += c->ranges[i].size;
	offset = w->head_size;
	for (unsigned i = 0; i < c->nr_ranges; i++) {
		r = write_range(w, &c->ranges[i], offset);
		if (r < 0)
			return r;
		offset += c->ranges[i].size;
	}
	/* last: notes were found on the way, and without a head it is no core */
	fill_headers(w);
	r = write_at(w, w->head, w->head_size, 0);
	/* what ends in a hole */
	if (r >= 0 && ftruncate(w->fd, (off_t)w->result.size) < 0)
		r = -errno;
	return r;
}

int core_write(int fd, const struct core_image *c, struct core_result *ret)
{
	struct writer w = { .fd = fd, .c = c };
	int r = write_all(&w);

	free(w.head);
	if (r >= 0)
		*ret = w.result;
	return r;
}
