/* SPDX-License-Identifier: GPL-2.0-only */
#include "export.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#include "backend.h"
#include "cleanup.h"
#include "disk_unit.h"
#include "job.h"
#include "log.h"
#include "nbd.h"

struct export {
	struct export *next;
	struct hvback_id id;
	struct claim_set set;
	bool settled;		/* its device was made */
	bool stopping;
	bool reserved;		/* nbd is ours, though the kernel does not show it yet */
	unsigned nbd;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gone = PTHREAD_COND_INITIALIZER;	/* one was taken from the list */
static struct export *exports;				/* under lock */

/* ---- the list ---- */

static struct export *find(const struct hvback_id *id)
{
	for (struct export *x = exports; x; x = x->next)
		if (zendo_backend_id_equal(&x->id, id))
			return x;
	return NULL;
}

bool export_has(const struct hvback_id *id)
{
	bool has;

	(void)pthread_mutex_lock(&lock);
	has = find(id);
	(void)pthread_mutex_unlock(&lock);
	return has;
}

void export_settle(const struct hvback_id *id)
{
	struct export *x;

	(void)pthread_mutex_lock(&lock);
	x = find(id);
	if (x)
		x->settled = true;
	(void)pthread_mutex_unlock(&lock);
}

static void drop_locked(const struct hvback_id *id)
{
	for (struct export **p = &exports; *p; p = &(*p)->next)
		if (zendo_backend_id_equal(&(*p)->id, id)) {
			struct export *x = *p;

			*p = x->next;
			free(x);
			break;
		}
	(void)pthread_cond_broadcast(&gone);
}

/* One with this number that ends is waited for. */
static int add(const struct hvback_id *id, const struct claim_set *set, bool settled)
{
	struct export *x = malloc(sizeof(*x)), *other;

	if (!x)
		return -ENOMEM;
	*x = (struct export) { .id = *id, .set = *set, .settled = settled };
	(void)pthread_mutex_lock(&lock);
	for (other = find(id); other && other->stopping; other = find(id))
		(void)pthread_cond_wait(&gone, &lock);
	if (!other) {
		x->next = exports;
		exports = x;
	}
	(void)pthread_mutex_unlock(&lock);
	if (other)
		free(x);
	return other ? -EEXIST : 0;
}

/* ---- the end ---- */

/* True: it is the caller's to stop now. */
static bool mark_stopping(const struct hvback_id *id)
{
	struct export *x;
	bool ours;

	(void)pthread_mutex_lock(&lock);
	x = find(id);
	ours = x && !x->stopping;
	if (ours)
		x->stopping = true;
	(void)pthread_mutex_unlock(&lock);
	return ours;
}

static void stop_marked(const struct hvback_id *id)
{
	char name[ZENDO_BACKEND_NAME_MAX];
	struct zendo_error e = {};

	if (disk_unit_stop(id, &e) < 0)
		log_line(LOG_ERR, "%s: its image is not let go: %s", zendo_backend_name(id, name), e.text);
	(void)pthread_mutex_lock(&lock);
	drop_locked(id);
	(void)pthread_mutex_unlock(&lock);
}

void export_stop(const struct hvback_id *id)
{
	if (mark_stopping(id)) {
		stop_marked(id);
		return;
	}
	(void)pthread_mutex_lock(&lock);
	while (find(id))	/* somebody stops it */
		(void)pthread_cond_wait(&gone, &lock);
	(void)pthread_mutex_unlock(&lock);
}

struct stop_job {
	struct job job;
	struct hvback_id id;
	struct stop_job *next;
};

/* Of the event loop. When the agent ends meanwhile the next one stops the unit, as its device is gone. */
static struct stop_job *under_way;

static void stop_work(struct job *j)
{
	stop_marked(&((struct stop_job *)j)->id);
}

static void stop_done(struct job *j)
{
	struct stop_job **at = &under_way;

	while (&(*at)->job != j)
		at = &(*at)->next;
	*at = (*at)->next;
	free(j);
}

void export_stop_later(const struct hvback_id *id)
{
	struct stop_job *s;

	if (!mark_stopping(id))
		return;
	s = malloc(sizeof(*s));
	if (s)
		*s = (struct stop_job) { .job = { .work = stop_work, .done = stop_done }, .id = *id };
	if (!s || job_start(&s->job) < 0) {
		free(s);
		stop_marked(id);	/* late, but done */
		return;
	}
	s->next = under_way;	/* before the event loop can hear of its end */
	under_way = s;
}

/* Whose device is gone, though the agent may not have heard of it, and that has a file of @set. */
static bool find_ending(const struct claim_set *set, struct hvback_id *ret)
{
	uint32_t state;

	for (const struct export *x = exports; x; x = x->next) {
		if (!x->stopping && !(x->settled && zendo_backend_state(&x->id, &state, NULL) == -ENOENT))
			continue;
		for (size_t i = 0; i < set->nr; i++)
			for (size_t k = 0; k < x->set.nr; k++)
				if (claim_overlaps(&set->keys[i], &x->set.keys[k])) {
					*ret = x->id;
					return true;
				}
	}
	return false;
}

void export_wait_for(const struct claim_set *set)
{
	struct hvback_id id;
	bool found;

	do {
		(void)pthread_mutex_lock(&lock);
		found = find_ending(set, &id);
		(void)pthread_mutex_unlock(&lock);
		if (found)
			export_stop(&id);
	} while (found);
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
	(void)pthread_mutex_lock(&lock);
	for (x = exports; x; x = x->next)
		if (x->reserved)
			taken[x->nbd] = true;
	r = nbd_find_idle(taken, &n);
	x = find(id);
	if (r >= 0 && x) {
		x->nbd = n;
		x->reserved = true;
	}
	(void)pthread_mutex_unlock(&lock);
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
	int r = load_nbd(e);

	if (r >= 0 && (events = nbd_events()) < 0)
		r = zendo_error(e, events, "cannot hear the kernel's events: %s", strerror(-events));
	if (r < 0)
		return r;
	r = add(w->id, w->set, false);
	if (r < 0)
		return zendo_error(e, r, "%s", strerror(-r));
	do {
		r = reserve(w->id, e);
		if (r >= 0)
			r = serve(w, (unsigned)r, events, ret_fd, e);
	} while (r == 1);
	(void)pthread_mutex_lock(&lock);
	find(w->id)->reserved = false;	/* the kernel shows it, or it is free */
	(void)pthread_mutex_unlock(&lock);
	if (r < 0)
		export_stop(w->id);
	return r;
}

/* ---- after a restart ---- */

static void found_unit(const struct hvback_id *id, void *userdata)
{
	struct claim_set set;
	uint32_t state;
	const bool there = zendo_backend_state(id, &state, NULL) >= 0;

	(void)userdata;
	claim_set_of(id, &set);
	if (export_has(id) || add(id, &set, true) < 0)
		return;
	if (!there)
		export_stop_later(id);
}

int export_rebuild(struct zendo_error *e)
{
	return disk_unit_list(found_unit, NULL, e);
}
