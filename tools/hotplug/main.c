/* SPDX-License-Identifier: GPL-2.0-only */
/* zendo-hotplug: see docs/hotplug.md and zendo-hotplug(8). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <systemd/sd-daemon.h>

#include "agent.h"
#include "device.h"
#include "job.h"
#include "log.h"

static int fail(const char *what, int r, const char *text)
{
	log_line(LOG_ERR, "%s: %s", what, text);
	(void)sd_notifyf(0, "STATUS=%s: %s", what, text);
	return r;
}

static int open_devices(struct agent *a)
{
	int r = zendo_device_open(&a->hvpriv);

	if (r < 0)
		return fail(ZENDO_DEVICE_PATH, r, zendo_device_strerror(r));
	r = zendo_backend_open(&a->hvback);
	return r < 0 ? fail(ZENDO_BACKEND_PATH, r, strerror(-r)) : 0;
}

static int on_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
	struct agent *a = userdata;

	(void)s;
	(void)si;
	return sd_event_exit(a->event, 0);
}

static int set_up_events(struct agent *a)
{
	sigset_t mask;
	int r;

	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGTERM);
	(void)sigaddset(&mask, SIGINT);
	(void)sigaddset(&mask, SIGPIPE);
	(void)sigprocmask(SIG_BLOCK, &mask, NULL);
	r = sd_event_default(&a->event);
	if (r >= 0)
		r = sd_event_add_signal(a->event, NULL, SIGTERM, on_signal, a);
	if (r >= 0)
		r = sd_event_add_signal(a->event, NULL, SIGINT, on_signal, a);
	if (r >= 0)
		r = job_init(a->event);
	if (r >= 0)
		r = sd_event_set_watchdog(a->event, true);
	return r < 0 ? fail("event loop", r, strerror(-r)) : 0;
}

static int start(struct agent *a)
{
	int r;

	if (sd_listen_fds(0) != 1 || sd_is_socket(SD_LISTEN_FDS_START, AF_UNIX, SOCK_STREAM, 1) <= 0)
		return fail("zendo-hotplug", -EINVAL, "it is started by zendo-hotplug.service, which gives it its socket");
	r = open_devices(a);
	if (r >= 0)
		r = set_up_events(a);
	if (r < 0)
		return r;
	r = agent_connect_store(a);
	if (r < 0)
		return fail("store", r, strerror(-r));
	/* first what tells of changes, then the look: nothing falls between */
	r = uevent_start(a);
	if (r < 0)
		return fail("uevents", r, strerror(-r));
	r = device_rebuild(a);
	if (r < 0)
		return fail("devices from before", r, strerror(-r));
	device_look_all(a);
	r = server_start(a, SD_LISTEN_FDS_START);
	if (r < 0)
		return fail("socket", r, strerror(-r));
	(void)sd_notify(0, "READY=1");
	return 0;
}

/* What is left: the devices are the kernel's, and go on. */
static void done(struct agent *a)
{
	device_forget_all(a);
	sd_event_source_disable_unref(a->store_source);
	zendo_store_close(a->store);
	sd_event_unref(a->event);
	safe_close(a->hvpriv);
	safe_close(a->hvback);
}

int main(int argc, char **argv)
{
	struct agent a = { .hvpriv = -EBADF, .hvback = -EBADF };
	int r;

	if (argc > 1) {
		fprintf(stderr, "usage: %s, started by zendo-hotplug.service\n", argv[0]);
		return 2;
	}
	(void)umask(0077);
	r = start(&a);
	if (r >= 0)
		r = sd_event_loop(a.event);
	(void)sd_notify(0, "STOPPING=1");
	done(&a);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
