/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json-c/json.h>

#include "api/zendo.h"
#include "config.h"
#include "control.h"
#include "device.h"
#include "runtime.h"

#define PATIENCE_S	30	/* for a runner that may be frozen */

extern char **environ;

struct zendo_session {
	int device;
	char message[1024];
};

_Static_assert(ZENDO_NAME_MAX == HVPRIV_NAME_LEN, "the contract's names fit");

__attribute__((format(printf, 3, 4)))
static int fail(struct zendo_session *s, int r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(s->message, sizeof(s->message), format, ap);
	va_end(ap);
	return r;
}

static int fail_device(struct zendo_session *s, int r)
{
	if (r == -ENOENT || r == -ENXIO)
		r = -ENODEV;
	return fail(s, r, "%s", zendo_device_strerror(r));
}

int zendo_session_open(struct zendo_session **ret)
{
	struct zendo_session *s = calloc(1, sizeof(*s));
	struct hvpriv_info info;
	int r;

	if (!s)
		return -ENOMEM;
	s->device = -EBADF;
	r = zendo_device_open(&s->device);
	if (r >= 0)
		r = zendo_device_get_info(s->device, &info);
	if (r >= 0 && !(info.flags & HVPRIV_INFO_RUNNING))
		r = -ENODEV;
	if (r < 0) {
		zendo_session_close(s);
		return r == -ENOENT || r == -ENXIO ? -ENODEV : r;
	}
	*ret = s;
	return 0;
}

void zendo_session_close(struct zendo_session *s)
{
	if (!s)
		return;
	safe_close(s->device);
	free(s);
}

const char *zendo_session_message(const struct zendo_session *s)
{
	return s->message;
}

/* ---- looking ----------------------------------------------------------------------------- */

int zendo_session_info(struct zendo_session *s, struct zendo_session_info *ret)
{
	struct hvpriv_info info;
	int r = zendo_device_get_info(s->device, &info);

	if (r < 0)
		return fail_device(s, r);
	if (!(info.flags & HVPRIV_INFO_RUNNING))
		return fail_device(s, -ENODEV);
	*ret = (struct zendo_session_info) {
		.nr_domains = info.nr_domains, .nr_cpus = info.nr_cpus_under,
		.hypervisor_kib = info.hypervisor_bytes / 1024,
		.pool_kib = info.pool_pages * 4, .pool_free_kib = info.pool_free * 4,
		.guest_exits = info.guest_exits, .dom0_exits = info.dom0_exits,
	};
	(void)snprintf(ret->build, sizeof(ret->build), "%.*s", (int)sizeof(info.build), info.build);
	return 0;
}

static uint32_t state_of(uint32_t state)
{
	return (state & HVPRIV_ST_RUNNING ? ZENDO_STATE_RUNNING : 0) | (state & HVPRIV_ST_BLOCKED ? ZENDO_STATE_BLOCKED : 0) |
	       (state & HVPRIV_ST_PAUSED ? ZENDO_STATE_PAUSED : 0) | (state & HVPRIV_ST_DYING ? ZENDO_STATE_DYING : 0) |
	       (state & (HVPRIV_ST_SHUTDOWN | HVPRIV_ST_CRASHED) ? ZENDO_STATE_SHUTDOWN : 0);
}

static void convert(const struct hvpriv_domain_info *d, struct zendo_domain *ret)
{
	*ret = (struct zendo_domain) {
		.domid = d->domid, .state = state_of(d->state), .vcpus = d->nr_vcpus, .max_vcpus = d->max_vcpus,
		.shutdown = -1, .pid = d->owner_pid > 0 ? d->owner_pid : 0,
		.memory_kib = d->nr_pages * 4, .max_memory_kib = d->max_pages * 4,
		.cpu_ns = d->cpu_ns, .exits = d->exits, .created_ns = d->created_ns,
	};
	if (ret->state & ZENDO_STATE_SHUTDOWN)
		ret->shutdown = (int32_t)d->shutdown_code;
	memcpy(ret->uuid, d->uuid, sizeof(ret->uuid));
	(void)snprintf(ret->name, sizeof(ret->name), "%.*s", (int)sizeof(d->name), d->name);
}

int zendo_session_list(struct zendo_session *s, struct zendo_domain **ret, size_t *ret_nr)
{
	_cleanup_free_ struct hvpriv_domain_info *all = NULL;
	struct zendo_domain *list;
	size_t nr = 0;
	int r = zendo_device_list(s->device, &all, &nr);

	if (r < 0)
		return fail_device(s, r);
	list = calloc(nr + 1, sizeof(*list));
	if (!list)
		return fail(s, -ENOMEM, "out of memory");
	for (size_t i = 0; i < nr; i++)
		convert(&all[i], &list[i]);
	*ret = list;
	*ret_nr = nr;
	return 0;
}

