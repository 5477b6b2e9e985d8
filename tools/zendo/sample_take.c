/* SPDX-License-Identifier: GPL-2.0-only */
/* A sample of this machine: the device, the domains' runners, and what disks and interfaces count in sysfs. */
#include "sample.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "cli.h"
#include "control.h"
#include "host.h"

#define PAGE_KIB	4

static bool is_wanted(const char *name, char *const *names, size_t nr_names)
{
	for (size_t i = 0; i < nr_names; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return nr_names == 0;
}

/* ---- dom0 --------------------------------------------------------------------------------- */

static int add_dom0(int device, struct sample *s)
{
	_cleanup_free_ struct zendo_host_cpu *cpus = NULL;
	struct sample_domain *d = sample_add_domain(s);
	struct hvpriv_info info;
	struct zendo_host host;
	size_t nr;
	int r;

	if (!d)
		return -ENOMEM;
	strcpy(d->name, DOM0_NAME);
	d->state = HVPRIV_ST_RUNNING;
	if ((r = zendo_host_read(&host)) < 0 || (r = zendo_host_cpus(&cpus, &nr)) < 0 || (r = zendo_device_get_info(device, &info)) < 0)
		return r;
	d->nr_vcpus = host.nr_cpus;
	d->memory_kib = d->max_memory_kib = host.mem_total_kib;
	sample_set(&d->counters, SAMPLE_CPU_NS, host.busy_ns);
	sample_set(&d->counters, SAMPLE_EXITS, info.dom0_exits);
	for (size_t i = 0; i < nr; i++) {
		struct sample_part *p = sample_add_part(d, SAMPLE_VCPU, cpus[i].cpu);

		if (!p)
			return -ENOMEM;
		strcpy(p->state, "r--");
		p->cpu = (int32_t)cpus[i].cpu;
		sample_set(&p->counters, SAMPLE_CPU_NS, cpus[i].busy_ns);
	}
	return 0;
}

/* ---- vCPUs -------------------------------------------------------------------------------- */

static void take_number(struct sample_counters *c, unsigned counter, struct json_object *o)
{
	if (json_object_is_type(o, json_type_int))
		sample_set(c, counter, json_object_get_uint64(o));
}

static void take_answer(struct sample_part *p, struct json_object *answer)
{
	static const struct {
		const char *key;
		unsigned counter;
	} keys[] = {
		{ "time_ns", SAMPLE_CPU_NS }, { "steal_ns", SAMPLE_STEAL_NS }, { "exits", SAMPLE_EXITS }, { "halts", SAMPLE_HALTS },
		{ "interrupts", SAMPLE_INTERRUPTS }, { "events_in", SAMPLE_EVENTS_IN }, { "events_out", SAMPLE_EVENTS_OUT },
	};
	struct json_object *kinds = json_object_object_get(answer, "exits_by_kind"), *cpu = json_object_object_get(answer, "cpu");
	const char *state = json_object_get_string(json_object_object_get(answer, "state"));

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		take_number(&p->counters, keys[i].counter, json_object_object_get(answer, keys[i].key));
	for (unsigned k = 0; json_object_is_type(kinds, json_type_array) && k < ZENDO_NR_EXIT_KINDS; k++)
		take_number(&p->counters, SAMPLE_KIND + k, json_object_array_get_idx(kinds, k));
	/* the runner is not to be trusted with a terminal */
	strcpy(p->state, state && strlen(state) == 3 && strspn(state, "rbp-") == 3 ? state : "---");
	p->cpu = cpu ? json_object_get_int(cpu) : -1;
}

/* 1 with the answer about vCPU @id; 0: there is no such vCPU, or nobody tells. */
static int ask_vcpu(int fd, unsigned id, struct json_object **ret)
{
	struct json_object *request = json_object_new_object(), *answer = NULL;
	int r = -ENOMEM;

	if (request && json_object_object_add(request, "do", json_object_new_string("vcpu")) == 0 &&
	    json_object_object_add(request, "vcpu", json_object_new_int64(id)) == 0)
		r = zendo_control_request(fd, request, &answer);
	json_object_put(request);
	if (r >= 0 && json_object_get_boolean(json_object_object_get(answer, "ok"))) {
		*ret = answer;
		return 1;
	}
	json_object_put(answer);
	return 0;
}

/* The runner answers at once or is in trouble; what is live must not wait for it. */
static int add_vcpus(struct sample_domain *d)
{
	_cleanup_close_ int fd = -EBADF;
	struct json_object *answer;

	if (zendo_control_connect(d->name, &fd) < 0 || zendo_control_patience(fd, 1) < 0)
		return 0;
	for (unsigned i = 0; i < d->nr_vcpus && ask_vcpu(fd, i, &answer); i++) {
		struct sample_part *p = sample_add_part(d, SAMPLE_VCPU, i);

		if (p)
			take_answer(p, answer);
		json_object_put(answer);
		if (!p)
			return -ENOMEM;
	}
	return 0;
}

/* ---- devices ------------------------------------------------------------------------------ */

static bool read_number(const char *path, uint64_t *ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	return sscanf(text, "%" SCNu64, ret) == 1;
}

static const struct device_file {
	const char *name;
	unsigned counter;
} disk_files[] = {
	{ "rd_req", SAMPLE_RD_REQ }, { "wr_req", SAMPLE_WR_REQ }, { "f_req", SAMPLE_OTHER_REQ }, { "ds_req", SAMPLE_OTHER_REQ },
	{ "other_req", SAMPLE_OTHER_REQ }, { "rd_sect", SAMPLE_RD_SECT }, { "wr_sect", SAMPLE_WR_SECT }, {}
}, net_files[] = {
	/* what dom0's end of the interface receives is what the guest sent */
	{ "rx_bytes", SAMPLE_TX_BYTES }, { "rx_packets", SAMPLE_TX_PACKETS }, { "tx_bytes", SAMPLE_RX_BYTES },
	{ "tx_packets", SAMPLE_RX_PACKETS }, {}
};

static void read_files(struct sample_counters *c, const char *directory, const struct device_file *files)
{
	char path[512];
	uint64_t n;

	for (const struct device_file *f = files; f->name; f++)
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", directory, f->name) < sizeof(path) && read_number(path, &n))
			sample_set(c, f->counter, c->value[f->counter] + n);
}

/* The one interface below the device, whatever it is called. */
static void read_net(struct sample_counters *c, const char *name)
{
	char pattern[256];
	glob_t found = {};

	(void)snprintf(pattern, sizeof(pattern), ZENDO_BACKEND_BUS "/%s/net/*/statistics", name);
	if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0)
		read_files(c, found.gl_pathv[0], net_files);
	globfree(&found);
}

