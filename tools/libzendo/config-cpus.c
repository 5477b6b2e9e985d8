/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "config-cpus.h"
#include "config.h"

struct cpu_set {
	bool cpu[ZENDO_CONFIG_MAX_CPU + 1];
};

static int fail(const char **ret_why, int r, const char *why)
{
	*ret_why = why;
	return r;
}

static int parse_cpu(const char **s, unsigned *ret, const char **ret_why)
{
	unsigned n = 0;

	if (**s < '0' || **s > '9')
		return fail(ret_why, -EINVAL, "a CPU number expected, as in \"0-3,6\"");
	for (; **s >= '0' && **s <= '9'; (*s)++) {
		n = n * 10 + (unsigned)(**s - '0');
		if (n > ZENDO_CONFIG_MAX_CPU)
			return fail(ret_why, -EINVAL, "CPU number too large");
	}
	*ret = n;
	return 0;
}

/* "3", "0-3", "all", each maybe after ^ */
static int parse_part(const char **s, struct cpu_set *set, const char **ret_why)
{
	const bool remove = **s == '^';
	unsigned first = 0, last = ZENDO_CONFIG_MAX_CPU;
	int r;

	if (remove)
		(*s)++;
	if (strncmp(*s, "node", 4) == 0)
		return fail(ret_why, -EOPNOTSUPP, "NUMA nodes are not in this version, name the CPUs");
	if (strncmp(*s, "all", 3) == 0) {
		*s += 3;
	} else {
		r = parse_cpu(s, &first, ret_why);
		if (r < 0)
			return r;
		last = first;
		if (**s == '-') {
			(*s)++;
			r = parse_cpu(s, &last, ret_why);
			if (r < 0)
				return r;
		}
	}
	if (last < first)
		return fail(ret_why, -EINVAL, "range ends before it begins");
	for (unsigned i = first; i <= last; i++)
		set->cpu[i] = !remove;
	return 0;
}

static int format_ranges(const struct cpu_set *set, char **ret)
{
	_cleanup_free_ char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);
	const char *comma = "";

	if (!f)
		return -ENOMEM;
	for (unsigned i = 0, end; i <= ZENDO_CONFIG_MAX_CPU; i = end + 1) {
		for (end = i; set->cpu[i] && end < ZENDO_CONFIG_MAX_CPU && set->cpu[end + 1]; end++)
			;
		if (!set->cpu[i])
			continue;
		(void)(end > i ? fprintf(f, "%s%u-%u", comma, i, end) : fprintf(f, "%s%u", comma, i));
		comma = ",";
	}
	if (fclose(f) != 0)
		return -ENOMEM;
	*ret = TAKE_PTR(out);
	return 0;
}

int config_cpus_parse(const char *s, char **ret, const char **ret_why)
{
	struct cpu_set set = { .cpu = { false } };
	bool all = true, none = true;
	int r;

	for (;;) {
		while (*s == ' ')
			s++;
		r = parse_part(&s, &set, ret_why);
		if (r < 0)
			return r;
		while (*s == ' ')
			s++;
		if (*s == '\0')
			break;
		if (*s++ != ',')
			return fail(ret_why, -EINVAL, ", expected between CPUs");
	}
	for (unsigned i = 0; i <= ZENDO_CONFIG_MAX_CPU; i++) {
		all = all && set.cpu[i];
		none = none && !set.cpu[i];
	}
	if (none)
		return fail(ret_why, -EINVAL, "no CPU is left");
	if (all) {
		*ret = NULL;
		return 0;
	}
	return format_ranges(&set, ret);
}
