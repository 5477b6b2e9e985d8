/* SPDX-License-Identifier: GPL-2.0-only */
#include "export.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#include "backend.h"
#include "beside.h"
#include "cleanup.h"
#include "disk_unit.h"
#include "log.h"
#include "nbd.h"

struct export {
	struct beside b;
	struct claim_set set;
	bool reserved;		/* nbd is ours, though the kernel does not show it yet */
	unsigned nbd;
};

static void undo(const struct hvback_id *id, bool published)
{
	char name[ZENDO_BACKEND_NAME_MAX];
	struct zendo_error e = {};

	(void)published;
	if (disk_unit_stop(id, &e) < 0)
		log_line(LOG_ERR, "%s: its image is not let go: %s", zendo_backend_name(id, name), e.text);
}

static void free_export(struct beside *b)
{
	free(b);
}

static struct beside_kind exports = BESIDE_KIND(undo, free_export);

bool export_has(const struct hvback_id *id)
{
	return beside_has(&exports, id);
}

void export_settle(const struct hvback_id *id)
{
	beside_publish(&exports, id);
}

void export_stop(const struct hvback_id *id)
{
	beside_stop(&exports, id);
}

void export_stop_later(const struct hvback_id *id)
{
	beside_stop_later(&exports, id);
}

static bool shares_a_file(const struct beside *b, const void *with)
{
	const struct claim_set *one = &((const struct export *)b)->set, *other = with;

	for (size_t i = 0; i < one->nr; i++)
		for (size_t k = 0; k < other->nr; k++)
			if (claim_overlaps(&one->keys[i], &other->keys[k]))
				return true;
	return false;
}

void export_wait_for(const struct claim_set *set)
{
	beside_wait_for(&exports, shares_a_file, set);
}

static struct beside *make(const struct hvback_id *id, const struct claim_set *set, bool settled)
{
	struct export *x = malloc(sizeof(*x));

	if (x)
		*x = (struct export) { .b = { .id = *id, .published = settled }, .set = *set };
	return x ? &x->b : NULL;
}

/* ---- the beginning ---- */

static int load_nbd(struct zendo_error *e)
{
	int r = nbd_loaded() ? 0 : disk_unit_load_nbd(e);

	if (r < 0 || nbd_loaded())
		return r;
	return zendo_error(e, -ENODEV, "the kernel has no module nbd, which serves images (modprobe nbd says why) [Z0410]");
}

/* Numbers that others of us begin with are taken; against all other programs the kernel decides. */
static int reserve(const struct hvback_id *id, struct zendo_error *e)
{
	_cleanup_free_ bool *taken = calloc(NBD_MAX, sizeof(*taken));
	struct export *x;
	unsigned n;
	int r;

	if (!taken)
		return zendo_error(e, -ENOMEM, "out of memory");
	(void)pthread_mutex_lock(&exports.lock);
	for (x = (struct export *)exports.first; x; x = (struct export *)x->b.next)
		if (x->reserved)
			taken[x->nbd] = true;
	r = nbd_find_idle(taken, &n);
	x = (struct export *)beside_find(&exports, id);
	if (r >= 0 && x) {
		x->nbd = n;
		x->reserved = true;
	}
	(void)pthread_mutex_unlock(&exports.lock);
	if (r < 0)
		return zendo_error(e, r, "all of the kernel's nbd devices are in use; more: 'options nbd nbds_max=NUMBER' in /etc/modprobe.d [Z0411]");
	return (int)n;
}

/*
 * What a file of the image is in the process that was to open it: a name may lead somewhere else by now. 1, 0, or -ESRCH: it has no files any
 * more, so it ends, though it may not have ended yet.
 */
static int has_open(pid_t pid, const struct claim_key *k)
{
	char path[sizeof("/proc//fd/") + 2 * 20];
	bool found = false, any = false;
	struct dirent *entry;
	struct stat st;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	d = opendir(path);
	while (d && !found && (entry = readdir(d))) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%.20s", pid, entry->d_name);
		if (*entry->d_name == '.' || stat(path, &st) < 0)
			continue;
		any = true;
		found = k->block ? S_ISBLK(st.st_mode) && st.st_rdev == k->dev : st.st_dev == k->dev && st.st_ino == k->ino;
	}
	if (d)
		(void)closedir(d);
	return any ? found : -ESRCH;
}

static int check_files(const struct export_wish *w, pid_t pid, struct zendo_error *e)
{
	for (size_t i = 0; i < w->nr_files; i++) {
		int r = w->set->keys[i].dev ? has_open(pid, &w->set->keys[i]) : 1;

		if (r < 0)
			return r;
		if (!r)
			return zendo_error(e, -ESTALE, "%s: another file is there now than was looked at", w->disk->target);
	}
	return 0;
}

