/* SPDX-License-Identifier: GPL-2.0-only */
#include "dump.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include <systemd/sd-daemon.h>
#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>

#include "device.h"
#include "file.h"
#include "runtime.h"

#define PAGE	4096ULL

struct dump {
	int fd;				/* of the core */
	int dom;			/* borrowed */
	struct core_image image;
	struct core_vcpu *vcpus;
	void *window;			/* of guest memory, mapped now */
	size_t window_size;

	pthread_t thread;
	bool started;
	atomic_bool cancel;
	int finished;			/* eventfd */
	int r;				/* by the thread, before that */
	struct core_result result;
	unsigned percent;		/* told last */

	sd_event_source *source;
	dump_done_t done;
	void *userdata;
};

/* ---- guest memory ------------------------------------------------------------------------ */

static void unmap(struct dump *d)
{
	if (d->window)
		(void)munmap(d->window, d->window_size);
	d->window = NULL;
}

/*
 * A page that the guest does not have is SIGBUS when it is read. MADV_POPULATE_READ says so instead, and what it has mapped stays
 * with us even if the guest gave it up.
 */
static int map_window(void *userdata, uint64_t gpa, uint64_t len, const void **ret)
{
	struct dump *d = userdata;
	int r;

	unmap(d);
	r = zendo_device_map(d->dom, gpa / PAGE, len / PAGE, &d->window);
	if (r < 0)
		return d->window = NULL, r;
	d->window_size = len;
	do
		r = madvise(d->window, len, MADV_POPULATE_READ) < 0 ? -errno : 0;
	while (r == -EINTR || r == -EAGAIN);
	if (r == -EFAULT || r == -EHWPOISON)
		return -ENXIO;
	*ret = d->window;
	return r;
}

/* All that the guest was told is its RAM. */
static void find_ranges(struct dump *d, const struct zendo_build_plan *plan)
{
	struct core_image *c = &d->image;

	for (unsigned i = 0; i < plan->nr_memmap && c->nr_ranges < CORE_MAX_RANGES; i++) {
		const struct hvpriv_memmap_entry *e = &plan->memmap[i];
		uint64_t start = e->addr & ~(PAGE - 1), end = (e->addr + e->size + PAGE - 1) & ~(PAGE - 1);
		struct core_range *last = c->nr_ranges ? &c->ranges[c->nr_ranges - 1] : NULL;

		if (e->type != XEN_HVM_MEMMAP_TYPE_RAM || end <= start)
			continue;
		if (last && start <= last->start + last->size)
			last->size = end - last->start;
		else
			c->ranges[c->nr_ranges++] = (struct core_range) { start, end - start };
	}
}

/* ---- registers --------------------------------------------------------------------------- */

/* One that has crashed tells where; the general state of another may be refused when the domain has ended. */
static int get_state(int fd, struct hvpriv_vcpu_state *ret)
{
	struct hvpriv_crash crash;
	int r = zendo_device_vcpu_get_state(fd, ret);

	if (r < 0 && zendo_device_vcpu_get_crash(fd, &crash) >= 0) {
		*ret = crash.state;
		ret->up = 1;
		r = 0;
	}
	return r;
}

static int get_vcpus(struct dump *d, const struct domain *dom)
{
	unsigned nr = 0;
	int r;

	d->vcpus = calloc(dom->nr_vcpus, sizeof(*d->vcpus));
	if (!d->vcpus)
		return -ENOMEM;
	for (unsigned i = 0; i < dom->nr_vcpus; i++) {
		r = get_state(dom->vcpus[i].fd, &d->vcpus[nr].state);
		if (r < 0)
			return r;
		d->vcpus[nr].id = i;
		/* what the guest has not started has no registers; the first one has, whatever became of it */
		nr += d->vcpus[nr].state.up || i == 0;
	}
	d->image.vcpus = d->vcpus;
	d->image.nr_vcpus = nr;
	return 0;
}

/* ---- the thread -------------------------------------------------------------------------- */

