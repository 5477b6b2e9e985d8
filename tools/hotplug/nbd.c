/* SPDX-License-Identifier: GPL-2.0-only */
#include "nbd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "cleanup.h"

#define PATIENCE_MS	30000

static inline void closedirp(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

/* Of the device's folder: its text, or -errno. */
static int read_file(unsigned n, const char *file, char *buf, size_t size)
{
	_cleanup_close_ int fd = -EBADF;
	char path[64];
	ssize_t len;

	(void)snprintf(path, sizeof(path), "/sys/block/nbd%u/%s", n, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, buf, size - 1);
	if (len < 0)
		return -errno;
	buf[len] = '\0';
	return 0;
}

/* The file "pid" is there from its start until its end. */
bool nbd_is_served(unsigned n)
{
	char text[32];

	return read_file(n, "pid", text, sizeof(text)) >= 0;
}

/* Calls for each; true: enough. */
static bool each(bool (*one)(unsigned n, void *userdata), void *userdata)
{
	_cleanup_(closedirp) DIR *d = opendir("/sys/block");
	struct dirent *entry;
	unsigned n;
	int end;

	while (d && (entry = readdir(d)))
		if (sscanf(entry->d_name, "nbd%u%n", &n, &end) == 1 && !entry->d_name[end] && n < NBD_MAX && one(n, userdata))
			return true;
	return false;
}

static bool is_one(unsigned n, void *userdata)
{
	(void)n;
	(void)userdata;
	return true;
}

bool nbd_loaded(void)
{
	return each(is_one, NULL);
}

struct search {
	const bool *taken;
	unsigned first;
};

static bool take_lower(unsigned n, void *userdata)
{
	struct search *s = userdata;

	if (n < s->first && !s->taken[n] && !nbd_is_served(n))
		s->first = n;
	return false;
}

int nbd_find_idle(const bool *taken, unsigned *ret)
{
	struct search s = { .taken = taken, .first = NBD_MAX };

	(void)each(take_lower, &s);
	*ret = s.first;
	return s.first == NBD_MAX ? -ENODEV : 0;
}

int nbd_events(void)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (struct sockaddr *)&nl, sizeof(nl)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Any event, and also that some were lost, means: look. What it says is not read. */
int nbd_wait(int events, int server, unsigned n, uint64_t *ret_size)
{
	const int64_t end = now_ms() + PATIENCE_MS;
	char buf[8192], text[32];
	uint64_t sectors;
	int r;

	for (;;) {
		struct pollfd p[] = { { .fd = events, .events = POLLIN }, { .fd = server, .events = POLLIN } };
		const int64_t left = end - now_ms();

		while (recv(events, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
		r = read_file(n, "size", text, sizeof(text));
		if (r < 0)
			return r;
		if (nbd_is_served(n) && sscanf(text, "%" SCNu64, &sectors) == 1 && sectors) {
			*ret_size = sectors * 512;
			return 0;
		}
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(p, 2, (int)left) < 0 && errno != EINTR)
			return -errno;
		if (p[1].revents)
			return -ESRCH;
	}
}
