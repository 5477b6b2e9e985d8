/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Has a guest seen yet what happened to its devices? Who takes a device away and gives its number to another wants to know: a guest that looks
 * only when both have happened sees no difference. It handles the events of its watch one after the other, and looks at each node that it
 * is told of. So behind the removal it is told of one more, which goes when the guest asks for it: XS_CONTROL "await-look" with
 * /local/domain/DOMID/device/zendo-look/NAME makes it; while it is there the guest has not come so far.
 */
#include <stdio.h>
#include <string.h>

#include "request.h"

#define FOLDER	"zendo-look"

/* The domain whose look is awaited by the first *@ret_len bytes of @path, which are those of its folder if there is no name. */
static bool parse(const char *path, unsigned *ret_domid, size_t *ret_len)
{
	int at = 0;

	if (sscanf(path, "/local/domain/%5u/device/" FOLDER "/%n", ret_domid, &at) != 1 || at == 0 || !path[at])
		return false;
	*ret_len = (size_t)at + strcspn(path + at, "/");
	return true;
}

/* Some of its watches is told when a node is made there. */
static bool is_watched(const struct conn *c, const char *path)
{
	for (const struct watch *w = c->watches; w; w = w->next)
		if (strncmp(w->path, path, w->path_len) == 0 && path[w->path_len] == '/' && w->depth < 0)
			return true;
	return false;
}

int control_await_look(struct request *rq, const char *argument)
{
	char path[PATH_ROOM], above[64];
	const struct domain *d;
	unsigned domid;
	size_t len, used;
	int r = path_canonical(argument, 0, false, path, &len);

	if (r < 0)
		return r;
	if (!parse(path, &domid, &used) || used != len || domid >= DOMID_FIRST_RESERVED)
		return -EINVAL;
	(void)snprintf(above, sizeof(above), "/local/domain/%u/device", domid);
	if (!node_find(rq->store, above))
		return -ENOENT;
	d = domain_find(rq->store, domid);
	if (!d || !d->conn || !d->conn->is_ring || !is_watched(d->conn, path))
		return request_answer_string(rq, "nobody looks");
	/* what is there from before it has been told of already */
	r = tree_remove(rq->conn, NULL, path);
	if (r == 0 || r == -ENOENT)
		r = tree_mkdir(rq->conn, NULL, path);
	return r < 0 ? r : request_answer_string(rq, "awaited");
}

void look_seen(struct request *rq)
{
	char path[PATH_ROOM];
	struct node *n, *above;
	unsigned domid;
	size_t len;

	/* each request of each guest comes by here */
	if (rq->tx || !memmem(rq->body, rq->h.len, FOLDER "/", sizeof(FOLDER)))
		return;
	if (request_parse_path(rq, path) < 0 || !parse(path, &domid, &len) || domid != rq->conn->domain->domid)
		return;
	path[len] = '\0';
	n = node_find(rq->store, path);
	if (!n)
		return;
	above = n->parent;
	node_remove_and_tell(rq->store, above->nr_children > 1 ? n : above);
}
