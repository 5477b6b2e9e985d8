/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <xen/elfnote.h>

#include "elf-kernel.h"
#include "file.h"

/* Newer than Debian 12's libxen-dev. */
#ifndef XEN_ELFNOTE_PHYS32_RELOC
#define XEN_ELFNOTE_PHYS32_RELOC 19	/* u32 each, from the end optional: align, min, max */
#endif

#define MAX_HEADERS 4096	/* program or section headers that are looked at */
#define MAX_NOTES (16U << 20)	/* bytes of them that are read from a file */

/* One program or section header, as far as it matters, of either class. */
struct part {
	uint32_t type;
	uint64_t offset, paddr, filesz, memsz;
};

struct elf {
	const uint8_t *data;
	size_t size;
	bool is64;
	uint64_t phoff, shoff;
	unsigned phnum, shnum;
};

static bool inside(const struct elf *f, uint64_t offset, uint64_t len)
{
	return offset <= f->size && len <= f->size - offset;
}

/* ---- headers: copied out, since nothing in a file is aligned for sure ------------------- */

#define READ_HEADER(f, Ehdr, Phdr, Shdr, ret_machine, ret_type, ret_sizes_ok) ({		\
	Ehdr h_;									\
	memcpy(&h_, (f)->data, sizeof(h_));						\
	(f)->phoff = h_.e_phoff;							\
	(f)->phnum = h_.e_phnum;							\
	(f)->shoff = h_.e_shoff;							\
	(f)->shnum = h_.e_shentsize == sizeof(Shdr) ? h_.e_shnum : 0;			\
	*(ret_machine) = h_.e_machine;							\
	*(ret_type) = h_.e_type;							\
	*(ret_sizes_ok) = h_.e_phentsize == sizeof(Phdr);				\
})

static int read_header(struct elf *f, struct zendo_error *e)
{
	unsigned machine, type;
	bool sizes_ok;

	if (f->size < EI_NIDENT || memcmp(f->data, ELFMAG, SELFMAG) != 0)
		return zendo_error(e, -ENOEXEC, "kernel is not an ELF file");
	if (f->data[EI_CLASS] != ELFCLASS32 && f->data[EI_CLASS] != ELFCLASS64)
		return zendo_error(e, -ENOEXEC, "kernel is an ELF file of unknown class %u", f->data[EI_CLASS]);
	if (f->data[EI_DATA] != ELFDATA2LSB)
		return zendo_error(e, -ENOEXEC, "kernel is not for x86: it is big-endian");
	f->is64 = f->data[EI_CLASS] == ELFCLASS64;
	if (f->size < (f->is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr)))
		return zendo_error(e, -EBADMSG, "truncated kernel: the ELF header is cut off");
	if (f->is64)
		READ_HEADER(f, Elf64_Ehdr, Elf64_Phdr, Elf64_Shdr, &machine, &type, &sizes_ok);
	else
		READ_HEADER(f, Elf32_Ehdr, Elf32_Phdr, Elf32_Shdr, &machine, &type, &sizes_ok);

	if (machine != EM_386 && machine != EM_X86_64)
		return zendo_error(e, -ENOEXEC, "kernel is not for x86: ELF machine %u", machine);
	if (type != ET_EXEC && type != ET_DYN)
		return zendo_error(e, -ENOEXEC, "kernel is not an executable: ELF type %u", type);
	if (f->phnum == 0)
		return zendo_error(e, -ENOEXEC, "kernel has no ELF program headers");
	if (!sizes_ok || f->phnum > MAX_HEADERS)
		return zendo_error(e, -EBADMSG, "damaged kernel: nonsense in its ELF header");
	if (!inside(f, f->phoff, f->phnum * (f->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr))))
		return zendo_error(e, -EBADMSG, "truncated kernel: the ELF program headers are cut off");
	if (f->shnum > MAX_HEADERS ||
	    !inside(f, f->shoff, f->shnum * (f->is64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr))))
		f->shnum = 0;	/* sections are only a second place to look for notes */
	return 0;
}

static struct part get_segment(const struct elf *f, unsigned i)
{
	if (f->is64) {
		Elf64_Phdr h;

		memcpy(&h, f->data + f->phoff + i * sizeof(h), sizeof(h));
		return (struct part){ h.p_type, h.p_offset, h.p_paddr, h.p_filesz, h.p_memsz };
	} else {
		Elf32_Phdr h;

		memcpy(&h, f->data + f->phoff + i * sizeof(h), sizeof(h));
		return (struct part){ h.p_type, h.p_offset, h.p_paddr, h.p_filesz, h.p_memsz };
	}
}

