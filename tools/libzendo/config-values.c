/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From values to types: what each key may be, and what it is when it is not set. */
#include "config-values.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config-cpuid.h"
#include "config-devices.h"
#include "config-expr.h"

#define MAX_WARNINGS 64

struct values {
	const struct config_value *value;	/* by key, as struct config_values */
	const bool *set;
	struct zendo_config *c;
	struct zendo_error *e;
};

#define fail_at(x, v, r, ...) \
	zendo_error_at((x)->e, (r), (v)->source, (v)->line, (v)->column, __VA_ARGS__)

static int oom(const struct values *x)
{
	return zendo_error(x->e, -ENOMEM, "out of memory");
}

struct zendo_error *config_new_warning(struct zendo_config *c)
{
	struct zendo_error *w;

	if (c->nr_warnings == MAX_WARNINGS)
		return NULL;
	w = reallocarray(c->warnings, c->nr_warnings + 1, sizeof(*w));
	if (!w)
		return NULL;
	c->warnings = w;
	return &w[c->nr_warnings++];
}

/* ---- one value: @ret keeps its default when the key is not set ------------------------ */

static int get_string(const struct values *x, enum config_key_id id, const char *key, char **ret)
{
	const struct config_value *v = &x->value[id];
	char *s;

	if (!x->set[id])
		return 0;
	if (v->kind == CONFIG_LIST)
		return fail_at(x, v, -EINVAL, "'%s' wants a string", key);
	if (v->kind == CONFIG_NUMBER) {
		if (asprintf(&s, "%" PRId64, v->number) < 0)
			return oom(x);
	} else {
		s = strdup(v->string);
		if (!s)
			return oom(x);
	}
	free(*ret);
	*ret = s;
	return 0;
}

/* A number, or a string that holds one, as xl takes it. */
static int get_number(const struct values *x, enum config_key_id id, const char *key, const char *unit,
		      uint64_t min, uint64_t max, uint64_t *ret)
{
	const struct config_value *v = &x->value[id];
	int64_t n;

	if (!x->set[id])
		return 0;
	if (!config_value_as_number(v, &n))
		return fail_at(x, v, -EINVAL, "'%s' wants a number", key);
	if (n < 0 || (uint64_t)n < min || (uint64_t)n > max)
		return fail_at(x, v, -EINVAL, "'%s' is %" PRId64 ", must be %" PRIu64 " to %" PRIu64 "%s",
			       key, n, min, max, unit);
	*ret = (uint64_t)n;
	return 0;
}

static int get_on_event(const struct values *x, enum config_key_id id, const char *key, enum zendo_on_event *ret)
{
	_cleanup_free_ char *s = NULL;
	int r;

	r = get_string(x, id, key, &s);
	if (r < 0 || !s)
		return r;
	if (zendo_on_event_from_string(s, ret) < 0)
		return fail_at(x, &x->value[id], -EINVAL, "'%s' must be destroy, restart, rename-restart, preserve, "
			       "coredump-destroy, coredump-restart or soft-reset", key);
	return 0;
}

/* ---- the keys ------------------------------------------------------------------------ */

static int get_name(const struct values *x, char **ret)
{
	const char *why;
	int r;

	r = get_string(x, KEY_NAME, "name", ret);
	if (r < 0)
		return r;
	if (*ret && !zendo_config_name_is_valid(*ret, &why))
		return fail_at(x, &x->value[KEY_NAME], -EINVAL, "bad name: %s", why);
	return 0;
}

static int get_type(const struct values *x)
{
	_cleanup_free_ char *s = NULL;
	const struct config_value *v = &x->value[KEY_TYPE];
	int r;

	r = get_string(x, KEY_TYPE, "type", &s);
	if (r < 0 || !s || strcmp(s, "pvh") == 0)
		return r;
	if (strcmp(s, "hvm") == 0)
		return fail_at(x, v, -EOPNOTSUPP, "type \"hvm\" is not supported: there is no firmware and no device "
			       "model; use type = \"pvh\" [Z0203]");
	if (strcmp(s, "pv") == 0)
		return fail_at(x, v, -EOPNOTSUPP, "type \"pv\" is not supported: guests need nested paging; use "
			       "type = \"pvh\", which most kernels that boot as PV also know [Z0203]");
	return fail_at(x, v, -EINVAL, "unknown type \"%s\", only \"pvh\" is known", s);
}

