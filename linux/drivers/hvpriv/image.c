// SPDX-License-Identifier: GPL-2.0-only
/* The hypervisor's image: fetched as firmware, checked, laid out in chunk 0 (abi.h, section 2). */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/elf.h>
#include <linux/firmware.h>
#include <linux/mm.h>
#include <linux/miscdevice.h>
#include <linux/overflow.h>
#include <linux/security.h>
#include <crypto/sha2.h>

#include "hvpriv.h"
#include "main.h"

#define HV_IMAGE_NAME	"zendo/hypervisor.elf"
#define HV_IMAGE_MAX	(16U << 20)	/* of the file, symbols included */

/*
 * The top Makefile writes this header from the hypervisor.elf of the same tree. Without it (a bare
 * "make M=") any image is taken, and said so: F33.
 */
#ifdef HVPRIV_HAVE_IMAGE_DIGEST
#include "zendo-image-digest.h"
#endif

static int digest_check(const struct firmware *fw)
{
#ifdef HVPRIV_IMAGE_SHA256
	static const char want[] = HVPRIV_IMAGE_SHA256;
	char hex[2 * SHA256_DIGEST_SIZE + 1] = "";
	u8 digest[SHA256_DIGEST_SIZE];

	BUILD_BUG_ON(sizeof(want) != sizeof(hex));
	sha256(fw->data, fw->size, digest);
	snprintf(hex, sizeof(hex), "%*phN", (int)sizeof(digest), digest);
	if (!strcmp(hex, want))
		return 0;
	return hv_refuse(-EKEYREJECTED, "%s (SHA-256 %.16s...) is not the image this module was built with (%.16s...): install both from one build [Z0108]",
			 HV_IMAGE_NAME, hex, want);
#else
	if (security_locked_down(LOCKDOWN_MODULE_SIGNATURE))
		return hv_refuse(-EKEYREJECTED, "kernel lockdown, and this module was built without the image's digest: build it with the tree's Makefile");
	pr_notice("built without the image's digest: any %s is accepted\n", HV_IMAGE_NAME);
	return 0;
#endif
}

static int bad(const char *what)
{
	return hv_refuse(-ENOEXEC, "%s: %s; reinstall the package", HV_IMAGE_NAME, what);
}

static bool inside(u64 start, u64 len, u64 size)
{
	return start <= size && len <= size - start;
}

static int ehdr_check(const struct firmware *fw)
{
	const Elf64_Ehdr *eh = (const void *)fw->data;

	if (fw->size < sizeof(*eh) || fw->size > HV_IMAGE_MAX)
		return bad("bad size");
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) || eh->e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_machine != EM_X86_64 || eh->e_type != ET_EXEC)
		return bad("not a static x86-64 ELF");
	if (eh->e_phentsize != sizeof(Elf64_Phdr) ||
	    !inside(eh->e_phoff, (u64)eh->e_phnum * sizeof(Elf64_Phdr), fw->size))
		return bad("bad program headers");
	if (eh->e_shnum && (eh->e_shentsize != sizeof(Elf64_Shdr) ||
			    !inside(eh->e_shoff, (u64)eh->e_shnum * sizeof(Elf64_Shdr), fw->size)))
		return bad("bad section headers");
	return 0;
}

static int no_relocations(const struct firmware *fw)
{
	const Elf64_Ehdr *eh = (const void *)fw->data;
	const Elf64_Shdr *sh = (const void *)(fw->data + eh->e_shoff);
	int i;

	for (i = 0; i < eh->e_shnum; i++)
		if ((sh[i].sh_type == SHT_REL || sh[i].sh_type == SHT_RELA) && sh[i].sh_size)
			return bad("has relocations");
	return 0;
}

