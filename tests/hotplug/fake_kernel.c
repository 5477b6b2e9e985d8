/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/hvpriv and /dev/hvback for an agent that runs on the host, and the folders it reads, below $FAKE_KERNEL: what the kernel keeps is
 * there as files, so it outlives the agent. A word in the file "die" kills the agent in the middle of the request of that name, or with a
 * number behind it the process of that number; 0 is the image's server that began last.
 *
 *	domains		lines "DOMID OWNER_PID NAME"
 *	devices/NAME	its HVBACK_ST_* as a number
 *	queues/NAME	what HVBACK_CONNECT got: number of queues, first reference, first port
 *	uevent		datagram socket: uevents
 *	gate		pipe, see wait_at_gate()
 *	no-module, old-module	when they are there: nothing serves a class, or what does has other structs
 *	run/		stands for /run/zendo
 *	block/, dev/	for /sys/block and for /dev/nbd*, see fake_units.c
 *	etc/		for /etc/zendo
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/hvback.h>
#include <linux/hvback_vbd.h>
#include <linux/hvpriv.h>
#include <linux/netlink.h>

#include "backend.h"
#include "fake_kernel.h"

int __real_open(const char *path, int flags, ...);
int __real_ioctl(int fd, unsigned long request, ...);
int __real_lstat(const char *path, struct stat *st);
int __real_stat(const char *path, struct stat *st);
int __real_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __real_bind(int fd, const struct sockaddr *sa, socklen_t len);
int __real_socket(int domain, int type, int protocol);
DIR *__real_opendir(const char *path);
int __real_access(const char *path, int mode);
ssize_t __real_readlink(const char *path, char *buf, size_t size);
int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);
int __real_scandir(const char *path, struct dirent ***list, int (*select)(const struct dirent *),
		   int (*compare)(const struct dirent **, const struct dirent **));
int __wrap_open(const char *path, int flags, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_lstat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st);
int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_bind(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_socket(int domain, int type, int protocol);
DIR *__wrap_opendir(const char *path);
int __wrap_access(const char *path, int mode);
ssize_t __wrap_readlink(const char *path, char *buf, size_t size);
int __wrap_rename(const char *from, const char *to);
int __wrap_unlink(const char *path);
int __wrap_scandir(const char *path, struct dirent ***list, int (*select)(const struct dirent *),
		   int (*compare)(const struct dirent **, const struct dirent **));

static int uevents = -1;

static const char *place(const char *path, char *buf, size_t size)
{
	static const struct {
		const char *from, *to;
	} moved[] = {
		{ "/run/zendo/", "run/" }, { "/sys/bus/hvback/devices", "devices" }, { "/dev/hvpriv", "domains" }, { "/dev/hvback", "domains" },
		{ "/sys/block", "block" }, { "/dev/nbd", "dev/nbd" }, { "/etc/zendo", "etc" },
	};

	for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++)
		if (strncmp(path, moved[i].from, strlen(moved[i].from)) == 0) {
			(void)snprintf(buf, size, "%s/%s%s", getenv("FAKE_KERNEL"), moved[i].to, path + strlen(moved[i].from));
			return buf;
		}
	return path;
}

static bool ends_with(const char *path, const char *end)
{
	return strlen(path) >= strlen(end) && strcmp(path + strlen(path) - strlen(end), end) == 0;
}

/*
 * Disks that take their time: whoever opens "slow", or "between" by the descriptor with which it was looked at, waits until somebody writes
 * to the pipe "gate".
 */
static void wait_at_gate(const char *path)
{
	char gate[512], link[512] = "", c;
	int fd;

	if (strncmp(path, "/proc/self/fd/", 14) == 0 && readlink(path, link, sizeof(link) - 1) < 0)
		return;
	if (!ends_with(path, "/slow") && !ends_with(link, "/between"))
		return;
	(void)snprintf(gate, sizeof(gate), "%s/gate", getenv("FAKE_KERNEL"));
	fd = __real_open(gate, O_RDONLY);
	(void)!read(fd, &c, 1);
	close(fd);
}

static int open_attribute(const char *path);

int __wrap_open(const char *path, int flags, ...)
{
	char buf[512];
	mode_t mode = 0;
	va_list ap;

	if (strncmp(path, ZENDO_BACKEND_BUS "/", sizeof(ZENDO_BACKEND_BUS)) == 0)
		return open_attribute(path + sizeof(ZENDO_BACKEND_BUS));
	wait_at_gate(path);
	va_start(ap, flags);
	if (flags & O_CREAT)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return __real_open(place(path, buf, sizeof(buf)), flags, mode);
}

int __wrap_lstat(const char *path, struct stat *st)
{
	char buf[512];

	return __real_lstat(place(path, buf, sizeof(buf)), st);
}

int __wrap_stat(const char *path, struct stat *st)
{
	char buf[512];

	return __real_stat(place(path, buf, sizeof(buf)), st);
}

