/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kill DAEMON DIR TIMES - the daemon is killed so many times at random moments, and started again, while guests on rings and a
 * client on the socket work. Each counts what it was answered: nothing that was acknowledged may be lost, no answer may come
 * twice or not at all, no watch may be forgotten.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xenstore.h>

#include "guest.h"

#define NR_GUESTS	4
#define LEAST_ROUNDS	200	/* of each, besides lasting until the last kill */
#define MOST_BETWEEN	400	/* rounds of all of them, from one kill to the next; a tenth comes at once, while it starts */

static char socket_path[108], state_path[128];	/* the first: a sun_path */
static volatile sig_atomic_t stop;
static int progress;	/* eventfd: what the workers have done since it was read */

static void on_term(int signal)
{
	(void)signal;
	stop = 1;
}

/* As systemd does it: the socket outlives the daemon, and who connects meanwhile waits. */
static int listen_store(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", socket_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 64) < 0)
		die("%s: %m", socket_path);
	return fd;
}

static pid_t start_daemon(const char *daemon, int listening)
{
	pid_t pid = fork();
	char text[16];

	if (pid == 0) {
		(void)snprintf(text, sizeof(text), "%d", (int)getpid());
		(void)setenv("LISTEN_PID", text, 1);
		(void)setenv("LISTEN_FDS", "1", 1);
		if (listening == 3 ? fcntl(3, F_SETFD, 0) < 0 : dup2(listening, 3) < 0)
			die("descriptor 3: %m");
		execl(daemon, daemon, "--state", state_path, NULL);
		die("%s: %m", daemon);
	}
	return pid;
}

static struct xs_handle *connect_store(void)
{
	struct xs_handle *xs = xs_open(0);

	if (!xs)
		die("%s: %m", socket_path);
	return xs;
}

/* A guest or the client has got an answer that it waited for. */
static void count_progress(void)
{
	uint64_t one = 1;

	if (write(progress, &one, sizeof(one)) != sizeof(one))
		die("progress: %m");
}

static void await_progress(unsigned rounds)
{
	uint64_t done = 0, n;

	while (done < rounds) {
		if (read(progress, &n, sizeof(n)) != sizeof(n))
			die("progress: %m");
		done += n;
	}
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
		count_progress();
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
			count_progress();
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
	int status, listening, failed = 0;

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
	progress = eventfd(0, EFD_CLOEXEC);
	if (progress < 0)
		die("eventfd: %m");
	listening = listen_store();
	daemon = start_daemon(argv[1], listening);
	introduce();
	for (unsigned i = 0; i <= NR_GUESTS; i++)
		workers[i] = start_worker(i);
	for (unsigned i = 0; i < times; i++) {
		await_progress(rand() % 10 ? (unsigned)rand() % MOST_BETWEEN : 0);
		(void)kill(daemon, SIGKILL);
		(void)waitpid(daemon, &status, 0);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
			fprintf(stderr, "the daemon ended by itself: status %x\n", status);
			failed = 1;
		}
		daemon = start_daemon(argv[1], listening);
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
