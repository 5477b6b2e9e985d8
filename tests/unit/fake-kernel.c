/* SPDX-License-Identifier: GPL-2.0-only */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <xen/elfnote.h>

#include "fake-kernel.h"

#define NOTES_AT	1024
#define DATA_AT		4096

static void must(bool ok)
{
	if (!ok)
		abort();
}

uint8_t fake_kernel_byte(unsigned segment, size_t i)
{
	return (uint8_t)(i * 7 + i / 251 + segment * 101 + 1);
}

static size_t put_note(uint8_t *at, uint32_t type, const void *desc, uint32_t len)
{
	const uint32_t head[3] = { 4, len, type };

	memcpy(at, head, 12);
	memcpy(at + 12, "Xen", 4);
	memcpy(at + 16, desc, len);
	return 16 + ((len + 3) & ~3U);
}

static size_t put_notes(const struct fake_kernel *k, uint64_t entry, uint8_t *at)
{
	static const uint32_t reloc[3] = { 0x200000, 0x1000000, 0x3fffffff };
	const uint32_t other[3] = { 4, 3, XEN_ELFNOTE_PHYS32_ENTRY };
	uint8_t desc[16] = { 0 };
	size_t n = 0;

	/* Someone else's note of the same number comes first and must be passed over. */
	memcpy(at, other, 12);
	memcpy(at + 12, "GNU\0abc", 8);
	n += 20;
	memcpy(desc, &entry, sizeof(entry));
	if (!k->no_note)
		n += put_note(at + n, XEN_ELFNOTE_PHYS32_ENTRY, desc,
			      k->desc_len ? k->desc_len : k->elf32 ? 4 : 8);
	if (k->reloc_note)
		n += put_note(at + n, 19, reloc, sizeof(reloc));
	return n;
}

struct layout {
	uint64_t paddr, memsz;
	size_t notes_len, shdr_at;
};

#define DEFINE_PUT_HEADERS(bits, class)								\
static void put_headers##bits(const struct fake_kernel *k, const struct layout *l, uint8_t *f)	\
{												\
	const unsigned nr = k->note_in_section ? 2 : 3;						\
	Elf##bits##_Ehdr h = {									\
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, class, ELFDATA2LSB, EV_CURRENT }, \
		.e_type = ET_EXEC, .e_machine = bits == 32 ? EM_386 : EM_X86_64,		\
		.e_version = EV_CURRENT, .e_phoff = sizeof(h), .e_phentsize = sizeof(Elf##bits##_Phdr), \
		.e_phnum = (uint16_t)nr, .e_ehsize = sizeof(h), .e_shentsize = sizeof(Elf##bits##_Shdr), \
		.e_shoff = k->note_in_section ? l->shdr_at : 0, .e_shnum = k->note_in_section,	\
	};											\
	Elf##bits##_Phdr p[3] = {								\
		{ .p_type = PT_LOAD, .p_offset = DATA_AT + FAKE_KERNEL_DATA, .p_paddr = l->paddr + 0x100000, \
		  .p_filesz = FAKE_KERNEL_DATA, .p_memsz = l->memsz },				\
		{ .p_type = PT_LOAD, .p_offset = DATA_AT, .p_paddr = l->paddr, .p_vaddr = 0,	\
		  .p_filesz = FAKE_KERNEL_DATA, .p_memsz = FAKE_KERNEL_DATA },			\
		{ .p_type = PT_NOTE, .p_offset = NOTES_AT, .p_filesz = l->notes_len },		\
	};											\
	Elf##bits##_Shdr s = { .sh_type = SHT_NOTE, .sh_offset = NOTES_AT, .sh_size = l->notes_len }; \
												\
	memcpy(f, &h, sizeof(h));								\
	memcpy(f + sizeof(h), p, nr * sizeof(p[0]));						\
	if (k->note_in_section)									\
		memcpy(f + l->shdr_at, &s, sizeof(s));						\
}

DEFINE_PUT_HEADERS(32, ELFCLASS32)
DEFINE_PUT_HEADERS(64, ELFCLASS64)

uint8_t *fake_kernel_elf(const struct fake_kernel *k, size_t *ret_size)
{
	struct layout l = {
		.paddr = k->paddr ? k->paddr : 0x1000000,
		.memsz = k->memsz ? k->memsz : FAKE_KERNEL_DATA + FAKE_KERNEL_BSS,
		.shdr_at = 2048,
	};
	uint8_t *f = calloc(1, DATA_AT + 2 * FAKE_KERNEL_DATA);

	must(f);
	l.notes_len = put_notes(k, k->entry ? k->entry : l.paddr + 0x10, f + NOTES_AT);
	if (k->elf32)
		put_headers32(k, &l, f);
	else
		put_headers64(k, &l, f);
	for (unsigned s = 0; s < 2; s++)
		for (size_t i = 0; i < FAKE_KERNEL_DATA; i++)
			f[DATA_AT + s * FAKE_KERNEL_DATA + i] = fake_kernel_byte(s, i);
	*ret_size = DATA_AT + 2 * FAKE_KERNEL_DATA;
	return f;
}

