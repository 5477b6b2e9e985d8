/* SPDX-License-Identifier: GPL-2.0-only */
/* What the runner is asked for on its control socket. */
#include "runner_state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <json-c/json.h>
#include <systemd/sd-daemon.h>

#include "device.h"
#include "log.h"

static int on_pause(void *userdata)
{
	struct runner *r = userdata;
	int k;

	if (r->ended)
		return -ESHUTDOWN;
	k = domain_pause(r->domain);
	if (k >= 0)
		runner_tell_state(r);
	return k;
}

static int on_unpause(void *userdata)
{
	struct runner *r = userdata;
	int k;

	if (r->ended)
		return -ESHUTDOWN;
	k = domain_unpause(r->domain);
	if (k >= 0)
		runner_tell_state(r);
	return k;
}

void runner_destroy(struct runner *r)
{
	/* the answer goes out first: the connection's end is then the domain's */
	(void)sd_event_source_set_enabled(r->on_end, SD_EVENT_OFF);
	(void)sd_event_source_set_enabled(r->on_final, SD_EVENT_ONESHOT);
}

static int on_destroy(void *userdata, uint32_t domid)
{
	struct runner *r = userdata;
	struct kept *k;

	if (domid == CONTROL_OUR_DOMAIN || domid == r->domain->domid) {
		runner_destroy(r);
		return 0;
	}
	k = runner_find_kept(r, domid);
	if (!k)
		return -ENOENT;
	if (r->dump && dump_is_of(r->dump, k->domain))
		return -EBUSY;
	log_message(LOG_NOTICE, "domain %u ('%s'), which was kept, is destroyed", domid, k->name);
	runner_drop_kept(r, k);
	return 0;
}

static int on_shutdown(void *userdata, const char *how, struct zendo_error *e)
{
	return runner_shut_down(userdata, how, e);
}

static int on_sysrq(void *userdata, const char *key, struct zendo_error *e)
{
	return runner_sysrq(userdata, key, e);
}

static int on_set_vcpus(void *userdata, unsigned nr, struct zendo_error *e)
{
	return runner_set_vcpus(userdata, nr, e);
}

static void add_int(struct json_object *o, const char *key, int64_t value)
{
	(void)json_object_object_add(o, key, json_object_new_int64(value));
}

static void on_query(void *userdata, struct json_object *answer)
{
	struct runner *r = userdata;
	const struct zendo_config *c = r->def->config;
	const char *state = r->ended ? "ended" : r->domain->paused ? "paused" : "running";
	struct json_object *kept;

	(void)json_object_object_add(answer, "name", json_object_new_string(c->name));
	add_int(answer, "domid", r->domain->domid);
	(void)json_object_object_add(answer, "state", json_object_new_string(state));
	if (r->ended)
		(void)json_object_object_add(answer, "reason", json_object_new_string(r->reason));
	add_int(answer, "vcpus", r->domain->vcpus_wanted);
	add_int(answer, "maxvcpus", c->maxvcpus);
	add_int(answer, "memory_mib", (int64_t)c->memory_mib);
	add_int(answer, "restarts", r->restarts);
	add_int(answer, "pid", getpid());
	if (r->nr_kept > 0) {
		kept = json_object_new_array();
		for (unsigned i = 0; i < r->nr_kept; i++)
			(void)json_object_array_add(kept, json_object_new_string(r->kept[i].name));
		(void)json_object_object_add(answer, "kept", kept);
	}
	if (console_writer(r->console))
		add_int(answer, "writer", console_writer(r->console));
}

/* ---- a core for who asks ---- */

/* The guest stands still when this returns, unless it has come to its end meanwhile: then it does so, too. */
static int hold(struct runner *r)
{
	int k = zendo_device_pause(r->domain->fd);

	if (k < 0)
		return k;
	r->dump_holds = true;
	domain_hold(r->domain);
	while (!domain_threads_are_out(r->domain))
		if (!runner_take_report(r, 0))
			return -EIO;
	return 0;
}