/* 32 hexadecimal digits, with or without dashes after 8, 12, 16 and 20 of them. */
static bool string_to_uuid(const char *s, uint8_t uuid[static 16])
{
	static const char digits[] = "0123456789abcdef";
	const bool dashes = strlen(s) == 36;
	size_t n = 0;

	for (; *s; s++) {
		const char *d = strchr(digits, *s >= 'A' && *s <= 'F' ? *s + ('a' - 'A') : *s);

		if (dashes && (n == 8 || n == 12 || n == 16 || n == 20) && *s == '-' && s[-1] != '-')
			continue;
		if (!d || n == 32)
			return false;
		uuid[n / 2] = (uint8_t)(n % 2 ? uuid[n / 2] | (d - digits) : (d - digits) << 4);
		n++;
	}
	return n == 32;
}

static int get_uuid(const struct values *x)
{
	_cleanup_free_ char *s = NULL;
	int r;

	r = get_string(x, KEY_UUID, "uuid", &s);
	if (r < 0 || !s)
		return r;
	if (!string_to_uuid(s, x->c->uuid))
		return fail_at(x, &x->value[KEY_UUID], -EINVAL,
			       "'uuid' must look like 01234567-89ab-cdef-0123-456789abcdef");
	x->c->has_uuid = true;
	return 0;
}

/* xl's way: cmdline = alone, or "root=" with root =, a space, extra =. */
static int get_cmdline(const struct values *x)
{
	_cleanup_free_ char *root = NULL, *extra = NULL, *all = NULL;
	const enum config_key_id last = x->set[KEY_CMDLINE] ? KEY_CMDLINE : x->set[KEY_EXTRA] ? KEY_EXTRA : KEY_ROOT;
	int r;

	if ((r = get_string(x, KEY_CMDLINE, "cmdline", &all)) < 0 ||
	    (r = get_string(x, KEY_ROOT, "root", &root)) < 0 ||
	    (r = get_string(x, KEY_EXTRA, "extra", &extra)) < 0)
		return r;
	if (all && (root || extra)) {
		const struct config_value *v = &x->value[root ? KEY_ROOT : KEY_EXTRA];

		(void)zendo_error_at(config_new_warning(x->c), 0, v->source, v->line, v->column,
				     "'root' and 'extra' have no effect beside 'cmdline'");
	}
	if (!all && asprintf(&all, "%s%s%s%s", root ? "root=" : "", root ? root : "",
			     root && extra ? " " : "", extra ? extra : "") < 0) {
		all = NULL;
		return oom(x);
	}
	if (strlen(all) > ZENDO_CONFIG_MAX_CMDLINE)
		return fail_at(x, &x->value[last], -EINVAL, "kernel command line has %zu characters, at most %d are possible",
			       strlen(all), ZENDO_CONFIG_MAX_CMDLINE);
	x->c->cmdline = TAKE_PTR(all);
	return 0;
}

static int get_cpus_of(const struct values *x, const struct config_value *v, struct zendo_cpus *ret)
{
	char number[24];
	const char *why, *s = v->string;
	int r;

	if (v->kind == CONFIG_LIST)
		return fail_at(x, v, -EINVAL, "'cpus' wants a string, or a list of strings");
	if (v->kind == CONFIG_NUMBER) {
		(void)snprintf(number, sizeof(number), "%" PRId64, v->number);
		s = number;
	}
	r = zendo_cpus_parse(s, ret, &why);
	return r < 0 ? fail_at(x, v, r, "bad 'cpus': %s", why) : 0;
}