static bool is_it(const struct zendo_domain *d, const char *domain)
{
	if (*domain && strspn(domain, "0123456789") == strlen(domain))
		return strtoull(domain, NULL, 10) == d->domid;
	return strcmp(d->name, domain) == 0;
}

int zendo_session_find(struct zendo_session *s, const char *domain, struct zendo_domain *ret)
{
	_cleanup_free_ struct zendo_domain *all = NULL;
	size_t nr = 0;
	int r = zendo_session_list(s, &all, &nr);

	for (size_t i = 0; r >= 0 && i < nr; i++)
		if (is_it(&all[i], domain)) {
			*ret = all[i];
			return 0;
		}
	return r < 0 ? r : fail(s, -ENOENT, "there is no domain '%s'", domain);
}

int zendo_session_console(struct zendo_session *s, const char *domain, char *ret, size_t size)
{
	char link[ZENDO_RUNTIME_PATH_MAX], path[PATH_MAX];
	struct zendo_domain d;
	ssize_t n;
	int r = zendo_session_find(s, domain, &d);

	if (r < 0)
		return r;
	if (zendo_runtime_path(d.name, "console", link) < 0)
		return fail(s, -EINVAL, "'%s' has no console by its name", d.name);
	n = readlink(link, path, sizeof(path));
	if (n < 0)
		return fail(s, -errno, "%s: %s", link, strerrordesc_np(errno));
	if ((size_t)n >= sizeof(path) || (size_t)n >= size)
		return fail(s, -ERANGE, "the path has %zd bytes", n);
	memcpy(ret, path, (size_t)n);
	ret[n] = '\0';
	return 0;
}

/* ---- runners ----------------------------------------------------------------------------- */

static int answer_of(struct zendo_session *s, const char *name, struct json_object *answer)
{
	struct json_object *ok = json_object_object_get(answer, "ok"), *text = json_object_object_get(answer, "text");
	const char *error = json_object_get_string(json_object_object_get(answer, "error"));
	int r = 0;

	if (!json_object_get_boolean(ok)) {
		r = !error ? -EIO : strcmp(error, "invalid") == 0 ? -EINVAL : strcmp(error, "failed") == 0 ? -EIO : -EBUSY;
		(void)fail(s, r, "%s: %s", name, text ? json_object_get_string(text) : "its runner refuses");
	}
	json_object_put(answer);
	return r;
}

/* Ask the runner of @domain; with @until_gone return when it has closed the connection, which it does with its end. */
static int ask(struct zendo_session *s, const char *domain, const char *what, const char *how, bool until_gone)
{
	_cleanup_close_ int fd = -EBADF;
	struct json_object *request, *answer;
	struct zendo_domain d;
	char buf[256];
	ssize_t n;
	int r = zendo_session_find(s, domain, &d);

	if (r < 0)
		return r;
	r = zendo_control_connect(d.name, &fd);
	if (r < 0)
		return fail(s, r == -ENOENT || r == -ECONNREFUSED ? -EBUSY : r, "the runner of '%s' does not answer: %s", d.name, strerrordesc_np(-r));
	request = json_object_new_object();
	if (!request)
		return fail(s, -ENOMEM, "out of memory");
	(void)json_object_object_add(request, "do", json_object_new_string(what));
	if (how)
		(void)json_object_object_add(request, "how", json_object_new_string(how));
	/* it answers at once, if it is not frozen; the end of a domain may take longer */
	(void)zendo_control_patience(fd, PATIENCE_S);
	r = zendo_control_request(fd, request, &answer);
	(void)zendo_control_patience(fd, 0);
	json_object_put(request);
	if (r < 0)
		return fail(s, r, "the runner of '%s' does not answer: %s", d.name, strerrordesc_np(-r));
	r = answer_of(s, d.name, answer);
	while (r >= 0 && until_gone) {
		n = read(fd, buf, sizeof(buf));
		until_gone = n > 0 || (n < 0 && errno == EINTR);
	}
	return r;
}

int zendo_session_destroy(struct zendo_session *s, const char *domain)
{
	return ask(s, domain, "destroy", NULL, true);
}

int zendo_session_pause(struct zendo_session *s, const char *domain)
{
	return ask(s, domain, "pause", NULL, false);
}

int zendo_session_unpause(struct zendo_session *s, const char *domain)
{
	return ask(s, domain, "unpause", NULL, false);
}

int zendo_session_shutdown(struct zendo_session *s, const char *domain, const char *how)
{
	return ask(s, domain, "shutdown", how, false);
}

/* ---- create ------------------------------------------------------------------------------ */

