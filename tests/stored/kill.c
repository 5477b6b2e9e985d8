/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kill DAEMON DIR TIMES - the daemon is killed so many times at random moments, and started again, while guests on rings and a
 * client on the socket work. Each counts what it was answered: nothing that was acknowledged may be lost, no answer may come
 * twice or not at all, no watch may be forgotten.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xenstore.h>

#include "guest.h"

#define NR_GUESTS	4
#define LEAST_ROUNDS	200	/* of each, besides lasting until the last kill */

static char socket_path[128], state_path[128];
static volatile sig_atomic_t stop;

static void on_term(int signal)
{
	(void)signal;
	stop = 1;
}

static pid_t start_daemon(const char *daemon)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl(daemon, daemon, "--state", state_path, "--socket", socket_path, NULL);
		die("%s: %m", daemon);
	}
	return pid;
}

/* The daemon may just be away. */
static struct xs_handle *connect_store(void)
{
	for (int i = 0; i < 20000; i++) {
		struct xs_handle *xs = xs_open(0);

		if (xs)
			return xs;
		(void)usleep(1000);
	}
	die("the daemon does not come back");
}

static void expect(bool right, const struct guest *g, const char *what, const struct reply *r)
{
	if (!right)
		die("domain %u: %s: %.100s", g->domid, what, r->body);
}

/* data/sum + 1 in a transaction, as often as it takes. */
static void add_one(struct guest *g, struct reply *r, unsigned sum)
{
	for (;;) {
		uint32_t tx;

		expect(guest_ask(g, XS_TRANSACTION_START, 0, r, "|"), g, "start", r);
		tx = (uint32_t)strtoul(r->body, NULL, 10);
		expect(guest_ask(g, XS_READ, tx, r, "data/sum|") && strtoul(r->body, NULL, 10) == sum, g, "sum in a transaction", r);
		expect(guest_ask(g, XS_WRITE, tx, r, "data/sum|%u", sum + 1), g, "write in a transaction", r);
		if (guest_ask(g, XS_TRANSACTION_END, tx, r, "T|"))
			return;
		expect(strcmp(r->body, "EAGAIN") == 0, g, "commit", r);
	}
}

static void be_guest(unsigned domid)
{
	struct reply *r = malloc(sizeof(*r));
	unsigned sum = 0, seq = 0, before;
	struct guest g;
	char big[1800];

	if (!r)
		die("no memory");
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	guest_open(&g, domid);
	expect(guest_ask(&g, XS_WRITE, 0, r, "data/sum|0"), &g, "first write", r);
	expect(guest_ask(&g, XS_WATCH, 0, r, "data/seq|token|"), &g, "watch", r);
	while (!stop || seq < LEAST_ROUNDS) {
		before = g.nr_events;
		expect(guest_ask(&g, XS_WRITE, 0, r, "data/seq|%u", ++seq), &g, "write", r);
		/* its event is sent before its answer; the first of all may come now */
		if (g.nr_events == before)
			die("domain %u: no event for write %u", domid, seq);
		expect(guest_ask(&g, XS_READ, 0, r, "data/seq|") && strtoul(r->body, NULL, 10) == seq, &g, "read", r);
		add_one(&g, r, sum++);
		/* more than the ring holds, in both directions */
		expect(guest_ask(&g, XS_WRITE, 0, r, "data/big|%s", big), &g, "big write", r);
		expect(guest_ask(&g, XS_READ, 0, r, "data/big|") && strcmp(r->body, big) == 0, &g, "big read", r);
	}
	printf("domain %u: %u rounds, %u events\n", domid, seq, g.nr_events);
	free(r);
}

/* What was acknowledged is there; what was not may be. */
static void be_client(void)
{
	struct xs_handle *xs = connect_store();
	unsigned acknowledged = 0, tried = 0, again = 0;

	while (!stop || acknowledged < LEAST_ROUNDS) {
		char text[16], *value;
		unsigned len;

		(void)snprintf(text, sizeof(text), "%u", ++tried);
		if (xs_write(xs, XBT_NULL, "/client/seq", text, (unsigned)strlen(text))) {
			acknowledged = tried;
			continue;
		}
		xs_close(xs);
		xs = connect_store();
		again++;
		value = xs_read(xs, XBT_NULL, "/client/seq", &len);
		if (value && (strtoul(value, NULL, 10) < acknowledged || strtoul(value, NULL, 10) > tried))
			die("the client wrote %u, maybe up to %u; there is %s", acknowledged, tried, value);
		if (!value && acknowledged && errno == ENOENT)
			die("the client wrote %u; there is nothing", acknowledged);
		free(value);
	}
	xs_close(xs);
	printf("client: %u writes, connected again %u times\n", acknowledged, again);
}

static void introduce(void)
{
	struct xs_handle *xs = connect_store();

	for (unsigned domid = 1; domid <= NR_GUESTS; domid++) {
		struct xs_permissions owner = { .id = domid, .perms = XS_PERM_NONE };
		char path[64];

		guest_page(domid);
		(void)snprintf(path, sizeof(path), "/local/domain/%u/data", domid);
		if (!xs_introduce_domain(xs, domid, 1, 1) || !xs_mkdir(xs, XBT_NULL, path) ||
		    !xs_set_permissions(xs, XBT_NULL, path, &owner, 1))
			die("cannot introduce domain %u: %m", domid);
	}
	xs_close(xs);
}

static pid_t start_worker(unsigned domid)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	(void)signal(SIGTERM, on_term);
	if (domid)
		be_guest(domid);
	else
		be_client();
	(void)fflush(stdout);
	_exit(0);
}

int main(int argc, char **argv)
{
	unsigned times = argc == 4 ? (unsigned)atoi(argv[3]) : 0;
	unsigned seed = (unsigned)time(NULL);
	pid_t daemon, workers[NR_GUESTS + 1];
	int status, failed = 0;

	if (!times)
		die("usage: kill DAEMON DIR TIMES");
	(void)snprintf(socket_path, sizeof(socket_path), "%s/socket", argv[2]);
	(void)snprintf(state_path, sizeof(state_path), "%s/state", argv[2]);
	(void)setenv("FAKE_XEN", argv[2], 1);
	(void)setenv("XENSTORED_PATH", socket_path, 1);
	(void)signal(SIGPIPE, SIG_IGN);
	printf("seed %u\n", seed);
	(void)fflush(stdout);
	srand(seed);
	daemon = start_daemon(argv[1]);
	introduce();
	for (unsigned i = 0; i <= NR_GUESTS; i++)
		workers[i] = start_worker(i);
	for (unsigned i = 0; i < times; i++) {
		(void)usleep((useconds_t)(1000 + rand() % 150000));
		(void)kill(daemon, SIGKILL);
		(void)waitpid(daemon, &status, 0);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
			fprintf(stderr, "the daemon ended by itself: status %x\n", status);
			failed = 1;
		}
		daemon = start_daemon(argv[1]);
	}
	for (unsigned i = 0; i <= NR_GUESTS; i++)
		(void)kill(workers[i], SIGTERM);
	for (unsigned i = 0; i <= NR_GUESTS; i++) {
		(void)waitpid(workers[i], &status, 0);
		failed |= status != 0;
	}
	(void)kill(daemon, SIGTERM);
	(void)waitpid(daemon, &status, 0);
	if (status) {
		fprintf(stderr, "the daemon's end: status %x\n", status);
		failed = 1;
	}
	return failed;
}