static struct part get_section(const struct elf *f, unsigned i)
{
	if (f->is64) {
		Elf64_Shdr h;

		memcpy(&h, f->data + f->shoff + i * sizeof(h), sizeof(h));
		return (struct part){ .type = h.sh_type, .offset = h.sh_offset, .filesz = h.sh_size };
	} else {
		Elf32_Shdr h;

		memcpy(&h, f->data + f->shoff + i * sizeof(h), sizeof(h));
		return (struct part){ .type = h.sh_type, .offset = h.sh_offset, .filesz = h.sh_size };
	}
}

/* ---- segments --------------------------------------------------------------------------- */

static int compare_segments(const void *a, const void *b)
{
	const struct zendo_image_segment *x = a, *y = b;

	return x->paddr < y->paddr ? -1 : x->paddr > y->paddr;
}

static int add_segment(struct zendo_image *image, const struct elf *f, const struct part *p, struct zendo_error *e)
{
	if (p->filesz > p->memsz)
		return zendo_error(e, -EBADMSG, "damaged kernel: a segment has more bytes in the file than in memory");
	if (!inside(f, p->offset, p->filesz))
		return zendo_error(e, -EBADMSG, "truncated kernel: a segment needs bytes up to 0x%" PRIx64
				   ", the file has 0x%zx", p->offset + p->filesz, f->size);
	if (p->paddr > UINT32_MAX || p->memsz > (1ULL << 32) - p->paddr)
		return zendo_error(e, -ENOEXEC, "kernel has a segment above 4 GiB (0x%" PRIx64 "), where it cannot "
				   "be started", p->paddr);
	if (image->nr_segments == ZENDO_IMAGE_MAX_SEGMENTS)
		return zendo_error(e, -EBADMSG, "damaged kernel: more than %d segments", ZENDO_IMAGE_MAX_SEGMENTS);
	image->segments[image->nr_segments++] = (struct zendo_image_segment){
		.paddr = p->paddr, .memsz = p->memsz, .filesz = p->filesz, .data = f->data + p->offset,
	};
	return 0;
}

/* Placed by physical address: the per-CPU segment of Linux has virtual address 0. */
static int read_segments(struct zendo_image *image, const struct elf *f, struct zendo_error *e)
{
	int r;

	for (unsigned i = 0; i < f->phnum; i++) {
		const struct part p = get_segment(f, i);

		if (p.type != PT_LOAD || p.memsz == 0)
			continue;
		r = add_segment(image, f, &p, e);
		if (r < 0)
			return r;
	}
	if (image->nr_segments == 0)
		return zendo_error(e, -ENOEXEC, "kernel has no segment to load");

	qsort(image->segments, image->nr_segments, sizeof(image->segments[0]), compare_segments);
	image->lowest = image->segments[0].paddr;
	for (unsigned i = 0; i < image->nr_segments; i++) {
		if (i > 0 && image->segments[i].paddr < image->highest)
			return zendo_error(e, -EBADMSG, "damaged kernel: segments overlap at 0x%" PRIx64,
					   image->segments[i].paddr);
		image->highest = image->segments[i].paddr + image->segments[i].memsz;
	}
	return 0;
}

/* ---- notes ------------------------------------------------------------------------------ */

static uint32_t get32(const uint8_t *p) { uint32_t v; memcpy(&v, p, sizeof(v)); return v; }
static uint64_t get64(const uint8_t *p) { uint64_t v; memcpy(&v, p, sizeof(v)); return v; }

struct note {
	uint32_t type;
	const uint8_t *desc;
	uint32_t len;
};

static int take_note(struct zendo_image *image, const struct note *n, bool *found, struct zendo_error *e)
{
	if (n->type == XEN_ELFNOTE_PHYS32_ENTRY) {
		if (n->len != 4 && n->len != 8)
			return zendo_error(e, -EBADMSG, "damaged kernel: its Xen ELF note PHYS32_ENTRY has %u bytes, "
					   "must be 4 or 8", n->len);
		image->entry = n->len == 4 ? get32(n->desc) : get64(n->desc);
		*found = true;
	} else if (n->type == XEN_ELFNOTE_PHYS32_RELOC) {
		image->relocatable = true;
		image->reloc_align = n->len >= 4 ? get32(n->desc) : 0x200000;
		image->reloc_min = n->len >= 8 ? get32(n->desc + 4) : 0;
		image->reloc_max = n->len >= 12 ? get32(n->desc + 8) : UINT32_MAX;
	}
	return 0;
}

static uint64_t align4(uint64_t v) { return (v + 3) & ~3ULL; }

/* {namesz, descsz, type, name padded to 4, desc padded to 4}; what is cut off at the end is no note. */
static int read_notes(struct zendo_image *image, const struct elf *f, const struct part *p, bool *found,
		      struct zendo_error *e)
{
	const uint8_t *at = f->data + p->offset;
	uint64_t left = p->filesz;

