/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * top: what domains use, live. Signals come by a descriptor, so that the terminal is put right in one place, and not
 * in the middle of something else.
 */
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <ncurses.h>

#include "cli.h"
#include "stat.h"
#include "top.h"

struct top_run {
	struct top top;
	int device;
	char **names;
	size_t nr_names;
	bool batch;
	unsigned long count;		/* of reports, 0: no end */

	struct sample last;
	struct sample_rates rates;	/* point into it */
	struct top_host host;

	SCREEN *screen;
	int signals, timer;
	int ended_by;			/* the signal, 0: none */
	int status;
};

/* ---- figures ------------------------------------------------------------------------------ */

/* What is said while there is a screen would go with it. */
static void close_screen(struct top_run *t)
{
	if (!t->screen)
		return;
	(void)endwin();
	delscreen(t->screen);
	t->screen = NULL;
}

static int give_up(struct top_run *t, const char *what, int error)
{
	close_screen(t);
	return fail(EXIT_FAILED, "%s: %s", what, strerror(-error));
}

/* The first report is since each domain is there: two samples at once would tell nothing. 0 or an exit status. */
static int look(struct top_run *t)
{
	struct sample_rates rates = {};
	struct sample now = {};
	time_t clock = time(NULL);
	struct tm tm;
	int r;

	r = sample_take(t->device, t->names, t->nr_names, &now);
	if (r < 0) {
		close_screen(t);
		return fail_device(r);
	}
	r = sample_compare(t->last.when_ns ? &t->last : NULL, &now, &rates);
	if (r >= 0)
		r = zendo_host_read(&t->host.host);
	if (r >= 0)
		r = sample_sort(&rates, t->top.sort, t->top.reverse);
	if (r < 0) {
		sample_rates_done(&rates);
		sample_done(&now);
		return give_up(t, "cannot take figures", r);
	}
	(void)strftime(t->host.clock, sizeof(t->host.clock), "%T", localtime_r(&clock, &tm));
	sample_rates_done(&t->rates);
	sample_done(&t->last);
	t->rates = rates;
	t->last = now;
	return EXIT_OK;
}

/* ---- signals and time --------------------------------------------------------------------- */

static int set_timer(struct top_run *t)
{
	struct itimerspec i = {
		.it_value = { (time_t)(t->top.interval_ns / 1000000000), (long)(t->top.interval_ns % 1000000000) },
	};

	i.it_interval = i.it_value;
	return timerfd_settime(t->timer, 0, &i, NULL) < 0 ? give_up(t, "no timer", -errno) : EXIT_OK;
}

/* nohup(1) has some ignored: they stay so, but would come by the descriptor. */
static bool is_ignored(int number)
{
	struct sigaction a;

	return sigaction(number, NULL, &a) >= 0 && a.sa_handler == SIG_IGN;
}

static int set_up_events(struct top_run *t)
{
	static const int wanted[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH };
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!is_ignored(wanted[i]))
			(void)sigaddset(&set, wanted[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return give_up(t, "cannot block signals", -errno);
	t->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	t->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (t->signals < 0 || t->timer < 0)
		return give_up(t, "cannot wait for events", -errno);
	return set_timer(t);
}

/* As if it had not been caught. It returns when the signal stops the process, which then goes on, or is ignored. */
static void let_it_happen(int number)
{
	struct sigaction old, usual = { .sa_handler = SIG_DFL };
	sigset_t set;

	(void)sigaction(number, &usual, &old);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, number);
	(void)raise(number);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)sigaction(number, &old, NULL);
}

/* ---- the screen --------------------------------------------------------------------------- */

static void put_line(int y, const char *line, enum top_style style, const char *sorted, void *userdata)
{
	const attr_t attributes = style == TOP_HEADER ? A_REVERSE : style == TOP_DOMAIN || style == TOP_MESSAGE ? A_BOLD : A_NORMAL;

	(void)userdata;
	(void)attrset(attributes);
	(void)mvaddstr(y, 0, line);
	if (style == TOP_HEADER)
		(void)mvchgat(y, 0, -1, A_REVERSE, 0, NULL);
	if (sorted)
		(void)mvchgat(y, (int)(sorted - line), (int)strcspn(sorted, " "), A_REVERSE | A_BOLD | A_UNDERLINE, 0, NULL);
	(void)attrset(A_NORMAL);
}

