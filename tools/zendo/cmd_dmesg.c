/* SPDX-License-Identifier: GPL-2.0-only */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

#include "cli.h"
#include "device.h"

#define FOLLOW_MS	500	/* the hypervisor cannot wake a reader of its log */

/* All there is from *pos on. */
static int print_log(int device, uint64_t *pos)
{
	char buf[16384];
	uint64_t lost;
	uint32_t len;
	int r;

	do {
		bool first = *pos == 0;	/* what is older than all there is was not lost by us */

		r = zendo_device_log_read(device, pos, buf, sizeof(buf), &len, &lost);
		if (r < 0)
			return fail_device(r);
		if (lost > 0 && !first)
			printf("[%" PRIu64 " bytes are gone]\n", lost);
		fwrite(buf, 1, len, stdout);
	} while (len > 0);
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}

int cmd_dmesg(int argc, char **argv)
{
	static const struct option options[] = {
		{ "follow", no_argument, NULL, 'f' },
		{}
	};
	_cleanup_close_ int device = -EBADF;
	bool follow = false;
	uint64_t pos = 0;
	int c, r;

	while ((c = getopt_long(argc, argv, "f", options, NULL)) >= 0)
		if (c == 'f')
			follow = true;
		else
			return usage(argv[0]);
	if (optind != argc)
		return usage(argv[0]);
	r = open_running(&device);
	if (r != EXIT_OK)
		return r;
	do
		r = print_log(device, &pos);
	while (r == EXIT_OK && follow && poll(NULL, 0, FOLLOW_MS) == 0);
	return r;
}