/* ---- packing ---------------------------------------------------------------------------- */

static size_t pack_xz(const void *in, size_t size, uint8_t *out, size_t room)
{
	lzma_options_lzma options;
	const lzma_filter filters[] = {
		{ .id = LZMA_FILTER_X86 }, { .id = LZMA_FILTER_LZMA2, .options = &options },
		{ .id = LZMA_VLI_UNKNOWN },
	};
	size_t n = 0;

	must(!lzma_lzma_preset(&options, 6));
	must(lzma_stream_buffer_encode((lzma_filter *)filters, LZMA_CHECK_CRC32, NULL, in, size, out, &n, room) == LZMA_OK);
	return n;
}

static size_t pack_lzma(const void *in, size_t size, uint8_t *out, size_t room)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_options_lzma options;

	must(!lzma_lzma_preset(&options, 6));
	must(lzma_alone_encoder(&s, &options) == LZMA_OK);
	s.next_in = in;
	s.avail_in = size;
	s.next_out = out;
	s.avail_out = room;
	must(lzma_code(&s, LZMA_FINISH) == LZMA_STREAM_END);
	room = s.total_out;
	lzma_end(&s);
	return room;
}

static size_t pack_gzip(const void *in, size_t size, uint8_t *out, size_t room)
{
	z_stream s = { .next_in = (uint8_t *)in, .avail_in = (uInt)size, .next_out = out, .avail_out = (uInt)room };

	must(deflateInit2(&s, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	must(deflate(&s, Z_FINISH) == Z_STREAM_END);
	must(deflateEnd(&s) == Z_OK);
	return s.total_out;
}

/* As the kernel's build does it, from a pipe: the frame does not know its size. */
static size_t pack_zstd(const void *in, size_t size, uint8_t *out, size_t room)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_inBuffer i = { in, size, 0 };
	ZSTD_outBuffer o = { out, room, 0 };

	must(!ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, 27)));
	must(!ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1)));
	must(!ZSTD_isError(ZSTD_compressStream2(c, &o, &i, ZSTD_e_flush)));
	must(ZSTD_compressStream2(c, &o, &i, ZSTD_e_end) == 0);
	ZSTD_freeCCtx(c);
	return o.pos;
}

static size_t pack_lz4(const void *in, size_t size, uint8_t *out, size_t room)
{
	static const uint8_t magic[4] = { 0x02, 0x21, 0x4c, 0x18 };
	size_t n = 4;

	memcpy(out, magic, 4);
	for (size_t at = 0; at < size; at += 8 << 20) {
		int len = (int)(size - at < 8 << 20 ? size - at : 8 << 20);
		int packed = LZ4_compress_default((const char *)in + at, (char *)out + n + 4, len, (int)(room - n - 4));

		must(packed > 0);
		memcpy(out + n, &packed, 4);
		n += 4 + (size_t)packed;
	}
	return n;
}

static size_t pack_not(const void *in, size_t size, uint8_t *out, size_t room)
{
	must(size <= room);
	memcpy(out, in, size);
	return size;
}

static size_t pack(const char *compression, const void *in, size_t size, uint8_t *out, size_t room)
{
	static const struct {
		const char *name;
		size_t (*pack)(const void *in, size_t size, uint8_t *out, size_t room);
	} packers[] = {
		{ "xz", pack_xz }, { "zstd", pack_zstd }, { "gzip", pack_gzip }, { "lz4", pack_lz4 }, { "lzma", pack_lzma },
	};

	for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++)
		if (strcmp(packers[i].name, compression) == 0)
			return packers[i].pack(in, size, out, room);
	return pack_not(in, size, out, room);
}

uint8_t *fake_kernel_bzimage(const char *compression, const void *data, size_t size, size_t *ret_size)
{
	const size_t room = size + size / 2 + 65536;
	const uint32_t offset = 0, raw = (uint32_t)size;
	uint8_t *f = calloc(1, FAKE_BZIMAGE_PAYLOAD + room);
	uint32_t len;

	must(f);
	f[0x1f1] = 1;
	memcpy(f + 0x202, "HdrS\x0f\x02", 6);
	len = (uint32_t)pack(compression, data, size, f + FAKE_BZIMAGE_PAYLOAD, room - 4);
	if (strcmp(compression, "gzip") != 0) {
		memcpy(f + FAKE_BZIMAGE_PAYLOAD + len, &raw, 4);
		len += 4;
	}
	memcpy(f + 0x248, &offset, 4);
	memcpy(f + 0x24c, &len, 4);
	*ret_size = FAKE_BZIMAGE_PAYLOAD + len;
	f = realloc(f, *ret_size);
	must(f);
	return f;
}