static void go_on(struct runner *r)
{
	struct zendo_error e = {};

	if (!r->dump_holds)
		return;
	r->dump_holds = false;
	if (!r->ended && domain_go_on(r->domain, r->def, &e) < 0) {
		r->ended = true;
		r->exit = 0;
		runner_set_reason(r, "cannot go on behind its core: %s", e.text);
	}
	if (r->ended)
		(void)sd_event_source_set_enabled(r->on_end, SD_EVENT_ONESHOT);
	else
		(void)zendo_device_unpause(r->domain->fd);
}

static void on_dump_written(void *userdata, int error, const struct core_result *result)
{
	struct runner *r = userdata;

	r->dump = (dump_free(r->dump), NULL);
	go_on(r);
	runner_tell_state(r);
	control_dump_done(r->control, error, error < 0 ? 0 : result->size, error < 0 ? 0 : result->stored);
}

/* Only a file that who asks may write, and that is written as if he did. */
static int check_file(int fd, struct zendo_error *e)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (flags < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (flags & O_ACCMODE) == O_RDONLY || flags & (O_APPEND | O_PATH))
		return zendo_error(e, -EINVAL, "a core needs a regular file that is open for writing");
	return st.st_size == 0 ? 0 : zendo_error(e, -EINVAL, "the file for the core is not empty");
}

static int on_dump(void *userdata, uint32_t domid, int fd, struct zendo_error *e)
{
	struct runner *r = userdata;
	struct domain *d = r->domain;
	struct kept *k;
	int error;

	if (r->dump)
		return zendo_error(e, -EBUSY, "a core of it is being written");
	if (domid != CONTROL_OUR_DOMAIN && domid != d->domid) {
		k = runner_find_kept(r, domid);
		if (!k)
			return -ENOENT;
		d = k->domain;
	}
	error = check_file(fd, e);
	if (error < 0)
		return error;
	if (d == r->domain && r->ended && r->reports)
		return zendo_error(e, -EBUSY, "it is about to end");
	if (d == r->domain && !r->ended) {
		error = hold(r);
		if (error < 0)
			goto fail;
	}
	error = dump_start(r->event, d, r->def, fd, on_dump_written, r, &r->dump);
	if (error >= 0)
		return 0;
fail:
	go_on(r);
	return error;
}

static void on_dump_cancel(void *userdata)
{
	struct runner *r = userdata;

	r->dump = (dump_free(r->dump), NULL);
	go_on(r);
	runner_tell_state(r);
}

/* ---- vCPUs ---- */

static int on_vcpu(void *userdata, unsigned id, struct json_object *answer)
{
	struct runner *r = userdata;

	return domain_describe_vcpu(r->domain, id, answer);
}

static int on_pin(void *userdata, unsigned id, const char *cpus, struct zendo_error *e)
{
	struct runner *r = userdata;

	if (r->ended)
		return -ESHUTDOWN;
	if (r->dump_holds)
		return zendo_error(e, -EBUSY, "a core of it is being written");
	return domain_pin(r->domain, id, cpus, r->def->cpus, e);
}

static int on_nmi(void *userdata, unsigned id, struct zendo_error *e)
{
	struct runner *r = userdata;

	return r->ended ? -ESHUTDOWN : domain_nmi(r->domain, id, e);
}

/* The agent is about to attach a device; fine when there are threads already. */
static int on_lend(void *userdata)
{
	struct runner *r = userdata;

	if (r->ended)
		return -ESHUTDOWN;
	r->had_devices = true;
	return r->lent ? 0 : lent_start(r->domain->fd, r->def->config->maxvcpus, &r->lent);
}

const struct control_operations runner_operations = {
	.pause = on_pause,
	.unpause = on_unpause,
	.destroy = on_destroy,
	.lend = on_lend,
	.shutdown = on_shutdown,
	.sysrq = on_sysrq,
	.set_vcpus = on_set_vcpus,
	.dump = on_dump,
	.dump_cancel = on_dump_cancel,
	.query = on_query,
	.vcpu = on_vcpu,
	.pin = on_pin,
	.nmi = on_nmi,
};

int runner_serve(struct runner *r, struct control *control)
{
	int k = control_start(control, r->event, r->console, &runner_operations, r);

	if (k >= 0)
		r->control = control;
	return k;
}

