/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpus.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

#define ONLINE		"/sys/devices/system/cpu/online"
#define WORD_BITS	(8 * sizeof(unsigned long))
#define NR_WORDS	(sizeof(((struct zendo_cpus *)0)->word) / sizeof(unsigned long))

static int fail(const char **ret_why, int r, const char *why)
{
	*ret_why = why;
	return r;
}

static void put(struct zendo_cpus *s, unsigned cpu, bool there)
{
	const unsigned long bit = 1UL << cpu % WORD_BITS;

	if (there)
		s->word[cpu / WORD_BITS] |= bit;
	else
		s->word[cpu / WORD_BITS] &= ~bit;
}

bool zendo_cpus_has(const struct zendo_cpus *s, unsigned cpu)
{
	return cpu <= ZENDO_CPUS_MAX && (s->word[cpu / WORD_BITS] >> cpu % WORD_BITS & 1);
}

bool zendo_cpus_is_all(const struct zendo_cpus *s)
{
	for (size_t i = 0; i < NR_WORDS; i++)
		if (~s->word[i])
			return false;
	return true;
}

bool zendo_cpus_is_empty(const struct zendo_cpus *s)
{
	for (size_t i = 0; i < NR_WORDS; i++)
		if (s->word[i])
			return false;
	return true;
}

bool zendo_cpus_equal(const struct zendo_cpus *a, const struct zendo_cpus *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* ---- text -------------------------------------------------------------------------------- */

static int parse_cpu(const char **s, unsigned *ret, const char **ret_why)
{
	unsigned n = 0;

	if (**s < '0' || **s > '9')
		return fail(ret_why, -EINVAL, "a CPU number expected, as in \"0-3,6\"");
	for (; **s >= '0' && **s <= '9'; (*s)++) {
		n = n * 10 + (unsigned)(**s - '0');
		if (n > ZENDO_CPUS_MAX)
			return fail(ret_why, -EINVAL, "CPU number too large");
	}
	*ret = n;
	return 0;
}

/* "3", "0-3", "all", each maybe after ^ */
static int parse_part(const char **s, struct zendo_cpus *set, const char **ret_why)
{
	const bool remove = **s == '^';
	unsigned first = 0, last = ZENDO_CPUS_MAX;
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
		put(set, i, !remove);
	return 0;
}

int zendo_cpus_parse(const char *s, struct zendo_cpus *ret, const char **ret_why)
{
	struct zendo_cpus set = { .word = { 0 } };
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
	if (zendo_cpus_is_empty(&set))
		return fail(ret_why, -EINVAL, "no CPU is left");
	*ret = set;
	return 0;
}

int zendo_cpus_format(const struct zendo_cpus *s, char **ret)
{
	_cleanup_free_ char *out = NULL;
	const char *comma = "";
	size_t size;
	FILE *f = open_memstream(&out, &size);

	if (!f)
		return -ENOMEM;
	for (unsigned i = 0, end; i <= ZENDO_CPUS_MAX; i = end + 1) {
		for (end = i; zendo_cpus_has(s, end) && zendo_cpus_has(s, end + 1); end++)
			;
		if (!zendo_cpus_has(s, i))
			continue;
		(void)(end > i ? fprintf(f, "%s%u-%u", comma, i, end) : fprintf(f, "%s%u", comma, i));
		comma = ",";
	}
	if (fclose(f) != 0)
		return -ENOMEM;
	*ret = TAKE_PTR(out);
	return 0;
}

/* ---- what is there ----------------------------------------------------------------------- */

int zendo_cpus_limit(struct zendo_cpus *s, const struct zendo_cpus *there, unsigned *ret_cpu)
{
	struct zendo_cpus both;

	for (size_t i = 0; i < NR_WORDS; i++)
		both.word[i] = s->word[i] & there->word[i];
	if (!zendo_cpus_has(s, ZENDO_CPUS_MAX) || zendo_cpus_is_empty(&both))
		for (unsigned i = 0; i <= ZENDO_CPUS_MAX; i++)
			if (zendo_cpus_has(s, i) && !zendo_cpus_has(there, i)) {
				*ret_cpu = i;
				return -ENOENT;
			}
	*s = both;
	return 0;
}

int zendo_cpus_online(struct zendo_cpus *ret)
{
	_cleanup_fclose_ FILE *f = fopen(ONLINE, "re");
	char line[4096];
	const char *why;

	if (!f)
		return -errno;
	if (!fgets(line, sizeof(line), f))
		return -EBADMSG;
	line[strcspn(line, "\n")] = '\0';
	return zendo_cpus_parse(line, ret, &why) < 0 ? -EBADMSG : 0;
}
