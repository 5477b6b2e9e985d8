/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control socket; libzendo's hotplug.h has the protocol. A connection's next request is read when the one before is answered.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include <json-c/json.h>
#include <systemd/sd-login.h>

#include "agent.h"
#include "control.h"
#include "device.h"
#include "hotplug.h"
#include "log.h"
#include "runtime.h"
#include "wanted.h"

#define CONTROLS		"\001\002\003\004\005\006\007\010\011\012\013\014\015\016\017\020\021\022\023\024\025\026\027" \
				"\030\031\032\033\034\035\036\037\177"
#define CLIENTS_MAX	1024
#define LIST_AT_ONCE	2	/* devices in one answer: it must fit a line, and a target has up to 1,023 bytes */

struct client {
	struct agent *agent;
	sd_event_source *source;
	int fd;
	struct ucred peer;
	bool busy;		/* a request waits for its answer */
	unsigned wait;		/* seconds that the guest has to look at what is attached; 0: nobody waits */
	struct hvback_id attached;
	size_t len;
	char line[ZENDO_CONTROL_LINE_MAX];
};

static unsigned nr_clients;

static void client_free(struct client *cl)
{
	sd_event_source_disable_unref(cl->source);
	safe_close(cl->fd);
	free(cl);
	nr_clients--;
}

/* ---- answers ---- */

static void add_string(struct json_object *o, const char *key, const char *value)
{
	(void)json_object_object_add(o, key, json_object_new_string(value));
}

static const char *word_of(int r)
{
	switch (-r) {
	case EINVAL:
	case EOPNOTSUPP:
		return "invalid";
	case ENOENT:
	case ESRCH:
		return "gone";
	case EBUSY:
	case EALREADY:
	case EEXIST:
		return "busy";
	case EPERM:
	case EACCES:
		return "denied";
	case ETIMEDOUT:
		return "timeout";
	default:
		return "failed";
	}
}

/* Sends @o, which is freed. False: the client is to be dropped. */
static bool send_object(struct client *cl, struct json_object *o)
{
	const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	char line[ZENDO_CONTROL_LINE_MAX];
	int n = text ? snprintf(line, sizeof(line), "%s\n", text) : -1;
	bool ok = n > 0 && (size_t)n < sizeof(line) && send(cl->fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) == n;

	json_object_put(o);
	return ok;
}

/* Names of targets are in @text, and a byte of theirs may be six of JSON. */
static bool answer(struct client *cl, int r, const char *text)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return false;
	if (strlen(text) > ZENDO_CONTROL_LINE_MAX / 8 && strpbrk(text, CONTROLS))
		text = "the reason has odd characters; it is in the journal of zendo-hotplug";
	(void)json_object_object_add(o, "ok", json_object_new_boolean(r >= 0));
	if (r < 0) {
		add_string(o, "error", word_of(r));
		add_string(o, "text", *text ? text : strerror(-r));
	}
	return send_object(cl, o);
}

static bool handle_lines(struct client *cl);

/* A request that took its time has its answer; what came behind it is read now. */
static void answer_late(struct client *cl, int r, const char *text)
{
	cl->busy = false;
	if (!answer(cl, r, text) || !handle_lines(cl)) {
		client_free(cl);
		return;
	}
	if (!cl->busy)
		(void)sd_event_source_set_enabled(cl->source, SD_EVENT_ON);
}

static void on_taken(void *userdata, int r, const char *text)
{
	if (r < 0)
		log_line(LOG_ERR, "%s", text);
	answer_late(userdata, r, text);
}

static void on_attached(void *userdata, int r, const struct zendo_error *e)
{
	struct client *cl = userdata;
	struct device *d = r == 0 && cl->wait ? device_find(cl->agent, &cl->attached) : NULL;
	char text[1024];

	(void)zendo_error_format(e, text, sizeof(text));
	if (r < 0)
		log_line(LOG_ERR, "%s", text);
	if (!d || device_await_guest(d, cl->wait, on_taken, cl) < 0)
		answer_late(cl, r, text);
}

static void on_gone(void *userdata, int r, const char *text)
{
	answer_late(userdata, r, text);
}

/* ---- requests ---- */

static bool is_root(const struct client *cl)
{
	return cl->peer.uid == 0;
}

/* A number of @request, at most @max. */
static bool number_of(struct json_object *request, const char *key, int64_t max, int64_t *ret)
{
	struct json_object *o = json_object_object_get(request, key);

	if (!o || !json_object_is_type(o, json_type_int))
		return false;
	*ret = json_object_get_int64(o);
	return *ret >= 0 && *ret <= max;
}