	while (left >= 12) {
		const uint64_t name_len = get32(at), len = get32(at + 4);
		const uint64_t desc = 12 + align4(name_len), next = desc + align4(len);
		struct note n = { .type = get32(at + 8), .len = (uint32_t)len };
		int r;

		if (desc > left || len > left - desc)
			return 0;
		if (name_len == 4 && memcmp(at + 12, "Xen", 4) == 0) {
			n.desc = at + desc;
			r = take_note(image, &n, found, e);
			if (r < 0)
				return r;
		}
		if (next >= left)
			return 0;
		at += next;
		left -= next;
	}
	return 0;
}

/*
 * From the file, not from what is loaded: GRUB's notes are in no PT_LOAD. Sections are looked at when
 * no segment of notes has the entry.
 */
static int find_entry(struct zendo_image *image, const struct elf *f, struct zendo_error *e)
{
	bool found = false;
	int r;

	for (unsigned i = 0; i < f->phnum; i++) {
		const struct part p = get_segment(f, i);

		if (p.type != PT_NOTE)
			continue;
		if (!inside(f, p.offset, p.filesz))
			return zendo_error(e, -EBADMSG, "truncated kernel: its ELF notes are cut off");
		r = read_notes(image, f, &p, &found, e);
		if (r < 0)
			return r;
	}
	for (unsigned i = 0; !found && i < f->shnum; i++) {
		const struct part p = get_section(f, i);

		if (p.type != SHT_NOTE || !inside(f, p.offset, p.filesz))
			continue;
		r = read_notes(image, f, &p, &found, e);
		if (r < 0)
			return r;
	}
	if (!found)
		return zendo_error(e, -ENOEXEC, "kernel has no Xen ELF note PHYS32_ENTRY (%d): not a PVH kernel; "
				   "is CONFIG_PVH set? [Z0301]", XEN_ELFNOTE_PHYS32_ENTRY);
	return 0;
}

int elf_kernel_parse(struct zendo_image *image, struct zendo_error *e)
{
	struct elf f = { .data = image->elf, .size = image->elf_size };
	int r;

	r = read_header(&f, e);
	if (r < 0)
		return r;
	image->elf_class = f.is64 ? 64 : 32;
	/* First the note: whoever gives the wrong file gets the reason that helps. */
	r = find_entry(image, &f, e);
	if (r < 0)
		return r;
	r = read_segments(image, &f, e);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < image->nr_segments; i++)
		if (image->entry >= image->segments[i].paddr &&
		    image->entry - image->segments[i].paddr < image->segments[i].memsz)
			return 0;
	return zendo_error(e, -EBADMSG, "damaged kernel: its entry 0x%" PRIx64 " lies in no segment", image->entry);
}

/* ---- reading only what is needed ---------------------------------------------------------- */

struct source {
	int fd;
	uint8_t *map;
	uint64_t notes_left;
	struct zendo_error *e;
};

static int read_range(const struct source *x, uint64_t offset, uint64_t len)
{
	int r = file_read_at(x->fd, x->map + offset, len, offset);

	return r < 0 ? zendo_error(x->e, r, "cannot read kernel: %s", strerrordesc_np(-r)) : 0;
}

static int read_note_part(struct source *x, const struct elf *f, const struct part *p)
{
	if (!inside(f, p->offset, p->filesz))
		return 0;
	if (p->filesz > x->notes_left)
		return zendo_error(x->e, -EBADMSG, "damaged kernel: more than %u MiB of ELF notes", MAX_NOTES >> 20);
	x->notes_left -= p->filesz;
	return read_range(x, p->offset, p->filesz);
}

static int read_tables(const struct source *x, const struct elf *f)
{
	const uint64_t segment = f->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	const uint64_t section = f->is64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	int r;

	r = read_range(x, f->phoff, f->phnum * segment);
	return r < 0 || f->shnum == 0 ? r : read_range(x, f->shoff, f->shnum * section);
}

int elf_kernel_read(struct zendo_image *image, int fd, void *map, struct zendo_error *e)
{
	struct elf f = { .data = map, .size = image->elf_size };
	struct source x = { .fd = fd, .map = map, .notes_left = MAX_NOTES, .e = e };
	int r;

	r = read_range(&x, 0, f.size < sizeof(Elf64_Ehdr) ? f.size : sizeof(Elf64_Ehdr));
	if (r >= 0)
		r = read_header(&f, e);
	if (r >= 0)
		r = read_tables(&x, &f);
	for (unsigned i = 0; i < f.phnum && r >= 0; i++) {
		const struct part p = get_segment(&f, i);

		if (p.type == PT_NOTE)
			r = read_note_part(&x, &f, &p);
	}
	for (unsigned i = 0; i < f.shnum && r >= 0; i++) {
		const struct part p = get_section(&f, i);

		if (p.type == SHT_NOTE)
			r = read_note_part(&x, &f, &p);
	}
	return r;
}
