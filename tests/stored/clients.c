/* SPDX-License-Identifier: GPL-2.0-only */
/* What programs on libxenstore do, against the daemon at $XENSTORED_PATH. One argument: which. Silence and status 0: all right. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenstore.h>
#include <xen/io/xs_wire.h>

#define NR_PROCESSES	4
#define ADDITIONS	50
#define NR_DOMAINS	200
#define NR_CYCLES	10000

static void expect(int right, const char *what)
{
	if (right)
		return;
	(void)fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static int connect_raw(int flags)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | flags, 0);

	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", getenv("XENSTORED_PATH"));
	expect(fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0, "connect");
	return fd;
}

static unsigned number(struct xs_handle *xs, xs_transaction_t tx, const char *path)
{
	unsigned len, value;
	char *text = xs_read(xs, tx, path, &len);

	expect(text != NULL, path);
	value = (unsigned)strtoul(text, NULL, 10);
	free(text);
	return value;
}

static void add(void)
{
	struct xs_handle *xs = xs_open(0);

	expect(xs != NULL, "open");
	for (unsigned done = 0; done < ADDITIONS;) {
		xs_transaction_t tx = xs_transaction_start(xs);
		char text[16];

		expect(tx != XBT_NULL, "start");
		(void)snprintf(text, sizeof(text), "%u", number(xs, tx, "/sum") + 1);
		expect(xs_write(xs, tx, "/sum", text, (unsigned)strlen(text)), "write");
		if (xs_transaction_end(xs, tx, false))
			done++;
		else
			expect(errno == EAGAIN, "commit");
	}
	xs_close(xs);
}

/* Who adds at the same time is not lost. */
static int transactions(void)
{
	struct xs_handle *xs = xs_open(0);
	int status;

	expect(xs && xs_write(xs, XBT_NULL, "/sum", "0", 1), "write");
	for (int i = 0; i < NR_PROCESSES; i++)
		if (fork() == 0) {
			add();
			_exit(0);
		}
	for (int i = 0; i < NR_PROCESSES; i++)
		expect(wait(&status) > 0 && status == 0, "a process");
	expect(number(xs, XBT_NULL, "/sum") == NR_PROCESSES * ADDITIONS, "the sum");
	xs_close(xs);
	return 0;
}

/* More names than one message holds. */
static int listing(void)
{
	struct xs_handle *xs = xs_open(0);
	unsigned nr;
	char path[64], **names;

	expect(xs != NULL, "open");
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(path, sizeof(path), "/many/node-%04d", i);
		expect(xs_mkdir(xs, XBT_NULL, path), "mkdir");
	}
	names = xs_directory(xs, XBT_NULL, "/many", &nr);
	expect(names && nr == 2000, "directory");
	for (unsigned i = 0; i < nr; i++) {
		(void)snprintf(path, sizeof(path), "node-%04u", i);
		expect(strcmp(names[i], path) == 0, names[i]);
	}
	free(names);
	expect(xs_rm(xs, XBT_NULL, "/many"), "rm");
	xs_close(xs);
	return 0;
}

/* A client that sends and never reads is waited for, and others do not notice. */
static int flood(void)
{
	struct xsd_sockmsg h = { .type = XS_READ, .len = 2 };
	struct xs_handle *xs = xs_open(0);
	char request[sizeof(h) + 2] = "";
	struct pollfd p = { .events = POLLOUT };
	unsigned long sent = 0;
	int bytes = 4096;

	memcpy(request, &h, sizeof(h));
	memcpy(request + sizeof(h), "/", 2);
	expect(xs != NULL, "open");
	p.fd = connect_raw(SOCK_NONBLOCK);
	(void)setsockopt(p.fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	/* until it takes no more for as long as a hundred other requests last */
	for (unsigned idle = 0; idle < 100;) {
		if (poll(&p, 1, 0) == 1) {
			ssize_t n = send(p.fd, request, sizeof(request), MSG_NOSIGNAL);

			expect(n > 0 || errno == EAGAIN, "send");
			sent += n > 0 ? (unsigned long)n : 0;
			idle = 0;
			expect(sent < 64UL << 20, "it takes all");
		} else {
			expect(xs_write(xs, XBT_NULL, "/flood", "1", 1), "another's write");
			idle++;
		}
	}
	xs_close(xs);
	return 0;
}

/* Bytes that are no request end the connection, and nothing else. */
static int garbage(void)
{
	struct xs_handle *xs = xs_open(0);
	char bytes[64];
	int fd = connect_raw(0);

	memset(bytes, 0xff, sizeof(bytes));
	expect(xs != NULL, "open");
	expect(send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) == sizeof(bytes), "send");
	expect(recv(fd, bytes, sizeof(bytes), 0) <= 0, "an end");
	expect(xs_write(xs, XBT_NULL, "/garbage", "1", 1), "another's write");
	xs_close(xs);
	return 0;
}

