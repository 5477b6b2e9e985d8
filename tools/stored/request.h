/* SPDX-License-Identifier: GPL-2.0-only */
/* One request while it is handled. Private to request*.c. */
#ifndef STORED_REQUEST_H
#define STORED_REQUEST_H

#include "store.h"

struct request {
	struct conn *conn;
	struct store *store;
	struct tx *tx;
	struct xsd_sockmsg h;
	const char *body;		/* h.len bytes */
	/* the answer; without any it is OK */
	bool answered;
	size_t len;
	char answer[XENSTORE_PAYLOAD_MAX];
};

/* At most @most strings of the body, each with its NUL, from *at on. Returns how many. */
size_t request_strings(const struct request *rq, size_t *at, const char **ret, size_t most);
/* The first @nr strings; what follows is reserved. -EINVAL: there are not so many. */
int request_parse_strings(const struct request *rq, const char **ret, size_t nr);
int request_parse_number(const char *s, uint64_t most, uint64_t *ret);
int request_parse_domid(const char *s, unsigned *ret);
/* The first string as a path of the tree. */
int request_parse_path(const struct request *rq, char buf[PATH_ROOM]);

/* Add to the answer. -E2BIG: it does not fit. */
int request_answer(struct request *rq, const void *data, size_t len);
int request_answer_string(struct request *rq, const char *s);
__attribute__((format(printf, 2, 3)))
int request_answer_format(struct request *rq, const char *format, ...);
/* Queue it: what was answered, OK without anything, or the error @r. */
void request_send(struct request *rq, int r);

/* A connection of a domain's process (conn->runner_of): may it ask this? request_runner.c */
int request_check_runner(const struct request *rq);

/* A function for each type: 0, 1 when it has sent the answer itself, or -errno. request_tree.c: */
int do_directory(struct request *rq);
int do_directory_part(struct request *rq);
int do_read(struct request *rq);
int do_write(struct request *rq);
int do_mkdir(struct request *rq);
int do_rm(struct request *rq);
int do_get_perms(struct request *rq);
int do_set_perms(struct request *rq);
int do_watch(struct request *rq);
int do_unwatch(struct request *rq);
int do_reset_watches(struct request *rq);
int do_transaction_start(struct request *rq);
int do_transaction_end(struct request *rq);
/* request_domain.c: */
int do_introduce(struct request *rq);
int do_release(struct request *rq);
int do_resume(struct request *rq);
int do_get_domain_path(struct request *rq);
int do_is_domain_introduced(struct request *rq);
int do_set_target(struct request *rq);
int do_get_feature(struct request *rq);
int do_set_feature(struct request *rq);
int do_get_quota(struct request *rq);
int do_set_quota(struct request *rq);
int do_control(struct request *rq);

/* look.c: a command of XS_CONTROL, and what is done when a guest's request has been handled that asks for a path. */
int control_await_look(struct request *rq, const char *argument);
void look_seen(struct request *rq);

#endif
