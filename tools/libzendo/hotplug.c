/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hotplug.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "control.h"

#define TRIES	5	/* an agent that dies so often will not do it at all */

int zendo_hotplug_connect(int *ret_fd)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX, .sun_path = ZENDO_HOTPLUG_SOCKET };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int ask(struct json_object *request, struct json_object **ret, struct zendo_error *e)
{
	_cleanup_close_ int fd = -EBADF;
	int r = zendo_hotplug_connect(&fd);

	if (r == -ENOENT || r == -ECONNREFUSED)
		return zendo_error(e, r, "zendo-hotplug does not run, which serves devices: systemctl start zendo-hotplug");
	if (r >= 0)
		r = zendo_control_request(fd, request, ret);
	return r < 0 ? zendo_error(e, r, "zendo-hotplug does not answer: %s", strerror(-r)) : 0;
}

static int result(struct json_object *answer, struct zendo_error *e)
{
	if (json_object_get_boolean(json_object_object_get(answer, "ok")))
		return 0;
	return zendo_error(e, -EIO, "%s", json_object_get_string(json_object_object_get(answer, "text")));
}

int zendo_hotplug_prepare(uint32_t domid, size_t nr_disks, size_t nr_vifs, bool again, struct zendo_error *e)
{
	struct json_object *request = json_object_new_object(), *answer = NULL;
	int r = -ECONNRESET;

	if (!request)
		return zendo_error(e, -ENOMEM, "out of memory");
	(void)json_object_object_add(request, "do", json_object_new_string("prepare"));
	(void)json_object_object_add(request, "domid", json_object_new_int64(domid));
	(void)json_object_object_add(request, "disks", json_object_new_int64((int64_t)nr_disks));
	(void)json_object_object_add(request, "vifs", json_object_new_int64((int64_t)nr_vifs));
	(void)json_object_object_add(request, "again", json_object_new_boolean(again));
	for (unsigned i = 0; i < TRIES && (r == -EPIPE || r == -ECONNRESET); i++)
		r = ask(request, &answer, e);
	if (r >= 0)
		r = result(answer, e);
	json_object_put(answer);
	json_object_put(request);
	return r;
}
