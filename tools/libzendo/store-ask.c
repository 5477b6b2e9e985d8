/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a store is asked for: nodes, permissions, domains. */
#include "store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store-request.h"

/* ---- nodes ---- */

int zendo_store_read(struct zendo_store *s, uint32_t tx, const char *path, char **ret, size_t *ret_len)
{
	struct store_answer a;
	int r = store_request_path(s, XS_READ, tx, path, &a);
	char *copy;

	if (r < 0)
		return r;
	copy = malloc(a.len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, a.body, a.len + 1);
	*ret = copy;
	if (ret_len)
		*ret_len = a.len;
	return 0;
}

int zendo_store_read_u64(struct zendo_store *s, uint32_t tx, const char *path, uint64_t *ret)
{
	_cleanup_free_ char *text = NULL;
	char *end;
	size_t len;
	uint64_t value;
	int r = zendo_store_read(s, tx, path, &text, &len);

	if (r < 0)
		return r;
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return -errno;
	if (end != text + len)
		return -EINVAL;
	*ret = value;
	return 0;
}

/* The listing in parts; when it changes on the way it begins again, with a limit that a guest cannot hold us beyond. */
static int list_parts(struct zendo_store *s, uint32_t tx, const char *path, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *all = NULL;
	char generation[24] = "", offset[24];
	size_t len = 0;

	for (unsigned times = 0; times < STORE_AGAIN_MOST;) {
		struct iovec parts[2] = { store_string(path), { offset, 0 } };
		struct store_answer a;
		size_t at, part;
		char *more;
		int r;

		parts[1].iov_len = (size_t)snprintf(offset, sizeof(offset), "%zu", len) + 1;
		r = store_request(s, XS_DIRECTORY_PART, tx, parts, 2, &a);
		if (r < 0)
			return r;
		at = strlen(a.body) + 1;
		if (at > sizeof(generation) || at > a.len)
			return store_fail(s, -EPROTO);
		if (len > 0 && strcmp(generation, a.body) != 0) {
			len = 0;
			times++;
			continue;
		}
		memcpy(generation, a.body, at);
		part = a.len - at;
		/* an empty name is the end */
		if (part == 0 || a.body[a.len - 1] != '\0')
			return store_fail(s, -EPROTO);
		more = realloc(all, len + part);
		if (!more)
			return -ENOMEM;
		all = more;
		memcpy(all + len, a.body + at, part);
		len += part;
		if (part == 1 || a.body[a.len - 2] == '\0') {
			*ret = TAKE_PTR(all);
			*ret_len = len - 1;
			return 0;
		}
	}
	return -EAGAIN;
}

static int split(const char *names, size_t len, char ***ret, size_t *ret_nr)
{
	size_t nr = 0;
	char **list, *to;

	for (size_t i = 0; i < len; i++)
		nr += names[i] == '\0';
	list = malloc((nr + 1) * sizeof(*list) + len);
	if (!list)
		return -ENOMEM;
	to = (char *)(list + nr + 1);
	memcpy(to, names, len);
	for (size_t i = 0; i < nr; i++) {
		list[i] = to;
		to += strlen(to) + 1;
	}
	list[nr] = NULL;
	*ret = list;
	*ret_nr = nr;
	return 0;
}

int zendo_store_list(struct zendo_store *s, uint32_t tx, const char *path, char ***ret, size_t *ret_nr)
{
	_cleanup_free_ char *long_list = NULL;
	struct store_answer a;
	size_t len = 0;
	int r = store_request_path(s, XS_DIRECTORY, tx, path, &a);

	if (r == -E2BIG && strlen(path) < XENSTORE_PAYLOAD_MAX) {
		r = list_parts(s, tx, path, &long_list, &len);
		return r < 0 ? r : split(long_list, len, ret, ret_nr);
	}
	if (r < 0)
		return r;
	if (a.len > 0 && a.body[a.len - 1] != '\0')
		return store_fail(s, -EPROTO);
	return split(a.body, a.len, ret, ret_nr);
}

int zendo_store_write(struct zendo_store *s, uint32_t tx, const char *path, const void *value, size_t len)
{
	const struct iovec parts[] = { store_string(path), { (void *)value, len } };

	return store_request(s, XS_WRITE, tx, parts, 2, NULL);
}

int zendo_store_printf(struct zendo_store *s, uint32_t tx, const char *path, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return zendo_store_write(s, tx, path, text, (size_t)n);
}

