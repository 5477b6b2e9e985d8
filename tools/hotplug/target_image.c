/* SPDX-License-Identifier: GPL-2.0-only */
/* Targets that qemu-nbd turns into a block device: images, and disks of other machines. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "export.h"
#include "target.h"

struct image {
	const struct zendo_disk *disk;
	struct chain chain;
	struct claim_set set;
	struct claim_key first;		/* the image itself, as it was looked at and claimed */
	bool direct;	/* all of its files can O_DIRECT */
	bool block;	/* the first lies on a block device */
};

static void image_clear(struct image *m)
{
	chain_clear(&m->chain);
}

/* FNV-1a: a disk of another machine is known here by its name only, and two names are two disks. */
static ino_t hash_of(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return (ino_t)h;
}

static bool can_direct(int path_fd)
{
	_cleanup_close_ int fd = -EBADF;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_DIRECT);
	return fd >= 0;
}

/* Claims @set, for what is called @path. On failure @id has nothing any more. */
static int take(struct image *m, const struct hvback_id *id, const struct claim_set *set, const struct chain_file *files, struct zendo_error *e)
{
	struct zendo_error why = {};
	size_t failed = 0;
	int r;

	export_wait_for(set);
	r = claim_take_set(set, id, m->disk->force, &failed, &why);
	if (r >= 0)
		return 0;
	return target_fail(m->disk, e, r, "%s: %s", files && files[failed].path ? files[failed].path : m->disk->target, why.text);
}

/*
 * The image itself, before qemu looks at it: who else has it, can it be opened as it is to be used, and is it what the definition says?
 * qemu has locks, too, but does not know whose they are.
 */
static int check_first(struct image *m, const struct hvback_id *id, struct zendo_error *e)
{
	_cleanup_close_ int path_fd = -EBADF, fd = -EBADF;
	struct claim_set set = {};
	struct claim_key key = { .ino = hash_of(m->disk->target) };
	const bool remote = zendo_disk_target_is_remote(m->disk->target);
	int r = remote ? 0 : target_look(m->disk, m->disk->target, &path_fd, &key, e);

	if (r < 0)
		return r;
	m->first = key;
	(void)claim_set_add(&set, &key, m->disk->readonly);
	r = take(m, id, &set, NULL, e);
	if (r < 0 || remote)
		return r;
	m->block = key.block;
	if ((r = target_check_users(m->disk, m->disk->target, &key, m->disk->readonly, e)) < 0 ||
	    (r = target_open_again(m->disk, path_fd, key.block, 0, &fd, e)) < 0)
		return r;
	return target_check_magic(m->disk, fd, e);
}

static int add_file(struct image *m, const struct chain_file *f, struct claim_set *below, struct zendo_error *e)
{
	const struct claim_key remote = { .ino = hash_of(f->path) };
	const bool readonly = m->disk->readonly || f->backing;
	_cleanup_close_ int path_fd = -EBADF;
	struct claim_set keys = {};
	struct claim_key key;
	int r;

	if (*f->path != '/')
		return claim_set_add(&m->set, &remote, readonly);
	r = target_look(m->disk, f->path, &path_fd, &key, e);
	/* qemu-img was given a name, and what is claimed is what was there before */
	if (r >= 0 && f == &m->chain.files[0] && !claim_overlaps(&key, &m->first))
		r = target_fail(m->disk, e, -ESTALE, "%s: another file is there now than was looked at", m->disk->target);
	if (r >= 0)
		r = target_check_users(m->disk, f->path, &key, readonly, e);
	if (r < 0)
		return r;
	m->direct &= can_direct(path_fd);
	(void)target_add_keys(&keys, path_fd, &key, readonly);	/* two fit */
	r = claim_set_add(&m->set, &keys.keys[0], readonly);
	if (r >= 0 && keys.nr > 1)
		r = claim_set_add(below, &keys.keys[1], readonly);
	return r;
}

/* All files of the chain, in its order, then what is below them. */
static int make_set(struct image *m, struct zendo_error *e)
{
	struct claim_set below = {};
	int r = 0;

	m->direct = true;
	for (size_t i = 0; i < m->chain.nr && r >= 0; i++)
		r = add_file(m, &m->chain.files[i], &below, e);
	for (size_t i = 0; i < below.nr && r >= 0; i++)
		r = claim_set_add(&m->set, &below.keys[i], below.readonly[i]);
	return r == -E2BIG ? target_fail(m->disk, e, r, "%s stands on more than %d files", m->disk->target, CLAIM_KEYS_MAX) : r;
}

/* All but the first, which is claimed already. */
static int take_others(struct image *m, const struct hvback_id *id, struct zendo_error *e)
{
	struct chain_file files[CLAIM_KEYS_MAX] = {};
	struct claim_set others = {};

	for (size_t i = 1; i < m->set.nr; i++) {
		if (i < m->chain.nr)
			files[i - 1] = m->chain.files[i];
		(void)claim_set_add(&others, &m->set.keys[i], m->set.readonly[i]);
	}
	return take(m, id, &others, files, e);
}

static int open_export(struct image *m, const struct hvback_id *id, const char *domain, int *ret_fd, struct zendo_error *e)
{
	const struct export_wish w = {
		.id = id, .domain = domain, .disk = m->disk, .chain = &m->chain, .set = &m->set, .nr_files = m->chain.nr,
		.direct = m->direct, .block = m->block,
	};
	struct zendo_error why = {};
	int r = export_start(&w, ret_fd, &why);

	return r < 0 ? target_fail(m->disk, e, r, "%s: %s", m->disk->target, why.text) : 0;
}

static int read_chain(struct image *m, struct zendo_error *e)
{
	struct zendo_error why = {};
	int r = chain_read(m->disk, &m->chain, &why);

	return r < 0 ? target_fail(m->disk, e, r, "%s", why.text) : 0;
}

int target_open_image(const struct zendo_disk *d, const struct hvback_id *id, const char *domain, struct target *ret, struct zendo_error *e)
{
	_cleanup_(image_clear) struct image m = { .disk = d };
	int fd, r;

	if ((r = check_first(&m, id, e)) < 0 ||
	    (r = read_chain(&m, e)) < 0 ||
	    (r = target_check_size(d, m.chain.size, e)) < 0 ||
	    (r = make_set(&m, e)) < 0 ||
	    (r = take_others(&m, id, e)) < 0 ||
	    (r = open_export(&m, id, domain, &fd, e)) < 0) {
		claim_release(id);
		return r;
	}
	*ret = (struct target) { .fd = fd, .set = m.set };
	return 0;
}
