/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which target serves which domain. The kernel holds the claim on a block device that one domain writes (O_EXCL, with the open file);
 * what it has no claim for, readers that share and files under several names, is kept here, and in the store for the next agent.
 */
#ifndef HOTPLUG_CLAIM_H
#define HOTPLUG_CLAIM_H

#include <stdbool.h>
#include <sys/types.h>

#include <linux/hvback.h>

#include "error.h"

/* What a target is, whatever its name. */
struct claim_key {
	bool block;
	dev_t dev;		/* block: its number; file: that of its file system */
	ino_t ino;		/* file */
	dev_t disk;		/* block: the whole disk it is or is a part of */
};

#define CLAIM_TEXT_MAX	64
/* "block 8:17 8:16", "file 254:0 131074", for the store; and back: -EINVAL. */
char *claim_format(const struct claim_key *k, char ret[static CLAIM_TEXT_MAX]);
int claim_parse(const char *text, struct claim_key *ret);

/* All that a disk stands on: an image may be many files, of which it only reads some. */
#define CLAIM_KEYS_MAX	34	/* the files of an image (chain.h), and what is below one */
struct claim_set {
	struct claim_key keys[CLAIM_KEYS_MAX];
	bool readonly[CLAIM_KEYS_MAX];
	size_t nr;
};

/* -E2BIG: no more fit. */
int claim_set_add(struct claim_set *s, const struct claim_key *k, bool readonly);

#define CLAIM_SET_TEXT_MAX	(CLAIM_KEYS_MAX * (CLAIM_TEXT_MAX + 3))
/* "file 254:0 131074,r file 254:0 131075": the second is only read. @readonly: all are, whatever stands there. */
char *claim_set_format(const struct claim_set *s, char ret[static CLAIM_SET_TEXT_MAX]);
int claim_set_parse(const char *text, bool readonly, struct claim_set *ret);

/* One is the other, or a part of it. */
bool claim_overlaps(const struct claim_key *a, const struct claim_key *b);

/*
 * Any thread. -EBUSY with who has it in @e, unless both only read. @force: nobody is asked, and it is said in the journal.
 */
int claim_take(const struct claim_key *k, const struct hvback_id *id, bool readonly, bool force, struct zendo_error *e);

/* All, or none and -EBUSY; @e says nothing of which one, but *ret_failed (may be NULL). */
int claim_take_set(const struct claim_set *s, const struct hvback_id *id, bool force, size_t *ret_failed, struct zendo_error *e);
/* What @id has. */
void claim_set_of(const struct hvback_id *id, struct claim_set *ret);

/*
 * @id exists in the kernel now, and its claims as long as it does there: a domain's end may be known to the kernel, and to who starts the
 * domain again, before it is to us.
 */
void claim_settle(const struct hvback_id *id);

/* All that @id has. */
void claim_release(const struct hvback_id *id);

#endif
