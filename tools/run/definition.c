/* SPDX-License-Identifier: GPL-2.0-only */
#include "definition.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xen/arch-x86/cpufeatureset.h>

#include "cache.h"
#include "host.h"
#include "runtime.h"

/* What the definition says of each vCPU, as far as those CPUs are there now. */
static int find_cpus(struct definition *d, struct zendo_error *e)
{
	const struct zendo_config *c = d->config;
	struct zendo_cpus online;
	unsigned cpu;
	int r;

	d->cpus = calloc(c->maxvcpus, sizeof(*d->cpus));
	if (!d->cpus)
		return zendo_error(e, -ENOMEM, "out of memory");
	r = zendo_cpus_online(&online);
	if (r < 0)
		return zendo_error(e, r, "cannot find out which CPUs are online: %s", strerror(-r));
	r = zendo_config_check_cpus(c, &online, e);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < c->maxvcpus; i++)
		if (zendo_config_cpus_of(c, i)) {
			d->cpus[i] = *zendo_config_cpus_of(c, i);
			(void)zendo_cpus_limit(&d->cpus[i], &online, &cpu);	/* checked above */
		}
	return 0;
}

/* One that has none in its definition gets a random one (RFC 4122, version 4) for as long as its runner lives. */
static int make_uuid(struct zendo_config *c)
{
	if (getrandom(c->uuid, sizeof(c->uuid), 0) != sizeof(c->uuid))
		return -EIO;
	c->uuid[6] = (c->uuid[6] & 0x0f) | 0x40;
	c->uuid[8] = (c->uuid[8] & 0x3f) | 0x80;
	c->has_uuid = true;
	return 0;
}

static int load_config(struct definition *d, const char *path, const char *name, struct zendo_error *e)
{
	struct zendo_config *c;
	int r;

	r = zendo_config_load(path, NULL, &d->config, e);
	if (r < 0)
		return r;
	c = d->config;
	if (strcmp(c->name, name) != 0)
		return zendo_error(e, -EINVAL, "%s defines the domain '%s', not '%s'", path, c->name, name);
	if (!c->has_uuid && make_uuid(c) < 0)
		return zendo_error(e, -EIO, "no random bytes for the domain's uuid");
	r = zendo_runtime_check_actions(c, e);
	if (r < 0)
		return r;
	return find_cpus(d, e);
}

/*
 * A kernel that had to be unpacked stands in our memory; the same from the cache is shared with all
 * others. So ask again once it is there.
 */
static int open_image(struct definition *d, zendo_image_progress_t progress, struct zendo_error *e)
{
	struct zendo_image_options o = {
		.cache_dir = ZENDO_CACHE_DIR, .index_dir = ZENDO_CACHE_INDEX_DIR, .progress = progress,
	};
	struct zendo_image *again;
	int r;

	r = zendo_image_open(d->config->kernel, &o, &d->image, e);
	if (r < 0)
		return r;
	d->kernel_fd = open(d->config->kernel, O_RDONLY | O_CLOEXEC);
	if (d->kernel_fd < 0)
		return zendo_error(e, -errno, "%s: %s", d->config->kernel, strerror(errno));
	if (d->image->from_cache || strcmp(d->image->compression, "none") == 0)
		return 0;
	o.progress = NULL;
	r = zendo_image_open(d->config->kernel, &o, &again, NULL);
	if (r < 0)
		return 0;	/* we have one already */
	zendo_image_free(d->image);
	d->image = again;
	return 0;
}

static int open_ramdisk(struct definition *d, struct zendo_error *e)
{
	const char *path = d->config->ramdisk;

	if (!path)
		return 0;
	d->ramdisk_fd = open(path, O_RDONLY | O_CLOEXEC);
	return d->ramdisk_fd < 0 ? zendo_error(e, -errno, "ramdisk %s: %s", path, strerror(errno)) : 0;
}

