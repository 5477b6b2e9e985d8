/* SPDX-License-Identifier: GPL-2.0-only */
/* stat: what domains use, once in a while. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include <json-c/json.h>

#include "cli.h"
#include "sample_table.h"
#include "state.h"
#include "stat.h"

/* ---- for programs ------------------------------------------------------------------------- */

static void add(struct json_object *o, const char *key, struct json_object *value)
{
	(void)json_object_object_add(o, key, value);
}

/* Three digits are enough, and no exponent: a tenth of an event per second tells nobody anything. */
static struct json_object *number(double v)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%.3f", v);
	return json_object_new_double_s(v, text);
}

static const struct sample_counters *counters_of(const struct sample_rate *r)
{
	return r->part ? &r->part->counters : &r->domain->counters;
}

/* Rates and what stands behind them: { "per_second": {}, "total": {} }. Of a domain totals are only those of its own. */
static void add_counters(struct json_object *o, const struct sample_rate *r, unsigned from, unsigned to, const char *rates,
			 const char *totals)
{
	struct json_object *rate = json_object_new_object(), *total = json_object_new_object();

	for (unsigned i = from; i < to; i++) {
		if (sample_has(r, i))
			add(rate, sample_counter_to_string(i), number(r->per_second[i]));
		if (counters_of(r)->known & SAMPLE_BIT(i))
			add(total, sample_counter_to_string(i), json_object_new_uint64(counters_of(r)->value[i]));
	}
	add(o, rates, rate);
	if (json_object_object_length(total) > 0)
		add(o, totals, total);
	else
		json_object_put(total);
}

static void add_use(struct json_object *o, const struct sample_rate *r)
{
	if (sample_has(r, SAMPLE_CPU_NS))
		add(o, "cpu_percent", number(sample_cpu_percent(r)));
	if (sample_has(r, SAMPLE_STEAL_NS))
		add(o, "steal_percent", number(sample_steal_percent(r)));
	add_counters(o, r, 0, SAMPLE_KIND, "per_second", "total");
	if (sample_has(r, SAMPLE_KIND))
		add_counters(o, r, SAMPLE_KIND, SAMPLE_NR, "exits_per_second", "exits_total");
}

static struct json_object *domain_to_json(const struct sample_rate *r)
{
	struct json_object *o = json_object_new_object();
	char state[7];

	format_state(r->domain->state, r->domain->shutdown_code, state);
	add(o, "name", json_object_new_string(r->domain->name));
	add(o, "domid", json_object_new_int64(r->domain->domid));
	add(o, "state", json_object_new_string(state));
	add(o, "vcpus", json_object_new_int64(r->domain->nr_vcpus));
	add(o, "memory_kib", json_object_new_uint64(r->domain->memory_kib));
	add(o, "max_memory_kib", json_object_new_uint64(r->domain->max_memory_kib));
	add_use(o, r);
	return o;
}

static struct json_object *part_to_json(const struct sample_rate *r)
{
	struct json_object *o = json_object_new_object();

	if (r->part->kind == SAMPLE_VCPU) {
		add(o, "vcpu", json_object_new_int64(r->part->id));
		add(o, "state", json_object_new_string(r->part->state));
		if (r->part->cpu >= 0)
			add(o, "cpu", json_object_new_int64(r->part->cpu));
	} else {
		add(o, "device", json_object_new_string(r->part->name));
	}
	add_use(o, r);
	return o;
}

/* One line: several of them are a stream. */
static void print_rates_json(const struct sample_rates *r)
{
	static const char *const lists[] = { [SAMPLE_VCPU] = "vcpu", [SAMPLE_DISK] = "disk", [SAMPLE_NET] = "net" };
	struct json_object *all = json_object_new_object(), *domains = json_object_new_array(), *domain = NULL;
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	add(all, "time_ns", json_object_new_uint64((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec));
	add(all, "seconds", number(r->seconds));
	add(all, "domains", domains);
	for (size_t i = 0; i < r->nr; i++)
		if (!r->rows[i].part) {
			domain = domain_to_json(&r->rows[i]);
			for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++)
				add(domain, lists[k], json_object_new_array());
			(void)json_object_array_add(domains, domain);
		} else {
			(void)json_object_array_add(json_object_object_get(domain, lists[r->rows[i].part->kind]),
						    part_to_json(&r->rows[i]));
		}
	puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN));
	json_object_put(all);
}

/* ---- for people --------------------------------------------------------------------------- */

void stat_print_table(const struct sample_rates *r, const struct sample_wanted *w, int width)
{
	char line[SAMPLE_LINE_MAX];
	struct sample_table t;

	sample_table_fit(&t, r, width);
	sample_table_header(&t, line);
	puts(line);
	for (size_t i = 0; i < r->nr; i++) {
		if (!sample_is_wanted(&r->rows[i], w))
			continue;
		sample_table_row(&t, &r->rows[i], line);
		puts(line);
		if (w->exits && (!r->rows[i].part || r->rows[i].part->kind == SAMPLE_VCPU) && sample_has(&r->rows[i], SAMPLE_KIND)) {
			sample_exits_row(&r->rows[i], width, line);
			puts(line);
		}
	}
}

int stat_terminal_width(void)
{
	struct winsize w;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) >= 0 ? w.ws_col : 0;
}

/* ---- going on ----------------------------------------------------------------------------- */

bool stat_parse_seconds(const char *s, uint64_t *ret_ns)
{
	char *end;
	double v;

	errno = 0;
	v = strtod(s, &end);
	if (errno || end == s || *end || !(v >= STAT_LEAST_SECONDS && v <= STAT_MOST_SECONDS))
		return false;
	*ret_ns = (uint64_t)(v * 1e9);
	return true;
}

