/* SPDX-License-Identifier: GPL-2.0-only */
/* vcpu-list, vcpu-pin, vcpu-set and trigger: a domain's vCPUs are threads of its runner, which answers. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "cli.h"
#include "cpus.h"
#include "device.h"
#include "host.h"

/* ---- vcpu-list --------------------------------------------------------------------------- */

/* One row. What is not known is NULL or negative. */
struct row {
	const char *name;
	unsigned domid, vcpu;
	int64_t cpu;
	const char *state;
	uint64_t time_ns;
	const char *cpus;		/* "all" when these are all that are online */
};

struct list {
	bool json, has_header;
	struct json_object *rows;	/* with json */
	struct zendo_cpus online;
};

static void add(struct json_object *o, const char *key, struct json_object *value)
{
	(void)json_object_object_add(o, key, value);
}

static struct json_object *row_to_json(const struct row *w)
{
	struct json_object *o = json_object_new_object();

	add(o, "name", json_object_new_string(w->name));
	add(o, "domid", json_object_new_int64(w->domid));
	add(o, "vcpu", json_object_new_int64(w->vcpu));
	if (w->cpu >= 0)
		add(o, "cpu", json_object_new_int64(w->cpu));
	add(o, "state", json_object_new_string(w->state));
	add(o, "time_ns", json_object_new_uint64(w->time_ns));
	if (w->cpus)
		add(o, "cpus", json_object_new_string(w->cpus));
	return o;
}

static void print_row(const struct row *w)
{
	char cpu[24] = "-";

	if (w->cpu >= 0)
		(void)snprintf(cpu, sizeof(cpu), "%" PRId64, w->cpu);
	printf("%-32s %5u %5u %5s   %s %9.1f  %s / all\n", w->name, w->domid, w->vcpu, cpu, w->state,
	       (double)w->time_ns / 1e9, w->cpus ? w->cpus : "-");
}

static void show(struct list *l, const struct row *w)
{
	if (l->json) {
		(void)json_object_array_add(l->rows, row_to_json(w));
		return;
	}
	if (!l->has_header)
		printf("%-32s %5s %5s %5s %5s %9s  %s\n", "Name", "ID", "VCPU", "CPU", "State", "Time(s)",
		       "Affinity (Hard / Soft)");
	l->has_header = true;
	print_row(w);
}

/* Linux's own: vCPU n is CPU n. */
static int list_dom0(struct list *l)
{
	_cleanup_free_ struct zendo_host_cpu *all = NULL;
	size_t nr;
	int r = zendo_host_cpus(&all, &nr);

	if (r < 0)
		return fail(EXIT_FAILED, "cannot read /proc/stat: %s", strerror(-r));
	for (size_t i = 0; i < nr; i++) {
		char cpu[16];

		(void)snprintf(cpu, sizeof(cpu), "%u", all[i].cpu);
		show(l, &(struct row) {
			.name = DOM0_NAME, .vcpu = all[i].cpu, .cpu = all[i].cpu, .state = "r--",
			.time_ns = all[i].busy_ns, .cpus = cpu,
		});
	}
	return EXIT_OK;
}

static const char *name_cpus(const struct list *l, const char *cpus)
{
	struct zendo_cpus s;
	const char *why;

	return cpus && zendo_cpus_parse(cpus, &s, &why) >= 0 && zendo_cpus_equal(&s, &l->online) ? "all" : cpus;
}

static const char *text_of(struct json_object *o, const char *key)
{
	return json_object_get_string(json_object_object_get(o, key));
}

static struct json_object *vcpu_request(const char *what, struct json_object *vcpu)
{
	struct json_object *request = json_object_new_object();

	if (request) {
		add(request, "do", json_object_new_string(what));
		add(request, "vcpu", vcpu);
	}
	return request;
}