static int plan(struct definition *d, struct zendo_error *e)
{
	const struct zendo_config *c = d->config;
	const struct zendo_build_params p = {
		.image = d->image,
		.ramdisk_fd = d->ramdisk_fd,
		.cmdline = c->cmdline,
		.memory_mib = c->memory_mib,
		.maxmem_mib = c->maxmem_mib,
		.vcpus = c->vcpus,
		.maxvcpus = c->maxvcpus,
		.store = d->store,
	};

	int r = zendo_build_plan(&p, &d->plan, e);

	/* Who does not see x2APIC mode must not begin in it. */
	if (r >= 0 && zendo_policy_hides(&c->policy, XEN_X86_FEATURE_X2APIC))
		d->plan.flags |= HVPRIV_CREATE_XAPIC;
	return r;
}

int definition_load(const char *path, const char *name, zendo_image_progress_t progress,
		    struct definition **ret, struct zendo_error *e)
{
	_cleanup_(definition_freep) struct definition *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return zendo_error(e, -ENOMEM, "out of memory");
	d->kernel_fd = d->ramdisk_fd = -EBADF;
	d->store = access(ZENDO_STORE_SOCKET, F_OK) == 0;
	if ((r = load_config(d, path, name, e)) < 0 ||
	    (r = open_image(d, progress, e)) < 0 ||
	    (r = open_ramdisk(d, e)) < 0 ||
	    (r = plan(d, e)) < 0)
		return r;
	*ret = TAKE_PTR(d);
	return 0;
}

void definition_free(struct definition *d)
{
	if (!d)
		return;
	zendo_image_free(d->image);
	free(d->packed);
	zendo_config_free(d->config);
	safe_close(d->kernel_fd);
	safe_close(d->ramdisk_fd);
	free(d->cpus);
	free(d);
}

int definition_check_memory(const struct definition *d, struct zendo_error *e)
{
	struct zendo_host h;
	uint64_t free_kib;

	if (zendo_host_read(&h) < 0)
		return 0;	/* the allocation itself will tell */
	free_kib = h.mem_available_kib > ZENDO_HOST_RESERVE_KIB ? h.mem_available_kib - ZENDO_HOST_RESERVE_KIB : 0;
	if (d->config->memory_mib * 1024 <= free_kib)
		return 0;
	return zendo_error(e, -ENOMEM, "memory=%" PRIu64 " MiB are wanted, %" PRIu64 " MiB are free",
			   d->config->memory_mib, free_kib / 1024);
}

void definition_settle(struct definition *d)
{
	if (d->image->fd >= 0)
		return;		/* its segments are in no memory of ours */
	if (d->image->from_cache) {
		/* pages of a file: dropped here, and read again when they are wanted */
		(void)madvise(d->image->map, d->image->map_size, MADV_DONTNEED);
		return;
	}
	zendo_image_free(d->image);
	d->image = NULL;
	free(d->packed);
	d->packed = NULL;
}

/* By the descriptor from before our rights were dropped: the path may be closed to us now. */
static int read_kernel(struct definition *d, size_t *ret_size)
{
	struct stat st;
	size_t done = 0;
	ssize_t n;

	if (fstat(d->kernel_fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0 || (uint64_t)st.st_size > ZENDO_IMAGE_MAX_BYTES)
		return -EFBIG;
	d->packed = malloc((size_t)st.st_size);
	if (!d->packed)
		return -ENOMEM;
	while (done < (size_t)st.st_size) {
		n = pread(d->kernel_fd, (char *)d->packed + done, (size_t)st.st_size - done, (off_t)done);
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		done += (size_t)n;
	}
	*ret_size = done;
	return 0;
}

int definition_renew(struct definition *d, struct zendo_error *e)
{
	size_t size = 0;
	int r;

	if (d->image)
		return 0;
	r = read_kernel(d, &size);
	if (r < 0)
		return zendo_error(e, r, "cannot read %s again: %s", d->config->kernel, strerror(-r));
	r = zendo_image_parse(d->packed, size, NULL, &d->image, e);
	return r < 0 ? r : plan(d, e);
}
