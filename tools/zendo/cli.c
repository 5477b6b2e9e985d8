/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <json-c/json.h>

#include "config.h"
#include "control.h"
#include "definitions.h"
#include "device.h"
#include "runtime.h"

#define PATIENCE_S	30
#define MAX_WORD	63	/* longer ones are near to nothing */

const char *program_name = "zendo";

int fail(int status, const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", program_name);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return status;
}

int fail_error(int r, const struct zendo_error *e)
{
	char text[1024];

	return fail(r == -EACCES || r == -EPERM ? EXIT_PERMISSION : EXIT_FAILED, "%s",
		    zendo_error_format(e, text, sizeof(text)));
}

int fail_device(int r)
{
	int status = EXIT_FAILED;

	if (r == -ENOENT || r == -ENODEV || r == -ENXIO)
		status = EXIT_NOT_RUNNING;
	else if (r == -EACCES || r == -EPERM)
		status = EXIT_PERMISSION;
	return fail(status, "%s", zendo_device_strerror(r));
}

int plain_arguments(int argc, char **argv, int least, int most)
{
	static const struct option none[] = { {} };

	if (getopt_long(argc, argv, "", none, NULL) >= 0 || argc - optind < least ||
	    (most >= 0 && argc - optind > most))
		return usage(argv[0]);
	return EXIT_OK;
}

int open_running(int *ret_fd)
{
	struct hvpriv_info info;
	int fd, r;

	r = zendo_device_open(&fd);
	if (r < 0)
		return fail_device(r);
	r = zendo_device_get_info(fd, &info);
	if (r >= 0 && !(info.flags & HVPRIV_INFO_RUNNING))
		r = -ENODEV;
	if (r < 0) {
		safe_close(fd);
		return fail_device(r);
	}
	*ret_fd = fd;
	return EXIT_OK;
}

unsigned edit_distance(const char *a, const char *b)
{
	size_t nb = strlen(b);
	unsigned row[MAX_WORD + 1];

	if (nb > MAX_WORD)
		return ~0U;
	for (size_t j = 0; j <= nb; j++)
		row[j] = (unsigned)j;
	for (size_t i = 0; a[i]; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i + 1;
		for (size_t j = 0; j < nb; j++) {
			unsigned replace = diagonal + (a[i] != b[j]), least = replace;

			diagonal = row[j + 1];
			if (row[j] + 1 < least)
				least = row[j] + 1;
			if (row[j + 1] + 1 < least)
				least = row[j + 1] + 1;
			row[j + 1] = least;
		}
	}
	return row[nb];
}

static bool is_id(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s);
}

static int no_domain(const char *what, const struct hvpriv_domain_info *all, size_t nr)
{
	const char *nearest = NULL;
	char path[PATH_MAX];
	unsigned least = 3;

	if (is_id(what))
		return fail(EXIT_NO_DOMAIN, "there is no domain with the id %s", what);
	if (zendo_definition_path(NULL, what, path, sizeof(path)) >= 0 && access(path, F_OK) == 0)
		return fail(EXIT_NO_DOMAIN, "the domain '%s' is not running; 'zendo create %s' starts it [Z0307]", what, what);
	for (size_t i = 0; i < nr; i++) {
		unsigned d = edit_distance(what, all[i].name);

		if (d < least) {
			least = d;
			nearest = all[i].name;
		}
	}
	if (nearest)
		return fail(EXIT_NO_DOMAIN, "there is no domain '%s'; did you mean '%s'?", what, nearest);
	return fail(EXIT_NO_DOMAIN, "there is no domain '%s'", what);
}

bool is_definition_file(const char *arg)
{
	struct stat st;

	return strcmp(arg, "-") == 0 || (stat(arg, &st) == 0 && !S_ISDIR(st.st_mode));
}

int find_definition(const char *arg, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s", arg);
	if (is_definition_file(arg))
		return 1;
	if (strchr(arg, '=')) {
		*ret = '\0';
		return 0;
	}
	if (!strchr(arg, '/'))
		(void)snprintf(ret, size, ZENDO_ETC_DIR "/%s.cfg", arg);
	return 1;
}

bool is_dom0(const char *what)
{
	return strcmp(what, DOM0_NAME) == 0 || strcmp(what, "0") == 0;
}

int list_domains(int device, struct hvpriv_domain_info **ret, size_t *ret_nr)
{
	int r = zendo_device_list(device, ret, ret_nr);

	return r < 0 ? fail_device(r) : EXIT_OK;
}

int find_domain(int device, const char *what, struct hvpriv_domain_info *ret)
{
	_cleanup_free_ struct hvpriv_domain_info *all = NULL;
	size_t nr = 0;
	int r;

	r = list_domains(device, &all, &nr);
	if (r != EXIT_OK)
		return r;
	for (size_t i = 0; i < nr; i++)
		if (is_id(what) ? all[i].domid == strtoul(what, NULL, 10) : strcmp(all[i].name, what) == 0) {
			*ret = all[i];
			return EXIT_OK;
		}
	return no_domain(what, all, nr);
}

