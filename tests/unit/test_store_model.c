/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random requests of three clients, transactions among them, against a model that is as simple as can be: an array of paths that
 * are there or not. A transaction that commits must have seen and done what it would have if it had run alone at that moment;
 * one whose part of the tree no other touched must commit. Now and then the store is made anew of its journal.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store_client.h"

/* The two halves /a and /b have nothing in common. */
static const struct {
	const char *path, *name;
	int parent;
} paths[] = {
	{ "/a", "a", -1 }, { "/a/x", "x", 0 }, { "/a/x/1", "1", 1 }, { "/a/x/2", "2", 1 }, { "/a/y", "y", 0 }, { "/a/y/1", "1", 4 },
	{ "/b", "b", -1 }, { "/b/x", "x", 6 }, { "/b/x/1", "1", 7 }, { "/b/x/2", "2", 7 }, { "/b/y", "y", 6 }, { "/b/y/1", "1", 10 },
};

#define NR_PATHS	((int)(sizeof(paths) / sizeof(paths[0])))
#define NR_CLIENTS	3
#define OPS_MOST	12

struct model {
	bool there[NR_PATHS];
	int value[NR_PATHS];
};

struct op {
	uint32_t type;
	int path, value;
	char result[64];
};

struct client {
	struct conn *conn;
	uint32_t tx;
	unsigned nr_ops;
	struct op ops[OPS_MOST];
	unsigned half;			/* where this transaction is */
	bool touched;			/* another changed something there meanwhile */
};

static struct store *s;
static struct journal journal;
static struct model model;
static struct client clients[NR_CLIENTS];
static uint64_t seed;
static unsigned seed_now;
static unsigned commits, conflicts;

static unsigned pick(unsigned n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(seed >> 33) % n;
}

/* ---- the model ---- */

static void model_remove(struct model *m, int p)
{
	m->there[p] = false;
	m->value[p] = 0;
	for (int i = p + 1; i < NR_PATHS; i++)
		if (paths[i].parent >= 0 && m->there[i] && !m->there[paths[i].parent]) {
			m->there[i] = false;
			m->value[i] = 0;
		}
}

static void model_do(struct model *m, struct op *op)
{
	int p = op->path, parent = paths[p].parent;
	char *to = op->result;

	strcpy(to, "OK");
	switch (op->type) {
	case XS_READ:
		if (!m->there[p])
			strcpy(to, "ENOENT");
		else if (m->value[p])
			(void)sprintf(to, "%d", m->value[p]);
		else
			to[0] = '\0';
		break;
	case XS_WRITE:
	case XS_MKDIR:
		for (int i = parent; i >= 0; i = paths[i].parent)
			m->there[i] = true;
		if (op->type == XS_WRITE)
			m->value[p] = op->value;
		m->there[p] = true;
		break;
	case XS_RM:
		if (m->there[p])
			model_remove(m, p);
		else if (parent >= 0 && !m->there[parent])
			strcpy(to, "ENOENT");
		break;
	case XS_DIRECTORY:
		if (!m->there[p]) {
			strcpy(to, "ENOENT");
			break;
		}
		*to = '\0';
		for (int i = 0; i < NR_PATHS; i++)
			if (m->there[i] && paths[i].parent == p)
				strcat(strcat(to, paths[i].name), " ");
		break;
	}
}

/* ---- the store ---- */

