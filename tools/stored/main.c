/* SPDX-License-Identifier: GPL-2.0-only */
/* zendo-stored: the store daemon. zendo-stored(8) is its manual, docs/store.md says how it works. */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>

#include <systemd/sd-daemon.h>

#include "cleanup.h"
#include "client.h"
#include "guest.h"
#include "journal.h"
#include "life.h"
#include "mem.h"
#include "work.h"

#define STATE_DIR	"/run/zendo/stored"
#define STATE_NAME	"state"
#define KEPT_MOST	32		/* states of another format */
#define SOCKETS_MOST	4

struct options {
	const char *state_dir;
	const char *sockets[SOCKETS_MOST];
	unsigned nr_sockets;
};

struct daemon {
	sd_event *event;
	struct store *store;
	struct journal journal;
	int state_dir;
	struct work removed;
};

static void log_text(void *userdata, int priority, const char *text)
{
	(void)userdata;
	/* systemd sets it when stderr is the journal's (sd-daemon(3)) */
	if (getenv("JOURNAL_STREAM"))
		(void)fprintf(stderr, "<%d>%s\n", priority, text);
	else
		(void)fprintf(stderr, "zendo-stored: %s\n", text);
}

static uint64_t now_ms(void *userdata)
{
	struct timespec t;

	(void)userdata;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int introduce(void *userdata, struct domain *d, bool again)
{
	(void)userdata;
	life_listen();
	return guest_introduce(d, again);
}

static void release(void *userdata, struct domain *d)
{
	(void)userdata;
	guest_release(d);
}

static void output(void *userdata, struct conn *c)
{
	(void)userdata;
	(c->is_ring ? guest_output : client_output)(c);
}

static void on_removed(struct work *w)
{
	struct daemon *d = (struct daemon *)((char *)w - offsetof(struct daemon, removed));

	if (store_free_removed(d->store))
		work_queue(w);
}

static void later(void *userdata)
{
	struct daemon *d = userdata;

	work_queue(&d->removed);
}

static const struct store_ops ops = {
	.introduce = introduce, .release = release, .output = output, .log = log_text, .now_ms = now_ms, .later = later,
};

static int usage(FILE *f, int status)
{
	fputs("usage: zendo-stored [--state DIR] [--socket PATH]...\n"
	      "The store of Zendo's domains: Xen's store protocol on Unix sockets and guests' rings.\n\n"
	      "  --state DIR    where it keeps what survives a restart; default " STATE_DIR "\n"
	      "  --socket PATH  listen there, not on what systemd hands over\n"
	      "  --help\n\n"
	      "Exit status: 0 it was told to end, 1 failure, 2 usage.\n", f);
	return status;
}

/* 0, or 1 + an exit status. */
static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option long_options[] = {
		{ "state", required_argument, NULL, 'd' },
		{ "socket", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0)
		if (c == 'd')
			o->state_dir = optarg;
		else if (c == 's' && o->nr_sockets < SOCKETS_MOST)
			o->sockets[o->nr_sockets++] = optarg;
		else if (c == 'h')
			return 1 + usage(stdout, 0);
		else
			return 1 + usage(stderr, 2);
	return optind == argc ? 0 : 1 + usage(stderr, 2);
}

/* What cannot be read is kept beside, for whoever wants to know why. */
static void set_aside(struct daemon *d)
{
	store_log(d->store, LOG_ERR, "the state is damaged: what could be read of it is used, it is kept as " STATE_NAME ".bad");
	(void)renameat(d->state_dir, STATE_NAME, d->state_dir, STATE_NAME ".bad");
}

/*
 * Of a daemon with another format, newer or too old for this one: nothing of it can be used, and nothing must be lost. Whoever
 * goes back to that daemon finds it.
 */
static int keep(struct daemon *d)
{
	char format[3], name[64];
	int r = -1;

	journal_format(&d->journal, format);
	for (unsigned i = 0; i < KEPT_MOST && r < 0; i++) {
		(void)snprintf(name, sizeof(name), i ? STATE_NAME ".format-%s.%u" : STATE_NAME ".format-%s", format, i);
		r = renameat2(d->state_dir, STATE_NAME, d->state_dir, name, RENAME_NOREPLACE);
		if (r < 0 && errno != EEXIST)
			break;
	}
	if (r < 0)
		return -errno;
	store_log(d->store, LOG_ERR, "the state is in format %s, which this version cannot read: it is kept as %s, the store begins empty, "
		  "and domains must be started anew", format, name);
	return 0;
}

static int load(struct daemon *d)
{
	bool old;
	int r = journal_open(&d->journal, d->state_dir, STATE_NAME, &old);

	if (r == -EPROTONOSUPPORT) {
		r = keep(d);
		if (r < 0)
			return r;
		journal_close(&d->journal);
		r = journal_open(&d->journal, d->state_dir, STATE_NAME, &old);
	}
	if (r == -EBADMSG) {
		set_aside(d);
		journal_close(&d->journal);
		r = journal_open(&d->journal, d->state_dir, STATE_NAME, &old);
	}
	if (r < 0)
		return r;
	if (old && state_load(d->store, &d->journal) < 0)
		set_aside(d);
	d->store->journal = &d->journal;
	return state_rewrite(d->store);
}

static int open_state(struct daemon *d, const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	d->state_dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->state_dir < 0)
		return -errno;
	/* A second daemon would write over the first's. */
	return flock(d->state_dir, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

/* Serve again who was served; who is not there any more is released. */
static void serve_again(struct daemon *d)
{
	unsigned nr = 0;

	life_compare();
	for (unsigned i = 1; i < d->store->domids_end; i++) {
		struct domain *dom = d->store->domains[i];

		if (!dom || !dom->introduced)
			continue;
		if (!dom->conn)
			dom->conn = conn_new(d->store, dom, true);
		if (guest_introduce(dom, true) < 0)
			(void)domain_release(d->store, i);
		else
			nr++;
	}
	store_commit(d->store);
	(void)sd_notifyf(0, "READY=1\nSTATUS=%u nodes, %u domains at the start", d->store->nr_nodes, nr);
}

static int listen_all(struct daemon *d, const struct options *o)
{
	int r, nr = o->nr_sockets ? 0 : sd_listen_fds(1);

	if (nr < 0)
		return nr;
	for (int i = 0; i < nr; i++) {
		r = clients_listen_fd(d->store, d->event, SD_LISTEN_FDS_START + i);
		if (r < 0)
			return r;
	}
	for (unsigned i = 0; i < o->nr_sockets; i++) {
		r = clients_listen(d->store, d->event, o->sockets[i]);
		if (r < 0)
			return r;
	}
	return nr || o->nr_sockets ? 0 : -ENOTSOCK;
}

static int start(struct daemon *d, const struct options *o)
{
	uint64_t seed;
	int r;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return -EIO;
	d->store = store_new(&ops, d, seed);
	if ((r = sd_event_default(&d->event)) < 0 ||
	    (r = sd_event_add_signal(d->event, NULL, SIGTERM, NULL, NULL)) < 0 ||
	    (r = sd_event_add_signal(d->event, NULL, SIGINT, NULL, NULL)) < 0 ||
	    (r = sd_event_set_watchdog(d->event, true)) < 0 ||
	    (r = work_start(d->event)) < 0)
		return r;
	r = open_state(d, o->state_dir);
	if (r >= 0)
		r = load(d);
	if (r < 0) {
		store_log(d->store, LOG_ERR, "%s: %s", o->state_dir, r == -EWOULDBLOCK ? "another zendo-stored uses it" : strerror(-r));
		return r;
	}
	guests_start(d->store, d->event);
	life_start(d->store, d->event);
	r = listen_all(d, o);
	if (r < 0) {
		store_log(d->store, LOG_ERR, "cannot listen: %s", r == -ENOTSOCK ? "systemd handed no socket over, and no --socket" :
			  strerror(-r));
		return r;
	}
	serve_again(d);
	return 0;
}

int main(int argc, char **argv)
{
	struct daemon d = { .state_dir = -EBADF, .removed.turn = on_removed };
	struct options o = { .state_dir = STATE_DIR };
	struct rlimit files;
	sigset_t mask;
	int r = parse_options(argc, argv, &o);

	if (r > 0)
		return r - 1;
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGTERM);
	(void)sigaddset(&mask, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &mask, NULL);
	(void)umask(0077);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	r = start(&d, &o);
	if (r >= 0)
		r = sd_event_loop(d.event);
	(void)sd_notify(0, "STOPPING=1");
	/* The rings and the state stay as they are: whoever comes next goes on from there. */
	if (d.store)
		d.store->journal = NULL;
	clients_stop();
	if (d.event)
		guests_stop();
	life_stop();
	work_stop();
	store_free(d.store);
	if (d.journal.base)
		journal_close(&d.journal);
	safe_close(d.state_dir);
	sd_event_unref(d.event);
	return r < 0 ? 1 : 0;
}