static void on_progress(void *userdata, uint64_t done, uint64_t total)
{
	struct dump *d = userdata;
	unsigned percent = (unsigned)(done * 100 / total);

	if (percent == d->percent)
		return;
	d->percent = percent;
	/* the unit may be on its way to its end: as long as something is written it is not stuck */
	(void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=writing its core: %u%% of %u MiB", percent, (unsigned)(total >> 20));
}

static void *dump_thread(void *arg)
{
	struct dump *d = arg;
	const uint64_t one = 1;

	d->r = core_write(d->fd, &d->image, &d->result);
	unmap(d);
	(void)sd_notify(0, "EXTEND_TIMEOUT_USEC=600000000\nSTATUS=writing its core to the disk");
	/* it shall be there after a crash of ours, and a full disk is known only now with some file systems */
	if (d->r >= 0 && fsync(d->fd) < 0)
		d->r = -errno;
	(void)!write(d->finished, &one, sizeof(one));
	return NULL;
}

static int on_finished(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct dump *d = userdata;

	(void)s;
	(void)fd;
	(void)revents;
	(void)sd_event_source_set_enabled(d->source, SD_EVENT_OFF);
	(void)pthread_join(d->thread, NULL);
	d->started = false;
	d->done(d->userdata, d->r, &d->result);
	return 0;
}

static int start_thread(struct dump *d)
{
	sigset_t all, old;
	int r;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&d->thread, NULL, dump_thread, d);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	d->started = r == 0;
	return -r;
}

int dump_start(sd_event *event, struct domain *dom, const struct definition *def, int fd, dump_done_t done, void *userdata,
	       struct dump **ret)
{
	_cleanup_(dump_freep) struct dump *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	*d = (struct dump) {
		.fd = -EBADF, .dom = dom->fd, .finished = -EBADF, .done = done, .userdata = userdata, .percent = 101,
		.image = { .map = map_window, .userdata = d, .cancel = &d->cancel, .progress = on_progress },
	};
	find_ranges(d, &def->plan);
	r = get_vcpus(d, dom);
	if (r < 0)
		return r;
	d->finished = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->finished < 0)
		return -errno;
	r = sd_event_add_io(event, &d->source, d->finished, EPOLLIN, on_finished, d);
	if (r < 0)
		return r;
	d->fd = fd;
	r = start_thread(d);
	if (r < 0) {
		d->fd = -EBADF;		/* the caller's still */
		return r;
	}
	*ret = TAKE_PTR(d);
	return 0;
}

int dump_fd(const struct dump *d)
{
	return d->fd;
}

bool dump_is_of(const struct dump *d, const struct domain *dom)
{
	return d->dom == dom->fd;
}

void dump_free(struct dump *d)
{
	if (!d)
		return;
	atomic_store(&d->cancel, true);
	if (d->started)
		(void)pthread_join(d->thread, NULL);
	sd_event_source_disable_unref(d->source);
	unmap(d);
	safe_close(d->finished);
	safe_close(d->fd);
	free(d->vcpus);
	free(d);
}

/* ---- files ------------------------------------------------------------------------------- */

int dump_open_folder(uid_t uid, gid_t gid, int *ret_fd)
{
	_cleanup_close_ int fd = -EBADF;

	if (mkdir(ZENDO_DUMP_DIR, 0750) < 0 && errno != EEXIST)
		return -errno;
	fd = open(ZENDO_DUMP_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (uid != (uid_t)-1 && fchown(fd, uid, gid) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int dump_create(int folder, int *ret_fd)
{
	return file_create_unnamed(folder, ".", 0640, ret_fd);
}

/* Two within a second: the later one waits for no clock and gets a number. */
int dump_keep(int folder, int fd, const char *domain, char ret[static DUMP_NAME_MAX])
{
	char instance[ZENDO_INSTANCE_MAX], date[32];
	time_t t = time(NULL);
	struct tm tm;
	int r;

	if (zendo_instance_from_name(domain, instance) < 0 || !localtime_r(&t, &tm) ||
	    strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &tm) == 0)
		return -EINVAL;
	/* a file's name has 255 bytes */
	instance[200] = '\0';
	for (unsigned i = 1; i < 100; i++) {
		char more[8] = "";

		if (i > 1)
			(void)snprintf(more, sizeof(more), ".%u", i);
		(void)snprintf(ret, DUMP_NAME_MAX, "%s-%s%s.core", instance, date, more);
		r = file_give_name(fd, folder, ret);
		if (r != -EEXIST)
			return r;
	}
	return -EEXIST;
}