static const char *string_of(struct json_object *request, const char *key)
{
	struct json_object *o = json_object_object_get(request, key);

	return o && json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "";
}

static int find_domain(struct agent *a, struct json_object *request, struct hvpriv_domain_info *ret, struct zendo_error *e)
{
	_cleanup_free_ struct hvpriv_domain_info *all = NULL;
	int64_t domid;
	size_t nr = 0;
	int r;

	if (!number_of(request, "domid", UINT32_MAX, &domid))
		return zendo_error(e, -EINVAL, "\"domid\" is missing");
	r = zendo_device_list(a->hvpriv, &all, &nr);
	if (r < 0)
		return zendo_error(e, r, "%s", zendo_device_strerror(r));
	for (size_t i = 0; i < nr; i++)
		if (all[i].domid == domid) {
			*ret = all[i];
			return 0;
		}
	return zendo_error(e, -ESRCH, "there is no domain %" PRId64, domid);
}

/*
 * Who may make domains may call one by the name of a definition whose files are not his. So names count only for the unit of that name,
 * which root started: nobody else can put a process there.
 */
static int check_runner(const struct client *cl, const struct hvpriv_domain_info *info, struct zendo_error *e)
{
	char unit[ZENDO_RUNTIME_PATH_MAX];
	_cleanup_free_ char *of = NULL;

	if (is_root(cl))
		return 0;
	if (info->owner_pid != cl->peer.pid || zendo_unit_name(info->name, unit) < 0 ||
	    sd_pid_get_unit(cl->peer.pid, &of) < 0 || strcmp(of, unit) != 0)
		return zendo_error(e, -EPERM, "only the unit of domain %u may ask for its devices", info->domid);
	return 0;
}

/* 1: it is answered later. */
static int begin_attach(struct client *cl, uint32_t domid, struct zendo_config *c, bool running, struct zendo_error *e)
{
	int r = attach_start(cl->agent, domid, c, running, on_attached, cl, e);

	cl->busy = r >= 0;
	return r < 0 ? r : 1;
}

/* After a reboot the devices are those that the last guest had, and their runner does not know how many. */
static int load_wanted(const char *name, struct json_object *request, struct zendo_config **ret, struct zendo_error *e)
{
	const bool again = json_object_get_boolean(json_object_object_get(request, "again"));
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;
	bool changed = false;
	int64_t disks, vifs;
	int r = again ? wanted_load(name, &c, &changed, e) : wanted_definition(name, &c, e);

	if (r < 0)
		return r;
	if (!changed && (!number_of(request, "disks", INT32_MAX, &disks) || !number_of(request, "vifs", INT32_MAX, &vifs) ||
			 (size_t)disks != c->nr_disks || (size_t)vifs != c->nr_vifs))
		return zendo_error(e, -ESTALE, "the definition of '%s' has other devices than its runner read", name);
	*ret = TAKE_PTR(c);
	return 0;
}

static int request_prepare(struct client *cl, struct json_object *request, struct zendo_error *e)
{
	struct zendo_config *c = NULL;
	struct hvpriv_domain_info info;
	int r;

	r = find_domain(cl->agent, request, &info, e);
	if (r < 0)
		return r;
	r = check_runner(cl, &info, e);
	if (r >= 0)
		r = load_wanted(info.name, request, &c, e);
	return r < 0 ? r : begin_attach(cl, info.domid, c, false, e);
}

/* The first number that no interface of the domain has. */
static uint32_t free_vif(struct agent *a, uint32_t domid)
{
	struct hvback_id id;
	uint32_t n = 0;

	while (zendo_backend_id("vif", domid, n, &id) >= 0 && device_find(a, &id))
		n++;
	return n;
}

static int parse_device(struct client *cl, struct json_object *request, const struct hvpriv_domain_info *info, struct zendo_config *c,
			struct zendo_error *e)
{
	const char *disk = string_of(request, "disk");
	bool vif = json_object_object_get(request, "vif");
	int r;

	if (*disk) {
		c->disks = calloc(1, sizeof(*c->disks));
		r = c->disks ? zendo_disk_parse(disk, NULL, c->disks, e) : -ENOMEM;
		c->nr_disks = r >= 0;
		if (r >= 0 && (c->disks->iops || c->disks->bandwidth))
			return zendo_error(e, -EOPNOTSUPP, "'disk': iops= and bw= are applied at a domain's start; later: systemctl set-property "
					   "zendo-domain@NAME IOReadIOPSMax='PATH N'");
	} else if (vif) {
		c->vifs = calloc(1, sizeof(*c->vifs));
		r = c->vifs ? zendo_vif_parse(string_of(request, "vif"), NULL, c->vifs, e) : -ENOMEM;
		c->nr_vifs = r >= 0;
		if (r >= 0 && !c->vifs->has_devid)
			c->vifs->devid = free_vif(cl->agent, info->domid);
	} else {
		return zendo_error(e, -EINVAL, "\"disk\" or \"vif\" is missing");
	}
	return r;
}