/* A string is for all vCPUs, a list has one for each; who is not in the list may run anywhere. */
static int get_cpus(const struct values *x)
{
	struct zendo_config *c = x->c;
	const struct config_value *v = &x->value[KEY_CPUS], *each = v;
	size_t nr = 1;
	int r;

	if (!x->set[KEY_CPUS])
		return 0;
	if (v->kind == CONFIG_LIST) {
		each = v->items;
		nr = v->nr_items;
	}
	if (nr > c->maxvcpus) {
		(void)zendo_error_at(config_new_warning(c), 0, v->source, v->line, v->column,
				     "'cpus' has %zu entries, the domain %u vCPUs", nr, c->maxvcpus);
		nr = c->maxvcpus;
	}
	if (nr == 0)
		return 0;
	c->cpus = calloc(nr, sizeof(*c->cpus));
	if (!c->cpus)
		return oom(x);
	for (size_t i = 0; i < nr; i++) {
		r = get_cpus_of(x, &each[i], &c->cpus[i]);
		if (r < 0)
			return r;
	}
	c->nr_cpus = (unsigned)nr;
	c->cpus_listed = v->kind == CONFIG_LIST;
	(void)zendo_error_at(&c->cpus_at, 0, v->source, v->line, v->column, "%s", "");
	return 0;
}

static int get_memory(const struct values *x)
{
	struct zendo_config *c = x->c;
	const struct config_value *v = &x->value[KEY_MAXMEM];
	int r;

	r = get_number(x, KEY_MEMORY, "memory", " MiB", 1, ZENDO_CONFIG_MAX_MEMORY_MIB, &c->memory_mib);
	if (r < 0)
		return r;
	c->maxmem_mib = c->memory_mib;
	r = get_number(x, KEY_MAXMEM, "maxmem", " MiB", 1, ZENDO_CONFIG_MAX_MEMORY_MIB, &c->maxmem_mib);
	if (r < 0)
		return r;
	if (c->maxmem_mib < c->memory_mib)
		return fail_at(x, v, -EINVAL, "'maxmem' (%" PRIu64 ") is less than 'memory' (%" PRIu64 ")",
			       c->maxmem_mib, c->memory_mib);
	return 0;
}

static int get_vcpus(const struct values *x)
{
	struct zendo_config *c = x->c;
	const struct config_value *v = &x->value[KEY_MAXVCPUS];
	uint64_t vcpus = 1, maxvcpus;
	int r;

	r = get_number(x, KEY_VCPUS, "vcpus", "", 1, ZENDO_CONFIG_MAX_VCPUS, &vcpus);
	if (r < 0)
		return r;
	maxvcpus = vcpus;
	r = get_number(x, KEY_MAXVCPUS, "maxvcpus", "", 1, ZENDO_CONFIG_MAX_VCPUS, &maxvcpus);
	if (r < 0)
		return r;
	if (maxvcpus < vcpus)
		return fail_at(x, v, -EINVAL, "'maxvcpus' (%" PRIu64 ") is less than 'vcpus' (%" PRIu64 ")",
			       maxvcpus, vcpus);
	c->vcpus = (unsigned)vcpus;
	c->maxvcpus = (unsigned)maxvcpus;
	return 0;
}

static int get_scheduling(const struct values *x)
{
	uint64_t weight = 256, cap = 0;
	int r;

	if ((r = get_number(x, KEY_CPU_WEIGHT, "cpu_weight", "", 1, 65535, &weight)) < 0 ||
	    (r = get_number(x, KEY_CAP, "cap", " percent", 0, 100 * (ZENDO_CPUS_MAX + 1), &cap)) < 0 ||
	    (r = get_cpus(x)) < 0)
		return r;
	x->c->cpu_weight = (unsigned)weight;
	x->c->cap = (unsigned)cap;
	return 0;
}

static int get_events(const struct values *x)
{
	struct zendo_config *c = x->c;
	int r;

	c->on_poweroff = ZENDO_ON_DESTROY;
	c->on_reboot = ZENDO_ON_RESTART;
	c->on_crash = ZENDO_ON_DESTROY;
	c->on_watchdog = ZENDO_ON_DESTROY;
	if ((r = get_on_event(x, KEY_ON_POWEROFF, "on_poweroff", &c->on_poweroff)) < 0 ||
	    (r = get_on_event(x, KEY_ON_REBOOT, "on_reboot", &c->on_reboot)) < 0 ||
	    (r = get_on_event(x, KEY_ON_CRASH, "on_crash", &c->on_crash)) < 0 ||
	    (r = get_on_event(x, KEY_ON_WATCHDOG, "on_watchdog", &c->on_watchdog)) < 0)
		return r;
	return 0;
}

