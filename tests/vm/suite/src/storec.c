/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * storec COMMAND... - libzendo's client of the store for a guest: over /dev/xen/xenbus, or what $STORE names. Prints the answer, or the
 * error's name; status 0 or 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

#include "store.h"

#define CROWD_MOST	64

static struct zendo_store *s;

static int answer(int r)
{
	if (r < 0)
		printf("%s\n", strerrorname_np(-r));
	return r < 0;
}

static int do_read(const char *path)
{
	_cleanup_free_ char *value = NULL;
	int r = zendo_store_read(s, 0, path, &value, NULL);

	if (r == 0)
		puts(value);
	return answer(r);
}

static int do_list(const char *path)
{
	_cleanup_free_ char **names = NULL;
	size_t nr;
	int r = zendo_store_list(s, 0, path, &names, &nr);

	for (size_t i = 0; r == 0 && i < nr; i++)
		puts(names[i]);
	return answer(r);
}

static int do_perms(const char *path)
{
	_cleanup_free_ struct zendo_store_perm *perms = NULL;
	char text[12];
	size_t nr;
	int r = zendo_store_get_perms(s, 0, path, &perms, &nr);

	for (size_t i = 0; r == 0 && i < nr; i++)
		printf("%s%s", zendo_store_format_perm(&perms[i], text), i + 1 < nr ? "," : "\n");
	return answer(r);
}

/* Until the node is there and has a value, told by a watch and nothing else. */
static int do_wait(const char *path)
{
	int r = zendo_store_watch(s, path, "wait");

	while (r >= 0) {
		struct pollfd p = { .fd = zendo_store_fd(s), .events = POLLIN };
		_cleanup_free_ char *value = NULL, *changed = NULL;
		const char *token;

		r = zendo_store_read(s, 0, path, &value, NULL);
		if (r == 0 && *value) {
			puts(value);
			return 0;
		}
		if (r < 0 && r != -ENOENT)
			break;
		while ((r = zendo_store_read_watch(s, &changed, &token)) == 0)
			if (poll(&p, 1, -1) < 0)
				return answer(-errno);
		if (r > 0 && strcmp(token, "wait") != 0)
			return answer(-EPROTO);
	}
	return answer(r);
}

static int add_one(struct zendo_store *store, uint32_t tx, void *path)
{
	uint64_t n;
	int r = zendo_store_read_u64(store, tx, path, &n);

	return r < 0 ? r : zendo_store_printf(store, tx, path, "%llu", (unsigned long long)n + 1);
}

/* Adds one to a number so often, each in a transaction. */
static int do_add(char *path, const char *times)
{
	int r = 0;

	for (unsigned long i = strtoul(times, NULL, 10); i > 0 && r == 0; i--)
		r = zendo_store_transaction(s, add_one, path);
	return answer(r);
}

/* Nodes n0, n1, ... below it until the store says no. */
static int do_fill(const char *path)
{
	char node[256];
	unsigned n = 0;
	int r;

	do {
		(void)snprintf(node, sizeof(node), "%s/n%u", path, n);
		r = zendo_store_write(s, 0, node, "", 0);
	} while (r == 0 && ++n < 100000);
	printf("%u ", n);
	return answer(r);
}

/*
 * So many that read at the same time: all have asked before the first looks for its answer. Not by the library, which waits. Linux takes a
 * request whole and answers when the store has.
 */
static int do_crowd(const char *path, const char *times)
{
	unsigned nr = (unsigned)strtoul(times, NULL, 10), answered = 0;
	struct xsd_sockmsg head = { .type = XS_READ, .len = (uint32_t)strlen(path) + 1 };
	char request[sizeof(head) + 256], value[XENSTORE_PAYLOAD_MAX];
	int fd[CROWD_MOST];

	if (nr > CROWD_MOST || head.len > 256)
		return answer(-E2BIG);
	memcpy(request, &head, sizeof(head));
	memcpy(request + sizeof(head), path, head.len);
	for (unsigned i = 0; i < nr; i++) {
		fd[i] = open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC);
		if (fd[i] < 0 || write(fd[i], request, sizeof(head) + head.len) < 0)
			return answer(-errno);
	}
	puts("asked");
	(void)fflush(stdout);
	for (unsigned i = 0; i < nr; i++)
		answered += read(fd[i], &head, sizeof(head)) == sizeof(head) && head.type == XS_READ &&
			    read(fd[i], value, sizeof(value)) == (ssize_t)head.len;
	printf("answered %u\n", answered);
	return answered != nr;
}

int main(int argc, char **argv)
{
	const char *path = getenv("STORE"), *command = argc > 2 ? argv[1] : "";
	int r = zendo_store_open(path ? path : "/dev/xen/xenbus", &s);

	if (r < 0)
		return answer(r);
	zendo_store_set_timeout(s, 120000);
	if (strcmp(command, "read") == 0)
		return do_read(argv[2]);
	if (strcmp(command, "list") == 0)
		return do_list(argv[2]);
	if (strcmp(command, "perms") == 0)
		return do_perms(argv[2]);
	if (strcmp(command, "wait") == 0)
		return do_wait(argv[2]);
	if (strcmp(command, "fill") == 0)
		return do_fill(argv[2]);
	if (strcmp(command, "rm") == 0)
		return answer(zendo_store_rm(s, 0, argv[2]));
	if (strcmp(command, "add") == 0 && argc > 3)
		return do_add(argv[2], argv[3]);
	if (strcmp(command, "crowd") == 0 && argc > 3)
		return do_crowd(argv[2], argv[3]);
	if (strcmp(command, "write") == 0 && argc > 3)
		return answer(zendo_store_write(s, 0, argv[2], argv[3], strlen(argv[3])));
	fputs("usage: storec read|list|perms|wait|fill|rm|write|add|crowd PATH [VALUE|TIMES]\n", stderr);
	return 2;
}
