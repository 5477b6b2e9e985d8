/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config-cpuid.h"
#include "config-devices.h"
#include "config-expr.h"
#include "config-keys.h"
#include "config-syntax.h"
#include "config-write.h"
#include "file.h"

#define MAX_WARNINGS 64

/* All that was set, by key; the last assignment counts. */
struct reader {
	struct config_value value[KEY_NR];
	bool set[KEY_NR];
	struct config_variables variables;
	bool bare;			/* reading a key=value of the command line */
	struct zendo_config *c;
	struct zendo_error *e;
};

#define fail_at(x, v, r, ...) \
	zendo_error_at((x)->e, (r), (v)->source, (v)->line, (v)->column, __VA_ARGS__)

static int oom(struct reader *x)
{
	return zendo_error(x->e, -ENOMEM, "out of memory");
}

static void reader_done(struct reader *x)
{
	for (size_t i = 0; i < KEY_NR; i++)
		config_value_clear(&x->value[i]);
	config_variables_clear(&x->variables);
}

/* ---- collecting settings ------------------------------------------------------------- */

/* vif = [], nestedhvm = 0, boot = "": asks for nothing. */
static bool value_is_off(const struct config_value *v)
{
	switch (v->kind) {
	case CONFIG_NUMBER:
		return v->number == 0;
	case CONFIG_STRING:
		return v->len == 0 || strcmp(v->string, "0") == 0;
	default:
		return v->nr_items == 0;
	}
}

/* Room for the next warning, NULL when there are enough or memory is short: they are a courtesy. */
static struct zendo_error *new_warning(struct zendo_config *c)
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

/* A name that is no key is a variable, and what an expression uses; at the end one that none uses is a key with a typing error. */
static int set_variable(struct reader *x, struct config_setting *s)
{
	int64_t n;
	const char *why;
	char text[24];
	int r;

	/* 7 of a command line is a number; 007 has something to say with its zeros */
	if (x->bare && config_value_as_number(&s->value, &n) && snprintf(text, sizeof(text), "%" PRId64, n) > 0 &&
	    s->value.kind == CONFIG_STRING && strcmp(text, s->value.string) == 0) {
		config_value_clear(&s->value);
		s->value.number = n;
	}
	r = config_variables_set(&x->variables, s, x->bare, &why);
	if (r == -EINVAL)
		return fail_at(x, s, r, "unknown key '%s', and %s", s->key, why);
	return r < 0 ? oom(x) : 0;
}

static const struct config_value *on_variable(void *userdata, const char *name)
{
	struct reader *x = userdata;

	return config_variables_use(&x->variables, name);
}

static int check_variables(struct reader *x)
{
	const struct config_variable *v = config_variables_unused(&x->variables);
	const char *nearest = v ? config_key_nearest(v->name) : NULL;

	if (!v)
		return 0;
	if (nearest)
		return fail_at(x, v, -EINVAL, "unknown key '%s', did you mean '%s'? [Z0201]", v->name, nearest);
	return fail_at(x, v, -EINVAL, "unknown key '%s', and nothing uses a variable of this name [Z0201]", v->name);
}

static int key_without_effect(struct reader *x, const struct config_key *k, const struct config_setting *s)
{
	const bool off = value_is_off(&s->value);

	if (k->kind == CONFIG_ALWAYS_ON && off)
		return fail_at(x, s, -EOPNOTSUPP, "'%s' cannot be switched off: %s [Z0202]", k->name, k->reason);
	if (k->kind == CONFIG_REFUSED && !off)
		return fail_at(x, s, -EOPNOTSUPP, "'%s' is not supported: %s [Z0202]", k->name, k->reason);
	if (k->kind == CONFIG_IGNORED && !off)
		(void)zendo_error_at(new_warning(x->c), 0, s->source, s->line, s->column,
				     "'%s' has no effect: %s", k->name, k->reason);
	return 0;
}

static int on_setting(void *userdata, struct config_setting *s, struct zendo_error *e)
{
	struct reader *x = userdata;
	const struct config_key *k = config_key_find(s->key);
	struct config_value *v;

	(void)e;	/* is x->e */
	if (!k)
		return set_variable(x, s);
	if (k->kind != CONFIG_DONE)
		return key_without_effect(x, k, s);

	v = &x->value[k->id];
	if (s->append && x->set[k->id]) {
		if (v->kind != s->value.kind || v->kind == CONFIG_NUMBER)
			return fail_at(x, s, -EINVAL, "cannot append %s to %s",
				       config_value_kind_name(s->value.kind), config_value_kind_name(v->kind));
		return config_value_append(v, &s->value) < 0 ? oom(x) : 0;
	}
	config_value_clear(v);
	*v = s->value;
	memset(&s->value, 0, sizeof(s->value));
	x->set[k->id] = true;
	return 0;
}

/* ---- turning values into types: @ret keeps its default when the key is not set --------- */

