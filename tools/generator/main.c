/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A generator of systemd (systemd.generator(7)): at boot, and when systemd reads its configuration again, each link in
 * /etc/zendo/auto becomes a wish of multi-user.target and of zendo.target for its domain's unit; as if it were enabled, until the link goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "definitions.h"
#include "runtime.h"

#define TEMPLATE	"/lib/systemd/system/zendo-domain@.service"

struct wishes {
	const char *folder;
	int status;
};

/*
 * The journal is not there yet when a machine boots; what goes to the kernel's log it gets later. There, each write is a line of its
 * own.
 */
__attribute__((format(printf, 1, 2)))
static void complain(const char *format, ...)
{
	_cleanup_close_ int kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	char text[800];
	va_list ap;
	int n = snprintf(text, sizeof(text), "%szendo-generator: ", kmsg < 0 ? "" : "<4>");

	va_start(ap, format);
	(void)vsnprintf(text + n, sizeof(text) - (size_t)n, format, ap);
	va_end(ap);
	(void)!write(kmsg < 0 ? STDERR_FILENO : kmsg, text, strlen(text));
}

static int add_wish_of(const struct wishes *w, const char *target, const char *unit)
{
	char link[PATH_MAX];
	int n = snprintf(link, sizeof(link), "%s/%s.wants", w->folder, target);

	if (n < 0 || (size_t)n >= sizeof(link))
		return -ENAMETOOLONG;
	if (mkdir(link, 0755) < 0 && errno != EEXIST)
		return -errno;
	n = snprintf(link, sizeof(link), "%s/%s.wants/%s", w->folder, target, unit);
	if (n < 0 || (size_t)n >= sizeof(link))
		return -ENAMETOOLONG;
	return symlink(TEMPLATE, link) < 0 && errno != EEXIST ? -errno : 0;
}

static int add_wish(const struct wishes *w, const char *name)
{
	char unit[ZENDO_RUNTIME_PATH_MAX];
	int r;

	if (zendo_unit_name(name, unit) < 0)
		return -EINVAL;
	r = add_wish_of(w, "multi-user.target", unit);
	return r < 0 ? r : add_wish_of(w, "zendo.target", unit);
}

static void on_link(void *userdata, const char *link, const char *name, const char *why)
{
	struct wishes *w = userdata;
	int r = name ? add_wish(w, name) : 0;

	if (why)
		complain(ZENDO_ETC_DIR "/auto/%s is ignored: %s\n", link, why);
	if (r < 0) {
		complain("cannot have '%s' started: %s\n", name, strerror(-r));
		w->status = 1;
	}
}

int main(int argc, char **argv)
{
	struct wishes w = {};
	const char *from = NULL;
	int r;

	/* NORMAL EARLY LATE; a fourth argument, another /etc/zendo, is for tests */
	if (argc != 4 && argc != 5) {
		fputs("usage: zendo-generator NORMAL EARLY LATE\nStarted by systemd.\n", stderr);
		return 2;
	}
	if (argc == 5)
		from = argv[4];
	w.folder = argv[1];
	r = zendo_definitions_auto(from, on_link, &w);
	if (r < 0)
		complain("cannot read " ZENDO_ETC_DIR "/auto: %s\n", strerror(-r));
	return r < 0 ? 1 : w.status;
}