/* Addresses are made of what the definition says, the same at each start; the hypervisor's UUID may be one for this start only. */
static int name_it(struct zendo_config *c, const char *name, struct zendo_error *e)
{
	_cleanup_(zendo_config_freep) struct zendo_config *definition = NULL;

	if (wanted_definition(name, &definition, NULL) >= 0 && definition->has_uuid) {
		c->has_uuid = true;
		memcpy(c->uuid, definition->uuid, sizeof(c->uuid));
	}
	c->name = strdup(name);
	return c->name ? 0 : zendo_error(e, -ENOMEM, "out of memory");
}

static int request_attach(struct client *cl, struct json_object *request, struct zendo_error *e)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = calloc(1, sizeof(*c));
	struct hvpriv_domain_info info;
	struct hvback_id id;
	int64_t wait = 0;
	int r;

	if (!c)
		return zendo_error(e, -ENOMEM, "out of memory");
	if (!is_root(cl))
		return zendo_error(e, -EPERM, "only root may attach devices");
	if (json_object_object_get(request, "wait") && !number_of(request, "wait", 86400, &wait))
		return zendo_error(e, -EINVAL, "\"wait\" is seconds, at most a day");
	r = find_domain(cl->agent, request, &info, e);
	if (r >= 0)
		r = parse_device(cl, request, &info, c, e);
	if (r < 0)
		return r;
	r = name_it(c, info.name, e);
	if (r < 0)
		return r;
	(void)zendo_backend_id(c->nr_disks ? "vbd" : "vif", info.domid, c->nr_disks ? c->disks->devid : c->vifs->devid, &id);
	if (device_find(cl->agent, &id))
		return zendo_error(e, -EEXIST, "%s %u of '%s' is taken", c->nr_disks ? "disk" : "interface", id.devid, info.name);
	cl->attached = id;
	cl->wait = info.state & HVPRIV_ST_PAUSED ? 0 : (unsigned)wait;
	return begin_attach(cl, info.domid, TAKE_PTR(c), true, e);
}

static int find_device(struct client *cl, struct json_object *request, struct device **ret, struct zendo_error *e)
{
	int64_t domid, devid;
	struct hvback_id id;

	if (!number_of(request, "domid", UINT32_MAX, &domid) || !number_of(request, "devid", UINT32_MAX, &devid) ||
	    zendo_backend_id(string_of(request, "class"), (uint32_t)domid, (uint32_t)devid, &id) < 0)
		return zendo_error(e, -EINVAL, "\"class\", \"domid\" and \"devid\" name a device");
	*ret = device_find(cl->agent, &id);
	if (!*ret)
		return zendo_error(e, -ENOENT, "domain %" PRId64 " has no %s %" PRId64, domid, id.class, devid);
	return 0;
}

static int request_detach(struct client *cl, struct json_object *request, struct zendo_error *e)
{
	int64_t timeout = DETACH_TIMEOUT_S;
	struct device *d;
	int r;

	if (!is_root(cl))
		return zendo_error(e, -EPERM, "only root may detach devices");
	r = find_device(cl, request, &d, e);
	if (r < 0)
		return r;
	if (json_object_object_get(request, "timeout") && (!number_of(request, "timeout", 86400, &timeout)))
		return zendo_error(e, -EINVAL, "\"timeout\" is seconds, at most a day");
	r = device_detach(d, json_object_get_boolean(json_object_object_get(request, "force")), (unsigned)timeout, on_gone, cl);
	if (r < 0)
		return zendo_error(e, r, "%s", r == -EALREADY ? "it is being detached already" : strerror(-r));
	cl->busy = true;
	return 1;
}

static int request_resize(struct client *cl, struct json_object *request, struct zendo_error *e)
{
	struct device *d;
	int r;

	if (!is_root(cl))
		return zendo_error(e, -EPERM, "only root may resize disks");
	r = find_device(cl, request, &d, e);
	return r < 0 ? r : device_resize(d, e);
}

