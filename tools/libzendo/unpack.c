/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "unpack.h"

/* Boot protocol: offsets in the file */
#define HDR_SETUP_SECTS		0x1f1
#define HDR_MAGIC		0x202	/* "HdrS" */
#define HDR_VERSION		0x206
#define HDR_PAYLOAD_OFFSET	0x248
#define HDR_PAYLOAD_LENGTH	0x24c
#define HDR_END			0x250
#define HDR_VERSION_PAYLOAD	0x0208	/* the first that has the payload fields */

#define CHUNK			((size_t)1 << 20)	/* of output between two calls of progress */
#define LZMA_MEMLIMIT		((uint64_t)256 << 20)	/* Debian's kernels need 33 MiB, xz -9 65 MiB */
#define LZ4_BLOCK_MAX		((size_t)8 << 20)	/* of output, by the definition of the legacy frame */
#define LZ4_LEGACY_MAGIC	0x184c2102U

struct job {
	const uint8_t *in;
	size_t in_size;
	uint8_t *out;
	size_t out_size;		/* what it must come to */
	const struct zendo_image_options *o;
	struct zendo_error *e;
};

struct format {
	const char *name;
	uint8_t magic[6];
	size_t magic_len;
	int (*unpack)(const struct job *j);	/* NULL: only known by name */
	bool size_is_inside;			/* the last 4 bytes belong to the stream */
};

static uint16_t get16(const uint8_t *p) { uint16_t v; memcpy(&v, p, sizeof(v)); return le16toh(v); }
static uint32_t get32(const uint8_t *p) { uint32_t v; memcpy(&v, p, sizeof(v)); return le32toh(v); }

static size_t min_size(size_t a, size_t b) { return a < b ? a : b; }

/* ---- outcomes ------------------------------------------------------------------------ */

static int progress(const struct job *j, size_t done)
{
	if (j->o && j->o->progress && j->o->progress(j->o->progress_userdata, done, j->out_size) != 0)
		return zendo_error(j->e, -ECANCELED, "unpacking the kernel was stopped");
	return 0;
}

static int damaged(const struct job *j, const char *what)
{
	return zendo_error(j->e, -EBADMSG, "damaged kernel: %s", what);
}

static int too_much(const struct job *j)
{
	return damaged(j, "it unpacks to more than it says");
}

/* Every decoder ends here: the stream is over, @done bytes came out. */
static int finish(const struct job *j, size_t done)
{
	if (done != j->out_size)
		return damaged(j, "it unpacks to less than it says");
	return progress(j, done);
}

/* ---- one function per format ----------------------------------------------------------- */

static int lzma_result(const struct job *j, lzma_ret r, size_t out_left)
{
	switch (r) {
	case LZMA_MEM_ERROR:
		return zendo_error(j->e, -ENOMEM, "out of memory");
	case LZMA_MEMLIMIT_ERROR:
		return damaged(j, "unpacking it would need more than 256 MiB of memory");
	case LZMA_BUF_ERROR:
		return out_left == 0 ? too_much(j) : damaged(j, "packed data ends too early");
	case LZMA_OPTIONS_ERROR:
		return damaged(j, "packed with options that liblzma does not know");
	default:
		return damaged(j, "packed data is corrupt");
	}
}

static int run_lzma(const struct job *j, lzma_stream *s)
{
	lzma_ret lr = LZMA_OK;
	int r;

	s->next_in = j->in;
	s->avail_in = j->in_size;
	s->next_out = j->out;
	while (lr == LZMA_OK) {
		s->avail_out = min_size(CHUNK, j->out_size - s->total_out);
		lr = lzma_code(s, LZMA_FINISH);
		r = progress(j, s->total_out);
		if (r < 0)
			return r;
	}
	if (lr != LZMA_STREAM_END)
		return lzma_result(j, lr, j->out_size - s->total_out);
	return finish(j, s->total_out);
}

/* liblzma undoes the x86 branch filter by itself: the filter chain stands in the stream. */
static int unpack_xz(const struct job *j)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_ret lr = lzma_stream_decoder(&s, LZMA_MEMLIMIT, 0);
	int r = lr == LZMA_OK ? run_lzma(j, &s) : lzma_result(j, lr, 0);

	lzma_end(&s);
	return r;
}