static int get_string(struct reader *x, enum config_key_id id, const char *key, char **ret)
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
static int get_number(struct reader *x, enum config_key_id id, const char *key, const char *unit,
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

static int get_on_event(struct reader *x, enum config_key_id id, const char *key, enum zendo_on_event *ret)
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

static int get_name(struct reader *x, char **ret)
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

static int get_type(struct reader *x)
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

static int get_uuid(struct reader *x)
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
static int get_cmdline(struct reader *x)
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

		(void)zendo_error_at(new_warning(x->c), 0, v->source, v->line, v->column,
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

/* ---- the whole ----------------------------------------------------------------------- */

static int get_cpus_of(struct reader *x, const struct config_value *v, struct zendo_cpus *ret)
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
static int get_cpus(struct reader *x)
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
		(void)zendo_error_at(new_warning(c), 0, v->source, v->line, v->column,
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

static int get_memory(struct reader *x)
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

static int get_vcpus(struct reader *x)
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

static int get_scheduling(struct reader *x)
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

static int get_events(struct reader *x)
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

static int get_devices(struct reader *x)
{
	int r = 0;

	if (x->set[KEY_DISK])
		r = config_get_disks(x->c, &x->value[KEY_DISK], x->e);
	if (r >= 0 && x->set[KEY_VIF])
		r = config_get_vifs(x->c, &x->value[KEY_VIF], x->e);
	return r;
}

/* Xen's files may have more than there is here; a guest asks what it may have. */
static int get_quota(struct reader *x, enum config_key_id id, const char *key, uint32_t min, uint32_t max, uint32_t *ret)
{
	const struct config_value *v = &x->value[id];
	uint64_t n = 0;
	int r = get_number(x, id, key, "", min, UINT32_MAX, &n);

	if (n > max)
		(void)zendo_error_at(new_warning(x->c), 0, v->source, v->line, v->column,
				     "'%s' is %" PRIu64 ", %" PRIu32 " is the most there is", key, n, max);
	*ret = (uint32_t)(n < max ? n : max);
	return r;
}

static int get_policy(struct reader *x)
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
		(void)zendo_error_at(new_warning(x->c), 0, v->source, v->line, v->column,
				     "'cpuid' only hides features: what is set to 1 in it is as the CPU has it");
	return r;
}

static int get_all(struct reader *x)
{
	struct zendo_config *c = x->c;
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

static int check_required(struct reader *x, const char *source)
{
	const struct zendo_config *c = x->c;

	if (!c->name)
		return zendo_error_at(x->e, -EINVAL, source, 0, 0, "'name' is missing: add name = \"...\" [Z0204]");
	if (!c->kernel)
		return zendo_error_at(x->e, -EINVAL, source, 0, 0,
				      "'kernel' is missing: add kernel = \"/boot/vmlinuz-...\" [Z0204]");
	if (!c->memory_mib)
		return zendo_error_at(x->e, -EINVAL, source, 0, 0, "'memory' is missing: add memory = MIB [Z0204]");
	return 0;
}

/* Variables of the command line are there before the file that uses them; its keys replace the file's. */
static int on_early_setting(void *userdata, struct config_setting *s, struct zendo_error *e)
{
	return config_key_find(s->key) ? 0 : on_setting(userdata, s, e);
}

static int read_inputs(struct reader *x, const struct zendo_config_input *inputs, size_t nr, bool variables_only)
{
	int r = 0;

	for (size_t i = 0; i < nr && r >= 0; i++) {
		x->bare = inputs[i].bare;
		if (!variables_only || x->bare)
			r = config_syntax_read(&inputs[i], variables_only ? on_early_setting : on_setting, on_variable, x, x->e);
	}
	return r;
}

int zendo_config_parse(const struct zendo_config_input *inputs, size_t nr_inputs,
		       struct zendo_config **ret, struct zendo_error *e)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = calloc(1, sizeof(*c));
	_cleanup_(reader_done) struct reader x = { .c = c, .e = e };
	int r;

	if (!c)
		return oom(&x);
	for (size_t i = 0; i < nr_inputs; i++)
		if (inputs[i].len > ZENDO_CONFIG_MAX_BYTES)
			return zendo_error_at(e, -EFBIG, inputs[i].source, 0, 0, "larger than %d KiB",
					      ZENDO_CONFIG_MAX_BYTES / 1024);
	r = read_inputs(&x, inputs, nr_inputs, true);
	if (r >= 0)
		r = read_inputs(&x, inputs, nr_inputs, false);
	if (r >= 0)
		r = check_variables(&x);
	if (r >= 0)
		r = get_all(&x);
	if (r < 0)
		return r;
	r = check_required(&x, nr_inputs ? inputs[0].source : NULL);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(c);
	return 0;
}

/* It may be a pipe, whose end nobody knows before. */
static int read_stdin(char **ret, size_t *ret_size, struct zendo_error *e)
{
	_cleanup_free_ char *text = malloc(ZENDO_CONFIG_MAX_BYTES + 1);
	size_t size = 0;
	ssize_t n;

	if (!text)
		return zendo_error(e, -ENOMEM, "out of memory");
	do {
		n = read(STDIN_FILENO, text + size, ZENDO_CONFIG_MAX_BYTES + 1 - size);
		if (n < 0 && errno != EINTR)
			return zendo_error(e, -errno, "cannot read standard input: %s", strerrordesc_np(errno));
		size += n > 0 ? (size_t)n : 0;
	} while (n != 0 && size <= ZENDO_CONFIG_MAX_BYTES);
	if (size > ZENDO_CONFIG_MAX_BYTES)
		return zendo_error_at(e, -EFBIG, "standard input", 0, 0, "larger than %d KiB", ZENDO_CONFIG_MAX_BYTES / 1024);
	*ret = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}

int zendo_config_read_text(const char *path, char **ret, size_t *ret_size, struct zendo_error *e)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -EBADF;
	uint64_t size;
	int r;

	if (strcmp(path, "-") == 0)
		return read_stdin(ret, ret_size, e);
	r = file_open_regular(path, ZENDO_CONFIG_MAX_BYTES, &fd, &size);
	if (r == -EFBIG)
		return zendo_error_at(e, r, path, 0, 0, "larger than %d KiB", ZENDO_CONFIG_MAX_BYTES / 1024);
	if (r == -EINVAL)
		return zendo_error_at(e, r, path, 0, 0, "not a regular file");
	if (r < 0)
		return zendo_error_at(e, r, path, 0, 0, "cannot open: %s", strerrordesc_np(-r));
	text = malloc(size + 1);
	if (!text)
		return zendo_error(e, -ENOMEM, "out of memory");
	r = file_read_at(fd, text, size, 0);
	if (r < 0)
		return zendo_error_at(e, r, path, 0, 0, "cannot read: %s", strerrordesc_np(-r));
	*ret = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}

int zendo_config_load(const char *path, const char *const *overrides,
		      struct zendo_config **ret, struct zendo_error *e)
{
	_cleanup_free_ struct zendo_config_input *inputs = NULL;
	_cleanup_free_ char *text = NULL;
	size_t nr = 0, size = 0;
	int r;

	while (overrides && overrides[nr])
		nr++;
	inputs = calloc(nr + 1, sizeof(*inputs));
	if (!inputs)
		return zendo_error(e, -ENOMEM, "out of memory");
	r = zendo_config_read_text(path, &text, &size, e);
	if (r < 0)
		return r;
	inputs[0] = (struct zendo_config_input){ .source = path, .text = text, .len = size };
	for (size_t i = 0; i < nr; i++)
		inputs[i + 1] = (struct zendo_config_input){ .source = "command line", .text = overrides[i],
							     .len = strlen(overrides[i]), .bare = true };
	return zendo_config_parse(inputs, nr + 1, ret, e);
}

/* ---- names --------------------------------------------------------------------------- */

bool zendo_config_name_is_valid(const char *name, const char **ret_why)
{
	const size_t len = strlen(name);
	const char *why = NULL;

	if (len == 0)
		why = "it is empty";
	else if (len >= HVPRIV_NAME_LEN)
		why = "it is longer than 63 bytes";
	else if (strchr(name, '/'))
		why = "it has a / in it";
	else if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		why = "it would name a directory";
	else if (strspn(name, "0123456789") == len)
		why = "only digits mean a domain id";
	else if (strcmp(name, "Domain-0") == 0)
		why = "Domain-0 is the machine itself";
	for (const char *p = name; *p && !why; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			why = "it has a control character in it";
	if (why && ret_why)
		*ret_why = why;
	return !why;
}

static const char *const on_event_names[ZENDO_ON_NR] = {
	[ZENDO_ON_DESTROY] = "destroy",
	[ZENDO_ON_RESTART] = "restart",
	[ZENDO_ON_RENAME_RESTART] = "rename-restart",
	[ZENDO_ON_PRESERVE] = "preserve",
	[ZENDO_ON_COREDUMP_DESTROY] = "coredump-destroy",
	[ZENDO_ON_COREDUMP_RESTART] = "coredump-restart",
	[ZENDO_ON_SOFT_RESET] = "soft-reset",
};

const char *zendo_on_event_to_string(enum zendo_on_event v)
{
	return (unsigned)v < ZENDO_ON_NR ? on_event_names[v] : NULL;
}

int zendo_on_event_from_string(const char *s, enum zendo_on_event *ret)
{
	for (unsigned i = 0; i < ZENDO_ON_NR; i++) {
		if (strcmp(on_event_names[i], s) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

void zendo_config_free(struct zendo_config *c)
{
	if (!c)
		return;
	free(c->name);
	free(c->kernel);
	free(c->ramdisk);
	free(c->cmdline);
	free(c->cpus);
	config_clear_devices(c);
	free(c->warnings);
	free(c);
}