static int list_vcpus(struct list *l, int fd, const char *name, unsigned domid)
{
	int64_t nr = 1;

	for (int64_t i = 0; i < nr; i++) {
		struct json_object *answer, *cpu;
		int r = ask_request(fd, name, vcpu_request("vcpu", json_object_new_int64(i)), &answer);

		if (r != EXIT_OK)
			return r;
		cpu = json_object_object_get(answer, "cpu");
		nr = json_object_get_int64(json_object_object_get(answer, "vcpus"));
		show(l, &(struct row) {
			.name = name, .domid = domid, .vcpu = (unsigned)i,
			.cpu = cpu ? json_object_get_int64(cpu) : -1,
			.state = text_of(answer, "state") ?: "---",
			.time_ns = json_object_get_uint64(json_object_object_get(answer, "time_ns")),
			.cpus = name_cpus(l, text_of(answer, "cpus")),
		});
		json_object_put(answer);
	}
	return EXIT_OK;
}

static int list_one(struct list *l, const char *what)
{
	_cleanup_close_ int fd = -EBADF;
	struct json_object *answer;
	char name[HVPRIV_NAME_LEN];
	unsigned domid;
	int r;

	if (is_dom0(what))
		return list_dom0(l);
	r = connect_domain(what, &fd, name);
	if (r == EXIT_OK)
		r = ask(fd, name, "query", &answer);
	if (r != EXIT_OK)
		return r;
	domid = (unsigned)json_object_get_int64(json_object_object_get(answer, "domid"));
	json_object_put(answer);
	return list_vcpus(l, fd, name, domid);
}

/* One without a runner is about to end, or was made by somebody else: it has no vCPUs that could be asked for. */
static int list_all(struct list *l)
{
	_cleanup_free_ struct hvpriv_domain_info *all = NULL;
	_cleanup_close_ int device = -EBADF;
	size_t nr = 0;
	int r;

	r = open_running(&device);
	if (r != EXIT_OK)
		return r;
	r = list_domains(device, &all, &nr);
	if (r != EXIT_OK)
		return r;
	r = list_dom0(l);
	for (size_t i = 0; i < nr; i++)
		if (has_runner(all[i].name)) {
			int one = list_one(l, all[i].name);

			r = r == EXIT_OK ? one : r;
		}
	return r;
}

int cmd_vcpu_list(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{}
	};
	struct list l = {};
	int c, r, status = EXIT_OK;

	while ((c = getopt_long(argc, argv, "j", options, NULL)) >= 0)
		if (c == 'j')
			l.json = true;
		else
			return usage(argv[0]);
	r = zendo_cpus_online(&l.online);
	if (r < 0)
		return fail(EXIT_FAILED, "cannot find out which CPUs are online: %s", strerror(-r));
	if (l.json)
		l.rows = json_object_new_array();
	if (optind == argc)
		status = list_all(&l);
	for (int i = optind; i < argc; i++) {
		r = list_one(&l, argv[i]);
		if (status == EXIT_OK)
			status = r;
	}
	if (l.json)
		(void)print_json(l.rows);
	return status;
}

/* ---- changing ---------------------------------------------------------------------------- */

/* A number, or "all" if @may_be_all. NULL with everything said. */
static struct json_object *parse_vcpu(const char *s, bool may_be_all)
{
	if (may_be_all && strcmp(s, "all") == 0)
		return json_object_new_string(s);
	if (*s && strspn(s, "0123456789") == strlen(s) && strlen(s) <= 9)
		return json_object_new_int64(atol(s));
	(void)fail(EXIT_USAGE, "'%s' is not the number of a vCPU%s", s, may_be_all ? ", nor 'all'" : "");
	return NULL;
}

static int check_domain(const char *what)
{
	_cleanup_close_ int fd = -EBADF;
	char name[HVPRIV_NAME_LEN];

	return connect_domain(what, &fd, name);
}

static int send_request(const char *what, struct json_object *request)
{
	_cleanup_close_ int fd = -EBADF;
	char name[HVPRIV_NAME_LEN];
	int r = connect_domain(what, &fd, name);

	if (r != EXIT_OK) {
		json_object_put(request);
		return r;
	}
	return ask_request(fd, name, request, NULL);
}