static int unpack_lzma(const struct job *j)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_ret lr = lzma_alone_decoder(&s, LZMA_MEMLIMIT);
	int r = lr == LZMA_OK ? run_lzma(j, &s) : lzma_result(j, lr, 0);

	lzma_end(&s);
	return r;
}

static int run_gzip(const struct job *j, z_stream *s)
{
	int zr = Z_OK, r;

	s->next_in = (uint8_t *)j->in;
	s->avail_in = (uInt)j->in_size;
	s->next_out = j->out;
	while (zr == Z_OK) {
		s->avail_out = (uInt)min_size(CHUNK, j->out_size - s->total_out);
		zr = inflate(s, Z_NO_FLUSH);
		r = progress(j, s->total_out);
		if (r < 0)
			return r;
	}
	if (zr == Z_MEM_ERROR)
		return zendo_error(j->e, -ENOMEM, "out of memory");
	if (zr == Z_BUF_ERROR)
		return s->total_out == j->out_size ? too_much(j) : damaged(j, "packed data ends too early");
	if (zr != Z_STREAM_END)
		return damaged(j, "packed data is corrupt");
	return finish(j, s->total_out);
}

static int unpack_gzip(const struct job *j)
{
	z_stream s = { .next_in = NULL };
	int r;

	if (inflateInit2(&s, 16 + MAX_WBITS) != Z_OK)	/* 16: with gzip's header */
		return zendo_error(j->e, -ENOMEM, "out of memory");
	r = run_gzip(j, &s);
	(void)inflateEnd(&s);
	return r;
}

/*
 * In one go, not as a stream: a kernel's window is 128 MiB, and a stream would keep a copy of all of
 * it, while here the output itself is the window.
 */
static int unpack_zstd(const struct job *j)
{
	size_t frame, n;
	ZSTD_DCtx *d;
	int r;

	r = progress(j, 0);
	if (r < 0)
		return r;
	frame = ZSTD_findFrameCompressedSize(j->in, j->in_size);
	if (ZSTD_isError(frame))
		return damaged(j, "packed data is corrupt or ends too early");
	d = ZSTD_createDCtx();
	if (!d)
		return zendo_error(j->e, -ENOMEM, "out of memory");
	n = ZSTD_decompressDCtx(d, j->out, j->out_size, j->in, frame);
	(void)ZSTD_freeDCtx(d);
	switch (ZSTD_getErrorCode(n)) {
	case ZSTD_error_no_error:
		return finish(j, n);
	case ZSTD_error_dstSize_tooSmall:
		return too_much(j);
	case ZSTD_error_memory_allocation:
		return zendo_error(j->e, -ENOMEM, "out of memory");
	default:
		return damaged(j, "packed data is corrupt");
	}
}

/* Magic, then blocks with their length in front, to the end; a frame may follow a frame. */
static int unpack_lz4(const struct job *j)
{
	size_t in = 0, out = 0;
	int r, n;

	while (j->in_size - in >= 4) {
		uint32_t len = get32(j->in + in);

		in += 4;
		if (len == LZ4_LEGACY_MAGIC)
			continue;
		if (len == 0)
			break;
		if (len > (uint32_t)LZ4_compressBound(LZ4_BLOCK_MAX) || len > j->in_size - in)
			return damaged(j, "packed data ends too early");
		n = LZ4_decompress_safe((const char *)j->in + in, (char *)j->out + out, (int)len,
					(int)min_size(LZ4_BLOCK_MAX, j->out_size - out));
		if (n < 0)
			return damaged(j, "packed data is corrupt");
		in += len;
		out += (size_t)n;
		r = progress(j, out);
		if (r < 0)
			return r;
	}
	return finish(j, out);
}

static const struct format formats[] = {
	{ "gzip",  { 0x1f, 0x8b }, 2, unpack_gzip, true },
	{ "xz",    { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, unpack_xz, false },
	{ "zstd",  { 0x28, 0xb5, 0x2f, 0xfd }, 4, unpack_zstd, false },
	{ "lz4",   { 0x02, 0x21, 0x4c, 0x18 }, 4, unpack_lz4, false },
	{ "lzma",  { 0x5d, 0x00 }, 2, unpack_lzma, false },
	{ "bzip2", { 'B', 'Z', 'h' }, 3, NULL, false },
	{ "lzo",   { 0x89, 'L', 'Z', 'O' }, 4, NULL, false },
};

const char *unpack_format_name(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strcmp(formats[i].name, name) == 0)
			return formats[i].name;
	return NULL;
}

