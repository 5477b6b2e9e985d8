/* SPDX-License-Identifier: GPL-2.0-only */
/* Writing the core of a guest that stands still, beside the event loop: a large one takes minutes. */
#ifndef RUN_DUMP_H
#define RUN_DUMP_H

#include <systemd/sd-event.h>

#include "cleanup.h"
#include "core_file.h"
#include "definition.h"
#include "domain.h"

#define DUMP_NAME_MAX	320		/* of a file that dump_keep() names */

struct dump;

/* @r as core_write() gives it. In the event loop; the dump may be freed from here. */
typedef void (*dump_done_t)(void *userdata, int r, const struct core_result *result);

/* All threads of @d have left, and stay out until dump_free(). @fd is taken over on success. -errno of starting. */
int dump_start(sd_event *event, struct domain *d, const struct definition *def, int fd, dump_done_t done, void *userdata,
	       struct dump **ret);
int dump_fd(const struct dump *d);
bool dump_is_of(const struct dump *d, const struct domain *dom);

/* What is still being written ends at once. */
void dump_free(struct dump *d);
DEFINE_CLEANUP(struct dump, dump_free);

/*
 * The folder of cores; for the process's own user. To be called with the rights to make it and give it to @uid; -1: to nobody.
 */
int dump_open_folder(uid_t uid, gid_t gid, int *ret_fd);

/* A file in it without a name; and its name, by domain and time, once it is whole. */
int dump_create(int folder, int *ret_fd);
int dump_keep(int folder, int fd, const char *domain, char ret[static DUMP_NAME_MAX]);

#endif