DIR *__wrap_opendir(const char *path)
{
	char buf[512];

	return __real_opendir(place(path, buf, sizeof(buf)));
}

int __wrap_access(const char *path, int mode)
{
	char buf[512];

	return __real_access(place(path, buf, sizeof(buf)), mode);
}

int __wrap_rename(const char *from, const char *to)
{
	char buf[2][512];

	return __real_rename(place(from, buf[0], sizeof(buf[0])), place(to, buf[1], sizeof(buf[1])));
}

int __wrap_unlink(const char *path)
{
	char buf[512];

	return __real_unlink(place(path, buf, sizeof(buf)));
}

ssize_t __wrap_readlink(const char *path, char *buf, size_t size)
{
	char moved[512];

	return __real_readlink(place(path, moved, sizeof(moved)), buf, size);
}

int __wrap_scandir(const char *path, struct dirent ***list, int (*select)(const struct dirent *),
		   int (*compare)(const struct dirent **, const struct dirent **))
{
	char buf[512];

	return __real_scandir(place(path, buf, sizeof(buf)), list, select, compare);
}

int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	char buf[512];

	if (sa->sa_family != AF_UNIX)
		return __real_connect(fd, sa, len);
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%.100s", place(((const struct sockaddr_un *)sa)->sun_path, buf, sizeof(buf)));
	return __real_connect(fd, (struct sockaddr *)&to, sizeof(to));
}

int __wrap_socket(int domain, int type, int protocol)
{
	if (domain != AF_NETLINK || protocol != NETLINK_KOBJECT_UEVENT || uevents >= 0)	/* only the loop's are ours */
		return __real_socket(domain, type, protocol);
	uevents = __real_socket(AF_UNIX, SOCK_DGRAM | (type & (SOCK_CLOEXEC | SOCK_NONBLOCK)), 0);
	return uevents;
}

int __wrap_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	if (fd != uevents)
		return __real_bind(fd, sa, len);
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%.90s/uevent", getenv("FAKE_KERNEL"));
	(void)unlink(to.sun_path);
	return __real_bind(fd, (struct sockaddr *)&to, sizeof(to));
}

pid_t fake_server;

void die_at(const char *word)
{
	char path[512], text[32] = "";
	struct pollfd p = { .events = POLLIN };
	int pid = getpid();
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/die", getenv("FAKE_KERNEL"));
	f = fopen(path, "re");
	if (!f)
		return;
	if (fscanf(f, "%31s %d", text, &pid) < 1)
		text[0] = '\0';
	fclose(f);
	if (strcmp(text, word) != 0)
		return;
	(void)unlink(path);
	if (pid == 0)
		pid = fake_server;
	p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	(void)kill(pid, SIGKILL);
	(void)poll(&p, 1, -1);
	(void)close(p.fd);
}

static bool is_there(const char *name)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", getenv("FAKE_KERNEL"), name);
	return access(path, F_OK) == 0;
}

static FILE *file(const char *folder, const struct hvback_id *id, const char *mode, char *path, size_t size)
{
	char name[ZENDO_BACKEND_NAME_MAX];

	(void)snprintf(path, size, "%s/%s/%s", getenv("FAKE_KERNEL"), folder, zendo_backend_name(id, name));
	return fopen(path, mode);
}

static int get_state(const struct hvback_id *id)
{
	char path[512];
	FILE *f = file("devices", id, "re", path, sizeof(path));
	int state;

	if (!f || fscanf(f, "%d", &state) != 1)
		return -ENOENT;
	fclose(f);
	return state;
}

static int set_state(const struct hvback_id *id, int state)
{
	char path[512];
	FILE *f = file("devices", id, "we", path, sizeof(path));

	if (!f)
		return -errno;
	fprintf(f, "%d\n", state);
	fclose(f);
	return 0;
}