static int add_device(struct sample_domain *d, const struct hvback_id *id)
{
	bool disk = strcmp(id->class, "vbd") == 0;
	char directory[256];
	struct sample_part *p;

	if (!disk && strcmp(id->class, "vif") != 0)
		return 0;
	p = sample_add_part(d, disk ? SAMPLE_DISK : SAMPLE_NET, id->devid);
	if (!p)
		return -ENOMEM;
	(void)zendo_backend_name(id, p->name);
	(void)snprintf(directory, sizeof(directory), ZENDO_BACKEND_BUS "/%s/statistics", p->name);
	if (disk)
		read_files(&p->counters, directory, disk_files);
	else
		read_net(&p->counters, p->name);
	return 0;
}

/* ---- all ---------------------------------------------------------------------------------- */

static int compare_parts(const void *a, const void *b)
{
	const struct sample_part *x = a, *y = b;

	return x->kind != y->kind ? (x->kind > y->kind) - (x->kind < y->kind) : (x->id > y->id) - (x->id < y->id);
}

static int add_guest(struct sample *s, const struct hvpriv_domain_info *info, const struct hvback_id *devices, size_t nr_devices)
{
	struct sample_domain *d = sample_add_domain(s);
	int r;

	if (!d)
		return -ENOMEM;
	memcpy(d->name, info->name, sizeof(d->name));
	d->name[sizeof(d->name) - 1] = '\0';
	d->domid = info->domid;
	d->state = info->state;
	d->nr_vcpus = info->nr_vcpus;
	d->shutdown_code = info->shutdown_code;
	d->created_ns = info->created_ns;
	d->memory_kib = info->nr_pages * PAGE_KIB;
	d->max_memory_kib = info->max_pages * PAGE_KIB;
	sample_set(&d->counters, SAMPLE_CPU_NS, info->cpu_ns);
	sample_set(&d->counters, SAMPLE_EXITS, info->exits);
	r = add_vcpus(d);
	for (size_t i = 0; i < nr_devices && r >= 0; i++)
		if (devices[i].domid == d->domid)
			r = add_device(d, &devices[i]);
	if (d->nr_parts > 1)
		qsort(d->parts, d->nr_parts, sizeof(*d->parts), compare_parts);
	return r;
}

static int take_all(int device, char *const *names, size_t nr_names, struct sample *s)
{
	_cleanup_free_ struct hvpriv_domain_info *all = NULL;
	_cleanup_free_ struct hvback_id *devices = NULL;
	size_t nr = 0, nr_devices = 0;
	struct timespec now;
	int r;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	s->when_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	r = zendo_device_list(device, &all, &nr);
	if (r < 0)
		return r;
	(void)zendo_backend_list(&devices, &nr_devices);	/* without hvback.ko there are none */
	if (is_wanted(DOM0_NAME, names, nr_names))
		r = add_dom0(device, s);
	for (size_t i = 0; i < nr && r >= 0; i++)
		if (is_wanted(all[i].name, names, nr_names))
			r = add_guest(s, &all[i], devices, nr_devices);
	return r;
}

int sample_take(int device, char *const *names, size_t nr_names, struct sample *ret)
{
	struct sample s = {};
	int r = take_all(device, names, nr_names, &s);

	if (r < 0)
		sample_done(&s);
	else
		*ret = s;
	return r;
}