static void draw(struct top_run *t)
{
	(void)erase();
	top_frame(&t->top, &t->rates, &t->host, COLS, LINES, put_line, NULL);
	(void)refresh();
}

static void fit_screen(void)
{
	struct winsize w;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) >= 0 && w.ws_row > 0 && w.ws_col > 0)
		(void)resizeterm(w.ws_row, w.ws_col);
	(void)clearok(curscr, TRUE);
}

static int open_screen(struct top_run *t)
{
	const char *term = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return fail(EXIT_FAILED, "this is no terminal; 'zendo top --batch' needs none");
	(void)setlocale(LC_CTYPE, "");
	t->screen = newterm(NULL, stdout, stdin);
	if (!t->screen)
		return fail(EXIT_FAILED, "the terminal '%s' is not known here; 'zendo top --batch' needs none", term ? term : "");
	(void)cbreak();
	(void)noecho();
	(void)nonl();
	(void)keypad(stdscr, TRUE);
	(void)nodelay(stdscr, TRUE);
	(void)set_escdelay(25);
	(void)curs_set(0);
	return EXIT_OK;
}

static int key_of(int c)
{
	switch (c) {
	case KEY_UP:		return TOP_UP;
	case KEY_DOWN:		return TOP_DOWN;
	case KEY_PPAGE:		return TOP_PAGE_UP;
	case KEY_NPAGE:		return TOP_PAGE_DOWN;
	case KEY_HOME:		return TOP_HOME;
	case KEY_END:		return TOP_END;
	case KEY_BACKSPACE:	return TOP_BACKSPACE;
	case KEY_ENTER:		return '\n';
	}
	return c;
}

/* ---- what happens ------------------------------------------------------------------------- */

/* False: it is over. */
static bool on_signal(struct top_run *t)
{
	struct signalfd_siginfo s;

	while (read(t->signals, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo == SIGWINCH) {
			fit_screen();
		} else if (s.ssi_signo == SIGTSTP) {
			(void)endwin();
			let_it_happen(SIGTSTP);
			fit_screen();
		} else {
			t->ended_by = (int)s.ssi_signo;
			return false;
		}
	}
	return true;
}

/* All keys that are there. False: it is over. *ret_sample: look now. */
static bool on_keys(struct top_run *t, bool *ret_sample)
{
	uint64_t before = t->top.interval_ns;
	int c;

	while ((c = getch()) != ERR) {
		enum top_action a = top_key(&t->top, key_of(c));

		if (a == TOP_QUIT)
			return false;
		*ret_sample = *ret_sample || a == TOP_SAMPLE;
	}
	if (before != t->top.interval_ns)
		t->status = set_timer(t);
	return t->status == EXIT_OK;
}

/* By another column than before, maybe. */
static int sort(struct top_run *t)
{
	int r = sample_sort(&t->rates, t->top.sort, t->top.reverse);

	return r < 0 ? give_up(t, "cannot sort", r) : EXIT_OK;
}

/* What an event asks for, or an exit status. */
enum { NEXT_DRAW = -1, NEXT_LOOK = -2 };

static int wait_for_event(struct top_run *t)
{
	struct pollfd p[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN }, { .fd = t->signals, .events = POLLIN }, { .fd = t->timer, .events = POLLIN },
	};
	bool sample = false;
	uint64_t ticks;

	if (poll(p, sizeof(p) / sizeof(p[0]), -1) < 0)
		return errno == EINTR ? NEXT_DRAW : give_up(t, "cannot wait for events", -errno);
	if (p[1].revents && !on_signal(t))
		return EXIT_OK;
	if (p[0].revents & POLLIN && !on_keys(t, &sample))
		return t->status;
	if (p[0].revents & (POLLHUP | POLLERR | POLLNVAL))	/* the terminal is gone */
		return EXIT_FAILED;
	if (p[2].revents && read(t->timer, &ticks, sizeof(ticks)) == sizeof(ticks))
		sample = true;
	return sample ? NEXT_LOOK : NEXT_DRAW;
}