bool stat_parse_count(const char *s, unsigned long *ret)
{
	if (!*s || strspn(s, "0123456789") != strlen(s) || strlen(s) > 9 || strtoul(s, NULL, 10) == 0)
		return false;
	*ret = strtoul(s, NULL, 10);
	return true;
}

/*
 * From the end of the last one on, so that a report that took long does not shift the next; but what was missed while the process
 * was stopped is not made up for.
 */
static void wait_until(struct timespec *next, uint64_t ns)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if ((now.tv_sec - next->tv_sec) * 1000000000LL + now.tv_nsec - next->tv_nsec > (long long)ns)
		*next = now;
	next->tv_nsec += (long)(ns % 1000000000);
	next->tv_sec += (time_t)(ns / 1000000000) + next->tv_nsec / 1000000000;
	next->tv_nsec %= 1000000000;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL) == EINTR)
		;
}

struct stat_job {
	int device;
	char **names;
	size_t nr_names;
	struct sample_wanted wanted;
	bool json;
	uint64_t interval_ns;
	unsigned long count;		/* 0: until it is interrupted */
};

static int report(const struct stat_job *j, const struct sample *old, const struct sample *new)
{
	struct sample_rates r = {};

	if (new->nr == 0)	/* there were names: dom0 is always there */
		return fail(EXIT_NO_DOMAIN, "'%s' has ended%s", j->names[0], j->nr_names > 1 ? ", and so have the others" : "");
	if (sample_compare(old, new, &r) < 0)
		return fail(EXIT_FAILED, "out of memory");
	if (j->json)
		print_rates_json(&r);
	else
		stat_print_table(&r, &j->wanted, stat_terminal_width());
	sample_rates_done(&r);
	if (fflush(stdout) != 0)
		return fail(EXIT_FAILED, "cannot write: %s", strerror(errno));
	return EXIT_OK;
}

static int run(const struct stat_job *j)
{
	struct sample old = {}, new = {};
	struct timespec next;
	int r, status = EXIT_OK;

	(void)clock_gettime(CLOCK_MONOTONIC, &next);
	r = sample_take(j->device, j->names, j->nr_names, &old);
	for (unsigned long n = 0; r >= 0 && status == EXIT_OK && (j->count == 0 || n < j->count); n++) {
		wait_until(&next, j->interval_ns);
		r = sample_take(j->device, j->names, j->nr_names, &new);
		if (r < 0)
			break;
		if (n > 0 && !j->json)
			putchar('\n');
		status = report(j, &old, &new);
		sample_done(&old);
		old = new;
		new = (struct sample) {};
	}
	sample_done(&old);
	return r < 0 ? fail_device(r) : status;
}

int stat_find_names(int device, int argc, char **argv, char ***ret)
{
	char **names = calloc((size_t)argc + 1, sizeof(*names));
	struct hvpriv_domain_info info;
	int status = names ? EXIT_OK : fail(EXIT_FAILED, "out of memory");

	for (int i = 0; i < argc && status == EXIT_OK; i++) {
		if (!is_dom0(argv[i]))
			status = find_domain(device, argv[i], &info);
		if (status == EXIT_OK)
			names[i] = strdup(is_dom0(argv[i]) ? DOM0_NAME : info.name);
		if (status == EXIT_OK && !names[i])
			status = fail(EXIT_FAILED, "out of memory");
	}
	if (status != EXIT_OK)
		stat_free_names(names);
	else
		*ret = names;
	return status;
}

void stat_free_names(char **names)
{
	for (char **n = names; n && *n; n++)
		free(*n);
	free(names);
}

/* 0 or an exit status; *ret_given: which of the two were said. */
static int parse(int argc, char **argv, struct stat_job *j, bool *ret_interval)
{
	static const struct option options[] = {
		{ "count", required_argument, NULL, 'c' },
		{ "disks", no_argument, NULL, 'd' },
		{ "exits", no_argument, NULL, 'e' },
		{ "interval", required_argument, NULL, 'i' },
		{ "json", no_argument, NULL, 'j' },
		{ "networks", no_argument, NULL, 'n' },
		{ "vcpus", no_argument, NULL, 'v' },
		{}
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:dei:jnv", options, NULL)) >= 0)
		if (c == 'c' && !stat_parse_count(optarg, &j->count))
			return fail(EXIT_USAGE, "'%s' is not a number of reports", optarg);
		else if (c == 'i' && !stat_parse_seconds(optarg, &j->interval_ns))
			return fail(EXIT_USAGE, "'%s' is not a time in seconds, of " STAT_SECONDS_TEXT, optarg);
		else if (c == '?')
			return usage(argv[0]);
		else
			switch (c) {
			case 'd': j->wanted.disks = true; break;
			case 'e': j->wanted.exits = true; break;
			case 'i': *ret_interval = true; break;
			case 'j': j->json = true; break;
			case 'n': j->wanted.nets = true; break;
			case 'v': j->wanted.vcpus = true; break;
			}
	return EXIT_OK;
}

int cmd_stat(int argc, char **argv)
{
	struct stat_job j = { .interval_ns = 1000000000 };
	_cleanup_close_ int device = -EBADF;
	bool interval = false;
	int r;

	r = parse(argc, argv, &j, &interval);
	if (r == EXIT_OK)
		r = open_running(&device);
	if (r == EXIT_OK)
		r = stat_find_names(device, argc - optind, argv + optind, &j.names);
	if (r != EXIT_OK)
		return r;
	j.device = device;
	j.nr_names = (size_t)(argc - optind);
	if (!interval && j.count == 0)
		j.count = 1;
	r = run(&j);
	stat_free_names(j.names);
	return r;
}
