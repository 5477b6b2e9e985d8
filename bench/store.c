/* SPDX-License-Identifier: GPL-2.0-only */
/* store WHAT TIMES - a load for bench/store: requests by libxenstore to the daemon at $XENSTORED_PATH, without transactions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>

#define NR_NODES	2000
#define NR_WATCHES	1000
#define NR_CLIENTS	100

static struct xs_handle *xs;

static void need(int right, const char *what)
{
	if (right)
		return;
	perror(what);
	exit(1);
}

static void write_one(const char *path)
{
	need(xs_write(xs, XBT_NULL, path, "4", 1), path);
}

static void read_one(const char *path)
{
	unsigned len;
	char *value = xs_read(xs, XBT_NULL, path, &len);

	need(value != NULL, path);
	free(value);
}

static void list_all(void)
{
	unsigned nr;
	char **names = xs_directory(xs, XBT_NULL, "/many", &nr);

	need(names && nr == NR_NODES, "directory");
	free(names);
}

static void take_events(unsigned nr)
{
	while (nr--) {
		unsigned n;
		char **event = xs_read_watch(xs, &n);

		need(event != NULL, "event");
		free(event);
	}
}

/* All are connected before the first asks. */
static void connect_all(void)
{
	static struct xs_handle *client[NR_CLIENTS];
	struct xs_handle *own = xs;

	for (unsigned i = 0; i < NR_CLIENTS; i++) {
		client[i] = xs_open(0);
		need(client[i] != NULL, "connect");
	}
	for (unsigned i = 0; i < NR_CLIENTS; i++) {
		xs = client[i];
		read_one("/local/domain/7/device/vbd/51712/state");
	}
	for (unsigned i = 0; i < NR_CLIENTS; i++)
		xs_close(client[i]);
	xs = own;
}

int main(int argc, char **argv)
{
	const char *what = argc == 3 ? argv[1] : "";
	unsigned times = argc == 3 ? (unsigned)atoi(argv[2]) : 0;
	char text[64];

	xs = xs_open(0);
	need(xs != NULL, "open");
	write_one("/local/domain/7/device/vbd/51712/state");
	if (strcmp(what, "list") == 0)
		for (unsigned i = 0; i < NR_NODES; i++) {
			(void)snprintf(text, sizeof(text), "/many/node-%04u", i);
			need(xs_mkdir(xs, XBT_NULL, text), text);
		}
	if (strcmp(what, "watch") == 0)
		for (unsigned i = 0; i < NR_WATCHES; i++) {
			(void)snprintf(text, sizeof(text), "%u", i);
			need(xs_watch(xs, "/local/domain/7", text), "watch");
			take_events(1);
		}
	while (times--) {
		if (strcmp(what, "read") == 0)
			read_one("/local/domain/7/device/vbd/51712/state");
		else if (strcmp(what, "list") == 0)
			list_all();
		else if (strcmp(what, "connect") == 0)
			connect_all();
		else
			write_one("/local/domain/7/device/vbd/51712/state");
		if (strcmp(what, "watch") == 0)
			take_events(NR_WATCHES);
	}
	xs_close(xs);
	return 0;
}