static int watch(struct top_run *t)
{
	int r = open_screen(t), next;

	for (unsigned long n = 1; r == EXIT_OK; ) {
		draw(t);
		next = wait_for_event(t);
		if (next >= 0) {
			r = next;
			break;
		}
		if (next == NEXT_LOOK && n++ == t->count)
			break;
		r = next == NEXT_LOOK ? look(t) : sort(t);
	}
	close_screen(t);
	return r;
}

/* The first one at once, since each domain is there; as xentop's. */
static int print_reports(struct top_run *t)
{
	struct pollfd p[] = { { .fd = t->signals, .events = POLLIN }, { .fd = t->timer, .events = POLLIN } };
	char summary[2][SAMPLE_LINE_MAX];
	struct signalfd_siginfo s;
	uint64_t ticks;
	int r = EXIT_OK;

	for (unsigned long n = 1; r == EXIT_OK; n++) {
		top_summary(&t->rates, &t->host, summary);
		printf("%s\n%s\n", summary[0], summary[1]);
		stat_print_table(&t->rates, &t->top.wanted, stat_terminal_width());
		if (fflush(stdout) != 0)
			return fail(EXIT_FAILED, "cannot write: %s", strerror(errno));
		if (n == t->count)
			break;
		while (read(t->timer, &ticks, sizeof(ticks)) != sizeof(ticks)) {
			(void)poll(p, 2, -1);
			if (read(t->signals, &s, sizeof(s)) != sizeof(s) || s.ssi_signo == SIGWINCH)
				continue;
			let_it_happen((int)s.ssi_signo);
		}
		putchar('\n');
		r = look(t);
	}
	return r;
}

static int run(struct top_run *t)
{
	int r = look(t);

	if (r == EXIT_OK)
		r = set_up_events(t);
	if (r == EXIT_OK)
		r = t->batch ? print_reports(t) : watch(t);
	sample_rates_done(&t->rates);
	sample_done(&t->last);
	safe_close(t->signals);
	safe_close(t->timer);
	if (t->ended_by)
		let_it_happen(t->ended_by);
	return r;
}

static int parse(int argc, char **argv, struct top_run *t)
{
	static const struct option options[] = {
		{ "batch", no_argument, NULL, 'b' },
		{ "delay", required_argument, NULL, 'd' },
		{ "disks", no_argument, NULL, 'x' },
		{ "exits", no_argument, NULL, 'e' },
		{ "iterations", required_argument, NULL, 'i' },
		{ "networks", no_argument, NULL, 'n' },
		{ "sort", required_argument, NULL, 's' },
		{ "vbds", no_argument, NULL, 'x' },
		{ "vcpus", no_argument, NULL, 'v' },
		{}
	};
	int c;

	while ((c = getopt_long(argc, argv, "bd:ei:ns:vx", options, NULL)) >= 0)
		if (c == 'd' && !stat_parse_seconds(optarg, &t->top.interval_ns))
			return fail(EXIT_USAGE, "'%s' is not a time in seconds, of " STAT_SECONDS_TEXT, optarg);
		else if (c == 'i' && !stat_parse_count(optarg, &t->count))
			return fail(EXIT_USAGE, "'%s' is not a number of reports", optarg);
		else if (c == 's' && !top_find_column(optarg, &t->top.sort))
			return fail(EXIT_USAGE, "there is no column '%s'", optarg);
		else if (c == '?')
			return usage(argv[0]);
		else
			switch (c) {
			case 'b': t->batch = true; break;
			case 'e': t->top.wanted.exits = true; break;
			case 'n': t->top.wanted.nets = true; break;
			case 'v': t->top.wanted.vcpus = true; break;
			case 'x': t->top.wanted.disks = true; break;
			}
	return EXIT_OK;
}

int cmd_top(int argc, char **argv)
{
	struct top_run t = { .top = { .sort = COLUMN_CPU, .interval_ns = 3000000000 }, .signals = -EBADF, .timer = -EBADF };
	_cleanup_close_ int device = -EBADF;
	int r;

	r = parse(argc, argv, &t);
	if (r == EXIT_OK)
		r = open_running(&device);
	if (r == EXIT_OK)
		r = stat_find_names(device, argc - optind, argv + optind, &t.names);
	if (r != EXIT_OK)
		return r;
	t.device = device;
	t.nr_names = (size_t)(argc - optind);
	r = run(&t);
	stat_free_names(t.names);
	return r;
}