int zendo_store_mkdir(struct zendo_store *s, uint32_t tx, const char *path)
{
	return store_request_path(s, XS_MKDIR, tx, path, NULL);
}

int zendo_store_rm(struct zendo_store *s, uint32_t tx, const char *path)
{
	return store_request_path(s, XS_RM, tx, path, NULL);
}

int zendo_store_await_look(struct zendo_store *s, const char *path)
{
	const struct iovec parts[] = { store_string("await-look"), store_string(path) };
	struct store_answer a;
	int r = store_request(s, XS_CONTROL, 0, parts, 2, &a);

	return r < 0 ? r : strcmp(a.body, "awaited") == 0;
}

/* ---- permissions ---- */

static const char access_letters[] = "nrwb";	/* by enum zendo_store_access */

int zendo_store_parse_perm(const char *text, struct zendo_store_perm *ret)
{
	const char *letter = *text ? strchr(access_letters, *text) : NULL;
	char *end;
	unsigned long domid;

	if (!letter || text[1] < '0' || text[1] > '9')
		return -EINVAL;
	domid = strtoul(text + 1, &end, 10);
	if (*end || domid > UINT16_MAX)
		return -EINVAL;
	*ret = (struct zendo_store_perm) { (uint32_t)domid, (enum zendo_store_access)(letter - access_letters) };
	return 0;
}

char *zendo_store_format_perm(const struct zendo_store_perm *perm, char *buf)
{
	(void)snprintf(buf, 12, "%c%" PRIu32, access_letters[perm->access & ZENDO_STORE_BOTH], perm->domid);
	return buf;
}

int zendo_store_set_perms(struct zendo_store *s, uint32_t tx, const char *path, const struct zendo_store_perm *perms, size_t nr)
{
	char texts[XENSTORE_PAYLOAD_MAX];
	struct iovec parts[2] = { store_string(path), { texts, 0 } };

	for (size_t i = 0; i < nr; i++) {
		if (parts[1].iov_len + 12 > sizeof(texts))
			return -E2BIG;
		parts[1].iov_len += strlen(zendo_store_format_perm(&perms[i], texts + parts[1].iov_len)) + 1;
	}
	return store_request(s, XS_SET_PERMS, tx, parts, 2, NULL);
}

int zendo_store_get_perms(struct zendo_store *s, uint32_t tx, const char *path, struct zendo_store_perm **ret, size_t *ret_nr)
{
	_cleanup_free_ struct zendo_store_perm *perms = NULL;
	struct store_answer a;
	size_t nr = 0;
	int r = store_request_path(s, XS_GET_PERMS, tx, path, &a);

	if (r < 0)
		return r;
	perms = calloc(a.len + 1, sizeof(*perms));
	if (!perms)
		return -ENOMEM;
	for (const char *at = a.body; at < a.body + a.len; at += strlen(at) + 1)
		if (zendo_store_parse_perm(at, &perms[nr++]) < 0)
			return store_fail(s, -EPROTO);
	if (nr == 0)
		return store_fail(s, -EPROTO);
	*ret = TAKE_PTR(perms);
	*ret_nr = nr;
	return 0;
}

/* ---- domains ---- */

static int request_numbers(struct zendo_store *s, uint32_t type, const uint64_t *numbers, size_t nr, struct store_answer *ret)
{
	char texts[3][24];
	struct iovec parts[3];

	for (size_t i = 0; i < nr; i++)
		parts[i] = (struct iovec) { texts[i], (size_t)snprintf(texts[i], sizeof(texts[i]), "%" PRIu64, numbers[i]) + 1 };
	return store_request(s, type, 0, parts, nr, ret);
}

int zendo_store_introduce(struct zendo_store *s, uint32_t domid, uint64_t gfn, uint32_t port)
{
	return request_numbers(s, XS_INTRODUCE, (const uint64_t[]) { domid, gfn, port }, 3, NULL);
}

int zendo_store_release(struct zendo_store *s, uint32_t domid)
{
	return request_numbers(s, XS_RELEASE, (const uint64_t[]) { domid }, 1, NULL);
}

int zendo_store_is_introduced(struct zendo_store *s, uint32_t domid, bool *ret)
{
	struct store_answer a;
	int r = request_numbers(s, XS_IS_DOMAIN_INTRODUCED, (const uint64_t[]) { domid }, 1, &a);

	if (r >= 0)
		*ret = a.body[0] == 'T';
	return r;
}