/* The daemon's own memory, in KiB: not its journal, which is a file. */
static unsigned long daemon_memory(void)
{
	unsigned long kib = 0;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	char line[128];
	int fd = connect_raw(0);
	FILE *f;

	expect(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0, "peer");
	(void)close(fd);
	(void)snprintf(line, sizeof(line), "/proc/%d/status", (int)cred.pid);
	f = fopen(line, "r");
	expect(f != NULL, line);
	while (!kib && fgets(line, sizeof(line), f))
		(void)sscanf(line, "RssAnon: %lu", &kib);
	(void)fclose(f);
	expect(kib > 0, "its memory");
	return kib;
}

/* A domain's entries, as its process makes them. */
static void make_domain(struct xs_handle *xs, unsigned domid)
{
	static const char *const entries[] = { "name", "domid", "vm", "memory/target", "cpu/0/availability", "console/ring-ref", "store/port",
		"device/vbd/51712/state", "data", "control/shutdown" };
	struct xs_permissions owner = { .id = domid, .perms = XS_PERM_NONE };
	xs_transaction_t tx = xs_transaction_start(xs);
	char path[80];

	expect(tx != XBT_NULL, "start");
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		(void)snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, entries[i]);
		expect(xs_write(xs, tx, path, "1", 1), path);
	}
	expect(xs_set_permissions(xs, tx, path, &owner, 1), path);
	expect(xs_transaction_end(xs, tx, false), "commit");
}

static void remove_domain(struct xs_handle *xs, unsigned domid)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "/local/domain/%u", domid);
	expect(xs_rm(xs, XBT_NULL, path), path);
}

/* The entries of 200 domains, which come and go: the daemon does not grow. Not with sanitizers, which keep what is freed. */
static int cycles(void)
{
	struct xs_handle *xs = xs_open(0);
	unsigned long before = 0, after, growth;

	expect(xs != NULL, "open");
	for (unsigned i = 0; i < NR_DOMAINS; i++)
		make_domain(xs, 1 + i);
	/* one goes, one comes; numbers come again after twice as many, and by then all that grows once has grown */
	for (unsigned i = 0; i < NR_CYCLES + 2 * NR_DOMAINS; i++) {
		if (i == 2 * NR_DOMAINS)
			before = daemon_memory();
		remove_domain(xs, 1 + i % (2 * NR_DOMAINS));
		make_domain(xs, 1 + (i + NR_DOMAINS) % (2 * NR_DOMAINS));
	}
	after = daemon_memory();
	growth = after > before ? after - before : 0;
	printf("%lu KiB with %d domains, %lu KiB after %d more\n", before, NR_DOMAINS, after, NR_CYCLES);
	errno = 0;
	expect(growth < 128, "it grew");
	for (unsigned i = 0; i < NR_DOMAINS; i++)
		remove_domain(xs, 1 + i);
	xs_close(xs);
	return 0;
}

/* A tree of 100,000 nodes goes at once; what comes in its place while it is freed stays. */
static int removal(void)
{
	struct xs_handle *xs = xs_open(0);
	char path[64];
	unsigned nr;

	expect(xs != NULL, "open");
	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(path, sizeof(path), "/huge/%u/a/b/c/d", i);
		expect(xs_mkdir(xs, XBT_NULL, path), path);
	}
	expect(xs_rm(xs, XBT_NULL, "/huge"), "rm");
	free(xs_directory(xs, XBT_NULL, "/huge", &nr));
	expect(errno == ENOENT, "it is still there");
	for (unsigned i = 0; i < 200; i++) {
		(void)snprintf(path, sizeof(path), "/huge/%u", i);
		expect(xs_mkdir(xs, XBT_NULL, path), path);
	}
	free(xs_directory(xs, XBT_NULL, "/huge", &nr));
	expect(nr == 200, "what came later");
	expect(xs_rm(xs, XBT_NULL, "/huge"), "rm");
	xs_close(xs);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} all[] = { { "transactions", transactions }, { "listing", listing }, { "flood", flood }, { "garbage", garbage },
		{ "removal", removal }, { "cycles", cycles } };

	for (size_t i = 0; argc == 2 && i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(argv[1], all[i].name) == 0)
			return all[i].run();
	return 2;
}