/* What it says, without who says it; the last line is what was wrong. */
static void take_message(struct zendo_session *s, int fd)
{
	char buf[4096], *line, *end;
	size_t size = 0;
	ssize_t n;

	/* read all of it, so that the writer is not held up, and keep the end */
	do {
		if (size == sizeof(buf) - 1) {
			memmove(buf, buf + size / 2, size - size / 2);
			size -= size / 2;
		}
		n = read(fd, buf + size, sizeof(buf) - 1 - size);
		size += n > 0 ? (size_t)n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR));
	buf[size] = '\0';
	end = buf + size;
	while (end > buf && end[-1] == '\n')
		*--end = '\0';
	line = strrchr(buf, '\n');
	line = line ? line + 1 : buf;
	if (strncmp(line, "zendo: ", 7) == 0)
		line += 7;
	(void)fail(s, 0, "%s", line);
}

static int spawn(char *const *argv, int message_fd, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return -r;
	if ((r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)) == 0 &&
	    (r = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)) == 0 &&
	    (r = posix_spawn_file_actions_adddup2(&actions, message_fd, STDERR_FILENO)) == 0)
		r = posix_spawnp(ret, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* zendo(1)'s exit status as an error. */
static int error_of(int status)
{
	static const int errors[] = { 0, -EIO, -EINVAL, -ENOENT, -ENODEV, -EPERM };

	if (!WIFEXITED(status) || (size_t)WEXITSTATUS(status) >= sizeof(errors) / sizeof(errors[0]))
		return -EIO;
	return errors[WEXITSTATUS(status)];
}

static int run(struct zendo_session *s, char *const *argv)
{
	_cleanup_close_ int from = -EBADF, to = -EBADF;
	int fds[2], status, r;
	pid_t pid, waited;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return fail(s, -errno, "no pipe: %s", strerrordesc_np(errno));
	from = fds[0];
	to = fds[1];
	r = spawn(argv, to, &pid);
	if (r < 0)
		return fail(s, r == -ENOENT ? -EIO : r, "cannot run %s: %s", argv[0], strerrordesc_np(-r));
	to = safe_close(to);
	take_message(s, from);
	do
		waited = waitpid(pid, &status, 0);
	while (waited < 0 && errno == EINTR);
	if (waited < 0)
		return fail(s, -errno, "cannot learn how %s ended: %s", argv[0], strerrordesc_np(errno));
	r = error_of(status);
	if (r < 0 && !*s->message)
		(void)fail(s, r, "%s failed without a word", argv[0]);
	return r;
}

static int run_create(struct zendo_session *s, const char *path, const char *const *settings, uint32_t flags)
{
	_cleanup_free_ char **argv = NULL;
	size_t nr = 0, n = 0;

	while (settings && settings[nr])
		nr++;
	argv = calloc(nr + 6, sizeof(*argv));
	if (!argv)
		return fail(s, -ENOMEM, "out of memory");
	argv[n++] = (char *)"zendo";
	argv[n++] = (char *)"create";
	if (flags & ZENDO_CREATE_PAUSED)
		argv[n++] = (char *)"-p";
	argv[n++] = (char *)"--";
	if (path)
		argv[n++] = (char *)path;
	for (size_t i = 0; i < nr; i++)
		argv[n++] = (char *)settings[i];
	return run(s, argv);
}

static int load(const char *path, const char *const *settings, struct zendo_config **ret, struct zendo_error *e)
{
	/* nothing in an empty file, so that the settings are all there is */
	static const struct zendo_config_input empty = { .source = "settings", .text = "" };
	_cleanup_free_ struct zendo_config_input *inputs = NULL;
	size_t nr = 0;

	if (path)
		return zendo_config_load(path, settings, ret, e);
	while (settings && settings[nr])
		nr++;
	inputs = calloc(nr + 1, sizeof(*inputs));
	if (!inputs)
		return zendo_error(e, -ENOMEM, "out of memory");
	inputs[0] = empty;
	for (size_t i = 0; i < nr; i++)
		inputs[i + 1] = (struct zendo_config_input) {
			.source = "settings", .text = settings[i], .len = strlen(settings[i]), .bare = true,
		};
	return zendo_config_parse(inputs, nr + 1, ret, e);
}

int zendo_session_create(struct zendo_session *s, const char *path, const char *const *settings, uint32_t flags, uint32_t *ret_domid)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;
	struct zendo_error e = {};
	struct zendo_domain d;
	int r;

	if (flags & ~ZENDO_CREATE_PAUSED)
		return fail(s, -EINVAL, "unknown flags");
	for (const char *const *p = settings; p && *p; p++)
		if (!strchr(*p, '='))
			return fail(s, -EINVAL, "'%s' is not key=value", *p);
	r = load(path, settings, &c, &e);
	if (r < 0) {
		(void)zendo_error_format(&e, s->message, sizeof(s->message));
		return r;
	}
	r = run_create(s, path, settings, flags);
	if (r >= 0)
		r = zendo_session_find(s, c->name, &d);
	if (r >= 0 && ret_domid)
		*ret_domid = d.domid;
	return r;
}