static int may_not_control(const char *name)
{
	return fail(EXIT_PERMISSION, "no permission to control '%s': be root or a member of the group zendo [Z0102]", name);
}

/* Which domain's runner has made @d, if not its own? Its socket is the one that is there. */
static bool find_keeper(int device, const struct hvpriv_domain_info *d, int *ret_fd, char ret_runner[static HVPRIV_NAME_LEN])
{
	_cleanup_free_ struct hvpriv_domain_info *all = NULL;
	size_t nr = 0;

	if (d->owner_pid <= 0 || zendo_device_list(device, &all, &nr) < 0)
		return false;
	for (size_t i = 0; i < nr; i++)
		if (all[i].owner_pid == d->owner_pid && all[i].domid != d->domid &&
		    zendo_control_connect(all[i].name, ret_fd) >= 0) {
			strcpy(ret_runner, all[i].name);
			return true;
		}
	return false;
}

int connect_target(const char *what, int *ret_fd, struct target *ret)
{
	_cleanup_close_ int device = -EBADF;
	struct hvpriv_domain_info info;
	int r;

	*ret = (struct target) {};
	if (!is_id(what) && strlen(what) < HVPRIV_NAME_LEN) {
		strcpy(ret->name, what);
		strcpy(ret->runner, what);
		r = zendo_control_connect(what, ret_fd);
		if (r >= 0)
			return EXIT_OK;
		if (r == -EACCES)
			return may_not_control(what);
	}
	r = open_running(&device);
	if (r == EXIT_OK)
		r = find_domain(device, what, &info);
	if (r != EXIT_OK)
		return r;
	strcpy(ret->name, info.name);
	strcpy(ret->runner, info.name);
	ret->domid = info.domid;
	r = zendo_control_connect(info.name, ret_fd);
	if (r == -EACCES)
		return may_not_control(info.name);
	ret->is_kept = r < 0 && find_keeper(device, &info, ret_fd, ret->runner);
	if (r < 0 && !ret->is_kept)
		return fail(EXIT_FAILED, "the runner of '%s' (process %d) does not answer: %s", info.name,
			    info.owner_pid, strerror(-r));
	return EXIT_OK;
}

int connect_domain(const char *what, int *ret_fd, char ret_name[static HVPRIV_NAME_LEN])
{
	_cleanup_close_ int fd = -EBADF;
	struct target t;
	int r = connect_target(what, &fd, &t);

	if (r != EXIT_OK)
		return r;
	if (t.is_kept)
		return fail(EXIT_FAILED, "'%s' has ended and is only kept for a look by '%s'", t.name, t.runner);
	strcpy(ret_name, t.name);
	*ret_fd = TAKE_FD(fd);
	return EXIT_OK;
}

int print_json(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return EXIT_OK;
}

bool has_runner(const char *name)
{
	_cleanup_close_ int fd = -EBADF;
	int r = zendo_control_connect(name, &fd);

	return r != -ENOENT && r != -ECONNREFUSED && r != -EINVAL;
}

int no_answer(const char *name, int error)
{
	char unit[ZENDO_RUNTIME_PATH_MAX];

	if ((error == -EPIPE || error == -ECONNRESET) && !has_runner(name))
		return fail(EXIT_NO_DOMAIN, "the domain '%s' has just ended", name);
	if (error == -ETIMEDOUT && zendo_unit_name(name, unit) >= 0)
		return fail(EXIT_FAILED, "the runner of '%s' has not answered for %d s: is it frozen or stopped ('systemctl thaw %s')? "
			    "'systemctl kill -s KILL %s' ends it", name, PATIENCE_S, unit, unit);
	return fail(EXIT_FAILED, "the runner of '%s' does not answer: %s", name, strerror(-error));
}

int ask_request(int fd, const char *name, struct json_object *request, struct json_object **ret)
{
	struct json_object *answer = NULL;
	int r, status = EXIT_OK;

	/* what is asked here is answered at once; a runner may be frozen */
	(void)zendo_control_patience(fd, PATIENCE_S);
	r = request ? zendo_control_request(fd, request, &answer) : -ENOMEM;
	(void)zendo_control_patience(fd, 0);
	json_object_put(request);
	if (r < 0)
		return no_answer(name, r);
	if (!json_object_get_boolean(json_object_object_get(answer, "ok")))
		status = fail(EXIT_FAILED, "%s: %s", name,
			      json_object_get_string(json_object_object_get(answer, "text")));
	else if (ret)
		*ret = json_object_get(answer);
	json_object_put(answer);
	return status;
}

int ask(int fd, const char *name, const char *what, struct json_object **ret)
{
	struct json_object *request = json_object_new_object();

	if (request)
		(void)json_object_object_add(request, "do", json_object_new_string(what));
	return ask_request(fd, name, request, ret);
}