static int open_device(const struct export_wish *w, unsigned n, int *ret, struct zendo_error *e)
{
	int flags = w->disk->readonly ? O_RDONLY : O_RDWR | O_EXCL;
	char path[32];

	(void)snprintf(path, sizeof(path), "/dev/nbd%u", n);
	*ret = open(path, flags | O_CLOEXEC | O_NONBLOCK);
	return *ret < 0 ? zendo_error(e, -errno, "%s: %s", path, strerror(errno)) : 0;
}

/* A pidfd is readable when its process has ended. */
static bool has_ended(int server)
{
	struct pollfd p = { .fd = server, .events = POLLIN };

	return poll(&p, 1, 0) != 0;
}

static int check_and_open(const struct export_wish *w, unsigned n, int events, pid_t pid, int server, int *ret_fd, struct zendo_error *e)
{
	uint64_t size = 0;
	int r = nbd_wait(events, server, n, &size);

	if (r < 0)
		return zendo_error(e, r, "/dev/nbd%u does not come up: %s", n, strerror(-r));
	if (size != w->chain->size)
		return zendo_error(e, -ESTALE, "/dev/nbd%u has %" PRIu64 " bytes, not the %" PRIu64 " of the image", n, size, w->chain->size);
	r = open_device(w, n, ret_fd, e);
	return r < 0 ? r : check_files(w, pid, e);
}

/*
 * Who opens the kernel's device keeps it from being anybody else's, whatever becomes of its server. So one that lives when it is open has
 * served it all the time; if not, what was found out on the way need not be of this image.
 */
static int take_over(const struct export_wish *w, unsigned n, int events, pid_t pid, int *ret_fd, struct zendo_error *e)
{
	_cleanup_close_ int server = pidfd_open(pid, 0), fd = -EBADF;
	char name[DISK_UNIT_NAME_MAX];
	int r = server < 0 ? -errno : check_and_open(w, n, events, pid, server, &fd, e);

	if (r == -ESRCH || (server >= 0 && has_ended(server)))
		return zendo_error(e, -ESRCH, "qemu-nbd has ended before its device was opened: journalctl -u %s has the reason",
				   disk_unit_name(w->id, name));
	if (server < 0)
		return zendo_error(e, r, "qemu-nbd cannot be watched: %s", strerror(-r));
	if (r >= 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

/* 1: somebody else was faster on this device. */
static int serve(const struct export_wish *w, unsigned n, int events, int *ret_fd, struct zendo_error *e)
{
	const struct disk_unit u = {
		.id = w->id, .domain = w->domain, .disk = w->disk, .chain = w->chain, .direct = w->direct, .block = w->block, .nbd = n,
	};
	pid_t pid = 0;
	int r;

	r = disk_unit_start(&u, &pid, e);
	if (r < 0 && nbd_is_served(n) && disk_unit_stop(w->id, e) >= 0 && nbd_is_served(n))
		return 1;
	if (r < 0) {
		int why = chain_explain(w->disk, e);

		return why < 0 ? why : r;
	}
	return take_over(w, n, events, pid, ret_fd, e);
}

int export_start(const struct export_wish *w, int *ret_fd, struct zendo_error *e)
{
	_cleanup_close_ int events = -EBADF;
	struct beside *b;
	int r = load_nbd(e);

	if (r >= 0 && (events = nbd_events()) < 0)
		r = zendo_error(e, events, "cannot hear the kernel's events: %s", strerror(-events));
	if (r < 0)
		return r;
	b = make(w->id, w->set, false);
	if (!b)
		return zendo_error(e, -ENOMEM, "out of memory");
	if (!beside_add(&exports, b, beside_same_id, w->id))
		return zendo_error(e, -EEXIST, "%s", strerror(EEXIST));
	do {
		r = reserve(w->id, e);
		if (r >= 0)
			r = serve(w, (unsigned)r, events, ret_fd, e);
	} while (r == 1);
	(void)pthread_mutex_lock(&exports.lock);
	((struct export *)b)->reserved = false;	/* the kernel shows it, or it is free */
	(void)pthread_mutex_unlock(&exports.lock);
	if (r < 0)
		export_stop(w->id);
	return r;
}

/* ---- after a restart ---- */

static void found_unit(const struct hvback_id *id, void *userdata)
{
	struct claim_set set;
	struct beside *b;
	uint32_t state;
	const bool there = zendo_backend_state(id, &state, NULL) >= 0;

	(void)userdata;
	claim_set_of(id, &set);
	b = export_has(id) ? NULL : make(id, &set, true);
	if (b && beside_insert(&exports, b) && !there)
		export_stop_later(id);
}

int export_rebuild(struct zendo_error *e)
{
	return disk_unit_list(found_unit, NULL, e);
}
