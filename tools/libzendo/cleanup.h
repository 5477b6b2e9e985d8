/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A variable owns a resource until TAKE_* passes it on; leaving its scope releases the rest.
 * Every release function accepts "nothing" (NULL, a negative descriptor).
 */
#ifndef ZENDO_CLEANUP_H
#define ZENDO_CLEANUP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((__cleanup__(f)))

#define TAKE_PTR(p) ({ __typeof__(p) _taken = (p); (p) = NULL; _taken; })
#define TAKE_FD(fd) ({ int _taken_fd = (fd); (fd) = -EBADF; _taken_fd; })

/* Closes and keeps errno; returns -EBADF to assign back. */
static inline int safe_close(int fd)
{
	if (fd >= 0) {
		int saved = errno;

		(void)close(fd);
		errno = saved;
	}
	return -EBADF;
}

static inline void closep(int *fd)
{
	(void)safe_close(*fd);
}

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void fclosep(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

/* For types of our own: zendo_config_freep() from zendo_config_free(). */
#define DEFINE_CLEANUP(type, function)			\
	static inline void function##p(type **p)	\
	{						\
		if (*p)					\
			function(*p);			\
	}						\
	struct function##_semicolon_eater

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)

#endif