/* Some devices of a domain, from the one with the number "from" on; "next" when there are more. */
static int request_list(struct client *cl, struct json_object *request, struct json_object *o, struct zendo_error *e)
{
	struct json_object *list = json_object_new_array(), *one;
	int64_t domid, from = 0, i = 0, given = 0;
	int r = 0;

	(void)json_object_object_add(o, "devices", list);
	if (!number_of(request, "domid", UINT32_MAX, &domid) ||
	    (json_object_object_get(request, "from") && !number_of(request, "from", INT32_MAX, &from)))
		return zendo_error(e, -EINVAL, "\"domid\" is missing");
	for (struct device *d = cl->agent->devices; d && r >= 0; d = device_next(d)) {
		if (device_id(d)->domid != domid || i++ < from)
			continue;
		if (given == LIST_AT_ONCE) {
			(void)json_object_object_add(o, "next", json_object_new_int64(from + given));
			break;
		}
		given++;
		r = device_describe(d, &one);
		if (r >= 0)
			(void)json_object_array_add(list, one);
		else if (r == -ENOENT)
			r = 0;	/* it has just gone */
	}
	return r < 0 ? zendo_error(e, r, "cannot read the store: %s", strerror(-r)) : 0;
}

/* False: the client is to be dropped. */
static bool handle(struct client *cl, struct json_object *request)
{
	const char *what = string_of(request, "do");
	struct zendo_error e = {};
	int r;

	cl->wait = 0;
	if (strcmp(what, "list") == 0) {
		struct json_object *o = json_object_new_object();

		r = request_list(cl, request, o, &e);
		(void)json_object_object_add(o, "ok", json_object_new_boolean(true));
		if (r >= 0)
			return send_object(cl, o);
		json_object_put(o);
	} else if (strcmp(what, "prepare") == 0) {
		r = request_prepare(cl, request, &e);
	} else if (strcmp(what, "attach") == 0) {
		r = request_attach(cl, request, &e);
	} else if (strcmp(what, "detach") == 0) {
		r = request_detach(cl, request, &e);
	} else if (strcmp(what, "resize") == 0) {
		r = request_resize(cl, request, &e);
	} else {
		r = zendo_error(&e, -EINVAL, "\"do\" is prepare, attach, detach, resize or list");
	}
	if (r > 0)
		return true;	/* answered later */
	if (r < 0) {
		char text[1024];

		return answer(cl, r, zendo_error_format(&e, text, sizeof(text)));
	}
	return answer(cl, 0, "");
}

static bool handle_line(struct client *cl, const char *line)
{
	struct json_object *request = json_tokener_parse(line);
	bool ok;

	if (json_object_is_type(request, json_type_object))
		ok = handle(cl, request);
	else
		ok = answer(cl, -EINVAL, "a request is one line with a JSON object");
	json_object_put(request);
	return ok;
}

/* One line after the other, until one waits for its answer. False: the client is to be dropped. */
static bool handle_lines(struct client *cl)
{
	char line[ZENDO_CONTROL_LINE_MAX], *newline;

	while (!cl->busy && (newline = memchr(cl->line, '\n', cl->len))) {
		size_t used = (size_t)(newline + 1 - cl->line);

		memcpy(line, cl->line, used);
		line[used - 1] = '\0';
		cl->len -= used;
		memmove(cl->line, newline + 1, cl->len);
		if (!handle_line(cl, line))
			return false;
	}
	return cl->busy || cl->len < sizeof(cl->line);	/* no request is that long */
}

static int on_client(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct client *cl = userdata;
	ssize_t n;

	(void)s;
	(void)revents;
	n = recv(fd, cl->line + cl->len, sizeof(cl->line) - cl->len, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n > 0)
		cl->len += (size_t)n;
	if (n <= 0 || !handle_lines(cl))
		client_free(cl);
	else if (cl->busy)
		(void)sd_event_source_set_enabled(cl->source, SD_EVENT_OFF);
	return 0;
}

static int on_connection(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	_cleanup_close_ int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	socklen_t len = sizeof(struct ucred);
	struct client *cl;

	(void)s;
	(void)revents;
	if (conn < 0)
		return 0;
	if (nr_clients >= CLIENTS_MAX) {
		log_line(LOG_WARNING, "more than %d clients: one is turned away", CLIENTS_MAX);
		return 0;
	}
	cl = calloc(1, sizeof(*cl));
	if (!cl)
		return 0;
	cl->agent = userdata;
	cl->fd = TAKE_FD(conn);
	nr_clients++;
	if (getsockopt(cl->fd, SOL_SOCKET, SO_PEERCRED, &cl->peer, &len) < 0 ||
	    sd_event_add_io(cl->agent->event, &cl->source, cl->fd, EPOLLIN, on_client, cl) < 0)
		client_free(cl);
	return 0;
}

int server_start(struct agent *a, int fd)
{
	return sd_event_add_io(a->event, NULL, fd, EPOLLIN, on_connection, a);
}
