/* SPDX-License-Identifier: GPL-2.0-only */
#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#define STACK_BYTES	(256 * 1024)

static int pipe_fds[2] = { -EBADF, -EBADF };	/* pointers of jobs that are done */

static void *thread(void *arg)
{
	struct job *j = arg;

	j->work(j);
	/* fits the pipe's atomic size; the reader is this process */
	while (write(pipe_fds[1], &j, sizeof(j)) < 0 && errno == EINTR)
		;
	return NULL;
}

static int on_done(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct job *j;

	(void)s;
	(void)revents;
	(void)userdata;
	if (read(fd, &j, sizeof(j)) == sizeof(j))
		j->done(j);
	return 0;
}

int job_init(sd_event *event)
{
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	return sd_event_add_io(event, NULL, pipe_fds[0], EPOLLIN, on_done, NULL);
}

int job_start(struct job *j)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t t;
	int r;

	r = pthread_attr_init(&attr);
	if (r)
		return -r;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&t, &attr, thread, j);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&attr);
	return -r;
}