/* "vbd-1-51712/state" */
static int open_attribute(const char *path)
{
	static const char *const words[] = { "", "waiting\n", "connected\n", "broken\n" };
	char name[ZENDO_BACKEND_NAME_MAX] = "";
	const char *text, *slash = strchr(path, '/');
	struct hvback_id id;
	int fd, state;

	if (slash && slash - path < (ptrdiff_t)sizeof(name))
		memcpy(name, path, (size_t)(slash - path));
	state = zendo_backend_parse_name(name, &id) < 0 ? -ENOENT : get_state(&id);
	if (state < 0) {
		errno = ENOENT;
		return -1;
	}
	text = strcmp(slash, "/state") == 0 ? words[state] : state == HVBACK_ST_BROKEN ? "request 7 has no segments\n" : "\n";
	fd = memfd_create("attribute", MFD_CLOEXEC);
	if (fd >= 0 && (write(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0))
		abort();
	return fd;
}

static int list(struct hvpriv_list *l)
{
	struct hvpriv_domain_info *all = (void *)(uintptr_t)l->buf;
	char path[512];
	unsigned n = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/domains", getenv("FAKE_KERNEL"));
	f = fopen(path, "re");
	while (f && n < l->nr) {
		struct hvpriv_domain_info d = {};

		if (fscanf(f, "%u %d %63s", &d.domid, &d.owner_pid, d.name) != 3)
			break;
		if (d.domid >= l->first)
			all[n++] = d;
	}
	if (f)
		fclose(f);
	l->nr = n;
	return 0;
}

static int add(struct hvback_add *a)
{
	struct hvpriv_domain_info all[64];
	struct hvpriv_list l = { .nr = 64, .buf = (uintptr_t)all };
	bool there = false;

	die_at("before-add");
	(void)list(&l);
	for (unsigned i = 0; i < l.nr; i++)
		there |= all[i].domid == a->id.domid;
	if (!there)
		return -ESRCH;
	if (get_state(&a->id) >= 0)
		return -EEXIST;
	if (is_there("no-module")) {
		(void)snprintf(a->reason, sizeof(a->reason), "no module serves devices of class %s", a->id.class);
		return -ENOENT;
	}
	(void)set_state(&a->id, HVBACK_ST_WAITING);
	die_at("add");
	return 0;
}

static int connect_device(struct hvback_connect *c)
{
	const struct hvback_queue *q = (void *)(uintptr_t)c->queues;
	char path[512];
	FILE *f;

	die_at("before-connect");
	if (get_state(&c->id) != HVBACK_ST_WAITING)
		return get_state(&c->id) < 0 ? -ENOENT : -EISCONN;
	if (q->ref[0][0] == 666) {
		(void)strcpy(c->reason, "grant 666 is none");
		return -EINVAL;
	}
	f = file("queues", &c->id, "we", path, sizeof(path));
	if (!f)
		return -errno;
	fprintf(f, "%u %u %u\n", c->nr_queues, q->ref[0][0], q->port[0]);
	fclose(f);
	(void)set_state(&c->id, HVBACK_ST_CONNECTED);
	die_at("connect");
	return 0;
}

static int disconnect(const struct hvback_simple *s)
{
	int r = get_state(&s->id);

	die_at("before-disconnect");
	if (r >= 0)
		r = set_state(&s->id, HVBACK_ST_WAITING);
	die_at("disconnect");
	return r < 0 ? r : 0;
}

static int remove_device(const struct hvback_simple *s)
{
	char path[512];
	FILE *f = file("devices", &s->id, "re", path, sizeof(path));

	die_at("before-remove");
	if (!f)
		return -ENOENT;
	fclose(f);
	(void)unlink(path);
	die_at("remove");
	return 0;
}

/* Of a domain for which there is a pipe info-DOMID the requests in flight end when somebody writes to it. */
static void wait_for_requests(const struct hvback_id *id)
{
	char gate[512], c;
	int fd;

	(void)snprintf(gate, sizeof(gate), "%s/info-%u", getenv("FAKE_KERNEL"), (unsigned)id->domid);
	fd = __real_open(gate, O_RDONLY);
	if (fd < 0)
		return;
	(void)!read(fd, &c, 1);
	close(fd);
	(void)unlink(gate);
}

static int info(struct hvback_blob *b)
{
	const struct hvback_vbd_info i = {
		.sectors = 2048, .sector_size = 512, .physical_sector_size = 4096, .max_queues = 2, .max_ring_order = 2,
		.max_segments = 256, .features = HVBACK_VBD_FLUSH,
	};

	if (get_state(&b->id) < 0)
		return -ENOENT;
	wait_for_requests(&b->id);
	memcpy((void *)(uintptr_t)b->blob, &i, sizeof(i));
	b->len = is_there("old-module") ? sizeof(i) - 8 : sizeof(i);
	return 0;
}

static int answer(unsigned long request, void *arg)
{
	switch (request) {
	case HVPRIV_GET_INFO:
		((struct hvpriv_info *)arg)->api_version = HVPRIV_API_VERSION;
		((struct hvpriv_info *)arg)->flags = HVPRIV_INFO_RUNNING;
		return 0;
	case HVPRIV_LIST:
		return list(arg);
	case HVBACK_ADD:
		return add(arg);
	case HVBACK_CONNECT:
		return connect_device(arg);
	case HVBACK_DISCONNECT:
		return disconnect(arg);
	case HVBACK_REMOVE:
		return remove_device(arg);
	case HVBACK_INFO:
		return info(arg);
	case HVBACK_SET:
		return get_state(&((struct hvback_blob *)arg)->id) < 0 ? -ENOENT : 0;
	default:
		return -ENOTTY;
	}
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;
	int r;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (_IOC_TYPE(request) != HVPRIV_MAGIC && _IOC_TYPE(request) != HVBACK_MAGIC)
		return __real_ioctl(fd, request, arg);
	r = answer(request, arg);
	if (r < 0) {
		errno = -r;
		return -1;
	}
	return r;
}