/* ---- bzImage --------------------------------------------------------------------------- */

bool unpack_is_bzimage(const void *data, size_t size)
{
	return size >= HDR_MAGIC + 4 && memcmp((const uint8_t *)data + HDR_MAGIC, "HdrS", 4) == 0;
}

static int find_payload(const uint8_t *data, size_t size, const uint8_t **ret, size_t *ret_size,
			struct zendo_error *e)
{
	uint64_t sectors, start, len;

	if (size < HDR_END)
		return zendo_error(e, -EBADMSG, "truncated kernel: only %zu bytes", size);
	if (get16(data + HDR_VERSION) < HDR_VERSION_PAYLOAD)
		return zendo_error(e, -ENOEXEC, "kernel has boot protocol %u.%02u, needs 2.08 (Linux 2.6.26)",
				   data[HDR_VERSION + 1], data[HDR_VERSION]);
	sectors = data[HDR_SETUP_SECTS] ? data[HDR_SETUP_SECTS] : 4;
	start = (sectors + 1) * 512 + get32(data + HDR_PAYLOAD_OFFSET);
	len = get32(data + HDR_PAYLOAD_LENGTH);
	if (len == 0)
		return zendo_error(e, -ENOEXEC, "kernel has no payload");
	if (start > size || len > size - start)
		return zendo_error(e, -EBADMSG, "truncated kernel: its header speaks of %llu bytes, the file has %zu",
				   (unsigned long long)(start + len), size);
	if (len < 16)
		return zendo_error(e, -EBADMSG, "damaged kernel: a payload of %llu bytes", (unsigned long long)len);
	*ret = data + start;
	*ret_size = len;
	return 0;
}

static int find_format(const uint8_t *payload, const struct format **ret, struct zendo_error *e)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const struct format *f = &formats[i];

		if (memcmp(payload, f->magic, f->magic_len) != 0)
			continue;
		if (!f->unpack)
			return zendo_error(e, -EOPNOTSUPP, "kernel is packed with %s, which is not supported: "
					   "build it with xz, zstd, lz4, lzma or gzip", f->name);
		*ret = f;
		return 0;
	}
	return zendo_error(e, -ENOEXEC, "kernel is packed in an unknown way (it begins with %02x %02x %02x %02x)",
			   payload[0], payload[1], payload[2], payload[3]);
}

int unpack_compression(const void *data, size_t size, const char **ret_compression, struct zendo_error *e)
{
	const struct format *f = NULL;
	const uint8_t *payload = NULL;
	size_t len;
	int r;

	r = find_payload(data, size, &payload, &len, e);
	if (r < 0)
		return r;
	r = find_format(payload, &f, e);
	if (r < 0)
		return r;
	*ret_compression = f->name;
	return 0;
}

int unpack_bzimage(const void *data, size_t size, const struct zendo_image_options *o,
		   void **ret, size_t *ret_size, const char **ret_compression, struct zendo_error *e)
{
	struct job j = { .o = o, .e = e };
	const struct format *f = NULL;
	void *map;
	int r;

	r = find_payload(data, size, &j.in, &j.in_size, e);
	if (r < 0)
		return r;
	r = find_format(j.in, &f, e);
	if (r < 0)
		return r;

	/* The payload ends with the unpacked size; gzip has it by itself. */
	j.out_size = get32(j.in + j.in_size - 4);
	if (!f->size_is_inside)
		j.in_size -= 4;
	if (j.out_size > ZENDO_IMAGE_MAX_BYTES)
		return zendo_error(e, -EFBIG, "kernel unpacks to %zu MiB, at most %llu are accepted",
				   j.out_size >> 20, ZENDO_IMAGE_MAX_BYTES >> 20);
	if (j.out_size == 0)
		return zendo_error(e, -EBADMSG, "damaged kernel: it says that it unpacks to nothing");

	map = mmap(NULL, j.out_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return zendo_error(e, -ENOMEM, "out of memory");
	j.out = map;
	r = f->unpack(&j);
	if (r < 0) {
		(void)munmap(map, j.out_size);
		return r;
	}
	*ret = map;
	*ret_size = j.out_size;
	*ret_compression = f->name;
	return 0;
}
