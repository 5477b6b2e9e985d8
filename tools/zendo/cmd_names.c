/* SPDX-License-Identifier: GPL-2.0-only */
/* domid, domname and uptime. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "device.h"

#define NSEC_PER_SEC	1000000000ULL

static const struct hvpriv_domain_info dom0 = { .name = DOM0_NAME };

/* As find_domain(), with Domain-0, which is up since the machine is. */
static int find_any(int device, const char *what, struct hvpriv_domain_info *ret)
{
	if (!is_dom0(what))
		return find_domain(device, what, ret);
	*ret = dom0;
	return EXIT_OK;
}

static int find_running(const char *what, struct hvpriv_domain_info *ret)
{
	_cleanup_close_ int device = -EBADF;
	int r = open_running(&device);

	return r == EXIT_OK ? find_any(device, what, ret) : r;
}

int cmd_domid(int argc, char **argv)
{
	struct hvpriv_domain_info d;
	int r = plain_arguments(argc, argv, 1, 1);

	if (r == EXIT_OK)
		r = find_running(argv[optind], &d);
	if (r == EXIT_OK)
		printf("%u\n", d.domid);
	return r;
}

int cmd_domname(int argc, char **argv)
{
	struct hvpriv_domain_info d;
	int r = plain_arguments(argc, argv, 1, 1);

	if (r != EXIT_OK)
		return r;
	if (strspn(argv[optind], "0123456789") != strlen(argv[optind]))
		return fail(EXIT_USAGE, "'%s' is not the id of a domain", argv[optind]);
	r = find_running(argv[optind], &d);
	if (r == EXIT_OK)
		puts(d.name);
	return r;
}

/* ---- uptime ------------------------------------------------------------------------------ */

static void format_uptime(uint64_t seconds, bool with_seconds, char *ret, size_t size)
{
	uint64_t days = seconds / 86400;
	int n = 0;

	if (days > 0)
		n = snprintf(ret, size, "%" PRIu64 " day%s, ", days, days > 1 ? "s" : "");
	if (n < 0 || (size_t)n >= size)
		return;
	n += snprintf(ret + n, size - (size_t)n, "%2u:%02u", (unsigned)(seconds / 3600 % 24),
		      (unsigned)(seconds / 60 % 60));
	if (with_seconds && n > 0 && (size_t)n < size)
		(void)snprintf(ret + n, size - (size_t)n, ":%02u", (unsigned)(seconds % 60));
}

static void print_uptime(const struct hvpriv_domain_info *d, bool is_short)
{
	char up[64], clock[16];
	struct timespec now;
	time_t wall = time(NULL);
	struct tm tm;
	uint64_t ns;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	ns = (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
	format_uptime((ns - d->created_ns) / NSEC_PER_SEC, !is_short, up, sizeof(up));
	if (!is_short) {
		printf("%-33s %4u %s\n", d->name, d->domid, up);
		return;
	}
	if (!localtime_r(&wall, &tm) || strftime(clock, sizeof(clock), "%H:%M:%S", &tm) == 0)
		strcpy(clock, "??:??:??");
	printf(" %s up %s, %s (%u)\n", clock, up, d->name, d->domid);
}

static int uptime_of(int device, char **names, bool is_short)
{
	_cleanup_free_ struct hvpriv_domain_info *all = NULL;
	struct hvpriv_domain_info one;
	size_t nr = 0;
	int r, status = EXIT_OK;

	for (char **n = names; *n; n++) {
		r = find_any(device, *n, &one);
		if (r == EXIT_OK)
			print_uptime(&one, is_short);
		else if (status == EXIT_OK)
			status = r;
	}
	if (*names)
		return status;
	r = list_domains(device, &all, &nr);
	if (r != EXIT_OK)
		return r;
	print_uptime(&dom0, is_short);
	for (size_t i = 0; i < nr; i++)
		print_uptime(&all[i], is_short);
	return EXIT_OK;
}

int cmd_uptime(int argc, char **argv)
{
	static const struct option options[] = {
		{ "short", no_argument, NULL, 's' },
		{}
	};
	_cleanup_close_ int device = -EBADF;
	bool is_short = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "s", options, NULL)) >= 0)
		if (c == 's')
			is_short = true;
		else
			return usage(argv[0]);
	r = open_running(&device);
	if (r != EXIT_OK)
		return r;
	if (!is_short)
		printf("%-33s %4s %s\n", "Name", "ID", "Uptime");
	return uptime_of(device, argv + optind, is_short);
}
