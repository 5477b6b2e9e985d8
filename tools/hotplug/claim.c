/* SPDX-License-Identifier: GPL-2.0-only */
#include "claim.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "backend.h"
#include "log.h"

struct claim {
	struct claim *next;
	struct claim_key key;
	struct hvback_id id;
	bool readonly;
	bool settled;		/* its device was made */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct claim *claims;	/* under lock */

char *claim_format(const struct claim_key *k, char ret[static CLAIM_TEXT_MAX])
{
	if (k->block)
		(void)snprintf(ret, CLAIM_TEXT_MAX, "block %u:%u %u:%u", major(k->dev), minor(k->dev), major(k->disk), minor(k->disk));
	else
		(void)snprintf(ret, CLAIM_TEXT_MAX, "file %u:%u %ju", major(k->dev), minor(k->dev), (uintmax_t)k->ino);
	return ret;
}

int claim_parse(const char *text, struct claim_key *ret)
{
	unsigned a, b, c, d;
	uintmax_t ino;
	int end = 0;

	if (sscanf(text, "block %u:%u %u:%u%n", &a, &b, &c, &d, &end) == 4 && !text[end])
		*ret = (struct claim_key) { .block = true, .dev = makedev(a, b), .disk = makedev(c, d) };
	else if (sscanf(text, "file %u:%u %ju%n", &a, &b, &ino, &end) == 3 && !text[end])
		*ret = (struct claim_key) { .dev = makedev(a, b), .ino = (ino_t)ino };
	else
		return -EINVAL;
	return 0;
}

int claim_set_add(struct claim_set *s, const struct claim_key *k, bool readonly)
{
	if (s->nr == CLAIM_KEYS_MAX)
		return -E2BIG;
	s->keys[s->nr] = *k;
	s->readonly[s->nr++] = readonly;
	return 0;
}

char *claim_set_format(const struct claim_set *s, char ret[static CLAIM_SET_TEXT_MAX])
{
	char text[CLAIM_TEXT_MAX];
	size_t len = 0;

	*ret = '\0';
	for (size_t i = 0; i < s->nr; i++)
		len += (size_t)snprintf(ret + len, CLAIM_SET_TEXT_MAX - len, "%s%s%s", i ? "," : "", s->readonly[i] ? "r " : "",
					claim_format(&s->keys[i], text));
	return ret;
}

int claim_set_parse(const char *text, bool readonly, struct claim_set *ret)
{
	*ret = (struct claim_set) {};
	for (const char *next; text; text = next) {
		char one[CLAIM_TEXT_MAX];
		struct claim_key k;
		bool reads;

		next = strchr(text, ',');
		reads = strncmp(text, "r ", 2) == 0;
		if (reads)
			text += 2;
		(void)snprintf(one, sizeof(one), "%.*s", next ? (int)(next - text) : CLAIM_TEXT_MAX, text);
		if (claim_parse(one, &k) < 0 || claim_set_add(ret, &k, readonly || reads) < 0)
			return -EINVAL;
		if (next)
			next++;
	}
	return 0;
}

bool claim_overlaps(const struct claim_key *a, const struct claim_key *b)
{
	if (a->block != b->block)
		return false;
	if (!a->block)
		return a->dev == b->dev && a->ino == b->ino;
	/* two partitions of one disk do not */
	return a->dev == b->dev || (a->disk == b->disk && (a->dev == a->disk || b->dev == b->disk));
}

static bool is_void(const struct claim *c)
{
	uint32_t state;

	return c->settled && zendo_backend_state(&c->id, &state, NULL) == -ENOENT;
}

static struct claim *find_other(const struct claim_key *k, const struct hvback_id *id, bool readonly)
{
	for (struct claim *c = claims; c; c = c->next)
		if (!zendo_backend_id_equal(&c->id, id) && !(readonly && c->readonly) && claim_overlaps(&c->key, k) && !is_void(c))
			return c;
	return NULL;
}

static int take_locked(const struct claim_key *k, const struct hvback_id *id, bool readonly, bool force, struct zendo_error *e)
{
	char name[ZENDO_BACKEND_NAME_MAX];
	struct claim *c = find_other(k, id, readonly);

	if (c && !force)
		return zendo_error(e, -EBUSY, "it is in use by domain %" PRIu32 " (%s, %s) [Z0406]", c->id.domid,
				   zendo_backend_name(&c->id, name), c->readonly ? "reading" : "writing");
	if (c)
		log_line(LOG_WARNING, "domain %" PRIu32 " gets by force what %s uses", id->domid, zendo_backend_name(&c->id, name));
	c = malloc(sizeof(*c));
	if (!c)
		return zendo_error(e, -ENOMEM, "out of memory");
	*c = (struct claim) { .next = claims, .key = *k, .id = *id, .readonly = readonly };
	claims = c;
	return 0;
}

int claim_take(const struct claim_key *k, const struct hvback_id *id, bool readonly, bool force, struct zendo_error *e)
{
	int r;

	(void)pthread_mutex_lock(&lock);
	r = take_locked(k, id, readonly, force, e);
	(void)pthread_mutex_unlock(&lock);
	return r;
}

int claim_take_set(const struct claim_set *s, const struct hvback_id *id, bool force, size_t *ret_failed, struct zendo_error *e)
{
	int r = 0;

	(void)pthread_mutex_lock(&lock);
	for (size_t i = 0; i < s->nr && r >= 0; i++) {
		r = take_locked(&s->keys[i], id, s->readonly[i], force, e);
		if (r < 0 && ret_failed)
			*ret_failed = i;
	}
	(void)pthread_mutex_unlock(&lock);
	if (r < 0)
		claim_release(id);
	return r;
}

void claim_set_of(const struct hvback_id *id, struct claim_set *ret)
{
	*ret = (struct claim_set) {};
	(void)pthread_mutex_lock(&lock);
	for (struct claim *c = claims; c; c = c->next)
		if (zendo_backend_id_equal(&c->id, id))
			(void)claim_set_add(ret, &c->key, c->readonly);	/* as many were taken as fit */
	(void)pthread_mutex_unlock(&lock);
}

void claim_settle(const struct hvback_id *id)
{
	(void)pthread_mutex_lock(&lock);
	for (struct claim *c = claims; c; c = c->next)
		c->settled |= zendo_backend_id_equal(&c->id, id);
	(void)pthread_mutex_unlock(&lock);
}

void claim_release(const struct hvback_id *id)
{
	(void)pthread_mutex_lock(&lock);
	for (struct claim **p = &claims; *p;) {
		struct claim *c = *p;

		if (!zendo_backend_id_equal(&c->id, id)) {
			p = &c->next;
			continue;
		}
		*p = c->next;
		free(c);
	}
	(void)pthread_mutex_unlock(&lock);
}