static int order(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

/* In a transaction names are in no order. */
static void sort_names(const struct answer *a, char *to)
{
	const char *names[8];
	size_t nr = 0;

	for (size_t at = 0; at < a->h.len; at += strlen(a->body + at) + 1)
		names[nr++] = a->body + at;
	qsort(names, nr, sizeof(names[0]), order);
	*to = '\0';
	for (size_t i = 0; i < nr; i++)
		strcat(strcat(to, names[i]), " ");
}

static void store_do(struct client *cl, struct op *op)
{
	struct answer a;
	char body[64];

	if (op->type == XS_WRITE)
		(void)snprintf(body, sizeof(body), "%s|%d", paths[op->path].path, op->value);
	else
		(void)snprintf(body, sizeof(body), "%s|", paths[op->path].path);
	if (ask_text(cl->conn, op->type, cl->tx, body, &a) == 0 && op->type == XS_DIRECTORY)
		sort_names(&a, op->result);
	else
		strcpy(op->result, a.body);
}

static void compare(void)
{
	for (int p = 0; p < NR_PATHS; p++) {
		const struct node *n = node_find(s, paths[p].path);
		char value[16] = "";

		assert_int_equal(n != NULL, model.there[p]);
		if (!n)
			continue;
		if (model.value[p])
			(void)snprintf(value, sizeof(value), "%d", model.value[p]);
		assert_string_equal(n->value, value);
	}
	assert_null(store_check(s));
}

/* ---- steps ---- */

static void touch(const struct client *by, unsigned half)
{
	for (int i = 0; i < NR_CLIENTS; i++)
		if (&clients[i] != by && clients[i].tx && clients[i].half == half)
			clients[i].touched = true;
}

static struct op random_op(unsigned half)
{
	static const uint32_t types[] = { XS_READ, XS_WRITE, XS_WRITE, XS_MKDIR, XS_RM, XS_DIRECTORY };

	return (struct op){ .type = types[pick(6)], .path = (int)(half * NR_PATHS / 2 + pick(NR_PATHS / 2)), .value = 1 + (int)pick(9) };
}

static bool is_change(uint32_t type)
{
	return type == XS_WRITE || type == XS_MKDIR || type == XS_RM;
}

static void end(struct client *cl, bool commit)
{
	int r = ask_text(cl->conn, XS_TRANSACTION_END, cl->tx, commit ? "T|" : "F|", NULL);

	cl->tx = 0;
	if (!commit) {
		assert_int_equal(r, 0);
		return;
	}
	if (r == -EAGAIN) {
		assert_true(cl->touched);
		conflicts++;
		return;
	}
	assert_int_equal(r, 0);
	commits++;
	for (unsigned i = 0; i < cl->nr_ops; i++) {
		struct op again = cl->ops[i];

		model_do(&model, &again);
		assert_string_equal(again.result, cl->ops[i].result);
		if (is_change(again.type))
			touch(cl, cl->half);
	}
}

static void step(struct client *cl)
{
	struct op op, expected;
	struct answer a;

	if (!cl->tx && pick(3) == 0) {
		assert_int_equal(ask_text(cl->conn, XS_TRANSACTION_START, 0, "|", &a), 0);
		cl->tx = (uint32_t)strtoul(a.body, NULL, 10);
		cl->half = pick(2);
		cl->touched = false;
		cl->nr_ops = 0;
		return;
	}
	if (cl->tx && (cl->nr_ops == OPS_MOST || pick(4) == 0)) {
		end(cl, pick(8) != 0);
		return;
	}
	op = random_op(cl->tx ? cl->half : pick(2));
	store_do(cl, &op);
	if (cl->tx) {
		cl->ops[cl->nr_ops++] = op;
		return;
	}
	expected = op;
	model_do(&model, &expected);
	assert_string_equal(op.result, expected.result);
	if (is_change(op.type))
		touch(cl, op.path >= NR_PATHS / 2);
}

static void start_clients(void)
{
	for (int i = 0; i < NR_CLIENTS; i++)
		clients[i] = (struct client){ .conn = conn_new(s, domain_get(s, 0), false) };
}

static void restart(void)
{
	struct store *fresh = store_new(&fake_store_ops, NULL, seed);

	assert_int_equal(state_load(fresh, &journal), 0);
	store_free(s);
	s = fresh;
	s->journal = &journal;
	start_clients();
}

static void run_with(uint64_t first)
{
	bool old;

	seed = first;
	memset(&model, 0, sizeof(model));
	commits = conflicts = 0;
	s = store_new(&fake_store_ops, NULL, 1);
	assert_int_equal(journal_open(&journal, -1, "", &old), 0);
	s->journal = &journal;
	state_save(s, &journal);
	start_clients();
	for (unsigned i = 0; i < 60000; i++) {
		seed += i;
		step(&clients[pick(NR_CLIENTS)]);
		if (i % 50 == 0)
			compare();
		if (i % 1000 == 999)
			restart();
	}
	compare();
	/* both ways were gone often */
	assert_in_range(commits, 1000, 60000);
	assert_in_range(conflicts, 1000, 60000);
	store_free(s);
	journal_close(&journal);
}

/* A soak has many more. */
static void the_store_does_what_the_model_does(void **state)
{
	unsigned nr = getenv("ZENDO_SOAK") ? 1000 : 8;

	(void)state;
	for (unsigned i = 0; i < nr; i++) {
		seed_now = i * 7919;
		run_with(seed_now);
	}
	seed_now = 0;
}

/* After a failure, to begin with it. */
static int tell_seed(void **state)
{
	(void)state;
	if (seed_now)
		print_message("with seed %u\n", seed_now);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_store_does_what_the_model_does, tell_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