static int get_devices(const struct values *x)
{
	int r = 0;

	if (x->set[KEY_DISK])
		r = config_get_disks(x->c, &x->value[KEY_DISK], x->e);
	if (r >= 0 && x->set[KEY_VIF])
		r = config_get_vifs(x->c, &x->value[KEY_VIF], x->e);
	return r;
}

/* Xen's files may have more than there is here; a guest asks what it may have. */
static int get_quota(const struct values *x, enum config_key_id id, const char *key, uint32_t min, uint32_t max, uint32_t *ret)
{
	const struct config_value *v = &x->value[id];
	uint64_t n = 0;
	int r = get_number(x, id, key, "", min, UINT32_MAX, &n);

	if (n > max)
		(void)zendo_error_at(config_new_warning(x->c), 0, v->source, v->line, v->column,
				     "'%s' is %" PRIu64 ", %" PRIu32 " is the most there is", key, n, max);
	*ret = (uint32_t)(n < max ? n : max);
	return r;
}

static int get_policy(const struct values *x)
{
	const struct config_value *v = &x->value[KEY_CPUID];
	struct hvpriv_policy *p = &x->c->policy;
	uint64_t relaxed = 0;
	int r;

	/* Console and store take a port each. */
	if ((r = get_number(x, KEY_MSR_RELAXED, "msr_relaxed", "", 0, 1, &relaxed)) < 0 ||
	    (r = get_quota(x, KEY_MAX_EVENT_CHANNELS, "max_event_channels", 2, ZENDO_CONFIG_MAX_PORT, &p->max_event_channels)) < 0 ||
	    (r = get_quota(x, KEY_MAX_GRANT_FRAMES, "max_grant_frames", 1, HVPRIV_POLICY_GRANT_FRAMES, &p->max_grant_frames)) < 0 ||
	    (r = get_quota(x, KEY_MAX_MAPTRACK_FRAMES, "max_maptrack_frames", 1, HVPRIV_POLICY_MAPTRACK_FRAMES, &p->max_maptrack_frames)) < 0)
		return r;
	p->flags = relaxed ? HVPRIV_POLICY_MSR_RELAXED : 0;
	r = x->set[KEY_CPUID] ? config_get_cpuid(p, v, x->e) : 0;
	if (r > 0)
		(void)zendo_error_at(config_new_warning(x->c), 0, v->source, v->line, v->column,
				     "'cpuid' only hides features: what is set to 1 in it is as the CPU has it");
	return r;
}

int config_get_all(struct zendo_config *c, const struct config_values *values, struct zendo_error *e)
{
	const struct values all = { .value = values->value, .set = values->set, .c = c, .e = e }, *const x = &all;
	int r;

	if ((r = get_type(x)) < 0 ||
	    (r = get_name(x, &c->name)) < 0 ||
	    (r = get_uuid(x)) < 0 ||
	    (r = get_string(x, KEY_KERNEL, "kernel", &c->kernel)) < 0 ||
	    (r = get_string(x, KEY_RAMDISK, "ramdisk", &c->ramdisk)) < 0 ||
	    (r = get_cmdline(x)) < 0 ||
	    (r = get_memory(x)) < 0 ||
	    (r = get_vcpus(x)) < 0 ||
	    (r = get_scheduling(x)) < 0 ||
	    (r = get_policy(x)) < 0 ||
	    (r = get_devices(x)) < 0 ||
	    (r = get_events(x)) < 0)
		return r;
	if (c->kernel && !*c->kernel)
		return fail_at(x, &x->value[KEY_KERNEL], -EINVAL, "'kernel' is empty");
	if (c->ramdisk && !*c->ramdisk) {	/* ramdisk = "" on a command line takes it away */
		free(c->ramdisk);
		c->ramdisk = NULL;
	}
	return 0;
}
