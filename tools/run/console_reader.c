/* SPDX-License-Identifier: GPL-2.0-only */
#include "console_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

#include "cleanup.h"
#include "console.h"

struct console_reader {
	struct console_readers *all;
	struct console_reader *next;
	sd_event_source *source;
	int fd;
	int slave;		/* of the terminal, held so that it never hangs up; else negative */
	pid_t pid;
	bool writes;
	uint64_t pos;
	/* one buffer on its way out */
	size_t pending, sent;
	char buf[2048];
};

struct console_readers {
	sd_event *event;
	const struct scrollback *scrollback;
	console_input_t input;
	void *userdata;
	bool input_wanted;
	unsigned nr;
	struct console_reader *first;
};

static void reader_free(struct console_reader *r)
{
	sd_event_source_disable_unref(r->source);
	safe_close(r->fd);
	safe_close(r->slave);
	free(r);
}

static void reader_remove(struct console_reader *r)
{
	struct console_readers *rs = r->all;

	for (struct console_reader **p = &rs->first; *p; p = &(*p)->next)
		if (*p == r) {
			*p = r->next;
			rs->nr--;
			break;
		}
	reader_free(r);
}

/* Take the next piece of the scroll-back to send. False: it is at the end. */
static bool reader_fill(struct console_reader *r)
{
	uint64_t lost;
	size_t n = 0, room = sizeof(r->buf);
	char note[64];

	if (r->sent < r->pending)
		return true;
	r->pending = scrollback_read(r->all->scrollback, &r->pos, r->buf, room, &lost);
	r->sent = 0;
	if (r->pending == 0)
		return false;
	if (lost > 0) {
		n = (size_t)snprintf(note, sizeof(note), "\r\n[zendo] %" PRIu64 " bytes are gone\r\n", lost);
		if (r->pending + n > room) {
			r->pos -= r->pending + n - room;
			r->pending = room - n;
		}
		memmove(r->buf + n, r->buf, r->pending);
		memcpy(r->buf, note, n);
		r->pending += n;
	}
	return true;
}

/* 0, or -errno: this reader is gone. */
static int reader_send(struct console_reader *r)
{
	while (reader_fill(r)) {
		ssize_t n = write(r->fd, r->buf + r->sent, r->pending - r->sent);

		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return -errno;
		r->sent += (size_t)n;
	}
	return 0;
}

static int reader_receive(struct console_reader *r)
{
	char buf[CONSOLE_INPUT_MAX];
	ssize_t n;

	/* several descriptors can be ready in one turn, and another one may have taken the room */
	if (r->writes && !r->all->input_wanted)
		return 0;
	n = read(r->fd, buf, sizeof(buf));
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	if (r->writes)
		r->all->input(buf, (size_t)n, r->all->userdata);
	return 0;
}

static void reader_watch(struct console_reader *r)
{
	bool output = r->sent < r->pending || r->pos < r->all->scrollback->end;
	/* who only looks is read too: to see it leave */
	bool input = !r->writes || r->all->input_wanted;

	(void)sd_event_source_set_io_events(r->source, (output ? EPOLLOUT : 0) | (input ? EPOLLIN : 0));
}

static int on_reader(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct console_reader *r = userdata;
	int k = 0;

	(void)s;
	(void)fd;
	if (revents & EPOLLOUT)
		k = reader_send(r);
	if (k >= 0 && (revents & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		k = reader_receive(r);
	if (k < 0 && r->slave < 0)
		reader_remove(r);
	else
		reader_watch(r);
	return 0;
}

static int add(struct console_readers *rs, int fd, int slave, pid_t pid, bool writes, uint64_t pos)
{
	struct console_reader *r;
	int k;

	if (rs->nr >= CONSOLE_MAX_READERS)
		return -EUSERS;
	if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return -errno;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct console_reader) {
		.all = rs, .fd = fd, .slave = slave, .pid = pid, .writes = writes, .pos = pos,
	};
	k = sd_event_add_io(rs->event, &r->source, fd, EPOLLIN, on_reader, r);
	if (k < 0) {
		free(r);	/* the descriptors stay the caller's */
		return k;
	}
	r->next = rs->first;
	rs->first = r;
	rs->nr++;
	reader_watch(r);
	return 0;
}

int console_readers_new(sd_event *event, const struct scrollback *scrollback, console_input_t input,
			void *userdata, struct console_readers **ret)
{
	struct console_readers *rs = calloc(1, sizeof(*rs));

	if (!rs)
		return -ENOMEM;
	*rs = (struct console_readers) {
		.event = event,
		.scrollback = scrollback,
		.input = input,
		.userdata = userdata,
		.input_wanted = true,
	};
	*ret = rs;
	return 0;
}

void console_readers_free(struct console_readers *rs)
{
	if (!rs)
		return;
	while (rs->first) {
		/* the last words, as far as they fit: who stopped reading is not waited for */
		(void)reader_send(rs->first);
		reader_remove(rs->first);
	}
	free(rs);
}

int console_readers_add(struct console_readers *rs, int fd, pid_t pid, bool writes, bool from_start)
{
	return add(rs, fd, -EBADF, pid, writes, from_start ? 0 : rs->scrollback->end);
}

/* The slave's end behaves as a serial line: it adds and swallows nothing, and belongs to @gid. */
static int open_slave(const char *name, gid_t gid)
{
	_cleanup_close_ int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios t;

	if (fd < 0 || tcgetattr(fd, &t) < 0)
		return -errno;
	cfmakeraw(&t);
	if (tcsetattr(fd, TCSANOW, &t) < 0 || fchmod(fd, gid == (gid_t)-1 ? 0600 : 0660) < 0 ||
	    fchown(fd, (uid_t)-1, gid) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int console_readers_add_terminal(struct console_readers *rs, const char *link, gid_t gid)
{
	_cleanup_close_ int master = -EBADF, slave = -EBADF;
	char name[64];
	int r;

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		return -errno;
	r = ptsname_r(master, name, sizeof(name));
	if (r != 0)
		return -r;
	slave = open_slave(name, gid);
	if (slave < 0)
		return slave;
	if ((unlink(link) < 0 && errno != ENOENT) || symlink(name, link) < 0)
		return -errno;
	r = add(rs, master, slave, 0, true, 0);
	if (r < 0)
		return r;
	TAKE_FD(master);
	TAKE_FD(slave);
	return 0;
}

void console_readers_wake(struct console_readers *rs)
{
	for (struct console_reader *r = rs->first; r; r = r->next)
		reader_watch(r);
}

void console_readers_take_input(struct console_readers *rs, bool wanted)
{
	if (rs->input_wanted == wanted)
		return;
	rs->input_wanted = wanted;
	console_readers_wake(rs);
}

static struct console_reader *writer(const struct console_readers *rs)
{
	struct console_reader *r = rs->first;

	while (r && (!r->writes || r->slave >= 0))
		r = r->next;
	return r;
}

pid_t console_readers_writer(const struct console_readers *rs)
{
	const struct console_reader *r = writer(rs);

	return r ? r->pid : 0;
}

void console_readers_demote_writer(struct console_readers *rs)
{
	struct console_reader *r = writer(rs);

	if (!r)
		return;
	r->writes = false;
	reader_watch(r);
}
