/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cleanup.h"

int zendo_backend_id(const char *class, uint32_t domid, uint32_t devid, struct hvback_id *ret)
{
	struct hvback_id id = { .domid = domid, .devid = devid };

	if (!*class || strlen(class) >= sizeof(id.class))
		return -EINVAL;
	memcpy(id.class, class, strlen(class));
	*ret = id;
	return 0;
}

bool zendo_backend_id_equal(const struct hvback_id *a, const struct hvback_id *b)
{
	return a->domid == b->domid && a->devid == b->devid && strncmp(a->class, b->class, sizeof(a->class)) == 0;
}

char *zendo_backend_name(const struct hvback_id *id, char ret[static ZENDO_BACKEND_NAME_MAX])
{
	(void)snprintf(ret, ZENDO_BACKEND_NAME_MAX, "%.*s-%" PRIu32 "-%" PRIu32, HVBACK_CLASS_LEN - 1, id->class, id->domid, id->devid);
	return ret;
}

int zendo_backend_parse_name(const char *name, struct hvback_id *ret)
{
	char class[HVBACK_CLASS_LEN], again[ZENDO_BACKEND_NAME_MAX];
	uint32_t domid, devid;
	struct hvback_id id;

	if (sscanf(name, "%7[a-z0-9]-%" SCNu32 "-%" SCNu32, class, &domid, &devid) != 3 ||
	    zendo_backend_id(class, domid, devid, &id) < 0 || strcmp(zendo_backend_name(&id, again), name) != 0)
		return -EINVAL;
	*ret = id;
	return 0;
}

int zendo_backend_open(int *ret_fd)
{
	int fd = open(ZENDO_BACKEND_PATH, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int request(int fd, unsigned long nr, void *arg)
{
	return ioctl(fd, nr, arg) < 0 ? -errno : 0;
}

static const char *explain(int r)
{
	switch (-r) {
	case EEXIST:
		return "this device number is taken";
	case ESRCH:
	case ESHUTDOWN:
		return "the domain is gone";
	case ENOENT:
		return "there is no such device, or no module that serves its class";
	case ENODEV:
		return "the hypervisor is not running";
	case ENOTTY:
		return "the module hvpriv is older than this program";
	default:
		return strerror(-r);
	}
}

/* @r with the kernel's words for it. */
static int result(int r, char *reason, struct zendo_error *e)
{
	reason[HVBACK_REASON_LEN - 1] = '\0';
	if (r >= 0)
		return r;
	return zendo_error(e, r, "%s", *reason ? reason : explain(r));
}

int zendo_backend_add(int fd, const struct hvback_id *id, int target, const void *conf, size_t len, struct zendo_error *e)
{
	struct hvback_add a = { .id = *id, .target = target < 0 ? -1 : target, .conf_len = (uint32_t)len, .conf = (uintptr_t)conf };

	int r = result(request(fd, HVBACK_ADD, &a), a.reason, e);

	/* it is not installed, not for this kernel, or not of hvpriv's version */
	if (r == -ENOENT)
		return zendo_error(e, r, "no module serves devices of class %.*s: 'modprobe hvback:%.*s' says why", HVBACK_CLASS_LEN, id->class,
				   HVBACK_CLASS_LEN, id->class);
	return r;
}

int zendo_backend_connect(int fd, const struct hvback_id *id, const struct hvback_queue *queues, uint32_t nr, uint32_t protocol,
			  uint64_t features, struct zendo_error *e)
{
	struct hvback_connect c = {
		.id = *id, .nr_queues = nr, .protocol = protocol, .features = features, .queues = (uintptr_t)queues,
	};

	return result(request(fd, HVBACK_CONNECT, &c), c.reason, e);
}

int zendo_backend_disconnect(int fd, const struct hvback_id *id)
{
	struct hvback_simple s = { .id = *id };

	return request(fd, HVBACK_DISCONNECT, &s);
}

int zendo_backend_remove(int fd, const struct hvback_id *id)
{
	struct hvback_simple s = { .id = *id };

	return request(fd, HVBACK_REMOVE, &s);
}

int zendo_backend_set(int fd, const struct hvback_id *id, uint32_t what, const void *blob, size_t len, struct zendo_error *e)
{
	struct hvback_blob b = { .id = *id, .what = what, .len = (uint32_t)len, .blob = (uintptr_t)blob };

	return result(request(fd, HVBACK_SET, &b), b.reason, e);
}

int zendo_backend_info(int fd, const struct hvback_id *id, void *blob, size_t size, struct zendo_error *e)
{
	struct hvback_blob b = { .id = *id, .len = (uint32_t)size, .blob = (uintptr_t)blob };
	int r = result(request(fd, HVBACK_INFO, &b), b.reason, e);

	if (r >= 0 && b.len != size)
		return zendo_error(e, -EBADMSG, "the module that serves it is of another version than this program: unload it (modprobe -r), the "
				   "installed one is loaded then");
	return r;
}

static int read_attribute(const struct hvback_id *id, const char *name, char *buf, size_t size)
{
	char path[sizeof(ZENDO_BACKEND_BUS) + ZENDO_BACKEND_NAME_MAX + 16], device[ZENDO_BACKEND_NAME_MAX];
	_cleanup_close_ int fd = -EBADF;
	ssize_t n;

	(void)snprintf(path, sizeof(path), ZENDO_BACKEND_BUS "/%s/%s", zendo_backend_name(id, device), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, size - 1);
	if (n < 0)
		return errno == ENODEV ? -ENOENT : -errno;	/* it went between open and read */
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

int zendo_backend_state(const struct hvback_id *id, uint32_t *ret, char *reason)
{
	static const char *const names[] = {
		[HVBACK_ST_WAITING] = "waiting", [HVBACK_ST_CONNECTED] = "connected", [HVBACK_ST_BROKEN] = "broken",
	};
	uint32_t state = HVBACK_ST_WAITING;
	char text[32];
	int r;

	r = read_attribute(id, "state", text, sizeof(text));
	if (r < 0)
		return r;
	while (state <= HVBACK_ST_BROKEN && strcmp(names[state], text) != 0)
		state++;
	if (state > HVBACK_ST_BROKEN)
		return -EBADMSG;
	r = reason ? read_attribute(id, "reason", reason, HVBACK_REASON_LEN) : 0;
	if (r < 0)
		return r;
	*ret = state;
	return 0;
}

static inline void closedirp(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

int zendo_backend_list(struct hvback_id **ret, size_t *ret_nr)
{
	_cleanup_(closedirp) DIR *dir = opendir(ZENDO_BACKEND_BUS);
	_cleanup_free_ struct hvback_id *all = NULL;
	struct hvback_id *grown, id;
	struct dirent *entry;
	size_t nr = 0;

	if (!dir)
		return -errno;
	while ((errno = 0, entry = readdir(dir))) {
		if (zendo_backend_parse_name(entry->d_name, &id) < 0)
			continue;
		grown = reallocarray(all, nr + 1, sizeof(*all));
		if (!grown)
			return -ENOMEM;
		all = grown;
		all[nr++] = id;
	}
	if (errno)
		return -errno;
	*ret = TAKE_PTR(all);
	*ret_nr = nr;
	return 0;
}