int cmd_vcpu_pin(int argc, char **argv)
{
	struct json_object *request, *vcpu;
	const char *hard, *soft;
	int r = plain_arguments(argc, argv, 3, 4);

	if (r != EXIT_OK)
		return r;
	hard = argv[optind + 2];
	soft = optind + 3 < argc ? argv[optind + 3] : "-";
	if (strcmp(soft, "-") != 0 && strcmp(soft, "all") != 0)
		return fail(EXIT_FAILED, "there is no soft affinity, which Linux's scheduler does not know: give CPUs only once");
	if (is_dom0(argv[optind]))
		return fail(EXIT_FAILED, "the vCPUs of " DOM0_NAME " are this machine's CPUs, each for itself");
	vcpu = parse_vcpu(argv[optind + 1], true);
	if (!vcpu)
		return EXIT_USAGE;
	if (strcmp(hard, "-") == 0) {	/* leave it as it is */
		json_object_put(vcpu);
		return check_domain(argv[optind]);
	}
	request = vcpu_request("pin", vcpu);
	if (request)
		add(request, "cpus", json_object_new_string(hard));
	return send_request(argv[optind], request);
}

static unsigned count_cpus(const struct zendo_cpus *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i <= ZENDO_CPUS_MAX; i++)
		n += zendo_cpus_has(s, i);
	return n;
}

/* As xl: more than the machine has CPUs only when that is meant. */
static int check_wanted(int fd, const char *name, int64_t wanted)
{
	struct json_object *answer;
	struct zendo_cpus online;
	int64_t now;
	int r = ask(fd, name, "query", &answer);

	if (r != EXIT_OK)
		return r;
	now = json_object_get_int64(json_object_object_get(answer, "vcpus"));
	json_object_put(answer);
	r = zendo_cpus_online(&online);
	if (r < 0)
		return fail(EXIT_FAILED, "cannot find out which CPUs are online: %s", strerror(-r));
	if (wanted <= now || wanted <= count_cpus(&online))
		return EXIT_OK;
	return fail(EXIT_FAILED, "%s: %" PRId64 " vCPUs are more than the %u CPUs that are online; --ignore-host if they are meant",
		    name, wanted, count_cpus(&online));
}

int cmd_vcpu_set(int argc, char **argv)
{
	static const struct option options[] = {
		{ "ignore-host", no_argument, NULL, 'i' },
		{}
	};
	_cleanup_close_ int fd = -EBADF;
	char name[HVPRIV_NAME_LEN];
	struct json_object *request;
	bool ignore_host = false;
	const char *s;
	int c, r;

	while ((c = getopt_long(argc, argv, "i", options, NULL)) >= 0)
		if (c == 'i')
			ignore_host = true;
		else
			return usage(argv[0]);
	if (argc - optind != 2)
		return usage(argv[0]);
	s = argv[optind + 1];
	if (!*s || strspn(s, "0123456789") != strlen(s) || strlen(s) > 9)
		return fail(EXIT_USAGE, "'%s' is not a number of vCPUs", s);
	if (is_dom0(argv[optind]))
		return fail(EXIT_FAILED, "the vCPUs of " DOM0_NAME " are this machine's CPUs: see chcpu(8)");
	r = connect_domain(argv[optind], &fd, name);
	if (r == EXIT_OK && !ignore_host)
		r = check_wanted(fd, name, atol(s));
	if (r != EXIT_OK)
		return r;
	request = json_object_new_object();
	add(request, "do", json_object_new_string("vcpu-set"));
	add(request, "vcpus", json_object_new_int64(atol(s)));
	return ask_request(fd, name, request, NULL);
}

int cmd_trigger(int argc, char **argv)
{
	struct json_object *vcpu;
	int r = plain_arguments(argc, argv, 2, 3);

	if (r != EXIT_OK)
		return r;
	if (strcmp(argv[optind + 1], "nmi") != 0)
		return fail(EXIT_FAILED, "'%s' is not in this version, only 'nmi'", argv[optind + 1]);
	if (is_dom0(argv[optind]))
		return fail(EXIT_FAILED, DOM0_NAME " is this machine: it gets no triggers");
	vcpu = parse_vcpu(optind + 2 < argc ? argv[optind + 2] : "0", true);
	return vcpu ? send_request(argv[optind], vcpu_request("nmi", vcpu)) : EXIT_USAGE;
}