/* Copy one segment to where it belongs in chunk 0, which is zeroed. */
static int segment_load(struct hv_image *img, const struct firmware *fw, const Elf64_Phdr *ph,
			void *dest, size_t room)
{
	struct hv_segment *seg;
	u64 start, end;

	if (!ph->p_memsz)
		return 0;
	if (ph->p_vaddr < ZENDO_VA_IMAGE || !IS_ALIGNED(ph->p_vaddr, PAGE_SIZE))
		return bad("a segment is not page aligned");
	start = ph->p_vaddr - ZENDO_VA_IMAGE;
	if (!inside(start, ph->p_memsz, room) || ph->p_filesz > ph->p_memsz ||
	    !inside(ph->p_offset, ph->p_filesz, fw->size))
		return bad("a segment is out of range");
	end = PAGE_ALIGN(start + ph->p_memsz);
	if ((ph->p_flags & PF_W) && (ph->p_flags & PF_X))
		return bad("a segment is writable and executable");
	if (img->nr_segments == HV_MAX_SEGMENTS)
		return bad("too many segments");
	if (img->nr_segments && start < img->segment[img->nr_segments - 1].end)
		return bad("segments share a page or are not in order");

	seg = &img->segment[img->nr_segments++];
	seg->start = start;
	seg->end = end;
	seg->flags = ph->p_flags;
	memcpy(dest + start, fw->data + ph->p_offset, ph->p_filesz);
	return 0;
}

static int segments_load(struct hv_image *img, const struct firmware *fw, void *dest, size_t room)
{
	const Elf64_Ehdr *eh = (const void *)fw->data;
	const Elf64_Phdr *ph = (const void *)(fw->data + eh->e_phoff);
	int i, r;

	for (i = 0; i < eh->e_phnum; i++, ph++) {
		if (ph->p_type == PT_DYNAMIC || ph->p_type == PT_INTERP)
			return bad("is dynamically linked");
		if (ph->p_type != PT_LOAD)
			continue;
		r = segment_load(img, fw, ph, dest, room);
		if (r)
			return r;
	}
	return img->nr_segments ? 0 : bad("nothing to load");
}

static bool in_segment(const struct hv_image *img, u64 start, u64 len, u32 flag)
{
	const struct hv_segment *seg = img->segment;
	u32 i;

	for (i = 0; i < img->nr_segments; i++, seg++)
		if ((seg->flags & flag) && start >= seg->start && inside(start, len, seg->end))
			return true;
	return false;
}

static int header_check(struct hv_image *img, const void *base, size_t room)
{
	struct zendo_image_header h;

	if (!in_segment(img, 0, sizeof(h), PF_R))
		return bad("has no header");
	memcpy(&h, base, sizeof(h));
	if (h.magic != ZENDO_IMAGE_MAGIC)
		return bad("has no header");
	if (h.abi_version != ZENDO_ABI_VERSION)
		return hv_refuse(-EPROTO, "%s speaks ABI version %u, this module %u: install both from one build [Z0108]",
				 HV_IMAGE_NAME, h.abi_version, ZENDO_ABI_VERSION);
	if (!IS_ALIGNED(h.image_size, PAGE_SIZE) || h.image_size > room ||
	    h.image_size < img->segment[img->nr_segments - 1].end)
		return bad("its size is wrong");
	if (!IS_ALIGNED(h.launch_offset, sizeof(u64)) ||
	    !in_segment(img, h.launch_offset, sizeof(struct zendo_launch), PF_W))
		return bad("its launch record is out of range");
	if (!in_segment(img, h.entry - ZENDO_VA_IMAGE, 1, PF_X))
		return bad("its entry is out of range");

	img->entry = h.entry;
	img->size = h.image_size;
	img->flags = h.flags;
	img->launch_offset = h.launch_offset;
	strscpy(img->build, h.build, sizeof(img->build));
	return 0;
}

/**
 * hv_image_load() - fetch the image and lay it out
 * @img: filled on success
 * @dest: zeroed memory, the future ZENDO_VA_IMAGE
 * @room: bytes of it
 *
 * Return: 0, or -errno after hv_refuse().
 */
int hv_image_load(struct hv_image *img, void *dest, size_t room)
{
	const struct firmware *fw;
	int r;

	memset(img, 0, sizeof(*img));
	r = request_firmware(&fw, HV_IMAGE_NAME, hv_misc.this_device);
	if (r)
		return hv_refuse(r, "cannot load %s (%d): install it below /lib/firmware [Z0109]", HV_IMAGE_NAME, r);
	r = digest_check(fw);
	if (!r)
		r = ehdr_check(fw);
	if (!r)
		r = no_relocations(fw);
	if (!r)
		r = segments_load(img, fw, dest, room);
	if (!r)
		r = header_check(img, dest, room);
	release_firmware(fw);
	return r;
}
