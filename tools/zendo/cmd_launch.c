/* SPDX-License-Identifier: GPL-2.0-only */
/* launch and leave: what zendo.service does. */
#include <stdio.h>

#include <systemd/sd-daemon.h>

#include "cli.h"
#include "device.h"

/* Also as the unit's status text, so that "systemctl status zendo" shows the reason. */
static int refused(const char *what, int r, const char *reason)
{
	const char *text = *reason ? reason : zendo_device_strerror(r);

	(void)sd_notifyf(0, "STATUS=%s: %s", what, text);
	return fail(r == -EPERM || r == -EACCES ? EXIT_PERMISSION : EXIT_FAILED, "%s: %s", what, text);
}

int cmd_launch(int argc, char **argv)
{
	_cleanup_close_ int device = -EBADF;
	struct hvpriv_info info;
	char reason[240];
	int r = plain_arguments(argc, argv, 0, 0);

	if (r != EXIT_OK)
		return r;
	r = zendo_device_open(&device);
	if (r == -ENOENT || r == -ENXIO)
		return refused("cannot launch", r, "the module is not loaded: modprobe hvpriv; zendo doctor says why that fails [Z0104]");
	if (r < 0)
		return refused("cannot launch", r, "");
	r = zendo_device_launch(device, reason, sizeof(reason));
	if (r == -EALREADY) {
		puts("the hypervisor is running already");
		return EXIT_OK;
	}
	if (r < 0)
		return refused("cannot launch", r, reason);
	r = zendo_device_get_info(device, &info);
	if (r >= 0)
		printf("%u CPUs are under %s\n", info.nr_cpus_under, info.build);
	return EXIT_OK;
}

int cmd_leave(int argc, char **argv)
{
	_cleanup_close_ int device = -EBADF;
	char reason[240];
	int r = plain_arguments(argc, argv, 0, 0);

	if (r != EXIT_OK)
		return r;
	r = zendo_device_open(&device);
	if (r == -ENOENT || r == -ENXIO)
		return EXIT_OK;		/* no module, no hypervisor */
	if (r < 0)
		return refused("cannot leave", r, "");
	r = zendo_device_leave(device, reason, sizeof(reason));
	if (r == -ENODEV)
		return EXIT_OK;
	if (r == -EBUSY && !*reason)
		return refused("cannot leave", r, "domains are running: zendo list, zendo destroy [Z0105]");
	return r < 0 ? refused("cannot leave", r, reason) : EXIT_OK;
}
